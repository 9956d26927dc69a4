"""Numbers that fit their type, and would keep a server busy or break its handlers."""

import json
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, TypedDict
from uuid import UUID

import msgspec
import pytest

from hump_trio import Request
from hump_trio.content.costly_numbers import guard_numbers
from hump_trio.content.records import types_in
from tests.support.typed_handlers import JSON, ask, places_of, taking

ENDLESS = "expected `decimal`"


class Coin(msgspec.Struct):
    """A body with a number that is exact."""

    worth: Decimal


class Purse(TypedDict):
    """A body by names."""

    coins: list[Coin]


@dataclass
class Price:
    """A body with numbers that are exact, deep in it."""

    total: Decimal
    parts: dict[str, list[Decimal]] = field(default_factory=dict)
    rates: dict[Decimal, int] = field(default_factory=dict)
    purse: Purse | None = None
    note: Any = None


@pytest.mark.parametrize("text", ["NaN", "-Infinity", "1e999999999", "1e-9999", "9" * 310])
async def test_a_decimal_of_a_body_is_a_number_that_can_be_written(text: str) -> None:
    """422: on NaN comparisons raise, and the digits of ``1e999999999`` would fill the memory."""
    body = {
        "total": text,
        "parts": {"a": ["1", text]},
        "rates": {text: 1},
        "purse": {"coins": [{"worth": "2"}, {"worth": text}]},
        "note": [text, {}],
    }
    answer = await ask(taking(Price), content=json.dumps(body), content_type=JSON)
    assert answer.status_code == 422
    places = places_of(answer)
    rate = next(iter({place for place in places if "rates" in place}))
    assert places == dict.fromkeys(
        ["body.total", "body.parts.a[1]", rate, "body.purse.coins[1].worth"], ENDLESS
    )


@pytest.mark.parametrize("key", ["nan", "-inf", "1e-400"])
async def test_a_float_that_is_a_key_is_a_finite_number(key: str) -> None:
    """422 for what JSON has no number for, but msgspec takes in a text."""
    content = json.dumps({"1.5": 1, key: 2})
    answer = await ask(taking(dict[float, int]), content=content, content_type=JSON)
    if "e" in key:
        assert answer.text == "{1.5: 1, 0.0: 2}"
    else:
        assert answer.status_code == 422
        assert places_of(answer) == {f"body.{key}": "expected `float`"}


async def test_an_expected_type_has_no_such_numbers_either() -> None:
    """`Request.json` refuses what a parameter does."""

    async def show(request: Request) -> str:
        return str(request.json(list[Decimal]))

    answer = await ask(show, content='["1", "NaN"]', content_type=JSON)
    assert answer.status_code == 422
    assert places_of(answer) == {"body[1]": ENDLESS}


@pytest.mark.parametrize("text", ['"0.10"', "1e400", '"-1E-7"', "7", '"1e999"'])
async def test_other_decimals_are_taken(text: str) -> None:
    """As text or as a number, as exact as they are written."""
    answer = await ask(taking(Price), content=f'{{"total": {text}}}', content_type=JSON)
    assert answer.status_code == 200
    assert f"total={Decimal(text.strip(chr(34)))!r}" in answer.text


@pytest.mark.parametrize("annotation", [dict[str, int], list[UUID], dict[str, set[str]]])
def test_other_types_pay_nothing(annotation: Any) -> None:
    """Where no such number can be, the decoder is the plain one."""
    decode = json.loads
    assert guard_numbers(decode, annotation) is decode
    assert list(types_in(annotation))
