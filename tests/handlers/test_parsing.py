"""From a text to a value: each type's texts, and those that are refused with their reasons."""

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import STRICT, Enum, IntEnum, IntFlag
from typing import Any, Literal, NewType
from uuid import UUID

import pytest

from hump_trio.content.json_text import explain_mismatch
from hump_trio.handlers.parsing import parser_of
from tests.support.annotated import BOOL, INT, UUID_TEXT, Above, Grade, Word


class Color(Enum):
    """Text by name."""

    RED = "red"
    BLUE = "blue"


class Size(IntEnum):
    """Numbers by name."""

    BIG = 3


class Rights(IntFlag, boundary=STRICT):
    """Numbers that are put together."""

    READ = 1
    WRITE = 2


class Failing(IntEnum):
    """Numbers, of which the class fails for some."""

    ONE = 1

    @classmethod
    def _missing_(cls, value: object) -> None:
        raise KeyError(value)


class Half(Enum):
    """Nothing that texts are told apart by."""

    HALF = 0.5


UserId = NewType("UserId", int)

TAKEN: list[tuple[Any, str, Any]] = [
    (str, "a b c", "a b c"),
    (str, "", ""),
    (Any, "1", "1"),
    (int, "-007", -7),
    (UserId, "7", 7),
    (float, "-1.5e3", -1500.0),
    (float, "2", 2.0),
    (bool, "true", True),
    (bool, "True", True),
    (bool, "1", True),
    (bool, "on", True),
    (bool, "false", False),
    (bool, "0", False),
    (bool, "OFF", False),
    (Color, "red", Color.RED),
    (Size, "3", Size.BIG),
    (Word, "YES", Word.YES),
    (Grade, "9", Grade.WORST),
    (Rights, "3", Rights.READ | Rights.WRITE),
    (Literal["a", 1], "1", 1),
    (date, "2030-01-02", date(2030, 1, 2)),
    (datetime, "2030-01-02T03:04:05", datetime(2030, 1, 2, 3, 4, 5)),
    (datetime, "2030-01-02T03:04", datetime(2030, 1, 2, 3, 4)),
    (time, "03:04:05", time(3, 4, 5)),
    (time, "03:04", time(3, 4)),
    (time | date, "03:04", time(3, 4)),
    (timedelta, "P1D", timedelta(days=1)),
    (UUID, UUID_TEXT, UUID(UUID_TEXT)),
    (Decimal, "1.10", Decimal("1.10")),
    (Above, "1", 1),
    (int | str, "1", 1),
    (int | str, "x", "x"),
    (int | None, "1", 1),
]


@pytest.mark.parametrize(("annotation", "text", "value"), TAKEN)
def test_texts_become_values(annotation: Any, text: str, value: Any) -> None:
    """As JSON would write them; booleans as pages do too, and times without their seconds."""
    parse = parser_of(annotation)
    assert parse is not None
    assert repr(parse(text)) == repr(value)


FLOAT = "expected `float`"
DATETIME = "invalid RFC3339 encoded datetime"

REFUSED: list[tuple[Any, str, str]] = [
    (int, "", INT),
    (int, "1.0", INT),
    (int, "1e3", INT),
    (int, "+1", INT),
    (int, " 1", INT),
    (int, "1_0", INT),
    (int, "0x1", INT),
    (int, "\u0663", INT),  # a digit in Arabic
    (int, "9" * 310, INT),
    (int | None, "null", INT),
    (int | None, "None", INT),
    (float, "nan", FLOAT),
    (float, "-Infinity", FLOAT),
    (float, "1e999", FLOAT),
    (float, "1,5", FLOAT),
    (float, ".5", FLOAT),
    (bool, "yes", BOOL),
    (bool, "", BOOL),
    (bool, "2", BOOL),
    (Color, "green", "expected one of red, blue"),
    (Color, "RED", "expected one of red, blue"),
    (Failing, "3", "expected one of 1"),
    (Failing, "x", "expected one of 1"),
    (datetime, "2030-01-02", DATETIME),
    (datetime, "03:04", DATETIME),
    (datetime, "1700000000", DATETIME),
    (time, "2030-01-02T03:04", "invalid RFC3339 encoded time"),
    (time, "3:04", "invalid RFC3339 encoded time"),
    (Literal["a", 1], "b", "expected one of a, 1"),
    (Literal["a", 1], "01", "expected one of a, 1"),
    (date, "2030-02-30", "invalid RFC3339 encoded date"),
    (UUID, "1", "invalid UUID"),
    (Decimal, "x", "expected `decimal`"),
    (Decimal, "NaN", "expected `decimal`"),
    (Decimal, "Infinity", "expected `decimal`"),
    (Above, "0", "expected `int` >= 1"),
    (Above, "x", INT),
    (int | date, "x", f"{INT} or invalid RFC3339 encoded date"),
]


@pytest.mark.parametrize(("annotation", "text", "reason"), REFUSED)
def test_texts_that_are_no_values(annotation: Any, text: str, reason: str) -> None:
    """What clients could mean differently is refused, with the reason in words for them."""
    parse = parser_of(annotation)
    assert parse is not None
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        parse(text)
    assert explain_mismatch(caught.value)[1] == reason


@pytest.mark.parametrize(
    "annotation",
    [bytes, complex, Half, Literal[True], Literal[1, True], type(None), list[int], int | bytes],
)
def test_types_that_no_text_is_of(annotation: Any) -> None:
    """They have no parser, and neither has a union with one of them."""
    assert parser_of(annotation) is None
