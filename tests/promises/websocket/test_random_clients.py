"""Whatever a client does, and its handler: the end comes in time, and leaves nothing.

The client is held to no rule; the app is, by the test client, which takes no frame that a server
may not send.
"""

import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, TypeAlias

import pytest
import trio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from hump_trio import Limits, WebSocket, WebSocketClosed
from hump_trio.testing import WebSocketClient, client, websocket
from hump_trio.testing.app_frames import encode_client_frame
from tests.support.handled import Handled, echo

# What a handler has left when its client has gone, the look that finds it, and some more.
END_SECONDS = 10
ENDS = (trio.BrokenResourceError, trio.ClosedResourceError, WebSocketClosed)

# The name of a method, or "sleep", and the arguments.
Action: TypeAlias = tuple[Any, ...]


async def tick(ws: WebSocket) -> None:
    """Send now and then."""
    while True:
        await ws.send("tick")
        await trio.sleep(3)


async def sleep(ws: WebSocket) -> None:
    """Receive once, and then nothing more."""
    await ws.receive()
    await trio.sleep_forever()


async def pour(ws: WebSocket) -> None:
    """Send more than a client can take, from two tasks, with a ping's time between."""
    async with trio.open_nursery() as nursery:
        for _ in range(2):
            nursery.start_soon(send_large, ws)


async def send_large(ws: WebSocket) -> None:
    """Send large messages, and give each of them up after a while."""
    for number in range(5):
        with trio.move_on_after(2):
            await ws.send(bytes(100_000))
        with trio.move_on_after(2):
            await ws.send(f"{number}" * 70_000)


async def close_soon(ws: WebSocket) -> None:
    """Receive for a while, then close, and say something in vain."""
    with trio.move_on_after(4):
        async for _ in ws:
            pass
    await ws.close(4000, "enough")
    with suppress(WebSocketClosed):
        await ws.send("more")


async def stream(ws: WebSocket) -> None:
    """Take messages in parts, and answer in parts."""
    while True:
        async with ws.writer() as send:
            async for part in ws.stream():
                await send(part)


HANDLERS = [echo, tick, sleep, pour, close_soon, stream]

payloads = st.binary(max_size=8) | st.sampled_from([b"\xff", "é".encode(), bytes(3000)])
codes = st.sampled_from([b"", b"\x03\xe8", b"\x03", b"\x03\xed", b"\x0f\xa0bye", b"\x03\xe8\xff"])
frames = st.builds(
    encode_client_frame,
    st.sampled_from([0x81, 0x82, 0x01, 0x02, 0x00, 0x80, 0x89, 0x8A, 0xC1, 0x83, 0x88]),
    payloads,
    masked=st.sampled_from([True] * 9 + [False]),
) | st.builds(encode_client_frame, st.just(0x88), codes)


ACTIONS = (
    st.tuples(st.just("sleep"), st.sampled_from([0, 0.1, 1, 6, 25, 70]))
    | st.tuples(st.just("send_raw"), frames)
    | st.tuples(st.just("send_raw"), st.builds(lambda frame: frame[:3], frames))
    | st.tuples(st.just("send_raw"), st.builds(lambda frame: frame * 300, frames))
    | st.sampled_from(
        [
            ("receive",),
            ("half_close",),
            ("pause_reading",),
            ("ignore_pings",),
            ("ignore_closing",),
            ("reset",),
        ]
    )
)


async def act(ws: WebSocketClient, actions: list[Action]) -> None:
    """Do one thing after the other, as far as the app takes part."""
    for name, *arguments in actions:
        with trio.move_on_after(20), suppress(*ENDS):
            if name == "sleep":
                await trio.sleep(*arguments)
            else:
                result = getattr(ws, name)(*arguments)
                if result is not None:
                    await result


async def use(handled: Handled, actions: list[Action]) -> None:
    """Have one client do all of it, and vanish if it is still there."""
    async with client(handled.app):
        async with websocket(handled.app, "/", timeout=None) as ws:
            await act(ws, actions)
            ws.reset()
            await trio.sleep(END_SECONDS)
            assert len(handled.ends) == 1
        await trio.sleep(1)
        found = handled.app.statistics()
        assert (found.buffered_bytes, found.websockets, found.requests) == (0, 0, ())


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(HANDLERS), st.lists(ACTIONS, max_size=8))
def test_a_client_may_do_anything(
    caplog: pytest.LogCaptureFixture,
    handler: Callable[[WebSocket], Awaitable[None]],
    actions: list[Action],
) -> None:
    """Its handler ends, nothing is held of it any more, and no error is logged."""
    caplog.clear()
    handled = Handled(handler, limits=Limits(message_bytes=5000))
    trio.run(use, handled, actions, clock=MockClock(autojump_threshold=0))
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]
