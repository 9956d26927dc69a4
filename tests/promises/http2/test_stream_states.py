"""Which frames a stream takes in which state (RFC 9113 section 5.1), and how many there may be."""

from collections.abc import Awaitable, Callable
from typing import TypeAlias

import pytest
import trio
from trio.testing import MockClock

from hump_trio import Limits
from hump_trio.http2.failures import ErrorCode
from tests.support.framed_app import Framed
from tests.support.frames import (
    CONTINUATION,
    END_HEADERS,
    PRIORITY,
    Peer,
    data,
    frame,
    priority,
    reset,
    speak,
    window_update,
)

Build: TypeAlias = Callable[[Peer], list[bytes]]
State: TypeAlias = Callable[[Peer], Awaitable[None]]

PROTOCOL, CLOSED = ErrorCode.PROTOCOL_ERROR, ErrorCode.STREAM_CLOSED


async def half_closed(peer: Peer) -> None:
    """Let a request of stream 1 be handled, whose client has sent all of it."""
    await peer.send(peer.head(1, path="/wait"))


async def answered(peer: Peer) -> None:
    """Let stream 1 end by an answer."""
    assert (await peer.ask(1)).ended


async def left(peer: Peer) -> None:
    """Let stream 1 be reset by its client."""
    await peer.send(peer.head(1, path="/unread", method="POST", end=False))
    await peer.frames()
    await peer.send(reset(1))
    await peer.frames()


async def refused(peer: Peer) -> None:
    """Let stream 1 be reset by the server, which its client doesn't know yet."""
    await peer.send(peer.head(1, ("Upper", "case"), method="POST", end=False))
    assert (await peer.answer(1)).reset == PROTOCOL


async def idle(peer: Peer) -> None:
    """Let stream 1 be one that nobody has begun."""


def trailers(peer: Peer, *, end: bool = True) -> bytes:
    """Return trailers of stream 1."""
    return peer.heads(1, peer.encoder.encode([("x", "y")]), end=end)


# In which state, what is sent, with which codes the stream ends or the connection does.
WRONG: list[tuple[str, State, Build, tuple[ErrorCode, ...], str]] = [
    ("idle: DATA", idle, lambda p: [data(1, b"x")], (PROTOCOL,), "connection"),
    ("idle: RST_STREAM", idle, lambda p: [reset(1)], (PROTOCOL,), "connection"),
    ("idle: WINDOW_UPDATE", idle, lambda p: [window_update(1, 1)], (PROTOCOL,), "connection"),
    ("idle: CONTINUATION", idle, lambda p: [frame(CONTINUATION, 4, 1)], (PROTOCOL,), "connection"),
    ("idle: PRIORITY that depends on itself", idle, lambda p: [
        priority(1, 1)
    ], (PROTOCOL,), "connection"),
    ("idle: PRIORITY too short", idle, lambda p: [
        frame(PRIORITY, 0, 1, bytes(4))
    ], (ErrorCode.FRAME_SIZE_ERROR,), "connection"),
    ("half-closed: DATA", half_closed, lambda p: [data(1, b"x")], (CLOSED,), "stream"),
    ("half-closed: empty DATA", half_closed, lambda p: [data(1, end=True)], (CLOSED,), "stream"),
    ("half-closed: HEADERS", half_closed, lambda p: [trailers(p)], (CLOSED,), "stream"),
    ("half-closed: another head", half_closed, lambda p: [p.head(1)], (CLOSED,), "stream"),
    ("half-closed: CONTINUATION", half_closed, lambda p: [
        frame(CONTINUATION, END_HEADERS, 1, p.block())
    ], (PROTOCOL, CLOSED), "connection"),
    ("left: DATA", left, lambda p: [data(1, b"x")], (CLOSED,), "either"),
    ("left: HEADERS", left, lambda p: [trailers(p)], (CLOSED,), "either"),
    ("left: CONTINUATION", left, lambda p: [
        frame(CONTINUATION, END_HEADERS, 1, p.block())
    ], (PROTOCOL, CLOSED), "connection"),
    ("answered: DATA", answered, lambda p: [data(1, b"x")], (CLOSED,), "either"),
    ("answered: HEADERS", answered, lambda p: [p.head(1)], (CLOSED,), "connection"),
    ("answered: CONTINUATION", answered, lambda p: [
        frame(CONTINUATION, END_HEADERS, 1, p.block())
    ], (PROTOCOL, CLOSED), "connection"),
    ("5.1.1 an even number", idle, lambda p: [p.head(2)], (PROTOCOL,), "connection"),
    ("5.1.1 a number that was passed over", idle, lambda p: [
        p.head(5), p.head(3)
    ], (PROTOCOL,), "connection"),
    ("5.3.1 HEADERS that depend on themselves", idle, lambda p: [
        frame(1, 0x25, 1, b"\0\0\0\1\x0f" + p.block())
    ], (PROTOCOL,), "stream"),
    ("5.3.1 a PRIORITY that depends on itself", half_closed, lambda p: [
        priority(1, 1)
    ], (PROTOCOL,), "stream"),
    ("6.9 WINDOW_UPDATE of nothing", half_closed, lambda p: [
        window_update(1, 0)
    ], (PROTOCOL,), "stream"),
    ("8.1 a second head that isn't the end", idle, lambda p: [
        p.head(1, method="POST", end=False), trailers(p, end=False)
    ], (PROTOCOL,), "stream"),
]  # fmt: skip

