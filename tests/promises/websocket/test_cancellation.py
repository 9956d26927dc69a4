"""A connection with a WebSocket, cut at every call and every wait of any of its tasks.

Whatever is cut where: the transport is closed, no message is cut, lost in the middle or sent
twice on a connection that looks whole, there is one closing frame at most and nothing behind it, no
task is left, and what was counted is given back. Nothing is an error in the log.
"""

import logging
import math

import pytest
import trio
from trio.testing import MockClock

from hump_trio import Hump, Topic, WebSocket, WebSocketClosed
from hump_trio.server.state import ServerState
from hump_trio.testing.app_frames import AppFrames, encode_client_frame
from tests.support.handled import HANDSHAKE
from tests.support.served import served
from tests.support.struck import Countdown
from tests.support.struck_streams import (
    STRIKES,
    Moment,
    Strike,
    cut_anywhere,
    each_cut,
    serve_struck,
)

TEXT, BINARY, CLOSE, PING = 0x81, 0x82, 0x88, 0x89
# More than a connection in memory holds, so that a flusher has to send it.
LARGE = 200_000


def frame(first_byte: int, payload: bytes = b"") -> bytes:
    """Return a frame of the client's."""
    return encode_client_frame(first_byte, payload)


def to(path: str) -> bytes:
    """Return the handshake of a WebSocket at a path."""
    return HANDSHAKE.replace(b"GET / ", b"GET " + path.encode() + b" ")


END = frame(CLOSE, b"\x03\xe8")
# What a client sends, and what it is answered if nothing is cut.
SCENES: dict[str, tuple[list[bytes], list[str | bytes], int]] = {
    "echo": (
        [
            to("/echo") + frame(TEXT, b"early"),
            frame(TEXT, b"a") + frame(TEXT, b"b") + frame(PING, b"?"),
            END,
        ],
        ["early", "a", "b"],
        1000,
    ),
    "large": ([to("/large") + frame(TEXT, b"go"), END], [bytes(LARGE), "end"], 1000),
    "talks": ([to("/talks"), frame(TEXT, b"a"), frame(TEXT, b"b")], ["0", "1", "2"], 1000),
    "parts": (
        [to("/parts") + frame(0x01, b"a"), frame(0x80, b"b"), END],
        ["ab", b"xy" * LARGE],
        1000,
    ),
    "topic": (
        [to("/topic"), frame(TEXT, b"a"), END],
        [bytes([number]) * LARGE for number in range(3)],
        1000,
    ),
    "goodbye": (
        [to("/goodbye") + frame(TEXT, b"a"), frame(TEXT, b"b"), END],
        ["a", "b", "bye"],
        1001,
    ),
    "malformed": ([to("/echo") + frame(TEXT, b"good"), frame(0x83)], ["good"], 1002),
    "left": ([to("/echo") + frame(TEXT, b"good"), frame(TEXT)[:1]], ["good"], 1006),
}


def new_state() -> ServerState:
    """Return the state of a server of WebSockets."""
    app = Hump()

    @app.websocket("/echo")
    async def echo(ws: WebSocket) -> None:
        async for message in ws:
            await ws.send(message)

    @app.websocket("/large")
    async def large(ws: WebSocket) -> None:
        await ws.receive()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ws.send, bytes(LARGE))
            await trio.sleep(0.001)
            await ws.send("end")
        async for _ in ws:
            pass

    @app.websocket("/talks")
    async def talks(ws: WebSocket) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(count_to_three, ws)
            await ws.receive()
            await ws.receive()
        await ws.close()

    async def count_to_three(ws: WebSocket) -> None:
        for number in range(3):
            await ws.send(str(number))
            await trio.sleep(0.01)

    @app.websocket("/parts")
    async def parts(ws: WebSocket) -> None:
        text = "".join([part async for part in ws.stream()])
        await ws.send(text)
        async with ws.writer() as send:
            for _ in range(2):
                await send(b"xy" * (LARGE // 2))
        async for _ in ws:
            pass

    topic = Topic[bytes](backlog_bytes=3 * LARGE)

    @app.websocket("/topic")
    async def subscribe(ws: WebSocket) -> None:
        async with topic.subscribe(ws), trio.open_nursery() as nursery:
            nursery.start_soon(publish)
            await ws.receive()
            with pytest.raises(WebSocketClosed):
                await ws.receive()
            nursery.cancel_scope.cancel()

    async def publish() -> None:
        for number in range(3):
            await topic.publish(bytes([number]) * LARGE)

    @app.websocket("/goodbye", timeout=0.015)
    async def goodbye(ws: WebSocket) -> None:
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(trio.sleep_forever)
                async for message in ws:
                    await ws.send(message)
        finally:
            with trio.move_on_after(1, shield=True):
                await ws.send("bye")

    return served(app=app)


def read_messages(sent: bytes) -> tuple[list[str | bytes], int | None, bool]:
    """Return the messages that were sent whole, the code of the close, and if there is a rest."""
    head, _, rest = sent.partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 101 "):
        return [], None, False
    frames = AppFrames()
    arrivals = frames.feed(rest)
    messages: list[str | bytes] = []
    for kind, payload in arrivals:
        if kind == "message":
            messages.append(payload)
    return messages, frames.close_code, bool(frames._unread or frames._message)


@pytest.mark.parametrize("name", SCENES)
async def test_a_scene_that_nothing_cuts(name: str, autojump_clock: MockClock) -> None:
    """Each client has its answers: the scenes are what they look like."""
    state, (parts, answers, code) = new_state(), SCENES[name]
    tapped = await serve_struck(state, parts, "step", Countdown(math.inf), STRIKES[0])
    messages, close_code, _ = read_messages(bytes(tapped.sent))
    assert (messages, close_code or 1006) == (answers, code)
    assert len(tapped.closings) == 1
    assert (state.websocket_count, state.request_count, state.buffered_bytes) == (0, 0, 0)


@cut_anywhere(SCENES)
async def test_a_websocket_cut_anywhere_ends_well(
    name: str,
    strike: Strike,
    moment: Moment,
    autojump_clock: MockClock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """See this module; each scene is cut at its n-th call or wait, for every n."""
    parts, answers, _ = SCENES[name]
    async for _, tapped in each_cut(new_state, parts, moment, strike):
        assert tapped.closings in (["close"], ["reset"], ["reset", "close"])
        messages, close_code, cut = read_messages(bytes(tapped.sent))
        if messages[-1:] == ["bye"]:  # it comes sooner where the handler is cut sooner
            messages.pop()
        assert messages == answers[: len(messages)]
        if cut and close_code is None and strike.__name__ not in ("break_off", "leave"):
            assert tapped.closings[0] == "reset"
    assert not [each for each in caplog.records if each.levelno >= logging.ERROR]
