"""What is around the handler of a WebSocket in an app: all that is around any handler."""

from collections.abc import AsyncIterator
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from hump_trio import (
    CallNext,
    Compression,
    Cors,
    Forwarded,
    HttpException,
    Hump,
    MemorySessions,
    Request,
    RequestId,
    Response,
    SameOrigin,
    SecurityHeaders,
    Sessions,
    TrustedHosts,
    WebSocket,
)
from hump_trio.testing import Refused, client, websocket


@dataclass
class Note:
    """A typed message."""

    text: str


async def echo(ws: WebSocket) -> None:
    """Send back what comes."""
    async for message in ws:
        await ws.send(message)


def app_with(*layers: Any) -> Hump:
    """Return an app that echoes, with some middleware, the outermost first."""
    app = Hump()
    for each in layers:
        app.middleware(each)
    app.add_websocket("/", echo)
    return app


async def status_of(app: Hump, **options: Any) -> int:
    """Return the status of the answer to a handshake; an open WebSocket works."""
    try:
        async with websocket(app, "/", **options) as ws:
            await ws.send("a")
            assert await ws.receive() == "a"
            return ws.response.status_code
    except Refused as refused:
        return refused.response.status_code


@pytest.mark.parametrize(
    "layer",
    [
        Compression(minimum_bytes=0),
        Cors(origins=["https://shop.example"]),
        Forwarded(proxies=["127.0.0.1"], fields=["forwarded"]),
        RequestId(),
        SameOrigin(),
        Sessions(secrets=["s" * 32]),
        Sessions(secrets=["s" * 32], store=MemorySessions()),
        SecurityHeaders(),
        TrustedHosts(["test"]),
    ],
    ids=lambda layer: type(layer).__name__,
)
async def test_middleware_in_the_box(layer: Any, autojump_clock: MockClock) -> None:
    """None of them is in the way of a WebSocket, whose answer is sent before they see it."""
    async with websocket(app_with(layer), "/", headers={"host": "test"}) as ws:
        await ws.send("a")
        assert await ws.receive() == "a"
        await ws.close()


async def test_middleware_that_refuses(autojump_clock: MockClock) -> None:
    """Its answer is that to the handshake."""
    assert await status_of(app_with(TrustedHosts(["shop.example"]))) == 421

    async def refuse(request: Request, call_next: CallNext) -> Response:
        return Response("closed today", 503)

    assert await status_of(app_with(refuse)) == 503


async def test_one_path_for_a_page_and_a_websocket(autojump_clock: MockClock) -> None:
    """Each request gets what it asks for, and a path without a page says so."""
    app = app_with()
    app.websocket("/alone")(echo)

    @app.get("/")
    async def page() -> str:
        return "page"

    assert await status_of(app) == 101
    with pytest.raises(Refused) as refused:
        async with websocket(app, "/nothing"):
            raise AssertionError
    assert refused.value.response.status_code == 404
    async with client(app) as http:
        assert (await http.get("/")).text == "page"
        alone = await http.get("/alone")
        posted = await http.post("/alone")
        described = await http.options("/alone")
    assert alone.status_code == 426
    assert alone.headers["sec-websocket-version"] == "13"
    if alone.http_version == "HTTP/1.1":
        assert alone.headers["upgrade"] == "websocket"
    assert (posted.status_code, posted.headers["allow"]) == (405, "GET, OPTIONS")
    assert (described.status_code, described.headers["allow"]) == (204, "GET, OPTIONS")


async def test_pages_behind_a_proxy(autojump_clock: MockClock) -> None:
    """The host that the proxy was asked for counts, by `Forwarded` alone."""
    origin = {"origin": "https://shop.example"}
    forwarded = origin | {"host": "backend:8000", "forwarded": "host=shop.example;proto=https"}
    assert await status_of(app_with(), headers=origin | {"host": "shop.example"}) == 101
    assert await status_of(app_with(), headers=forwarded) == 403
    trusting = Forwarded(proxies=["unix", "127.0.0.1", "::1"], fields=["forwarded"])
    assert await status_of(app_with(trusting), headers=forwarded) == 101


