"""The defaults of dataclasses that stand on the class alone, put where they belong: on its objects.

Without ``slots=True``, `dataclasses` leaves a plain default on the class. msgspec neither sets it
on what it decodes nor looks for it there when it writes an object.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, dataclass, fields
from functools import lru_cache, partial
from inspect import getattr_static
from typing import Any, TypeVar

from hump_trio.content.annotations import is_record, records_in, types_in

__all__ = ["fill_in", "fill_in_own", "filling", "hides_fields", "may_hold_lacking", "may_lack"]

T = TypeVar("T")

# Such values hold nothing that could lack anything.
PLAIN = frozenset({str, int, float, bool, type(None), bytes})
# What annotations raise that name what isn't there at run time.
UNRESOLVED = (NameError, AttributeError, SyntaxError, TypeError)
COLLECTIONS = (list, tuple, set, frozenset, dict)


@lru_cache(1024)
def defaults_of(kind: type) -> Mapping[str, Any]:
    """Return the defaults of a dataclass that its objects may lack, by their fields' names."""
    return {
        field.name: field.default
        for field in fields(kind)
        if field.default is not MISSING and not is_slot(kind, field.name)
    }


def is_slot(kind: type, name: str) -> bool:
    """Tell whether a field has a place of its own in each object."""
    return hasattr(getattr_static(kind, name, None), "__set__")


def may_lack(annotation: Any) -> bool:
    """Tell whether what is decoded as a type has, however deep, objects that may lack fields.

    Args:
        annotation: What can't be resolved of it counts as if it had some.
    """
    try:
        return found_lacking(annotation)
    except TypeError:  # what `Annotated` says of it has no hash
        return found_lacking.__wrapped__(annotation)


@lru_cache(1024)
def found_lacking(annotation: Any) -> bool:
    """Return `may_lack` of what has a hash."""
    try:
        kinds = records_in(annotation)
    except UNRESOLVED:
        return True
    return any(defaults_of(kind) for kind in kinds if hasattr(kind, "__dataclass_fields__"))


@lru_cache(1024)
def may_hold_lacking(kind: type) -> bool:
    """Tell whether an object, or one in its fields, may lack fields.

    Where a field is of a class, there may be an object of a child of it.
    """
    try:
        held = [each for each in types_in(kind) if is_record(each)]
    except UNRESOLVED:
        return True
    return len(held) > 1 or bool(getattr(kind, "__parameters__", ())) or may_lack(kind)


def hides_fields(kind: type) -> bool:
    """Tell whether objects of a class lack fields however they were made: no call sets them."""
    if not hasattr(kind, "__dataclass_fields__"):
        return False
    lacking = defaults_of(kind)
    return any(not field.init for field in fields(kind) if field.name in lacking)


@dataclass(frozen=True, slots=True)
class Filling:
    """How the objects of a class are filled in.

    Args:
        lacking: The fields that they may lack: the name, the default, and what the class shows in
            its place, which is something else where a child has hidden it.
        names: Those of all fields.
    """

    lacking: tuple[tuple[str, Any, Any], ...]
    names: tuple[str, ...]


@lru_cache(1024)
def filling_of(kind: type) -> Filling:
    """Return how the objects of a class are filled in; one without fields has none."""
    if not hasattr(kind, "__dataclass_fields__"):
        return Filling((), getattr(kind, "__struct_fields__", ()))
    lacking = [
        (name, default, getattr(kind, name, MISSING)) for name, default in defaults_of(kind).items()
    ]
    return Filling(tuple(lacking), tuple(field.name for field in fields(kind)))


def fill_in(value: Any) -> None:
    """Set the fields that a value lacks, and all that it holds, to their defaults.

    A body of a mebibyte may have 350,000 objects.

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
        inner = type(each)  # most hold nothing, and a call takes longer than to see that
        if inner not in PLAIN and (inner not in COLLECTIONS or each):
            fill_in(each)


def fill_in_own(value: Any) -> None:
    """Set the fields that an object of a dataclass lacks, without those of what it holds."""
    kind: Any = type(value)
    for name, default, shown in filling_of(kind).lacking:
        # To look into the object's dict would make one, which takes time and memory.
        if getattr(value, name, shown) is shown and (shown is default or name not in vars(value)):
            object.__setattr__(value, name, default)  # it may be frozen


def filling(decode: Callable[[Any], T], annotation: Any) -> Callable[[Any], T]:
    """Return a decoder whose values lack nothing; the same one if they can't.

    Args:
        decode: Makes a value.
        annotation: The value's type.
    """
    return partial(decode_filled, decode) if may_lack(annotation) else decode


def decode_filled(decode: Callable[[Any], T], value: Any) -> T:
    """Decode a value and set what it lacks."""
    found = decode(value)
    fill_in(found)
    return found
