"""From the texts of a query, a header, a cookie, a path or a form to values of a type.

What is taken is what JSON would write, and a little more for booleans. Whatever several clients
could mean differently is refused: an ``int`` is digits, no ``1e3`` and no ``1.0``; a ``float`` is
finite; the text ``null`` is no None.
"""

import re
from collections.abc import Callable
from contextlib import suppress
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from functools import partial
from inspect import Parameter
from typing import Any, Literal, TypeAlias, get_args, get_origin
from uuid import UUID

from hump_trio.content.annotations import (
    check_flag,
    class_of,
    extras_of,
    item_types,
    kinds_of,
    members,
)
from hump_trio.content.collisions import check_hashes
from hump_trio.content.costly_numbers import NUMBER
from hump_trio.content.json_text import explain_mismatch, typed_codec
from hump_trio.content.msgspec_json import advice_for
from hump_trio.facts.exceptions import PLACE_COUNT, BindingError
from hump_trio.routing.template import match_float, match_int

__all__ = ["EMPTY", "LEFT_OUT", "Reader", "is_switch", "read_many", "reader_of"]

# Takes a text and the place where it stood; raises `BindingError` 422 with that place.
ReadOne: TypeAlias = Callable[[str, str], Any]
ReadMany: TypeAlias = Callable[[list[str], str], Any]

# Takes all texts of a name, none if there are none, and their place.
Reader: TypeAlias = Callable[[list[str], str], Any]

# The default of what has none.
EMPTY = Parameter.empty
# The value of a field that is left to its class.
LEFT_OUT: Any = object()
# A page's checked box sends ``on``, Python's clients may write ``True``.
BOOLEANS = {"true": True, "1": True, "on": True, "false": False, "0": False, "off": False}
# Written as in JSON, where they are text too.
WRITTEN = (date, datetime, time, timedelta, UUID)
# What a page's inputs for them send as long as nobody asks for seconds.
WITHOUT_SECONDS = re.compile(r"(?:[0-9-]+[T ])?[0-9]{2}:[0-9]{2}")


def parse_integer(text: str) -> int:
    """Return the integer that a text is; a ValueError says that it is none."""
    number = match_int(text)
    if number is None:
        raise ValueError("expected `int`")
    return number


def parse_number(text: str) -> float:
    """Return the finite number that a text is; a ValueError says that it is none."""
    number = match_float(text)
    if number is None:
        raise ValueError("expected `float`")
    return number


def parse_decimal(text: str) -> Decimal:
    """Return the finite number that a text is, as exact as it is written; or a ValueError."""
    if not NUMBER.fullmatch(text):
        raise ValueError("expected `decimal`")
    return Decimal(text)


def parse_boolean(text: str) -> bool:
    """Return the truth value that a text is; a ValueError says that it is none."""
    value = BOOLEANS.get(text.lower())
    if value is None:
        raise ValueError("expected `bool`: true or false")
    return value


PARSERS: dict[Any, Callable[[str], Any]] = {
    str: str,
    int: parse_integer,
    float: parse_number,
    bool: parse_boolean,
    Decimal: parse_decimal,
}


def read_one(annotation: Any) -> ReadOne | None:
    """Return what makes a value of one text; None if the type isn't written as one text.

    Of a union, the first member that fits counts.

    Raises:
        TypeError: It takes msgspec, which isn't installed, or msgspec refuses the type.
    """
    kinds = kinds_of(annotation)
    found = [parser_of(kind) for kind in kinds]
    parsers = [parser for parser in found if parser is not None]
    if not parsers or len(parsers) < len(kinds):
        return None
    check = checker_of(annotation)

    def read(text: str, place: str) -> Any:
        reasons: list[str] = []
        for parse in parsers:
            try:
                return check(parse(text))
            except ValueError as error:
                reasons.append(explain_mismatch(error)[1])
        raise BindingError([(place, " or ".join(dict.fromkeys(reasons)))])

    return read


def read_many(annotation: Any) -> ReadMany | None:
    """Return what makes a collection of texts; None if the type is no collection of such.

    Raises:
        TypeError: As of `read_one`.
    """
    kinds = kinds_of(annotation)
    types = item_types(kinds[0]) if len(kinds) == 1 else None
    if types is None:
        return None
    items = [read_one(str if each is Any else each) for each in types if each is not ...]
    readers = [read for read in items if read is not None]
    if len(readers) < len(items):
        return None
    count = len(items) if types[0] is not ... else None
    build = class_of(kinds[0])
    build = build if build in (list, tuple, set, frozenset) else tuple
    check = checker_of(annotation)

    def read(texts: list[str], place: str) -> Any:
        if count is not None and len(texts) != count:
            raise BindingError([(place, f"expected {count} values, got {len(texts)}")])
        ways = readers if count is not None else readers * len(texts)
        values: list[Any] = []
        places: list[tuple[str, str]] = []
        for index, (text, way) in enumerate(zip(texts, ways, strict=True)):
            try:
                values.append(way(text, f"{place}[{index}]"))
            except BindingError as error:
                places += error.places
                if len(places) >= PLACE_COUNT:
                    break  # 15,000 items of a header field would take 0.3 s
        if places:
            raise BindingError(places)
        if build in (set, frozenset):
            check_hashes(values, place)
        try:
            return check(build(values))
        except ValueError as error:
            raise BindingError([(place, explain_mismatch(error)[1])]) from None

    return read


