"""The routes of an app as a table for people, for ``--routes``."""

from dataclasses import fields
from typing import Any

from hump_trio.answers.static_files import StaticFiles
from hump_trio.dispatch.registration import LAST_SECONDS
from hump_trio.facts.callables import Handler, name_of, without_partial
from hump_trio.routing.channel_options import ChannelOptions
from hump_trio.routing.route import Route
from hump_trio.routing.table import RouteTable

__all__ = ["render_routes"]

SHOWN = ("timeout", "body_limit", "stream", "on_disconnect", "name")
DEFAULTS = {field.name: field.default for field in fields(Route) if field.name in SHOWN}
OF_CHANNELS = {field.name: field.default for field in fields(ChannelOptions) if field.init}


def render_routes(table: RouteTable) -> str:
    """Return a line for each route: its methods, path, handler, and the options it was given."""
    rows = [
        (
            describe_methods(route),
            route.template,
            describe_handler(route.handler) if route.guest is None else route.guest.name,
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


def describe_methods(route: Route) -> str:
    """Return the methods of a route; a mount takes any."""
    if route.channel is not None:
        return "WEBSOCKET"
    return " ".join(route.methods) if route.guest is None else "ANY"


def describe_handler(handler: Handler) -> str:
    """Return the module and name of a handler, or the folder whose files it serves."""
    handler = without_partial(handler)
    owner = getattr(handler, "__self__", handler)
    if isinstance(owner, StaticFiles):
        return f"files of {owner.folder}"
    return f"{handler.__module__}.{name_of(handler)}"


def options_of(route: Route) -> str:
    """Return the options that a route was given."""
    given = options_in(route, DEFAULTS)
    if route.channel is not None:
        if route.on_disconnect == LAST_SECONDS:
            del given["on_disconnect"]
        given |= options_in(route.channel, OF_CHANNELS)
    return " ".join(f"{name}={value!r}" for name, value in given.items())


def options_in(holder: Any, defaults: dict[str, Any]) -> dict[str, Any]:
    """Return those options by name that aren't what they are by default."""
    values = {name: getattr(holder, name) for name in defaults}
    return {name: value for name, value in values.items() if value != defaults[name]}
