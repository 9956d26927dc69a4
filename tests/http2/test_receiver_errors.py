"""What no client may send, by the sections of RFC 9113."""

import struct

import pytest

from hump_trio.facts.settings import Limits
from hump_trio.http2.failures import ErrorCode
from hump_trio.http2.session import LAST_ID
from hump_trio.http2.streams import STREAM_WINDOW_BYTES
from tests.support.driven_session import (
    BOTH,
    GET,
    DrivenSession,
    count_before_calm,
    fails,
    get,
    literal,
    post,
    priority_update,
)
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
    data,
    frame,
    ping,
    priority,
    reset,
    settings,
    window_update,
)


@pytest.mark.parametrize("first", [ping(), get(1), frame(SETTINGS, ACK), frame(UNKNOWN)])
def test_a_client_begins_with_settings(first: bytes) -> None:
    """Anything else is no HTTP/2 (section 3.4)."""
    fails(DrivenSession(greeted=False), ErrorCode.PROTOCOL_ERROR, first)


OPEN = post(1)


CASES: dict[str, tuple[ErrorCode, list[bytes]]] = {
    "data on stream 0 (6.1)": (ErrorCode.PROTOCOL_ERROR, [data(0, b"a")]),
    "data on an idle stream (5.1)": (ErrorCode.PROTOCOL_ERROR, [data(1, b"a")]),
    "data without its padding's length (6.1)": (
        ErrorCode.FRAME_SIZE_ERROR,
        [OPEN, frame(DATA, PADDED, 1)],
    ),
    "data of padding that is too long (6.1)": (
        ErrorCode.PROTOCOL_ERROR,
        [OPEN, frame(DATA, PADDED, 1, b"\x04abc")],
    ),
    "headers on stream 0 (6.2)": (ErrorCode.PROTOCOL_ERROR, [get(0)]),
    "headers on an even stream (5.1.1)": (ErrorCode.PROTOCOL_ERROR, [get(2)]),
    "headers of an earlier number (5.1.1)": (ErrorCode.PROTOCOL_ERROR, [get(5), get(3)]),
    "headers of padding that is too long (6.2)": (
        ErrorCode.PROTOCOL_ERROR,
        [frame(HEADERS, BOTH | PADDED, 1, b"\x07" + GET)],
    ),
    "headers without their priority (6.2)": (
        ErrorCode.FRAME_SIZE_ERROR,
        [frame(HEADERS, BOTH | WITH_PRIORITY, 1, b"\0\0\0\0")],
    ),
    "headers that can't be decoded (4.3)": (
        ErrorCode.COMPRESSION_ERROR,
        [frame(HEADERS, BOTH, 1, b"\x80")],
    ),
    "trailers that can't be decoded (4.3)": (
        ErrorCode.COMPRESSION_ERROR,
        [OPEN, frame(HEADERS, BOTH, 1, b"\x80")],
    ),
    "priority on stream 0 (6.3)": (ErrorCode.PROTOCOL_ERROR, [priority(0)]),
    "reset on stream 0 (6.4)": (ErrorCode.PROTOCOL_ERROR, [reset(0)]),
    "reset on an idle stream (6.4)": (ErrorCode.PROTOCOL_ERROR, [reset(1)]),
    "reset of a wrong length (6.4)": (
        ErrorCode.FRAME_SIZE_ERROR,
        [OPEN, frame(RST_STREAM, 0, 1, b"abc")],
    ),
    "settings on a stream (6.5)": (ErrorCode.PROTOCOL_ERROR, [OPEN, frame(SETTINGS, 0, 1)]),
    "settings of a wrong length (6.5)": (
        ErrorCode.FRAME_SIZE_ERROR,
        [frame(SETTINGS, 0, 0, b"abcde")],
    ),
    "settings with a confirmation (6.5)": (
        ErrorCode.FRAME_SIZE_ERROR,
        [frame(SETTINGS, ACK, 0, b"abcdef")],
    ),
    "push that is neither on nor off (6.5.2)": (
        ErrorCode.PROTOCOL_ERROR,
        [settings(enable_push=2)],
    ),
    "frames that are too short (6.5.2)": (
        ErrorCode.PROTOCOL_ERROR,
        [settings(max_frame_size=16_383)],
    ),
    "frames that are too long (6.5.2)": (
        ErrorCode.PROTOCOL_ERROR,
        [settings(max_frame_size=2**24)],
    ),
    "a window past all numbers (6.5.2)": (
        ErrorCode.FLOW_CONTROL_ERROR,
        [settings(initial_window_size=2**31)],
    ),
    "push promise (8.4)": (
        ErrorCode.PROTOCOL_ERROR,
        [OPEN, frame(PUSH_PROMISE, END_HEADERS, 1, b"\0\0\0\2" + GET)],
    ),
    "ping on a stream (6.7)": (ErrorCode.PROTOCOL_ERROR, [OPEN, frame(PING, 0, 1, bytes(8))]),
    "ping of a wrong length (6.7)": (ErrorCode.FRAME_SIZE_ERROR, [frame(PING, 0, 0, bytes(6))]),
    "goaway on a stream (6.8)": (ErrorCode.PROTOCOL_ERROR, [OPEN, frame(GOAWAY, 0, 1, bytes(8))]),
    "goaway that is too short (6.8)": (ErrorCode.FRAME_SIZE_ERROR, [frame(GOAWAY, 0, 0, bytes(7))]),
    "window update of a wrong length (6.9)": (
        ErrorCode.FRAME_SIZE_ERROR,
        [OPEN, frame(WINDOW_UPDATE, 0, 1, b"abc")],
    ),
    "window update on an idle stream (5.1)": (ErrorCode.PROTOCOL_ERROR, [window_update(1, 1)]),
    "window update by nothing (6.9)": (ErrorCode.PROTOCOL_ERROR, [window_update(0, 0)]),
    "window update past all numbers (6.9.1)": (
        ErrorCode.FLOW_CONTROL_ERROR,
        [window_update(0, 2**31 - 65_535)],
    ),
    "continuation of nothing (6.10)": (
        ErrorCode.PROTOCOL_ERROR,
        [OPEN, frame(CONTINUATION, END_HEADERS, 1)],
    ),
    "continuation behind a whole block (6.10)": (
        ErrorCode.PROTOCOL_ERROR,
        [get(1), frame(CONTINUATION, END_HEADERS, 1)],
    ),
    "continuation on stream 0 (6.10)": (
        ErrorCode.PROTOCOL_ERROR,
        [frame(HEADERS, 0, 1, GET), frame(CONTINUATION, END_HEADERS, 0)],
    ),
    "continuation of another stream (6.10)": (
        ErrorCode.PROTOCOL_ERROR,
        [frame(HEADERS, 0, 1, GET), frame(CONTINUATION, END_HEADERS, 3)],
    ),
    "headers within a block (6.2)": (ErrorCode.PROTOCOL_ERROR, [frame(HEADERS, 0, 1, GET), get(1)]),
    "an unknown frame within a block (5.5)": (
        ErrorCode.PROTOCOL_ERROR,
        [frame(HEADERS, 0, 1, GET), frame(UNKNOWN, 0, 1)],
    ),
    "headers behind the end of both sides (5.1)": (
        ErrorCode.STREAM_CLOSED,
        [get(1), reset(1), get(1)],
    ),
    "data on a stream of ours (5.1)": (ErrorCode.PROTOCOL_ERROR, [get(3), data(2, b"a")]),
    "reset on a stream of ours (6.4)": (ErrorCode.PROTOCOL_ERROR, [get(3), reset(2)]),
    "window update on a stream of ours (5.1)": (
        ErrorCode.PROTOCOL_ERROR,
        [get(3), window_update(2, 1)],
    ),
    "an idle stream that depends on itself (RFC 7540 5.3.1)": (
        ErrorCode.PROTOCOL_ERROR,
        [priority(1, 1)],
    ),
    "priority of a wrong length on an idle stream (6.3)": (
        ErrorCode.FRAME_SIZE_ERROR,
        [get(1), frame(PRIORITY, 0, 3, b"abcd")],
    ),
    "priorities that are neither on nor off (RFC 9218 2.1)": (
        ErrorCode.PROTOCOL_ERROR,
        [settings(no_rfc7540_priorities=2)],
    ),
    "priority update on a stream (RFC 9218 7.1)": (
        ErrorCode.PROTOCOL_ERROR,
        [OPEN, priority_update(1, "u=1", on=1)],
    ),
    "priority update of stream 0 (RFC 9218 7.1)": (
        ErrorCode.PROTOCOL_ERROR,
        [priority_update(0, "u=1")],
    ),
    "priority update of a stream of ours (RFC 9218 7.1)": (
        ErrorCode.PROTOCOL_ERROR,
        [priority_update(2, "u=1")],
    ),
    "priority update that is too short (RFC 9218 7.1)": (
        ErrorCode.FRAME_SIZE_ERROR,
        [frame(PRIORITY_UPDATE, 0, 0, b"abc")],
    ),
}


