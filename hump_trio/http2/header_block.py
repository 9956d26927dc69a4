"""A header block as it comes: HEADERS, and CONTINUATIONs behind them where it is long.

Source: RFC 9113 sections 4.3, 6.2 and 6.10.
"""

from dataclasses import dataclass

from hump_trio.http2.failures import ConnectionFailure, ErrorCode, violation
from hump_trio.http2.frames import END_STREAM, WITH_PRIORITY, read_number, unpad

__all__ = ["PRIORITY_BYTES", "HeaderBlock", "is_priority", "parse_headers"]

# A head of eight frames is longer than any allowed one; empty ones are the attack.
CONTINUATION_COUNT = 8
PRIORITY_BYTES = 5


@dataclass(slots=True)
class HeaderBlock:
    """A header block, as far as it has come.

    Args:
        stream_id: The stream that its fields belong to.
        data: What has come of it.
        ends: Whether nothing follows on the stream.
        loops: Whether it says that the stream depends on itself.
        continuation_count: How many frames have come behind the first one.
    """

    stream_id: int
    data: bytes
    ends: bool
    loops: bool
    continuation_count: int = 0

    def add(self, payload: bytes, most_bytes: int, *, whole: bool) -> None:
        """Take in a CONTINUATION.

        Args:
            payload: What it brings.
            most_bytes: How long the block may be.
            whole: Whether it is the last one.

        Raises:
            ConnectionFailure: The block is too long, or of too many frames.

        Source: CVE-2024-27316.
        """
        self.data += payload
        self.continuation_count += 1
        too_many = self.continuation_count >= CONTINUATION_COUNT and not whole
        if too_many or len(self.data) > most_bytes:
            raise ConnectionFailure(ErrorCode.ENHANCE_YOUR_CALM, "a header block without end")


def parse_headers(flags: int, stream_id: int, payload: bytes) -> HeaderBlock:
    """Return the block that HEADERS begin.

    Raises:
        ConnectionFailure: The stream is none of a client, or the payload is too short for what the
            flags announce.
    """
    if not stream_id & 1:
        raise violation("HEADERS on a stream that a client can't begin")
    data, loops = unpad(flags, payload), False
    if flags & WITH_PRIORITY:
        if len(data) < PRIORITY_BYTES:
            raise ConnectionFailure(ErrorCode.FRAME_SIZE_ERROR, "HEADERS without its priority")
        loops = read_number(data) == stream_id
        data = data[PRIORITY_BYTES:]
    return HeaderBlock(stream_id, data, bool(flags & END_STREAM), loops)


def is_priority(payload: bytes, stream_id: int) -> bool:
    """Tell whether HEADERS begin with a priority of RFC 7540 that needn't be looked at."""
    return len(payload) >= PRIORITY_BYTES and read_number(payload) != stream_id
