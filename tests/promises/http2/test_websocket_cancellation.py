"""A connection with WebSockets cut at every call and every wait of any of its tasks.

Whatever is cut where: the transport is closed once, no frame is cut on a connection that looks
whole, nothing follows the end or the reset of a stream, no lane is left, and what was counted is
given back.
"""

import logging
import math

import hpack
import pytest
from trio.testing import MockClock

from hump_trio import Hump, Request
from hump_trio.channels.websocket import WebSocket
from hump_trio.server.state import ServerState
from hump_trio.testing.app_frames import encode_client_frame
from tests.support.driven_session import read_frames
from tests.support.frames import PREFACE, data, frame, reset, settings, window_update
from tests.support.served import served
from tests.support.struck import Countdown
from tests.support.struck_streams import (
    STRIKES,
    Moment,
    Scene,
    Strike,
    cut_anywhere,
    each_cut,
    serve_struck,
)

pytestmark = pytest.mark.plain_only("over TLS a protocol is agreed on before any byte")

GREETING = PREFACE + settings(initial_window_size=2**20) + window_update(0, 2**20)
NARROW = PREFACE + settings(initial_window_size=10)


def new_state() -> ServerState:
    """Return the state of a server that says what it hears."""
    app = Hump()

    @app.websocket("/")
    async def echo(ws: WebSocket) -> None:
        async for message in ws:
            await ws.send(message)

    @app.get("/")
    async def index(request: Request) -> bytes:
        return b""

    return served(app=app, server="test")


def ask(stream_id: int, method: str = "CONNECT") -> bytes:
    """Return the head of a request for a WebSocket, or of a GET."""
    fields = [(":method", method), (":scheme", "http"), (":authority", "a"), (":path", "/")]
    if method == "CONNECT":
        fields += [(":protocol", "websocket"), ("sec-websocket-version", "13")]
    block = hpack.Encoder().encode(fields)
    return frame(1, 0x4 if method == "CONNECT" else 0x5, stream_id, block)


def said(stream_id: int, first_byte: int, payload: bytes = b"") -> bytes:
    """Return a frame of a WebSocket."""
    return data(stream_id, encode_client_frame(first_byte, payload))


TEXT, BINARY, CLOSE, PING = 0x81, 0x82, 0x88, 0x89
NORMAL = b"\x03\xe8"
SCENES = {
    "closed": Scene(
        [
            GREETING + ask(1) + said(1, TEXT, b"early"),
            said(1, TEXT, b"one") + said(1, PING, b"?") + ask(3, "GET"),
            said(1, CLOSE, NORMAL),
            data(1, end=True),
        ],
        {3: (200, b"")},
    ),
    "several": Scene(
        [
            GREETING + ask(1) + ask(3) + ask(5, "GET"),
            said(1, TEXT, b"one") + said(3, TEXT, b"two"),
            said(3, CLOSE, NORMAL) + reset(1) + ask(7, "GET"),
            data(3, end=True),
        ],
        {5: (200, b""), 7: (200, b"")},
    ),
    "narrow": Scene(
        [
            NARROW + ask(1) + said(1, BINARY, bytes(40)),
            window_update(1, 20) + said(1, TEXT, b"more"),
            window_update(1, 100) + said(1, CLOSE, NORMAL),
            window_update(1, 100) + data(1, end=True),
        ]
    ),
    "malformed": Scene([GREETING + ask(1), said(1, TEXT, b"good") + said(1, 0x83), data(1)]),
    "unclosed": Scene([GREETING + ask(1) + ask(3), said(1, TEXT, b"a") + data(3, end=True)]),
}

# The streams that have an end if nothing is cut.
ENDED = {"closed": {1, 3}, "several": {3, 5, 7}, "narrow": {1}, "malformed": {1}, "unclosed": set()}


@pytest.mark.parametrize("name", SCENES)
async def test_a_scene_that_nothing_cuts(name: str, autojump_clock: MockClock) -> None:
    """Each WebSocket is closed well that its client closes: the scenes are what they look like."""
    state, scene = new_state(), SCENES[name]
    tapped = await serve_struck(state, scene.parts, "step", Countdown(math.inf), STRIKES[0])
    scene.judge(tapped, whole=True)
    frames = read_frames(bytes(tapped.sent))
    ended = {each.stream_id for each in frames if each.type <= 1 and "END_STREAM" in each.flags}
    assert ended == ENDED[name]
    assert (state.websocket_count, state.stream_count, state.buffered_bytes) == (0, 0, 0)


@cut_anywhere(SCENES)
async def test_a_connection_cut_anywhere_ends_well(
    name: str,
    strike: Strike,
    moment: Moment,
    autojump_clock: MockClock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """See this module; each scene is cut at its n-th call or wait, for every n."""
    scene = SCENES[name]
    async for _, tapped in each_cut(new_state, scene.parts, moment, strike):
        scene.judge(tapped, whole=False)
    assert not [each for each in caplog.records if each.levelno >= logging.ERROR]
