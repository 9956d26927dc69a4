"""A typed user program: mypy reads it in strict mode, and the test runs it.

Where a decorator loses a type, or an annotation that a user would write doesn't fit, the type
check of this file fails.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, assert_type

import httpx2

from hump_trio import (
    BindingError,
    Cookie,
    Header,
    Headers,
    HtmlResponse,
    HttpException,
    Hump,
    JsonResponse,
    Limits,
    MultiMap,
    Query,
    Request,
    Response,
    Timeouts,
    WebSocket,
    WebSocketClosed,
    statuses,
)
from hump_trio.testing import RawConnection, client, connect


@dataclass(slots=True)
class Item:
    """A typed body."""

    name: str
    price: float = 0.0


class StoreError(Exception):
    """An error of the program's own."""


app = Hump("", 0, limits=Limits(body_bytes=100), timeouts=Timeouts(handler=5), server=None)


@app.get("/")
async def index() -> str:
    """Take nothing."""
    return "index"


@app.get("/items/{number:int}", timeout=1.5, body_limit=None, stream=False)
async def read_item(request: Request, number: int) -> Item:
    """Take the request and a value."""
    assert_type(request.query, MultiMap)
    assert_type(request.query.get("a"), str | None)
    assert_type(request.query.get("a", ""), str)
    assert_type(request.headers, Headers)
    assert_type(request.headers.get("a"), str | None)
    assert_type(request.headers.get("a", ""), str)
    assert_type(request.headers["host"], str)
    assert_type(request.cookies, dict[str, str])
    assert_type(request.body, bytes)
    assert_type(request.client, tuple[str, int] | None)
    assert_type(request.server, tuple[str, int | None] | None)
    if number > 9:
        raise StoreError(number)
    return Item("pen", number)


@app.post("/items", body_limit=1000)
async def create_item(request: Request) -> Response:
    """Take a typed body."""
    item = request.json(Item)
    assert_type(item, Item)
    assert_type(request.json(list[Item]) if item.name == "" else [], list[Item])
    return JsonResponse(item, statuses.CREATED, {"location": "/items/1"})


@app.put("/items/{number}")
async def change_item(
    number: int,
    item: Item,
    price: Annotated[float | None, Query(alias="new-price")] = None,
    *,
    x_user: Annotated[str, Header()],
    theme: Annotated[str, Cookie()] = "light",
) -> list[Item]:
    """Take and give what annotations say."""
    assert_type((number, price, x_user, theme), tuple[int, float | None, str, str])
    if number > 9:
        raise BindingError([("path.number", "there are nine")])
    return [Item(f"{item.name} of {x_user} in {theme}", price or item.price)]


@app.exception_handler(BindingError)
async def on_binding_error(request: Request, error: BindingError) -> JsonResponse:
    """Answer with the places alone."""
    assert_type(error.places, tuple[tuple[str, str], ...])
    return JsonResponse(error.places, error.status)


@app.post("/form")
async def form(request: Request) -> HtmlResponse:
    """Take a form."""
    assert_type(request.form(), MultiMap)
    return HtmlResponse(request.form()["a"], HTTPStatus.OK, [("x", "y")])


@app.route("/stream", methods=["PUT", "POST"], stream=True)
async def echo(request: Request) -> AsyncIterator[bytes]:
    """Take a body in parts and answer in parts."""
    async for part in request.stream:
        assert_type(part, bytes)
        yield part


