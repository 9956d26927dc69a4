"""What each frame means, by the sections of RFC 9113."""

import pytest
from hyperframe.frame import PingFrame, SettingsFrame, WindowUpdateFrame

from hump_trio.facts.exceptions import HttpParserError
from hump_trio.facts.settings import Limits
from hump_trio.http2.failures import ErrorCode
from hump_trio.http2.receiver import UPDATES_PER_FRAME
from hump_trio.http2.settings import CONNECTION_WINDOW_BYTES
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
    DATA,
    GOAWAY,
    HEADERS,
    PADDED,
    SETTINGS,
    UNKNOWN,
    data,
    frame,
    ping,
    priority,
    reset,
    settings,
    window_update,
)

MANY = Limits(glitches=10**9)


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


def test_a_block_has_a_number_of_fields() -> None:
    """Somewhat more than allowed are answered; far more are not worth the time."""
    driven = DrivenSession(Limits(header_count=10))
    with pytest.raises(HttpParserError):
        driven.feed(frame(HEADERS, BOTH, 1, GET + literal(b"a", b"b") * 1000))
    fails(
        driven,
        ErrorCode.ENHANCE_YOUR_CALM,
        frame(HEADERS, BOTH, 3, GET + literal(b"a", b"b") * 1007),
    )


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
    assert not driven.session.sources.streams
    assert driven.frames() == []
    driven.feed(data(1, b"a"))
    assert driven.resets() == [(1, ErrorCode.STREAM_CLOSED)]


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


def test_a_body_without_a_stream() -> None:
    """It counts for the connection's window, and may be as long as that of a stream allows."""
    driven = DrivenSession()
    assert not driven.receiver.take_body(STREAM_WINDOW_BYTES + 1)
    assert all(driven.receiver.take_body(STREAM_WINDOW_BYTES) for _ in range(2))
    (update,) = driven.frames()
    assert (update.stream_id, update.window_increment) == (0, CONNECTION_WINDOW_BYTES // 2)


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


def test_window_updates_open_windows() -> None:
    """Of one stream, or of the connection; a reserved bit is ignored (section 6.9)."""
    driven = DrivenSession()
    driven.feed(get(1), window_update(1, 2**31 | 5), window_update(0, 7))
    assert driven.streams[1].window == 65_540
    sources = driven.session.sources
    assert (sources.window, sources.granted_bytes) == (65_542, 7)


def test_a_window_may_be_full() -> None:
    """2^31-1 is a window, of a stream and of the connection (section 6.9.1)."""
    driven = DrivenSession()
    most = 2**31 - 1
    driven.feed(get(1), window_update(1, most - 65_535), window_update(0, most - 65_535))
    assert (driven.streams[1].window, driven.session.sources.window) == (most, most)


GLITCHES: dict[str, tuple[int, list[bytes]]] = {
    "a ping": (1, [ping()]),
    "the answer to a ping": (1, [ping(ack=True)]),
    "settings": (1, [settings()]),
    "the answer to settings": (1, [frame(SETTINGS, ACK)]),
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


def test_numbers_that_are_left_out_bring_nothing() -> None:
    """A client that begins with a high number has sent one request."""
    update = window_update(0, 1)
    driven = DrivenSession(Limits(glitches=11))
    driven.feed(get(2**29 + 1))
    assert count_before_calm(driven, *[[update]] * 1000) == 2 * UPDATES_PER_FRAME + 10
