"""A connection of HTTP/2 cut at every call and every wait of any of its tasks.

Whatever is cut where: the transport is closed once, no frame is cut on a connection that looks
whole, no request has two answers, no half of one has an end, no lane is left, what was counted is
given back, and the next connection is served.
"""

import logging
import math

import hpack
import pytest
from trio.testing import MockClock

from hump_trio.server.life import Life
from hump_trio.server.state import ServerState
from tests.support.frames import PREFACE, data, frame, ping, reset, settings, window_update
from tests.support.scenarios import new_state
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


def ask(stream_id: int, path: str = "/", method: str = "GET", *fields: tuple[str, str]) -> bytes:
    """Return the head of a request; a POST has a body."""
    pseudo = [(":method", method), (":scheme", "http"), (":authority", "a"), (":path", path)]
    block = hpack.Encoder().encode(pseudo + list(fields))
    return frame(1, 0x4 if method == "POST" else 0x5, stream_id, block)


OK, WAITED, NAPPED = (200, b""), (200, b"[1,2]"), (204, b"")
SCENES = {
    "plain": Scene([GREETING + ask(1) + ask(3) + ask(5)], {1: OK, 3: OK, 5: OK}),
    "apart": Scene([GREETING, ask(1), ask(3)[:5], ask(3)[5:] + ping()], {1: OK, 3: OK}),
    "waiting": Scene(
        [GREETING + ask(1, "/wait") + ask(3, "/wait") + ask(5) + ask(7, "/wait"), ask(9)],
        {1: WAITED, 3: WAITED, 5: OK, 7: WAITED, 9: OK},
    ),
    "naps": Scene(
        [GREETING, ask(1, "/nap"), ask(3, "/nap") + ask(5), ask(7, "/nap")],
        {1: NAPPED, 3: NAPPED, 5: OK, 7: NAPPED},
    ),
    "bodies": Scene(
        [
            GREETING + ask(1, "/", "POST") + data(1, b"whole", end=True),
            ask(3, "/upload", "POST") + ask(5, "/", "POST") + data(3, b"abc"),
            data(5, b"def", end=True) + data(3, b"defg", end=True),
        ],
        {1: (200, b"whole"), 3: (200, b"7"), 5: (200, b"def")},
    ),
    "both-ways": Scene(
        [GREETING + ask(1, "/echo", "POST") + data(1, b"abc"), data(1, b"def"), data(1, end=True)],
        {1: (200, b"abcdef")},
    ),
    "spoken": Scene(
        [
            GREETING + ask(1, "/spoken", "POST") + data(1, b"whole", end=True) + ask(3, "/begun"),
            ask(5, "/spoken-parts", "POST") + data(5, b"abc"),
            data(5, b"def", end=True) + ask(7),
        ],
        {1: (200, b"whole"), 3: (201, b"part"), 5: (200, b"abcdef"), 7: OK},
    ),
    "expect": Scene(
        [GREETING + ask(1, "/", "POST", ("expect", "100-continue")), data(1, b"abc", end=True)],
        {1: (200, b"abc")},
    ),
    "checked": Scene(
        [
            GREETING + ask(1, "/checked", "POST") + data(1, b"abc") + ask(3, "/checked", "POST"),
            data(3, b"whole", end=True) + data(1, b"def"),
            ask(5, "/checked", "POST", ("x-no", "1")) + data(5, b"abc") + data(1, end=True),
            ask(7),
        ],
        {1: (200, b"abcdef"), 3: (200, b"whole"), 7: OK},
    ),
    "large": Scene(
        [GREETING + ask(1, "/large") + ask(3, "/much") + ask(5, "/stream"), ask(7)],
        {1: (200, bytes(300_000)), 3: (200, b"x" * 60_000), 5: (200, b"part" * 3), 7: OK},
    ),
    "narrow": Scene(
        [
            PREFACE + settings(initial_window_size=4) + ask(1, "/stream") + ask(3, "/wait"),
            window_update(1, 5) + window_update(3, 1),
            window_update(1, 100),
        ],
        {1: (200, b"part" * 3), 3: WAITED},
    ),
    "unread": Scene(
        [GREETING + ask(1, "/nowhere", "POST") + data(1, b"x") + ask(3, "/error"), data(1, b"x")],
        {},
    ),
    "resets": Scene(
        [GREETING + ask(1, "/nap") + ask(3, "/wait") + reset(1) + ask(5), reset(3) + ask(7)],
        {5: OK, 7: OK},
    ),
    "malformed": Scene([GREETING + ask(1, "/", "GET", ("x", " ")) + ask(3)], {3: OK}),
    "failing": Scene([GREETING + ask(1, "/wait") + ask(3, "/nap"), frame(0, 0, 0, b"x")], {}),
}


async def check_following(state: ServerState) -> None:
    """Check that nothing is left of a connection, and that the next one is served."""
    assert (state.request_count, state.buffered_bytes, state.stream_count) == (0, 0, 0)
    state.life = Life.SERVING
    scene = SCENES["plain"]
    tapped = await serve_struck(state, scene.parts, "before", Countdown(math.inf), STRIKES[0])
    scene.judge(tapped, whole=True)


@pytest.mark.parametrize("name", SCENES)
async def test_a_scene_that_nothing_cuts(name: str, autojump_clock: MockClock) -> None:
    """Each answer is whole: the scenes are what they look like."""
    state = new_state()
    scene = SCENES[name]
    tapped = await serve_struck(state, scene.parts, "step", Countdown(math.inf), STRIKES[0])
    scene.judge(tapped, whole=True)
    await check_following(state)


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
    state = new_state()
    async for _, tapped in each_cut(lambda: state, scene.parts, moment, strike):
        scene.judge(tapped, whole=False)
    await check_following(state)
    assert not [each for each in caplog.records if each.levelno >= logging.ERROR]
