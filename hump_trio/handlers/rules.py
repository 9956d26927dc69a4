"""What one parameter is given, and from where: the rules that its name and annotation decide by."""

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass
from inspect import formatannotation
from typing import Any, Literal, Self, TypeAlias, get_args

from hump_trio.channels.websocket import WebSocket
from hump_trio.content.annotations import (
    class_of,
    extras_of,
    is_model,
    is_record,
    is_typed_dict,
    kinds_of,
    members,
)
from hump_trio.content.records import Field, inputs_of
from hump_trio.facts.callables import Handler, name_of
from hump_trio.facts.exceptions import RouteError
from hump_trio.facts.hints import hint_of_marker
from hump_trio.handlers.decorated import names_known
from hump_trio.handlers.markers import Body, Marker, Secret
from hump_trio.handlers.parameter import EMPTY, LEFT_OUT, Parameter, Source
from hump_trio.handlers.reading import texts_for
from hump_trio.handlers.resolving import Names, is_key, is_near, refusal, resolve_parameter
from hump_trio.handlers.sources import CHANNEL, PATH, PROVIDED, REQUEST, SECRET, SOURCES
from hump_trio.messages.request import Request
from hump_trio.routing.layer import Provider
from hump_trio.routing.route import Route
from hump_trio.routing.template import parse_template

__all__ = ["Rules", "Scope"]

# The providers whose values may be taken, by key: those of the innermost router come first.
Scope: TypeAlias = Sequence[Mapping[Any, Provider]]
# What is given as a whole, perhaps by position, and needs no annotation.
WHOLE = (REQUEST, CHANNEL)
MARKED = {source.marker: source for source in SOURCES if source.marker is not None}