@app.middleware
async def stamp(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    """Change every answer."""
    response = await call_next(request)
    assert_type(response, Response)
    response.headers["x-stamp"] = "yes"
    return response


@app.exception_handler(StoreError)
async def on_store_error(request: Request, error: StoreError) -> Response:
    """Answer an error of the program's own."""
    return Response(f"no item {error}", statuses.NOT_FOUND)


@app.exception_handler(HttpException)
async def on_http_exception(request: Request, error: HttpException) -> JsonResponse:
    """Answer with the evidence of an error."""
    assert_type(error.headers, tuple[tuple[str, str], ...])
    return JsonResponse({"detail": error.detail}, error.status, error.headers)


async def plain(request: Request) -> bytes:
    """Be registered without decorating."""
    return request.method.encode()


@app.websocket("/items", origins=["https://shop.example"], binary=True, name="items")
async def follow(ws: WebSocket[Item, list[Item]], page: int = 1) -> None:
    """Take typed messages, and send others."""
    assert_type(ws.request, Request)
    assert_type(ws.close_code, int | None)
    async for item in ws:
        assert_type(item, Item)
        await ws.send([item] * page)
    assert_type(await ws.receive(), Item)
    assert_type(ws.send_nowait([]), bool)
    async with ws.writer() as send:
        await send(b"part")
    async for part in ws.stream():
        await send(part)


@app.websocket("/echo", on_disconnect="finish", message_limit=None, timeout=60)
async def talk(ws: WebSocket) -> None:
    """Take text and bytes."""
    try:
        message = await ws.receive()
        assert_type(message, str | bytes)
        await ws.send(message)
        await ws.accept(subprotocol="a", headers={"x": "y"})
    except WebSocketClosed as closed:
        assert_type(closed.code, int)
        await ws.close(4000, "bye")


async def shout(ws: WebSocket[str]) -> None:
    """Take text alone, both ways."""
    async for text in ws:
        assert_type(text, str)
        await ws.send(text.upper())


app.add_websocket("/shout", shout, subprotocols=["a"], compress=True)
app.add_route("/plain", plain, methods=("GET",), timeout=None)


async def test_the_program_runs() -> None:
    """What type checks also works."""
    async with client(app) as http:
        assert_type(http, httpx2.AsyncClient)
        assert (await http.get("/")).headers["x-stamp"] == "yes"
        assert (await http.get("/items/7")).json() == {"name": "pen", "price": 7}
        assert (await http.get("/items/10")).text == "no item 10"
        made = await http.post("/items", json={"name": "cup"})
        assert (made.status_code, made.json()) == (201, {"name": "cup", "price": 0})
        assert (await http.post("/items", json={})).status_code == 422
        for path, answer in {
            "/items/1?new-price=2": [{"name": "cup of me in light", "price": 2}],
            "/items/10": [["path.number", "there are nine"]],
            "/items/x": [["path.number", "expected `int`"]],
        }.items():
            changed = await http.put(path, json={"name": "cup"}, headers={"x-user": "me"})
            assert changed.json() == answer
        assert (await http.post("/form", data={"a": "b"})).text == "b"
        assert (await http.put("/stream", content=b"abc")).content == b"abc"
        assert (await http.get("/plain")).content == b"GET"
        assert "detail" in (await http.get("/missing")).json()
    async with connect(app) as connection:
        assert_type(connection, RawConnection)
        await connection.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert (await connection.receive()).startswith(b"HTTP/1.1 200 OK\r\n")


async def test_decorators_keep_types() -> None:
    """A decorated function has the parameters and the result that were written."""
    request = Request("GET", "/", "/", Headers({"host": "a"}))
    assert_type(await index(), str)
    assert_type(await read_item(request, 1), Item)
    assert_type(await create_item_twice(), tuple[Response, Response])
    assert_type(await on_store_error(request, StoreError()), Response)
    assert_type(
        [part async for part in echo(Request("GET", "/", "/", stream=nothing()))], list[bytes]
    )
    assert await read_item(request, number=1) == Item("pen", 1)


async def create_item_twice() -> tuple[Response, Response]:
    """Call a handler as any other function."""
    request = Request("POST", "/items", "/items", body=b'{"name":"cup"}')
    return await create_item(request), await create_item(request)


async def nothing() -> AsyncIterator[bytes]:
    """Be an empty stream."""
    for part in list[bytes]():
        yield part
