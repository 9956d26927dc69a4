"""What return annotations promise, and what is answered by them."""

import logging
import re
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import Enum, StrEnum
from typing import Annotated, Any, Literal, NoReturn, Protocol, TypedDict
from uuid import UUID

import msgspec
import pytest

from hump_trio import Hump, JsonResponse, Request, Response, RouteError, Router
from hump_trio.content.json_text import json_codec
from hump_trio.dispatch.dispatcher import Dispatcher
from hump_trio.dispatch.router import table_of
from hump_trio.handlers.results import results_of
from hump_trio.handlers.signature import parse_signature
from hump_trio.routing.route import Route
from hump_trio.testing import client
from tests.support.typed_handlers import ask, route_of


@dataclass
class Item:
    """A result with a field."""

    name: str


@dataclass
class Secret(Item):
    """One that has more than its parent."""

    password: str = "secret"


class Place(msgspec.Struct):
    """Another."""

    name: str


class Keys(TypedDict):
    """A dict with one key."""

    name: str


@dataclass
class Marked:
    """One whose objects lack a field until it is answered."""

    name: str
    kind: str = field(init=False, default="marked")


@dataclass
class Basket:
    """One that holds another."""

    item: Item


class Odd(Enum):
    """No result."""

    HALF = 0.5


class Word(StrEnum):
    """A result that is text."""

    YES = "yes"


class Model:
    """A class of another library."""


class Named(Protocol):
    """Whatever has a name."""

    name: str


def annotated(annotation: Any) -> Route:
    """Return a route whose handler has a return annotation."""

    async def handler() -> Any: ...

    handler.__annotations__["return"] = annotation
    return route_of(handler)


@pytest.mark.parametrize(
    "annotation",
    [
        *(int, bool, float | None, set[str], date, UUID, Odd, str | frozenset[int], complex),
        *(Model, Named, Iterable[int] | Model, type),
    ],
)
def test_results_that_are_no_answers_are_refused(annotation: Any) -> None:
    """At registration, with all that an answer can be made of."""
    message = (
        r"handler returns \w+, of which no answer can be made: return str, bytes, a dict, list,"
        r" tuple, dataclass, TypedDict, msgspec\.Struct, pydantic model or attrs class, an async"
        r" iterable of str or bytes, None or a Response"
    )
    with pytest.raises(RouteError, match=message):
        parse_signature(annotated(annotation))


@pytest.mark.parametrize(
    "annotation", [list[Model], dict[str, list[Model]], tuple[int, Model], Sequence[int | Model]]
)
def test_collections_of_what_has_no_json_form_are_refused(annotation: Any) -> None:
    """Rather than each request answered with 500."""
    with pytest.raises(RouteError, match=r"but JSON has nothing for a Model: make a dict"):
        parse_signature(annotated(annotation))


@pytest.mark.parametrize("annotation", [AsyncIterator[Item], AsyncIterator[dict[str, int] | str]])
def test_streams_of_values_are_refused(annotation: Any) -> None:
    """A body's parts are text or bytes, and what takes values is named."""
    with pytest.raises(RouteError, match=r"returns a stream of .*; JsonLines\(\.\.\.\) and Event"):
        parse_signature(annotated(annotation))


def test_an_annotation_that_can_not_be_resolved_is_refused() -> None:
    """Nobody would know what is to be kept back."""

    @dataclass
    class Local:
        it: "Nowhere"  # type: ignore[name-defined]  # noqa: F821

    async def unknown() -> "Nowhere":  # type: ignore[name-defined]  # noqa: F821
        """Return what isn't there."""

    async def local() -> Any:
        """Return what has a field of such a type."""

    local.__annotations__["return"] = Local

    async def malformed() -> "not an annotation":  # type: ignore[valid-type]  # noqa: F722
        """Return what is no type."""

    for handler, match in ((unknown, "returns 'Nowhere', which can't"), (local, "annotations can")):
        app = Hump()
        app.get("/")(handler)  # a class may follow
        with pytest.raises(RouteError, match=f"{match}.*has? .*to be defined or imported at"):
            Dispatcher(app, table_of(app))
    with pytest.raises(RouteError, match="returns 'not an annotation', which can't be resolved"):
        Hump().get("/")(malformed)


