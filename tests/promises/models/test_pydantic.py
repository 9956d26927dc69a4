"""Models of pydantic's wherever a class with fields may be, beside FastAPI."""

import json
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Literal

import pytest
from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field, HttpUrl, RootModel, SecretStr, field_validator

from hump_trio import (
    Body,
    Cookie,
    Header,
    HttpException,
    Hump,
    JsonResponse,
    Query,
    Request,
    RouteError,
    WebSocket,
)
from hump_trio.asgi import Asgi
from hump_trio.testing import client, websocket
from tests.support.typed_handlers import JSON, ask, places_of, taking


class Cat(BaseModel):
    """One kind of pet."""

    kind: Literal["cat"]
    lives: int = Field(default=9, ge=1)


class Dog(BaseModel):
    """Another."""

    kind: Literal["dog"]
    age: int = Field(alias="years")


class Line(BaseModel):
    """A line of an order."""

    model_config = ConfigDict(extra="forbid")
    name: str = Field(min_length=1)
    price: float = Field(gt=0)
    tags: list[str] = []

    @field_validator("name")
    @classmethod
    def check_name(cls, value: str) -> str:
        """Refuse names that are reserved."""
        if value == "admin":
            raise ValueError("a reserved name")
        return value


class Order(BaseModel):
    """An order."""

    lines: list[Line]
    note: str | None = Field(default=None, alias="Note", max_length=5)
    pet: Annotated[Cat | Dog, Field(discriminator="kind")] | None = None


class Kept(Order):
    """An order with what isn't for clients."""

    margin: float = 0.5


class Filter(BaseModel):
    """A class of query values."""

    page: int = Field(default=1, ge=1)
    tags: list[str] = []
    per_page: int = Field(default=10, alias="per-page", le=50)
    token: SecretStr | None = None


@dataclass
class Envelope:
    """A class of ours with a model in it."""

    order: Order
    orders: list[Order] | None = None


class Orders(RootModel[list[Order]]):
    """A model whose JSON is a list."""


KEPT = Kept.model_validate({"lines": [{"name": "a", "price": 1}], "Note": "x"})
WRITTEN = {"lines": [{"name": "a", "price": 1.0, "tags": []}], "Note": "x", "pet": None}


async def answer(handler: Any, method: str = "GET", **options: Any) -> Any:
    """Return the answer of a handler, registered alone."""
    app = Hump()
    app.add_route("/", handler, methods=[method], **options.pop("route", {}))
    async with client(app) as http:
        return await http.request(method, options.pop("url", "/"), **options)


ANSWERS: list[tuple[Any, Any, Any]] = [
    (Order, KEPT, WRITTEN),
    (Order | None, KEPT, WRITTEN),
    (list[Order], [KEPT], [WRITTEN]),
    (dict[str, Order], {"a": KEPT}, {"a": WRITTEN}),
    (tuple[int, Order], (1, KEPT), [1, WRITTEN]),
    (Envelope, Envelope(KEPT, [KEPT]), {"order": WRITTEN, "orders": [WRITTEN]}),
    (Orders, Orders([KEPT]), [{**WRITTEN}]),
    (Kept, KEPT, {**WRITTEN, "margin": 0.5}),
    (Any, KEPT, {**WRITTEN, "margin": 0.5}),
    (Any, [KEPT], [{**WRITTEN, "margin": 0.5}]),
    (JsonResponse, JsonResponse({"a": KEPT}), {"a": {**WRITTEN, "margin": 0.5}}),
]


@pytest.mark.parametrize(("annotation", "value", "expected"), ANSWERS)
async def test_the_fields_of_the_annotated_model_go_out(
    annotation: Any, value: Any, expected: Any
) -> None:
    """And no others, alone and in whatever holds it; all of them where nothing is annotated."""

    async def handler() -> Any:
        return value

    handler.__annotations__["return"] = annotation
    answered = await answer(handler)
    assert answered.headers["content-type"] == JSON
    assert answered.json() == expected


async def test_returns_goes_before_the_annotation() -> None:
    """As for any class."""

    async def handler() -> Kept:
        return KEPT

    assert (await answer(handler, route={"returns": Order})).json() == WRITTEN


@pytest.mark.parametrize("value", [{"lines": []}, Filter(), [], None])
async def test_another_value_than_the_annotated_model_is_an_error(value: Any) -> None:
    """A dict with the right keys too: nobody has looked at it."""

    async def handler() -> Order:
        return value  # type: ignore[no-any-return]

    assert (await answer(handler)).status_code == 500


