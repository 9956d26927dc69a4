"""WebSockets over HTTP/2 (RFC 8441), as a client has them that others have written."""

import logging

import pytest
import trio
from trio.testing import MockClock

from hump_trio import HttpException, Hump
from hump_trio.channels.websocket import WebSocket
from hump_trio.facts.settings import Limits, Timeouts
from hump_trio.http2.failures import ErrorCode
from tests.support.http2_websockets import connect_client

# What a stream has to send before it hears of more room.
WINDOW_BYTES = 256 * 1024


def echoing(**options: object) -> Hump:
    """Return an app that says what it hears."""
    app = Hump(**options)  # type: ignore[arg-type]

    @app.websocket("/")
    async def echo(ws: WebSocket) -> None:
        async for message in ws:
            await ws.send(message)

    @app.get("/")
    async def index() -> str:
        return "hello"

    return app


@pytest.mark.parametrize("window_bytes", [1000, 65_535, 10_000_000])
async def test_messages_of_any_length(window_bytes: int, autojump_clock: MockClock) -> None:
    """Both ways, past the windows of either side, texts and bytes, in their order."""
    messages: list[str | bytes] = [
        "",
        "x",
        "é" * 62,
        "x" * 125,
        "x" * 126,
        b"",
        bytes(range(256)) * 256,
        bytes(WINDOW_BYTES + 1),
        "x" * 2**20,
    ]
    async with connect_client(echoing(), window_bytes=window_bytes) as client:
        socket = await client.open()
        for message in messages:
            socket.send(message)
        with trio.fail_after(15):  # over TCP a large one has pauses
            while len(socket.messages) < len(messages):
                await client.settle()
                await trio.sleep(0.1)
        assert socket.messages == messages
        socket.close(1000, "done")
        await client.settle()
        assert (socket.closed, socket.ended, socket.reset) == ((1000, ""), True, None)


async def test_many_of_them_beside_requests(autojump_clock: MockClock) -> None:
    """Each has messages of its own, on one connection."""
    app = echoing()
    async with connect_client(app) as client:
        sockets = [client.ask() for _ in range(60)]
        pages = []
        for number in range(20):
            for socket in sockets:
                socket.send(f"{socket.stream_id} says {number}")
            pages.append(client.get("/"))
            await client.settle()
        assert [page.body for page in pages] == [b"hello"] * 20
        for socket in sockets:
            assert socket.messages == [f"{socket.stream_id} says {n}" for n in range(20)]
            socket.close()
        await client.settle()
        assert {(each.closed, each.ended, each.reset) for each in sockets} == (
            {((1000, ""), True, None)}
        )
        assert app.statistics().streams == 0


async def test_what_a_handler_sees(autojump_clock: MockClock) -> None:
    """The request is as over HTTP/1.1: a GET of its path, and the answer has its fields."""
    seen = list[object]()
    app = Hump()

    @app.websocket("/rooms/{room}", subprotocols=["chat"])
    async def talk(ws: WebSocket, room: int, q: str) -> None:
        request = ws.request
        seen.extend([request.method, request.http_version, request.path, request.host, room, q])
        await ws.accept(headers={"x-room": "tea"})
        await ws.send(f"{ws.subprotocol}")

    async with connect_client(app) as client:
        socket = client.ask("/rooms/7?q=a", ("sec-websocket-protocol", "other, chat"))
        await client.settle()
        assert seen == ["GET", "2", "/rooms/7", "a", 7, "a"]
        assert socket.messages == ["chat"]
        fields = socket.fields
        assert (fields["sec-websocket-protocol"], fields["x-room"]) == ("chat", "tea")
        assert not {"upgrade", "connection", "sec-websocket-accept", "content-length"} & set(fields)
        assert (socket.closed, socket.ended, socket.reset) == ((1000, ""), True, None)


