"""The session of a WebSocket: how it is opened, and what is left of it."""

import gc
import weakref
from typing import Any

import pytest
import trio
from trio.testing import (
    MockClock,
    assert_no_checkpoints,
    wait_all_tasks_blocked,
)

from hump_trio import Timeouts
from hump_trio.facts.exceptions import WebSocketClosed
from hump_trio.messages.channel import MessageRules
from hump_trio.server.life import Life
from hump_trio.websocket.frames import CLOSE, FINAL, RSV1, TEXT
from tests.support.sessions import open_scene, receive_all, text
from tests.websocket.client_frames import masked

CLOSING = masked(FINAL | CLOSE, b"\x03\xe8bye")
DEFLATED = [("sec-websocket-extensions", "permessage-deflate")]


# The handshake


async def test_the_handshake_is_answered_once() -> None:
    """With the fields that the handler has given, its subprotocol, and the agreed compression."""
    async with open_scene(accepted=False, fields=DEFLATED) as scene:
        session = scene.session
        assert (session.opened, session.latency_seconds, session.unsent_bytes) == (False, None, 0)
        with assert_no_checkpoints():
            await session.accept(MessageRules(compress=True), [("x-a", "1")], "chat")
        assert session.opened
        assert scene.statuses == [101]
        names = [name for name, _ in scene.stream.fields]
        assert names == ["x-a", "sec-websocket-protocol", "sec-websocket-extensions"]
        await session.send("a" * 1000)
        assert 3 < len(scene.line.sent) < 100
        assert scene.line.sent[0] == FINAL | RSV1 | TEXT


@pytest.mark.parametrize("offered", [False, True])
async def test_nothing_is_compressed_unless_both_want_it(offered: bool) -> None:
    """The route and the client."""
    fields = DEFLATED if offered else []
    async with open_scene(MessageRules(compress=not offered), fields=fields) as scene:
        assert scene.stream.fields == []
        await scene.session.send("text")
        assert scene.received() == ["text"]


@pytest.mark.parametrize("grace", [0.0, 5.0])
async def test_a_client_that_goes_before_the_answer(grace: float) -> None:
    """The channel is never opened; a handler without any time left is cancelled at once."""
    async with open_scene(accepted=False, grace=grace) as scene:
        scene.stream.failure = trio.BrokenResourceError()
        with scene.clock.scope:
            with pytest.raises(WebSocketClosed) as caught:
                await scene.session.accept(MessageRules())
            assert grace
            assert (caught.value.code, caught.value.by) == (1006, "lost")
        assert scene.peer.gone
        assert scene.clock.scope.cancelled_caught == (grace == 0)
        assert (scene.session.opened, scene.session.close_code) == (False, 1006)
        assert scene.statuses == []


async def test_a_channel_that_was_never_opened_is_closed_once_it_is_over() -> None:
    """Who has kept it learns that by its code."""
    async with open_scene(accepted=False) as scene:
        session = scene.session
    assert session.close_code == 1006


async def test_what_came_with_the_handshake_is_received() -> None:
    """Eager clients don't wait for the answer."""
    async with open_scene(accepted=False) as scene:
        scene.line.put(text("one") + text("two"), text("three"))
        await scene.session.accept(MessageRules())
        for expected in ("one", "two", "three"):
            assert await scene.session.receive() == expected


# What is left


@pytest.mark.parametrize("end", ["client", "server", "cut"])
async def test_a_channel_that_is_kept_keeps_nothing(end: str) -> None:
    """It keeps no line and no connection, and says how it has ended."""
    async with open_scene() as scene:
        session = scene.session
        if end == "client":
            scene.line.give(text("one") + CLOSING)
        elif end == "server":
            session.finish(1000)
        kept: list[Any] = [weakref.ref(scene.line), weakref.ref(scene.connection.transport)]
    assert scene.line.calls[-1] == "stop"
    del scene
    gc.collect()
    assert not any(ref() for ref in kept)
    if end == "client":
        assert await session.receive() == "one"
    with pytest.raises(WebSocketClosed) as caught:
        await session.receive()
    assert caught.value.by == {"cut": "lost"}.get(end, end)
    with pytest.raises(WebSocketClosed):
        await session.send("x")
    with pytest.raises(WebSocketClosed):
        session.send_nowait("x")
    await session.close(1000, "")
    session.finish(1000)
    session.call_when_sent(bytes)
    session.hear()


async def test_what_was_put_off_finds_nothing_to_do_once_all_is_over() -> None:
    """Such as to read on, or to answer a close."""
    for data in (text("m" * 1000) * 200, CLOSING, text("m" * 1000) * 200 + CLOSING):
        async with open_scene() as scene:
            if data is not CLOSING:
                scene.session.finish(1000)
            scene.line.give(data)


# A server that closes


async def test_a_handler_that_waits_is_told_that_the_server_closes(
    autojump_clock: MockClock,
) -> None:
    """At its time, by 1001; iterating just ends."""
    async with open_scene() as scene:
        scene.session.drain(trio.current_time() + 3)
        with pytest.raises(StopAsyncIteration):
            await scene.session.receive(iterating=True)
        assert trio.current_time() == pytest.approx(3, abs=0.26)
        assert scene.received() == [("close", b"\x03\xe9going away")]
        assert scene.session.close_code == 1001


async def test_a_handler_that_is_waiting_hears_at_once(autojump_clock: MockClock) -> None:
    """When the time has come already."""
    async with open_scene() as scene, trio.open_nursery() as nursery:
        found: list[Any] = []
        nursery.start_soon(receive_all, scene, found)
        await wait_all_tasks_blocked()
        scene.session.drain(trio.current_time())
        assert scene.received() == [("close", b"\x03\xe9going away")]


async def test_a_handler_that_is_busy_is_let_be(autojump_clock: MockClock) -> None:
    """It has what has come, and hears of the end when it waits for more."""
    async with open_scene() as scene:
        scene.line.give(text("one") + text("two"))
        scene.session.drain(trio.current_time())
        await scene.pass_time(10)
        for expected in ("one", "two"):
            assert await scene.session.receive() == expected
            await scene.session.send(expected)
        with pytest.raises(WebSocketClosed) as caught:
            await scene.session.receive()
        assert (caught.value.code, caught.value.by) == (1001, "server")
        assert scene.received() == ["one", "two", ("close", b"\x03\xe9going away")]


async def test_a_channel_that_is_opened_while_the_server_closes() -> None:
    """Its handler may send, and hears of the end when it waits for a message."""
    async with open_scene(accepted=False) as scene:
        scene.clock.closing = scene.state.life = Life.CLOSING
        await scene.session.accept(MessageRules())
        await scene.session.send("hello")
        with pytest.raises(WebSocketClosed):
            await scene.session.receive()
        assert scene.received() == ["hello", ("close", b"\x03\xe9going away")]


def test_timeouts_are_what_these_tests_take_them_for() -> None:
    """The defaults, in seconds."""
    timeouts = Timeouts()
    assert (timeouts.ping, timeouts.pong, timeouts.close) == (20, 20, 5)
