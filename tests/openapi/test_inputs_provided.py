"""A document has what providers read, wherever their values are taken."""

import json
from typing import Annotated, Any

import pytest

from hump_trio import ApiKey, Bearer, Body, Header, Hump, Request, RouteError, UploadFile
from hump_trio.dispatch.router import table_of
from hump_trio.openapi.document import document_of
from hump_trio.testing import client
from tests.openapi.documented import FILE, ITEM, Item

# Those of the document itself.
OWN = ("/openapi.json", "/docs")


class Session:
    """What is provided."""


class User:
    """What is provided, of the session."""


class Order:
    """What is provided, and can be missing."""


class Picture:
    """What is provided, of a form."""


def shop() -> Hump:
    """Return an app whose handlers take nothing of the request by themselves."""
    app = Hump()

    @app.provide
    async def session(request: Request, x_trace: Annotated[str, Header()] = "") -> Session:
        return Session()

    @app.provide
    async def user(token: Annotated[str, Bearer()], session: Session) -> User:
        return User()

    @app.provide(raises={404: "There is no such order."})
    async def order(number: int, page: int, user: User, x_trace: Annotated[str, Header()]) -> Order:
        return Order()

    @app.provide(raises=[409])
    async def picture(picture: UploadFile, key: Annotated[str, ApiKey(cookie="key")]) -> Picture:
        return Picture()

    @app.get("/orders/{number:int}")
    async def show(order: Order) -> str:
        return ""

    @app.post("/orders/{number}", raises={404: "Nothing is there."})
    async def change(order: Order, session: Session, item: Annotated[Item, Body()]) -> str:
        return ""

    @app.post("/pictures")
    async def add(picture: Picture) -> str:
        return ""

    return app


def described(app: Hump) -> Any:
    """Return the operations of an app as a client reads them, by path."""
    document = document_of(table_of(app).routes, {"title": "A", "version": "1"})
    return json.loads(json.dumps(document))["paths"]


def test_what_providers_read_is_listed_once() -> None:
    """Whoever else reads it. A value of the path is one where the path has it."""
    paths = described(shop())
    listed = paths["/orders/{number}"]["get"]["parameters"]
    assert [(each["in"], each["name"], each["required"]) for each in listed] == [
        ("path", "number", True),
        ("header", "x-trace", False),
        ("query", "page", True),
    ]
    assert listed[0]["schema"] == {"type": "integer"}
    operation = paths["/orders/{number}"]["post"]
    content = operation["requestBody"]["content"]
    assert content["application/json"]["schema"] == ITEM
    assert operation["security"]
    form = paths["/pictures"]["post"]["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert form["properties"] == {"picture": FILE}


def test_errors_of_providers_are_listed() -> None:
    """Those that they raise, and those of what they read. A route's own words count."""
    paths = described(shop())
    show, change = paths["/orders/{number}"]["get"], paths["/orders/{number}"]["post"]
    assert list(show["responses"]) == ["200", "400", "401", "404", "422"]
    assert show["responses"]["404"]["description"] == "There is no such order."
    assert change["responses"]["404"]["description"] == "Nothing is there."
    add = paths["/pictures"]["post"]
    assert {"409", "413"} <= set(add["responses"])
    with pytest.raises(RouteError, match="raises has statuses from 300 to 599, not 200"):

        @Hump().provide(raises=[200])
        async def session() -> Session:
            return Session()


async def test_what_a_test_gives_changes_no_document() -> None:
    """It says what is so outside of the test."""
    app = shop()
    app.openapi(title="A", version="1")
    before = {path: each for path, each in described(app).items() if path not in OWN}
    async with client(app, provide={Order: Order()}) as http:
        document = (await http.get("/openapi.json")).json()
        assert (await http.get("/orders/7")).status_code == 200
    assert document["paths"] == before
