"""HTTP over Unix sockets: what their transport knows of the peer, and where it differs from TCP."""

import logging
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest
import trio
from trio.testing import MockClock

from hump_trio import Hump, Limits, Request, Send, StreamResponse, Timeouts
from hump_trio.transports.readiness import Readiness
from hump_trio.transports.sockets import UnixTransport
from hump_trio.transports.system import SYSTEM
from tests.support.loopback import PATIENCE_SECONDS, ask, receive_rest, served

LARGE_BYTES = 4_000_000


@pytest.fixture
def app(tmp_path: Path) -> Hump:
    """An app at a Unix socket."""
    app = Hump(binds=[f"unix:{tmp_path / 'app.sock'}"], limits=Limits(body_bytes=LARGE_BYTES))

    @app.get("/")
    async def index(request: Request) -> str:
        return f"hello {request.client}"

    @app.post("/")
    async def echo(request: Request) -> bytes:
        return request.body

    return app


@asynccontextmanager
async def connected(app: Hump) -> AsyncIterator[trio.SocketStream]:
    """Serve an app, and connect to it."""
    async with (
        served(app) as url,
        await trio.open_unix_socket(url.removeprefix("unix:")) as stream,
    ):
        yield stream


@asynccontextmanager
async def pair(readiness: Readiness | None = None) -> AsyncIterator[tuple[UnixTransport, ...]]:
    """Give two ends of a connection; the second one is watched by a readiness, if there is one."""
    ours, theirs = socket.socketpair(socket.AF_UNIX)
    async with UnixTransport(ours) as client, UnixTransport(theirs, readiness=readiness) as server:
        yield client, server


