"""Frames in any order, whatever they say: what may come of them, and the windows of a model."""

import struct
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from hypothesis import given
from hypothesis import strategies as st

from hump_trio.facts.exceptions import HttpParserError
from hump_trio.facts.settings import Limits
from hump_trio.http2.failures import ConnectionFailure, ErrorCode
from hump_trio.http2.flow import MAX_WINDOW
from hump_trio.http2.settings import CONNECTION_WINDOW_BYTES
from hump_trio.http2.streams import STREAM_WINDOW_BYTES
from tests.support.driven_session import BOTH, GET, POST, DrivenSession, get, literal, post
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
    priority,
    reset,
    settings,
    window_update,
)

KINDS = [DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY]
KINDS += [WINDOW_UPDATE, CONTINUATION, PRIORITY_UPDATE, UNKNOWN]
FLAGS = [0, END_STREAM, ACK, END_HEADERS, PADDED, WITH_PRIORITY]
BLOCKS = [
    GET,
    POST,
    GET[:3],
    b"\x82",
    b"",
    b"\x80",
    literal(b"a", b"b"),
    b"\x40\x01a\x01b",
    b"\xbe",
]

own = st.sampled_from(range(1, 20, 2))
ids = own | st.sampled_from([0, 2, 2**31 - 1, 2**31 | 1])
small_sizes = st.sampled_from([0, 1, 100, 2**14, 65_535, 2**18, 2**30])
sizes = st.sampled_from([0, 1, 100, 2**14, 65_535, 2**31 - 1, 2**31]) | st.integers(0, 2**32 - 1)


def join_flags(flags: list[int]) -> int:
    """Return flags as one number."""
    return sum(set(flags))


any_frames = st.builds(
    frame,
    st.sampled_from(KINDS),
    st.lists(st.sampled_from(FLAGS)).map(join_flags),
    ids,
    st.binary(max_size=12)
    | st.sampled_from(BLOCKS)
    | sizes.map(lambda size: struct.pack(">I", size))
    | st.just(bytes(8)),
)
# Frames of a stream that was begun, by its number: sound ones most of all.
indices = st.integers(0, 5)
bodies = st.sampled_from([b"", b"a", bytes(100), bytes(2**14), bytes(2**14)])
stream_frames = st.one_of(
    st.builds(lambda body, end: partial(data, payload=body, end=end), bodies, st.booleans()),
    st.just(lambda number: frame(DATA, PADDED, number, b"\x05" + bytes(10))),
    st.just(lambda number: frame(HEADERS, BOTH, number, literal(b"a", b"b"))),
    st.just(reset),
    st.builds(lambda other: partial(priority, depends_on=other), own),
    st.builds(lambda size: partial(window_update, byte_count=size), small_sizes),
)
new_frames = st.sampled_from(
    [
        get,
        post,
        partial(post, length=100),
        partial(post, length=2**16),
        lambda number: frame(HEADERS, BOTH, number, b"\x82"),
        lambda number: (
            frame(HEADERS, END_STREAM, number, GET[:2])
            + frame(CONTINUATION, END_HEADERS, number, GET[2:])
        ),
    ]
)
other_frames = st.one_of(
    st.builds(lambda size: settings(initial_window_size=size), small_sizes),
    st.builds(lambda size: window_update(0, size), small_sizes),
    st.sampled_from(
        [settings(header_table_size=0), frame(SETTINGS, ACK), frame(PING, 0, 0, bytes(8))]
    ),
)
# What a client sends next, or what the server does.
Step = Callable[[DrivenSession], bytes | None]


def answer_of(index: int, byte_count: int, ends: bool) -> Step:
    """Return an act of the server: a part of an answer."""

    def step(driven: DrivenSession) -> None:
        stream = driven.session.streams.get(driven.session.last_id - 2 * index)
        if stream is not None and stream.source is None:
            driven.session.sources.add(stream, bytes(byte_count), ends=ends)

    return step


def take_of(index: int) -> Step:
    """Return an act of the server: it takes what has come of a body."""

    def step(driven: DrivenSession) -> None:
        stream = driven.session.streams.get(driven.session.last_id - 2 * index)
        if stream is not None:
            driven.session.free(stream, len(stream.take()))

    return step


def end_of(index: int, whole: bool) -> Step:
    """Return an act of the server: an answer is whole, or cut."""

    def step(driven: DrivenSession) -> None:
        stream = driven.session.streams.get(driven.session.last_id - 2 * index)
        if stream is not None and whole and stream.source is None:
            driven.session.close(stream)
        elif stream is not None:
            driven.session.cut(stream.stream_id, ErrorCode.INTERNAL_ERROR)

    return step


acts = st.one_of(
    st.builds(answer_of, indices, st.sampled_from([0, 10, 70_000]), st.booleans()),
    st.builds(take_of, indices),
    st.builds(end_of, indices, st.booleans()),
)


