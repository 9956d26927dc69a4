"""Any frames whatever, from any state: never a 500, a traceback or a hang."""

import logging
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from hump_trio.http2.failures import ErrorCode
from hump_trio.testing.memory_listener import running
from tests.promises.hostile.test_hostile_bytes import Records
from tests.support import frames
from tests.support.framed_app import Framed
from tests.support.frames import Peer, frame, speak

ids = st.sampled_from([0, 1, 1, 3, 3, 5, 7, 2, 2**31 - 1])
paths = st.sampled_from(["/", "/wait", "/pause", "/large", "/stream", "/unread", "/head", "/none"])
methods = st.sampled_from(["GET", "GET", "POST", "HEAD", "OPTIONS", "CONNECT", "BREW"])
fields = st.sampled_from(
    [
        ("x", "y"),
        ("content-length", "3"),
        ("expect", "100-continue"),
        ("te", "trailers"),
        ("host", "b"),
        ("cookie", "a=b"),
        ("connection", "close"),
        ("x", "a\r\nb"),
        ("priority", "u=1, i"),
    ]
)
numbers = st.sampled_from([0, 1, 2, 3, 100, 65_535, 16_384, 2**24, 2**31 - 1, 2**31, 2**32 - 1])


@dataclass(frozen=True)
class Head:
    """The fields that begin a stream, or end it."""

    stream_id: int
    fields: list[tuple[str, str]]
    end: bool

    def encode(self, peer: Peer) -> bytes:
        """Return them as frames; each changes the table of fields."""
        return peer.heads(self.stream_id, peer.encoder.encode(self.fields), end=self.end)


def head(stream_id: int, method: str, path: str, some: list[tuple[str, str]], *, end: bool) -> Head:
    """Return the head of a request."""
    pseudo = [(":method", method), (":scheme", "http"), (":authority", "a"), (":path", path)]
    return Head(stream_id, pseudo + some, end)


heads = st.builds(head, ids, methods, paths, st.lists(fields, max_size=3), end=st.booleans())
trailers = st.builds(Head, ids, st.just([("x", "z")]), st.booleans())
bodies = st.builds(
    frames.data, ids, st.sampled_from([b"", b"x", b"abc", bytes(16_384)]), end=st.booleans()
)
plain = st.one_of(
    bodies,
    st.builds(frames.reset, ids, numbers),
    st.builds(frames.window_update, ids, numbers),
    st.builds(frames.priority, ids, ids),
    st.builds(lambda key, value: frames.settings((key, value)), st.integers(0, 10), numbers),
    st.builds(lambda ack: frames.ping(ack=ack), st.booleans()),
    st.builds(
        lambda last, code: frame(frames.GOAWAY, 0, 0, struct.pack(">II", last, code)), ids, numbers
    ),
    st.builds(frame, st.integers(0, 17), st.integers(0, 255), ids, st.binary(max_size=20)),
    st.binary(max_size=30),
)
Script: TypeAlias = Sequence[tuple[Head | bytes, float]]

pauses = st.sampled_from([0.0, 0.0, 0.5, 3.0, 20.0])
scripts = st.lists(st.tuples(st.one_of(heads, heads, trailers, plain), pauses), max_size=12)


async def run(script: Script, records: Records) -> None:
    """Send a script, then leave; and look at what has come of it."""
    framed = Framed()
    async with running(framed.app):
        async with speak(framed.app) as peer:
            for piece, pause in script:
                await peer.send(piece if isinstance(piece, bytes) else piece.encode(peer))
                await trio.sleep(pause)
                await peer.frames()
                if peer.state != "open":
                    break
            statuses = {answer.status for answer in peer.answers.values()}
            assert not statuses & set(range(500, 600)) - {501, 503}
            assert peer.state == "open" or peer.goaways
        await trio.sleep(20)
        assert framed.running == 0
        assert not framed.app.statistics().requests
        assert not framed.app.statistics().streams
        async with speak(framed.app) as other:
            assert (await other.ask(1)).text == "hello"
    assert not records.messages


