"""Frames are read and answered while the test does something else, and held against RFC 6455."""

from contextlib import suppress

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked
from wsproto.events import CloseConnection, Ping, Pong

from hump_trio import WebSocketClosed
from hump_trio.testing import websocket
from hump_trio.transports.transport import Transport
from tests.testing.scripted_app import Noted, ScriptedApp

pytestmark = [
    pytest.mark.memory_only("its server is the tests' own, in memory"),
    pytest.mark.http1_only("that server speaks nothing else"),
]


async def test_an_ending_is_under_way(autojump_clock: MockClock) -> None:
    """Nothing is sent behind the client's closing frame, while messages still come."""
    sent = trio.Event()

    async def answer_late(transport: Transport) -> None:
        await transport.send_all(b"\x81\x01a")
        await sent.wait()
        await transport.send_all(b"\x89\x00\x81\x01b\x88\x00")
        await transport.send_eof()
        await transport.receive_some()

    async with websocket(ScriptedApp(answer_late), "/") as ws, trio.open_nursery() as nursery:
        nursery.start_soon(ws.close, None)
        await wait_all_tasks_blocked()
        with pytest.raises(WebSocketClosed) as raised:
            await ws.send("c")
        assert (raised.value.code, raised.value.by) == (1005, "client")
        sent.set()
        assert [message async for message in ws] == ["a", "b"]
        assert ws.close_code == 1005


async def test_pings_and_the_closing_frame_are_answered(autojump_clock: MockClock) -> None:
    """While the test does something else; then the connection is ended."""
    server = Noted(Ping(payload=b"1"), Ping(payload=b"2"), CloseConnection(code=4000, reason="r"))
    async with websocket(ScriptedApp(server), "/"):
        await trio.sleep(10)
    assert server.events == [
        (0, Pong(payload=b"1")),
        (0, Pong(payload=b"2")),
        (0, CloseConnection(code=4000, reason="")),
    ]
    assert server.end == "end"


async def test_pings_and_closing_frames_are_ignored(autojump_clock: MockClock) -> None:
    """Where the test says so; then the connection is cut at the end, without a closing frame."""
    server = Noted(Ping(payload=b""), CloseConnection(code=1000), ends=True, closes=False)
    async with websocket(ScriptedApp(server), "/") as ws:
        ws.ignore_pings()
        ws.ignore_closing()
        await ws.wait_closed()
        await trio.sleep(10)
        assert (ws.close_code, server.end) == (1000, "")
    assert server.events == []


async def test_what_a_server_may_not_send_fails_the_test(autojump_clock: MockClock) -> None:
    """Plainly, as an assertion of the test's own would."""

    async def send_masked(transport: Transport) -> None:
        await transport.send_all(b"\x81\x81\0\0\0\0a")
        await transport.receive_some()

    with pytest.raises(AssertionError, match="has sent a masked frame"):
        async with websocket(ScriptedApp(send_masked), "/"):
            await trio.sleep_forever()


async def test_an_app_that_breaks_off_is_told_from_one_that_ends(autojump_clock: MockClock) -> None:
    """By `was_reset`; what is sent to it is the end then, never another error."""

    async def break_off(transport: Transport) -> None:
        await trio.sleep(1)
        transport.reset()

    async with websocket(ScriptedApp(break_off), "/") as ws:
        with suppress(WebSocketClosed):
            while True:
                await ws.send("x")
        await ws.close()
    assert (ws.close_code, ws.was_reset) == (1006, True)
