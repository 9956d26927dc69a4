"""What a handler's signature asks a request for, settled at registration.

A `Signature` is all that binding and the OpenAPI document know of a handler.
"""

import inspect
from dataclasses import MISSING, dataclass
from difflib import get_close_matches
from types import SimpleNamespace
from typing import Any, Literal, get_args, get_type_hints, is_typeddict

from hump_trio.content.annotations import (
    Field,
    class_of,
    extras_of,
    fields_of,
    is_body,
    is_record,
    item_types,
    kinds_of,
    members,
)
from hump_trio.content.upload import UploadFile
from hump_trio.facts.callables import name_of
from hump_trio.facts.exceptions import RouteError, UnresolvedError
from hump_trio.facts.hints import hint_of_class
from hump_trio.handlers.decorated import Added, names_known, parameters_taken, wrapped_by
from hump_trio.handlers.markers import Body, Cookie, Header, Marker, Query
from hump_trio.handlers.parameter import Parameter, Signature, Source
from hump_trio.handlers.results import check_returns
from hump_trio.handlers.text_values import EMPTY, LEFT_OUT
from hump_trio.messages.headers import check_field
from hump_trio.messages.request import Request
from hump_trio.routing.table import Route

__all__ = ["parse_signature"]

# What annotations raise that can't be resolved.
UNRESOLVED = (NameError, AttributeError, SyntaxError, TypeError)
MARKERS: dict[Any, Source] = {
    Query: "query",
    Header: "header",
    Cookie: "cookie",
    Body: "body",
}


