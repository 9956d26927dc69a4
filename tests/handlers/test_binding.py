"""The rules of binding: what a handler's annotations make of a request, one test for each rule."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import STRICT, Enum, IntEnum, IntFlag
from typing import Annotated, Any, Literal, NewType, TypedDict
from uuid import UUID

import msgspec
import pytest

from hump_trio import (
    Body,
    Cookie,
    Header,
    Hump,
    Query,
)
from hump_trio.testing import client
from tests.support.typed_handlers import FORM, JSON, ask, form_of, taking

UUID_TEXT = "12345678-1234-5678-1234-567812345678"


class Color(Enum):
    """Text by name."""

    RED = "red"


class Size(IntEnum):
    """Numbers by name."""

    BIG = 3


@dataclass
class Item:
    """A body with plain fields."""

    name: str
    price: float = 0.0
    tags: tuple[str, ...] = ()
    age: int | None = None


@dataclass
class Named:
    """A body with defaults alone."""

    name: str = "nobody"
    agree: bool = False


class Point(msgspec.Struct, rename="camel"):
    """A body with a field of another name."""

    at_x: int


class Key(TypedDict, total=False):
    """A body that stays a dict."""

    a: int


class Grade(IntEnum):
    """Numbers, of which a class takes more than it lists."""

    BEST = 1
    WORST = 6

    @classmethod
    def _missing_(cls, value: object) -> "Grade | None":
        return cls.WORST if isinstance(value, int) and value > 6 else None


class Word(Enum):
    """Texts, which a class takes in capitals too."""

    YES = "yes"

    @classmethod
    def _missing_(cls, value: object) -> "Word | None":
        return cls(str(value).lower()) if str(value).isupper() else None


class Rights(IntFlag, boundary=STRICT):
    """Numbers that are put together."""

    READ = 1
    WRITE = 2


@dataclass
class Answer:
    """A body with choices."""

    word: Word
    grades: list[Grade] = field(default_factory=list)
    at: datetime | None = None
    opens: Annotated[time, msgspec.Meta(tz=False)] | None = None


UserId = NewType("UserId", int)
Above = Annotated[int, msgspec.Meta(ge=1)]

# A parameter named in the path: template, path, annotation, value.
PATH_RULES: dict[str, tuple[str, str, Any, Any]] = {
    "a plain value is text": ("/{value}", "/7", str, "7"),
    "a plain value is converted": ("/{value}", "/-7", int, -7),
    "by msgspec too": ("/{value}", f"/{UUID_TEXT}", UUID, UUID(UUID_TEXT)),
    "and checked": ("/{value}", "/1", Above, 1),
    "a path is text": ("/{value:path}", "/a/b", str, "a/b"),
    "a path is converted": ("/{value:path}", "/2030-01-02", date, date(2030, 1, 2)),
    "a typed value is as it is": ("/{value:int}", "/7", int, 7),
    "for a union too": ("/{value:int}", "/7", int | None, 7),
    "for a new type too": ("/{value:int}", "/7", UserId, 7),
    "for object too": ("/{value:int}", "/7", object, 7),
    "without an annotation too": ("/{value:int}", "/7", None, 7),
    "a number is a float": ("/{value:int}", "/7", float, 7.0),
    "a number is a decimal": ("/{value:float}", "/2.5", Decimal, Decimal("2.5")),
    "a float is a float": ("/{value:float}", "/2.5", float, 2.5),
    "a UUID is a UUID": ("/{value:uuid}", f"/{UUID_TEXT}", UUID, UUID(UUID_TEXT)),
    "a typed value is checked": ("/{value:int}", "/1", Above, 1),
    "a typed value is one of some": ("/{value:int}", "/3", Size, Size.BIG),
    "one of some by the class's own rule": ("/{value}", "/YES", Word, Word.YES),
    "a number of them by the class's own rule": ("/{value:int}", "/9", Grade, Grade.WORST),
    "a float with an exponent": ("/{value:float}", "/-1e3", float, -1000.0),
    "or a literal": ("/{value:int}", "/2", Literal[1, 2], 2),
}


@pytest.mark.parametrize("rule", PATH_RULES)
async def test_path_values(rule: str) -> None:
    """A parameter named in the path is that value, of its annotation's type."""
    template, path, annotation, expected = PATH_RULES[rule]
    answer = await ask(taking(annotation), path, template=template)
    assert (answer.status_code, answer.text) == (200, repr(expected))