# What may come in a state, and what comes of it: nothing.
ALLOWED: list[tuple[str, State, Build]] = [
    ("half-closed: PRIORITY", half_closed, lambda p: [priority(1)]),
    ("half-closed: WINDOW_UPDATE", half_closed, lambda p: [window_update(1, 1)]),
    ("answered: PRIORITY", answered, lambda p: [priority(1)]),
    ("answered: WINDOW_UPDATE", answered, lambda p: [window_update(1, 1)]),
    ("answered: RST_STREAM", answered, lambda p: [reset(1)]),
    ("left: PRIORITY", left, lambda p: [priority(1)]),
    ("left: WINDOW_UPDATE", left, lambda p: [window_update(1, 1)]),
    ("left: RST_STREAM", left, lambda p: [reset(1)]),
    ("refused: DATA", refused, lambda p: [data(1, b"x"), data(1, b"y", end=True)]),
    ("refused: trailers", refused, lambda p: [trailers(p)]),
    ("refused: WINDOW_UPDATE", refused, lambda p: [window_update(1, 1)]),
    ("refused: RST_STREAM", refused, lambda p: [reset(1)]),
    ("refused: PRIORITY", refused, lambda p: [priority(1)]),
    ("refused: PRIORITY that depends on itself", refused, lambda p: [priority(1, 1)]),
    ("refused: PRIORITY too short", refused, lambda p: [frame(PRIORITY, 0, 1, bytes(4))]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("state", "build", "codes", "what"), [row[1:] for row in WRONG], ids=[row[0] for row in WRONG]
)
async def test_what_a_stream_does_not_take(
    state: State,
    build: Build,
    codes: tuple[ErrorCode, ...],
    what: str,
    autojump_clock: MockClock,
) -> None:
    """It ends, or all of them do, as section 5.1 says; a handler of it is cancelled."""
    framed = Framed()
    async with speak(framed.app) as peer:
        await state(peer)
        await peer.send(*build(peer))
        if what == "connection":
            await peer.expect_goaway(*codes)
        elif what == "stream":
            await peer.expect_reset(1, *codes)
            assert (await peer.ask(101)).text == "hello"
        else:
            await peer.expect_error(1, *codes)
        assert framed.running == 0


@pytest.mark.parametrize(
    ("state", "build"), [row[1:] for row in ALLOWED], ids=[row[0] for row in ALLOWED]
)
async def test_what_a_stream_takes(state: State, build: Build, autojump_clock: MockClock) -> None:
    """Also what was on its way when the stream ended: nothing comes of it, and all goes on."""
    async with speak(Framed().app) as peer:
        await state(peer)
        before = peer.answers[1].reset
        await peer.send(*build(peer))
        await peer.expect_open()
        assert peer.answers[1].reset == before
        assert (await peer.ask(101)).text == "hello"


async def test_numbers_may_be_passed_over(autojump_clock: MockClock) -> None:
    """They only have to rise (RFC 9113 section 5.1.1)."""
    async with speak(Framed().app) as peer:
        for stream_id in (1, 7, 9, 2**30 - 1):
            assert (await peer.ask(stream_id)).text == "hello"


async def test_one_stream_more_than_was_agreed_on_is_refused(autojump_clock: MockClock) -> None:
    """With the code that says that it can be tried again; as soon as one ends another begins."""
    framed = Framed(Limits(streams=5))
    async with speak(framed.app) as peer:
        assert peer.settings[3] == 5
        await peer.send(*(peer.head(2 * n + 1, path="/wait") for n in range(5)))
        await peer.send(peer.head(11, path="/large"))
        await peer.expect_reset(11, ErrorCode.REFUSED_STREAM)
        await peer.send(reset(3))
        await peer.frames()
        assert (await peer.ask(13)).text == "hello"
        assert len(framed.seen) == 6
        assert "/large" not in framed.seen


async def test_a_refused_stream_changes_the_table(autojump_clock: MockClock) -> None:
    """Its fields are decoded all the same, or what follows would be misread."""
    framed = Framed(Limits(streams=1))
    async with speak(framed.app) as peer:
        await peer.send(peer.head(1, path="/wait"))
        await peer.send(peer.head(3, ("x-first", "kept")))
        await peer.expect_reset(3, ErrorCode.REFUSED_STREAM)
        await peer.send(reset(1))
        await peer.frames()
        answer = await peer.ask(5, ("x-first", "kept"), path="/head")
        assert '["x-first","kept"]' in answer.text.replace(" ", "")


async def test_answers_come_in_any_order(autojump_clock: MockClock) -> None:
    """A slow one holds up no other."""
    async with speak(Framed().app) as peer:
        await peer.send(peer.head(1, path="/pause"), peer.head(3), peer.head(5))
        await peer.frames()
        assert [peer.answers[n].ended for n in (1, 3, 5)] == [False, True, True]
        await trio.sleep(1.5)
        assert (await peer.answer(1)).text == "paused"


async def test_a_reset_cancels_the_handler_at_once(autojump_clock: MockClock) -> None:
    """It is told that its client has gone; the others go on."""
    framed = Framed()
    async with speak(framed.app) as peer:
        await peer.send(peer.head(1, path="/wait"), peer.head(3, path="/pause"))
        await peer.frames()
        before = trio.current_time()
        await peer.send(reset(1))
        await peer.frames()
        assert framed.cancelled == [("/wait", "client-gone")]
        assert trio.current_time() == before
        await trio.sleep(1.5)
        assert (await peer.answer(3)).text == "paused"
        assert peer.answers[1].reset is None


async def test_the_end_of_a_body_comes_with_an_empty_frame(autojump_clock: MockClock) -> None:
    """Or with its last part, or with the head, or with trailers."""
    async with speak(Framed().app) as peer:
        for stream_id in (1, 3, 5):
            await peer.send(peer.head(stream_id, method="POST", end=False))
            await peer.send(data(stream_id, b"abc", end=stream_id == 3))
            if stream_id == 1:
                await peer.send(data(1, end=True))
            if stream_id == 5:
                await peer.send(peer.heads(5, peer.encoder.encode([("x-sum", "6")])))
            assert '"body":"abc"' in (await peer.answer(stream_id)).text.replace(" ", "")
        assert '["x-sum","6"]' in peer.answers[5].text.replace(" ", "")
        assert '"body":""' in (await peer.ask(7, method="POST")).text.replace(" ", "")