@dataclass(frozen=True, slots=True)
class Rules:
    """What the parameters of one handler, or of one provider for it, are judged by.

    Args:
        route: The handler's route.
        fixed: The names that a `functools.partial` gives values; no client can change those.
        names: What annotations that are text may mention.
        scope: The providers whose values may be taken.
        taker: The function of the provider; None for the handler.
    """

    route: Route
    fixed: frozenset[str]
    names: Names
    scope: Scope
    taker: Handler | None

    @classmethod
    def of(
        cls,
        route: Route,
        function: Handler,
        scope: Scope,
        *,
        is_provider: bool = False,
    ) -> Self:
        """Return the rules for a handler, or for a provider."""
        fixed, known = names_known(function)
        names = {"Request": Request, "WebSocket": WebSocket, **known}
        return cls(route, fixed, names, scope, function if is_provider else None)

    def refuse(self, name: str, why: str, cause: Exception | None = None) -> RouteError:
        """Return an error that names a parameter (see `refusal`)."""
        return refusal(self.route.handler, name, why, cause, taker=self.taker)

    def parse_all(
        self, raws: Sequence[inspect.Parameter]
    ) -> list[tuple[inspect.Parameter, Parameter]]:
        """Return what each parameter is given, but for those that keep their defaults."""
        parsed = [(raw, self.parse(raw, first=raw is raws[0])) for raw in raws]
        return [(raw, each) for raw, each in parsed if each is not None]

    def parse(self, raw: inspect.Parameter, *, first: bool) -> Parameter | None:
        """Return what a parameter is given; None for nothing: it keeps its default."""
        name = raw.name
        if raw.kind is raw.VAR_POSITIONAL or raw.kind is raw.VAR_KEYWORD:
            return None
        if name in self.fixed and name not in self.route.parameters:
            return None
        if isinstance(raw.default, Marker):
            raise self.refuse(name, marked_default(raw))
        annotation = resolve_parameter(self.taker or self.route.handler, raw, self.names)
        if hint := hint_of_marker(raw.default):
            raise self.refuse(name, f"with {hint}")
        marker = self.marker_of(name, annotation)
        provider = None if marker else self.provider_of(name, annotation)
        source = PROVIDED if provider is not None else self.source_of(name, annotation, marker)
        field = self.outer_name(name, name, source, marker)
        says_nothing = annotation is Any or annotation is object
        if source in WHOLE and says_nothing and raw.default is not EMPTY:
            return None
        if raw.kind is raw.POSITIONAL_ONLY and source not in WHOLE:
            why = "that is passed by name: drop the /, or let its decorator pass on **kwargs"
            raise self.refuse(name, why)
        return Parameter(
            name,
            source,
            field,
            annotation,
            self.default_of(raw, annotation) if source.optional else EMPTY,
            raw.kind is raw.POSITIONAL_ONLY or (first and raw.kind is not raw.KEYWORD_ONLY),
            marker,
            self.converter_of(name),
            self.parts_of(name, annotation, marker) if marker and source.find else (),
            provider,
            self.taker,
        )

    def provider_of(self, name: str, annotation: Any) -> Provider | None:
        """Return what provides the value of a parameter; None if nothing does.

        Raises:
            RouteError: A class in a union is provided, and the union isn't: clients could send it.
        """
        if is_key(annotation):
            for providers in self.scope:
                provider = providers.get(annotation)
                if provider is not None:
                    return provider
        for provider in (each for providers in self.scope for each in providers.values()):
            if is_near(annotation, provider.key):
                raise self.refuse(
                    name,
                    f"that nothing provides as {formatannotation(annotation)}:"
                    f" {name_of(provider.function)} does as {formatannotation(provider.key)};"
                    " where clients are to send it, say so by Annotated[..., Body()]",
                )
        return None

    def marker_of(self, name: str, annotation: Any) -> Marker | None:
        """Return the marker in an annotation, if there is one."""
        for each in extras_of(annotation):
            if hint := hint_of_marker(each):
                raise self.refuse(name, f"with {hint}")
            if isinstance(each, type) and issubclass(each, Marker):
                why = f"whose marker lacks its parentheses: write {each.__name__}()"
                raise self.refuse(name, why)
        markers = [each for each in extras_of(annotation) if isinstance(each, Marker)]
        if len(markers) > 1 and any(isinstance(each, Secret) for each in markers):
            raise self.refuse(name, "that has two markers: credentials are in one place")
        return markers[0] if markers else None

    def source_of(self, name: str, annotation: Any, marker: Marker | None) -> Source:
        """Return where the value of a parameter comes from."""
        if name in self.route.parameters:
            if marker is not None:
                raise self.refuse(name, f"that is in the path: drop the {type(marker).__name__}()")
            return PATH
        if marker is not None:
            source = MARKED.get(type(marker), SECRET)
        elif self.asks_channel and (annotation is Any or annotation is object):
            source = CHANNEL
        else:
            source = next(each for each in SOURCES if each.takes(annotation))
        why = source.refuse(annotation, marker)
        if source is CHANNEL and self.taker is not None:
            why = f"that is a WebSocket: a provider takes the request, as in `{name}: Request`"
        if why:
            raise self.refuse(name, why)
        return source

    @property
    def asks_channel(self) -> bool:
        """Whether a parameter without an annotation is the WebSocket."""
        return self.route.channel is not None and self.taker is None

    def outer_name(self, shown: str, name: str, source: Source, marker: Marker | None) -> str:
        """Return what clients call a value.

        Args:
            shown: The parameter that an error names.
            name: The parameter's name, or that of a field in its class.
            source: Where the value comes from.
            marker: It may have the value's name there.
        """
        alias = "" if marker is None else marker.alias
        if not isinstance(alias, str):
            raise self.refuse(shown, f"whose alias is no name: {alias!r:.80}")
        try:
            return source.outer_name(name, alias)
        except ValueError as error:
            raise self.refuse(shown, f"whose alias can't be sent: {error}") from None

    def default_of(self, raw: inspect.Parameter, annotation: Any) -> Any:
        """Return the default of a parameter, which has to be of its annotation."""
        if raw.default is not EMPTY and not takes(annotation, raw.default):
            raise self.refuse(
                raw.name,
                f"whose annotation doesn't take its default, {raw.default!r:.80}; what may be left"
                " out is written `name: int | None = None`, and what isn't a query value"
                " `name: Annotated[str, Header()]`",
            )
        return raw.default

    def converter_of(self, name: str) -> str:
        """Return what the template makes of a value; empty for one that isn't in it."""
        return dict(parse_template(self.route.template)).get(name, "")

    def parts_of(self, name: str, annotation: Any, marker: Marker) -> tuple[Parameter, ...]:
        """Return the fields of a class of values; nothing if an annotation is no such class."""
        kinds = kinds_of(annotation)
        if len(kinds) != 1 or not is_record(kinds[0]):
            return ()
        if marker.alias:
            raise self.refuse(name, "whose alias names nothing: its fields may have aliases")
        try:
            fields = inputs_of(kinds[0])
        except (NameError, TypeError) as error:
            raise self.refuse(name, f"whose fields can't be resolved: {error}", error) from error
        of_model = is_model(kinds[0])
        return tuple(
            self.part_of(f"{name}.{each.name}", each, marker, of_model=of_model) for each in fields
        )

    def part_of(self, name: str, field: Field, marker: Marker, *, of_model: bool) -> Parameter:
        """Return a field of a class of values; what it says of itself goes before the class.

        Args:
            name: The field's, behind the parameter's, for an error.
            field: The field.
            marker: The parameter's.
            of_model: Whether the class is a model of pydantic's, which makes the field's value.
        """
        own = self.marker_of(name, field.annotation) or type(marker)()
        source = MARKED.get(type(own), SECRET)
        if source.find is None:
            why = f"that can't be the {source.name}: make it a parameter of the handler"
            raise self.refuse(name, why)
        default = EMPTY if field.required else LEFT_OUT
        if field.default is not MISSING:
            default = field.default
            if not of_model and not takes(field.annotation, default):
                why = f"whose annotation doesn't take its default, {default!r:.80}"
                raise self.refuse(name, why)
        outer = self.outer_name(name, field.name, source, own)
        read_as = None
        if of_model:
            try:
                read_as = texts_for(field.annotation)
            except TypeError as error:
                raise self.refuse(name, f"that can't be a {source.name} value: {error}") from None
        return Parameter(
            *(field.name, source, outer, field.annotation, default), marker=own, read_as=read_as
        )

    def add_collected(
        self, parameters: list[Parameter], raws: list[inspect.Parameter]
    ) -> list[Parameter]:
        """Return the parameters with what ``*args`` and ``**kwargs`` of a handler are given.

        Args:
            parameters: What its others are given.
            raws: All that it has, in order.
        """
        first, last = raws[:1], raws[-1:]
        collected = list(parameters)
        wanted = REQUEST if self.route.channel is None else CHANNEL
        asking = any(each.source is wanted for each in parameters)
        if any(each.kind is each.VAR_POSITIONAL for each in first) and not asking:
            collected.insert(0, Parameter(first[0].name, wanted, "", by_position=True))
        if any(each.kind is each.VAR_KEYWORD for each in last):
            taken = {each.name for each in collected}
            left = [name for name in self.route.parameters if name not in taken]
            collected += [
                Parameter(name, PATH, name, converter=self.converter_of(name)) for name in left
            ]
        return collected


def takes(annotation: Any, default: Any) -> bool:
    """Tell whether a default is of an annotation, as far as that is easily seen."""
    for member in members(annotation):
        kind = class_of(member)
        if kind is Any:
            fits = True
        elif kind is Literal:
            fits = default in get_args(member)
        elif not isinstance(kind, type) or is_typed_dict(kind):
            fits = default is not None
        else:
            fits = isinstance(default, (kind, int) if kind is float else kind)
        if fits:
            return True
    return False


def marked_default(raw: inspect.Parameter) -> str:
    """Return what is wrong with a parameter whose default is a marker, and what to write."""
    marker = type(raw.default).__name__
    kind = raw.annotation if raw.annotation is not EMPTY else str
    kind = kind.__name__ if isinstance(kind, type) else str(kind)
    why = (
        f"whose default is {raw.default!r:.80}: a marker stands in its annotation, and the default"
        f" behind it, as in `{raw.name}: Annotated[{kind:.80}, {marker}()] = ...`"
    )
    if isinstance(raw.default, Body | Secret):
        return why
    return f"{why}; what it takes in parentheses is the name that clients use"
