"""From a text of a query, a header, a cookie, a path or a form to a value of a type.

A text is taken if JSON would write it so, and a few more are for booleans and times. A text that
two clients could mean differently is refused: an ``int`` is digits, no ``1e3`` and no ``1.0``; a
``float`` is finite; the text ``null`` is no None.
"""

import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, Literal, get_args
from uuid import UUID

from hump_trio.content.annotations import (
    check_flag,
    class_of,
    extras_of,
    is_body,
    is_of_pydantic,
    item_types,
    kinds_of,
)
from hump_trio.content.json_text import explain_mismatch, typed_codec
from hump_trio.facts.exceptions import BindingError
from hump_trio.facts.grammar import NUMBER, match_float, match_int
from hump_trio.handlers.steps import Parse

__all__ = ["checker_of", "is_enumerated", "is_plain_text", "parser_of"]

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


PARSERS: dict[Any, Parse] = {
    Any: str,
    str: str,
    int: parse_integer,
    float: parse_number,
    bool: parse_boolean,
    Decimal: parse_decimal,
}


def parser_of(annotation: Any) -> Parse | None:
    """Return what makes a value of a text; None if the type isn't written as one text.

    The first member of a union that takes the text counts.

    Raises:
        TypeError: The type takes msgspec, which isn't installed, or msgspec refuses the type.
    """
    kinds = kinds_of(annotation)
    found = [plain_parser(kind) for kind in kinds]
    parsers = [parse for parse in found if parse is not None]
    if not parsers or len(parsers) < len(kinds):
        return None
    check = checker_of(annotation)
    if check is not None:
        parsers = [checked(parse, check) for parse in parsers]
    return parsers[0] if len(parsers) == 1 else union_parser(parsers)


def checker_of(annotation: Any) -> Callable[[Any], Any] | None:
    """Return what checks a value against constraints in an annotation, if it has some.

    They are msgspec's, or pydantic's.

    Raises:
        TypeError: It has, and the library refuses them.
    """
    libraries = {type(each).__module__.partition(".")[0] for each in extras_of(annotation)}
    if libraries and is_of_pydantic(annotation):
        return made_by_pydantic(annotation)
    return typed_codec().converter(annotation) if "msgspec" in libraries else None


def made_by_pydantic(annotation: Any) -> Callable[[Any], Any]:
    """Return what lets pydantic make a value of another, such as a text.

    Raises:
        TypeError: pydantic can't.
    """
    convert = typed_codec().converter(annotation, "")

    def make(value: Any) -> Any:
        try:
            return convert(value)
        except BindingError as error:
            raise ValueError(error.places[0][1]) from None

    return make


def checked(parse: Parse, check: Callable[[Any], Any]) -> Parse:
    """Return what makes a value of a text and checks it."""
    return lambda text: check(parse(text))


def union_parser(parsers: Iterable[Parse]) -> Parse:
    """Return what makes a value of a text by the first parser that takes it."""

    def parse_first(text: str) -> Any:
        reasons: list[str] = []
        for parse in parsers:
            try:
                return parse(text)
            except ValueError as error:
                reasons.append(explain_mismatch(error)[1])
        raise ValueError(" or ".join(dict.fromkeys(reasons)))

    return parse_first


def plain_parser(kind: Any) -> Parse | None:
    """Return what makes a value of a text, for a type that is no union; None as `parser_of`."""
    if kind in PARSERS:
        return PARSERS[kind]
    if class_of(kind) is Literal:
        return enumerated_parser([(each, each) for each in get_args(kind)])
    if is_enumerated(kind):
        return enum_parser(kind)
    if kind in WRITTEN:
        convert = typed_codec().converter(kind)
        return clock_parser(convert) if kind in (datetime, time) else convert
    if is_of_pydantic(kind) and not is_body(kind) and item_types(kind) is None:
        return made_by_pydantic(kind)
    return None


def is_plain_text(kind: Any) -> bool:
    """Tell whether a value of a bare annotation that is no union is written as one text."""
    return kind in PARSERS or kind in WRITTEN or is_enumerated(kind)


def is_enumerated(kind: Any) -> bool:
    """Tell whether a bare annotation lists its values, as an Enum and a Literal do."""
    return class_of(kind) is Literal or (isinstance(kind, type) and issubclass(kind, Enum))


def clock_parser(convert: Parse) -> Parse:
    """Return what makes a time of a text, which may lack its seconds."""

    def parse_clock(text: str) -> Any:
        return convert(f"{text}:00" if WITHOUT_SECONDS.fullmatch(text) else text)

    return parse_clock


def enum_parser(kind: type[Enum]) -> Parse | None:
    """Return what finds a member by its value's text, or by the class's own ``_missing_``."""
    check_flag(kind)
    parse = enumerated_parser([(each.value, each) for each in kind])
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


def enumerated_parser(listed: list[tuple[Any, Any]]) -> Parse | None:
    """Return what finds one of several values by its text; None if they have no plain texts.

    Args:
        listed: What is written for each value, and the value.
    """
    values = {str(written): value for written, value in listed if type(written) in (str, int)}
    if not values or len(values) < len(listed):
        return None
    names = ", ".join(values)

    def parse_enumerated(text: str) -> Any:
        if text not in values:
            raise ValueError(f"expected one of {names}")
        return values[text]

    return parse_enumerated