@dataclass(frozen=True, slots=True)
class Rules:
    """What the parameters of one handler are judged by.

    Args:
        route: That the handler is for.
        fixed: What a `functools.partial` gives by name; nothing that a client could change.
        names: What annotations that are text may mention.
    """

    route: Route
    fixed: frozenset[str]
    names: dict[str, Any]

    def refuse(self, name: str, why: str) -> RouteError:
        """Return an error that names a parameter."""
        return RouteError(f"{name_of(self.route.handler)} has a parameter {name!r} {why}")

    def resolve(self, annotation: Any) -> Any:
        """Return an annotation in which no name is mere text.

        Raises:
            NameError, AttributeError: A name is nowhere, or not yet.
            SyntaxError, TypeError: It can't be an annotation.
        """
        holder: Any = SimpleNamespace(__annotations__={"it": annotation})
        return get_type_hints(holder, self.names, include_extras=True)["it"]

    def resolve_of(self, raw: inspect.Parameter) -> Any:
        """Return the annotation of a parameter, resolved; Any if it has none.

        Raises:
            UnresolvedError: A name is nowhere, or not yet.
            RouteError: It can't be an annotation.
        """
        try:
            return self.resolve(Any if raw.annotation is EMPTY else raw.annotation)
        except UNRESOLVED as error:
            known = isinstance(error, SyntaxError | TypeError)
            refused = self.refuse(
                raw.name,
                f"whose annotation {raw.annotation!r} can't be resolved ({error}): what it names"
                " has to be defined or imported at the top level of its module, and at run time",
            )
            raise (refused if known else UnresolvedError(str(refused))) from error

    def resolve_return(self, annotation: Any) -> Any:
        """Return a return annotation in which no name is mere text.

        Raises:
            UnresolvedError: A name in it is nowhere, or not yet: nobody would know what may go out.
            RouteError: It can't be an annotation.
        """
        try:
            return self.resolve(annotation)
        except UNRESOLVED as error:
            known = isinstance(error, SyntaxError | TypeError)
            refused = (
                f"{name_of(self.route.handler)} returns {annotation!r:.80}, which can't be resolved"
                f" ({error}): what it names has to be defined or imported at the top level of its"
                " module, and at run time"
            )
            raise (RouteError if known else UnresolvedError)(refused) from error

    def parse(self, raw: inspect.Parameter, *, first: bool) -> Parameter | None:
        """Return what a parameter is given; None for nothing: it keeps its default."""
        name = raw.name
        if raw.kind is raw.VAR_POSITIONAL or raw.kind is raw.VAR_KEYWORD:
            return None
        if name in self.fixed and name not in self.route.parameters:
            return None
        if isinstance(raw.default, Marker):
            raise self.refuse(name, marked_default(raw))
        annotation = self.resolve_of(raw)
        source, field = self.source_of(name, annotation)
        says_nothing = annotation is Any or annotation is object
        if source == "request" and says_nothing and raw.default is not EMPTY:
            return None
        if raw.kind is raw.POSITIONAL_ONLY and source != "request":
            raise self.refuse(
                name, "that is passed by name: drop the /, or let its decorator pass on **kwargs"
            )
        first = raw.kind is raw.POSITIONAL_ONLY or (first and raw.kind is not raw.KEYWORD_ONLY)
        default = EMPTY if source in ("request", "path") else raw.default
        if default is not EMPTY and not takes(annotation, default):
            raise self.refuse(
                name,
                f"whose annotation doesn't take its default, {default!r:.80}; what may be left out"
                " is written `name: int | None = None`, and what isn't a query value"
                " `name: Annotated[str, Header()]`",
            )
        marker = self.marker_of(name, annotation)
        if isinstance(marker, Body):
            return Parameter(name, source, field, annotation, default, first, form=marker.form)
        parts = () if marker is None else self.parts_of(name, annotation, marker)
        return Parameter(name, source, field, annotation, default, first, parts)

    def parts_of(self, name: str, annotation: Any, marker: Marker) -> tuple[Parameter, ...]:
        """Return the fields of a class of values; nothing if an annotation is no such class."""
        kinds = kinds_of(annotation)
        if len(kinds) != 1 or not is_record(kinds[0]):
            return ()
        if marker.alias:
            raise self.refuse(name, "whose alias names nothing: its fields may have aliases")
        try:
            fields = fields_of(kinds[0])
        except (NameError, TypeError) as error:
            refused = self.refuse(name, f"whose fields can't be resolved: {error}")
            unknown = isinstance(error, NameError)
            raise (UnresolvedError(str(refused)) if unknown else refused) from error
        return tuple(self.part_of(f"{name}.{each.name}", each, marker) for each in fields)

    def part_of(self, name: str, field: Field, marker: Marker) -> Parameter:
        """Return a field of a class of values; what it says of itself goes before the class."""
        marker = self.marker_of(name, field.annotation) or type(marker)()
        if isinstance(marker, Body):
            raise self.refuse(name, "that can't be the body: make it a parameter of the handler")
        default = EMPTY if field.required else LEFT_OUT
        if field.default is not MISSING:
            default = field.default
            if not takes(field.annotation, default):
                raise self.refuse(
                    name, f"whose annotation doesn't take its default, {default!r:.80}"
                )
        outer = self.outer_name(name, field.name, marker)
        return Parameter(field.name, MARKERS[type(marker)], outer, field.annotation, default)

    def marker_of(self, name: str, annotation: Any) -> Marker | None:
        """Return the marker in an annotation, if there is one."""
        for each in extras_of(annotation):
            if isinstance(each, type) and issubclass(each, Marker):
                why = f"whose marker lacks its parentheses: write {each.__name__}()"
                raise self.refuse(name, why)
        return next((each for each in extras_of(annotation) if isinstance(each, Marker)), None)

    def outer_name(self, parameter: str, name: str, marker: Marker) -> str:
        """Return what clients call a value that has a marker.

        Args:
            parameter: Which an error names.
            name: The parameter's, or the field's in its class.
            marker: Says where the value comes from, and perhaps its name there.
        """
        if not isinstance(marker.alias, str):
            raise self.refuse(parameter, f"whose alias is no name: {marker.alias!r:.80}")
        outer = marker.alias or name
        if isinstance(marker, Header):
            outer = marker.alias.lower() or name.replace("_", "-")
        try:
            check_field("x" if isinstance(marker, Query) else outer, "")
        except ValueError as error:
            raise self.refuse(parameter, f"whose alias can't be sent: {error}") from None
        return outer

    def source_of(self, name: str, annotation: Any) -> tuple[Source, str]:
        """Return where a parameter comes from, and its name there."""
        marker = self.marker_of(name, annotation)
        if name in self.route.parameters:
            if marker is not None:
                raise self.refuse(name, f"that is in the path: drop the {type(marker).__name__}()")
            return "path", name
        if isinstance(marker, Body):
            self.check_body(name, annotation)
            return "body", ""
        if marker is not None:
            return MARKERS[type(marker)], self.outer_name(name, name, marker)
        if annotation is Any or annotation is object or Request in members(annotation):
            return "request", ""
        if any(UploadFile in (each, *(item_types(each) or ())) for each in members(annotation)):
            return "upload", name
        for each in members(annotation):
            if hint := hint_of_class(each):
                raise self.refuse(name, f"that clients can't send{hint}")
        return ("body", "") if is_body(annotation) else ("query", name)

    def check_body(self, name: str, annotation: Any) -> None:
        """Refuse the marker of a body where it can't be one, or isn't what it seems to be."""
        for each in members(annotation):
            if each is Request:
                raise self.refuse(name, "that is the request: drop the Body()")
            if UploadFile in (each, *(item_types(each) or ())):
                raise self.refuse(name, "that is a file of a form: drop the Body()")
            if each is bytes:
                raise self.refuse(
                    name, "that would be base64 within JSON: the body as it came is request.body"
                )