USER: ContextVar[str] = ContextVar("USER")


async def test_what_encloses_an_app_encloses_its_websockets(autojump_clock: MockClock) -> None:
    """Context variables and state of the lifespan, and what middleware sets."""
    app = Hump[list[str]]()
    greeting: ContextVar[str] = ContextVar("greeting")

    @app.lifespan
    async def run(app: Hump[list[str]]) -> AsyncIterator[list[str]]:
        greeting.set("hello")
        yield ["state"]

    @app.middleware
    async def sign_in(request: Request, call_next: CallNext) -> Response:
        USER.set("me")
        return await call_next(request)

    @app.websocket("/{room}")
    async def handler(ws: WebSocket, room: str) -> None:
        await ws.send(
            f"{greeting.get()} {USER.get()} {app.state} {app.url_for('handler', room=room)}"
        )

    async with websocket(app, "/tea") as ws:
        assert await ws.receive() == "hello me ['state'] /tea"


async def test_tasks_of_a_handler_send(autojump_clock: MockClock) -> None:
    """A nursery takes `WebSocket.send` as it is."""
    app = Hump()

    @app.websocket("/")
    async def handler(ws: WebSocket) -> None:
        async with trio.open_nursery() as nursery:
            for number in range(3):
                nursery.start_soon(ws.send, str(number))
            nursery.start_soon(ws.accept)

    async with websocket(app, "/") as ws:
        assert sorted([message async for message in ws]) == ["0", "1", "2"]
        assert ws.close_code == 1000


async def test_typed_messages(autojump_clock: MockClock) -> None:
    """They are JSON, and one of another type ends with its place."""
    app = Hump()

    @app.websocket("/")
    async def handler(ws: WebSocket[Note, list[Note]]) -> None:
        notes: list[Note] = []
        async for note in ws:
            notes.append(note)
            await ws.send(notes)

    async with websocket(app, "/") as ws:
        await ws.send(Note("a"))
        assert await ws.receive(list[Note]) == [Note("a")]
        await ws.send({"text": 1})
        await ws.wait_closed()
        assert (ws.close_code, ws.close_reason) == (1007, "message.text: expected `str`, got `int`")
    async with websocket(app, "/") as ws:
        await ws.send({"text" * 50: 1})
        await ws.wait_closed()
        assert (ws.close_code, ws.close_reason) == (1007, "message.text: missing")
    async with websocket(app, "/") as ws:
        await ws.send(b'{"text":"a"}')
        await ws.wait_closed()
        assert ws.close_code == 1003


async def test_messages_in_parts(autojump_clock: MockClock) -> None:
    """They know no limit, and are one message for the client."""
    app = Hump()

    @app.websocket("/", message_limit=10)
    async def handler(ws: WebSocket) -> None:
        received = b"".join([part async for part in ws.stream()])
        async with ws.writer() as send:
            await send(received[:5])
            await send(received[5:10])
        await ws.send(str(await ws.receive()))
        await ws.receive()

    async with websocket(app, "/") as ws:
        await ws.send(bytes(100_000))
        assert await ws.receive() == bytes(10)
        await ws.send("short")
        assert await ws.receive() == "short"
        await ws.send("a" * 11)
        await ws.wait_closed()
        assert ws.close_code == 1009


async def test_a_long_reason_is_cut(autojump_clock: MockClock) -> None:
    """A detail of any length goes out as far as there is room."""
    app = Hump()

    @app.websocket("/")
    async def handler(ws: WebSocket) -> None:
        await ws.accept()
        raise HttpException(404, "ü" * 100)

    async with websocket(app, "/") as ws:
        await ws.wait_closed()
        assert (ws.close_code, ws.close_reason) == (1008, "ü" * 61)