def send_new(make: Callable[[int], bytes]) -> Step:
    """Return a step of the client: it begins a stream."""
    return lambda driven: make(driven.session.last_id + 2)


def send_more(make: Callable[[int], bytes], index: int) -> Step:
    """Return a step of the client: it sends a frame of one of the latest streams."""

    def step(driven: DrivenSession) -> bytes | None:
        number = driven.session.last_id - 2 * index
        return make(number) if number > 0 else None

    return step


def send_other(each: bytes) -> Step:
    """Return a step of the client: it sends a frame of the connection."""
    return lambda driven: each


sound_steps = st.one_of(
    st.builds(send_new, new_frames),
    st.builds(send_more, stream_frames, indices),
    st.builds(send_more, stream_frames, indices),
    st.builds(send_other, other_frames),
)
steps = sound_steps | sound_steps | acts


class Model:
    """What both sides may send, counted by what each of them has said.

    Args:
        driven: The session, which has greeted.
    """

    def __init__(self, driven: DrivenSession) -> None:
        self.driven = driven
        self.initial = 65_535
        self.windows = {0: 65_535}  # of answers; 0 is the connection's
        self.credits = {0: CONNECTION_WINDOW_BYTES}  # of requests
        self.reset_ids: set[int] = set()
        self.last_goaway = MAX_WINDOW

    def watch_in(self, each: bytes) -> None:
        """Note a frame that was taken in without a failure."""
        kind, payload = each[3], each[9:]
        stream_id = int.from_bytes(each[5:9], "big") & MAX_WINDOW
        if kind == SETTINGS and not each[4] & ACK:
            for at in range(0, len(payload), 6):
                key, value = struct.unpack_from(">HI", payload, at)
                if key == 4:
                    for number in set(self.windows) - {0}:
                        self.windows[number] += value - self.initial
                    self.initial = value
        elif kind == WINDOW_UPDATE and stream_id in self.windows:
            self.windows[stream_id] += int.from_bytes(payload, "big") & MAX_WINDOW
        elif kind == DATA:
            self.credits[0] -= len(payload)
            if stream_id in self.credits:
                self.credits[stream_id] -= len(payload)

    def watch_out(self) -> None:
        """Note what the session has sent, all of it well-formed, and compare."""
        session = self.driven.session
        for each in self.driven.frames():
            number = each.stream_id
            assert number == 0 or (number & 1 and number <= session.last_id), "an idle stream"
            assert number not in self.reset_ids or each.type == RST_STREAM, "behind a reset"
            if each.type == DATA:
                for which in (0, number):
                    self.windows[which] -= len(each.data)
                    assert self.windows[which] >= 0 or not each.data
            elif each.type == WINDOW_UPDATE:
                self.credits[number] += each.window_increment
                assert self.credits[number] <= MAX_WINDOW
            elif each.type == RST_STREAM:
                self.reset_ids.add(number)
            elif each.type == GOAWAY:
                assert each.last_stream_id <= self.last_goaway
                self.last_goaway = each.last_stream_id
        for number in session.streams.keys() - self.windows.keys():
            self.windows[number], self.credits[number] = self.initial, STREAM_WINDOW_BYTES
        for number in self.windows.keys() - session.streams.keys() - {0}:
            del self.windows[number], self.credits[number]
        windows = {number: stream.window for number, stream in session.streams.items()}
        assert {0: session.sources.window, **windows} == self.windows
        assert max(self.windows.values()) <= MAX_WINDOW
        assert CONNECTION_WINDOW_BYTES // 2 <= self.credits[0] <= CONNECTION_WINDOW_BYTES
        assert all(0 <= self.credits[number] <= STREAM_WINDOW_BYTES for number in windows)


@given(st.lists(steps, min_size=20, max_size=60), st.integers(0, 100), any_frames)
def test_any_frames(given_steps: list[Step], goodbye_at: int, last: bytes) -> None:
    """They end the connection, a stream, or nothing; windows are what both sides have said."""
    driven = DrivenSession(Limits(streams=4, head_bytes=2000))
    model = Model(driven)
    for number, step in enumerate(given_steps):
        if number == goodbye_at:
            driven.session.say_goodbye(driven.session.last_id)
        each = step(driven)
        if each is not None:
            try:
                with suppress(HttpParserError):  # a server answers that
                    driven.feed(each)
            except ConnectionFailure:
                driven.frames()
                return
            model.watch_in(each)
        driven.session.sources.frame(driven.session.out, 2**16)
        model.watch_out()
    with suppress(ConnectionFailure, HttpParserError):
        driven.feed(last)
    driven.frames()


@given(st.binary(max_size=300))
def test_any_bytes_of_a_frame(payload: bytes) -> None:
    """Of each type, on a stream that is open and on none."""
    for kind in KINDS:
        for stream_id in (0, 1):
            driven = DrivenSession()
            driven.feed(post(1))
            with suppress(ConnectionFailure):
                driven.feed(frame(kind, payload[0] if payload else 0, stream_id, payload[1:]))
            driven.frames()
