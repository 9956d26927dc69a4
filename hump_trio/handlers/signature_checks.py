"""What no signature may ask for as a whole, although each of its parameters may be given."""

from collections.abc import Iterable
from difflib import get_close_matches
from inspect import formatannotation
from types import NoneType
from typing import Any, Never, NoReturn

from hump_trio.facts.callables import name_of
from hump_trio.facts.exceptions import RouteError
from hump_trio.handlers.decorated import wrapped_by
from hump_trio.handlers.markers import Secret
from hump_trio.handlers.parameter import Parameter
from hump_trio.handlers.resolving import is_near, refusal, refusal_of
from hump_trio.handlers.sources import BODY, CHANNEL, QUERY, REQUEST, UPLOAD
from hump_trio.routing.layer import Provider
from hump_trio.routing.route import Route

__all__ = [
    "check_elsewhere",
    "check_path",
    "check_requests",
    "check_returns_nothing",
    "check_secrets",
    "check_sources",
    "check_websockets",
]

# What a request is called that is taken without an annotation.
OF_REQUESTS = ("request", "req", "_request", "_req")


def check_requests(route: Route, parameters: Iterable[Parameter]) -> None:
    """Refuse two requests, one of which is meant to be something else.

    Args:
        route: The handler's route.
        parameters: The handler's own; a decorator around it may take a request for itself.
    """
    surplus = surplus_of(each for each in parameters if each.source is REQUEST)
    if surplus is not None:
        name = surplus.name
        raise refusal_of(
            route,
            surplus,
            f"that is neither the request nor in its path; annotate it, as in `{name}: str` for"
            f" a query value, or write {{{name}}} in the path",
        )


def surplus_of(parameters: Iterable[Parameter]) -> Parameter | None:
    """Return which of several parameters is meant to be something else; None if there is one.

    That is the last one whose annotation says nothing, or else the last one.
    """
    several = list(parameters)
    if len(several) < 2:
        return None
    vague = [each for each in several if each.annotation is Any or each.annotation is object]
    return (vague or several)[-1]


def check_websockets(
    route: Route, own: Iterable[Parameter], parameters: Iterable[Parameter]
) -> None:
    """Refuse a WebSocket where there is none, two of them, and a WebSocket that nobody takes.

    Args:
        route: The handler's route.
        own: The handler's own parameters; a decorator around it may take a WebSocket for itself.
        parameters: Those that are given something, of the decorators, too.
    """
    taken = [each for each in parameters if each.source is CHANNEL]
    if route.channel is None:
        for each in taken:
            why = f"that is a WebSocket: register it with @app.websocket({route.template!r})"
            raise refusal_of(route, each, why)
        return
    if not taken:
        raise RouteError(
            f"{name_of(route.handler)} handles a WebSocket and takes none: give it a parameter, as"
            " in `websocket: WebSocket`"
        )
    surplus = surplus_of(each for each in own if each.source is CHANNEL)
    if surplus is not None:
        name = surplus.name
        raise refusal_of(
            route,
            surplus,
            f"that is neither the WebSocket nor in its path; annotate it, as in `{name}: Request`,"
            f" or `{name}: str` for a query value",
        )


def check_returns_nothing(name: str, returns: Any) -> None:
    """Refuse a return annotation of a WebSocket's handler: nobody gets what it returns.

    Args:
        name: The handler's name.
        returns: The annotation, resolved.

    Raises:
        RouteError: The handler returns something else than None.
    """
    if returns not in (None, NoneType, Any, object, NoReturn, Never):
        raise RouteError(
            f"{name} handles a WebSocket and returns something: send that by `await"
            " websocket.send(...)`, and return None"
        )


