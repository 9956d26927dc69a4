"""Which route answers a path and a method.

Templates become a tree of segments: static ones are tried before typed parameters, those before
plain ones, and a ``path`` parameter last, with a step back wherever a branch leads nowhere. Each
node is visited at most once, so matching is bounded by the number of routes.
"""

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from types import EllipsisType
from typing import Any, Literal, TypeAlias, TypedDict

from hump_trio.facts.callables import Handler, name_of
from hump_trio.facts.exceptions import RouteError
from hump_trio.facts.grammar import TOKEN, is_integer, is_number
from hump_trio.routing.layer import Layer
from hump_trio.routing.route_hints import parse_raises, parse_returns, parse_tags
from hump_trio.routing.template import CONVERTERS, TYPES, fill_template, parse_template

__all__ = [
    "VERBS",
    "Match",
    "OnDisconnect",
    "Route",
    "RouteOptions",
    "RouteTable",
    "RouterOptions",
    "names_of",
]

VERBS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")

OnDisconnect: TypeAlias = Literal["cancel", "finish"] | float


class RouterOptions(TypedDict, total=False):
    """What may be said of all routes of a router; the fields of `Route`."""

    timeout: float | EllipsisType | None
    body_limit: int | EllipsisType | None
    stream: bool
    on_disconnect: OnDisconnect
    raises: Collection[int]
    tags: Collection[str]
    hidden: bool


class RouteOptions(RouterOptions, total=False):
    """What may be said of a route besides its path and methods; the fields of `Route`."""

    name: str
    returns: Any


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Route:
    """What a user registered.

    Args:
        template: The path, with parameters in braces.
        methods: The methods it answers.
        handler: The async function.
        timeout: Seconds for the handler; None for no limit, ``...`` for the app's default.
        body_limit: Bytes of a body; None for no limit, ``...`` for the app's default.
        stream: Whether the handler starts at the head and reads ``request.stream``.
        on_disconnect: Whether to cancel or finish it when its client has gone, or the seconds
            it has left then.
        name: What `Hump.url_for` calls it; the handler's name if empty.
        returns: What it answers, for `Hump.openapi`: a type, or types by status (None: no body).
            The type of 200 decides what goes out, too, instead of the handler's annotation.
        raises: The statuses of its errors for `Hump.openapi`: a list, or descriptions by status.
        tags: What `Hump.openapi` groups it by.
        hidden: Whether `Hump.openapi` leaves it out.
        layers: What the routers that it came through put around it, the outermost first.
        space: What `Router.include` puts before its name, with a dot at its end; or empty.

    Attributes:
        parameters: The names in the template, in order.
        disconnect_grace: Seconds that ``on_disconnect`` leaves.

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
    space: str = ""
    parameters: tuple[str, ...] = field(init=False)
    disconnect_grace: float = field(init=False)

    def __post_init__(self) -> None:
        names = tuple(name for name, _ in parse_template(self.template) if name)
        object.__setattr__(self, "parameters", names)
        object.__setattr__(self, "disconnect_grace", parse_grace(self.on_disconnect))
        if not self.methods:
            raise RouteError(f"a route for {self.template} needs a method")
        for method in self.methods:
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


def names_of(route: Route) -> tuple[str, ...]:
    """Return the names that a route goes by: its own, if it has one, and its handler's."""
    handler = route.space + name_of(route.handler)
    return (route.space + route.name, handler) if route.name else (handler,)


def ends_a_name(name: str, route: Route) -> bool:
    """Tell whether a name is the end of one of a route's, behind what `Router.include` says."""
    return any(each.endswith(f".{name}") for each in names_of(route))


@dataclass(slots=True, eq=False)
class Node:
    """One segment's place in the tree; ``typed`` is in the order of `TYPES`."""

    static: dict[str, "Node"] = field(default_factory=dict)
    typed: dict[str, "Node"] = field(default_factory=dict)
    routes: dict[str, Route] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class Match:
    """What was found for a path.

    Args:
        route: The route that answers, or None.
        path_params: Its parameters, converted.
        allowed: The methods that the path has, if no route answers the one asked for; none
            at all for an unknown path.
    """

    route: Route | None
    path_params: dict[str, Any]
    allowed: tuple[str, ...] = ()


# Of an unknown path. Nobody adds to its values, since they are no route's.
NO_MATCH = Match(None, {})


