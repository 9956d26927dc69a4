"""Frames that nobody may send end the connection, and those that mean nothing are passed over.

Each row has its section of RFC 9113.
"""

import struct
from collections.abc import Callable
from typing import TypeAlias

import pytest
from hyperframe.frame import PingFrame
from trio.testing import MockClock

from hump_trio.http2.failures import ErrorCode
from tests.support.framed_app import Framed
from tests.support.frames import (
    ACK,
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    GOAWAY,
    HEADERS,
    PADDED,
    PING,
    PRIORITY,
    PRIORITY_UPDATE,
    PUSH_PROMISE,
    RST_STREAM,
    SETTINGS,
    UNKNOWN,
    WINDOW_UPDATE,
    WITH_PRIORITY,
    Peer,
    data,
    frame,
    ping,
    priority,
    reset,
    settings,
    speak,
    window_update,
)

Build: TypeAlias = Callable[[Peer], list[bytes]]

TOO_LONG = bytes(16_385)
PROTOCOL, SIZE = ErrorCode.PROTOCOL_ERROR, ErrorCode.FRAME_SIZE_ERROR

FATAL: list[tuple[str, Build, ErrorCode]] = [
    ("4.2 DATA too long", lambda p: [p.head(1, end=False), data(1, TOO_LONG)], SIZE),
    ("4.2 HEADERS too long", lambda p: [frame(HEADERS, END_HEADERS, 1, TOO_LONG)], SIZE),
    ("4.2 CONTINUATION too long", lambda p: [
        frame(HEADERS, 0, 1, p.block()), frame(CONTINUATION, END_HEADERS, 1, TOO_LONG)
    ], SIZE),
    ("4.2 SETTINGS too long", lambda p: [frame(SETTINGS, 0, 0, bytes(6 * 2731))], SIZE),
    ("4.2 an unknown frame too long", lambda p: [frame(UNKNOWN, 0, 0, TOO_LONG)], SIZE),
    ("4.2 the header of a long frame", lambda p: [b"\xff\xff\xff" + data(1)[3:]], SIZE),
    ("5.5 an unknown frame in a header block", lambda p: [
        frame(HEADERS, 0, 1, p.block()), frame(UNKNOWN, 0, 0, b"x")
    ], PROTOCOL),
    ("6.1 DATA on the connection", lambda p: [data(0, b"x")], PROTOCOL),
    ("6.1 DATA all padding and more", lambda p: [
        p.head(1, end=False), frame(DATA, PADDED, 1, b"\x02x")
    ], PROTOCOL),
    ("6.1 DATA with as much padding as payload", lambda p: [
        p.head(1, end=False), frame(DATA, PADDED, 1, b"\x05pads")
    ], PROTOCOL),
    ("6.2 HEADERS on the connection", lambda p: [
        frame(HEADERS, END_HEADERS | END_STREAM, 0, p.block())
    ], PROTOCOL),
    ("6.2 HEADERS all padding and more", lambda p: [
        frame(HEADERS, PADDED | END_HEADERS, 1, b"\xff" + p.block())
    ], PROTOCOL),
    ("6.2 HEADERS too short for a priority", lambda p: [
        frame(HEADERS, WITH_PRIORITY | END_HEADERS, 1, b"\0\0\0\0")
    ], SIZE),
    ("6.2 HEADERS, then a PRIORITY", lambda p: [
        frame(HEADERS, 0, 1, p.block()), priority(1)
    ], PROTOCOL),
    ("6.2 HEADERS, then those of another stream", lambda p: [
        frame(HEADERS, 0, 1, p.block()), p.head(3)
    ], PROTOCOL),
    ("6.2 HEADERS twice", lambda p: [
        frame(HEADERS, 0, 1, p.block()), frame(HEADERS, END_HEADERS, 1)
    ], PROTOCOL),
    ("6.2 HEADERS, then DATA", lambda p: [frame(HEADERS, 0, 1, p.block()), data(1)], PROTOCOL),
    ("6.2 HEADERS, then a PING", lambda p: [frame(HEADERS, 0, 1, p.block()), ping()], PROTOCOL),
    ("6.2 HEADERS, then SETTINGS", lambda p: [
        frame(HEADERS, 0, 1, p.block()), settings()
    ], PROTOCOL),
    ("6.3 PRIORITY on the connection", lambda p: [priority(0)], PROTOCOL),
    ("6.4 RST_STREAM on the connection", lambda p: [reset(0)], PROTOCOL),
    ("6.4 RST_STREAM on an idle stream", lambda p: [reset(1)], PROTOCOL),
    ("6.4 RST_STREAM too short", lambda p: [
        p.head(1, end=False), frame(RST_STREAM, 0, 1, b"\0\0\0")
    ], SIZE),
    ("6.4 RST_STREAM too long", lambda p: [
        p.head(1, end=False), frame(RST_STREAM, 0, 1, bytes(5))
    ], SIZE),
    ("6.5 SETTINGS acknowledged with a payload", lambda p: [
        frame(SETTINGS, ACK, 0, bytes(6))
    ], SIZE),
    ("6.5 SETTINGS on a stream", lambda p: [frame(SETTINGS, 0, 1)], PROTOCOL),
    ("6.5 SETTINGS cut", lambda p: [frame(SETTINGS, 0, 0, bytes(5))], SIZE),
    ("6.6 PUSH_PROMISE", lambda p: [
        p.head(1, end=False),
        frame(PUSH_PROMISE, END_HEADERS, 1, struct.pack(">I", 2) + p.block()),
    ], PROTOCOL),
    ("6.6 PUSH_PROMISE on an idle stream", lambda p: [
        frame(PUSH_PROMISE, END_HEADERS, 1, struct.pack(">I", 2) + p.block())
    ], PROTOCOL),
    ("6.7 PING on a stream", lambda p: [frame(PING, 0, 1, bytes(8))], PROTOCOL),
    ("6.7 PING too short", lambda p: [ping(b"1234567")], SIZE),
    ("6.7 PING too long", lambda p: [ping(b"123456789")], SIZE),
    ("6.7 PING empty", lambda p: [ping(b"")], SIZE),
    ("6.8 GOAWAY on a stream", lambda p: [frame(GOAWAY, 0, 1, bytes(8))], PROTOCOL),
    ("6.8 GOAWAY too short", lambda p: [frame(GOAWAY, 0, 0, bytes(7))], SIZE),
    ("6.9 WINDOW_UPDATE too short", lambda p: [frame(WINDOW_UPDATE, 0, 0, b"\0\0\1")], SIZE),
    ("6.9 WINDOW_UPDATE too long", lambda p: [frame(WINDOW_UPDATE, 0, 0, bytes(5))], SIZE),
    ("6.9 WINDOW_UPDATE too short, on a stream", lambda p: [
        p.head(1, end=False), frame(WINDOW_UPDATE, 0, 1, b"\0\0\1")
    ], SIZE),
    ("6.9 WINDOW_UPDATE of nothing", lambda p: [window_update(0, 0)], PROTOCOL),
    ("6.9 WINDOW_UPDATE on an idle stream", lambda p: [window_update(1, 1)], PROTOCOL),
    ("6.10 CONTINUATION on the connection", lambda p: [
        frame(HEADERS, 0, 1, p.block()), frame(CONTINUATION, END_HEADERS, 0)
    ], PROTOCOL),
    ("6.10 CONTINUATION on another stream", lambda p: [
        frame(HEADERS, 0, 1, p.block()), frame(CONTINUATION, END_HEADERS, 3)
    ], PROTOCOL),
    ("6.10 CONTINUATION of nothing", lambda p: [frame(CONTINUATION, END_HEADERS, 1)], PROTOCOL),
    ("6.10 CONTINUATION of whole HEADERS", lambda p: [
        p.head(1, end=False), frame(CONTINUATION, END_HEADERS, 1)
    ], PROTOCOL),
    ("6.10 CONTINUATION of a whole CONTINUATION", lambda p: [
        frame(HEADERS, 0, 1, p.block()),
        frame(CONTINUATION, END_HEADERS, 1),
        frame(CONTINUATION, END_HEADERS, 1),
    ], PROTOCOL),
    ("6.10 CONTINUATION after DATA", lambda p: [
        p.head(1, end=False), data(1, b"x"), frame(CONTINUATION, END_HEADERS, 1)
    ], PROTOCOL),
    ("6.10 CONTINUATION and another frame", lambda p: [
        frame(HEADERS, 0, 1, p.block()), frame(CONTINUATION, 0, 1), data(1)
    ], PROTOCOL),
    ("9218 7.1 PRIORITY_UPDATE on a stream", lambda p: [
        frame(PRIORITY_UPDATE, 0, 1, struct.pack(">I", 1) + b"u=1")
    ], PROTOCOL),
    ("9218 7.1 PRIORITY_UPDATE of the connection", lambda p: [
        frame(PRIORITY_UPDATE, 0, 0, struct.pack(">I", 0) + b"u=1")
    ], PROTOCOL),
    ("9218 7.1 PRIORITY_UPDATE too short", lambda p: [
        frame(PRIORITY_UPDATE, 0, 0, b"\0\0\1")
    ], SIZE),
]  # fmt: skip