async def test_what_opens_none(autojump_clock: MockClock) -> None:
    """Refusals are answers, and the connection goes on."""
    app = echoing()

    @app.websocket("/locked")
    async def lock(ws: WebSocket) -> None:
        raise HttpException(401, "sign in")

    @app.get("/page")
    async def page() -> str:
        return "a page"

    async with connect_client(app) as client:
        for status, socket in [
            (404, client.ask("/nowhere")),
            (401, client.ask("/locked")),
            (403, client.ask("/", ("origin", "https://evil.example"))),
            (426, client.ask("/", ("sec-websocket-version", "14"))),
            (501, client.ask("/", protocol="connect-udp")),
        ]:
            await client.settle()
            assert (socket.status, socket.ended) == (status, True)
            assert socket.reset in (None, ErrorCode.NO_ERROR)
        plain = client.ask("/page")
        await client.settle()
        assert 400 <= plain.status < 500
        assert (await client.open()).status == 200


@pytest.mark.parametrize("polite", [True, False])
async def test_a_server_that_closes(polite: bool, autojump_clock: MockClock) -> None:
    """The stream has an end once both have closed; a client that doesn't close is cut off."""
    app = Hump()

    @app.websocket("/")
    async def leave(ws: WebSocket) -> None:
        await ws.close(4401, "sign in")

    async with connect_client(app) as client:
        socket = client.ask()
        socket.polite = polite
        await client.settle()
        assert socket.closed == (4401, "sign in")
        await trio.sleep(10)
        await client.settle()
        assert socket.ended is polite
        assert socket.reset == (None if polite else ErrorCode.CANCEL)
        assert app.statistics().streams == 0


async def test_a_client_that_resets_is_gone(autojump_clock: MockClock) -> None:
    """For its handler alone, at once: those of other streams go on."""
    reasons = dict[str, str | None]()
    app = Hump()

    @app.websocket("/{name}", on_disconnect=0)
    async def wait(ws: WebSocket, name: str) -> None:
        await ws.accept()
        try:
            await trio.sleep(5)
        finally:
            reasons[name] = ws.request.cancel_reason

    async with connect_client(app) as client:
        first, second = await client.open("/a"), await client.open("/b")
        client.reset(first)
        await client.settle()
        await trio.sleep(0.3)
        assert reasons == {"a": "client-gone"}
        await trio.sleep(6)
        await client.settle()
        assert (second.closed, second.ended) == ((1000, ""), True)
    assert reasons == {"a": "client-gone", "b": None}


async def test_the_end_of_the_connection_ends_all(autojump_clock: MockClock) -> None:
    """Whatever their handlers do, and nothing is left."""
    ended = list[str]()
    app = Hump()

    @app.websocket("/{name}", on_disconnect=0)
    async def wait(ws: WebSocket, name: str) -> None:
        try:
            if name == "asleep":
                await ws.accept()
                await trio.sleep_forever()
            async for _ in ws:
                pass
        finally:
            ended.append(name)

    async with connect_client(app) as client:
        await client.open("/asleep")
        await client.open("/listens")
        client.transport.reset()
        await trio.sleep(1)
        assert sorted(ended) == ["asleep", "listens"]
        statistics = app.statistics()
        assert (statistics.streams, statistics.buffered_bytes) == (0, 0)


async def test_silence_is_asked_about(autojump_clock: MockClock) -> None:
    """Every 20 seconds: a client that answers stays, and one that doesn't is cut 20 later.

    The connection isn't idle meanwhile, and other streams of it go on.
    """
    app = echoing()
    async with connect_client(app) as client:
        lively, silent = await client.open(), await client.open()
        silent.polite = False
        for _ in range(300):
            await trio.sleep(1)
            await client.settle()
            if trio.current_time() < 39:
                assert silent.reset is None
        assert silent.reset == ErrorCode.CANCEL
        assert len(silent.pings) == 1
        assert 12 <= len(lively.pings) <= 15
        lively.send("still here")
        await client.settle()
        assert (lively.messages, client.goaway_ids) == (["still here"], [])