async def test_what_was_put_into_a_field_around_its_checks_is_an_error() -> None:
    """Another class in it may have fields that aren't for clients."""

    async def handler() -> Envelope:
        order = Order(lines=[])
        order.pet = Filter(token=SecretStr("x"))  # type: ignore[assignment]
        return Envelope(order)

    assert (await answer(handler)).status_code == 500


QUERIES = [
    ("/", {"page": 1, "tags": [], "per-page": 10, "token": None}),
    (
        "/?page=2&tags=a&tags=b&per-page=5&else=1",
        {"page": 2, "tags": ["a", "b"], "per-page": 5, "token": None},
    ),
    ("/?page=&token=x", {"page": 1, "tags": [], "per-page": 10, "token": "**********"}),
]


@pytest.mark.parametrize(("url", "expected"), QUERIES)
async def test_a_model_is_a_class_of_query_values(url: str, expected: Any) -> None:
    """With its aliases, defaults and lists."""

    async def handler(wanted: Annotated[Filter, Query()]) -> Filter:
        return wanted

    assert (await answer(handler, url=url)).json() == expected


async def test_a_model_is_a_class_of_headers_or_cookies() -> None:
    """By the names that these have, in errors too."""

    class Counted(BaseModel):
        """What comes."""

        x_count: int = 0

    class Given(Counted):
        """What comes in a header, where a list may be."""

        x_list: list[int] = Field(default=[])

    async def handler(
        given: Annotated[Given, Header()], also: Annotated[Counted | None, Cookie()] = None
    ) -> dict[str, Any]:
        return {"given": given, "also": also}

    answered = await answer(handler, headers={"x-count": "2", "x-list": "1, 2"})
    assert answered.json() == {"given": {"x_count": 2, "x_list": [1, 2]}, "also": None}
    refused = await answer(handler, headers={"x-count": "z", "cookie": "x_count=y"})
    assert [each["place"] for each in refused.json()["errors"]] == [
        "header.x-count",
        "cookie.x_count",
    ]


async def test_a_model_is_a_form_where_the_handler_says_so() -> None:
    """Of either content type, and a field too many may be forbidden."""

    async def handler(line: Annotated[Line, Body(form=True)]) -> Line:
        return line

    form = {"name": "a", "price": "2", "tags": ["x", "y"]}
    answered = await answer(handler, "POST", data=form)
    assert answered.json() == {"name": "a", "price": 2.0, "tags": ["x", "y"]}
    assert (await answer(handler, "POST", json={"name": "a", "price": 2})).status_code == 200
    refused = await answer(handler, "POST", data={"name": "admin", "else": "1", "price": "1"})
    assert [each["place"] for each in refused.json()["errors"]] == ["form.name", "form.else"]
    refused = await answer(handler, "POST", data={"name": "a", "price": "inf"})
    assert refused.json()["errors"] == [{"place": "form.price", "reason": "expected `float`"}]


@pytest.mark.parametrize(
    ("annotation", "query", "expected"),
    [
        (Annotated[int, Field(gt=0)], "1", 1),
        (Annotated[int, Field(gt=0)], "0", "input should be greater than 0"),
        (Annotated[int, Field(gt=0)], "1_0", "expected `int`"),
        (Annotated[int, Field(gt=0)] | None, "0", "input should be greater than 0"),
        (list[Annotated[int, Field(gt=0)]], "1", [1]),
        (list[Annotated[int, Field(gt=0)]], "0", "input should be greater than 0"),
        (Annotated[list[date], Field(max_length=1)], "2030-01-02", [date(2030, 1, 2)]),
        (
            Annotated[list[int], Field(max_length=1)],
            "1&value=2",
            "list should have at most 1 item after validation, not 2",
        ),
        (HttpUrl, "http://a/", HttpUrl("http://a/")),
        (HttpUrl, "a", "input should be a valid URL, relative URL without a base"),
        (set[HttpUrl], "http://a/", {HttpUrl("http://a/")}),
    ],
)
async def test_types_and_constraints_of_pydantic_are_query_values(
    annotation: Any, query: str, expected: Any
) -> None:
    """A text is read as without them where it can be, and pydantic does the rest."""
    answered = await ask(taking(annotation), f"/?value={query}")
    if isinstance(expected, str):
        assert list(places_of(answered).values()) == [expected]
    else:
        assert answered.text == repr(expected)


class Nested(BaseModel):
    """What no text is."""

    inner: Cat