# Any other annotated parameter: annotation, default (... for none), query, value.
QUERY_RULES: dict[str, tuple[Any, Any, str, Any]] = {
    "str": (str, ..., "value=a%20b+c", "a b c"),
    "an empty str": (str, ..., "value=", ""),
    "int": (int, ..., "value=-007", -7),
    "a new type": (UserId, ..., "value=7", 7),
    "float": (float, ..., "value=-1.5e3", -1500.0),
    "a whole float": (float, ..., "value=2", 2.0),
    "true": (bool, ..., "value=true", True),
    "True": (bool, ..., "value=True", True),
    "1": (bool, ..., "value=1", True),
    "on": (bool, ..., "value=on", True),
    "false": (bool, ..., "value=false", False),
    "0": (bool, ..., "value=0", False),
    "off": (bool, ..., "value=OFF", False),
    "Enum": (Color, ..., "value=red", Color.RED),
    "IntEnum": (Size, ..., "value=3", Size.BIG),
    "Enum by the class's own rule": (Word, ..., "value=YES", Word.YES),
    "IntEnum by the class's own rule": (Grade, ..., "value=9", Grade.WORST),
    "IntFlag": (Rights, ..., "value=3", Rights.READ | Rights.WRITE),
    "Literal": (Literal["a", 1], ..., "value=1", 1),
    "date": (date, ..., "value=2030-01-02", date(2030, 1, 2)),
    "datetime": (datetime, ..., "value=2030-01-02T03:04:05", datetime(2030, 1, 2, 3, 4, 5)),
    "time": (time, ..., "value=03:04:05", time(3, 4, 5)),
    "datetime-local": (datetime, ..., "value=2030-01-02T03:04", datetime(2030, 1, 2, 3, 4)),
    "time without seconds": (time, ..., "value=03:04", time(3, 4)),
    "a union with them": (time | date, ..., "value=03:04", time(3, 4)),
    "timedelta": (timedelta, ..., "value=P1D", timedelta(days=1)),
    "UUID": (UUID, ..., f"value={UUID_TEXT}", UUID(UUID_TEXT)),
    "Decimal": (Decimal, ..., "value=1.10", Decimal("1.10")),
    "a constraint": (Above, ..., "value=1", 1),
    "a union's first that fits": (int | str, ..., "value=1", 1),
    "or its next": (int | str, ..., "value=x", "x"),
    "an optional one": (int | None, None, "value=1", 1),
    "an optional one left out": (int | None, None, "", None),
    "a default": (int, 5, "", 5),
    "a default overruled": (int, 5, "value=6", 6),
    "a default of another number": (float, 5, "", 5),
    "a literal default": (Literal["a", "b"], "b", "", "b"),
    "an empty int is left out": (int, 5, "value=", 5),
    "an empty str is left out": (str, "x", "value=", "x"),
    "an empty optional one is left out": (bool | None, None, "value", None),
    "an empty list is left out": (list[str] | None, None, "value=&value=", None),
    "what is filled in of a list": (tuple[str, ...], (), "value=&value=a", ("", "a")),
    "list": (list[int], ..., "value=1&value=2", [1, 2]),
    "a plain list": (list, ..., "value=1&value=2", ["1", "2"]),
    "list of Any": (list[Any], ..., "value=1", ["1"]),
    "set": (set[int], ..., "value=1&value=1", {1}),
    "frozenset": (frozenset[int], ..., "value=1", frozenset({1})),
    "tuple": (tuple[int, ...], ..., "value=1&value=2", (1, 2)),
    "a plain tuple": (tuple, ..., "value=1", ("1",)),
    "a pair": (tuple[int, str], ..., "value=1&value=2", (1, "2")),
    "a sequence": (Sequence[int], (), "value=1", (1,)),
    "a sequence left out": (Sequence[int], (), "", ()),
    "an optional list": (list[int] | None, None, "value=1", [1]),
    "a constrained list": (Annotated[list[int], msgspec.Meta(max_length=1)], ..., "value=1", [1]),
    "an alias": (Annotated[int, Query(alias="per-page")], ..., "per-page=1&value=2", 1),
    "an optional alias": (Annotated[int, Query("p")] | None, None, "p=1", 1),
    "a marker without alias": (Annotated[int, Query()], ..., "value=1", 1),
    "another name is ignored": (int, 5, "other=x&other=y", 5),
    "a default without an annotation is left alone": (None, 5, "value=6", 5),
    "Any with a default is left alone": (Any, 5, "value=6", 5),
}