async def test_a_reader_that_stops_is_cut_alone(autojump_clock: MockClock) -> None:
    """Past `Timeouts.send_grace`; who reads slowly is not."""
    app = Hump(timeouts=Timeouts(send_grace=30))
    outcomes = list[str]()

    @app.websocket("/")
    async def flood(ws: WebSocket) -> None:
        try:
            await ws.send(bytes(60_000))
        finally:
            outcomes.append(ws.request.outcome)

    async with connect_client(app, window_bytes=1_000) as client:
        slow, stopped = client.ask(), client.ask()
        slow.polite = stopped.polite = False
        await client.settle()
        for _ in range(59):
            await trio.sleep(1)
            if slow.reset is None and not slow.messages:
                client.h2.increment_flow_control_window(1_000, slow.stream_id)
            await client.settle()
            assert stopped.reset is None or trio.current_time() > 30
        assert stopped.reset == ErrorCode.CANCEL
        await client.settle()
        assert slow.messages == [bytes(60_000)] or slow.reset is None


async def test_a_handler_that_does_not_receive_holds_little(autojump_clock: MockClock) -> None:
    """The window holds the client back, and nothing is lost in the end."""
    app = Hump()

    @app.websocket("/")
    async def collect(ws: WebSocket) -> None:
        await ws.accept()
        await trio.sleep(10)
        count = 0
        async for message in ws:
            assert len(message) == 10_000
            count += 1
            if count == 100:
                await ws.send("all are here")

    async with connect_client(app) as client:
        socket = await client.open()
        for _ in range(100):
            socket.send(bytes(10_000))
        await client.settle()
        assert app.statistics().buffered_bytes <= WINDOW_BYTES + 180_000
        assert len(socket.unsent) >= 1_000_000 - WINDOW_BYTES - 180_000
        await trio.sleep(11)
        await client.settle()
        assert socket.messages == ["all are here"]
        assert app.statistics().buffered_bytes == 0


@pytest.mark.parametrize("polite", [True, False])
async def test_a_shutdown_closes_each(polite: bool, autojump_clock: MockClock) -> None:
    """A GOAWAY says that no stream follows, and 1001 why each ends; nobody is waited for too long.

    A handler that receives ends by itself, and one that doesn't is cancelled after
    `Timeouts.shutdown`.
    """
    reasons = dict[str, str | None]()
    app = Hump(timeouts=Timeouts(shutdown=8, cleanup=2))

    @app.websocket("/{name}")
    async def wait(ws: WebSocket, name: str) -> None:
        await ws.accept()
        try:
            if name == "asleep":
                await trio.sleep_forever()
            async for _ in ws:
                pass
        finally:
            reasons[name] = ws.request.cancel_reason

    async with connect_client(app) as client:
        listening, asleep = await client.open("/listens"), await client.open("/asleep")
        listening.polite = asleep.polite = polite
        began = trio.current_time()
        app.shutdown()
        await client.settle()
        assert client.goaway_ids[0] == 2**31 - 1
        assert listening.closed == (1001, "going away")
        assert listening.ended is polite
        while not client.over and trio.current_time() < began + 20:
            await trio.sleep(0.5)
            await client.settle()
        assert client.over
        assert asleep.closed == (1001, "going away")
        assert trio.current_time() - began < 8 + 2 + 1
    assert reasons == {"listens": None, "asleep": "shutdown"}


async def test_memory_that_is_used_up(autojump_clock: MockClock) -> None:
    """Who fills it is cut, and others go on."""
    app = echoing(limits=Limits(buffered_bytes=300_000, message_bytes=1_000_000))
    async with connect_client(app) as client:
        other = await client.open()
        greedy = await client.open()
        greedy.send(bytes(900_000))
        await client.settle()
        assert greedy.closed or greedy.reset is not None
        other.send("still here")
        await client.settle()
        assert other.messages == ["still here"]


async def test_each_has_a_line_in_the_access_log(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """With the status that opened it, and its bytes."""
    caplog.set_level(logging.INFO, "hump_trio.access")
    async with connect_client(echoing()) as client:
        socket = await client.open()
        socket.send("x" * 1000)
        await client.settle()
        socket.close()
        await client.settle()
        (record,) = [each for each in caplog.records if each.name == "hump_trio.access"]
        access = record.__dict__["access"]
        assert (access.status, access.outcome) == (200, "ok")
        assert 1000 + 4 + 9 < access.byte_count < 1200
