"""Classes of attrs' wherever a class with fields may be."""

import json
from dataclasses import dataclass
from typing import Annotated, Any, Self

import attrs
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from hump_trio import Body, Header, Hump, Query, Request, WebSocket
from hump_trio.testing import client, websocket
from tests.openapi.documented import documented, route


@attrs.define
class Item:
    """What is sold."""

    name: str
    _stock: int = 1
    price: int = attrs.field(default=1, converter=int, validator=attrs.validators.ge(0))
    tags: list[str] = attrs.Factory(list)
    made: int = attrs.field(init=False, default=9)


@attrs.frozen(slots=False)
class Kept(Item):
    """One with what isn't for clients."""

    margin: float = 0.5


@attrs.define
class Filter:
    """Query values."""

    page: int = attrs.field(default=1, validator=attrs.validators.ge(1))
    word: Annotated[list[str], Query(alias="words")] = attrs.Factory(list)
    count: int = attrs.field(default=10, converter=int)


@dataclass
class Envelope:
    """A dataclass around one."""

    item: Item
    items: list[Item] | None = None


KEPT = Kept("a", stock=5, price=2)
WRITTEN = {"name": "a", "price": 2, "tags": [], "made": 9}


async def answer(handler: Any, method: str = "GET", **options: Any) -> Any:
    """Return the answer of a handler, registered alone."""
    app = Hump()
    app.add_route("/", handler, methods=[method])
    async with client(app) as http:
        return await http.request(method, options.pop("url", "/"), **options)


@pytest.mark.parametrize(
    ("annotation", "value", "expected"),
    [
        (Item, KEPT, WRITTEN),
        (list[Item], [KEPT], [WRITTEN]),
        (Envelope, Envelope(KEPT, [KEPT]), {"item": WRITTEN, "items": [WRITTEN]}),
        (Kept, KEPT, {**WRITTEN, "margin": 0.5}),
        (Any, KEPT, {**WRITTEN, "margin": 0.5}),
    ],
)
async def test_the_fields_of_the_annotated_class_go_out(
    annotation: Any, value: Any, expected: Any
) -> None:
    """And no others, without private attributes."""

    async def handler() -> Any:
        return value

    handler.__annotations__["return"] = annotation
    assert (await answer(handler)).json() == expected


async def test_another_value_than_the_annotated_class_is_an_error() -> None:
    """As of any class."""

    async def handler() -> Item:
        return {"name": "a"}  # type: ignore[return-value]

    assert (await answer(handler)).status_code == 500


async def test_a_class_of_query_values() -> None:
    """With converters, factories and validators."""

    async def handler(wanted: Annotated[Filter, Query()]) -> Filter:
        return wanted

    answered = await answer(handler, url="/?page=2&words=a&words=b&count=3")
    assert answered.json() == {"page": 2, "word": ["a", "b"], "count": 3}
    assert (await answer(handler)).json() == {"page": 1, "word": [], "count": 10}
    refused = await answer(handler, url="/?page=x")
    assert refused.json()["errors"] == [{"place": "query.page", "reason": "expected `int`"}]
    refused = await answer(handler, url="/?page=0")
    assert [each["place"] for each in refused.json()["errors"]] == ["query.page"]


async def test_a_class_of_header_fields() -> None:
    """By their names, in errors too."""

    @attrs.define
    class Given:
        """What comes."""

        x_count: int = attrs.field(default=1, validator=attrs.validators.ge(1))

    async def handler(given: Annotated[Given, Header()]) -> int | str:
        return str(given.x_count)

    handler.__annotations__["return"] = str
    assert (await answer(handler, headers={"x-count": "2"})).text == "2"
    refused = await answer(handler, headers={"x-count": "0"})
    assert [each["place"] for each in refused.json()["errors"]] == ["header.x-count"]


async def test_a_form_where_the_handler_says_so() -> None:
    """By the names of the attributes."""

    async def handler(item: Annotated[Item, Body(form=True)]) -> dict[str, Any]:
        return {"item": item, "stock": item._stock}

    answered = await answer(handler, "POST", data={"name": "a", "stock": "5", "price": "2"})
    assert answered.json() == {"item": WRITTEN, "stock": 5}
    refused = await answer(handler, "POST", data={"name": "a", "price": "x"})
    assert [each["place"] for each in refused.json()["errors"]] == ["form.price"]


async def test_messages_of_websockets() -> None:
    """Those that come, and those that go."""
    app = Hump()

    @app.websocket("/")
    async def talk(ws: WebSocket[Item, Item]) -> None:
        async for item in ws:
            await ws.send(Kept(item.name, price=item.price))

    async with websocket(app, "/") as ws:
        await ws.send({"name": "a", "price": "2"})
        assert json.loads(await ws.receive()) == WRITTEN


async def test_request_json_makes_one() -> None:
    """And tells what is wrong in its text."""

    async def handler(request: Request) -> Item:
        return request.json(Item)

    assert (await answer(handler, "POST", json={"name": "a", "price": 2})).json() == WRITTEN
    assert (await answer(handler, "POST", json={"name": "a", "price": -1})).status_code == 422


def test_a_document_has_what_comes_and_what_goes() -> None:
    """As a constructor takes it, and as attributes are there; around it too."""

    async def handler(envelope: Envelope) -> Envelope:
        return envelope

    document = documented(route("/", handler, "POST"))
    assert [str(each) for each in OpenAPIV31SpecValidator(document).iter_errors()] == []
    schemas = document["components"]["schemas"]
    assert set(schemas) == {"Envelope", "Envelope-Output", "Item", "Item-Output", "Problem"}
    assert list(schemas["Item"]["properties"]) == ["name", "stock", "price", "tags"]
    assert list(schemas["Item-Output"]["properties"]) == ["name", "price", "tags", "made"]
    assert schemas["Item"]["description"] == "What is sold."
    assert schemas["Item"]["properties"]["price"] == {}
    assert schemas["Item-Output"]["properties"]["price"] == {"type": "integer"}


@attrs.define
class Parts:
    """An async iterable that is made by attrs, as channels of Trio are in some versions."""

    left: list[str]

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> str:
        """Return the next part."""
        if not self.left:
            raise StopAsyncIteration
        return self.left.pop()


async def test_what_is_iterated_is_streamed() -> None:
    """Whatever its class is made by, and whether an annotation says so or not."""
    app = Hump()

    @app.get("/bare")
    async def bare() -> Any:
        return Parts(["b", "a"])

    @app.get("/annotated")
    async def annotated() -> Parts:
        return Parts(["b", "a"])

    async with client(app) as http:
        for path in ("/bare", "/annotated"):
            assert (await http.get(path)).text == "ab"