@pytest.mark.parametrize("rule", QUERY_RULES)
async def test_query_values(rule: str) -> None:
    """Another annotated parameter is a value of the query, with its default."""
    annotation, default, query, expected = QUERY_RULES[rule]
    answer = await ask(taking(annotation, default), f"/?{query}")
    assert (answer.status_code, answer.text) == (200, repr(expected))


# Markers: annotation, default, header field, its value, value.
FIELD_RULES: dict[str, tuple[Any, Any, str, str, Any]] = {
    "a header of the parameter's name": (Annotated[str, Header()], "", "X-Token", "t", "t"),
    "a header by a class's own rule": (Annotated[Word, Header()], ..., "x-token", "YES", Word.YES),
    "a cookie without seconds": (
        Annotated[time, Cookie()],
        ...,
        "cookie",
        "x_token=03:04",
        time(3, 4),
    ),
    "a converted header": (Annotated[int, Header()], 0, "x-token", "7", 7),
    "a header left out": (Annotated[int, Header()], 5, "x-other", "7", 5),
    "a header of another name": (Annotated[str, Header(alias="ETag")], "", "etag", "t", "t"),
    "a header as a whole": (Annotated[str, Header()], "", "x-token", "a, b", "a, b"),
    "an empty header": (Annotated[str, Header()], "x", "x-token", "", "x"),
    "an empty cookie": (Annotated[int, Cookie()], 5, "cookie", "x_token=", 5),
    "a header's items": (Annotated[list[int], Header()], ..., "x-token", "1,, 2 ,3", [1, 2, 3]),
    "a cookie of the parameter's name": (Annotated[str, Cookie()], ..., "cookie", "x_token=t", "t"),
    "a converted cookie": (Annotated[int, Cookie()], ..., "cookie", "x_token=7", 7),
    "a cookie of another name": (Annotated[str, Cookie("a-b")], ..., "cookie", "a-b=t", "t"),
    "a cookie left out": (Annotated[str | None, Cookie()], None, "cookie", "a=t", None),
}


@pytest.mark.parametrize("rule", FIELD_RULES)
async def test_headers_and_cookies(rule: str) -> None:
    """A marker says where a value comes from."""
    annotation, default, field, value, expected = FIELD_RULES[rule]
    name = "x_token"
    handler = (
        taking(annotation, name=name) if default is ... else taking(annotation, default, name=name)
    )
    answer = await ask(handler, headers={field: value})
    assert (answer.status_code, answer.text) == (200, repr(expected))


async def test_a_header_that_comes_in_lines_is_one_list() -> None:
    """RFC 9110 section 5.3: whoever forwards them may join them."""
    app = Hump()
    app.get("/")(taking(Annotated[list[str], Header()], name="x_token"))
    async with client(app) as http:
        answer = await http.get("/", headers=[("x-token", "a"), ("x-token", "b, c")])
    assert answer.text == "['a', 'b', 'c']"


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
