"""From a request to the values of a handler's parameters: one getter each, made at registration.

A getter returns its value or raises `BindingError`. What a handler doesn't ask for costs nothing.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from enum import Enum
from typing import Any, Literal, TypeAlias, TypeVar
from uuid import UUID

from hump_trio.content.annotations import class_of, extras_of, kinds_of
from hump_trio.content.form import Form
from hump_trio.content.json_text import explain_mismatch, typed_codec
from hump_trio.facts.callables import name_of
from hump_trio.facts.exceptions import BindingError, HttpException, RouteError, UnresolvedError
from hump_trio.handlers.body_values import body_reader, check_settable, file_reader, texts_reader
from hump_trio.handlers.parameter import Parameter
from hump_trio.handlers.text_values import EMPTY, LEFT_OUT, read_many, reader_of
from hump_trio.messages.request import Request
from hump_trio.routing.table import Route
from hump_trio.routing.template import parse_template

__all__ = ["FormGetter", "Getter", "form_getter_of", "getter_of", "join_errors", "takes_as_it_is"]

Getter: TypeAlias = Callable[[Request], Any]
T = TypeVar("T")
FormGetter: TypeAlias = Callable[[Form], Any]
# What the values of a typed path parameter are, and what else they may be read as.
PATH_KINDS: dict[str, tuple[Any, ...]] = {
    "int": (int, float, Decimal),
    "float": (float, Decimal),
    "uuid": (UUID,),
}


def getter_of(route: Route, parameter: Parameter) -> Getter | None:
    """Return what gets the value of a parameter; None if that is ``path_params[name]`` as it is.

    Raises:
        RouteError: There can be no value of its type there; with what to write instead.
    """
    with refused_for(route, parameter):
        if parameter.source == "path":
            return None if takes_as_it_is(route, parameter) else path_getter(parameter)
        if parameter.source == "body":
            return body_reader(parameter.annotation, parameter.default, form=parameter.form)
        if parameter.parts:
            return class_getter(parameter)
        return text_getter(parameter, parameter.default)


def form_getter_of(route: Route, parameter: Parameter) -> FormGetter:
    """Return what gets a file of a form, or, for a body, a value of its texts.

    Raises:
        RouteError: As of `getter_of`.
    """
    with refused_for(route, parameter):
        if parameter.source == "body":
            return texts_reader(parameter.annotation, parameter.default)
        return file_reader(parameter.annotation, parameter.default, parameter.field)


@contextmanager
def refused_for(route: Route, parameter: Parameter) -> Iterator[None]:
    """Raise a RouteError that names a parameter where there can be no value of its type."""
    try:
        yield
    except TypeError as error:
        kind = UnresolvedError if isinstance(error.__cause__, NameError) else RouteError
        raise kind(
            f"{name_of(route.handler)} has a parameter {parameter.name!r} that can't be taken from"
            f" the {parameter.source}: {error}"
        ) from error


def join_errors(getters: Iterable[Callable[[T], Any]], request: T) -> BindingError:
    """Return one error for all that is wrong with a request, or with its form."""
    places: list[tuple[str, str]] = []
    statuses = {422}
    for get in getters:
        try:
            get(request)
        except BindingError as error:  # not kept: its traceback would hold what holds it
            places += error.places
            statuses.add(error.status)
    return BindingError(
        dict.fromkeys(places), next(each for each in (415, 400, 422) if each in statuses)
    )


def text_getter(parameter: Parameter, default: Any) -> Getter:
    """Return what gets a value of the query, a header field or a cookie."""
    place, find = parameter.place, texts_finder(parameter)
    take = reader_of(parameter.annotation, default, many=parameter.source != "cookie")
    return lambda request: take(find(request), place)


def texts_finder(parameter: Parameter) -> Callable[[Request], list[str]]:
    """Return what finds the texts of a value of the query, a header field or a cookie."""
    field = parameter.field
    is_list = read_many(parameter.annotation) is not None

    def find_query(request: Request) -> list[str]:
        try:
            return request.query.get_all(field)
        except HttpException as error:
            raise BindingError([("query", "can't be decoded")], error.status) from error

    def find_header(request: Request) -> list[str]:
        # RFC 9110 section 5.3: repeated fields are one list, whoever has joined them.
        value = request.headers.get(field)
        texts = [] if value is None else [value]
        return split_items(texts) if is_list else texts

    def find_cookie(request: Request) -> list[str]:
        value = request.cookies.get(field)
        return [] if value is None else [value]

    return {"query": find_query, "header": find_header, "cookie": find_cookie}[parameter.source]


def class_getter(parameter: Parameter) -> Getter:
    """Return what gets a class of values, each a field of it, of the query, the header or cookies.

    Raises:
        TypeError: A field can't be read of a text, or msgspec isn't installed.
    """
    annotation, default, parts = parameter.annotation, parameter.default, parameter.parts
    convert = typed_codec().converter(annotation, parameter.source)
    check_settable(annotation)
    finders = [texts_finder(each) for each in parts]
    getters = {each.name: text_getter(each, EMPTY if each.required else LEFT_OUT) for each in parts}

    def get(request: Request) -> Any:
        if default is not EMPTY and not any(any(find(request)) for find in finders):
            return default
        try:
            values = {name: get(request) for name, get in getters.items()}
        except BindingError:
            raise join_errors(getters.values(), request) from None
        try:
            return convert({name: each for name, each in values.items() if each is not LEFT_OUT})
        except ValueError as error:
            path, reason = explain_mismatch(error)
            raise BindingError([(parameter.source + path, reason)]) from error

    return get


def takes_as_it_is(route: Route, parameter: Parameter) -> bool:
    """Tell whether a path value needs neither conversion nor check.

    Raises:
        TypeError: The template makes another type of it than the annotation says.
    """
    annotation = parameter.annotation
    kinds = kinds_of(annotation)
    if Any in kinds or object in kinds:
        return True
    converter = dict(parse_template(route.template))[parameter.name]
    fitting = PATH_KINDS.get(converter)
    if fitting is None:
        return kinds == [str] and not list(extras_of(annotation))
    fits = [kind in fitting or (converter == "int" and is_choice(kind)) for kind in kinds]
    if not any(fits):
        raise TypeError(
            f"the path has {{{parameter.name}:{converter}}}, which is no {annotation!r:.80};"
            f" write {{{parameter.name}}}, or {parameter.name}: {fitting[0].__name__}"
        )
    return fitting[0] in kinds and not list(extras_of(annotation))


def is_choice(kind: Any) -> bool:
    """Tell whether a type is one of a few values."""
    return class_of(kind) is Literal or (isinstance(kind, type) and issubclass(kind, Enum))


def split_items(values: list[str]) -> list[str]:
    """Return the items of a header field that is a list, without empty ones."""
    items = [item.strip(" \t") for value in values for item in value.split(",")]
    return [item for item in items if item]


def path_getter(parameter: Parameter) -> Getter:
    """Return what gets a value of the path that has to be converted or checked."""
    name, place = parameter.name, parameter.place
    take = reader_of(parameter.annotation, EMPTY, many=False)
    return lambda request: take([str(request.path_params[name])], place)
