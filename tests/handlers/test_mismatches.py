"""Where a JSON body breaks a type: every place with its reason, and how far the search goes."""

import json
from dataclasses import dataclass, field
from datetime import date
from enum import Enum
from typing import (
    Annotated,
    Any,
    ClassVar,
    Generic,
    Literal,
    NotRequired,
    Required,
    TypedDict,
    TypeVar,
)

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hump_trio import BindingError, Request
from hump_trio.messages.headers import Headers
from tests.support.annotated import INT_GOT_STR, STR_GOT_INT, Setting, Strict
from tests.support.typed_handlers import JSON, ask, bind, places_of, taking

T = TypeVar("T")
Places = dict[str, str]


class Color(Enum):
    """Text by name."""

    RED = "red"
    BLUE = "blue"


@dataclass
class Line:
    """A part of a body."""

    price: float
    count: Annotated[int, msgspec.Meta(ge=1)] = 1
    color: Color = Color.RED

    def __post_init__(self) -> None:
        """Refuse what can't be, and fail for some."""
        if self.price < 0:
            raise ValueError("Nobody is paid")
        if self.price == 99:
            raise TypeError("a secret of the program's")


@dataclass
class Basket:
    """A body with bodies in it."""

    customer: Annotated[str, msgspec.Meta(min_length=1)]
    lines: list[Line]
    notes: dict[str, int] = field(default_factory=dict)
    pair: tuple[int, str] | None = None
    when: date | None = None
    by: "Basket | None" = None


class Keys(TypedDict):
    """A body that stays a dict."""

    a: int
    b: Required[str]
    c: NotRequired[str]


@dataclass
class Page(Generic[T]):
    """A body of which only msgspec knows the items."""

    items: list[T]


class Pages(msgspec.Struct, Generic[T]):
    """One of which msgspec tells the items."""

    items: list[T]


def basket(**fields: Any) -> str:
    """Return the JSON of a basket with some fields changed."""
    return json.dumps({"customer": "a", "lines": [], **fields})


# Annotation, JSON, and what is wrong below ``body``.
BAD_BODIES: list[tuple[Any, str, Places]] = [
    (Basket, "[]", {"": "expected `object`, got `array`"}),
    (Basket, "null", {"": "expected `object`, got `null`"}),
    (Basket, "{}", {".customer": "missing", ".lines": "missing"}),
    (Basket, basket(customer=""), {".customer": "expected `str` of length >= 1"}),
    (
        Basket,
        basket(customer=1, lines=2),
        {".customer": STR_GOT_INT, ".lines": "expected `array`, got `int`"},
    ),
    (
        Basket,
        basket(lines=[{}, {"price": "1", "count": 0, "color": "x"}, {"price": 1}, 3]),
        {
            ".lines[0].price": "missing",
            ".lines[1].price": "expected `float`, got `str`",
            ".lines[1].count": "expected `int` >= 1",
            ".lines[1].color": "invalid enum value 'x'",
            ".lines[3]": "expected `object`, got `int`",
        },
    ),
    (Basket, basket(lines=[{"price": -1}]), {".lines[0]": "Nobody is paid"}),
    (Basket, basket(lines=[{"price": 99}]), {".lines[0]": "not valid"}),
    (
        Basket,
        basket(notes={"b": "c", "d.e": 1.5}),
        {".notes.b": INT_GOT_STR, ".notes.d.e": "expected `int`, got `float`"},
    ),
    (Basket, basket(pair=["x", 1]), {".pair[0]": INT_GOT_STR, ".pair[1]": STR_GOT_INT}),
    (Basket, basket(pair=[1]), {".pair": "expected `array` of length 2, got 1"}),
    (Basket, basket(when="today"), {".when": "invalid RFC3339 encoded date"}),
    (
        Basket,
        basket(by={"customer": 1}),
        {".by.customer": STR_GOT_INT, ".by.lines": "missing"},
    ),
    (Strict, '{"firstName":"a","b":1}', {"": "object contains unknown field `b`"}),
    (Strict, '{"firstName":"a","few":[1,2,3]}', {".few": "expected `array` of length <= 2"}),
    (
        Strict,
        '{"firstName":1,"few":[1,"b",3]}',
        {".firstName": STR_GOT_INT, ".few[1]": INT_GOT_STR},
    ),
    (list[Strict], '[{"firstName":"a"},{}]', {"[1].firstName": "missing"}),
    (dict[int, Strict], '{"a":{"firstName":"a"}}', {"": f"{INT_GOT_STR} in a key"}),
    (Strict | int, '{"firstName":1}', {".firstName": STR_GOT_INT}),
    (Strict | int, "[]", {"": "expected `int | object`, got `array`"}),
    (dict[str, Any], "[]", {"": "expected `object`, got `array`"}),
    (Keys, '{"a":"x","c":1}', {".a": INT_GOT_STR, ".b": "missing", ".c": STR_GOT_INT}),
    (Page[int], '{"items":["x"]}', {".items[0]": INT_GOT_STR}),
    (Pages[int], '{"items":["x","y"]}', {".items[0]": INT_GOT_STR, ".items[1]": INT_GOT_STR}),
]


