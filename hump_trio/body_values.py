"""From a body to a value of a type: of JSON, or of a urlencoded form, by its content type."""

from collections.abc import Callable
from typing import Any, get_args

from hump_trio.annotations import class_of, fields_of, is_record, kinds_of
from hump_trio.exceptions import BindingError, HttpException
from hump_trio.json_text import explain_mismatch, json_codec, typed_codec
from hump_trio.places import find_places
from hump_trio.request import Request
from hump_trio.text_values import EMPTY, Reader, reader_of

__all__ = ["body_reader"]

JSON_TYPE = "application/json"
FORM_TYPE = "application/x-www-form-urlencoded"
# The value of a field that is left to its class.
LEFT_OUT = object()


def body_reader(annotation: Any, default: Any) -> Callable[[Request], Any]:
    """Return what makes a value of a request's body.

    Args:
        annotation: The value's type.
        default: Where the body is empty; `EMPTY`: it may not be.

    Raises:
        TypeError: JSON can't become such a type, or msgspec isn't installed.
    """
    decode = typed_codec().decoder(annotation)
    read_form = form_reader(annotation)
    taken = f"{JSON_TYPE} or {FORM_TYPE}" if read_form else JSON_TYPE

    def read(request: Request) -> Any:
        body, kind = request.body, request.content_type
        if body and (kind == JSON_TYPE or is_json(kind)):
            try:
                return decode(body)
            except (ValueError, RecursionError) as error:
                raise explain(body, annotation, error) from error
        if not body and default is not EMPTY:
            return default
        if kind == FORM_TYPE and read_form is not None:
            return read_form(request)
        if not body:
            raise BindingError([("body", "missing")])
        raise BindingError([("body", f"expected {taken}")], 415)

    return read


def is_json(media_type: str) -> bool:
    """Tell whether a media type is JSON by its suffix (RFC 6839 section 3.1)."""
    return media_type.startswith("application/") and media_type.endswith("+json")


def explain(text: bytes, annotation: Any, error: Exception) -> BindingError:
    """Return the error for a text that can't become a value of a type.

    Args:
        text: Of the body.
        annotation: The type.
        error: What the decoder raised.
    """
    try:
        value = json_codec.decode(text)
    except HttpException:
        return BindingError([("body", "not valid JSON")], 400)
    if not isinstance(error, ValueError):
        return BindingError([("body", "nested too deeply")], 400)
    return BindingError(find_places(value, annotation, "body", error))


def form_reader(annotation: Any) -> Callable[[Request], Any] | None:
    """Return what makes a value of a form; None if a form can't have what the type holds."""
    kinds = kinds_of(annotation)
    kind = kinds[0] if len(kinds) == 1 else None
    readers: dict[str, Reader] = {}
    optional: set[str] = set()
    any_name: Reader | None = None
    try:
        if is_record(kind):
            for field in fields_of(kind):
                default = EMPTY if field.required else LEFT_OUT
                readers[field.name] = reader_of(field.annotation, default)
            optional = {field.name for field in fields_of(kind) if not field.required}
        elif class_of(kind) is dict:
            any_name = reader_of((get_args(kind) or (str, str))[1], EMPTY)
        else:
            return None
    except TypeError:
        return None
    convert = typed_codec().converter(annotation)

    def read(request: Request) -> Any:
        try:
            fields = request.form()
        except HttpException as error:
            raise BindingError([("form", "can't be decoded")], error.status) from error
        values: dict[str, Any] = dict(fields)
        places: list[tuple[str, str]] = []
        takers = readers if any_name is None else dict.fromkeys(fields, any_name)
        for name, take in takers.items():
            texts = fields.get_all(name)
            try:
                values[name] = take(texts, f"form.{name}")
            except BindingError as error:
                values[name] = LEFT_OUT
                # What wasn't filled in comes as an empty text.
                if name not in optional or texts != [""]:
                    places += error.places
        if places:
            raise BindingError(places)
        try:
            return convert({name: each for name, each in values.items() if each is not LEFT_OUT})
        except ValueError as error:
            path, reason = explain_mismatch(error)
            raise BindingError([(f"form{path}", reason)]) from error

    return read
