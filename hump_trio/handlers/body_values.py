"""From a body to a value of a type: of JSON, or of a form, by its content type."""

from codecs import BOM_UTF8
from collections.abc import Callable
from typing import Any, get_args

from hump_trio.content.annotations import class_of, fields_of, is_record, kinds_of, records_in
from hump_trio.content.form import Form
from hump_trio.content.json_text import explain_mismatch, json_codec, typed_codec
from hump_trio.content.multimap import MultiMap
from hump_trio.content.multipart import import_parser
from hump_trio.content.upload import UploadFile
from hump_trio.facts.exceptions import BindingError, HttpException
from hump_trio.handlers.places import find_places
from hump_trio.handlers.text_values import EMPTY, LEFT_OUT, Reader, reader_of
from hump_trio.messages.request import Request

__all__ = ["FORM_TYPE", "JSON_TYPE", "body_reader", "check_settable", "file_reader", "texts_reader"]

JSON_TYPE = "application/json"
FORM_TYPE = "application/x-www-form-urlencoded"


def body_reader(annotation: Any, default: Any, *, form: bool = False) -> Callable[[Request], Any]:
    """Return what makes a value of a request's body.

    Args:
        annotation: The value's type.
        default: Where the body is empty; `EMPTY`: it may not be.
        form: Whether it may be a urlencoded form.

    Raises:
        TypeError: JSON, or a form, can't become such a type, or msgspec isn't installed.
    """
    decode = typed_codec().decoder(annotation)
    check_settable(annotation)
    read_form = form_reader(annotation) if form else None
    taken = f"{JSON_TYPE} or {FORM_TYPE}" if form else JSON_TYPE

    def decode_unmarked(body: bytes, error: Exception) -> Any:
        if body.startswith(BOM_UTF8):  # RFC 8259 section 8.1: it may be ignored
            body = body[len(BOM_UTF8) :]
            try:
                return decode(body)
            except (ValueError, RecursionError) as other:
                error = other
        raise explain(body, annotation, error) from error

    def read(request: Request) -> Any:
        body, kind = request.body, request.content_type
        if body and (kind == JSON_TYPE or is_json(kind)):
            try:
                return decode(body)
            except (ValueError, RecursionError) as error:
                return decode_unmarked(body, error)
        if not body and default is not EMPTY:
            return default
        if kind == FORM_TYPE and read_form is not None:
            try:
                fields = request.form()
            except HttpException as error:
                raise BindingError([("form", "can't be decoded")], error.status) from error
            return read_form(fields)
        if not body:
            raise BindingError([("body", "missing")])
        raise BindingError([("body", f"expected {taken}")], 415)

    return read


def check_settable(annotation: Any) -> None:
    """Refuse what a client could set, although no call of the class can.

    Raises:
        TypeError: With the field; msgspec reads those with ``init=False`` as any other.
    """
    for record in records_in(annotation):
        for field in getattr(record, "__dataclass_fields__", {}).values():
            if not field.init:
                raise TypeError(
                    f"clients could set {record.__name__}.{field.name}, for all its init=False:"
                    " make it a property"
                )


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


def texts_reader(annotation: Any, default: Any) -> Callable[[Form], Any]:
    """Return what makes a value of the texts of a form with files.

    Args:
        annotation: The value's type.
        default: Where the form has none; `EMPTY`: each is missed that the type asks for.

    Raises:
        TypeError: Texts can't become such a type, or msgspec isn't installed.
    """
    read_form = form_reader(annotation)
    check_settable(annotation)

    def read(form: Form) -> Any:
        return read_form(form.fields) if form.fields or default is EMPTY else default

    return read


def file_reader(annotation: Any, default: Any, name: str) -> Callable[[Form], Any]:
    """Return what finds the file, or the files, of a name.

    Args:
        annotation: Says which.
        default: Where there is none; `EMPTY`: there has to be one.
        name: Of the field.

    Raises:
        TypeError: The annotation says something else, or python-multipart isn't installed.
    """
    import_parser()
    kinds = kinds_of(annotation)
    several = kinds == [list[UploadFile]]
    if not several and kinds != [UploadFile]:
        raise TypeError("write UploadFile, UploadFile | None or list[UploadFile]")

    def read(form: Form) -> Any:
        files = form.files.get_all(name)
        if len(files) > 1 and not several:
            raise BindingError([(f"form.{name}", "comes twice")])
        if files:
            return files if several else files[0]
        if name in form.fields:
            raise BindingError([(f"form.{name}", "expected a file, got text")])
        if default is EMPTY:
            raise BindingError([(f"form.{name}", "missing")])
        return default

    return read


def form_reader(annotation: Any) -> Callable[[MultiMap], Any]:
    """Return what makes a value of a form.

    Raises:
        TypeError: A form can't have what the type holds.
    """
    kinds = kinds_of(annotation)
    try:
        readers_for = field_readers(kinds[0] if len(kinds) == 1 else None)
    except TypeError as error:
        raise TypeError(f"the texts of a form can't become {annotation!r:.80}: {error}") from error
    convert = typed_codec().converter(annotation, "form")

    def read(fields: MultiMap) -> Any:
        values: dict[str, Any] = dict(fields)
        places: list[tuple[str, str]] = []
        for name, take in readers_for(fields).items():
            try:
                values[name] = take(fields.get_all(name), f"form.{name}")
            except BindingError as error:
                places += error.places
        if places:
            raise BindingError(places)
        try:
            return convert({name: each for name, each in values.items() if each is not LEFT_OUT})
        except ValueError as error:
            path, reason = explain_mismatch(error)
            raise BindingError([(f"form{path}", reason)]) from error

    return read


def field_readers(kind: Any) -> Callable[[MultiMap], dict[str, Reader]]:
    """Return what gives the readers of a form's fields: those of a class, or of any dict.

    Raises:
        TypeError: It is neither, or has a field that no text is read as.
    """
    if is_record(kind):
        readers = {
            field.name: reader_of(
                field.annotation, EMPTY if field.required else LEFT_OUT, of_form=True
            )
            for field in fields_of(kind)
        }
        return lambda fields: readers
    if class_of(kind) is dict:
        reader = reader_of((get_args(kind) or (str, str))[1], EMPTY, of_form=True)
        return lambda fields: dict.fromkeys(fields, reader)
    raise TypeError("a form is a class with fields, or a dict")
