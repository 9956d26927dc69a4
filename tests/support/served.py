"""What the connections of one server share, without a server: for tests of a single connection."""

from collections.abc import Sequence
from typing import Any

from hump_trio import Hump, Limits, Timeouts
from hump_trio.dispatch.dispatcher import Dispatcher
from hump_trio.dispatch.router import layer_of, table_of
from hump_trio.facts.callables import Handler
from hump_trio.routing.layer import Layer, Middleware
from hump_trio.routing.route import Route
from hump_trio.routing.table import RouteTable
from hump_trio.server.state import ServerState

__all__ = ["served", "served_anew"]

FRONT_PAGE: dict[str, Any] = {"template": "/", "methods": ("GET",)}


def served(
    *routes: Route | Handler,
    app: Any = None,
    middleware: Sequence[Middleware] = (),
    limits: Limits | None = None,
    timeouts: Timeouts | None = None,
    server: str | None = None,
) -> ServerState:
    """Return what connections to some routes share.

    Args:
        routes: A handler alone answers GET for ``/``.
        app: What requests carry. The routes of an app, and what is around them, are served too.
        middleware: The outermost first.
        limits: The default ones if left out.
        timeouts: The default ones if left out.
        server: The value of the ``Server`` field; None for no such field.
    """
    app = Hump() if app is None else app
    table, layer = (
        (table_of(app), layer_of(app)) if isinstance(app, Hump) else (RouteTable(), Layer())
    )
    for each in routes:
        table.add(
            each if isinstance(each, Route) else Route(template="/", methods=("GET",), handler=each)
        )
    layer.middleware.extend(middleware)
    dispatcher = Dispatcher(app, table, layer)
    return ServerState(dispatcher, limits or Limits(), timeouts or Timeouts(), server)


def served_anew(state: ServerState) -> ServerState:
    """Return what connections to the same app share, before the first: to build one takes longer.

    Args:
        state: That of earlier connections.
    """
    return ServerState(state.application, state.limits, state.timeouts, state.server)