def checker_of(annotation: Any) -> Callable[[Any], Any]:
    """Return what checks a value against msgspec's constraints in an annotation, if it has some.

    Raises:
        TypeError: It has, and msgspec refuses them.
    """
    if any(type(each).__module__.partition(".")[0] == "msgspec" for each in extras_of(annotation)):
        return typed_codec().converter(annotation)
    return lambda value: value


def parser_of(kind: Any) -> Callable[[str], Any] | None:
    """Return what makes a value of a text, for a type that is no union and no collection."""
    if kind is Any:
        return str
    if kind in PARSERS:
        return PARSERS[kind]
    if get_origin(kind) is Literal:
        return choice_parser([(each, each) for each in get_args(kind)])
    if isinstance(kind, type) and issubclass(kind, Enum):
        return enum_parser(kind)
    if kind in WRITTEN:
        convert = typed_codec().converter(kind)
        return partial(parse_clock, convert) if kind in (datetime, time) else convert
    return None


def parse_clock(convert: Callable[[str], Any], text: str) -> Any:
    """Return the time that a text is, which may lack its seconds; a ValueError says otherwise."""
    return convert(f"{text}:00" if WITHOUT_SECONDS.fullmatch(text) else text)


def enum_parser(kind: type[Enum]) -> Callable[[str], Any] | None:
    """Return what finds a member by its value's text, or by the class's own ``_missing_``."""
    check_flag(kind)
    parse = choice_parser([(each.value, each) for each in kind])
    if parse is None:
        return None
    is_number = any(isinstance(each.value, int) for each in kind)

    def parse_member(text: str) -> Any:
        try:
            return parse(text)
        except ValueError:
            with suppress(Exception):  # msgspec does so in JSON, whatever the class raises
                return kind(match_int(text) if is_number else text)
            raise

    return parse_member


def choice_parser(choices: list[tuple[Any, Any]]) -> Callable[[str], Any] | None:
    """Return what finds one of several values by its text; None if they have no plain texts."""
    values = {str(key): value for key, value in choices if type(key) in (str, int)}
    if not values or len(values) < len(choices):
        return None
    names = ", ".join(values)

    def parse(text: str) -> Any:
        if text not in values:
            raise ValueError(f"expected one of {names}")
        return values[text]

    return parse


def reader_of(annotation: Any, default: Any, *, many: bool = True, of_form: bool = False) -> Reader:
    """Return what makes a value of the texts of a name.

    Args:
        annotation: The value's type.
        default: Where there is no text, or none that isn't empty: a page sends what wasn't filled
            in as an empty text. `EMPTY`: there has to be one.
        many: Whether the name may come more than once, for a collection.
        of_form: Whether the texts are those of a form. There the last of several counts where one
            value is asked for, as of a hidden field and the checkbox behind it. Elsewhere they are
            refused, since nobody knows which one is meant, and so is an empty text for a ``bool``:
            ``?dry`` may well mean ``?dry=true``.

    Raises:
        TypeError: No text is of the type.
    """
    read_all = read_many(annotation) if many else None
    last_counts = of_form and read_all is None
    if read_all is None:
        read = read_one(annotation)
        if read is None:
            lists = " and lists, sets and tuples of them," if many else ""
            advice = advice_for(annotation) or (
                "; str, int, float, bool, Enum, Literal, date, datetime, time, timedelta, UUID and"
                f" Decimal are,{lists} other types of JSON with `Body()` beside them are the body,"
                " and for anything else there is the Request"
            )
            raise TypeError(f"no text is read as {annotation!r:.80}{advice}")
        read_all = partial(take_one, read)
    empty_counts = default is EMPTY or (not of_form and is_switch(annotation))

    def take(texts: list[str], place: str) -> Any:
        if texts and (texts[0] or empty_counts or any(texts)):
            return read_all(texts, place)
        if default is EMPTY:
            raise BindingError([(place, "missing")])
        return default

    return (lambda texts, place: take(texts[-1:], place)) if last_counts else take


def is_switch(annotation: Any) -> bool:
    """Tell whether an annotation is ``bool`` alone: an empty text could mean either value of it."""
    return list(members(annotation)) == [bool]


def take_one(read: ReadOne, texts: list[str], place: str) -> Any:
    """Read the one text that there is to be; which of two is meant nobody knows."""
    if len(texts) > 1:
        raise BindingError([(place, "comes twice")])
    return read(texts[0], place)