HARMLESS: list[tuple[str, Build]] = [
    ("4.1 an unknown frame", lambda p: [frame(UNKNOWN, 0xFF, 0, b"x")]),
    ("4.1 an unknown frame on an idle stream", lambda p: [frame(UNKNOWN, 0, 1, b"x")]),
    ("4.1 an unknown frame on an open stream", lambda p: [
        p.head(1, method="POST", end=False), frame(UNKNOWN, 0, 1, b"x"), data(1, end=True)
    ]),
    ("4.1 unknown flags", lambda p: [frame(PING, 0xFE, 0, bytes(8))]),
    ("4.1 unknown flags of HEADERS", lambda p: [
        frame(HEADERS, END_HEADERS | END_STREAM | 0x52, 1, p.block())
    ]),
    ("4.1 the reserved bit", lambda p: [frame(PING, 0, 2**31, bytes(8))]),
    ("4.1 the reserved bit of HEADERS", lambda p: [p.head(2**31 + 1)]),
    ("6.1 DATA padded", lambda p: [
        p.head(1, method="POST", end=False),
        frame(DATA, PADDED | END_STREAM, 1, b"\x03abc" + bytes(3)),
    ]),
    ("6.1 DATA of padding alone", lambda p: [
        p.head(1, method="POST", end=False), frame(DATA, PADDED | END_STREAM, 1, b"\x03" + bytes(3))
    ]),
    ("6.2 HEADERS padded", lambda p: [
        frame(HEADERS, PADDED | END_HEADERS | END_STREAM, 1, b"\x05" + p.block() + bytes(5))
    ]),
    ("6.2 HEADERS with a priority", lambda p: [
        frame(HEADERS, WITH_PRIORITY | END_HEADERS | END_STREAM, 1, bytes(5) + p.block())
    ]),
    ("6.2 HEADERS with a priority, padded", lambda p: [
        frame(
            HEADERS,
            PADDED | WITH_PRIORITY | END_HEADERS | END_STREAM,
            1,
            b"\x02" + struct.pack(">IB", 2**31 + 3, 255) + p.block() + bytes(2),
        )
    ]),
    ("6.3 PRIORITY on an idle stream", lambda p: [priority(1), priority(9, 1)]),
    ("6.3 PRIORITY on a closed stream", lambda p: [p.head(1), priority(1)]),
    ("6.4 RST_STREAM of an unknown code", lambda p: [p.head(1, end=False), reset(1, 0xBEEF)]),
    ("6.5 SETTINGS empty", lambda p: [settings()]),
    ("6.5 SETTINGS acknowledged once more", lambda p: [frame(SETTINGS, ACK)]),
    ("6.5 SETTINGS unknown", lambda p: [settings((0xFF, 1), (0, 7))]),
    ("6.7 PING acknowledged that nobody sent", lambda p: [ping(ack=True)]),
    ("6.9 WINDOW_UPDATE", lambda p: [window_update(0, 1)]),
    ("6.9 WINDOW_UPDATE on a closed stream", lambda p: [p.head(1), window_update(1, 1)]),
    ("6.9 WINDOW_UPDATE with the reserved bit", lambda p: [window_update(0, 2**31 + 1)]),
    ("6.10 CONTINUATION", lambda p: [
        frame(HEADERS, END_STREAM, 1, p.block()), frame(CONTINUATION, END_HEADERS, 1)
    ]),
    ("6.10 HEADERS empty, and the block behind it", lambda p: [
        frame(HEADERS, END_STREAM, 1), frame(CONTINUATION, END_HEADERS, 1, p.block())
    ]),
    ("9218 7.1 PRIORITY_UPDATE", lambda p: [
        frame(PRIORITY_UPDATE, 0, 0, struct.pack(">I", 1) + b"u=1, i"), p.head(1)
    ]),
    ("9218 7.1 PRIORITY_UPDATE that says nothing", lambda p: [
        frame(PRIORITY_UPDATE, 0, 0, struct.pack(">I", 1) + b"?"), p.head(1)
    ]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("build", "code"), [row[1:] for row in FATAL], ids=[row[0] for row in FATAL]
)
async def test_a_wrong_frame_ends_the_connection(
    build: Build, code: ErrorCode, autojump_clock: MockClock
) -> None:
    """With a GOAWAY that says why, after which nothing is read; no handler hears of it."""
    framed = Framed()
    async with speak(framed.app) as peer:
        await peer.send(*build(peer))
        await peer.expect_goaway(code)
    assert not framed.seen


@pytest.mark.parametrize("build", [row[1] for row in HARMLESS], ids=[row[0] for row in HARMLESS])
async def test_what_means_nothing_is_passed_over(build: Build, autojump_clock: MockClock) -> None:
    """The connection goes on, and so does a request."""
    async with speak(Framed().app) as peer:
        await peer.send(*build(peer))
        await peer.expect_open()
        assert (await peer.ask(101)).text == "hello"
        assert all((each.status, each.ended) == (200, True) for each in peer.answers.values())


async def test_a_frame_of_the_longest_length_is_taken(autojump_clock: MockClock) -> None:
    """As RFC 9113 section 4.2 asks of everybody: 16,384 bytes, of any type."""
    async with speak(Framed().app) as peer:
        longest = b"x" * 16_384
        await peer.send(frame(UNKNOWN, 0, 0, longest), frame(UNKNOWN, 0, 1, longest))
        await peer.send(peer.head(1, method="POST", end=False), data(1, longest, end=True))
        assert longest.decode() in (await peer.answer(1)).text


async def test_frames_come_byte_by_byte(autojump_clock: MockClock) -> None:
    """Where they are cut means nothing."""
    async with speak(Framed().app) as peer:
        block = peer.block(method="POST")
        sent = frame(HEADERS, 0, 1, block[:3]) + frame(CONTINUATION, END_HEADERS, 1, block[3:])
        sent += data(1, b"abc") + ping() + window_update(0, 5) + data(1, b"def", end=True)
        for byte in sent:
            await peer.send(bytes([byte]))
            await peer.frames()
        assert "abcdef" in (await peer.answer(1)).text


async def test_a_ping_is_answered_by_the_same(autojump_clock: MockClock) -> None:
    """Each with its own payload, and one that is an answer isn't (RFC 9113 section 6.7)."""
    async with speak(Framed().app) as peer:
        await peer.send(ping(b"first..."), ping(b"answered", ack=True), ping(b"second.."))
        answers = [each for each in await peer.frames() if isinstance(each, PingFrame)]
    assert all("ACK" in each.flags for each in answers)
    assert [each.opaque_data for each in answers] == [b"first...", b"second.."]


@pytest.mark.parametrize("length", [1, 4, 6])
async def test_a_priority_of_another_length_is_the_streams_error(
    length: int, autojump_clock: MockClock
) -> None:
    """Or the connection's, which ends then (RFC 9113 section 6.3)."""
    async with speak(Framed().app) as peer:
        await peer.send(peer.head(1, end=False), frame(PRIORITY, 0, 1, bytes(length)))
        await peer.expect_error(1, SIZE)


async def test_nothing_is_answered_after_a_goaway(autojump_clock: MockClock) -> None:
    """Requests behind what was wrong reach nobody."""
    framed = Framed()
    async with speak(framed.app) as peer:
        await peer.send(peer.head(1, path="/wait"), ping(b""), peer.head(3))
        await peer.expect_goaway(SIZE)
    assert framed.seen in (["/wait"], [])
