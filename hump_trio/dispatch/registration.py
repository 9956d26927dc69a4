"""Registrations of routes in a router, and how the options of both are joined."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, cast

from hump_trio.facts.callables import Handler
from hump_trio.facts.exceptions import RouteError
from hump_trio.facts.hints import OF_ROUTE, hint_of
from hump_trio.handlers.decorated import middleware_of
from hump_trio.messages.choice import BELOW, WEBSOCKET, prefix_of
from hump_trio.routing.channel_options import ChannelOptions
from hump_trio.routing.guest import ANY, ANY_WEBSOCKET, Guest
from hump_trio.routing.layer import Layer
from hump_trio.routing.route import Route, RouteOptions, RouterOptions, WebSocketOptions
from hump_trio.routing.route_hints import join_raises, parse_tags
from hump_trio.routing.template import parse_template

__all__ = [
    "LAST_SECONDS",
    "Registration",
    "check_options",
    "check_prefix",
    "join_options",
    "mounts_of",
    "websocket_at",
]

# Who has the options of a TypedDict.
OWNERS = {RouteOptions: "a route", RouterOptions: "a router", WebSocketOptions: "a WebSocket"}
OF_CHANNELS = frozenset(each.name for each in fields(ChannelOptions) if each.init)
# Seconds that the handler of a WebSocket has left when its client has closed: the client may have
# closed right behind its last message, which must not be cut while it is handled.
LAST_SECONDS = 5.0


@dataclass(frozen=True, slots=True, eq=False)
class Registration:
    """The registration of a route in a router, which other routers may include.

    Args:
        template: The path, with the router's prefix.
        methods: The methods, as `Route` takes them.
        handler: The handler.
        options: The options of `Route` that were given.
        layers: The layers of the routers that include it, the outermost first.
        space: The names before the route's name, as `Route` takes them.
        websocket: The options of a WebSocket, which has no others; None for a route of HTTP.
        guest: The app that is mounted, whose function the handler is; None for any other handler.
    """

    template: str
    methods: tuple[str, ...]
    handler: Handler
    options: RouteOptions
    layers: tuple[Layer, ...] = ()
    space: str = ""
    websocket: WebSocketOptions | None = None
    guest: Guest | None = None

    def build(self, home: Layer) -> Route:
        """Return the route.

        Args:
            home: The layer of the router that it is registered with.

        Raises:
            RouteError: `Route` refuses the path, an option or a method; or an app is mounted below
                a parameter.
        """
        if self.guest is not None:
            check_mounted_path(self.template)
        around = middleware_of(self.handler)
        layers = (*self.layers, Layer(list(around))) if around else self.layers
        if self.websocket is not None:
            return self._build_websocket(self.websocket, layers, home)
        options = self.options
        for status in (status for each in around for status in each.__raises__):
            options = {**options, "raises": join_raises((status,), options.get("raises", ()))}
        return Route(
            template=self.template,
            methods=self.methods,
            handler=self.handler,
            layers=layers,
            home=home,
            space=self.space,
            guest=self.guest,
            **options,
        )

    def _build_websocket(
        self, options: WebSocketOptions, layers: tuple[Layer, ...], home: Layer
    ) -> Route:
        own = {name: value for name, value in options.items() if name in OF_CHANNELS}
        return Route(
            template=self.template,
            methods=self.methods,
            handler=self.handler,
            layers=layers,
            home=home,
            space=self.space,
            timeout=options.get("timeout", ...),
            on_disconnect=options.get("on_disconnect", LAST_SECONDS),
            name=options.get("name", ""),
            channel=ChannelOptions(**own),  # type: ignore[arg-type] # as the TypedDict says
            guest=self.guest,
        )

    def below(
        self, prefix: str, options: RouterOptions, layer: Layer, space: str
    ) -> "list[Registration]":
        """Return the registration in a router that includes this one's router.

        There are two of them where an app that was mounted at no prefix gets one: the second is
        for the prefix itself (see `mounts_of`).

        Args:
            prefix: The including router's prefix.
            options: The including router's options, for those that were not given.
            layer: The layer of the router that is included.
            space: The name to put before the route's.
        """
        included = replace(
            self,
            template=prefix + self.template,
            options=join_options(options, self.options),
            websocket=None if self.websocket is None else join_said(options, self.websocket),
            layers=(layer, *self.layers),
            space=space + self.space,
        )
        if self.guest is None or self.template != BELOW or not prefix:
            return [included]
        unnamed: RouteOptions = {**included.options, "name": ""}
        return [included, replace(included, template=prefix, options=unnamed)]


def websocket_at(
    template: str, handler: Handler, router: RouterOptions, options: WebSocketOptions
) -> Registration:
    """Return the registration of a WebSocket.

    Args:
        template: The path, with the router's prefix.
        handler: The handler.
        router: The options of the router.
        options: The options of the WebSocket.
    """
    given = join_said(router, options)
    return Registration(template, (WEBSOCKET,), handler, {}, websocket=given)


def mounts_of(prefix: str, guest: Guest, router: RouterOptions, name: str) -> list[Registration]:
    """Return the registrations of an app below a prefix, and at the prefix itself.

    Args:
        prefix: The prefix, with the router's; it may be empty.
        guest: The app.
        router: The options of the router.
        name: The name of the route for the paths below the prefix.
    """
    options: RouteOptions = {"on_disconnect": guest.on_disconnect}
    if guest.timeout is not ...:
        options["timeout"] = guest.timeout
    if guest.body_limit is not ...:
        options["body_limit"] = guest.body_limit
    # The app looks at origins by itself. Told that its client has closed, it gets the time of any
    # WebSocket's handler to end by itself.
    channel: WebSocketOptions = {"origins": ["*"], "on_disconnect": LAST_SECONDS}
    if guest.on_disconnect != "cancel":
        channel["on_disconnect"] = guest.on_disconnect
    mounts: list[Registration] = []
    for path in [prefix + BELOW, prefix] if prefix else [BELOW]:
        given = join_options(router, {**options, "name": "" if mounts else name})
        mounts.append(Registration(path, (ANY,), guest.answer, given, guest=guest))
        if guest.open is not None:
            said = join_said(router, channel)
            mounts.append(
                Registration(path, (ANY_WEBSOCKET,), guest.open, {}, websocket=said, guest=guest)
            )
    return mounts


def check_mounted_path(template: str) -> None:
    """Refuse to mount an app below a parameter, whose value it would have to know.

    Raises:
        RouteError: The path before ``{rest:path}`` has a parameter.
    """
    prefix = prefix_of(template)
    if prefix and any(name for name, _ in parse_template(prefix)):
        raise RouteError(
            f"an app is mounted below a path without parameters, such as '/old', not {prefix!r}"
        )


def join_said(outer: RouterOptions, inner: WebSocketOptions) -> WebSocketOptions:
    """Return the options of a WebSocket in a router, whose ``timeout`` bounds handlers of HTTP."""
    joined: WebSocketOptions = {}
    if "origins" in outer:
        joined["origins"] = outer["origins"]
    if "on_disconnect" in outer:
        joined["on_disconnect"] = outer["on_disconnect"]
    return {**joined, **inner}


def check_prefix(prefix: str) -> None:
    """Refuse a prefix that no path can begin with.

    Raises:
        RouteError: The message has an example.
    """
    if not isinstance(prefix, str) or prefix.endswith("/"):
        raise RouteError(
            "a prefix is a path without a slash at its end, such as '/shop', or '' for all paths,"
            f" not {prefix!r}"
        )
    if prefix:
        parse_template(prefix)


def join_options(outer: RouterOptions, inner: RouteOptions) -> RouteOptions:
    """Return the options of a route in a router.

    The route's own go before the router's; ``raises`` and ``tags`` of both are joined.

    Raises:
        RouteError: The ``raises`` or ``tags`` have no valid form.
    """
    joined: RouteOptions = {**of_routes(outer), **inner}
    if "raises" in joined:
        joined["raises"] = join_raises(outer.get("raises", ()), inner.get("raises", ()))
    if "tags" in joined:
        tags = (*parse_tags(outer.get("tags", ())), *parse_tags(inner.get("tags", ())))
        joined["tags"] = parse_tags(tags)
    return joined


def of_routes(options: RouterOptions) -> RouteOptions:
    """Return those options of a router that are options of its routes, and not of WebSockets."""
    names = RouteOptions.__annotations__
    return cast("RouteOptions", {name: value for name, value in options.items() if name in names})


def check_options(options: Mapping[str, Any], kind: type) -> None:
    """Refuse unknown options.

    Args:
        options: The options that were given.
        kind: The TypedDict that has those there are.

    Raises:
        TypeError: The message has the known options.
    """
    unknown = options.keys() - kind.__annotations__.keys()
    if unknown:
        known = ", ".join(kind.__annotations__)
        names = sorted(unknown)
        hint = hint_of(OF_ROUTE, names)
        raise TypeError(f"{OWNERS[kind]} has the options {known}, not {', '.join(names)}{hint}")
