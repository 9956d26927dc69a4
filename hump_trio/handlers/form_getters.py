"""Getters of what a form with files holds, once it was received: its files and its texts."""

from typing import Any

from hump_trio.content.annotations import kinds_of
from hump_trio.content.form import Form
from hump_trio.content.multipart import import_parser
from hump_trio.content.upload import UploadFile
from hump_trio.facts.exceptions import BindingError
from hump_trio.handlers.body_getters import fields_getter
from hump_trio.handlers.parameter import EMPTY, Parameter
from hump_trio.handlers.reading import default_or_absent, only_one
from hump_trio.handlers.steps import Get

__all__ = ["file_getter", "texts_getter"]


def file_getter(parameter: Parameter) -> Get[Form]:
    """Return what finds the file, or the files, of a name.

    Raises:
        TypeError: The annotation says something else, or python-multipart isn't installed.
    """
    import_parser()
    kinds = kinds_of(parameter.annotation)
    several = kinds == [list[UploadFile]]
    if not several and kinds != [UploadFile]:
        raise TypeError("write UploadFile, UploadFile | None or list[UploadFile]")
    name, place, default = parameter.field, parameter.place, parameter.default

    def get_file(form: Form) -> Any:
        files = form.files.get_all(name)
        if files:
            return files if several else only_one(files, place)
        if name in form.fields:
            raise BindingError([(place, "expected a file, got text")])
        return default_or_absent(default, place)

    return get_file


def texts_getter(parameter: Parameter) -> Get[Form]:
    """Return what makes a value of the texts of a form.

    Without texts the value is the default, if there is one.

    Raises:
        TypeError: Texts can't become such a type, or msgspec isn't installed.
    """
    get_fields, default = fields_getter(parameter.annotation), parameter.default

    def get_texts(form: Form) -> Any:
        return get_fields(form.fields) if form.fields or default is EMPTY else default

    return get_texts
