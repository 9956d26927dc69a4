"""Defaults that a dataclass keeps on the class alone, set on its objects, where msgspec needs them.

Without ``slots=True``, `dataclasses` leaves a plain default on the class. msgspec neither sets such
a default on an object that it decodes, nor finds it on the class when it encodes an object. A field
that an object *lacks* is one whose value is only on the class.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, dataclass, fields
from functools import lru_cache, partial
from inspect import getattr_static
from typing import Any, TypeVar

from hump_trio.content.annotations import is_record
from hump_trio.content.records import records_in, types_in

__all__ = ["fill_in", "fill_in_own", "filling", "hides_fields", "may_hold_lacking", "may_lack"]

T = TypeVar("T")

# Types of values that hold no objects.
PLAIN = frozenset({str, int, float, bool, type(None), bytes})
# Errors of annotations with names that aren't defined at run time.
UNRESOLVED = (NameError, AttributeError, SyntaxError, TypeError)
COLLECTIONS = (list, tuple, set, frozenset, dict)


@lru_cache(1024)
def defaults_of(kind: type) -> Mapping[str, Any]:
    """Return the defaults of the fields that objects of a dataclass may lack, by name."""
    return {
        field.name: field.default
        for field in fields(kind)
        if field.default is not MISSING and not is_slot(kind, field.name)
    }


def is_slot(kind: type, name: str) -> bool:
    """Tell whether a field has a slot in each object."""
    return hasattr(getattr_static(kind, name, None), "__set__")


def may_lack(annotation: Any) -> bool:
    """Tell whether a decoded value of a type may hold, however deep, objects that lack fields.

    Args:
        annotation: The type. If a part of it can't be resolved, the answer is True.
    """
    try:
        return found_lacking(annotation)
    except TypeError:  # an extra of `Annotated` has no hash
        return found_lacking.__wrapped__(annotation)


@lru_cache(1024)
def found_lacking(annotation: Any) -> bool:
    """Return `may_lack` of an annotation that has a hash."""
    try:
        kinds = records_in(annotation)
    except UNRESOLVED:
        return True
    return any(defaults_of(kind) for kind in kinds if hasattr(kind, "__dataclass_fields__"))


@lru_cache(1024)
def may_hold_lacking(kind: type) -> bool:
    """Tell whether an object of a class, or an object in its fields, may lack fields.

    A field of a class may hold an object of any subclass, which may have other fields.
    """
    try:
        held = [each for each in types_in(kind) if is_record(each)]
    except UNRESOLVED:
        return True
    return len(held) > 1 or bool(getattr(kind, "__parameters__", ())) or may_lack(kind)


def hides_fields(kind: type) -> bool:
    """Tell whether the objects of a class lack fields however they are made (``init=False``)."""
    if not hasattr(kind, "__dataclass_fields__"):
        return False
    lacking = defaults_of(kind)
    return any(not field.init for field in fields(kind) if field.name in lacking)


@dataclass(frozen=True, slots=True)
class Filling:
    """The facts by which the objects of a class are filled in.

    Args:
        lacking: For each field that objects may lack: its name, its default, and the class's
            attribute of that name, which differs from the default where a subclass has hidden it.
        names: The names of all fields.
    """

    lacking: tuple[tuple[str, Any, Any], ...]
    names: tuple[str, ...]


@lru_cache(1024)
def filling_of(kind: type) -> Filling:
    """Return the filling of a class; that of a class without fields is empty."""
    if not hasattr(kind, "__dataclass_fields__"):
        return Filling((), getattr(kind, "__struct_fields__", ()))
    lacking = [
        (name, default, getattr(kind, name, MISSING)) for name, default in defaults_of(kind).items()
    ]
    return Filling(tuple(lacking), tuple(field.name for field in fields(kind)))


def fill_in(value: Any) -> None:
    """Set all fields that a value, or an object in it, lacks to their defaults.

    This is written for speed: a body of a mebibyte may hold 350,000 objects.

    Raises:
        RecursionError: The value holds itself, or is nested too deeply.
    """
    kind: Any = type(value)
    if kind in PLAIN:
        return
    if isinstance(value, COLLECTIONS):
        held: Iterable[Any] = value.values() if isinstance(value, dict) else value
    else:
        fill_in_own(value)
        held = [getattr(value, name, None) for name in filling_of(kind).names]
    for each in held:
        inner = type(each)  # most hold nothing; to see that is cheaper than a call
        if inner not in PLAIN and (inner not in COLLECTIONS or each):
            fill_in(each)


def fill_in_own(value: Any) -> None:
    """Set the fields that an object of a dataclass lacks, not those of objects in it."""
    kind: Any = type(value)
    for name, default, shown in filling_of(kind).lacking:
        # The object's dict is looked at last: the first look makes it, which takes time and memory.
        if getattr(value, name, shown) is shown and (shown is default or name not in vars(value)):
            object.__setattr__(value, name, default)  # it may be frozen


def filling(decode: Callable[[Any], T], annotation: Any) -> Callable[[Any], T]:
    """Return a decoder whose values lack no field; the same decoder if they never do.

    Args:
        decode: Decodes a value of the type.
        annotation: The type.
    """
    return partial(decode_filled, decode) if may_lack(annotation) else decode


def decode_filled(decode: Callable[[Any], T], value: Any) -> T:
    """Decode a value, and set all fields that it lacks."""
    found = decode(value)
    fill_in(found)
    return found
