"""Bodies that are no values: bad JSON and bad forms, and their exact answers."""

import json
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Generic, NotRequired, Required, TypedDict, TypeVar

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hump_trio import BindingError, Hump, Request, RouteError
from hump_trio.handlers.endpoint import endpoint_of
from hump_trio.messages.headers import Headers
from hump_trio.routing.route import Route
from hump_trio.testing import client
from tests.support.typed_handlers import FORM, JSON, ask, form_of, places_of, taking

T = TypeVar("T")


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


class Strict(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    """A body without further fields."""

    first_name: str
    few: Annotated[list[int], msgspec.Meta(max_length=2)] = []


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


@dataclass
class Flat:
    """A body that a form can have."""

    name: Annotated[str, msgspec.Meta(max_length=3)]
    age: int
    tags: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Refuse what can't be."""
        if self.age == 13:
            raise ValueError("an unlucky number")


INT = "expected `int`"
Places = dict[str, str]
STR_GOT_INT = "expected `str`, got `int`"
INT_GOT_STR = "expected `int`, got `str`"


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


# Annotation, content type, content, status, places.
BAD_TYPES: list[tuple[Any, str, str, int, Places]] = [
    (Basket, "", "{}", 415, {"body": "expected application/json"}),
    (Basket, "text/plain", "{}", 415, {"body": "expected application/json"}),
    (Basket, "text/json", "{}", 415, {"body": "expected application/json"}),
    (Basket, "application/jsonp", "{}", 415, {"body": "expected application/json"}),
    (Basket, f"{JSON}, {JSON}", "{}", 415, {"body": "expected application/json"}),
    (Basket, FORM, "customer=a", 415, {"body": "expected application/json"}),
    (form_of(Flat), "multipart/form-data", "x", 415, {"body": f"expected {JSON} or {FORM}"}),
    (Flat, JSON, "", 422, {"body": "missing"}),
    (Flat, "text/plain", "", 422, {"body": "missing"}),
    (form_of(Flat), FORM, "", 422, {"form.name": "missing", "form.age": "missing"}),
    (form_of(Flat), FORM, "name=a&age=", 422, {"form.age": INT}),
    (form_of(Flat), FORM, "name=a&age=1.0&tags=b", 422, {"form.age": INT, "form.tags[0]": INT}),
    (
        form_of(Flat),
        FORM,
        "name=&name=abcd&age=1",
        422,
        {"form.name": "expected `str` of length <= 3"},
    ),
    (form_of(Flat), FORM, "name=abcd&age=1", 422, {"form.name": "expected `str` of length <= 3"}),
    (form_of(Flat), FORM, "name=a&age=13", 422, {"form": "an unlucky number"}),
    (form_of(Strict), FORM, "firstName=a&b=c", 422, {"form": "object contains unknown field `b`"}),
    (form_of(dict[str, int]), FORM, "b=c&d=1&d=x", 422, {"form.b": INT, "form.d": INT}),
    (form_of(Flat), FORM, "name=%ff", 400, {"form": "can't be decoded"}),
    (form_of(Flat), FORM, "a&" * 1001, 400, {"form": "can't be decoded"}),
]


@pytest.mark.parametrize(("annotation", "content_type", "content", "status", "places"), BAD_TYPES)
async def test_bad_content_types_and_forms(
    annotation: Any, content_type: str, content: str, status: int, places: Places
) -> None:
    """415 says what is taken; a form is as exact as a query."""
    app = Hump()
    app.post("/")(taking(annotation))
    headers = {"content-type": content_type} if content_type else {}
    async with client(app) as http:
        answer = await http.post("/", content=content, headers=headers)
    assert (answer.status_code, places_of(answer)) == (status, places)


@pytest.mark.parametrize("annotation", [Flat, list[Flat | None]])
async def test_a_byte_order_mark_is_ignored(annotation: Any) -> None:
    """RFC 8259 section 8.1; whatever is wrong behind it is told as without it."""
    one = b'{"name":"a","age":1}'
    text = one if annotation is Flat else b"[" + one + b"]"
    plain = await ask(taking(annotation), content=text, content_type=JSON)
    marked = await ask(taking(annotation), content=b"\xef\xbb\xbf" + text, content_type=JSON)
    assert (marked.status_code, marked.text) == (200, plain.text)
    text = text.replace(b"1", b'"x"')
    answer = await ask(taking(annotation), content=b"\xef\xbb\xbf" + text, content_type=JSON)
    assert [place.rpartition(".")[2] for place in places_of(answer)] == ["age"]
    answer = await ask(taking(annotation), content=b"\xef\xbb\xbf", content_type=JSON)
    assert (answer.status_code, places_of(answer)) == (400, {"body": "not valid JSON"})


async def test_a_body_that_is_not_utf_8_is_no_form() -> None:
    """400."""
    answer = await ask(taking(form_of(Flat)), content=b"name=\xff", content_type=FORM)
    assert (answer.status_code, places_of(answer)) == (400, {"form": "can't be decoded"})


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
class Setting(Generic[T]):
    """A class that doesn't know what its value is."""

    name: str
    value: T
    former: list[T] = field(default_factory=list)


@dataclass
class PriceSetting(Setting[Decimal]):
    """A child that knows."""


@dataclass
class Settings(Generic[T]):
    """Several of it."""

    settings: list[Setting[T]]


@dataclass
class Sealed(Generic[T]):
    """A class with a field that nobody gives it."""

    secret: T = field(init=False)


class SealedChild(Sealed[int]):
    """A child of it."""


async def test_a_generic_class_is_taken_from_a_form() -> None:
    """As its fields are when its variables are known, in the class and in its children."""
    content = "name=a&value=7&former=1&former=2"
    answer = await ask(taking(form_of(Setting[int])), content=content, content_type=FORM)
    assert answer.text == "Setting(name='a', value=7, former=[1, 2])"
    answer = await ask(taking(form_of(PriceSetting)), content=content, content_type=FORM)
    assert "value=Decimal('7'), former=[Decimal('1'), Decimal('2')]" in answer.text
    answer = await ask(taking(form_of(Setting[int])), content="value=a&former=b", content_type=FORM)
    assert list(places_of(answer)) == ["form.name", "form.value", "form.former[0]"]


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


@pytest.mark.parametrize("annotation", [Setting[Decimal], PriceSetting])
async def test_a_generic_class_has_no_endless_numbers(annotation: Any) -> None:
    """NaN and ``1e999999999`` are refused in what a variable stands for too."""
    content = json.dumps({"name": "a", "value": "NaN", "former": ["1", "1e999999999"]})
    answer = await ask(taking(annotation), content=content, content_type=JSON)
    assert list(places_of(answer)) == ["body.value", "body.former[1]"]


@pytest.mark.parametrize("annotation", [Setting[Sealed[int]], Setting[SealedChild], Sealed[str]])
def test_what_no_call_can_set_is_refused_in_a_generic_class(annotation: Any) -> None:
    """At registration, as in any other class."""
    with pytest.raises(RouteError, match=r"clients could set Sealed.*secret"):
        endpoint_of(Route(template="/", methods=("POST",), handler=taking(annotation)))


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
CALL = endpoint_of(Route(template="/", methods=("POST",), handler=taking(Basket))).call


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
