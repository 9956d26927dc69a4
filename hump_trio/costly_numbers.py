"""Numbers in a JSON body that fit their type, and would cost more than their bytes.

A handler can't look for them: it would have them already. Only types that can have them pay.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import fields, is_dataclass
from decimal import Decimal
from typing import Any, TypeAlias, get_args
from uuid import UUID

from hump_trio.annotations import class_of, types_in
from hump_trio.exceptions import BindingError, HttpException
from hump_trio.json_text import json_codec
from hump_trio.template import NUMBER

__all__ = ["guard_numbers"]

# Whose hashes anybody can choose: Python doesn't mix a secret into them, as it does for text.
HASHED: tuple[Any, ...] = (int, float, Decimal, UUID, Any, object)
SETS: tuple[Any, ...] = (set, frozenset, AbstractSet)
# As many with one hash take 20 ms, and a hundred times as many, in 1 MiB, a minute.
VALUE_COUNT = 1000
EQUAL_HASHES = 100
TOKEN = re.compile(
    rb"([0-9A-Fa-f]{8}(?:-?[0-9A-Fa-f]{4}){3}-?[0-9A-Fa-f]{12})"
    rb"|-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,9})?"
)

# Holds nothing.
PLAIN: frozenset[type] = frozenset({str, int, float, bool, type(None), bytes})

Decode: TypeAlias = Callable[[bytes], Any]


def guard_numbers(decode: Decode, annotation: Any) -> Decode:
    """Return a decoder that refuses costly numbers too; the same one if there can be none.

    It raises `BindingError` 422 for a Decimal that the text of a query couldn't be either: NaN, on
    which comparisons raise, and ``1e999999999``, whose digits would fill the memory. And 400 for
    numbers or UUIDs of one hash, of which a set or a mapping is as slow as a list.

    Args:
        decode: Makes a value of a body.
        annotation: The value's type.
    """
    decimals = any(each is Decimal for each in types_in(annotation))
    hashes = any(kind in HASHED for key in keys_in(annotation) for kind in types_in(key))
    if not decimals and not hashes:
        return decode

    def decode_guarded(body: bytes) -> Any:
        if hashes and body.count(b",") > VALUE_COUNT:
            check_hashes(body)
        try:
            value = decode(body)
        except TypeError as error:  # a signaling NaN has no hash
            raise ValueError("Not valid") from error
        if decimals:
            places = [(place, "expected `decimal`") for place in endless_in(value, "body")]
            if places:
                raise BindingError(places)
        return value

    return decode_guarded


def keys_in(annotation: Any) -> Iterator[Any]:
    """Yield the types of what is hashed, in sets and as keys."""
    for each in types_in(annotation):
        kind, arguments = class_of(each), get_args(each)
        if kind in SETS:
            yield arguments[0] if arguments else Any
        elif arguments and isinstance(kind, type) and issubclass(kind, Mapping):
            yield arguments[0]


def check_hashes(body: bytes) -> None:
    """Refuse a body with many different numbers or UUIDs of one hash, wherever they stand.

    Raises:
        BindingError: 400.

    Source: oCERT-2011-003.
    """
    if b"\\u" in body:  # a digit may be written so
        try:
            body = json_codec.encode(json_codec.decode(body))
        except HttpException:
            return  # nothing is made of what isn't JSON
    tokens = {found[0]: found[1] for found in TOKEN.finditer(body)}
    counts = Counter(hash_of(token, is_uuid=bool(uuid)) for token, uuid in tokens.items())
    if counts and max(counts.values()) > EQUAL_HASHES:
        raise BindingError([("body", "too many numbers of one hash")], 400)


def hash_of(token: bytes, *, is_uuid: bool) -> int:
    """Return the hash of what a token becomes; equal numbers of all types have one."""
    return hash(UUID(token.decode()) if is_uuid else Decimal(token.decode()))


def endless_in(value: Any, place: str) -> Iterator[str]:
    """Yield the places of Decimals that are no number, or one that takes memory to be written."""
    left = [(place, value)]
    for where, each in left:  # which grows meanwhile
        if isinstance(each, Decimal):
            if not NUMBER.fullmatch(str(each)):
                yield where
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
    return ((f".{name}", getattr(value, name)) for name in names_of(value))


def names_of(value: Any) -> tuple[str, ...]:
    """Return the names of the fields of an object, if it has some."""
    if is_dataclass(value):
        return tuple(field.name for field in fields(value))
    names: tuple[str, ...] = getattr(value, "__struct_fields__", ())
    return names
