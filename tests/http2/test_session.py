"""What each frame means for a connection, by the sections of RFC 9113."""

import struct

import pytest
from hyperframe.frame import (
    GoAwayFrame,
    PingFrame,
    RstStreamFrame,
    SettingsFrame,
    WindowUpdateFrame,
)

from hump_trio.facts.settings import Limits
from hump_trio.http2.failures import ConnectionFailure, ErrorCode
from hump_trio.http2.session import (
    CONNECTION_WINDOW_BYTES,
    CONTINUATION_COUNT,
    DRAIN_PING,
    LAST_ID,
    RESET_COUNT,
    UPDATES_PER_FRAME,
    Session,
)
from hump_trio.http2.streams import STREAM_WINDOW_BYTES
from tests.support.driven_session import GET, POST, DrivenSession
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

BOTH = END_HEADERS | END_STREAM
MANY = Limits(glitches=10**9)


def get(stream_id: int) -> bytes:
    """Return a request without a body."""
    return frame(HEADERS, BOTH, stream_id, GET)


def post(stream_id: int, *, length: int | None = None) -> bytes:
    """Return the head of a request whose body follows."""
    field = b"" if length is None else b"\x0f\x0d" + bytes([len(b"%d" % length)]) + b"%d" % length
    return frame(HEADERS, END_HEADERS, stream_id, POST + field)


def literal(name: bytes, value: bytes) -> bytes:
    """Return a field that leaves the table as it is."""
    return b"\x00" + bytes([len(name)]) + name + bytes([len(value)]) + value


def priority_update(stream_id: int, text: str, on: int = 0) -> bytes:
    """Return a priority as RFC 9218 section 7.1 has it."""
    return frame(PRIORITY_UPDATE, 0, on, struct.pack(">I", stream_id) + text.encode())


def fails(driven: DrivenSession, code: ErrorCode, *frames: bytes) -> None:
    """Expect that the last one of some frames ends the connection."""
    driven.feed(*frames[:-1])
    with pytest.raises(ConnectionFailure) as raised:
        driven.feed(frames[-1])
    assert raised.value.code is code


# What the server begins with.


def test_the_first_flight() -> None:
    """It says what isn't the default, before anything of the client's is read (section 3.4)."""
    session = Session(Limits(streams=7, head_bytes=1000, header_count=10), 0.0)
    driven = DrivenSession(greeted=False)
    driven.session = session
    session.greet()
    first, update = driven.frames()
    assert isinstance(first, SettingsFrame)
    assert first.settings == {3: 7, 4: STREAM_WINDOW_BYTES, 6: 1320, 9: 1}
    assert (update.stream_id, update.window_increment + 65_535) == (0, CONNECTION_WINDOW_BYTES)


@pytest.mark.parametrize("first", [ping(), get(1), frame(SETTINGS, ACK), frame(UNKNOWN)])
def test_a_client_begins_with_settings(first: bytes) -> None:
    """Anything else is no HTTP/2 (section 3.4)."""
    fails(DrivenSession(greeted=False), ErrorCode.PROTOCOL_ERROR, first)


