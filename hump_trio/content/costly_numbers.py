"""Numbers in a JSON body that fit their type, and yet would break or stall a handler.

They are refused before the handler is called. Only bodies of types that can hold them are searched.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from decimal import Decimal
from functools import lru_cache
from math import isfinite
from typing import Any, TypeAlias, get_args

from hump_trio.content.annotations import (
    class_of,
    is_attrs,
    is_model,
    is_of_pydantic,
    kinds_of,
)
from hump_trio.content.records import fields_of, types_in
from hump_trio.facts.exceptions import BindingError
from hump_trio.facts.grammar import NUMBER

__all__ = ["guard_numbers"]

# Types of values that hold no such number, and no other values.
PLAIN: frozenset[type] = frozenset({str, int, bool, type(None), bytes})

Decode: TypeAlias = Callable[[bytes], Any]


def guard_numbers(decode: Decode, annotation: Any, place: str = "body") -> Decode:
    """Return a decoder that also refuses costly numbers; the same one if the type has none.

    The decoder raises `BindingError` 422 for numbers that a query is refused for too: NaN, with
    which comparisons raise or are false, and ``1e999999999``, whose digits would fill the memory.
    Such numbers can be Decimals, or keys that are floats; and any float where pydantic makes it,
    which reads the text ``"nan"`` as one.

    Args:
        decode: Decodes a body.
        annotation: The type of the decoded value.
        place: What the error calls the body.
    """
    floats = is_of_pydantic(annotation)
    if not any(
        each is Decimal or (floats and each is float) or has_float_keys(each)
        for each in types_in(annotation)
    ):
        return decode

    def decode_guarded(body: bytes) -> Any:
        value = decode(body)
        if holds_endless(value):  # finding the places takes several times as long
            raise BindingError(endless_in(value, place))
        return value

    return decode_guarded


def has_float_keys(kind: Any) -> bool:
    """Tell whether a bare annotation is a mapping whose keys may be floats, such as ``"nan"``."""
    arguments = get_args(kind)
    is_mapping = isinstance(class_of(kind), type) and issubclass(class_of(kind), Mapping)
    return is_mapping and bool(arguments) and float in kinds_of(arguments[0])


def holds_endless(value: Any) -> bool:
    """Tell whether `endless_in` finds a place in a value."""
    left = [value]
    while left:
        each = left.pop()
        kind: Any = type(each)
        if issubclass(kind, Decimal | float):
            if not NUMBER.fullmatch(str(each)):
                return True
        elif issubclass(kind, dict):
            left += [part for both in each.items() for part in both if type(part) not in PLAIN]
        elif issubclass(kind, list | tuple | set | frozenset):
            # Of floats alone, a mebibyte of which would take half a second below.
            left += [
                part
                for part in each
                if type(part) not in PLAIN and not (type(part) is float and isfinite(part))
            ]
        else:
            left += [part for _, part in fields_in(each)]
    return False


def endless_in(value: Any, place: str) -> Iterator[tuple[str, str]]:
    """Yield the place of each Decimal or float that `NUMBER` doesn't match, and the reason."""
    left = deque([(place, value)])
    while left:
        where, each = left.popleft()
        if isinstance(each, Decimal | float):
            if not NUMBER.fullmatch(str(each)):
                yield where, f"expected `{type(each).__name__.lower()}`"
        else:
            left += [
                (where + name, part) for name, part in parts_of(each) if type(part) not in PLAIN
            ]


def parts_of(value: Any) -> Iterable[tuple[str, Any]]:
    """Return the parts of a value, each with its name or index."""
    if isinstance(value, dict):
        return ((f".{key}", part) for key, both in value.items() for part in (key, both))
    if isinstance(value, list | tuple | set | frozenset):
        return ((f"[{index}]", part) for index, part in enumerate(value))
    return ((f".{name}", part) for name, part in fields_in(value))


def fields_in(value: Any) -> list[tuple[str, Any]]:
    """Return what clients may have sent for the fields of an object, by the names they write.

    It is empty for an object of another class. A model of pydantic's knows which of its fields
    came: a default may well be an infinity.
    """
    kind: Any = type(value)
    names = names_of(kind)
    given = getattr(value, "__pydantic_fields_set__", None)
    if given is None:
        defaults = getattr(kind, "__pydantic_fields__", {})  # of a dataclass of pydantic's
        return [
            (name, part)
            for attribute, name in names.items()
            if (part := getattr(value, attribute))
            is not getattr(defaults.get(attribute), "default", names)
        ]
    further = {name: name for name in sorted(given - names.keys())}
    return [
        (name, getattr(value, attribute))
        for attribute, name in {**names, **further}.items()
        if attribute in given
    ]


@lru_cache(1024)
def names_of(kind: type) -> dict[str, str]:
    """Return the names of the fields of a class as clients write them, by those of its attributes.

    They are empty for a class that is no dataclass, Struct or model.
    """
    if is_model(kind) or is_attrs(kind):
        return {each.attribute: each.name for each in fields_of(kind)}
    names = [each.name for each in fields(kind)] if is_dataclass(kind) else ()
    return {name: name for name in names or getattr(kind, "__struct_fields__", ())}