@pytest.mark.parametrize(
    ("annotation", "text", "json_kinds", "fitted_kinds"),
    [
        (Any, True, {dict, list}, set()),
        (object, True, {dict, list}, set()),
        (NoReturn, True, {dict, list}, set()),
        (Item, False, {Item}, set()),
        (Item | Place | None, False, {Item, Place}, set()),
        (Annotated[Item, "a note"], False, {Item}, set()),
        (Marked, False, set(), {Marked}),
        (Basket | str, True, set(), {Basket}),
        (list[Item], False, set(), {list}),
        (list[int], False, {list}, set()),
        (Sequence[int], False, {list, tuple}, set()),
        (tuple[int, ...], False, {tuple}, set()),
        (dict[str, Item], False, set(), {dict}),
        (dict[str, int | str], False, {dict}, set()),
        (Mapping[str, int], False, {dict}, set()),
        (Keys, False, set(), {dict}),
        (str | bytes | None, True, set(), set()),
        (Literal["a", "b"], True, set(), set()),
        (Word, True, set(), set()),
        (Response | JsonResponse, False, set(), set()),
        (AsyncIterator[str], False, set(), set()),
        (None, False, set(), set()),
    ],
)
def test_what_goes_out_without_ado(
    annotation: Any, text: bool, json_kinds: set[type], fitted_kinds: set[type]
) -> None:
    """Text, and objects of annotated classes that can hide nothing; others are looked at."""
    route = annotated(annotation)
    found = results_of(route, parse_signature(route).returns)
    encoders = {kind: encode for kind, (_, encode) in found.renderers.items()}
    assert (encoders.pop(str, None) is str.encode) == text
    as_they_are = {kind for kind, each in encoders.items() if each is json_codec.encode_filled}
    assert (as_they_are, encoders.keys() - as_they_are) == (json_kinds, fitted_kinds)


def returning(value: Any, annotation: Any, **options: Any) -> list[Hump]:
    """Return apps whose one handler returns a value, without middleware and with it."""

    async def handler() -> Any:
        return value

    async def around(request: Request, call_next: Any) -> Response:
        response: Response = await call_next(request)
        return response

    handler.__annotations__["return"] = annotation
    apps = [Hump(), Hump()]
    for app in apps:
        app.get("/", **options)(handler)
    apps[1].middleware(around)
    return apps


@pytest.mark.parametrize(
    ("annotation", "value", "expected"),
    [
        (Item, Item("a"), '{"name":"a"}'),
        (Item, Secret("a"), '{"name":"a"}'),
        (Secret, Secret("a"), '{"name":"a","password":"secret"}'),
        (Item | None, Secret("a"), '{"name":"a"}'),
        (Item | Secret, Secret("a"), '{"name":"a","password":"secret"}'),
        (list[Item], [Item("a"), Secret("b")], '[{"name":"a"},{"name":"b"}]'),
        (Marked, Marked("a"), '{"name":"a","kind":"marked"}'),
        (Keys, {"name": "a", "password": "b"}, '{"name":"a"}'),
        (Any, Secret("a"), '{"name":"a","password":"secret"}'),
        (tuple[str, int], ("a", 404), '["a",404]'),
        (Literal["a", "b"], "a", "a"),
        (Word, Word.YES, "yes"),
        (bytes, bytearray(b"a"), "a"),
        (Item, JsonResponse(Secret("a")), '{"name":"a","password":"secret"}'),
        (Response, Response("a"), "a"),
        (None, None, ""),
    ],
)
async def test_the_annotation_decides_what_goes_out(
    annotation: Any, value: Any, expected: str
) -> None:
    """The fields of the annotated class alone; a response says what it says."""
    for app in returning(value, annotation):
        async with client(app) as http:
            answer = await http.get("/")
        assert (answer.status_code, answer.text) == (200 if expected else 204, expected)