# Connection errors: each row is a state, and the frame that must not follow.

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
    "goaway that is too short (6.8)": (
        ErrorCode.FRAME_SIZE_ERROR,
        [frame(GOAWAY, 0, 0, bytes(7))],
    ),
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
    "headers within a block (6.2)": (
        ErrorCode.PROTOCOL_ERROR,
        [frame(HEADERS, 0, 1, GET), get(1)],
    ),
    "an unknown frame within a block (5.5)": (
        ErrorCode.PROTOCOL_ERROR,
        [frame(HEADERS, 0, 1, GET), frame(UNKNOWN, 0, 1)],
    ),
    "headers behind the end of both sides (5.1)": (
        ErrorCode.STREAM_CLOSED,
        [get(1), reset(1), get(1)],
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


# Stream errors: the stream ends, and nothing else.

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


# What the connection lives with.


def test_a_reserved_bit_is_ignored() -> None:
    """Of the number of a stream (section 4.1)."""
    driven = DrivenSession()
    driven.feed(frame(HEADERS, BOTH, 2**31 | 1, GET))
    assert list(driven.session.streams) == [1]


def test_unknown_frames_and_flags_are_ignored() -> None:
    """As extensions would send them (sections 4.1 and 5.5)."""
    driven = DrivenSession()
    driven.feed(frame(UNKNOWN, 0xFF, 1, b"abc"), frame(HEADERS, BOTH | 0x92, 1, GET))
    assert (driven.frames(), list(driven.session.streams)) == ([], [1])


def test_a_ping_is_answered() -> None:
    """With what it said, and its answer is not (section 6.7)."""
    driven = DrivenSession()
    driven.feed(ping(b"abcdefgh"), ping(b"abcdefgh", ack=True))
    (answer,) = driven.frames()
    assert isinstance(answer, PingFrame)
    assert (answer.opaque_data, "ACK" in answer.flags) == (b"abcdefgh", True)


def test_settings_are_confirmed() -> None:
    """Unknown ones are ignored, and so is a confirmation (sections 6.5.2 and 6.5.3)."""
    driven = DrivenSession()
    driven.feed(settings((0xFFFF, 7), max_frame_size=2**24 - 1, enable_push=1))
    driven.feed(frame(SETTINGS, ACK))
    (answer,) = driven.frames()
    assert isinstance(answer, SettingsFrame)
    assert ("ACK" in answer.flags, answer.settings) == (True, {})


def test_a_goaway_of_the_client_ends_nothing() -> None:
    """It takes no stream of ours, and there is none (section 6.8)."""
    driven = DrivenSession()
    driven.feed(frame(GOAWAY, 0, 0, bytes(8) + b"for a person"), get(1))
    assert list(driven.session.streams) == [1]


def test_a_smaller_table_is_confirmed() -> None:
    """In front of the next header block, which keeps none (RFC 7541 section 4.2)."""
    driven = DrivenSession()
    driven.feed(settings(header_table_size=4096))
    assert driven.session.size_update == b""
    driven.feed(settings((1, 100), (1, 4096)))
    assert driven.session.size_update == b"\x20"


# Header blocks.


def test_a_block_in_pieces() -> None:
    """It is one block, whatever its pieces are, and ends its request where HEADERS said so."""
    driven = DrivenSession()
    driven.feed(frame(HEADERS, END_STREAM, 1, GET[:2]), frame(CONTINUATION, 0, 1))
    assert driven.session.block is not None
    driven.feed(frame(CONTINUATION, END_HEADERS, 1, GET[2:]))
    assert driven.session.block is None
    assert driven.streams[1].input_ended


def test_padding_and_priority_are_no_fields() -> None:
    """They stand around the block in HEADERS (section 6.2)."""
    driven = DrivenSession()
    payload = b"\x03" + b"\x80\0\0\3\xff" + GET + b"abc"
    driven.feed(frame(HEADERS, BOTH | PADDED | WITH_PRIORITY, 1, payload))
    assert driven.heads[1].line.target == "/"


def test_a_block_has_an_end() -> None:
    """So many pieces are whole, and one more isn't waited for (CVE-2024-27316)."""
    driven = DrivenSession()
    pieces = [frame(CONTINUATION, 0, 1)] * (CONTINUATION_COUNT - 1)
    driven.feed(frame(HEADERS, END_STREAM, 1, GET), *pieces, frame(CONTINUATION, END_HEADERS, 1))
    assert list(driven.streams) == [1]
    pieces = [frame(CONTINUATION, 0, 3)] * CONTINUATION_COUNT
    fails(driven, ErrorCode.ENHANCE_YOUR_CALM, frame(HEADERS, 0, 3, GET), *pieces)


def test_a_block_has_a_size() -> None:
    """Twice that of a head, so that one that is somewhat too large gets its answer."""
    driven = DrivenSession(Limits(head_bytes=2**14))
    frames = [frame(CONTINUATION, 0, 1, bytes(2**14))] * 2
    fails(driven, ErrorCode.ENHANCE_YOUR_CALM, frame(HEADERS, 0, 1, b"a"), *frames)


def test_a_refused_block_changes_the_table() -> None:
    """It was decoded, whatever became of its stream (section 4.3)."""
    driven = DrivenSession()
    driven.feed(frame(HEADERS, BOTH, 1, b"\x40\x01a\x01b"))  # no request, but an entry
    assert driven.resets() == [(1, ErrorCode.PROTOCOL_ERROR)]
    driven.feed(frame(HEADERS, BOTH, 1, b"\x40\x01c\x01d"))  # on the stream that was reset
    driven.feed(frame(HEADERS, BOTH, 3, GET + b"\xbe\xbf"))
    assert driven.heads[3].fields == [("host", "a"), ("c", "d"), ("a", "b")]


def test_trailers() -> None:
    """They end a request whose body was as long as announced."""
    driven = DrivenSession()
    driven.feed(post(1, length=2), data(1, b"ab"), frame(HEADERS, BOTH, 1, literal(b"a", b"b")))
    stream = driven.streams[1]
    assert (stream.take(), stream.trailers, stream.input_ended) == (b"ab", [("a", "b")], True)


# Closed streams.


def test_data_on_a_closed_stream() -> None:
    """One that ended by itself is reset; what was on its way to one that we reset is ignored."""
    driven = DrivenSession()
    driven.feed(post(1), post(3))
    driven.feed(data(1, b"a", end=True))
    driven.session.close(driven.streams[1])
    driven.session.close(driven.streams[3])
    assert driven.resets() == [(3, ErrorCode.NO_ERROR)]
    driven.feed(data(3, b"a"), data(3, b"b", end=True), reset(3))
    assert driven.resets() == []
    driven.feed(data(1, b"a"))
    assert driven.resets() == [(1, ErrorCode.STREAM_CLOSED)]


def test_what_the_client_has_reset_is_over() -> None:
    """The stream knows it, and nothing answers a reset (section 5.4.2)."""
    driven = DrivenSession()
    driven.feed(post(1))
    driven.session.sources.add(driven.streams[1], b"abc", ends=True)
    driven.feed(reset(1), window_update(1, 5), priority(1))
    assert driven.streams[1].reset
    assert not driven.session.sources
    assert driven.frames() == []
    driven.feed(data(1, b"a"))
    assert driven.resets() == [(1, ErrorCode.STREAM_CLOSED)]


def test_closing_twice_is_closing() -> None:
    """A stream that was reset meanwhile isn't reset again."""
    driven = DrivenSession()
    driven.feed(post(1))
    driven.session.cut(1, ErrorCode.CANCEL)
    driven.session.close(driven.streams[1])
    assert driven.resets() == [(1, ErrorCode.CANCEL)]


def test_a_window_update_on_a_closed_stream() -> None:
    """It was on its way, even one by nothing (section 5.1)."""
    driven = DrivenSession()
    driven.feed(get(1))
    driven.session.close(driven.streams[1])
    driven.feed(window_update(1, 10), window_update(1, 0))
    assert driven.frames() == []


def sent_by_the_client(driven: DrivenSession, *frames: bytes) -> int:
    """Feed frames, and return by how many bytes they changed the connection's window."""
    driven.feed(*frames)
    told_bytes = sum(
        each.window_increment
        for each in driven.frames()
        if isinstance(each, WindowUpdateFrame) and not each.stream_id
    )
    return told_bytes - sum(len(each) - 9 for each in frames if each[3] == DATA)


def test_lost_data_gives_back_the_connections_window() -> None:
    """On closed, refused and reset streams, over 1,000 of them (section 6.9)."""
    driven = DrivenSession(MANY)
    window = lowest = CONNECTION_WINDOW_BYTES
    body = b"\x64" + bytes(4000)
    for number in range(1200):
        stream_id = 2 * number + 1
        head = frame(HEADERS, BOTH, stream_id, b"\x82") if number % 3 == 0 else post(stream_id)
        window += sent_by_the_client(driven, head)
        if number % 3 == 1:
            driven.session.cut(stream_id, ErrorCode.REFUSED_STREAM)
        elif number % 3 == 2:
            driven.feed(reset(stream_id))
        window += sent_by_the_client(driven, frame(DATA, PADDED, stream_id, body))
        lowest = min(lowest, window)
    assert lowest > CONNECTION_WINDOW_BYTES // 2 - 4001
    assert not driven.session.streams


def test_a_body_that_nobody_takes_holds_up_none() -> None:
    """The connection's window is open again when bytes come, the stream's when they are taken."""
    driven = DrivenSession()
    driven.feed(post(1))
    window = CONNECTION_WINDOW_BYTES
    for _ in range(STREAM_WINDOW_BYTES // 2**14):
        window += sent_by_the_client(driven, data(1, bytes(2**14)))
    assert window >= CONNECTION_WINDOW_BYTES // 2
    taken = driven.streams[1].take()
    assert driven.session.free(driven.streams[1], len(taken))
    (update,) = driven.frames()
    assert (update.stream_id, update.window_increment) == (1, STREAM_WINDOW_BYTES)
    assert not driven.session.free(driven.streams[1], 1)


def test_padding_is_given_back() -> None:
    """To the stream too, at once, since nobody takes it (section 6.9.1)."""
    driven = DrivenSession(MANY)
    driven.feed(post(1))
    given_bytes = 0
    for _ in range(3 * STREAM_WINDOW_BYTES // 256):
        driven.feed(frame(DATA, PADDED, 1, b"\xff" + bytes(255)))
        updates = [each for each in driven.frames() if each.stream_id == 1]
        given_bytes += sum(each.window_increment for each in updates)
    assert given_bytes > 2 * STREAM_WINDOW_BYTES
    assert driven.streams[1].take() == b""


# Windows of answers.


def test_settings_move_the_windows_of_open_streams() -> None:
    """By the difference, below zero too, and never that of the connection (section 6.9.2)."""
    driven = DrivenSession()
    driven.feed(settings(initial_window_size=100), get(1), window_update(1, 50))
    driven.session.sources.add(driven.streams[1], bytes(120), ends=True)
    driven.session.sources.frame(driven.session.out, 2**16)
    driven.feed(settings(initial_window_size=10), get(3))
    assert [driven.streams[number].window for number in (1, 3)] == [-60, 10]
    assert driven.session.sources.window == 65_535 - 120
    driven.feed(settings(initial_window_size=200))
    assert [driven.streams[number].window for number in (1, 3)] == [130, 200]


@pytest.mark.parametrize("values", [[2**31 - 1], [2**31 - 1, 0]])
def test_settings_that_overflow_a_window(values: list[int]) -> None:
    """They end the connection, even if a later value takes it back (section 6.9.2)."""
    driven = DrivenSession()
    overflow = settings(*[(4, value) for value in values])
    driven.feed(get(1), overflow, settings(initial_window_size=0), get(3), window_update(3, 1))
    fails(driven, ErrorCode.FLOW_CONTROL_ERROR, overflow)


def test_window_updates_open_windows() -> None:
    """Of one stream, or of the connection; a reserved bit is ignored (section 6.9)."""
    driven = DrivenSession()
    driven.feed(get(1), window_update(1, 2**31 | 5), window_update(0, 7))
    assert driven.streams[1].window == 65_540
    assert driven.session.sources.window == 65_542


def test_a_window_may_be_full() -> None:
    """2^31-1 is a window, of a stream and of the connection (section 6.9.1)."""
    driven = DrivenSession()
    most = 2**31 - 1
    driven.feed(get(1), window_update(1, most - 65_535), window_update(0, most - 65_535))
    assert (driven.streams[1].window, driven.session.sources.window) == (most, most)


# Glitches.


def count_before_calm(driven: DrivenSession, *rounds: list[bytes]) -> int:
    """Return how many of some rounds of frames pass before the client is told to calm down."""
    for count, frames in enumerate(rounds):
        try:
            driven.feed(*frames)
        except ConnectionFailure as failure:
            if failure.code is not ErrorCode.ENHANCE_YOUR_CALM:
                raise
            return count
    return len(rounds)


GLITCHES: dict[str, tuple[int, list[bytes]]] = {
    "a ping": (1, [ping()]),
    "the answer to a ping": (1, [ping(ack=True)]),
    "settings": (1, [settings()]),
    "an unknown frame": (1, [frame(UNKNOWN)]),
    "a priority": (1, [priority(1)]),
    "a priority update": (1, [priority_update(1, "u=1")]),
    "a goaway": (1, [frame(GOAWAY, 0, 0, bytes(8))]),
    "a reset": (1, [reset(1)]),
    "empty data": (1, [data(1)]),
    "data of padding alone": (1, [frame(DATA, PADDED, 1, b"\x05" + bytes(5))]),
    "data": (0, [data(1, b"a")]),
}


@pytest.mark.parametrize(("count", "frames"), GLITCHES.values(), ids=GLITCHES)
def test_glitches(count: int, frames: list[bytes]) -> None:
    """What says nothing, or has to be answered or looked at, can't be sent for ever."""
    driven = DrivenSession(Limits(glitches=101))  # the first SETTINGS were one
    driven.feed(post(1))
    assert count_before_calm(driven, *[frames] * 1000) == (100 if count else 1000)


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


def test_window_updates_beyond_what_is_sent() -> None:
    """So many for each frame of DATA are no glitch, and as many for each request."""
    update = window_update(0, 1)
    driven = DrivenSession(Limits(glitches=11))
    driven.feed(get(1))
    assert count_before_calm(driven, *[[update]] * 1000) == 2 * UPDATES_PER_FRAME + 10
    driven = DrivenSession(Limits(glitches=11))
    rounds = [[get(number), *[update] * UPDATES_PER_FRAME] for number in range(1, 1000, 2)]
    assert count_before_calm(driven, *rounds) == len(rounds)
    for _ in range(1000):
        driven.session.sources.add(driven.streams[1], b"a", ends=False)
        driven.session.sources.frame(driven.session.out, 100)
        driven.feed(*[update] * UPDATES_PER_FRAME)


# Priorities.


def test_priorities() -> None:
    """By a field, by a frame before the stream, and by a frame while it is open (RFC 9218)."""
    driven = DrivenSession()
    field = literal(b"priority", b"u=1")
    driven.feed(priority_update(3, "u=6, i"), priority_update(3, "u=5, i"))
    driven.feed(*(frame(HEADERS, BOTH, number, GET + field) for number in (1, 3)), get(5))
    driven.feed(priority_update(1, "u=2"), priority_update(2**31 | 5, "i"))
    priorities = {
        number: (stream.urgency, stream.incremental) for number, stream in driven.streams.items()
    }
    assert priorities == {1: (2, False), 3: (5, True), 5: (3, True)}


def test_a_priority_of_a_closed_stream() -> None:
    """It is ignored (RFC 9218 section 7.1)."""
    driven = DrivenSession()
    driven.feed(get(1), reset(1), priority_update(1, "u=1"), get(3))
    assert driven.streams[3].urgency == 3


# The end.


def test_a_drain_in_two_steps() -> None:
    """It is announced, confirmed by a PING, and then the last stream is named (section 6.8)."""
    driven = DrivenSession()
    driven.feed(get(1))
    driven.session.announce_goodbye()
    goaway, asked = driven.frames()
    assert isinstance(goaway, GoAwayFrame)
    assert isinstance(asked, PingFrame)
    assert (goaway.last_stream_id, goaway.error_code) == (LAST_ID, ErrorCode.NO_ERROR)
    assert asked.opaque_data == DRAIN_PING
    driven.feed(get(3), ping(b"another!", ack=True))
    assert not driven.session.drain_acked
    driven.feed(ping(DRAIN_PING, ack=True))
    assert driven.session.drain_acked
    driven.session.say_goodbye(driven.session.last_id)
    (goaway,) = driven.frames()
    assert goaway.last_stream_id == 3
    driven.feed(get(5))
    assert driven.resets() == [(5, ErrorCode.REFUSED_STREAM)]
    assert list(driven.session.streams) == [1, 3]


def test_a_confirmation_of_nothing() -> None:
    """A PING's answer that nobody asked for says nothing of a drain."""
    driven = DrivenSession()
    driven.feed(ping(DRAIN_PING, ack=True))
    assert not driven.session.drain_acked


def test_a_goodbye_before_any_stream() -> None:
    """It names stream 0, and every stream is refused (section 6.8)."""
    driven = DrivenSession()
    driven.session.say_goodbye(driven.session.last_id)
    driven.feed(get(1))
    goaway, refused = driven.frames()
    assert (goaway.last_stream_id, isinstance(refused, RstStreamFrame)) == (0, True)


def test_only_so_many_resets_are_remembered() -> None:
    """What comes on an older one is taken for data on a closed stream."""
    driven = DrivenSession(MANY)
    for number in range(1, 2 * RESET_COUNT + 2, 2):
        driven.feed(post(number))
        driven.session.cut(number, ErrorCode.CANCEL)
    driven.frames()
    driven.feed(data(3, b"a"))
    assert driven.resets() == []
    driven.feed(data(1, b"a"))
    assert driven.resets() == [(1, ErrorCode.STREAM_CLOSED)]
