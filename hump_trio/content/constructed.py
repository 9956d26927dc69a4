"""Classes of attrs', whose objects their own constructor makes: converters, factories, validators.

msgspec sets the attributes of such an object by itself, without converters, and knows private ones
by another name. So it makes a Struct with the parameters of the constructor instead, and that is
called with the Struct's fields. A dataclass around such a class is made in the same way.

In an annotation that msgspec reads, a class without any content stands for each of these classes:
its *stand-in*, which msgspec leaves to a hook.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import is_dataclass
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from functools import cached_property, lru_cache
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin
from uuid import UUID

from hump_trio.content.annotations import (
    bare,
    class_of,
    is_attrs,
    is_named_tuple,
    is_record,
)
from hump_trio.content.records import Field, fields_of, inputs_of, types_in

__all__ = ["faults_of", "replaced", "stand_in_for"]

# Defaults that no call can change, so that a document may tell them.
PLAIN = (str, int, float, bool, NoneType, Enum, Decimal, UUID, date, time, timedelta)


class Constructor:
    """How objects of a class are made of JSON, or what JSON is made of them.

    Args:
        annotation: The class, which may come with the types of its variables.
        going: Whether its objects go, rather than come: then private attributes are left out, and
            all others are there.

    Attributes:
        kind: The class itself.
    """

    def __init__(self, annotation: Any, *, going: bool) -> None:
        self.kind: Any = class_of(annotation)
        self._annotation = annotation
        self._going = going

    @cached_property
    def fields(self) -> list[Field]:
        """The fields."""
        if not self._going:
            return inputs_of(self._annotation)
        return [each for each in fields_of(self._annotation) if not each.attribute.startswith("_")]

    @cached_property
    def struct(self) -> Any:
        """A Struct with the fields; one that didn't come is ``UNSET``, or has the default."""
        from msgspec import UNSET, defstruct

        described = [
            (each.name, stand_in_for(each.annotation, going=self._going))
            + (() if each.required else (each.default if is_plain(each) else UNSET,))
            for each in self.fields
        ]
        text = self.kind.__doc__ or ""
        made_up = text.startswith(f"{self.kind.__name__}(")  # by `dataclasses`
        return defstruct(
            self.kind.__name__,
            described,
            namespace={} if made_up else {"__doc__": text},
            module=self.kind.__module__,
            kw_only=True,
        )

    def make(self, given: Any) -> Any:
        """Return an object of the class.

        Args:
            given: The Struct of its fields.

        Raises:
            Exception: Whatever the class raises.
        """
        return self.kind(**self.arguments(given))

    def arguments(self, given: Any) -> dict[str, Any]:
        """Return what the class is called with."""
        from msgspec import UNSET

        values = {each.attribute: getattr(given, each.name) for each in self.fields}
        return {name: value for name, value in values.items() if value is not UNSET}


class StandIn(type):
    """The class of stand-ins. msgspec asks them whether what a hook has made is theirs."""

    __constructor__: Constructor

    def __instancecheck__(cls, instance: Any) -> bool:
        """Tell whether a value is of the class that the stand-in stands for."""
        return isinstance(instance, cls.__constructor__.kind)


def is_plain(field: Field) -> bool:
    """Tell whether the default of a field is one that no call can change."""
    return isinstance(field.default, PLAIN)