@pytest.mark.parametrize(("annotation", "content", "wrong"), BAD_BODIES)
async def test_bad_bodies(annotation: Any, content: str, wrong: Places) -> None:
    """422, with every place in them."""
    answer = await ask(taking(annotation), content=content, content_type=JSON)
    assert answer.status_code == 422
    assert places_of(answer) == {f"body{place}": reason for place, reason in wrong.items()}


GOOD = '{"customer":"a","lines":[]'
UNREADABLE = {
    "cut": b'{"customer":',
    "a word": b"hello",
    "more behind it": f"{GOOD}}}}}".encode(),
    "NaN": f'{GOOD},"notes":{{"b":NaN}}}}'.encode(),
    "a byte that isn't UTF-8": b'{"customer":"\xff","lines":[]}',
    "UTF-16": f"{GOOD}}}".encode("utf-16"),
    "half a surrogate pair": b'{"customer":"\\ud800","lines":[]}',
    "a number out of range": b'{"customer":"a","lines":[{"price":1e999}]}',
    "an endless integer": f'{GOOD},"notes":{{"b":{"9" * 5000}}}}}'.encode(),
    "too deep": f'{GOOD},"other":{"[" * 100_000}'.encode(),
    "deep and well-formed": f'{GOOD},"other":{"[" * 50_000}{"]" * 50_000}}}'.encode(),
    "too deep in its type": b'{"customer":"a","lines":[],"by":' * 20_000 + b"null" + b"}" * 20_000,
}


@pytest.mark.parametrize("name", UNREADABLE)
async def test_bodies_that_can_not_be_parsed(name: str) -> None:
    """400: there is no place to name."""
    answer = await ask(taking(Basket), content=UNREADABLE[name], content_type=JSON)
    assert (answer.status_code, places_of(answer)) == (400, {"body": "not valid JSON"})


@dataclass
class Deep:
    """A body that takes more of the stack than there is, for some."""

    name: str

    def __post_init__(self) -> None:
        """Fail as what is nested too deeply does."""
        if self.name == "deep":
            raise RecursionError


async def test_a_type_may_be_deeper_than_its_text() -> None:
    """400, and no reason to stop the search for other places."""
    first, last = '[{"name":"deep"},{"name":1}]', '[{"name":1},{"name":"deep"}]'
    answer = await ask(taking(list[Deep]), content=first, content_type=JSON)
    assert (answer.status_code, places_of(answer)) == (400, {"body": "nested too deeply"})
    answer = await ask(taking(list[Deep]), content=last, content_type=JSON)
    assert (answer.status_code, places_of(answer)) == (422, {"body[0].name": STR_GOT_INT})


@dataclass
class Settings(Generic[T]):
    """Several of it."""

    settings: list[Setting[T]]


