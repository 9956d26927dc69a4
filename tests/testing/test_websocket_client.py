"""A WebSocket's client keeps to RFC 6455 by itself, holds the app to it, and is rude where told."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked
from wsproto.events import BytesMessage, CloseConnection, Event, Ping, Pong, TextMessage

from hump_trio import WebSocketClosed
from hump_trio.testing import WebSocketClient, websocket
from hump_trio.transports.transport import Transport
from tests.testing.scripted_app import Noted, ScriptedApp, echo

pytestmark = [
    pytest.mark.memory_only("its server is the tests' own, in memory"),
    pytest.mark.http1_only("that server speaks nothing else"),
]


async def test_messages_go_both_ways(autojump_clock: MockClock) -> None:
    """Texts and bytes of any length, empty ones too."""
    async with websocket(ScriptedApp(echo), "/") as ws:
        for message in ("", "é", b"", b"\0" * 200, "x" * 100_000):
            await ws.send(message)
            assert await ws.receive() == message
        assert (ws.response.status_code, ws.subprotocol, ws.close_code) == (101, None, None)
    assert (ws.close_code, ws.close_reason, ws.was_reset) == (1000, "", False)


@dataclass
class Point:
    """A message."""

    x: int


async def test_values_go_as_json(autojump_clock: MockClock) -> None:
    """Whatever has a JSON form; what comes is converted and checked."""
    async with websocket(ScriptedApp(echo), "/") as ws:
        await ws.send(Point(1))
        assert await ws.receive(Point) == Point(1)
        await ws.send({"x": 2})
        assert await ws.receive(str) == '{"x":2}'
        await ws.send(b'{"x":3}')
        assert await ws.receive(dict[str, int]) == {"x": 3}
        for sent, expected, fault in [
            ("[]", Point, r"'\[\]': Expected `object`"),
            ("{", Point, "not valid JSON"),
            ("text", bytes, "no bytes: 'text'"),
            (b"bytes", str, "no str: b'bytes'"),
        ]:
            await ws.send(sent)
            with pytest.raises(AssertionError, match=fault):
                await ws.receive(expected)


async def test_iterating_ends_with_the_websocket(autojump_clock: MockClock) -> None:
    """In good order; one that is lost is an error, after what came before."""
    sends: list[Event] = [TextMessage(data="a"), BytesMessage(data=b"b")]
    closing = CloseConnection(code=4001, reason="r")
    async with websocket(ScriptedApp(Noted(*sends, closing)), "/") as ws:
        assert [message async for message in ws] == ["a", b"b"]
        assert (ws.close_code, ws.close_reason) == (4001, "r")
    async with websocket(ScriptedApp(Noted(*sends, ends=True)), "/") as ws:
        assert [await anext(ws), await anext(ws)] == ["a", b"b"]
        with pytest.raises(WebSocketClosed) as raised:
            await anext(ws)
    assert (raised.value.code, raised.value.by, ws.close_code) == (1006, "lost", 1006)
    assert ws.was_reset is False


async def test_who_has_closed_is_said(autojump_clock: MockClock) -> None:
    """By what raises when nothing more can be received or sent."""
    server = Noted(CloseConnection(code=1001, reason="later"))
    async with websocket(ScriptedApp(server), "/") as ws:
        for method in (ws.receive, lambda: ws.send("x")):
            with pytest.raises(WebSocketClosed) as raised:
                await method()
            error = raised.value
            assert (error.code, error.reason, error.by) == (1001, "later", "server")
    async with websocket(ScriptedApp(echo), "/") as ws:
        await ws.close(4002, "enough")
        assert (ws.close_code, ws.close_reason) == (4002, "enough")
        with pytest.raises(WebSocketClosed) as raised:
            await ws.receive()
        assert (raised.value.code, raised.value.by) == (4002, "client")
        await ws.close()
    assert ws.close_code == 4002


async def test_pings_and_pongs_can_be_waited_for(autojump_clock: MockClock) -> None:
    """Each is there once."""
    server = Noted(Ping(payload=b"1"), Pong(payload=b"2"), Ping(payload=b"3"))
    async with websocket(ScriptedApp(server), "/") as ws:
        assert [await ws.receive_ping(), await ws.receive_ping()] == [b"1", b"3"]
        assert await ws.receive_pong() == b"2"
        ws.reset()
        with pytest.raises(WebSocketClosed):
            await ws.receive_ping()
    async with websocket(ScriptedApp(echo), "/") as ws:
        await ws.send_frame(0x89, b"there?")
        assert await ws.receive_pong() == b"there?"


@pytest.mark.parametrize(
    ("wait", "late"),
    [
        (WebSocketClient.receive, "no message has come"),
        (WebSocketClient.receive_ping, "no ping has come"),
        (WebSocketClient.receive_pong, "no pong has come"),
        (WebSocketClient.close, "the app hasn't ended the connection"),
    ],
)
async def test_a_test_does_not_hang(
    wait: Callable[[WebSocketClient], object], late: str, autojump_clock: MockClock
) -> None:
    """What waits for an app that never does anything fails."""
    async with websocket(ScriptedApp(Noted(closes=False)), "/", timeout=7) as ws:
        with pytest.raises(trio.TooSlowError, match=f"{late} within 7 s"):
            await wait(ws)  # type: ignore[misc]
        assert trio.current_time() == 7
        ws.reset()


async def test_a_test_may_wait_as_long_as_it_likes(autojump_clock: MockClock) -> None:
    """Without a limit of its own."""
    async with websocket(ScriptedApp(Noted()), "/", timeout=None) as ws:
        with trio.move_on_after(100_000):
            await ws.receive()
        assert trio.current_time() == 100_000
        ws.reset()


async def test_a_reader_stops(autojump_clock: MockClock) -> None:
    """It acknowledges and answers nothing until it receives again, also if it waited already."""
    taken: list[float] = []

    async def flood(transport: Transport) -> None:
        await transport.send_all(b"\x81\x01a")
        await trio.sleep(1)
        await transport.send_all(b"\x89\x00" + b"\x82\x7e\xff\xff")
        await transport.send_all(bytes(65535))
        taken.append(trio.current_time())
        await echo(transport)

    async with websocket(ScriptedApp(flood), "/") as ws:
        assert await ws.receive() == "a"
        ws.pause_reading()
        ws.pause_reading()
        await trio.sleep(10)
        assert not taken
        assert len(await ws.receive(bytes)) == 65535
    assert taken == [10]
    server = Noted()
    async with websocket(ScriptedApp(server), "/") as ws:
        ws.pause_reading()
    assert not server.events


async def test_a_client_is_slow_or_torn(autojump_clock: MockClock) -> None:
    """Bytes as they are, one by one, with no pong between them."""
    server = Noted(Ping(payload=b"?"))
    async with websocket(ScriptedApp(server), "/") as ws:
        await ws.trickle(b"\x81\x81\0\0\0\0a", pause=1)
        await ws.send_frame(0x01, b"b")
        await ws.send_raw(b"\x80\x80\0\0\0\0")
    assert server.events[:4] == [
        (6, TextMessage(data="a")),
        (7, Pong(payload=b"?")),
        (7, TextMessage(data="b", message_finished=False)),
        (7, TextMessage(data="")),
    ]


async def test_a_client_leaves(autojump_clock: MockClock) -> None:
    """By half, or by breaking off; sending is an error then, and messages still come."""
    server = Noted(TextMessage(data="a"))
    async with websocket(ScriptedApp(server), "/") as ws:
        await ws.half_close()
        await wait_all_tasks_blocked()
        assert server.end == "end"
        assert await ws.receive() == "a"
        with pytest.raises(WebSocketClosed):
            await ws.send("b")
    server = Noted()
    async with websocket(ScriptedApp(server), "/") as ws:
        ws.reset()
        with pytest.raises(WebSocketClosed) as raised:
            await ws.send("c")
        assert (raised.value.code, raised.value.by) == (1006, "lost")
        await ws.wait_closed()
    assert server.end == "reset"
    assert ws.was_reset is False


async def test_a_failed_assertion_looks_like_one(autojump_clock: MockClock) -> None:
    """Not like a group of one; the connection is cut then."""
    server = Noted()
    with pytest.raises(AssertionError, match="plain"):
        async with websocket(ScriptedApp(server), "/"):
            raise AssertionError("plain")
    assert server.events == []
