"""What streams have to send, in the order of their priorities."""

from collections import defaultdict
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hump_trio.http2.frames import FRAME_BYTES, HEADER_BYTES
from hump_trio.http2.sources import Sources, parse_priority
from hump_trio.http2.streams import Stream
from tests.support.driven_session import read_frames

BIG = 2**31 - 1


def make_stream(
    stream_id: int, window: int = BIG, urgency: int = 3, *, incremental: bool = False
) -> Stream:
    """Return a stream of some priority."""
    stream = Stream(stream_id, window, content_length=None, input_ended=True)
    stream.urgency, stream.incremental = urgency, incremental
    return stream


def frame(sources: Sources, room: int = BIG) -> list[Any]:
    """Return the frames that sources make."""
    out: list[bytes | memoryview] = []
    sources.frame(out, room)
    return read_frames(b"".join(out))


def order(sources: Sources, room: int = BIG) -> list[int]:
    """Return the streams of the frames that sources make, in their order."""
    return [each.stream_id for each in frame(sources, room)]


def test_a_source_is_cut_into_frames() -> None:
    """Each is of 16,384 bytes at most, and the last one ends the stream."""
    sources, stream = Sources(BIG), make_stream(1)
    data = bytes(range(256)) * 150
    sources.add(stream, data, ends=True)
    frames = frame(sources)
    assert [len(each.data) for each in frames] == [FRAME_BYTES, FRAME_BYTES, 5_632]
    assert b"".join(each.data for each in frames) == data
    assert ["END_STREAM" in each.flags for each in frames] == [False, False, True]
    assert (stream.source, bool(sources.streams)) == (None, False)
    assert stream.framed_bytes == len(data) + 3 * HEADER_BYTES


def test_what_is_framed_at_once() -> None:
    """It takes of both windows what it has, and counts like a source."""
    sources, stream = Sources(100_000), make_stream(3, 50_000)
    out: list[bytes | memoryview] = []
    sources.frame_now(stream, memoryview(bytes(40_000)), out)
    frames = read_frames(b"".join(out))
    assert [len(each.data) for each in frames] == [FRAME_BYTES, FRAME_BYTES, 7_232]
    assert not any(each.flags for each in frames)
    assert (sources.window, stream.window) == (60_000, 10_000)
    assert (sources.data_frame_count, stream.framed_bytes) == (3, 40_000 + 3 * HEADER_BYTES)


def test_room_ends_it() -> None:
    """Frames are made as far as somebody takes them; the last one may be too much."""
    sources = Sources(BIG)
    sources.add(make_stream(1), bytes(5 * FRAME_BYTES), ends=True)
    assert order(sources, room=FRAME_BYTES + 1) == [1, 1]
    assert order(sources, room=1) == [1]


def test_windows_hold_it_up() -> None:
    """That of the stream and that of the connection; either below zero is none."""
    sources, stream = Sources(100), make_stream(1, 70)
    sources.add(stream, bytes(200), ends=True)
    assert [len(each.data) for each in frame(sources)] == [70]
    stream.window += 50
    assert [len(each.data) for each in frame(sources)] == [30]
    assert (sources.window, stream.window) == (0, 20)
    stream.window, sources.window = -1, 500
    assert frame(sources) == []
    stream.window = 500
    assert [len(each.data) for each in frame(sources)] == [100]


def test_an_end_needs_no_window() -> None:
    """An answer whose end is all that is missing ends (RFC 9113 section 6.9.1)."""
    sources = Sources(0)
    sources.add(make_stream(1, 0), b"", ends=True)
    (only,) = frame(sources)
    assert (only.data, "END_STREAM" in only.flags) == (b"", True)


def test_trailers_end_an_answer() -> None:
    """They go out behind the data, at once, and the data doesn't end the stream."""
    sources = Sources(BIG)
    sources.add(make_stream(1), bytes(FRAME_BYTES + 1), ends=True, trailer_block=b"abc")
    *parts, last = frame(sources)
    assert [("END_STREAM" in each.flags, each.type) for each in parts] == [(False, 0)] * 2
    assert (last.type, last.data, "END_STREAM" in last.flags) == (1, b"abc", True)


def test_trailers_alone() -> None:
    """Behind data that went out before, no empty frame stands in front of them."""
    sources = Sources(0)
    sources.add(make_stream(1, 0), b"", ends=True, trailer_block=b"abc")
    (only,) = frame(sources)
    assert (only.type, "END_STREAM" in only.flags) == (1, True)
    sources.add(make_stream(3), b"", ends=False)
    assert (frame(sources), bool(sources.streams), sources.data_frame_count) == ([], False, 0)


def test_a_part_is_followed_by_others() -> None:
    """What isn't the end doesn't end the stream, which may send the next part then."""
    sources, stream = Sources(BIG), make_stream(1)
    for ends in (False, True):
        sources.add(stream, b"ab", ends=ends)
        (only,) = frame(sources)
        assert ("END_STREAM" in only.flags) is ends


def test_urgency_goes_first() -> None:
    """Then the number of the stream, so that one response after the other is whole."""
    sources = Sources(BIG)
    for stream in (make_stream(3), make_stream(1), make_stream(5, urgency=0), make_stream(7)):
        sources.add(stream, bytes(2 * FRAME_BYTES), ends=True)
    assert order(sources) == [5, 5, 1, 1, 3, 3, 7, 7]


def test_incremental_ones_take_turns() -> None:
    """Behind those of the same urgency that are of no use in parts."""
    sources = Sources(BIG)
    for number in (5, 1, 3):
        stream = make_stream(number, incremental=number != 3)
        sources.add(stream, bytes(2 * FRAME_BYTES), ends=True)
    assert order(sources) == [3, 3, 5, 1, 5, 1]


