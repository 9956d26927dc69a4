"""What no signature may ask for as a whole, although each of its parameters may be given."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

from hump_trio.handlers.decorated import wrapped_by
from hump_trio.handlers.parameter import Parameter
from hump_trio.handlers.resolving import refusal
from hump_trio.handlers.sources import BODY, QUERY, REQUEST, UPLOAD
from hump_trio.routing.route import Route

__all__ = ["check_path", "check_requests", "check_sources"]


def check_requests(route: Route, parameters: Iterable[Parameter]) -> None:
    """Refuse two requests, one of which is meant to be something else.

    Args:
        route: The handler's route.
        parameters: The handler's own; a decorator around it may take a request for itself.
    """
    requests = [each for each in parameters if each.source is REQUEST]
    if len(requests) > 1:
        vague = [each for each in requests if each.annotation is Any or each.annotation is object]
        name = (vague or requests)[-1].name
        raise refusal(
            route.handler,
            name,
            f"that is neither the request nor in its path; annotate it, as in `{name}: str` for"
            f" a query value, or write {{{name}}} in the path",
        )


def check_sources(route: Route, parameters: Iterable[Parameter]) -> None:
    """Refuse two bodies, and a body where there is none."""
    bodies = [each for each in parameters if each.source.name == BODY.name]
    files = [each for each in parameters if each.source is UPLOAD]
    if not bodies and not files:
        return
    name = (bodies or files)[-1].name
    given = ""
    if wrapped_by(route.handler):
        given = (
            "; if a decorator gives it, that has to leave it out of its function's __signature__"
        )
    if len(bodies) > 1:
        raise refusal(
            route.handler,
            name,
            f"that is a second body beside {bodies[0].name!r}: make them fields of one"
            f" class{given}",
        )
    for method in route.methods:
        if method in ("GET", "HEAD"):
            raise refusal(
                route.handler,
                name,
                f"that is a body, which a {method} has none of: take query values, as in"
                f" `{name}: Annotated[..., Query()]` for all fields of a class, or POST{given}",
            )
    if route.stream and not files:
        why = "that is the whole body: read request.stream, or leave out stream=True"
        raise refusal(route.handler, name, why)


def check_path(route: Route, parameters: Iterable[Parameter]) -> None:
    """Refuse a query value that seems to be meant for a parameter of the path.

    A parameter of the path that a handler doesn't take is no mistake by itself: a router's prefix
    may have it.
    """
    taken = {each.name for each in parameters}
    left = [name for name in route.parameters if name not in taken]
    for each in parameters:
        if each.source is not QUERY or not each.required or each.marker is not None:
            continue
        words = each.name.split("_")
        near = [name for name in left if name in words or each.name in name.split("_")]
        if near or (near := get_close_matches(each.name, left, 1)):
            raise refusal(
                route.handler,
                each.name,
                f"that isn't in the path, where nothing takes {{{near[0]}}}: give both one name, or"
                " say that it is a query value, by Annotated[..., Query()]",
            )
