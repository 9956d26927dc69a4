"""A WebSocket of a mounted app, cut at every call and every wait of any of its connection's tasks.

Whatever is cut where: no message is cut, lost in the middle or sent twice on a connection that
looks whole, a refusal is whole or isn't there, what was counted is given back, and nothing is an
error in the log.
"""

import logging
import math
from itertools import count

import pytest
import trio
from trio.testing import MockClock

from hump_trio.server.state import ServerState
from hump_trio.testing.app_frames import AppFrames, encode_client_frame
from tests.support.asgi_apps import Message, Receive, Scope, Send, hump_of
from tests.support.handled import HANDSHAKE
from tests.support.served import served
from tests.support.struck import Countdown
from tests.support.struck_streams import STRIKES, Moment, Strike, serve_struck

TEXT, CLOSE, PING = 0x81, 0x88, 0x89
# More than a connection in memory holds, so that sending it has to wait.
LARGE = 200_000
PAGE = b"sign in" * 1000


def frame(first_byte: int, payload: bytes = b"") -> bytes:
    """Return a frame of the client's."""
    return encode_client_frame(first_byte, payload)


def to(path: str) -> bytes:
    """Return the handshake of a WebSocket at a path."""
    return HANDSHAKE.replace(b"GET / ", b"GET " + path.encode() + b" ")


END = frame(CLOSE, b"\x03\xe8")
# What a client sends; the status that it is answered with, the messages and the code of the close,
# or the body, if nothing is cut.
SCENES: dict[str, tuple[list[bytes], int, list[str | bytes], int]] = {
    "echo": (
        [
            to("/echo") + frame(TEXT, b"early"),
            frame(TEXT, b"a") + frame(TEXT, b"b") + frame(PING, b"?"),
            END,
        ],
        101,
        ["early", "a", "b"],
        1000,
    ),
    "tasks": ([to("/tasks"), frame(TEXT, b"a"), frame(TEXT, b"b"), END], 101, ["a", "b"], 1000),
    "closing": ([to("/closing") + frame(TEXT, b"a"), END], 101, [bytes(LARGE)], 4000),
    "denied": ([to("/denied")], 403, [], 0),
    "page": ([to("/page")], 401, [PAGE], 0),
    "left": ([to("/echo") + frame(TEXT, b"good"), frame(TEXT)[:1]], 101, ["good"], 1006),
}


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Do what a path says."""
    assert (await receive())["type"] == "websocket.connect"
    await {"/echo": echo, "/tasks": talk, "/closing": close, "/denied": deny, "/page": refuse}[
        scope["path"]
    ](receive, send)


async def echo(receive: Receive, send: Send) -> None:
    """Send back what comes."""
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        await send({**message, "type": "websocket.send"})


async def talk(receive: Receive, send: Send) -> None:
    """Receive in one task and send in another, as Quart does."""
    to_send, received = trio.open_memory_channel[Message](1)

    async def gather() -> None:
        while (message := await receive())["type"] == "websocket.receive":
            await to_send.send(message)
        nursery.cancel_scope.cancel()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(gather)
        await send({"type": "websocket.accept"})
        async for message in received:
            await send({**message, "type": "websocket.send"})


async def close(receive: Receive, send: Send) -> None:
    """Send much, close, and wait for the end."""
    await send({"type": "websocket.accept"})
    await receive()
    await send({"type": "websocket.send", "bytes": bytes(LARGE)})
    await send({"type": "websocket.close", "code": 4000})
    await receive()


async def deny(receive: Receive, send: Send) -> None:
    """Refuse the WebSocket, and look who is there."""
    await send({"type": "websocket.close"})
    await receive()


async def refuse(receive: Receive, send: Send) -> None:
    """Refuse the WebSocket by a page."""
    await send({"type": "websocket.http.response.start", "status": 401})
    for _ in range(2):
        body = PAGE[: len(PAGE) // 2]
        await send({"type": "websocket.http.response.body", "body": body, "more_body": True})
        await trio.sleep(0.001)
    await send({"type": "websocket.http.response.body", "body": b""})


def new_state() -> ServerState:
    """Return the state of a server of the app."""
    return served(app=hump_of(app))


def read(sent: bytes) -> tuple[int, list[str | bytes], int, bool]:
    """Return status, messages or body, and code of what was sent; and whether it is cut."""
    head, _, rest = sent.partition(b"\r\n\r\n")
    if not rest and b"\r\n\r\n" not in sent:
        return 0, [], 0, bool(sent)
    status = int(head.split(b" ")[1])
    if status != 101:
        length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
        return status, [rest] if status == 401 else [], 0, len(rest) < length
    frames = AppFrames()
    messages: list[str | bytes] = [
        payload for kind, payload in frames.feed(rest) if kind == "message"
    ]
    return status, messages, frames.close_code or 1006, bool(frames._unread or frames._message)


@pytest.mark.parametrize("name", SCENES)
async def test_a_scene_that_nothing_cuts(name: str, autojump_clock: MockClock) -> None:
    """Each client has its answers: the scenes are what they look like."""
    state, (parts, *expected) = new_state(), SCENES[name]
    tapped = await serve_struck(state, parts, "step", Countdown(math.inf), STRIKES[0])
    assert read(bytes(tapped.sent)) == (*expected, False)
    assert len(tapped.closings) == 1
    assert (state.websocket_count, state.request_count, state.buffered_bytes) == (0, 0, 0)


@pytest.mark.parametrize("moment", ["before", "after", "step"])
@pytest.mark.parametrize("strike", STRIKES)
@pytest.mark.parametrize("name", SCENES)
async def test_a_websocket_cut_anywhere_ends_well(
    name: str,
    strike: Strike,
    moment: Moment,
    autojump_clock: MockClock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """See this module; each scene is cut at its n-th call or wait, for every n."""
    parts, status, answers, _ = SCENES[name]
    for nth in count(1):
        state, countdown = new_state(), Countdown(nth)
        tapped = await serve_struck(state, parts, moment, countdown, strike)
        assert tapped.closings in (["close"], ["reset"], ["reset", "close"])
        told, messages, code, cut = read(bytes(tapped.sent))
        if told in (101, 401, 403) and not (told != 101 and cut):
            assert (told, messages) == (status, answers[: len(messages)])
        if cut and code in (0, 1006) and strike.__name__ not in ("break_off", "leave"):
            assert tapped.closings[0] == "reset"
        counted = (state.request_count, state.buffered_bytes, state.websocket_count)
        assert counted == (0, 0, 0)
        if countdown.left > 0:
            break
    assert not [each for each in caplog.records if each.levelno >= logging.ERROR]