async def test_a_client_that_knows_nothing_of_us(
    app: Hump, caplog: pytest.LogCaptureFixture
) -> None:
    """Several requests on a connection, large bodies both ways, and nobody's address."""
    caplog.set_level(logging.INFO, "hump_trio.access")
    async with served(app) as url:
        transport = httpx2.AsyncHTTPTransport(uds=url.removeprefix("unix:"))
        async with httpx2.AsyncClient(transport=transport, timeout=PATIENCE_SECONDS) as http:
            for _ in range(2):
                assert (await http.get("http://localhost/")).text == "hello None"
            large = bytes(range(256)) * (LARGE_BYTES // 256)
            assert (await http.post("http://localhost/", content=large)).content == large
        assert app.statistics().connection_count == 1
    assert caplog.messages[0].startswith("- ")


async def test_a_half_closed_client_gets_its_answer(app: Hump) -> None:
    """As with TCP, and the connection ends then."""
    async with connected(app) as stream:
        await stream.send_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
        await stream.send_eof()
        assert (await receive_rest(stream)).endswith(b"hello None")


async def test_a_client_that_leaves_is_noticed(app: Hump, autojump_clock: MockClock) -> None:
    """At the first look, since who has closed a Unix socket can't be written to."""
    entered, left = trio.Event(), trio.Event()
    reasons: list[str | None] = []

    @app.get("/slow")
    async def slow(request: Request) -> None:
        entered.set()
        try:
            await trio.sleep(20)
        finally:
            reasons.append(request.cancel_reason)
            left.set()

    async with connected(app) as stream:
        await stream.send_all(b"GET /slow HTTP/1.1\r\nhost: a\r\n\r\n")
        await entered.wait()
        before = trio.current_time()
        await stream.aclose()
        await left.wait()
        assert trio.current_time() - before <= Timeouts().disconnect_poll
    assert reasons == ["client-gone"]


async def test_a_refused_body_does_not_destroy_its_answer(app: Hump) -> None:
    """The client can read the 413 while it still sends."""
    async with connected(app) as stream:
        head = f"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: {LARGE_BYTES + 1}\r\n\r\n"
        await stream.send_all(head.encode() + bytes(1000))
        assert (await stream.receive_some()).startswith(b"HTTP/1.1 413 ")
        await stream.send_all(bytes(1000))
        await stream.send_eof()
        assert await receive_rest(stream) == b""


async def test_a_cut_answer_does_not_look_whole(app: Hump) -> None:
    """There is no reset, but its last chunk is missing."""

    @app.get("/stream")
    async def stream_parts() -> StreamResponse:
        async def produce(send: Send) -> None:
            await send("part")
            raise RuntimeError("no more")

        return StreamResponse(produce)

    async with connected(app) as stream:
        await stream.send_all(b"GET /stream HTTP/1.1\r\nhost: a\r\n\r\n")
        assert (await receive_rest(stream)).endswith(b"\r\n\r\n4\r\npart\r\n")


async def test_a_client_that_stops_reading_is_cut(app: Hump, autojump_clock: MockClock) -> None:
    """It has the grace of `Timeouts.send_grace` without reading anything, and no more."""
    app.timeouts = Timeouts(send_grace=7)

    @app.get("/large")
    async def large() -> bytes:
        return bytes(LARGE_BYTES)

    async with connected(app) as stream:
        await stream.send_all(b"GET /large HTTP/1.1\r\nhost: a\r\n\r\n")
        await trio.sleep(6)
        assert app.statistics().outcomes["stalled"] == 0
        await trio.sleep(2)
        assert app.statistics().outcomes["stalled"] == 1
        assert len(await receive_rest(stream)) < LARGE_BYTES


async def test_a_slow_reader_gets_all_of_it(app: Hump, autojump_clock: MockClock) -> None:
    """Each part that it takes moves the deadline."""
    app.timeouts = Timeouts(send_grace=7)

    @app.get("/large")
    async def large() -> bytes:
        return bytes(LARGE_BYTES)

    received = 0
    async with connected(app) as stream:
        await stream.send_all(b"GET /large HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
        while data := await stream.receive_some(100_000):
            received += len(data)
            await trio.sleep(1)
    assert received > LARGE_BYTES
    assert trio.current_time() > 30


async def test_the_end_of_the_peer() -> None:
    """Half an end is seen behind bytes that wait; a whole one is a reset, and bytes stay."""
    async with pair() as (client, server):
        assert server.peer_state() == "open"
        await client.send_all(b"ab")
        assert server.peer_state() == "open"
        await client.send_eof()
        assert server.peer_state() == "half_closed"
        client.close()
        assert server.peer_state() == "reset"
        assert server.receive_nowait() == b"ab"
        assert server.receive_nowait() == b""
        with pytest.raises(trio.BrokenResourceError):
            server.send_nowait(b"x")


async def test_who_leaves_what_was_sent_breaks_the_connection() -> None:
    """As with TCP: it is what the system does where the peer hasn't read all."""
    async with pair() as (client, server):
        server.send_nowait(b"ab")
        client.close()
        with pytest.raises(trio.BrokenResourceError):
            await server.receive_some()
        assert server.peer_state() == "reset"


async def test_reset_is_an_end() -> None:
    """Nothing that was sent is lost, and nothing tells it from a close."""
    async with pair() as (client, server):
        server.send_nowait(b"ab")
        server.reset()
        assert await client.receive_some() == b"ab"
        assert await client.receive_some() == b""


async def test_a_close_that_does_no_harm() -> None:
    """What was sent is in the peer's queue, and nothing that it has sent is lost."""
    async with pair() as (client, server):
        await server.send_all(b"an answer")
        assert server.closes_unharmed()
        await client.send_all(b"more")
        assert not server.closes_unharmed()


async def test_what_is_taken_is_acknowledged() -> None:
    """It stands in the peer's queue; while a send waits for room there, something is owed."""
    async with pair() as (client, server):
        assert (server.client, server.tells_acked) == (None, True)
        count = server.send_nowait(bytes(10))
        assert (server.sent_bytes, server.acked_bytes(), server.fully_acked()) == (count, 10, True)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(server.send_all, bytes(1_000_000))
            await trio.testing.wait_all_tasks_blocked()
            assert not server.fully_acked()
            assert (
                0 < server.acked_bytes() == server.sent_bytes < 4 * SYSTEM.small_send_buffer_bytes
            )
            while server.acked_bytes() < 1_000_010:
                await client.receive_some()
        assert server.fully_acked()


async def test_readiness_sees_each_edge() -> None:
    """Bytes, bytes that come while nobody waits, and the end."""
    readiness = SYSTEM.make_readiness()
    async with trio.open_nursery() as nursery:
        if readiness is not None:
            nursery.start_soon(readiness.watch)
        async with pair(readiness) as (client, server):
            with trio.fail_after(PATIENCE_SECONDS):
                for text in (b"a", b"bc"):
                    async with trio.open_nursery() as waiting:
                        waiting.start_soon(client.send_all, text)
                        assert await server.receive_some() == text
                client.send_nowait(b"d")
                client.send_nowait(b"e")
                assert await server.receive_some(1) == b"d"
                assert await server.receive_some(1) == b"e"
                client.close()
                assert await server.receive_some() == b""
        nursery.cancel_scope.cancel()


async def test_pipelined_requests_are_answered_in_order(app: Hump) -> None:
    """Bytes behind a request wait for it."""
    async with connected(app) as stream:
        asked = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"
        await stream.send_all(asked * 2)
        assert b"hello None" in await ask(stream)
