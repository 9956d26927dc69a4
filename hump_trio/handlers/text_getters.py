"""Getters of values that are texts: of the path, the query, a header field or a cookie."""

from decimal import Decimal
from typing import Any
from uuid import UUID

from hump_trio.content.annotations import extras_of, kinds_of
from hump_trio.content.multimap import only_value
from hump_trio.facts.exceptions import BindingError, HttpException
from hump_trio.handlers.object_getters import get_all, object_builder
from hump_trio.handlers.parameter import EMPTY, LEFT_OUT, Find, Parameter
from hump_trio.handlers.parsing import is_enumerated, parser_of
from hump_trio.handlers.reading import collection_reader, reader_of
from hump_trio.handlers.steps import Get
from hump_trio.messages.request import Request

__all__ = [
    "find_in_cookies",
    "find_in_header",
    "find_in_path",
    "find_in_query",
    "path_getter",
    "takes_as_it_is",
    "text_getter",
]

# What the values of a typed path parameter are, and what else they may be read as.
PATH_KINDS: dict[str, tuple[Any, ...]] = {
    "int": (int, float, Decimal),
    "float": (float, Decimal),
    "uuid": (UUID,),
}


def path_getter(parameter: Parameter) -> Get[Request] | None:
    """Return what gets a value of the path; None if it is ``path_params[name]`` as it is.

    Raises:
        TypeError: The template makes another type of it than the annotation says, or no text is
            of the type.
    """
    return None if takes_as_it_is(parameter) else value_getter(parameter, EMPTY)


def text_getter(parameter: Parameter) -> Get[Request]:
    """Return what gets a value of the query, a header field or a cookie, or a class of values.

    Raises:
        TypeError: No text is of the type, or it takes msgspec, which isn't installed.
    """
    if parameter.parts:
        return class_getter(parameter)
    return value_getter(parameter, parameter.default)


def value_getter(parameter: Parameter, default: Any) -> Get[Request]:
    """Return what gets the value of one name."""
    place, find = parameter.place, finder_of(parameter)
    read = reader_of(parameter.texts, default, many=parameter.source.repeats)

    def get(request: Request) -> Any:
        return read(find(request), place)

    if parameter.source.find is find_in_path:
        return quick_path_getter(parameter, get)
    if parameter.source.find is find_in_query and not collection_reader(parameter.texts):
        return quick_query_getter(parameter, default, get)
    return get


def quick_path_getter(parameter: Parameter, get: Get[Request]) -> Get[Request]:
    """Return what gets a value of the path that fits, in a third of the instructions.

    Args:
        parameter: A parameter of the path.
        get: Gets any value, and raises what is wrong with it.
    """
    name, parse = parameter.field, parser_of(parameter.annotation)
    assert parse is not None

    def get_quickly(request: Request) -> Any:
        try:
            return parse(str(request.path_params[name]))
        except ValueError:
            return get(request)

    return get_quickly


def quick_query_getter(parameter: Parameter, default: Any, get: Get[Request]) -> Get[Request]:
    """Return what gets a value that most queries have: of one text, once, not empty, and right.

    A value with a default may not come at all. It takes a third of the instructions of what gets
    any value.

    Args:
        parameter: A parameter of the query.
        default: The value where none came; `EMPTY` for none.
        get: Gets any value, and raises what is wrong with it.
    """
    name, parse, optional = parameter.field, parser_of(parameter.texts), default is not EMPTY
    assert parse is not None

    def get_quickly(request: Request) -> Any:
        if optional and not request.query_string:
            return default
        try:
            text = only_value(request.query, name, LEFT_OUT)
            if text is LEFT_OUT:
                if optional:
                    return default
            elif text:
                return parse(text)
        except (HttpException, ValueError):
            pass
        return get(request)

    return get_quickly


def finder_of(parameter: Parameter) -> Find:
    """Return what finds the texts of a parameter."""
    assert parameter.source.find is not None
    return parameter.source.find(parameter)


def class_getter(parameter: Parameter) -> Get[Request]:
    """Return what gets a class of values, each a field of it.

    Raises:
        TypeError: A field can't be read of a text, or msgspec isn't installed.
    """
    default, parts = parameter.default, parameter.parts
    build = object_builder(parameter.annotation, parameter.source.name)
    finders = [finder_of(each) for each in parts]
    getters = {
        each.name: value_getter(each, EMPTY if each.required else LEFT_OUT) for each in parts
    }
    places = {f"{parameter.source.name}.{each.name}": each.place for each in parts}

    def get_class(request: Request) -> Any:
        if default is not EMPTY and not any(any(find(request)) for find in finders):
            return default
        values = get_all(getters, request)
        try:
            return build(values)
        except BindingError as error:
            found = [(places.get(place, place), reason) for place, reason in error.places]
            raise BindingError(found, error.status) from None

    return get_class


def find_in_path(parameter: Parameter) -> Find:
    """Return what finds the text of a parameter of the path."""
    name = parameter.field
    return lambda request: [str(request.path_params[name])]


def find_in_query(parameter: Parameter) -> Find:
    """Return what finds the texts of a name in the query."""
    name = parameter.field

    def find(request: Request) -> list[str]:
        try:
            return request.query.get_all(name)
        except HttpException as error:
            raise BindingError([("query", "can't be decoded")], error.status) from error

    return find


def find_in_header(parameter: Parameter) -> Find:
    """Return what finds the value of a header field, or the items of one that is a list."""
    name = parameter.field
    is_list = collection_reader(parameter.texts) is not None

    def find(request: Request) -> list[str]:
        # RFC 9110 section 5.3: repeated fields are one list, which a proxy may have joined.
        value = request.headers.get(name)
        if value is None:
            return []
        return split_items(value) if is_list else [value]

    return find


def find_in_cookies(parameter: Parameter) -> Find:
    """Return what finds the value of a cookie."""
    name = parameter.field

    def find(request: Request) -> list[str]:
        value = request.cookies.get(name)
        return [] if value is None else [value]

    return find


def split_items(value: str) -> list[str]:
    """Return the items of a header field that is a list, without empty ones."""
    items = [item.strip(" \t") for item in value.split(",")]
    return [item for item in items if item]


def takes_as_it_is(parameter: Parameter) -> bool:
    """Tell whether a path value needs neither conversion nor check.

    Raises:
        TypeError: The template makes another type of it than the annotation says.
    """
    annotation = parameter.annotation
    kinds = kinds_of(annotation)
    if Any in kinds or object in kinds:
        return True
    converter = parameter.converter
    fitting = PATH_KINDS.get(converter)
    if fitting is None:
        return kinds == [str] and not list(extras_of(annotation))
    fits = [kind in fitting or (converter == "int" and is_enumerated(kind)) for kind in kinds]
    if not any(fits):
        raise TypeError(
            f"the path has {{{parameter.name}:{converter}}}, which is no {annotation!r:.80};"
            f" write {{{parameter.name}}}, or {parameter.name}: {fitting[0].__name__}"
        )
    return fitting[0] in kinds and not list(extras_of(annotation))