def stand_in_for(annotation: Any, *, going: bool = False) -> Any:
    """Return an annotation in which stand-ins are instead of classes with a `Constructor`.

    Args:
        annotation: The annotation.
        going: Whether its values go, rather than come.

    Raises:
        TypeError: An attrs class is within a class that msgspec alone can make.
    """
    if not any(map(is_attrs, types_in(annotation, in_models=False))):
        return annotation
    arguments = get_args(annotation)
    if get_origin(annotation) is Annotated:
        inner = stand_in_for(arguments[0], going=going)
        return Annotated[(inner, *annotation.__metadata__)]
    named = bare(annotation)
    if named is not annotation:
        return stand_in_for(named, going=going)
    kind = class_of(annotation)
    if is_attrs(kind) or is_dataclass(kind):
        return known_stand_in(annotation, going)
    if is_record(annotation) or is_named_tuple(annotation):
        held = next(filter(is_attrs, types_in(annotation, in_models=False)))
        raise TypeError(
            f"{kind.__name__} holds the attrs class {class_of(held).__name__}: make it a dataclass"
            " or an attrs class too"
        )
    parts = tuple(each if each is ... else stand_in_for(each, going=going) for each in arguments)
    # Not by `|`, which takes no tuple.
    return Union[parts] if kind in (Union, UnionType) else kind[parts]  # noqa: UP007


@lru_cache(1024)
def known_stand_in(annotation: Any, going: bool) -> Any:
    """Return the stand-in of a class. It is made once, since the class may hold itself."""
    name = class_of(annotation).__name__
    return StandIn(name, (), {"__constructor__": Constructor(annotation, going=going)})


def faults_of(constructor: Constructor, given: Any, error: Exception) -> list[tuple[str, str]]:
    """Return the places and reasons for which a class was not made.

    attrs stops at the first fault, and doesn't say of every one where it is. So its converters are
    called once more, each for itself, and then its validators.

    Args:
        constructor: The constructor of the class.
        given: The Struct that it was given.
        error: The `ValueError` or `TypeError` that the class has raised.
    """
    arguments = constructor.arguments(given)
    attributes = getattr(constructor.kind, "__attrs_attrs__", ())
    found: list[tuple[str, str]] = []
    for attribute in attributes:
        convert = attribute.converter
        if attribute.alias in arguments and convert and not hasattr(convert, "takes_self"):
            found += fault_at(attribute, convert, arguments[attribute.alias])
    made = None if found else half_made(constructor.kind, error)
    if made is not None:
        for attribute in attributes:
            if attribute.validator is not None:
                value = getattr(made, attribute.name, None)
                found += fault_at(attribute, attribute.validator, made, attribute, value)
    return found or [("", reason_of(error))]


def fault_at(attribute: Any, check: Callable[..., Any], *given: Any) -> Iterator[tuple[str, str]]:
    """Yield the place and the reason if a check of an attribute raises an error of its value."""
    try:
        check(*given)
    except (ValueError, TypeError) as error:
        yield f".{attribute.name.lstrip('_')}", reason_of(error)


def half_made(kind: Any, error: Exception) -> Any:
    """Return the object whose validators have raised an error; None if it wasn't they."""
    code = getattr(kind.__init__, "__code__", None)
    step = error.__traceback__
    while step is not None:
        if step.tb_frame.f_code is code:
            return step.tb_frame.f_locals.get("self")
        step = step.tb_next
    return None


def reason_of(error: Exception) -> str:
    """Return the reason of an error that a class has raised, in words for a client.

    The validators of attrs give an error its text, and then what it is about.
    """
    of_attrs = len(error.args) > 1 and hasattr(error.args[1], "validator")
    if isinstance(error, TypeError) and not of_attrs:
        return "not valid"  # a bug: its message is none of the client's business
    return str(error.args[0] if of_attrs else error) or "not valid"


def replaced(schema: Any, moved: Mapping[str, Any]) -> Any:
    """Return a schema with other references.

    Args:
        schema: The schema, or a part of it.
        moved: For a reference the new one, or the schema that stands there instead.
    """
    if isinstance(schema, list):
        return [replaced(each, moved) for each in schema]
    if isinstance(schema, dict):
        kept = {key: replaced(each, moved) for key, each in schema.items() if key != "$ref"}
        if "$ref" not in schema:
            return kept
        found = moved.get(schema["$ref"], schema["$ref"])
        return {**found, **kept} if isinstance(found, dict) else {"$ref": found, **kept}
    return moved.get(schema, schema) if isinstance(schema, str) else schema
