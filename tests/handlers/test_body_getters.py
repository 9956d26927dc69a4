"""From a body to a value of a type: JSON, or a form, by its content type."""

import json
from dataclasses import dataclass, field
from datetime import date, datetime, time
from decimal import Decimal
from typing import Annotated, Any, Generic, Literal, TypedDict, TypeVar

import msgspec
import pytest

from hump_trio import Body, Hump, RouteError
from hump_trio.testing import client
from tests.support.annotated import INT, Grade, Item, Point, Setting, Strict, Word
from tests.support.typed_handlers import FORM, JSON, ask, bind, form_of, places_of, taking

T = TypeVar("T")
Places = dict[str, str]


@dataclass
class Named:
    """A body with defaults alone."""

    name: str = "nobody"
    agree: bool = False


class Key(TypedDict, total=False):
    """A body that stays a dict."""

    a: int


@dataclass
class Answer:
    """A body with choices."""

    word: Word
    grades: list[Grade] = field(default_factory=list)
    at: datetime | None = None
    opens: Annotated[time, msgspec.Meta(tz=False)] | None = None


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


@dataclass
class PriceSetting(Setting[Decimal]):
    """A child that knows."""


@dataclass
class Sealed(Generic[T]):
    """A class with a field that nobody gives it."""

    secret: T = field(init=False)


class SealedChild(Sealed[int]):
    """A child of it."""


# Bodies: annotation, default, content type, content, value.
BODY_RULES: dict[str, tuple[Any, Any, str, str, Any]] = {
    "a dataclass": (Item, ..., JSON, '{"name":"a","price":1,"tags":["b"]}', Item("a", 1.0, ("b",))),
    "a Struct": (Point, ..., JSON, '{"atX":1}', Point(1)),
    "a TypedDict": (Key, ..., JSON, '{"a":1}', {"a": 1}),
    "a dict": (dict[str, int], ..., JSON, '{"b":1}', {"b": 1}),
    "a plain dict": (dict, ..., JSON, '{"b":[null]}', {"b": [None]}),
    "a dict of anything": (dict[str, object], ..., JSON, '{"b":[1]}', {"b": [1]}),
    "a list of them": (list[Point], ..., JSON, '[{"atX":1}]', [Point(1)]),
    "a tuple of them": (tuple[Point, ...], ..., JSON, '[{"atX":1}]', (Point(1),)),
    "a dict of them": (dict[str, Point], ..., JSON, '{"b":{"atX":1}}', {"b": Point(1)}),
    "a union": (Point | int, ..., JSON, "7", 7),
    "a charset": (Point, ..., f"{JSON}; charset=utf-8", '{"atX":1}', Point(1)),
    "a type in capitals": (Point, ..., "Application/JSON", '{"atX":1}', Point(1)),
    "JSON by a suffix": (Point, ..., "application/geo+json", '{"atX":1}', Point(1)),
    "an optional one": (Point | None, None, JSON, '{"atX":1}', Point(1)),
    "an optional one that is null": (Point | None, None, JSON, "null", None),
    "an empty one": (Point | None, None, JSON, "", None),
    "an empty form, left out": (Item | None, None, FORM, "", None),
    "an empty form": (Key, ..., FORM, "", {}),
    "a form": (Item, ..., FORM, "name=a+b&price=1.5", Item("a b", 1.5)),
    "a form's list": (Item, ..., FORM, "name=a&tags=b&tags=c", Item("a", 0.0, ("b", "c"))),
    "a field not filled in": (Item, ..., FORM, "name=&price=&age=", Item("")),
    "a text not filled in": (Named, ..., FORM, "name=", Named("nobody")),
    "a list not filled in": (Item, ..., FORM, "name=a&tags=&tags=", Item("a")),
    "a list half filled in": (Item, ..., FORM, "name=a&tags=&tags=b", Item("a", tags=("", "b"))),
    "a checkbox": (Named, ..., FORM, "agree=0&agree=1", Named(agree=True)),
    "a checkbox that isn't checked": (Named, ..., FORM, "agree=0", Named()),
    "a value cleared": (Named, ..., FORM, "name=a&name=", Named()),
    "a truth value not filled in": (Named, ..., FORM, "agree=", Named()),
    "the last entry of a dict": (dict[str, int], ..., FORM, "b=1&b=2", {"b": 2}),
    "what a page's inputs send": (
        Answer,
        ...,
        FORM,
        "word=YES&grades=7&grades=1&at=2030-01-02T03%3A04&opens=03%3A04",
        Answer(Word.YES, [Grade.WORST, Grade.BEST], datetime(2030, 1, 2, 3, 4), time(3, 4)),
    ),
    "choices in JSON": (
        Answer,
        ...,
        JSON,
        '{"word":"YES","grades":[9]}',
        Answer(Word.YES, [Grade.WORST]),
    ),
    "a form of a Struct": (Point, ..., FORM, "atX=1", Point(1)),
    "a form of a TypedDict": (Key, ..., FORM, "a=1&b=2", {"a": 1}),
    "a form of an optional": (Point | None, None, FORM, "atX=1", Point(1)),
    "a form of a dict": (dict[str, int], ..., FORM, "b=1&c=2", {"b": 1, "c": 2}),
    "a form of a plain dict": (dict, ..., FORM, "b=1", {"b": "1"}),
    "a form of lists": (dict[str, list[int]], ..., FORM, "b=1&b=2", {"b": [1, 2]}),
}