def parse_signature(route: Route) -> Signature:
    """Return what the handler of a route takes and gives.

    Raises:
        UnresolvedError: A name in an annotation is nowhere, or not yet.
        RouteError: A parameter can't be given a value, or no answer can be made of what is
            returned; with what to write instead.
    """
    handler = route.handler
    fixed, names = names_known(handler)
    rules = Rules(route, fixed, {"Request": Request, **names})
    raws = parameters_taken(handler)
    found = [rules.parse(raw, first=raw is raws[0]) for raw in raws]
    parameters = [each for each in found if each is not None]
    check_requests(
        rules, [each for each, raw in zip(found, raws, strict=True) if not isinstance(raw, Added)]
    )
    asking = any(each.source == "request" for each in parameters)
    if raws and raws[0].kind is raws[0].VAR_POSITIONAL and not asking:
        parameters.insert(0, Parameter(raws[0].name, "request", "", by_position=True))
    if raws and raws[-1].kind is raws[-1].VAR_KEYWORD:
        taken = {each.name for each in parameters}
        left = [name for name in route.parameters if name not in taken]
        parameters += [Parameter(name, "path", name) for name in left]
    check_sources(rules, parameters)
    check_path(rules, parameters)
    given = inspect.signature(handler).return_annotation
    returns = Any
    if given is not EMPTY:
        returns = rules.resolve_return(given)
    check_returns(name_of(handler), returns)
    return Signature(tuple(parameters), returns)


def takes(annotation: Any, default: Any) -> bool:
    """Tell whether a default is of an annotation, as far as that is easily seen."""
    for member in members(annotation):
        kind = class_of(member)
        if kind is Any:
            fits = True
        elif kind is Literal:
            fits = default in get_args(member)
        elif not isinstance(kind, type) or is_typeddict(kind):
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
    if isinstance(raw.default, Body):
        return why
    return f"{why}; what it takes in parentheses is the name that clients use"


def check_requests(rules: Rules, parameters: list[Parameter | None]) -> None:
    """Refuse two requests of a handler itself, one of which is meant to be something else."""
    requests = [each for each in parameters if each is not None and each.source == "request"]
    if len(requests) > 1:
        vague = [each for each in requests if each.annotation is Any or each.annotation is object]
        name = (vague or requests)[-1].name
        raise rules.refuse(
            name,
            f"that is neither the request nor in its path; annotate it, as in `{name}: str` for"
            f" a query value, or write {{{name}}} in the path",
        )


def check_sources(rules: Rules, parameters: list[Parameter]) -> None:
    """Refuse two bodies, and a body where there is none."""
    bodies = [each for each in parameters if each.source == "body"]
    files = [each for each in parameters if each.source == "upload"]
    if not bodies and not files:
        return
    name, route = (bodies or files)[-1].name, rules.route
    given = wrapped_by(route.handler) and (
        "; if a decorator gives it, that has to leave it out of its function's __signature__"
    )
    if len(bodies) > 1:
        raise rules.refuse(
            name,
            f"that is a second body beside {bodies[0].name!r}: make them fields of one class"
            f"{given or ''}",
        )
    for method in route.methods:
        if method in ("GET", "HEAD"):
            raise rules.refuse(
                name,
                f"that is a body, which a {method} has none of: take query values, as in"
                f" `{name}: Annotated[..., Query()]` for all fields of a class, or POST"
                f"{given or ''}",
            )
    if route.stream and not files:
        raise rules.refuse(
            name, "that is the whole body: read request.stream, or leave out stream=True"
        )


def check_path(rules: Rules, parameters: list[Parameter]) -> None:
    """Refuse a query value that seems to be meant for a parameter of the path.

    One that a handler doesn't take is no mistake by itself: a router's prefix may have it.
    """
    taken = {each.name for each in parameters}
    left = [name for name in rules.route.parameters if name not in taken]
    for each in parameters:
        marked = rules.marker_of(each.name, each.annotation) is not None
        if each.source != "query" or not each.required or marked:
            continue
        words = each.name.split("_")
        near = [name for name in left if name in words or each.name in name.split("_")]
        if near or (near := get_close_matches(each.name, left, 1)):
            raise rules.refuse(
                each.name,
                f"that isn't in the path, where nothing takes {{{near[0]}}}: give both one name, or"
                " say that it is a query value, by Annotated[..., Query()]",
            )
