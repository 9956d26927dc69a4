"""What streams have to send, framed in the order of their priorities (RFC 9218 section 10)."""

from hump_trio.http2.frames import (
    DATA,
    END_STREAM,
    FRAME_BYTES,
    HEADER_BYTES,
    encode_headers,
    pack_header,
)
from hump_trio.http2.streams import Stream

__all__ = ["Sources", "parse_priority"]


class Sources:
    """The streams of a connection that have something to send, as far as it isn't framed.

    A stream of lower urgency number goes first. Among equals those that aren't incremental go one
    after the other by their number, and the incremental ones in turn after them.

    Attributes:
        window: What may be sent on the connection. The receiver adds to it, and whoever frames
            a body takes away.
        granted_bytes: By how much the peer has opened that; written by the receiver.
        streams: Those that have something to send. Of the incremental ones, the one that was
            served last is the last one.
        data_frame_count: How many frames of DATA were made.
    """

    __slots__ = ("data_frame_count", "granted_bytes", "streams", "window")

    def __init__(self, window: int) -> None:
        self.window: int = window
        self.granted_bytes: int = 0
        self.data_frame_count: int = 0
        self.streams: list[Stream] = []

    def add(self, stream: Stream, data: bytes, *, ends: bool, trailer_block: bytes = b"") -> None:
        """Take something to send; the stream has nothing else to send.

        Args:
            stream: Whose it is.
            data: Bytes that don't change.
            ends: Whether they are the last ones of the answer.
            trailer_block: The encoded trailers that end the answer; empty for none.
        """
        assert stream.source is None, "one source after the other"
        stream.source = memoryview(data)
        stream.source_ends = ends
        stream.trailer_block = trailer_block
        self.streams.append(stream)

    def discard(self, stream: Stream) -> None:
        """Forget what a stream has to send, if it has anything."""
        if stream.source is not None:
            stream.source = None
            self.streams.remove(stream)

    def frame(self, out: list[bytes | memoryview], room: int) -> int:
        """Frame as much as windows and some room allow; return the payload's length in bytes.

        Args:
            out: Takes the frames, in their order.
            room: Bytes; the last frame may exceed them.
        """
        payload_bytes = 0
        while payload_bytes < room and self.streams:
            stream = self._next()
            if stream is None:
                break
            turn_bytes = FRAME_BYTES if stream.incremental else room - payload_bytes
            payload_bytes += self._frame_part(stream, out, turn_bytes)
        return payload_bytes

    def frame_now(
        self, stream: Stream, data: bytes | memoryview, out: list[bytes | memoryview]
    ) -> None:
        """Frame bytes that have room in both windows, of a stream that has nothing else to send.

        Args:
            stream: Whose they are.
            data: Bytes that don't change.
            out: Takes the frames.
        """
        size, stream_id = len(data), stream.stream_id
        frame_count = -(-size // FRAME_BYTES)
        if frame_count == 1:
            out += pack_header(size << 8 | DATA, 0, stream_id), data
        else:
            view = memoryview(data)
            for start in range(0, size, FRAME_BYTES):
                part = view[start : start + FRAME_BYTES]
                out += pack_header(len(part) << 8 | DATA, 0, stream_id), part
        self.data_frame_count += frame_count
        stream.framed_bytes += size + frame_count * HEADER_BYTES
        self.window -= size
        stream.window -= size

    def _next(self) -> Stream | None:
        """Return the stream whose turn it is; None if windows keep all of them waiting."""
        ready = [
            stream
            for stream in self.streams
            if not stream.source or (stream.window > 0 and self.window > 0)
        ]
        return min(ready, key=rank) if ready else None

    def _frame_part(self, stream: Stream, out: list[bytes | memoryview], room: int) -> int:
        """Frame the next part of a stream's source, and return its length in bytes."""
        source, stream_id = stream.source, stream.stream_id
        assert source is not None
        frame_count = -(-room // FRAME_BYTES)
        windows = max(stream.window, 0), max(self.window, 0)
        count = min(len(source), frame_count * FRAME_BYTES, *windows)
        over = count == len(source)
        ends = over and stream.source_ends and not stream.trailer_block
        if count or ends:
            full_header = pack_header(FRAME_BYTES << 8 | DATA, 0, stream_id)
            last = max(count - 1, 0) // FRAME_BYTES * FRAME_BYTES
            for start in range(0, last, FRAME_BYTES):
                out += full_header, source[start : start + FRAME_BYTES]
            flags = END_STREAM if ends else 0
            out += pack_header((count - last) << 8 | DATA, flags, stream_id), source[last:count]
            made_count = last // FRAME_BYTES + 1
            self.window -= count
            stream.window -= count
            stream.framed_bytes += count + made_count * HEADER_BYTES
            self.data_frame_count += made_count
        if over:
            self.discard(stream)
            if stream.trailer_block:
                trailers = encode_headers(stream_id, stream.trailer_block, ends=True)
                stream.framed_bytes += len(trailers)
                out.append(trailers)
            stream.notice_framed()
        else:
            stream.source = source[count:]
            if stream.incremental:
                self.streams.remove(stream)
                self.streams.append(stream)
        return count


def rank(stream: Stream) -> tuple[int, bool, int]:
    """Return what orders streams; incremental ones stand in the order of their turns."""
    return stream.urgency, stream.incremental, 0 if stream.incremental else stream.stream_id


def parse_priority(text: str) -> tuple[int, bool]:
    """Return urgency and whether a response is incremental, out of a ``priority`` field.

    What can't be read is ignored, and the defaults hold: 3, and not incremental.

    Source: RFC 9218 sections 4 and 5.
    """
    urgency, incremental = 3, False
    for each in text.split(","):
        key, _, value = each.partition(";")[0].strip(" ").partition("=")
        if key == "u" and len(value) == 1 and value in "01234567":
            urgency = int(value)
        elif key == "i" and value in ("", "?1", "?0"):
            incremental = value != "?0"
    return urgency, incremental
