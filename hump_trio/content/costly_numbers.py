"""Numbers in a JSON body that fit their type, and that handlers can't work with.

A handler can't look for them: it would have them already. Only types that can have them pay.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any, TypeAlias, get_args

from hump_trio.content.annotations import class_of, kinds_of, types_in
from hump_trio.facts.exceptions import BindingError
from hump_trio.facts.grammar import NUMBER

__all__ = ["guard_numbers"]

# Holds nothing, and is no such number.
PLAIN: frozenset[type] = frozenset({str, int, bool, type(None), bytes})

Decode: TypeAlias = Callable[[bytes], Any]


def guard_numbers(decode: Decode, annotation: Any) -> Decode:
    """Return a decoder that refuses costly numbers too; the same one if there can be none.

    It raises `BindingError` 422 for a number that the text of a query couldn't be either: NaN, on
    which comparisons raise or are false, and ``1e999999999``, whose digits would fill the memory.
    They come as Decimals, or as keys.

    Args:
        decode: Makes a value of a body.
        annotation: The value's type.
    """
    if not any(each is Decimal or has_float_keys(each) for each in types_in(annotation)):
        return decode

    def decode_guarded(body: bytes) -> Any:
        value = decode(body)
        if holds_endless(value):  # to tell each value's place takes several times as long
            raise BindingError(endless_in(value, "body"))
        return value

    return decode_guarded


def has_float_keys(kind: Any) -> bool:
    """Tell whether a bare annotation is a mapping whose keys may be floats, such as ``"nan"``."""
    arguments = get_args(kind)
    is_mapping = isinstance(class_of(kind), type) and issubclass(class_of(kind), Mapping)
    return is_mapping and bool(arguments) and float in kinds_of(arguments[0])


def holds_endless(value: Any) -> bool:
    """Tell whether `endless_in` finds something in a value."""
    left = [value]
    for each in left:  # which grows meanwhile
        kind: Any = type(each)
        if issubclass(kind, Decimal | float):
            if not NUMBER.fullmatch(str(each)):
                return True
        elif issubclass(kind, dict):
            left += [part for both in each.items() for part in both if type(part) not in PLAIN]
        elif issubclass(kind, list | tuple | set | frozenset):
            left += [part for part in each if type(part) not in PLAIN]
        else:
            left += [getattr(each, name) for name in names_of(kind)]
    return False


def endless_in(value: Any, place: str) -> Iterator[tuple[str, str]]:
    """Yield the places of what is no number, or one that takes memory to be written; and why."""
    left = [(place, value)]
    for where, each in left:  # which grows meanwhile
        if isinstance(each, Decimal | float):
            if not NUMBER.fullmatch(str(each)):
                yield where, f"expected `{type(each).__name__.lower()}`"
        else:
            left += [
                (where + name, part) for name, part in parts_of(each) if type(part) not in PLAIN
            ]


def parts_of(value: Any) -> Iterable[tuple[str, Any]]:
    """Return what a value holds, and its name or index."""
    if isinstance(value, dict):
        return ((f".{key}", part) for key, both in value.items() for part in (key, both))
    if isinstance(value, list | tuple | set | frozenset):
        return ((f"[{index}]", part) for index, part in enumerate(value))
    kind: Any = type(value)
    return ((f".{name}", getattr(value, name)) for name in names_of(kind))


@lru_cache(1024)
def names_of(kind: type) -> tuple[str, ...]:
    """Return the names of the fields of a class, if it has some."""
    if is_dataclass(kind):
        return tuple(field.name for field in fields(kind))
    names: tuple[str, ...] = getattr(kind, "__struct_fields__", ())
    return names
