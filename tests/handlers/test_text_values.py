"""Texts that are no values: bad queries, paths and fields, and their exact answers."""

from collections.abc import Iterator
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum, IntEnum
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
import pytest

from hump_trio import BindingError, Cookie, Header
from hump_trio.handlers.parameter import EMPTY
from hump_trio.handlers.reading import reader_of
from tests.support.typed_handlers import ask, places_of, taking


class Odd(IntEnum):
    """Numbers, of which a class fails for some."""

    ONE = 1

    @classmethod
    def _missing_(cls, value: object) -> None:
        raise KeyError(value)


class Color(Enum):
    """Text by name."""

    RED = "red"
    BLUE = "blue"


Above = Annotated[int, msgspec.Meta(ge=1)]
INT = "expected `int`"
BOOL = "expected `bool`: true or false"
Places = dict[str, str]

# Annotation, query, and what is wrong with ``query.value``.
BAD_QUERIES: list[tuple[Any, str, Places]] = [
    (str, "", {"": "missing"}),
    (str, "values=a", {"": "missing"}),
    (int | None, "", {"": "missing"}),
    (list[int], "", {"": "missing"}),
    (str, "value=a&value=a", {"": "comes twice"}),
    (int, "value=", {"": INT}),
    (int, "value=1.0", {"": INT}),
    (int, "value=1e3", {"": INT}),
    (int, "value=%2B1", {"": INT}),
    (int, "value=+1", {"": INT}),
    (int, "value=1_0", {"": INT}),
    (int, "value=0x1", {"": INT}),
    (int, "value=%D9%A3", {"": INT}),  # a digit in Arabic
    (int, f"value={'9' * 310}", {"": INT}),
    (int | None, "value=null", {"": INT}),
    (int | None, "value=None", {"": INT}),
    (float, "value=nan", {"": "expected `float`"}),
    (float, "value=-Infinity", {"": "expected `float`"}),
    (float, "value=1e999", {"": "expected `float`"}),
    (float, "value=1,5", {"": "expected `float`"}),
    (float, "value=.5", {"": "expected `float`"}),
    (bool, "value=yes", {"": BOOL}),
    (bool, "value=", {"": BOOL}),
    (bool, "value=2", {"": BOOL}),
    (Color, "value=green", {"": "expected one of red, blue"}),
    (Color, "value=RED", {"": "expected one of red, blue"}),
    (Odd, "value=3", {"": "expected one of 1"}),
    (Odd, "value=x", {"": "expected one of 1"}),
    (datetime, "value=2030-01-02", {"": "invalid RFC3339 encoded datetime"}),
    (datetime, "value=03:04", {"": "invalid RFC3339 encoded datetime"}),
    (time, "value=2030-01-02T03:04", {"": "invalid RFC3339 encoded time"}),
    (time, "value=3:04", {"": "invalid RFC3339 encoded time"}),
    (Literal["a", 1], "value=b", {"": "expected one of a, 1"}),
    (Literal["a", 1], "value=01", {"": "expected one of a, 1"}),
    (date, "value=2030-02-30", {"": "invalid RFC3339 encoded date"}),
    (datetime, "value=1700000000", {"": "invalid RFC3339 encoded datetime"}),
    (UUID, "value=1", {"": "invalid UUID"}),
    (Decimal, "value=x", {"": "expected `decimal`"}),
    (Decimal, "value=NaN", {"": "expected `decimal`"}),
    (Decimal, "value=Infinity", {"": "expected `decimal`"}),
    (Above, "value=0", {"": "expected `int` >= 1"}),
    (Above, "value=x", {"": INT}),
    (int | date, "value=x", {"": f"{INT} or invalid RFC3339 encoded date"}),
    (list[int], "value=1&value=x&value=", {"[1]": INT, "[2]": INT}),
    (list[Above], "value=0", {"[0]": "expected `int` >= 1"}),
    (tuple[int, str], "value=1", {"": "expected 2 values, got 1"}),
    (tuple[int, str], "value=x&value=y", {"[0]": INT}),
    (
        Annotated[list[int], msgspec.Meta(max_length=1)],
        "value=1&value=2",
        {"": "expected `array` of length <= 1"},
    ),
]