@pytest.mark.parametrize("rule", BODY_RULES)
async def test_bodies(rule: str) -> None:
    """What has names in it is the body: JSON or a form, by its content type."""
    annotation, default, content_type, content, expected = BODY_RULES[rule]
    if content_type == FORM:
        annotation = form_of(annotation)
    answer = await ask(taking(annotation, default), content=content, content_type=content_type)
    assert (answer.status_code, answer.text) == (200, repr(expected))


# What a marker makes a body: annotation, default, content, value.
MARKED_RULES: dict[str, tuple[Any, Any, str, Any]] = {
    "a number": (int, ..., "7", 7),
    "a text": (str, ..., '"a"', "a"),
    "an empty text": (str, "x", '""', ""),
    "numbers": (list[int], ..., "[1,2]", [1, 2]),
    "a set": (set[str], ..., '["a","a"]', {"a"}),
    "a choice": (Literal["a", 1], ..., "1", 1),
    "a date": (date, ..., '"2030-01-02"', date(2030, 1, 2)),
    "one of several": (int | list[str], ..., '["a"]', ["a"]),
    "null": (float | None, ..., "null", None),
    "null, not the default": (float | None, 1.5, "null", None),
    "nothing": (float | None, 1.5, "", 1.5),
    "anything": (Any, ..., '{"a":[1]}', {"a": [1]}),
    "any object": (object, ..., "[1]", [1]),
    "a class": (Item, ..., '{"name":"a"}', Item("a")),
    "a constraint": (Annotated[int, msgspec.Meta(ge=1)], ..., "1", 1),
}


@pytest.mark.parametrize("rule", MARKED_RULES)
async def test_a_marked_body_is_json_of_any_type(rule: str) -> None:
    """Where it isn't one by itself, as what has names in it is."""
    annotation, default, content, expected = MARKED_RULES[rule]
    handler = taking(Annotated[annotation, Body()], default)
    answer = await ask(handler, content=content, content_type=JSON)
    assert (answer.status_code, answer.text) == (200, repr(expected))


async def test_a_marked_body_that_does_not_fit() -> None:
    """422 with its place, as other bodies."""
    handler = taking(Annotated[list[Annotated[int, msgspec.Meta(ge=1)]], Body()])
    answer = await ask(handler, content='[1,"a",0]', content_type=JSON)
    assert answer.status_code == 422
    assert [each["place"] for each in answer.json()["errors"]] == ["body[1]", "body[2]"]
    answer = await ask(handler, content="", content_type=JSON)
    assert answer.json()["errors"] == [{"place": "body", "reason": "missing"}]


@pytest.mark.parametrize("annotation", [Item, Annotated[Item, Body()], dict, Point | None])
async def test_a_form_is_no_body_unless_it_is_asked_for(annotation: Any) -> None:
    """415: pages of other sites can send forms, and the browser adds the cookies."""
    for content_type in (FORM, "text/plain", "multipart/form-data; boundary=x", ""):
        answer = await ask(taking(annotation), content="name=a", content_type=content_type)
        assert answer.status_code == 415
        assert answer.json()["detail"] == "body: expected application/json"


async def test_a_body_that_may_be_a_form_may_be_json() -> None:
    """By its content type; and the answer to others names both."""
    handler = taking(form_of(Item))
    answer = await ask(handler, content='{"name":"a"}', content_type=JSON)
    assert answer.text == repr(Item("a"))
    answer = await ask(handler, content="name=a", content_type="text/plain")
    assert answer.status_code == 415
    assert "application/json or application/x-www-form-urlencoded" in answer.text


async def test_an_empty_body_without_a_type_is_left_out() -> None:
    """As one that isn't sent."""
    app = Hump()
    app.post("/")(taking(Point | None, None))
    async with client(app) as http:
        assert (await http.post("/")).text == "None"


# Annotation, content type, content, status, places.
BAD_TYPES: list[tuple[Any, str, str, int, Places]] = [
    (Flat, "", "{}", 415, {"body": "expected application/json"}),
    (Flat, "text/plain", "{}", 415, {"body": "expected application/json"}),
    (Flat, "text/json", "{}", 415, {"body": "expected application/json"}),
    (Flat, "application/jsonp", "{}", 415, {"body": "expected application/json"}),
    (Flat, f"{JSON}, {JSON}", "{}", 415, {"body": "expected application/json"}),
    (Flat, FORM, "name=a", 415, {"body": "expected application/json"}),
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


async def test_a_generic_class_is_taken_from_a_form() -> None:
    """As its fields are when its variables are known, in the class and in its children."""
    content = "name=a&value=7&former=1&former=2"
    answer = await ask(taking(form_of(Setting[int])), content=content, content_type=FORM)
    assert answer.text == "Setting(name='a', value=7, former=[1, 2])"
    answer = await ask(taking(form_of(PriceSetting)), content=content, content_type=FORM)
    assert "value=Decimal('7'), former=[Decimal('1'), Decimal('2')]" in answer.text
    answer = await ask(taking(form_of(Setting[int])), content="value=a&former=b", content_type=FORM)
    assert list(places_of(answer)) == ["form.name", "form.value", "form.former[0]"]


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
        bind(taking(annotation), method="POST")