@settings(max_examples=150)
@given(scripts)
def test_any_frames(script: Script) -> None:
    """A GOAWAY or answers; and the connection's tasks end with it."""
    records = Records()
    logger = logging.getLogger("hump_trio")
    logger.addHandler(records)
    try:
        trio.run(run, script, records, clock=MockClock(autojump_threshold=0))
    finally:
        logger.removeHandler(records)


deeds = st.one_of(
    st.tuples(
        st.just("ask"),
        st.sampled_from(["/", "/pause", "/large", "/stream", "/endless", "/unread", "/none"]),
        st.booleans(),
    ),
    st.tuples(st.just("data"), st.integers(0, 5), st.sampled_from([1, 1000, 16_384])),
    st.tuples(st.just("end"), st.integers(0, 5), st.just(0)),
    st.tuples(st.just("reset"), st.integers(0, 5), st.just(0)),
    st.tuples(st.just("window"), st.integers(0, 5), st.sampled_from([1, 1000, 100_000])),
    st.tuples(st.just("all windows"), st.sampled_from([0, 1, 5000, 1_000_000]), st.just(0)),
    st.tuples(st.just("room"), st.sampled_from([1, 1000, 1_000_000]), st.just(0)),
    st.tuples(st.just("sleep"), st.sampled_from([0, 1, 4]), st.just(0)),
    st.tuples(st.just("look"), st.just(0), st.just(0)),
)


async def converse(script: Sequence[tuple[str, Any, Any]], records: Records) -> None:
    """Do what clients do, in any order; in the end everybody has an answer."""
    framed = Framed()
    async with running(framed.app), speak(framed.app, initial_window_size=1000) as peer:
        bodies: dict[int, bool] = {}  # whether the body is still to come
        endless, left = set[int](), set[int]()
        for what, first, second in script:
            stream_id = [*bodies][first % len(bodies)] if bodies and isinstance(first, int) else 0
            if what == "ask":
                stream_id = 2 * len(bodies) + 1
                posts = first in ("/", "/stream", "/unread") and second
                method = "POST" if posts else "GET"
                await peer.send(peer.head(stream_id, method=method, path=first, end=not posts))
                bodies[stream_id] = posts
                if first in ("/endless", "/unread"):
                    endless.add(stream_id)
            elif what == "all windows":
                await peer.send(frames.settings(initial_window_size=first))
            elif what == "room":
                await peer.send(frames.window_update(0, first))
            elif what == "sleep":
                await trio.sleep(first)
            elif what == "look":
                await peer.frames()
            elif what == "window" and stream_id:
                await peer.send(frames.window_update(stream_id, second))
            elif what == "reset" and stream_id:
                await peer.send(frames.reset(stream_id))
                bodies[stream_id] = False
                endless.discard(stream_id)
                left.add(stream_id)
            elif what in ("data", "end") and bodies.get(stream_id):
                await peer.send(frames.data(stream_id, bytes(second), end=what == "end"))
                bodies[stream_id] = what == "data"
        await peer.send(frames.settings(initial_window_size=1_000_000))
        await peer.send(frames.window_update(0, 2**29))
        await peer.send(*(frames.reset(stream_id) for stream_id in endless))
        await peer.send(
            *(frames.data(n, end=True) for n, open in bodies.items() if open and n not in endless)
        )
        await trio.sleep(10)
        await peer.frames()
        for stream_id in bodies.keys() - endless:
            answer = peer.answers[stream_id]
            assert stream_id in left or answer.ended or answer.reset is not None, stream_id
            assert answer.status in (0, 200, 404, 405, 408)
        assert not framed.app.statistics().streams
        assert framed.running == 0
        if not peer.goaways:
            await peer.expect_open()
        else:
            assert [code for _, code in peer.goaways] == [ErrorCode.FLOW_CONTROL_ERROR]
    assert not records.messages


@given(st.lists(deeds, max_size=40))
def test_any_conversation(script: Sequence[tuple[str, Any, Any]]) -> None:
    """Requests side by side, cut and held up in any way: each is answered, or was given up."""
    records = Records()
    logger = logging.getLogger("hump_trio")
    logger.addHandler(records)
    try:
        trio.run(converse, script, records, clock=MockClock(autojump_threshold=0))
    finally:
        logger.removeHandler(records)