@pytest.mark.parametrize(("annotation", "query", "wrong"), BAD_QUERIES)
async def test_bad_queries(annotation: Any, query: str, wrong: Places) -> None:
    """422, with the place and the reason."""
    answer = await ask(taking(annotation), f"/?{query}")
    assert answer.status_code == 422
    assert places_of(answer) == {f"query.value{place}": reason for place, reason in wrong.items()}


@pytest.mark.parametrize("query", ["value", "value="])
async def test_a_name_alone_is_no_truth_value(query: str) -> None:
    """It may well mean true: a default of False would be taken in silence."""
    answer = await ask(taking(bool, False), f"/?{query}")
    assert (answer.status_code, places_of(answer)) == (422, {"query.value": BOOL})


@pytest.mark.parametrize("query", ["value=%ff", "value=1&%80=2", "a&" * 2000 + "value=1"])
async def test_queries_that_can_not_be_decoded(query: str) -> None:
    """400, wherever the fault is."""
    answer = await ask(taking(int), f"/?{query}")
    assert (answer.status_code, places_of(answer)) == (400, {"query": "can't be decoded"})


# Annotation, template, path, reason.
BAD_PATHS: list[tuple[Any, str, str, str]] = [
    (int, "/{value}", "/x", INT),
    (int, "/{value}", "/7%20", INT),
    (bool, "/{value}", "/maybe", BOOL),
    (UUID, "/{value}", "/1", "invalid UUID"),
    (Above, "/{value:int}", "/0", "expected `int` >= 1"),
    (Literal[1, 2], "/{value:int}", "/3", "expected one of 1, 2"),
    (date, "/{value:path}", "/2030/01/02", "invalid RFC3339 encoded date"),
]


@pytest.mark.parametrize(("annotation", "template", "path", "reason"), BAD_PATHS)
async def test_bad_paths(annotation: Any, template: str, path: str, reason: str) -> None:
    """422: the path is there, its value isn't."""
    answer = await ask(taking(annotation), path, template=template)
    assert (answer.status_code, places_of(answer)) == (422, {"path.value": reason})


# Annotation, header field, value, place, reason.
BAD_FIELDS: list[tuple[Any, dict[str, str], Places]] = [
    (Annotated[str, Header()], {}, {"header.x-token": "missing"}),
    (Annotated[int, Header()], {"x-token": "1, 2"}, {"header.x-token": INT}),
    (Annotated[list[int], Header()], {"x-token": "1, b"}, {"header.x-token[1]": INT}),
    (Annotated[list[int], Header()], {"x-token": ","}, {"header.x-token": "missing"}),
    (Annotated[str, Header(alias="If-Match")], {}, {"header.if-match": "missing"}),
    (Annotated[str, Cookie()], {"cookie": "other=1"}, {"cookie.x_token": "missing"}),
    (Annotated[int, Cookie("a")], {"cookie": "a=x"}, {"cookie.a": INT}),
]


@pytest.mark.parametrize(("annotation", "headers", "wrong"), BAD_FIELDS)
async def test_bad_headers_and_cookies(
    annotation: Any, headers: dict[str, str], wrong: Places
) -> None:
    """422, under the name that was sent."""
    answer = await ask(taking(annotation, name="x_token"), headers=headers)
    assert (answer.status_code, places_of(answer)) == (422, wrong)


def test_no_more_is_read_than_is_told() -> None:
    """After a hundred bad values the others aren't looked at: a header field has thousands."""
    seen = 0

    class Texts(list[str]):
        def __iter__(self) -> Iterator[str]:
            nonlocal seen
            for text in super().__iter__():
                seen += 1
                yield text

    read = reader_of(list[int], EMPTY)
    with pytest.raises(BindingError) as caught:
        read(Texts(["1"] + ["x"] * 15_000), "header.ids")
    assert seen == 101
    assert caught.value.places[-1] == ("header.ids[100]", INT)
