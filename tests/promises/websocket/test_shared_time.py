"""What the messages of many clients take together, in memory and in time."""

import sys
from contextlib import AsyncExitStack

import pytest
import trio
from trio.lowlevel import checkpoint
from trio.testing import MockClock, wait_all_tasks_blocked
from wsproto.events import BytesMessage, Event, Ping, TextMessage
from wsproto.extensions import PerMessageDeflate

from hump_trio import Hump, Limits, WebSocket
from hump_trio.testing import connect, websocket
from tests.support.handled import HANDSHAKE
from tests.support.wsproto_client import opened

LONG_BYTES = 1024 * 1024


async def test_the_rest_of_a_read_counts_while_its_first_message_is_handled(
    autojump_clock: MockClock,
) -> None:
    """A handler that takes its time for a message has those behind it counted as held."""
    app = Hump()

    @app.websocket("/")
    async def take_time(ws: WebSocket) -> None:
        async for _ in ws:
            await trio.sleep(1)

    async with websocket(app, "/") as ws:
        message = bytes([0x82, 0xFE, 0x20, 0, 0, 0, 0, 0]) + bytes(0x2000)
        await ws.send_raw(message * 2)
        await trio.sleep(0.5)
        assert app.statistics().buffered_bytes >= 0x2000
        await trio.sleep(2)
        assert app.statistics().buffered_bytes == 0


@pytest.mark.http1_only("a stream's window brings more than a read of a connection does")
async def test_a_small_message_counts_for_what_it_takes(autojump_clock: MockClock) -> None:
    """Messages of a byte or two count for the memory that they take, ten times their bytes."""
    app = Hump()

    @app.websocket("/")
    async def sleep(ws: WebSocket) -> None:
        await ws.accept()
        await trio.sleep(10)
        while await ws.receive():
            pass

    async with websocket(app, "/") as ws:
        small = bytes([0x81, 0x82, 0, 0, 0, 0, 0x61, 0x62])
        await ws.send_raw(small * 100)
        await trio.sleep(1)
        assert app.statistics().buffered_bytes >= 100 * sys.getsizeof("ab")
        for _ in range(100):
            await ws.send_raw(small * 100)
            await trio.sleep(0.01)
        assert 64 * 1024 <= app.statistics().buffered_bytes < 2 * 64 * 1024
        await trio.sleep(20)
        assert app.statistics().buffered_bytes == 0


@pytest.mark.http1_only("is about handshakes as bytes")
async def test_no_more_are_opened_than_may_be(autojump_clock: MockClock) -> None:
    """`Limits.websockets` holds for handshakes at one time, whose handlers take their time."""
    app = Hump(limits=Limits(websockets=3))

    @app.websocket("/")
    async def look_up_then_accept(ws: WebSocket) -> None:
        await trio.sleep(1)
        await ws.accept()

    for _ in range(2):
        async with AsyncExitStack() as stack:
            clients = [await stack.enter_async_context(connect(app)) for _ in range(5)]
            for each in clients:
                await each.send(HANDSHAKE)
            statuses = [(await each.receive())[9:12] for each in clients]
            # Which of them come first is up to chance: they come at one time.
            assert sorted(statuses) == [b"101"] * 3 + [b"503"] * 2
            await trio.sleep(60)
            assert app.statistics().websockets == 0


async def test_an_inflated_text_counts_for_what_it_takes(autojump_clock: MockClock) -> None:
    """A kilobyte may inflate to a megabyte of text, which one emoji makes four."""
    app = Hump()

    @app.websocket("/", compress=True)
    async def sleep(ws: WebSocket) -> None:
        await ws.accept()
        await trio.sleep(10)

    text = "a" * (LONG_BYTES - 4) + "\N{GRINNING FACE}"
    async with opened(app, "/", extensions=[PerMessageDeflate()]) as client:
        await client.send(TextMessage(data=text))
        await wait_all_tasks_blocked()
        assert app.statistics().buffered_bytes >= sys.getsizeof(text)


async def test_nothing_is_held_beyond_the_limit(autojump_clock: MockClock) -> None:
    """Who brings more than all may hold is closed with 1013, and what it brought is let go of."""
    app = Hump(limits=Limits(buffered_bytes=100_000))

    @app.websocket("/")
    async def sleep(ws: WebSocket) -> None:
        await ws.accept()
        await trio.sleep(3)
        async for _ in ws:
            raise AssertionError("it was thrown away")

    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(websocket(app, "/")) for _ in range(5)]
        for each in clients:
            await each.send(bytes(40_000))
        await wait_all_tasks_blocked()
        assert app.statistics().buffered_bytes <= 100_000
        await clients[4].wait_closed()
        assert clients[4].close_code == 1013


@pytest.mark.parametrize(
    "events",
    [
        [BytesMessage(data=bytes(LONG_BYTES))],
        [BytesMessage(data=bytes(LONG_BYTES + 1))],
        [Ping()] * 1000 + [TextMessage(data="x")],
    ],
    ids=["compressed", "too long", "pings"],
)
async def test_many_share_the_time(events: list[Event], autojump_clock: MockClock) -> None:
    """Of what takes long and comes at once a few are read in a pass: others have their turn."""
    app = Hump()
    handled_count = 0
    counts = []

    @app.websocket("/", compress=True)
    async def count(ws: WebSocket) -> None:
        nonlocal handled_count
        await ws.accept()
        try:
            await ws.receive()
        finally:
            handled_count += 1

    async def look() -> None:
        before = 0
        while handled_count < 20:
            counts.append(handled_count - before)
            before = handled_count
            await checkpoint()

    async with AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(opened(app, "/", extensions=[PerMessageDeflate()]))
            for _ in range(20)
        ]
        async with trio.open_nursery() as nursery:
            nursery.start_soon(look)
            for each in clients:
                nursery.start_soon(each.send, *events)
    assert max(counts) < 5