def test_what_cannot_go_lets_others_pass() -> None:
    """A stream whose window is shut holds up none, however urgent it is."""
    sources = Sources(BIG)
    shut = make_stream(1, 0, urgency=0)
    sources.add(shut, b"ab", ends=True)
    sources.add(make_stream(3), b"cd", ends=True)
    assert order(sources) == [3]
    shut.window = 2
    assert order(sources) == [1]


def test_a_priority_acts_at_once() -> None:
    """One that changes while a response is under way."""
    sources, late = Sources(BIG), make_stream(3)
    sources.add(make_stream(1), bytes(3 * FRAME_BYTES), ends=True)
    sources.add(late, bytes(FRAME_BYTES), ends=True)
    assert order(sources, room=1) == [1]
    late.urgency = 0
    assert order(sources) == [3, 1, 1]


def test_what_is_discarded_is_not_sent() -> None:
    """Of a stream that was reset; one that has nothing to send is none the worse."""
    sources, stream = Sources(BIG), make_stream(1)
    sources.add(stream, b"ab", ends=True)
    sources.discard(stream)
    sources.discard(stream)
    assert (order(sources), bool(sources.streams)) == ([], False)


def test_a_source_is_not_copied() -> None:
    """What waits for a window takes no memory of its own."""
    sources, data = Sources(BIG), bytes(2**20)
    stream = make_stream(1)
    sources.add(stream, data, ends=True)
    frame(sources, room=1)
    assert stream.source is not None
    assert stream.source.obj is data


@st.composite
def situations(draw: st.DrawFn) -> list[tuple[int, int, bool, bytes, int, bytes]]:
    """Streams: urgency, whether incremental, data, window, trailers."""
    return [
        (
            2 * number + 1,
            draw(st.integers(0, 7)),
            draw(st.booleans()),
            draw(st.binary(max_size=40)) * draw(st.sampled_from([1, 1, 1000])),
            draw(st.integers(-10, 50_000)),
            draw(st.sampled_from([b"", b"", b"trailers"])),
        )
        for number in range(draw(st.integers(1, 6)))
    ]


@given(situations(), st.lists(st.tuples(st.integers(0, 6), st.integers(1, 40_000)), max_size=30))
def test_every_byte_once(
    given_streams: list[tuple[int, int, bool, bytes, int, bytes]],
    updates: list[tuple[int, int]],
) -> None:
    """Within windows and 16,384 bytes, in the order of each source, ended exactly once.

    Nothing waits that could go, and nothing goes while a more urgent stream could.
    """
    sources = Sources(1000)
    streams, data, trailers = {}, {}, {}
    for stream_id, urgency, incremental, body, window, block in given_streams:
        streams[stream_id] = make_stream(stream_id, window, urgency, incremental=incremental)
        data[stream_id], trailers[stream_id] = body, block
        sources.add(streams[stream_id], body, ends=True, trailer_block=block)
    room = 1000
    rooms = {stream_id: stream.window for stream_id, stream in streams.items()}
    sent: defaultdict[int, bytes] = defaultdict(bytes)
    ended: list[int] = []
    for which, more_bytes in [(0, 0), *updates, (0, 2**30)]:
        if which == 0:
            sources.window += more_bytes
            room += more_bytes
        for stream_id in [2 * which - 1] if which else list(streams) if more_bytes == 2**30 else []:
            if stream_id in streams:
                streams[stream_id].window += more_bytes
                rooms[stream_id] += more_bytes
        for each in frame(sources):
            stream_id = each.stream_id
            assert stream_id not in ended
            count = len(each.data) if each.type == 0 else 0
            if count:
                ready = [
                    (streams[other].urgency, streams[other].incremental)
                    for other in streams
                    if rooms[other] > 0 and len(sent[other]) < len(data[other])
                ]
                stream = streams[stream_id]
                assert (stream.urgency, stream.incremental) == min(ready)
            sent[stream_id] += each.data if each.type == 0 else b""
            room -= count
            rooms[stream_id] -= count
            assert count <= FRAME_BYTES
            assert count == 0 or (room >= 0 and rooms[stream_id] >= 0)
            if "END_STREAM" in each.flags:
                assert each.type == (1 if trailers[stream_id] else 0)
                ended.append(stream_id)
        assert not [
            other
            for other in streams
            if other not in ended
            and (len(sent[other]) == len(data[other]) or (room > 0 and rooms[other] > 0))
        ]
    assert (sorted(ended), dict(sent)) == (sorted(streams), data)
    assert (sources.window, bool(sources.streams)) == (room, False)


@pytest.mark.parametrize(
    ("text", "priority"),
    [
        ("", (3, False)),
        ("u=0", (0, False)),
        ("u=7, i", (7, True)),
        ("i,u=1", (1, True)),
        ("u=1,i=?0", (1, False)),
        ("i=?1", (3, True)),
        ("u=5;x=1, i;y", (5, True)),
        ("u=1, u=2", (2, False)),
        ("u=8", (3, False)),
        ("u=-1", (3, False)),
        ("u=1.5", (3, False)),
        ("u", (3, False)),
        ("u=\u0661", (3, False)),
        ("i=1", (3, False)),
        ("other=1, \x00, u=4", (4, False)),
    ],
)
def test_priorities(text: str, priority: tuple[int, bool]) -> None:
    """Of what can't be read, the default holds (RFC 9218 sections 4 and 5)."""
    assert parse_priority(text) == priority
