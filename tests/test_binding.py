"""The rules of binding: what a handler's annotations make of a request, one test for each rule."""

import contextlib
import functools
import gc
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, IntEnum
from typing import Annotated, Any, Literal, NewType, TypedDict
from uuid import UUID

import msgspec
import pytest
import trio

from hump_trio import (
    BindingError,
    Cookie,
    Header,
    HttpException,
    Hump,
    Query,
    Request,
    Response,
    limit,
    timeout,
)
from hump_trio.calling import bind_handler
from hump_trio.headers import Headers
from hump_trio.routing import Route
from hump_trio.testing import client
from tests.typed_handlers import FORM, JSON, ask, places_of, taking

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


class Point(msgspec.Struct, rename="camel"):
    """A body with a field of another name."""

    at_x: int


class Key(TypedDict, total=False):
    """A body that stays a dict."""

    a: int


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
    "Literal": (Literal["a", 1], ..., "value=1", 1),
    "date": (date, ..., "value=2030-01-02", date(2030, 1, 2)),
    "datetime": (datetime, ..., "value=2030-01-02T03:04:05", datetime(2030, 1, 2, 3, 4, 5)),
    "time": (time, ..., "value=03:04:05", time(3, 4, 5)),
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
    "a converted header": (Annotated[int, Header()], 0, "x-token", "7", 7),
    "a header left out": (Annotated[int, Header()], 5, "x-other", "7", 5),
    "a header of another name": (Annotated[str, Header(alias="ETag")], "", "etag", "t", "t"),
    "a header as a whole": (Annotated[str, Header()], "", "x-token", "a, b", "a, b"),
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
    answer = await ask(taking(annotation, default), content=content, content_type=content_type)
    assert (answer.status_code, answer.text) == (200, repr(expected))


async def test_an_empty_body_without_a_type_is_left_out() -> None:
    """As one that isn't sent."""
    app = Hump()
    app.post("/")(taking(Point | None, None))
    async with client(app) as http:
        assert (await http.post("/")).text == "None"


async def read_all(
    number: int, item: Point, request: Request, q: bool = False, *, token: Annotated[str, Header()]
) -> dict[str, Any]:
    """Take something of each kind."""
    return {"number": number, "item": item, "path": request.path, "q": q, "token": token}


async def read_first(request: Request, item: Point, number: int) -> dict[str, Any]:
    """Take the request by its place."""
    return {"number": number, "item": item, "path": request.path}


async def read_plain(name: str, number: int, item: Point) -> dict[str, Any]:
    """Take a value of the path as it is beside others."""
    return {"number": number, "item": item, "name": name}


class Reader:
    """A handler that is an object."""

    async def __call__(self, request: Request, item: Point, number: int) -> dict[str, Any]:
        """Do as `read_first`."""
        return await read_first(request, item, number)

    async def read(self, request: Request, item: Point, number: int) -> dict[str, Any]:
        """Do as `read_first`."""
        return await read_first(request, item, number)


