"""JSON text and values, by whichever library is there."""

import math
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from typing import Any, NoReturn
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hump_trio.content import json_text
from hump_trio.content.json_text import JsonCodec, json_codec
from hump_trio.content.msgspec_json import MsgspecJson
from hump_trio.content.standard_json import StandardJson
from hump_trio.facts.exceptions import HttpException

CODECS: list[JsonCodec] = [StandardJson(), MsgspecJson()]


both = pytest.mark.parametrize("codec", CODECS, ids=["standard", "msgspec"])


@dataclass
class Point:
    """A dataclass in a dataclass."""

    x: int
    others: "list[Point]" = field(default_factory=list)


TREES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**80), 2**80)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda children: st.lists(children) | st.dictionaries(st.text('aü\0"'), children),
    max_leaves=10,
)
NEW_YORK = timezone(timedelta(hours=-5))


class Colour(Enum):
    """A plain enum."""

    RED = 1


class Size(StrEnum):
    """An enum that is text."""

    SMALL = "s"


class Rank(IntEnum):
    """An enum that is a number."""

    FIRST = 1


@both
@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, b"null"),
        (True, b"true"),
        (2**64, b"18446744073709551616"),
        (1.5, b"1.5"),
        ("é\u2028/\x7f", '"é\u2028/\x7f"'.encode()),
        ('"\\\n\0', b'"\\"\\\\\\n\\u0000"'),
        ([1, [2]], b"[1,[2]]"),
        ((1, 2), b"[1,2]"),
        ({"a": 1, "b": None}, b'{"a":1,"b":null}'),
        ({1: 2}, b'{"1":2}'),
        ({7}, b"[7]"),
        (frozenset({7}), b"[7]"),
        (Point(1, [Point(2)]), b'{"x":1,"others":[{"x":2,"others":[]}]}'),
        (Colour.RED, b"1"),
        (Size.SMALL, b'"s"'),
        (Rank.FIRST, b"1"),
        (UUID(int=1), b'"00000000-0000-0000-0000-000000000001"'),
        (Decimal("1.50"), b'"1.50"'),
        (date(2020, 1, 2), b'"2020-01-02"'),
        (time(1, 2), b'"01:02:00"'),
        (datetime(2020, 1, 2, 3, 4, 5, 6), b'"2020-01-02T03:04:05.000006"'),
        (datetime(2020, 1, 2, tzinfo=UTC), b'"2020-01-02T00:00:00Z"'),
        (
            datetime(2020, 1, 2, tzinfo=NEW_YORK),
            b'"2020-01-02T00:00:00-05:00"',
        ),
    ],
)
def test_writes(codec: JsonCodec, value: Any, text: bytes) -> None:
    """The same value gives the same text, whichever library is installed."""
    assert codec.encode(value) == text


@both
@pytest.mark.parametrize("value", [object(), Point, range(3), 1j, {(1, 2): 3}, [len]])
def test_refuses_to_write_what_has_no_form(codec: JsonCodec, value: Any) -> None:
    """The error is the developer's: nothing is turned into text by guesswork."""
    with pytest.raises(TypeError, match=r"."):
        codec.encode(value)


@both
def test_refuses_to_write_half_a_surrogate_pair(codec: JsonCodec) -> None:
    """It has no UTF-8 form."""
    with pytest.raises(ValueError, match="surrogates not allowed"):
        codec.encode("\ud800")


@both
def test_refuses_to_write_a_value_that_holds_itself(codec: JsonCodec) -> None:
    """It ends, with an error."""
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises((ValueError, RecursionError)):
        codec.encode(loop)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_not_finite(value: float) -> None:
    """Never a text that isn't JSON: the standard library refuses, msgspec writes null."""
    with pytest.raises(ValueError, match="not JSON compliant"):
        StandardJson().encode([value])
    assert MsgspecJson().encode([value]) == b"[null]"


@both
@given(tree=TREES)
def test_reads_what_it_wrote(codec: JsonCodec, tree: Any) -> None:
    """Any tree of JSON's own types survives, and each codec reads what the other wrote."""
    for writer in CODECS:
        assert codec.decode(writer.encode(tree)) == tree


@both
@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b' \t\r\n{"a" : [1 , 2.5e3]} ', {"a": [1, 2500.0]}),
        (b'{"a":1,"a":2}', {"a": 2}),
        (b'"\\ud83d\\ude00"', "\U0001f600"),
        (b'"\\uD83D\\uDE00"', "\U0001f600"),
        (b'"\\\\ud800"', "\\ud800"),
        (b"18446744073709551616", 2**64),
        (b"null", None),
        (b'\xef\xbb\xbf{"a":"\xef\xbb\xbf"}', {"a": "\ufeff"}),  # RFC 8259 section 8.1
    ],
)
def test_reads(codec: JsonCodec, text: bytes, value: Any) -> None:
    """The same text gives the same value."""
    assert codec.decode(text) == value


@both
@pytest.mark.parametrize(
    "text",
    [
        b"",
        b" ",
        b"01",
        b"1.",
        b"[1,]",
        b"1 2",
        b"{'a': 1}",
        b'{"a"}',
        b'"\x01"',
        b'"\\x"',
        b"//\n1",
        b"NaN",
        b"Infinity",
        b"[-Infinity]",
        b"1e400",
        b"-1e400",
        b"1" * 5000,
        b'"\\ud800"',
        b'["\\uDC00\\uD800"]',
        b"\x00",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"[" * 100_000 + b"]" * 100_000,
        b'"\xff"',
        b'"\xed\xa0\x80"',
        b"\xef\xbb\xbf",
        b"\xef\xbb\xbf[",
        b"\xef\xbb\xbf\xef\xbb\xbf1",
        b" \xef\xbb\xbf1",
        '"é"'.encode("utf-16"),
        '"é"'.encode("latin-1"),
    ],
    ids=lambda text: repr(text[:12]),
)
def test_refuses_what_is_not_json(codec: JsonCodec, text: bytes) -> None:
    """Bad grammar, NaN, bad UTF-8, deep nesting and numbers past any range: 400, nothing else."""
    with pytest.raises(HttpException) as caught:
        codec.decode(text)
    assert (caught.value.status, caught.value.detail) == (400, "the body is not valid JSON")


@both
@given(text=st.binary())
def test_any_bytes_are_a_value_or_a_400(codec: JsonCodec, text: bytes) -> None:
    """Nothing that a client sends ends as another error, and what was read can be written."""
    with suppress(HttpException):
        assert codec.encode(codec.decode(text))


def test_msgspec_is_taken_where_it_is_installed() -> None:
    """The tests' environment has it."""
    assert isinstance(json_codec, MsgspecJson)


def test_without_msgspec_the_standard_library_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """The package works with trio alone."""
    monkeypatch.setitem(sys.modules, "msgspec", None)
    assert isinstance(json_text.choose_codec(), StandardJson)
    program = (
        "import sys; sys.modules['msgspec'] = None;"
        "from hump_trio.content.json_text import json_codec; print(type(json_codec).__name__)"
    )
    command = [sys.executable, "-c", program]
    found = subprocess.run(command, check=True, capture_output=True, text=True)
    assert found.stdout.strip() == "StandardJson"


def test_a_broken_msgspec_is_no_missing_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it lacks is told, rather than that another library is used."""

    def fail() -> NoReturn:
        raise ModuleNotFoundError("no part of it", name="msgspec._core")

    monkeypatch.setattr(json_text, "MsgspecJson", fail)
    with pytest.raises(ModuleNotFoundError, match="no part of it"):
        json_text.choose_codec()
