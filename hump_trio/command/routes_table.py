"""The routes of an app as a table for people, for ``--routes``."""

from dataclasses import fields

from hump_trio.answers.static_files import StaticFiles
from hump_trio.facts.callables import Handler, name_of, without_partial
from hump_trio.routing.route import Route
from hump_trio.routing.table import RouteTable

__all__ = ["render_routes"]

SHOWN = ("timeout", "body_limit", "stream", "on_disconnect", "name")
DEFAULTS = {field.name: field.default for field in fields(Route) if field.name in SHOWN}


def render_routes(table: RouteTable) -> str:
    """Return a line for each route: its methods, path, handler, and the options it was given."""
    rows = [
        (
            " ".join(route.methods),
            route.template,
            describe_handler(route.handler),
            options_of(route),
        )
        for route in table.routes
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(3)] if rows else []
    return "".join(
        "  ".join(
            [*(f"{cell:{width}}" for cell, width in zip(row, widths, strict=False)), row[3]]
        ).rstrip()
        + "\n"
        for row in rows
    )


def describe_handler(handler: Handler) -> str:
    """Return the module and name of a handler, or the folder whose files it serves."""
    handler = without_partial(handler)
    owner = getattr(handler, "__self__", handler)
    if isinstance(owner, StaticFiles):
        return f"files of {owner.folder}"
    return f"{handler.__module__}.{name_of(handler)}"


def options_of(route: Route) -> str:
    """Return the options that a route was given."""
    return " ".join(
        f"{name}={getattr(route, name)!r}"
        for name, default in DEFAULTS.items()
        if getattr(route, name) != default
    )
