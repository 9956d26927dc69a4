"""Which route answers a path and a method.

Templates become a tree of segments: static ones are tried before typed parameters, those before
plain ones, and a ``path`` parameter last, with a step back wherever a branch leads nowhere. Each
node is visited at most once, so matching is bounded by the number of routes.
"""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from types import EllipsisType
from typing import Any, Literal, TypeAlias, TypedDict
from uuid import UUID

from hump_trio.exceptions import RouteError

__all__ = ["VERBS", "Match", "OnDisconnect", "Route", "RouteOptions", "RouteTable"]

VERBS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")

Handler: TypeAlias = Callable[..., Any]

PARAMETER = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)(?::([a-z]+))?\}")
METHOD = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
# 309 digits are what a float holds; a longer number is no identifier and slow to convert.
INTEGER = re.compile(r"-?[0-9]{1,309}")
NUMBER = re.compile(r"-?[0-9]{1,309}(?:\.[0-9]{1,309})?")
HYPHENATED_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def name_of(function: Handler) -> str:
    """Return a name of a callable that a person recognises."""
    function = without_partial(function)
    return getattr(function, "__name__", None) or type(function).__name__


def without_partial(function: Handler) -> Handler:
    """Return what a `functools.partial` calls, or the function itself."""
    while isinstance(function, partial):
        function = function.func
    return function


def match_int(segment: str) -> int | None:
    """Return the integer that a segment is, or None."""
    return int(segment) if INTEGER.fullmatch(segment) else None


def match_float(segment: str) -> float | None:
    """Return the finite number that a segment is, or None."""
    number = float(segment) if NUMBER.fullmatch(segment) else math.inf
    return number if math.isfinite(number) else None


def match_uuid(segment: str) -> UUID | None:
    """Return the UUID that a segment is, or None."""
    return UUID(segment) if HYPHENATED_UUID.fullmatch(segment) else None


def match_str(segment: str) -> str | None:
    """Return a segment that isn't empty, or None."""
    return segment or None


# In the order in which they are tried; ``path`` takes all that is left and comes last.
CONVERTERS: dict[str, Callable[[str], Any]] = {
    "int": match_int,
    "float": match_float,
    "uuid": match_uuid,
    "str": match_str,
}


TYPES = (*CONVERTERS, "path")

OnDisconnect: TypeAlias = Literal["cancel", "finish"] | float


class RouteOptions(TypedDict, total=False):
    """What may be said of a route besides its path and methods; the fields of `Route`."""

    timeout: float | EllipsisType | None
    body_limit: int | EllipsisType | None
    stream: bool
    on_disconnect: OnDisconnect


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
    parameters: tuple[str, ...] = field(init=False)
    disconnect_grace: float = field(init=False)

    def __post_init__(self) -> None:
        names = tuple(name for name, _ in parse_template(self.template) if name)
        object.__setattr__(self, "parameters", names)
        object.__setattr__(self, "disconnect_grace", parse_grace(self.on_disconnect))
        if not self.methods:
            raise RouteError(f"a route for {self.template} needs a method")
        for method in self.methods:
            if not METHOD.fullmatch(method) or method == "CONNECT":
                raise RouteError(f"{method!r} is no method for a route")
            if method.upper() in VERBS and method not in VERBS:
                raise RouteError(f"methods are case-sensitive: {method.upper()!r}, not {method!r}")
        check_option("timeout", self.timeout, int | float)
        check_option("body_limit", self.body_limit, int)
        if not isinstance(self.stream, bool):
            raise RouteError(f"stream must be True or False, not {self.stream!r}")


def parse_grace(on_disconnect: Any) -> float:
    """Return the seconds that a handler has left when its client has gone.

    Raises:
        RouteError: The option is none of the words and no number of seconds.
    """
    if on_disconnect == "cancel":
        return 0.0
    if on_disconnect == "finish":
        return math.inf
    number = isinstance(on_disconnect, int | float) and not isinstance(on_disconnect, bool)
    if not number or not on_disconnect >= 0:
        raise RouteError(f"on_disconnect is 'cancel', 'finish' or seconds, not {on_disconnect!r}")
    return float(on_disconnect)


def check_option(name: str, value: Any, kind: Any) -> None:
    """Refuse an option of a route that is neither ``...``, None nor a positive number."""
    if value is ... or value is None:
        return
    if isinstance(value, bool) or not isinstance(value, kind) or not value > 0:
        raise RouteError(f"{name} must be a positive number or None, not {value!r}")


def parse_template(template: str) -> list[tuple[str, str]]:
    """Return the segments of a template as (parameter, converter), or ("", literal).

    Raises:
        RouteError: The template can't be a path.
    """
    if not template.startswith("/"):
        raise RouteError(f"a path starts with a slash: {template!r}")
    if re.search(r"[%?#\x00-\x20]", template):
        raise RouteError(f"a path is written decoded and without a query: {template!r}")
    segments: list[tuple[str, str]] = []
    texts = template[1:].split("/")
    for index, text in enumerate(texts):
        found = PARAMETER.fullmatch(text)
        if found is None:
            if re.search("[{}<>]", text):
                raise RouteError(f"a parameter is a whole segment, {{name:type}}: {template!r}")
            segments.append(("", text))
            continue
        name, converter = found[1], found[2] or "str"
        if converter != "path" and converter not in CONVERTERS:
            known = ", ".join([*CONVERTERS, "path"])
            raise RouteError(f"no parameter type {converter!r} in {template!r}; there are {known}")
        if converter == "path" and index < len(texts) - 1:
            raise RouteError(f"a path parameter comes last: {template!r}")
        if any(name == present for present, _ in segments):
            raise RouteError(f"the parameter {name!r} comes twice in {template!r}")
        segments.append((name, converter))
    return segments


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


class RouteTable:
    """All routes of an app."""

    def __init__(self) -> None:
        self.routes: list[Route] = []
        self.methods: set[str] = set()
        self._root = Node()
        # Most requests are for a static path: one look-up instead of a walk.
        self._static: dict[str, dict[str, Route]] = {}

    def add(self, route: Route) -> None:
        """Add a route.

        Raises:
            RouteError: A method of it is taken by a route for the same paths.
        """
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
        self.routes.append(route)
        self.methods.update(route.methods)

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
        if allowed:
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
        node: Where the segments before the index have led.
        segments: Decoded.
        index: Of the first one that is left.
        method: Which the route has to take.
        values: Of the parameters on the way, added to if there is a route.
        allowed: The methods of other routes there, added to.
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
