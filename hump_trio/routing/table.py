"""Which route answers a path and a method.

Templates become a tree of segments: static ones are tried before typed parameters, those before
plain ones, and a ``path`` parameter last, with a step back wherever a branch leads nowhere. Each
node is visited at most once, so matching is bounded by the number of routes. An app that is mounted
takes every method, where no route for the same path takes it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from hump_trio.facts.exceptions import RouteError
from hump_trio.messages.choice import WEBSOCKET
from hump_trio.messages.target import path_segments
from hump_trio.routing.guest import ANY, ANY_WEBSOCKET, MOUNTED
from hump_trio.routing.route import Route, handler_name, names_of
from hump_trio.routing.template import CONVERTERS, TYPES, fill_template, parse_template

__all__ = ["Match", "RouteTable"]


@dataclass(slots=True, eq=False)
class Node:
    """One segment's place in the tree.

    Attributes:
        static: What follows on each segment that is no parameter.
        typed: What follows on a parameter, by its type.
        ways: The same in the order of `TYPES`, each with what converts a segment; None takes all
            that is left.
        routes: Those that end here, by method.
    """

    static: dict[str, "Node"] = field(default_factory=dict)
    typed: dict[str, "Node"] = field(default_factory=dict)
    ways: list[tuple[Callable[[str], Any] | None, "Node"]] = field(default_factory=list)
    routes: dict[str, Route] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class Match:
    """What was found for a path.

    Args:
        route: The route that answers, or None.
        path_params: Its parameters, converted.
        allowed: The methods that the path has, if no route answers the one asked for, `WEBSOCKET`
            among them; none at all for an unknown path.
    """

    route: Route | None
    path_params: dict[str, Any]
    allowed: tuple[str, ...] = ()


# What a route takes whose methods clients can't send.
WORDS = {
    WEBSOCKET: "a WebSocket at",
    ANY: "a mount at",
    ANY_WEBSOCKET: "a mount of WebSockets at",
}
# Names that are compared with one that no route has: some tens of milliseconds.
COMPARED_COUNT = 1000
# Of an unknown path. Nobody adds to its values, since they are no route's.
NO_MATCH = Match(None, {})


class RouteTable:
    """All routes of an app."""

    def __init__(self) -> None:
        self.routes: list[Route] = []
        self.methods: set[str] = set()
        self._named: dict[str, Route] = {}
        self._root = Node()
        # By the path that leads to it, if that has no parameters: one look-up instead of a walk.
        self._nodes = {"": self._root}

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
        node, path, is_static = self._root, "", True
        for name, text in parse_template(route.template):
            branches = node.typed if name else node.static
            below = branches.setdefault(text, Node())
            # In the order in which they are tried.
            node.ways = [
                (CONVERTERS.get(each), node.typed[each]) for each in TYPES if each in node.typed
            ]
            node = below
            path += f"/{text}"
            is_static = is_static and not name
            if is_static:
                self._nodes[path] = node
        for method in route.methods:
            taken = node.routes.get(method)
            if taken is not None:
                raise RouteError(
                    f"{WORDS.get(method, method)} {route.template} is taken by"
                    f" {handler_name(taken)}"
                    f" ({taken.template})"
                )
        node.routes.update(dict.fromkeys(route.methods, route))
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
            names = [each for route in self.routes for each in names_of(route)]
            raise RouteError(f"no route is named {name!r}{nearest(name, names)}")
        return fill_template(found.pop(), values)

    def match_straight(self, path: str, method: str) -> tuple[Route, dict[str, Any]] | None:
        """Return the route of a path and its values, if the walk needs no step back.

        It takes the branch that `find` tries first at each node, which leads most requests to
        their route, in half the instructions of `match`. That has the answer if there is none.

        Args:
            path: The path with its escapes.
            method: The method.
        """
        before, slash, last = path.rpartition("/")
        node = self._nodes.get(before)
        if node is None or not slash or "%" in last:
            return self._walk_straight(path_segments(path), method)
        # Most paths have a parameter at their end, or none: no other part is looked at.
        value = None
        below = node.static.get(last)
        if below is None:
            for convert, following in node.ways:
                value = last if convert is None else convert(last)
                if value is not None:
                    below = following
                    break
            else:
                return None
        route = below.routes.get(method) or other_route(below.routes, method)
        if route is None:
            return None
        return route, {} if value is None else {route.parameters[0]: value}

    def _walk_straight(
        self, segments: list[str], method: str
    ) -> tuple[Route, dict[str, Any]] | None:
        """Return the route of decoded segments and its values, as `match_straight` does."""
        node = self._root
        found: list[Any] = []
        rest = iter(segments)
        next(rest)  # the empty one before the first slash
        for segment in rest:
            below = node.static.get(segment)
            if below is None:
                for convert, following in node.ways:
                    value = "/".join((segment, *rest)) if convert is None else convert(segment)
                    if value is not None:
                        found.append(value)
                        below = following
                        break
                else:
                    return None
            node = below
        route = node.routes.get(method) or other_route(node.routes, method)
        if route is None:
            return None
        values: dict[str, Any] = {}
        for name in route.parameters:
            values[name] = found[len(values)]  # a third of what `zip` takes
        return route, values

    def match(self, segments: list[str], method: str) -> Match:
        """Find the route for decoded segments (the first one is the empty one before ``/``).

        HEAD is answered by a GET route where no HEAD route is. What is mounted at a path answers
        all that no route for it does.
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


def other_route(routes: Mapping[str, Route], method: str) -> Route | None:
    """Return the route that takes a method which none of a path's routes is for, if there is one.

    Args:
        routes: Those of the path, by method.
        method: The method.
    """
    route = routes.get("GET") if method == "HEAD" else None
    return route or routes.get(ANY_WEBSOCKET if method == WEBSOCKET else ANY)


def ends_a_name(name: str, route: Route) -> bool:
    """Tell whether a name is the end of one of a route's, behind what `Router.include` says."""
    return any(each.endswith(f".{name}") for each in names_of(route))


def nearest(name: str, names: list[str]) -> str:
    """Return what to write instead of a name that no route has, to be put behind an error's words.

    Args:
        name: The name.
        names: Those of the routes, of which the first thousand are compared.
    """
    close = get_close_matches(name, names[:COMPARED_COUNT], 3)
    if close:
        return f": {' or '.join(map(repr, dict.fromkeys(close)))} is near"
    return ": give one a name=..., as in app.static(prefix, folder, name='static')"


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
        if route is None:
            route = other_route(routes, method)
            if route is None:
                allowed.update(routes.keys() - MOUNTED)
        return route
    segment = segments[index]
    below = node.static.get(segment)
    if below is not None:
        route = find(below, segments, index + 1, method, values, allowed)
        if route is not None:
            return route
    for convert, below in node.ways:
        if convert is None:
            value, following = "/".join(segments[index:]), len(segments)
        else:
            value, following = convert(segment), index + 1
        if value is not None:
            values.append(value)
            route = find(below, segments, following, method, values, allowed)
            if route is not None:
                return route
            values.pop()
    return None