class RouteTable:
    """All routes of an app."""

    def __init__(self) -> None:
        self.routes: list[Route] = []
        self.methods: set[str] = set()
        self._named: dict[str, Route] = {}
        self._root = Node()
        # Most requests are for a static path: one look-up instead of a walk.
        self._static: dict[str, dict[str, Route]] = {}

    def add(self, route: Route) -> None:
        """Add a route.

        Raises:
            RouteError: A method of it is taken by a route for the same paths, or its name is.
        """
        other = self._named.get(route.space + route.name) if route.name else None
        if other is not None:
            raise RouteError(
                f"the name {route.name!r} of {route.template} is taken by {other.template}"
                + "; write include(..., name=...)" * (other.handler is route.handler)
            )
        node = self._root
        segments = parse_template(route.template)
        for name, text in segments:
            branches = node.typed if name else node.static
            below = branches.setdefault(text, Node())
            # In the order in which they are tried.
            node.typed = {each: node.typed[each] for each in TYPES if each in node.typed}
            node = below
        for method in route.methods:
            taken = node.routes.get(method)
            if taken is not None:
                raise RouteError(
                    f"{method} {route.template} is taken by {name_of(taken.handler)}"
                    f" ({taken.template})"
                )
        node.routes.update(dict.fromkeys(route.methods, route))
        if not any(name for name, _ in segments):
            self._static[route.template] = node.routes
        if route.name:
            self._named[route.space + route.name] = route
        self.routes.append(route)
        self.methods.update(route.methods)

    def url_for(self, name: str, values: Mapping[str, Any]) -> str:
        """Return the path of a route by its name, or else by its handler's.

        Raises:
            RouteError: No route has the name, or the handlers of several have it.
            TypeError: The values aren't those of its template.
        """
        found = {self._named[name].template} if name in self._named else set()
        if not found:
            found = {each.template for each in self.routes if name in names_of(each)}
        if not found:
            found = {each.template for each in self.routes if ends_a_name(name, each)}
        if len(found) > 1:
            paths = ", ".join(sorted(found))
            raise RouteError(
                f"{name!r} handles {paths}: give the one that is meant a name=..., or the router"
                " in include(..., name=...)"
            )
        if not found:
            raise RouteError(f"no route is named {name!r}")
        return fill_template(found.pop(), values)

    def match_path(self, path: str, method: str) -> Route | None:
        """Return the route of a static path without escapes, if one takes the method itself."""
        routes = self._static.get(path)
        return None if routes is None else routes.get(method)

    def match(self, segments: list[str], method: str) -> Match:
        """Find the route for decoded segments (the first one is the empty one before ``/``).

        HEAD is answered by a GET route where no HEAD route is.
        """
        values: list[Any] = []
        allowed: set[str] = set()
        route = find(self._root, segments, 1, method, values, allowed)
        if route is not None:
            return Match(route, dict(zip(route.parameters, values, strict=True)))
        if not allowed:
            return NO_MATCH
        allowed.update(("OPTIONS", "HEAD") if "GET" in allowed else ("OPTIONS",))
        return Match(None, {}, tuple(sorted(allowed)))


def find(
    node: Node,
    segments: list[str],
    index: int,
    method: str,
    values: list[Any],
    allowed: set[str],
) -> Route | None:
    """Return the best route below a node for the rest of the segments; None if there is none.

    Args:
        node: The node that the segments before the index have led to.
        segments: The decoded segments of the path.
        index: Where the first one is that is left.
        method: The method that the route has to take.
        values: The values of the parameters on the way; more are added if there is a route.
        allowed: The methods of other routes there; more are added.
    """
    if index == len(segments):
        routes = node.routes
        route = routes.get(method)
        if route is None and method == "HEAD":
            route = routes.get("GET")
        if route is None:
            allowed.update(routes)
        return route
    segment = segments[index]
    below = node.static.get(segment)
    if below is not None:
        route = find(below, segments, index + 1, method, values, allowed)
        if route is not None:
            return route
    for name, below in node.typed.items():
        if name == "path":
            value, following = "/".join(segments[index:]), len(segments)
        else:
            value, following = CONVERTERS[name](segment), index + 1
        if value is not None:
            values.append(value)
            route = find(below, segments, following, method, values, allowed)
            if route is not None:
                return route
            values.pop()
    return None
