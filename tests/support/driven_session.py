"""Drives a session of HTTP/2 without a server around it, and reads what it sends by hyperframe.

What a server does with a head is done here in the simplest way: it becomes a stream, if the request
is well-formed.
"""

import struct
from typing import Any

import pytest
from hyperframe.frame import Frame

from hump_trio.facts.settings import Limits
from hump_trio.http2.failures import ConnectionFailure, ErrorCode, StreamFailure
from hump_trio.http2.frames import FRAME_BYTES
from hump_trio.http2.messages import RequestHead, parse_request
from hump_trio.http2.receiver import Receiver
from hump_trio.http2.session import Session
from hump_trio.http2.streams import Stream
from tests.support.frames import END_HEADERS, END_STREAM, HEADERS, PRIORITY_UPDATE, SETTINGS, frame

__all__ = [
    "BOTH",
    "GET",
    "POST",
    "DrivenSession",
    "count_before_calm",
    "fails",
    "get",
    "literal",
    "post",
    "priority_update",
    "read_frames",
]

# Header blocks that leave the table as it is: ``GET /``, and ``POST /``, of the host ``a``.
GET = b"\x82\x86\x84\x01\x01a"
POST = b"\x83\x86\x84\x01\x01a"
BOTH = END_HEADERS | END_STREAM


def read_frames(data: bytes) -> list[Any]:
    """Read some bytes as frames, which hyperframe finds well-formed."""
    frames: list[Any] = []
    while data:
        each, length = Frame.parse_frame_header(memoryview(data[:9]), strict=True)
        assert length <= FRAME_BYTES
        assert len(data) >= 9 + length
        each.parse_body(memoryview(data[9 : 9 + length]))
        frames.append(each)
        data = data[9 + length :]
    return frames


class DrivenSession:
    """A session, and the client at its other end.

    Args:
        limits: Those of the session.
        greeted: Whether both sides have said what they begin with.

    Attributes:
        session: The session.
        receiver: What takes in the frames of its client.
        now: The time.
        streams: Every stream that was ever opened, by its number.
        heads: The request of each of them.
    """

    def __init__(self, limits: Limits | None = None, *, greeted: bool = True) -> None:
        self.limits: Limits = limits or Limits()
        self.session: Session = Session(self.limits, 0.0)
        self.receiver: Receiver = Receiver(self.session)
        self.now: float = 0.0
        self.streams: dict[int, Stream] = {}
        self.heads: dict[int, RequestHead] = {}
        if greeted:
            self.session.greet()
            self.feed(frame(SETTINGS))
            self.frames()

    def feed(self, *frames: bytes) -> None:
        """Let the session receive frames, and open the streams that they begin."""
        data = b"".join(frames)
        while data:
            length = int.from_bytes(data[:3], "big")
            new = self.receiver.receive(
                data[3], data[4], int.from_bytes(data[5:9], "big"), data[9 : 9 + length], self.now
            )
            data = data[9 + length :]
            if new is None:
                continue
            try:
                head = parse_request(new.fields, self.limits)
            except StreamFailure as failure:
                self.session.reset(new.stream_id, failure.code, self.now)
                continue
            stream = Stream(
                new.stream_id,
                self.session.initial_window,
                content_length=head.content_length,
                input_ended=new.ends,
            )
            self.session.open(stream, dict(head.fields).get("priority"))
            self.streams[new.stream_id], self.heads[new.stream_id] = stream, head

    def frames(self) -> list[Any]:
        """Return what the session has sent since the last call."""
        out = b"".join(self.session.out)
        self.session.out.clear()
        return read_frames(out)

    def resets(self) -> list[tuple[int, ErrorCode]]:
        """Return the streams that were reset since the last call, and why."""
        return [
            (each.stream_id, ErrorCode(each.error_code))
            for each in self.frames()
            if each.type == 0x3
        ]


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
