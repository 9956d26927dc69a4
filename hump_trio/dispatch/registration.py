"""Registrations of routes in a router, and how the options of both are joined."""

from dataclasses import dataclass, replace

from hump_trio.facts.callables import Handler
from hump_trio.facts.exceptions import RouteError
from hump_trio.facts.hints import OF_ROUTE, hint_of
from hump_trio.routing.layer import Layer
from hump_trio.routing.route import Route, RouteOptions, RouterOptions
from hump_trio.routing.route_hints import join_raises, parse_tags
from hump_trio.routing.template import parse_template

__all__ = ["Registration", "check_options", "check_prefix", "join_options"]


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
    """

    template: str
    methods: tuple[str, ...]
    handler: Handler
    options: RouteOptions
    layers: tuple[Layer, ...] = ()
    space: str = ""

    def build(self) -> Route:
        """Return the route.

        Raises:
            RouteError: `Route` refuses the path, an option or a method.
        """
        return Route(
            template=self.template,
            methods=self.methods,
            handler=self.handler,
            layers=self.layers,
            space=self.space,
            **self.options,
        )

    def below(
        self, prefix: str, options: RouterOptions, layer: Layer, space: str
    ) -> "Registration":
        """Return the registration in a router that includes this one's router.

        Args:
            prefix: The including router's prefix.
            options: The including router's options, for those that were not given.
            layer: The layer of the router that is included.
            space: The name to put before the route's.
        """
        return replace(
            self,
            template=prefix + self.template,
            options=join_options(options, self.options),
            layers=(layer, *self.layers),
            space=space + self.space,
        )


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
    joined: RouteOptions = {**outer, **inner}
    if "raises" in joined:
        joined["raises"] = join_raises(outer.get("raises", ()), inner.get("raises", ()))
    if "tags" in joined:
        tags = (*parse_tags(outer.get("tags", ())), *parse_tags(inner.get("tags", ())))
        joined["tags"] = parse_tags(tags)
    return joined


def check_options(options: RouterOptions, kind: type[RouterOptions]) -> None:
    """Refuse unknown options.

    Raises:
        TypeError: The message has the known options.
    """
    unknown = options.keys() - kind.__annotations__.keys()
    if unknown:
        what = "a route" if kind is RouteOptions else "a router"
        known = ", ".join(kind.__annotations__)
        names = sorted(unknown)
        hint = hint_of(OF_ROUTE, names)
        raise TypeError(f"{what} has the options {known}, not {', '.join(names)}{hint}")