def check_sources(route: Route, parameters: Iterable[Parameter]) -> None:
    """Refuse two bodies, and a body where there is none."""
    bodies = [each for each in parameters if each.source.name == BODY.name]
    files = [each for each in parameters if each.source is UPLOAD]
    if not bodies and not files:
        return
    last = (bodies or files)[-1]
    name, given = last.name, ""
    if last.taker is None and wrapped_by(route.handler):
        given = (
            "; if a decorator gives it, that has to leave it out of its function's __signature__"
        )
    if route.channel is not None:
        raise refusal_of(
            route,
            last,
            "that is a body, which a WebSocket has none of: its messages are typed, as in"
            f" `websocket: WebSocket[Question, Answer]`{given}",
        )
    if len(bodies) > 1:
        raise refusal_of(
            route,
            last,
            f"that is a second body beside {bodies[0].name!r}: make them fields of one"
            f" class{given}",
            others=bodies,
        )
    for method in route.methods:
        if method in ("GET", "HEAD"):
            raise refusal_of(
                route,
                last,
                f"that is a body, which a {method} has none of: take query values, as in"
                f" `{name}: Annotated[..., Query()]` for all fields of a class, or POST{given}",
            )
    if route.stream and not files:
        why = "that is the whole body: read request.stream, or leave out stream=True"
        raise refusal_of(route, last, why)


def check_secrets(route: Route, parameters: Iterable[Parameter]) -> None:
    """Refuse two schemes of which a request can have one: it has one ``Authorization`` field."""
    schemes = [(each, scheme) for each in parameters if (scheme := scheme_of(each))]
    first, needed = next((pair for pair in schemes if pair[0].required), (None, ""))
    for each, scheme in schemes:
        if first is not None and scheme != needed:
            raise refusal_of(
                route,
                each,
                f"that never comes beside {first.name!r}, since a request has one Authorization"
                " field: where either may come, both are `| None = None`",
            )


def scheme_of(parameter: Parameter) -> str:
    """Return the scheme of the ``Authorization`` field that a parameter is taken from."""
    return parameter.marker.scheme if isinstance(parameter.marker, Secret) else ""


def check_elsewhere(
    route: Route, parameters: Iterable[Parameter], providers: Iterable[Provider]
) -> None:
    """Refuse a body of a class that is provided to other handlers.

    A handler that was meant to get the user of a session from there would take whoever clients say.

    Args:
        route: The route.
        parameters: All that its handler and its providers read.
        providers: Those of all routers.

    Raises:
        RouteError: There is such a parameter, and no marker says that it is a body.
    """
    for each in parameters:
        if each.source is not BODY or each.marker is not None:
            continue
        for provider in providers:
            if is_near(each.annotation, provider.key):
                raise refusal(
                    route.handler,
                    each.name,
                    f"that clients send, while {name_of(provider.function)} provides"
                    f" {formatannotation(provider.key)} in a router that this handler isn't in;"
                    " if clients are to send it, say so by Annotated[..., Body()]",
                    taker=each.taker,
                )


def check_path(route: Route, parameters: Iterable[Parameter]) -> None:
    """Refuse a query value, or request, that seems to be meant for a parameter of the path.

    Without an annotation it would be the request, if it isn't called that. A parameter of the path
    that a handler doesn't take is no mistake by itself: a router's prefix may have it.
    """
    taken = {each.name for each in parameters}
    left = [name for name in route.parameters if name not in taken]
    for each in parameters:
        bare = each.source is REQUEST and each.annotation is Any and each.name not in OF_REQUESTS
        meant = each.source is QUERY and each.required and each.marker is None
        if not (bare or meant):
            continue
        words = each.name.split("_")
        near = [name for name in left if name in words or each.name in name.split("_")]
        if near or (near := get_close_matches(each.name, left, 1)):
            what = "a query value, by Annotated[..., Query()]"
            if bare:
                what = f"the request, by `{each.name}: Request`"
            raise refusal_of(
                route,
                each,
                f"that isn't in the path, where nothing takes {{{near[0]}}}: give both one name, or"
                f" say that it is {what}",
            )
