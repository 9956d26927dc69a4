"""What was said of a route in a router, and how the options of both add up."""

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
    """What was said of a route in a router, before others include that.

    Args:
        template: The path, with the prefix.
        methods: As of `Route`.
        handler: As of `Route`.
        options: Of `Route`, as far as they were given.
        layers: Of the routers that it came through, the outermost first.
        space: As of `Route`.
    """

    template: str
    methods: tuple[str, ...]
    handler: Handler
    options: RouteOptions
    layers: tuple[Layer, ...] = ()
    space: str = ""

    def build(self) -> Route:
        """Return the route; raises what that raises."""
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
        """Return what a router makes of it that includes its own.

        Args:
            prefix: Of that router.
            options: Of that router, for what was left open; see `join_options`.
            layer: Of the router that is included.
            space: Goes before its name.
        """
        return replace(
            self,
            template=prefix + self.template,
            options=join_options(options, self.options),
            layers=(layer, *self.layers),
            space=space + self.space,
        )


def check_prefix(prefix: str) -> None:
    """Refuse what no path of a route begins with.

    Raises:
        RouteError: With an example.
    """
    if not isinstance(prefix, str) or prefix.endswith("/"):
        raise RouteError(
            "a prefix is a path without a slash at its end, such as '/shop', or '' for all paths,"
            f" not {prefix!r}"
        )
    if prefix:
        parse_template(prefix)


def join_options(outer: RouterOptions, inner: RouteOptions) -> RouteOptions:
    """Return the options of a route in a router: its own first, but errors and tags add up.

    Raises:
        RouteError: These can't be added.
    """
    joined: RouteOptions = {**outer, **inner}
    if "raises" in joined:
        joined["raises"] = join_raises(outer.get("raises", ()), inner.get("raises", ()))
    if "tags" in joined:
        tags = (*parse_tags(outer.get("tags", ())), *parse_tags(inner.get("tags", ())))
        joined["tags"] = parse_tags(tags)
    return joined


def check_options(options: RouterOptions, kind: type[RouterOptions]) -> None:
    """Refuse options that there aren't.

    Raises:
        TypeError: With those that there are.
    """
    unknown = options.keys() - kind.__annotations__.keys()
    if unknown:
        what = "a route" if kind is RouteOptions else "a router"
        known = ", ".join(kind.__annotations__)
        names = sorted(unknown)
        hint = hint_of(OF_ROUTE, names)
        raise TypeError(f"{what} has the options {known}, not {', '.join(names)}{hint}")
