"""Drives a session of HTTP/2 without a server around it, and reads what it sends by hyperframe.

What a server does with a head is done here in the simplest way: it becomes a stream, if the request
is well-formed.
"""

from typing import Any

from hyperframe.frame import Frame

from hump_trio.facts.settings import Limits
from hump_trio.http2.failures import ErrorCode, StreamFailure
from hump_trio.http2.frames import FRAME_BYTES
from hump_trio.http2.messages import RequestHead, parse_request
from hump_trio.http2.session import Session
from hump_trio.http2.streams import Stream
from tests.support.frames import SETTINGS, frame

__all__ = ["GET", "POST", "DrivenSession", "read_frames"]

# Header blocks that leave the table as it is: ``GET /``, and ``POST /``, of the host ``a``.
GET = b"\x82\x86\x84\x01\x01a"
POST = b"\x83\x86\x84\x01\x01a"


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
        now: The time.
        streams: Every stream that was ever opened, by its number.
        heads: The request of each of them.
    """

    def __init__(self, limits: Limits | None = None, *, greeted: bool = True) -> None:
        self.limits: Limits = limits or Limits()
        self.session: Session = Session(self.limits, 0.0)
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
            new = self.session.receive(
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
