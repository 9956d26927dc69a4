"""What a user registers: a handler for methods and a path, with its options."""

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from types import EllipsisType
from typing import Any, TypedDict

from hump_trio.facts.callables import Handler, name_of
from hump_trio.facts.exceptions import RouteError
from hump_trio.facts.grammar import TOKEN, is_integer, is_number
from hump_trio.facts.outcomes import OnDisconnect
from hump_trio.routing.channel_options import ChannelOptions
from hump_trio.routing.guest import Guest
from hump_trio.routing.layer import Layer
from hump_trio.routing.route_hints import parse_raises, parse_returns, parse_tags
from hump_trio.routing.template import parse_template

__all__ = [
    "VERBS",
    "Route",
    "RouteOptions",
    "RouterOptions",
    "WebSocketOptions",
    "handler_name",
    "names_of",
]

VERBS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")


class SharedOptions(TypedDict, total=False):
    """What may be said of a route, or of all routes of a router; the fields of `Route`."""

    timeout: float | EllipsisType | None
    body_limit: int | EllipsisType | None
    stream: bool
    on_disconnect: OnDisconnect
    raises: Collection[int]
    tags: Collection[str]
    hidden: bool


class RouterOptions(SharedOptions, total=False):
    """What may be said of all routes of a router: of WebSockets by ``on_disconnect``, too."""

    origins: Collection[str]


class RouteOptions(SharedOptions, total=False):
    """What may be said of a route besides its path and methods; the fields of `Route`."""

    name: str
    returns: Any


class WebSocketOptions(TypedDict, total=False):
    """What may be said of a WebSocket's route besides its path.

    These are fields of `Route`, and of its `ChannelOptions`.
    """

    origins: Collection[str] | None
    subprotocols: Sequence[str]
    compress: bool
    message_limit: int | EllipsisType | None
    binary: bool
    timeout: float | EllipsisType | None
    on_disconnect: OnDisconnect
    name: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Route:
    """What a user registered.

    Args:
        template: The path, with parameters in braces.
        methods: The methods it answers; `WEBSOCKET` alone for WebSockets, and one of `MOUNTED` for
            an app that is mounted.
        handler: The async function.
        timeout: Seconds for the handler; None for no limit, ``...`` for the app's default.
        body_limit: Bytes of a body; None for no limit, ``...`` for the app's default.
        stream: Whether the handler starts at the head and reads ``request.stream``.
        on_disconnect: Whether to cancel or finish it when its client has gone, or the seconds
            it has left then.
        name: What `Hump.url_for` calls it; the handler's name if empty.
        returns: What it answers, for `Hump.openapi`: a type, or types by status (None: no body).
            A single success is also the status of what the handler returns, and its type decides
            what goes out, instead of the handler's annotation.
        raises: The statuses of its errors for `Hump.openapi`: a list, or descriptions by status.
        tags: What `Hump.openapi` groups it by.
        hidden: Whether `Hump.openapi` leaves it out.
        layers: What the routers that it came through put around it, the outermost first.
        home: What the router or app has that it is registered with, around those; None: nothing.
        space: What `Router.include` puts before its name, with a dot at its end; or empty.
        channel: What is said of its WebSockets; None for a route of HTTP.
        guest: The app that is mounted, whose function the handler is; None for any other handler.

    Attributes:
        parameters: The names in the template, in order.
        disconnect_grace: Seconds that ``on_disconnect`` leaves.
        endpoint: What `endpoint_of` has made of the handler; None before. Nobody else sets it.

    Raises:
        RouteError: The template can't be a path, or a method or an option is none.
    """

    template: str
    methods: tuple[str, ...]
    handler: Handler
    timeout: float | EllipsisType | None = ...
    body_limit: int | EllipsisType | None = ...
    stream: bool = False
    on_disconnect: OnDisconnect = "cancel"
    name: str = ""
    returns: Any = None
    raises: Collection[int] = ()
    tags: Collection[str] = ()
    hidden: bool = False
    layers: tuple[Layer, ...] = ()
    home: Layer | None = None
    space: str = ""
    channel: ChannelOptions | None = None
    guest: Guest | None = None
    parameters: tuple[str, ...] = field(init=False)
    disconnect_grace: float = field(init=False)
    endpoint: Any = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        names = tuple(name for name, _ in parse_template(self.template) if name)
        object.__setattr__(self, "parameters", names)
        object.__setattr__(self, "disconnect_grace", parse_grace(self.on_disconnect))
        if not self.methods:
            raise RouteError(f"a route for {self.template} needs a method")
        for method in () if self.channel or self.guest else self.methods:
            if not TOKEN.fullmatch(method) or method == "CONNECT":
                raise RouteError(f"{method!r} is no method for a route")
            if method.upper() in VERBS and method not in VERBS:
                raise RouteError(f"methods are case-sensitive: {method.upper()!r}, not {method!r}")
        check_option("timeout", self.timeout, is_number)
        check_option("body_limit", self.body_limit, is_integer)
        for name, flag in (("stream", self.stream), ("hidden", self.hidden)):
            if not isinstance(flag, bool):
                raise RouteError(f"{name} must be True or False, not {flag!r}")
        if not isinstance(self.name, str):
            raise RouteError(f"a route's name is text, not {self.name!r}")
        parse_returns(self.returns)
        parse_raises(self.raises)
        parse_tags(self.tags)


def parse_grace(on_disconnect: Any) -> float:
    """Return the seconds that a handler has left when its client has gone.

    Raises:
        RouteError: The option is none of the words and no number of seconds.
    """
    if on_disconnect == "cancel":
        return 0.0
    if on_disconnect == "finish":
        return math.inf
    if not is_number(on_disconnect) or not on_disconnect >= 0:
        raise RouteError(f"on_disconnect is 'cancel', 'finish' or seconds, not {on_disconnect!r}")
    return float(on_disconnect)


def check_option(name: str, value: Any, is_kind: Callable[[Any], bool]) -> None:
    """Refuse an option of a route that is neither ``...``, None nor a positive number."""
    if value is ... or value is None:
        return
    if not is_kind(value) or not value > 0:
        raise RouteError(f"{name} must be a positive number or None, not {value!r}")


def handler_name(route: Route) -> str:
    """Return what a person calls the handler of a route, or the app that is mounted there."""
    return name_of(route.handler) if route.guest is None else route.guest.name


def names_of(route: Route) -> tuple[str, ...]:
    """Return the names that a route goes by: its own, if it has one, and its handler's.

    A mount goes by its own alone.
    """
    handler = () if route.guest else (route.space + name_of(route.handler),)
    return (route.space + route.name, *handler) if route.name else handler