@pytest.mark.parametrize(
    ("annotation", "value", "said"),
    [
        (Item, {"other": 1}, r"-> tests\.handlers\.test_results\.Item and returned a dict$"),
        (Item, "text", r"Item and returned a str$"),
        (Item, None, r"Item and returned None$"),
        (
            Item | None,
            Place("a"),
            r"-> tests\.handlers\.test_results\.Item \| None and returned a Place$",
        ),
        (Keys, {"password": "b"}, r"Keys and returned a dict without name$"),
        (list[Item], [Item("a"), 5], r"-> list\[.*Item\] and returned an int at \[1\]$"),
        (Basket, Basket({"a": 1}), r"Basket and returned a dict at item$"),  # type: ignore[arg-type]
        (str, {"a": 1}, r"-> str and returned a dict$"),
        (dict[str, int], [1], r"-> dict\[str, int\] and returned a list$"),
        (None, "text", r"-> None and returned a str$"),
        (str, Odd.HALF, r"-> str and returned an Odd: no answer can be made of type Odd, "),
        (str, 3, r"-> str and returned an int: no answer can be made of type int, 3: return str"),
    ],
)
async def test_another_type_than_annotated_is_logged(
    annotation: Any, value: Any, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The client gets a 500; the log has the handler, its annotation and what it has returned."""
    for app in returning(value, annotation):
        caplog.clear()
        async with client(app) as http:
            answer = await http.get("/")
        assert (answer.status_code, answer.text) == (500, "Internal Server Error")
        (record,) = (each for each in caplog.records if each.levelno >= logging.ERROR)
        assert record.exc_info is not None
        message = str(record.exc_info[1])
        assert re.search(said, message)
        assert message.startswith("handler is annotated -> ")


@pytest.mark.parametrize(
    ("returns", "value", "status", "text"),
    [
        (Item, Secret("a"), 200, '{"name":"a"}'),
        ({200: list[Item]}, [Secret("a")], 200, '[{"name":"a"}]'),
        ({200: Item, 204: None}, None, 204, ""),
        ({201: Item}, Secret("a"), 201, '{"name":"a"}'),
        ({201: list[Item], 409: str}, [Secret("a")], 201, '[{"name":"a"}]'),
        ({201: dict[str, int]}, {"a": 1}, 201, '{"a":1}'),
        ({201: str}, "tea", 201, "tea"),
        ({201: Any}, Secret("a"), 201, '{"name":"a","password":"secret"}'),
        ({201: Item, 204: None}, None, 204, ""),
        ({201: Item, 204: None}, Secret("a"), 201, '{"name":"a"}'),
        ({201: Item | None}, None, 204, ""),
        ({202: None}, None, 202, ""),
        ({204: None}, None, 204, ""),
        ({201: Item}, None, 500, "Internal Server Error"),
        ({201: Item}, Response("tea", 203), 203, "tea"),
        ({201: Item, 202: str}, Secret("a"), 200, '{"name":"a","password":"secret"}'),
        ({303: None}, "tea", 200, "tea"),
        (Item, {"name": "a"}, 500, "Internal Server Error"),
        ({201: Item}, JsonResponse(Secret("a"), 201), 201, '{"name":"a","password":"secret"}'),
    ],
)
async def test_what_a_route_returns_goes_before_the_annotation(
    returns: Any, value: Any, status: int, text: str
) -> None:
    """Its one success, as in the document; all other statuses are those of responses."""
    for app in returning(value, Any, returns=returns):
        async with client(app) as http:
            answer = await http.get("/")
        assert (answer.status_code, answer.text) == (status, text)


async def test_the_annotation_counts_in_routers() -> None:
    """And for handlers of several methods, and with a timeout."""
    router = Router("/shop")

    @router.route("/item", methods=["GET", "POST"], timeout=1)
    async def item() -> Item:
        return Secret("a")

    app = Hump()
    app.include(router)
    async with client(app) as http:
        for method in ("GET", "POST"):
            assert (await http.request(method, "/shop/item")).json() == {"name": "a"}


@pytest.mark.parametrize("kind", [Item, Place])
async def test_results_with_fields_are_json(kind: type) -> None:
    """Where nothing was annotated."""

    async def handler():  # type: ignore[no-untyped-def]  # noqa: ANN202
        return kind("a")

    answer = await ask(handler)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert answer.json() == {"name": "a"}
