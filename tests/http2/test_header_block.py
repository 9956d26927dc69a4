"""Header blocks as they come, in one frame or several."""

from hump_trio.facts.settings import Limits
from hump_trio.http2.failures import ErrorCode
from hump_trio.http2.header_block import CONTINUATION_COUNT, is_priority
from tests.support.driven_session import BOTH, GET, DrivenSession, fails
from tests.support.frames import (
    CONTINUATION,
    END_HEADERS,
    END_STREAM,
    HEADERS,
    PADDED,
    WITH_PRIORITY,
    frame,
)


def test_a_block_in_pieces() -> None:
    """It is one block, whatever its pieces are, and ends its request where HEADERS said so."""
    driven = DrivenSession()
    driven.feed(frame(HEADERS, END_STREAM, 1, GET[:2]), frame(CONTINUATION, 0, 1))
    assert driven.receiver.block is not None
    driven.feed(frame(CONTINUATION, END_HEADERS, 1, GET[2:]))
    assert driven.receiver.block is None
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


def test_a_block_has_a_size_with_its_last_piece() -> None:
    """What is too large is so whether it ends or not."""
    driven = DrivenSession(Limits(head_bytes=2**14))
    last = frame(CONTINUATION, END_HEADERS, 1, bytes(2**14))
    extra = frame(CONTINUATION, 0, 1, b"a")
    fails(driven, ErrorCode.ENHANCE_YOUR_CALM, frame(HEADERS, 0, 1, b"a" * 2**14), extra, last)


def test_a_priority_that_says_nothing() -> None:
    """It is whole, and its stream doesn't depend on itself (RFC 7540 section 5.3.1)."""
    assert is_priority(b"\x80\0\0\3\xff", 1)
    assert not is_priority(b"\x80\0\0\3\xff", 3)
    assert not is_priority(b"\x80\0\0\3", 1)