@pytest.mark.parametrize(("code", "frames"), CASES.values(), ids=CASES)
def test_connection_errors(code: ErrorCode, frames: list[bytes]) -> None:
    """What nobody may send ends the connection, with the code of its section."""
    fails(DrivenSession(), code, *frames)


STREAM_CASES: dict[str, tuple[ErrorCode, list[bytes]]] = {
    "data behind the end of a request (5.1)": (ErrorCode.STREAM_CLOSED, [get(1), data(1, b"a")]),
    "headers behind the end of a request (5.1)": (ErrorCode.STREAM_CLOSED, [get(1), get(1)]),
    "trailers that end nothing (8.1)": (
        ErrorCode.PROTOCOL_ERROR,
        [OPEN, frame(HEADERS, END_HEADERS, 1, literal(b"a", b"b"))],
    ),
    "trailers with a pseudo-field (8.1)": (
        ErrorCode.PROTOCOL_ERROR,
        [OPEN, frame(HEADERS, BOTH, 1, b"\x82")],
    ),
    "a body that is too long (8.1.1)": (
        ErrorCode.PROTOCOL_ERROR,
        [post(1, length=3), data(1, b"abcd")],
    ),
    "a body that is too short (8.1.1)": (
        ErrorCode.PROTOCOL_ERROR,
        [post(1, length=3), data(1, b"ab", end=True)],
    ),
    "a body that is too short for its trailers (8.1.1)": (
        ErrorCode.PROTOCOL_ERROR,
        [post(1, length=3), frame(HEADERS, BOTH, 1, literal(b"a", b"b"))],
    ),
    "a stream that depends on itself (RFC 7540 5.3.1)": (
        ErrorCode.PROTOCOL_ERROR,
        [frame(HEADERS, BOTH | WITH_PRIORITY, 1, b"\0\0\0\1\xff" + GET)],
    ),
    "a stream of several frames that depends on itself (RFC 7540 5.3.1)": (
        ErrorCode.PROTOCOL_ERROR,
        [
            frame(HEADERS, WITH_PRIORITY | END_STREAM, 1, b"\0\0\0\1\xff" + GET),
            frame(CONTINUATION, END_HEADERS, 1),
        ],
    ),
    "an open stream that depends on itself (RFC 7540 5.3.1)": (
        ErrorCode.PROTOCOL_ERROR,
        [OPEN, priority(1, 1)],
    ),
    "priority of a wrong length (6.3)": (
        ErrorCode.FRAME_SIZE_ERROR,
        [OPEN, frame(PRIORITY, 0, 1, b"abcd")],
    ),
    "window update by nothing (6.9)": (ErrorCode.PROTOCOL_ERROR, [OPEN, window_update(1, 0)]),
    "window update past all numbers (6.9.1)": (
        ErrorCode.FLOW_CONTROL_ERROR,
        [OPEN, window_update(1, 2**31 - 65_535)],
    ),
}