@pytest.mark.parametrize(
    ("handler", "template", "expected"),
    [
        (read_all, "/{number}/x", {"q": True, "token": "t", "path": "/7/x"}),
        (read_first, "/{number}/x", {"path": "/7/x"}),
        (read_plain, "/{number:int}/{name}", {"name": "x"}),
        (Reader(), "/{number}/x", {"path": "/7/x"}),
        (Reader().read, "/{number}/x", {"path": "/7/x"}),
        (
            functools.partial(read_all, q=False),
            "/{number}/x",
            {"q": False, "token": "t", "path": "/7/x"},
        ),
        (timeout(5)(read_first), "/{number}/x", {"path": "/7/x"}),
        (limit(5)(timeout(5)(read_all)), "/{number}/x", {"q": True, "token": "t", "path": "/7/x"}),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
async def test_all_at_once(handler: Any, template: str, expected: dict[str, Any]) -> None:
    """Path, query, header, body and request, in any order; through decorators and partials."""
    app = Hump()
    app.post(template)(handler)
    async with client(app) as http:
        answer = await http.post("/7/x?q=1", json={"atX": 1}, headers={"token": "t"})
    assert answer.json() == {"number": 7, "item": {"atX": 1}, **expected}


async def test_every_place_is_told_at_once() -> None:
    """Of all parameters and of all in the body; the status is of the worst."""
    app = Hump()
    app.post("/{number}")(read_all)
    bad = {"content-type": "text/plain"}
    async with client(app) as http:
        broken = await http.post("/x?q=maybe", json={"atX": "y"})
        undecodable = await http.post("/x?q=%ff", content="{", headers={"content-type": JSON})
        strange = await http.post("/x?q=%ff", content="{", headers=bad)
    assert places_of(broken) == {
        "path.number": "expected `int`",
        "body.atX": "expected `int`, got `str`",
        "query.q": "expected `bool`: true or false",
        "header.token": "missing",
    }
    assert list(places_of(undecodable)) == ["path.number", "body", "query", "header.token"]
    assert [each.status_code for each in (broken, undecodable, strange)] == [422, 400, 415]


@pytest.mark.parametrize("body", [b'{"name":1,"tags":[2]}', b"{", b""])
def test_what_does_not_fit_is_forgotten_at_once(body: bytes) -> None:
    """No circle of references holds it, and a large body with it, for the garbage collector."""

    async def read(number: int, item: Item) -> None: ...

    call = bind_handler(Route(template="/{number}", methods=("POST",), handler=read))
    request = Request("POST", "/x", "/x", Headers({"content-type": JSON}), body=body)
    request.path_params = {"number": "x"}
    gc.collect()
    gc.disable()
    try:
        with contextlib.suppress(BindingError):
            call(request)
        assert gc.collect() == 0
    finally:
        gc.enable()


async def test_what_is_fixed_by_a_partial_is_no_clients_business() -> None:
    """Only the program can say it; a value of the path goes before it, as ever."""

    async def read(admin: bool = False, number: int = 1) -> str:
        return f"{admin} {number}"

    handler = functools.partial(functools.partial(read, admin=False), number=2)
    assert (await ask(handler, "/?admin=1&number=3")).text == "False 2"
    assert (await ask(handler, "/3?admin=1", template="/{number}")).text == "False 3"


async def test_streams_and_generators_are_bound_too() -> None:
    """A handler that reads its body in parts, and one that answers in parts."""
    app = Hump()

    @app.put("/{name}", stream=True)
    async def upload(request: Request, name: str, limit: int = 5) -> str:
        return f"{name} {limit} {b''.join([part async for part in request.stream])!r}"

    @app.get("/count")
    async def count(to: int) -> AsyncIterator[str]:
        for number in range(to):
            yield f"{number} "

    async with client(app) as http:
        assert (await http.put("/a?limit=6", content=b"abc")).text == "a 6 b'abc'"
        assert places_of(await http.put("/a?limit=x", content=b"abc")).keys() == {"query.limit"}
        assert (await http.get("/count?to=3")).text == "0 1 2 "
        assert places_of(await http.get("/count")) == {"query.to": "missing"}
        assert (await http.head("/count")).status_code == 422


async def test_middleware_sees_what_does_not_fit() -> None:
    """As any other answer; on the plain path too."""
    app = Hump()
    seen: list[int] = []

    @app.middleware
    async def note(request: Request, call_next: Any) -> Response:
        response: Response = await call_next(request)
        seen.append(response.status)
        return response

    app.get("/")(taking(int))
    app.get("/slowly", timeout=5)(taking(int))
    async with client(app) as http:
        for path in ("/", "/slowly", "/?value=1"):
            await http.get(path)
    assert seen == [422, 422, 200]


@pytest.mark.parametrize("kind", [BindingError, HttpException])
async def test_the_answer_may_be_replaced(kind: type[HttpException]) -> None:
    """By an exception handler for it or for all of its kind."""
    app = Hump()

    @app.exception_handler(kind)
    async def answer(request: Request, error: BindingError) -> Response:
        return Response(repr(error.places), 418)

    app.get("/")(taking(int))
    async with client(app) as http:
        found = await http.get("/", headers={"accept": "text/plain"})
    assert (found.status_code, found.text) == (418, "(('query.value', 'missing'),)")


async def test_a_handler_may_say_the_same_by_itself() -> None:
    """Raised from anywhere below it."""

    async def refuse() -> None:
        async with trio.open_nursery():
            raise BindingError([("body.name", "taken")])

    assert places_of(await ask(refuse)) == {"body.name": "taken"}
