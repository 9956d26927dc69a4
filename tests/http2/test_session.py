"""What a server knows of a connection, and how it ends."""

import pytest
from hyperframe.frame import GoAwayFrame, PingFrame, RstStreamFrame, SettingsFrame

from hump_trio.facts.settings import Limits
from hump_trio.http2.failures import ErrorCode
from hump_trio.http2.session import DRAIN_PING, LAST_ID, RESET_COUNT
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
    HEADERS,
    SETTINGS,
    data,
    frame,
    ping,
    priority,
    reset,
    settings,
    window_update,
)


def test_the_first_flight() -> None:
    """It says what isn't the default, before anything of the client's is read (section 3.4)."""
    driven = DrivenSession(Limits(streams=7, head_bytes=1000, header_count=10), greeted=False)
    driven.session.greet()
    first, update = driven.frames()
    assert isinstance(first, SettingsFrame)
    assert first.settings == {3: 7, 4: STREAM_WINDOW_BYTES, 6: 1320, 8: 1, 9: 1}
    assert (update.stream_id, update.window_increment + 65_535) == (0, CONNECTION_WINDOW_BYTES)


def test_a_smaller_table_is_confirmed() -> None:
    """In front of the next header block, which keeps none (RFC 7541 section 4.2)."""
    driven = DrivenSession()
    driven.feed(settings(header_table_size=4096))
    assert driven.session.size_update == b""
    driven.feed(settings((1, 100), (1, 4096)))
    assert driven.session.size_update == b"\x20"


def test_closing_twice_is_closing() -> None:
    """A stream that was reset meanwhile isn't reset again."""
    driven = DrivenSession()
    driven.feed(post(1))
    driven.session.cut(1, ErrorCode.CANCEL)
    driven.session.close(driven.streams[1])
    assert driven.resets() == [(1, ErrorCode.CANCEL)]


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


def test_so_many_priorities_are_kept() -> None:
    """As many streams as may be open, counting those that are (RFC 9218 section 7.1)."""
    driven = DrivenSession(Limits(streams=3))
    updates = [priority_update(number, "u=1") for number in (3, 5, 7)]
    driven.feed(get(1), *updates[:2], updates[0], frame(SETTINGS, ACK))
    fails(driven, ErrorCode.PROTOCOL_ERROR, *updates)


def test_so_many_priorities_are_kept_from_the_beginning() -> None:
    """More are ignored as long as the client needn't know the limit."""
    driven = DrivenSession(Limits(streams=3))
    driven.feed(*[priority_update(number, "u=1") for number in range(1, 21, 2)])
    for number in range(1, 21, 2):
        driven.feed(get(number))
        driven.session.close(driven.streams[number])
    urgencies = [stream.urgency for stream in driven.streams.values()]
    assert urgencies == [1, 1, 1, 3, 3, 3, 3, 3, 3, 3]


def test_priorities_of_what_never_comes_make_room() -> None:
    """A number that was left out is no stream any more (section 5.1.1)."""
    driven = DrivenSession(Limits(streams=3))
    driven.feed(frame(SETTINGS, ACK))
    for number in range(1, 101, 4):
        driven.feed(priority_update(number, "u=1"), priority_update(number + 2, "u=2"))
        driven.feed(get(number + 2))
        assert driven.streams[number + 2].urgency == 2
        driven.session.close(driven.streams[number + 2])


def test_a_stream_is_reset_once() -> None:
    """What else is wrong with it is a glitch, and nothing is said of it again."""
    driven = DrivenSession(Limits(glitches=11))
    driven.feed(post(1), priority(1, 1))
    assert driven.resets() == [(1, ErrorCode.PROTOCOL_ERROR)]
    assert count_before_calm(driven, *[[priority(1, 1)]] * 20) == 9
    assert driven.resets() == []


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


def test_what_comes_behind_the_last_stream_is_a_glitch() -> None:
    """What was on its way is little; a client that goes on is told to calm down."""
    driven = DrivenSession(Limits(glitches=11))
    driven.session.say_goodbye(driven.session.last_id)
    assert count_before_calm(driven, *[[get(number)] for number in range(1, 101, 2)]) == 10


def test_a_last_stream_is_never_a_later_one() -> None:
    """What was refused since then wasn't served, whatever ends the connection (section 6.8)."""
    driven = DrivenSession()
    driven.feed(get(1))
    driven.session.announce_goodbye()
    driven.session.say_goodbye(1)
    driven.feed(get(3))
    driven.frames()
    driven.session.say_goodbye(driven.session.last_id, ErrorCode.PROTOCOL_ERROR)
    (goaway,) = driven.frames()
    assert (goaway.last_stream_id, goaway.error_code) == (1, ErrorCode.PROTOCOL_ERROR)


@pytest.mark.parametrize(("streams", "count"), [(10, RESET_COUNT), (300, 300)])
def test_only_so_many_resets_are_remembered(streams: int, count: int) -> None:
    """As many as may be open, and some more; what comes on an older one is no accident."""
    driven = DrivenSession(Limits(glitches=10**9, streams=streams))
    for number in range(1, 2 * count + 2, 2):
        driven.feed(post(number))
        driven.session.cut(number, ErrorCode.CANCEL)
    driven.frames()
    driven.feed(data(3, b"a"), frame(HEADERS, BOTH, 3, literal(b"a", b"b")))
    assert driven.resets() == []
    driven.feed(data(1, b"a"))
    assert driven.resets() == [(1, ErrorCode.STREAM_CLOSED)]