@pytest.mark.parametrize(("code", "frames"), STREAM_CASES.values(), ids=STREAM_CASES)
def test_stream_errors(code: ErrorCode, frames: list[bytes]) -> None:
    """The stream is reset and knows it; the next request on the connection is served."""
    driven = DrivenSession()
    driven.feed(*frames)
    assert driven.resets() == [(1, code)]
    assert 1 not in driven.session.streams
    assert all(stream.reset for stream in driven.streams.values())
    driven.feed(get(3))
    assert (driven.resets(), list(driven.session.streams)) == ([], [3])


def test_data_past_the_window_of_a_stream() -> None:
    """It ends the stream, whoever else may send (section 6.9.1)."""
    driven = DrivenSession()
    driven.feed(post(1))
    for _ in range(STREAM_WINDOW_BYTES // 2**14):
        driven.feed(data(1, bytes(2**14)))
    assert driven.resets() == []
    driven.feed(data(1, b"a"))
    assert driven.resets() == [(1, ErrorCode.FLOW_CONTROL_ERROR)]


@pytest.mark.parametrize(
    "frames", [frames for _, frames in STREAM_CASES.values()], ids=STREAM_CASES
)
def test_ways_to_be_reset(frames: list[bytes]) -> None:
    """Each stream that this side has to reset is a glitch, after a GOAWAY too (CVE-2025-8671)."""
    driven = DrivenSession(Limits(glitches=11))
    driven.session.say_goodbye(LAST_ID)
    rounds = []
    for number in range(1, 60, 2):
        stream = struct.pack(">I", number)
        again = [each[9:].replace(b"\0\0\0\1", stream, 1) for each in frames]
        rounds.append([old[:5] + stream + new for old, new in zip(frames, again, strict=True)])
    assert count_before_calm(driven, *rounds) == 10