@pytest.mark.parametrize("marker", [Query(), Body(form=True)])
def test_what_no_text_is_can_not_be_a_field(marker: Any) -> None:
    """At registration, with the field."""

    async def handler(value: Annotated[Nested, marker]) -> None: ...

    handler.__annotations__["value"] = Annotated[Nested, marker]
    with pytest.raises(RouteError, match="no text is read as"):
        Hump().post("/")(handler)


async def test_models_are_messages_of_websockets() -> None:
    """Those that come, and those that go: the fields of the annotated model."""
    app = Hump()

    @app.websocket("/")
    async def talk(ws: WebSocket[Line, Order]) -> None:
        async for line in ws:
            await ws.send(Kept(lines=[line], Note="x"))

    async with websocket(app, "/") as ws:
        await ws.send({"name": "a", "price": 1})
        assert json.loads(await ws.receive()) == WRITTEN
        await ws.send({"name": "a", "price": "x"})
        with pytest.raises(Exception, match="1007"):
            await ws.receive()


async def test_request_json_makes_a_model() -> None:
    """And an exception of the places, as binding does."""

    async def handler(request: Request) -> Order:
        return request.json(Order)

    assert (await answer(handler, "POST", json=WRITTEN)).json() == WRITTEN
    refused = await answer(handler, "POST", json={"lines": [{"name": "a", "price": 0}]})
    assert refused.json()["errors"][0]["place"] == "body.lines[0].price"
    assert (await answer(handler, "POST", content=b"{")).status_code == 400


async def test_an_http_exception_of_a_validator_is_its_answer() -> None:
    """Another error in it, which no validator means, is a 500."""

    class Picky(BaseModel):
        """What has opinions."""

        it: int

        @field_validator("it")
        @classmethod
        def check(cls, value: int) -> int:
            """Raise what is asked for."""
            if value == 418:
                raise HttpException(418)
            raise LookupError(value)

    async def handler(picky: Picky) -> None: ...

    assert (await answer(handler, "POST", json={"it": 418})).status_code == 418
    assert (await answer(handler, "POST", json={"it": 1})).status_code == 500


ok = {"lines": [{"name": "a", "price": 1}]}
# Bad bodies, and those of our places that FastAPI has otherwise, because it names the members of
# unions within them.
BAD: list[tuple[Any, dict[str, str]]] = [
    ({}, {}),
    ([], {}),
    (None, {}),
    ("x", {}),
    ({"lines": {}}, {}),
    ({"lines": [1]}, {}),
    ({"lines": [{}]}, {}),
    ({"lines": [{"name": "", "price": 0}]}, {}),
    ({"lines": [{"name": "admin", "price": "1,5"}]}, {}),
    ({"lines": [{"name": None, "price": None, "tags": None}]}, {}),
    ({"lines": [{"name": "a", "price": 1, "tags": ["x", 1, None]}]}, {}),
    ({"lines": [{"name": "a", "price": 1, "more": 1}, {"name": "a"}]}, {}),
    ({**ok, "Note": "toolong"}, {}),
    ({**ok, "Note": 5}, {}),
    ({**ok, "pet": {}}, {}),
    ({**ok, "pet": 1}, {}),
    ({**ok, "pet": {"kind": "cow"}}, {}),
    ({**ok, "pet": {"kind": "cat", "lives": 0}}, {"body.pet.cat.lives": "body.pet.lives"}),
    ({**ok, "pet": {"kind": "dog"}}, {"body.pet.dog.years": "body.pet.years"}),
    ({**ok, "pet": {"kind": "dog", "years": []}}, {"body.pet.dog.years": "body.pet.years"}),
]


def written(steps: list[int | str]) -> str:
    """Return a place of FastAPI's as we write it."""
    return "".join(f"[{each}]" if isinstance(each, int) else f".{each}" for each in steps)[1:]


@pytest.mark.parametrize(("body", "otherwise"), BAD, ids=[json.dumps(each) for each, _ in BAD])
async def test_places_are_those_of_fastapi(body: Any, otherwise: dict[str, str]) -> None:
    """The same handler over there finds fault with the same places, in the same order."""
    fast = FastAPI()

    async def handler(order: Order) -> None: ...

    fast.post("/")(handler)
    app = Hump()
    app.post("/ours")(handler)
    app.mount("/fast", Asgi(fast))
    async with client(app) as http:
        ours = await http.post("/ours", json=body)
        theirs = await http.post("/fast/", json=body)
    assert ours.status_code == theirs.status_code == 422
    expected = [written(each["loc"]) for each in theirs.json()["detail"]]
    found = [each["place"] for each in ours.json()["errors"]]
    assert found == [otherwise.get(each, each) for each in expected]
