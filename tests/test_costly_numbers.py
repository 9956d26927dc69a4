"""Numbers that fit their type, and would keep a server busy or break its handlers."""

import json
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, TypedDict
from uuid import UUID

import msgspec
import pytest

from hump_trio.annotations import types_in
from hump_trio.costly_numbers import guard_numbers
from tests.typed_handlers import JSON, ask, places_of, taking

# The modulus of Python's hashes of numbers: all of its multiples have the hash 0.
MODULUS = (1 << 61) - 1
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


@pytest.mark.parametrize(
    ("annotation", "content", "place"),
    [
        (dict[str, set[Decimal]], '{"a": ["1", "sNaN"]}', "body.a"),
        (dict[str, dict[Decimal, int]], '{"a": {"sNaN": 1}}', "body.a"),
        (dict[str, list[Decimal]], '{"a": ["sNaN"]}', "body.a[0]"),
    ],
)
async def test_what_has_no_hash_is_the_clients_fault(
    annotation: Any, content: str, place: str
) -> None:
    """422: a signaling NaN is an error of Python's wherever it is hashed."""
    answer = await ask(taking(annotation), content=content, content_type=JSON)
    [found] = places_of(answer)
    assert answer.status_code == 422
    assert found in (place, f"{place}[1]", f"{place}[...]")  # msgspec 0.23 names the item


@pytest.mark.parametrize("text", ['"0.10"', "1e400", '"-1E-7"', "7", '"1e999"'])
async def test_other_decimals_are_taken(text: str) -> None:
    """As text or as a number, as exact as they are written."""
    answer = await ask(taking(Price), content=f'{{"total": {text}}}', content_type=JSON)
    assert answer.status_code == 200
    assert f"total={Decimal(text.strip(chr(34)))!r}" in answer.text


NUMBERS = [str(number * MODULUS) for number in range(1, 1200)]
UUIDS = [f'"{UUID(int=number * MODULUS)}"' for number in range(1, 1200)]
ESCAPED = [text.replace('"0', '"\\u0030', 1) for text in UUIDS]
KEYS = [f'"{number}": 1' for number in NUMBERS]
EXPONENTS = [f"{pow(10, -place, MODULUS)}e{place}" for place in range(1200)]


@pytest.mark.parametrize(
    ("annotation", "texts"),
    [
        (dict[str, set[int]], NUMBERS),
        (dict[str, frozenset[Any]], NUMBERS),
        (dict[str, set[UUID]], UUIDS),
        (dict[str, set[UUID]], [text.replace("-", "") for text in UUIDS]),
        (dict[str, set[UUID]], ESCAPED),
        (dict[str, set[tuple[str, Decimal]]], EXPONENTS),
        (dict[str, dict[int, int]], KEYS),
    ],
)
async def test_numbers_of_one_hash_are_refused(annotation: Any, texts: list[str]) -> None:
    """400, before a set or a mapping is made of them: 1 MiB would take a minute."""
    items = ", ".join(texts)
    content = f'{{"a": {{{items}}}}}' if ":" in items else f'{{"a": [{items}]}}'
    answer = await ask(taking(annotation), content=content, content_type=JSON)
    assert answer.status_code == 400
    assert places_of(answer) == {"body": "too many numbers of one hash"}


async def test_other_numbers_are_taken() -> None:
    """However many they are, and however they are written."""
    texts = [*map(str, range(5000)), *(f"{number}.0" for number in range(5000))]
    content = json.dumps({"a": texts}).replace('"', "").replace("a:", '"a":')
    for annotation in (dict[str, set[float]], dict[str, list[int | float]]):
        answer = await ask(taking(annotation), content=content, content_type=JSON)
        assert answer.status_code == 200
    for content in (" ," * 2000, '"\\u0030' + "," * 2000):
        answer = await ask(taking(dict[str, set[int]]), content=content, content_type=JSON)
        assert answer.status_code == 400
        assert places_of(answer) == {"body": "not valid JSON"}


@pytest.mark.parametrize("annotation", [dict[str, int], list[UUID], dict[str, set[str]]])
def test_other_types_pay_nothing(annotation: Any) -> None:
    """Where no such number can be, the decoder is the plain one."""
    decode = json.loads
    assert guard_numbers(decode, annotation) is decode
    assert list(types_in(annotation))
