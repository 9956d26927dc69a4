"""Apps of ASGI on a connection that is cut at every call and every wait, over both protocols.

Each works on behind its answer for so long that others serve what comes next meanwhile. Whatever is
cut where: no half of an answer looks whole, the connection is closed once, what was counted is
given back, and work behind an answer that was given comes to its end, unless the server itself
ends.
"""

import math
from collections import Counter
from functools import cache

import hpack
import pytest
import trio
from trio.testing import MockClock

from hump_trio import Timeouts
from hump_trio.server.state import ServerState
from tests.support.asgi_apps import Receive, Scope, Send, answer, hump_of, part, start
from tests.support.frames import PREFACE, data, frame, settings, window_update
from tests.support.served import served, served_anew
from tests.support.struck import Countdown, TappedTransport
from tests.support.struck_streams import (
    STRIKES,
    Moment,
    Scene,
    Strike,
    cut_anywhere,
    each_cut,
    serve_struck,
)
from tests.support.wire import parse_answers, request

pytestmark = pytest.mark.plain_only("over TLS a protocol is agreed on before any byte")

LARGE = b"x" * 100_000
work: Counter[str] = Counter()  # that has begun behind an answer, and that has ended


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Do what a path says, and work on."""
    await {"/": answer_at_once, "/parts": answer_in_parts, "/tasks": listen_meanwhile}[
        scope["path"]
    ](receive, send)
    work["begun"] += 1
    await trio.sleep(0.05)
    work["ended"] += 1


async def answer_at_once(receive: Receive, send: Send) -> None:
    """Receive all of the body, and answer in one call."""
    while (await receive())["more_body"]:
        pass
    await answer(send, b"tea")


async def answer_in_parts(receive: Receive, send: Send) -> None:
    """Answer with more than a connection in memory holds, before the body is here."""
    await send(start())
    await send(part(LARGE, more=True))
    await trio.lowlevel.checkpoint()
    await send(part(b"tea"))


async def listen_meanwhile(receive: Receive, send: Send) -> None:
    """Answer in one task, and receive in another one until nobody waits any more."""

    async def listen() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        nursery.cancel_scope.cancel()

    answered = False
    async with trio.open_nursery() as nursery:
        nursery.start_soon(listen)
        await trio.sleep(0.015)
        await send(start())
        await send(part(b"tea", more=True))
        await send(part())
        answered = True
    if not answered:
        raise OSError("the client has left")


TEA, LONG = b"tea", LARGE + b"tea"
POST = request("POST", "/", "Content-Length: 6")
# What a client sends by HTTP/1.1, and the bodies of its answers.
SCENES: dict[str, tuple[list[bytes], list[bytes]]] = {
    "at-once": ([request("GET") * 2, request("GET")], [TEA] * 3),
    "body": ([POST + b"abc", b"def" + request("GET")], [TEA] * 2),
    "parts": ([request("GET", "/parts"), request("GET")], [LONG, TEA]),
    "unread": ([request("POST", "/parts", "Content-Length: 3"), b"a", b"bc"], [LONG]),
    "tasks": ([request("POST", "/tasks", body=b"abc"), request("GET")], [TEA] * 2),
    "last": ([request("GET", "/", "Connection: close")], [TEA]),
}
GREETING = PREFACE + settings(initial_window_size=2**20) + window_update(0, 2**20)


def ask(stream_id: int, path: str = "/", method: str = "GET") -> bytes:
    """Return the head of a request by HTTP/2; a POST has a body."""
    pseudo = [(":method", method), (":scheme", "http"), (":authority", "a"), (":path", path)]
    block = hpack.Encoder().encode(pseudo)
    return frame(1, 0x4 if method == "POST" else 0x5, stream_id, block)


STREAMS = {
    "at-once": Scene(
        [GREETING + ask(1) + ask(3), ask(5)], {1: (200, TEA), 3: (200, TEA), 5: (200, TEA)}
    ),
    "body": Scene(
        [GREETING + ask(1, "/", "POST") + data(1, b"abc"), data(1, b"def", end=True) + ask(3)],
        {1: (200, TEA), 3: (200, TEA)},
    ),
    "parts": Scene(
        [GREETING + ask(1, "/parts") + ask(3), ask(5, "/parts", "POST") + data(5, b"abc")],
        {1: (200, LONG), 3: (200, TEA), 5: (200, LONG)},
    ),
    "tasks": Scene(
        [GREETING + ask(1, "/tasks", "POST") + data(1, b"abc", end=True), ask(3, "/tasks")],
        {1: (200, TEA), 3: (200, TEA)},
    ),
}


@cache
def first_state() -> ServerState:
    """Return the state of a server of the app; nobody connects to it."""
    # Each sweep of an idle connection takes real time.
    return served(app=hump_of(app), timeouts=Timeouts(keep_alive=1))


def new_state() -> ServerState:
    """Return the state of a server of the app."""
    work.clear()
    return served_anew(first_state())


def judge(tapped: TappedTransport, name: str, *, whole: bool = False) -> None:
    """Judge what was sent by HTTP/1.1.

    Args:
        tapped: Where it was sent.
        name: That of the scene.
        whole: Whether nothing was struck.
    """
    assert len(tapped.closings) == 1, tapped.closings
    bodies = SCENES[name][1]
    answers = parse_answers(bytes(tapped.sent), *["GET"] * len(bodies), ended=False)
    for given, body in zip(answers, bodies, strict=False):
        if given.whole and given.status == 200:
            assert given.body == body
        elif not given.whole:
            assert tapped.closings == ["reset"], "half an answer doesn't look whole"
    if whole:
        assert [each.body for each in answers] == bodies


def judge_work(strike: Strike, moment: Moment, caplog: pytest.LogCaptureFixture) -> None:
    """Judge what has become of the work behind answers.

    It is cut with the server, and, which is logged, where the time of the answer has passed as it
    came to its end. No time passes within a call.
    """
    late = strike.__name__ in ("cut", "expire", "pass_deadline")
    if strike.__name__ not in ("cancel", "shut_down") and (moment == "step" or not late):
        cut = [each for each in caplog.messages if each.startswith("cut behind its answer")]
        assert work["ended"] + len(cut) == work["begun"]
        assert late or not cut
    caplog.clear()


@pytest.mark.parametrize("name", SCENES)
async def test_a_connection_that_nothing_cuts(name: str, autojump_clock: MockClock) -> None:
    """The scenes are what they look like, and all work comes to its end."""
    tapped = await serve_struck(
        new_state(), SCENES[name][0], "step", Countdown(math.inf), STRIKES[0]
    )
    judge(tapped, name, whole=True)
    assert work["ended"] == len(SCENES[name][1])


@pytest.mark.parametrize("name", STREAMS)
async def test_streams_that_nothing_cuts(name: str, autojump_clock: MockClock) -> None:
    """So they are side by side."""
    scene = STREAMS[name]
    tapped = await serve_struck(new_state(), scene.parts, "step", Countdown(math.inf), STRIKES[0])
    scene.judge(tapped, whole=True)
    assert work["ended"] == len(scene.answers)


@cut_anywhere(SCENES)
async def test_a_connection_cut_anywhere(
    name: str,
    strike: Strike,
    moment: Moment,
    autojump_clock: MockClock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """See this module."""
    async for _, tapped in each_cut(new_state, SCENES[name][0], moment, strike):
        judge(tapped, name)
        judge_work(strike, moment, caplog)


@cut_anywhere(STREAMS)
async def test_streams_cut_anywhere(
    name: str,
    strike: Strike,
    moment: Moment,
    autojump_clock: MockClock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """See this module."""
    scene = STREAMS[name]
    async for _, tapped in each_cut(new_state, scene.parts, moment, strike):
        scene.judge(tapped, whole=False)
        judge_work(strike, moment, caplog)