async def test_all_errors_of_a_generic_class_are_told() -> None:
    """Not the first alone."""
    content = json.dumps(
        {"settings": [{"value": "a", "former": [1, "b"]}, {"name": 1, "value": 1}]}
    )
    answer = await ask(taking(Settings[int]), content=content, content_type=JSON)
    assert list(places_of(answer)) == [
        "body.settings[0].name",
        "body.settings[0].value",
        "body.settings[0].former[1]",
        "body.settings[1].name",
    ]


@dataclass
class Node:
    """A body in a body."""

    name: str
    below: "Node | None" = None


async def test_an_answer_is_short_whatever_was_sent() -> None:
    """A hundred places, each of 200 characters at most: a client's own long names are cut."""
    names = {f"{number}{'n' * 500}": {"m" * 500: "x"} for number in range(1000)}
    answer = await ask(
        taking(dict[str, dict[str, int]]), content=json.dumps(names), content_type=JSON
    )
    places = places_of(answer)
    assert len(places) == 100
    assert list(places)[7] == f"body.7{'n' * 79}.{'m' * 80}"
    assert len(answer.content) < 100 * 300


async def test_far_places_are_found_by_msgspec_alone() -> None:
    """What lies past the first 2,000 values, or 32 deep, is not searched for: one is told."""
    far = {"a": [1] * 100_000 + ["x", "y"]}
    answer = await ask(taking(dict[str, list[int]]), content=json.dumps(far), content_type=JSON)
    assert places_of(answer) == {"body[...][100000]": "expected `int`, got `str`"}
    deep: dict[str, Any] = {"name": 1}
    for _ in range(40):
        deep = {"name": "a", "below": deep}
    answer = await ask(taking(Node), content=json.dumps(deep), content_type=JSON)
    place = f"body{'.below' * 40}.name"
    assert places_of(answer) == {f"{place[:197]}...": "expected `str`, got `int`"}


@dataclass
class Leaf:
    """What counts how often it was made."""

    made: ClassVar[int] = 0

    def __post_init__(self) -> None:
        Leaf.made += 1


@dataclass
class Tree:
    """What holds others, and much that isn't searched: a union."""

    below: "list[Tree]"
    leaves: list[Leaf] | int = 0
    height: int = 0


async def test_much_that_is_right_is_looked_at_once() -> None:
    """However many values hold it: a failure costs no more than a success."""
    deep: dict[str, Any] = {"below": [], "leaves": [{}] * 3000}
    for _ in range(10):
        deep = {"below": [deep]}
    Leaf.made = 0
    answer = await ask(taking(Tree), content=json.dumps(deep | {"height": "x"}), content_type=JSON)
    assert places_of(answer) == {"body.height": "expected `int`, got `str`"}
    assert Leaf.made == 3000


@dataclass
class Choice:
    """A body with two words to choose from."""

    word: Literal["red", "blue"]


@pytest.mark.parametrize("value", [{"a": 1}, {}, [1, 2], ["red", "blue"]])
async def test_a_choice_of_two_is_no_mapping(value: Any) -> None:
    """The values of a Literal aren't taken for the types of keys and values."""
    answer = await ask(taking(Choice), content=json.dumps({"word": value}), content_type=JSON)
    assert answer.status_code == 422
    assert list(places_of(answer)) == ["body.word"]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["customer", "lines", "notes", "pair", "by", "price", "count", "x"]),
            inner,
        )
    ),
    max_leaves=20,
)
CALL = bind(taking(Basket), method="POST")


@given(VALUES.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=50))
def test_no_body_whatever_is_the_programs_fault(body: bytes) -> None:
    """Any JSON, and what isn't, is a Basket or a BindingError that names the body."""
    request = Request("POST", "/", "/", Headers({"content-type": JSON}), body=body)
    places = [("body", "right")]
    try:
        CALL(request).close()
    except BindingError as error:
        places = list(error.places)
    assert places
    assert all(place.startswith("body") and reason for place, reason in places)
