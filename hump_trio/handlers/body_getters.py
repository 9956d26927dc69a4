"""Getters of a body that has come whole: JSON, or a urlencoded form, by its content type."""

from codecs import BOM_UTF8
from collections.abc import Callable, Mapping
from typing import Any, get_args

from hump_trio.content.annotations import class_of, is_model, is_record, kinds_of
from hump_trio.content.json_text import json_codec, typed_codec
from hump_trio.content.msgspec_json import decode_unmarked
from hump_trio.content.multimap import MultiMap
from hump_trio.content.records import inputs_of
from hump_trio.facts.exceptions import BindingError, HttpException
from hump_trio.handlers.mismatches import find_mismatches
from hump_trio.handlers.object_getters import check_settable, get_all, object_builder
from hump_trio.handlers.parameter import EMPTY, LEFT_OUT, Parameter
from hump_trio.handlers.reading import default_or_absent, reader_of, texts_for
from hump_trio.handlers.steps import Get, Read
from hump_trio.messages.request import Request
from hump_trio.messages.response import JSON_TYPE

__all__ = ["FORM_TYPE", "body_getter", "explain", "fields_getter"]

FORM_TYPE = "application/x-www-form-urlencoded"


def body_getter(parameter: Parameter) -> Get[Request]:
    """Return what makes a value of a request's body.

    Raises:
        TypeError: JSON, or a form, can't become such a type, or msgspec isn't installed.
    """
    annotation, default = parameter.annotation, parameter.default
    decode = typed_codec().decoder(annotation)
    check_settable(annotation)
    get_fields = fields_getter(annotation) if parameter.form else None
    taken = JSON_TYPE if get_fields is None else f"{JSON_TYPE} or {FORM_TYPE}"

    def get_body(request: Request) -> Any:
        body, media_type = request.body, request.content_type
        if body and (media_type == JSON_TYPE or is_json(media_type)):
            try:
                return decode_unmarked(decode, body)
            except (ValueError, RecursionError) as error:
                raise explain(body.removeprefix(BOM_UTF8), annotation, error) from error
        if media_type == FORM_TYPE and get_fields and (body or default is EMPTY):
            return get_fields(form_in(request))
        if not body:
            return default_or_absent(default, "body")
        raise BindingError([("body", f"expected {taken}")], 415)

    return get_body


def is_json(media_type: str) -> bool:
    """Tell whether a media type is JSON by its suffix (RFC 6839 section 3.1)."""
    return media_type.startswith("application/") and media_type.endswith("+json")


def explain(text: bytes, annotation: Any, error: Exception, place: str = "body") -> BindingError:
    """Return the error for a text that can't become a value of a type.

    Args:
        text: The body.
        annotation: The type.
        error: What the decoder raised.
        place: What the error calls the text.
    """
    try:
        value = json_codec.decode(text)
    except HttpException:
        return BindingError([(place, "not valid JSON")], 400)
    if not isinstance(error, ValueError):
        return BindingError([(place, "nested too deeply")], 400)
    return BindingError(find_mismatches(value, annotation, place, error))


def form_in(request: Request) -> MultiMap:
    """Return the fields of a urlencoded form.

    Raises:
        BindingError: 400: they can't be decoded.
    """
    try:
        return request.form()
    except HttpException as error:
        raise BindingError([("form", "can't be decoded")], error.status) from error


def fields_getter(annotation: Any) -> Get[MultiMap]:
    """Return what makes a value of the texts of a form, of either content type.

    Raises:
        TypeError: A form can't have what the type holds, or msgspec isn't installed.
    """
    kinds = kinds_of(annotation)
    try:
        getters_for = field_getters(kinds[0] if len(kinds) == 1 else None)
    except TypeError as error:
        raise TypeError(f"the texts of a form can't become {annotation!r:.80}: {error}") from error
    build = object_builder(annotation, "form")

    def get_fields(fields: MultiMap) -> Any:
        # What the class has no field for is there too: the class may forbid it.
        return build({**fields, **get_all(getters_for(fields), fields)})

    return get_fields


def field_getters(kind: Any) -> Callable[[MultiMap], Mapping[str, Get[MultiMap]]]:
    """Return what gives the getters of a form's fields: those of a class, or of any dict.

    Raises:
        TypeError: It is neither, or has a field that no text is read as.
    """
    if is_record(kind):
        getters: dict[str, Get[MultiMap]] = {}
        for each in inputs_of(kind):
            default = EMPTY if each.required else LEFT_OUT
            texts = texts_for(each.annotation) if is_model(kind) else each.annotation
            read = reader_of(texts, default, of_form=True)
            getters[each.name] = field_getter(each.name, read)
        return lambda fields: getters
    if class_of(kind) is dict:
        read = reader_of((get_args(kind) or (str, str))[1], EMPTY, of_form=True)
        return lambda fields: {name: field_getter(name, read) for name in fields}
    raise TypeError("a form is a class with fields, or a dict")


def field_getter(name: str, read: Read) -> Get[MultiMap]:
    """Return what gets a value of a form's fields."""
    return lambda fields: read(fields.get_all(name), f"form.{name}")
