"""Bodies by length and in chunks, on their own."""

import pytest

from hump_trio.facts.exceptions import HttpParserError
from hump_trio.facts.settings import Limits
from hump_trio.http1.body import (
    CHUNK_LINE_BYTES,
    OVERHEAD_BYTES,
    ChunkedBody,
    LengthBody,
)
from hump_trio.messages.framing import FORBIDDEN_TRAILERS


def chunks_of(data: bytes) -> bytes | None:
    """Return a chunked body fed at once; None if it isn't complete."""
    body, buffer, whole = ChunkedBody(Limits()), bytearray(data), b""
    while part := body.parse(buffer):
        whole += part
    return whole if part is not None else None


def test_no_body() -> None:
    """A length of nothing is over at once and takes nothing."""
    buffer = bytearray(b"next")
    assert LengthBody(0).parse(buffer) == b""
    assert buffer == b"next"


def test_a_body_by_length() -> None:
    """Parts come as they arrive, and not a byte of the next request with them."""
    body, buffer = LengthBody(5), bytearray()
    assert body.parse(buffer) is None
    buffer += b"ab"
    assert body.parse(buffer) == b"ab"
    assert body.parse(buffer) is None
    buffer += b"cdeGET"
    assert body.parse(buffer) == b"cde"
    assert body.parse(buffer) == b""
    assert buffer == b"GET"


def test_a_length_beyond_any_buffer() -> None:
    """A length past what an index can hold takes what is there."""
    body = LengthBody(10**19)
    assert body.parse(bytearray(b"ab")) == b"ab"
    assert body.remaining_bytes == 10**19 - 2


def test_a_chunked_body_in_parts() -> None:
    """Parts come before their chunk is complete; the end comes once and is repeated."""
    body, buffer = ChunkedBody(Limits()), bytearray(b"5\r\nab")
    assert body.parse(buffer) == b"ab"
    assert body.parse(buffer) is None
    buffer += b"cde\r\n0\r\nX: y\r\n\r\nnext"
    assert body.parse(buffer) == b"cde"
    assert body.trailers == []
    assert body.parse(buffer) == b""
    assert body.parse(buffer) == b""
    assert body.trailers == [("x", "y")]
    assert buffer == b"next"


def test_the_largest_chunk_size() -> None:
    """Sixteen digits are a size, whose data is awaited; nothing is set aside for it."""
    body, buffer = ChunkedBody(Limits()), bytearray(b"ffffffffffffffff\r\nab")
    assert body.parse(buffer) == b"ab"
    assert body.parse(buffer) is None
    assert not buffer


def test_what_remains_of_a_chunked_body() -> None:
    """Nobody can know until the last trailer has come; then it is nothing."""
    body, buffer = ChunkedBody(Limits()), bytearray(b"1\r\na\r\n0\r\n")
    assert body.remaining_bytes is None
    assert body.parse(buffer) == b"a"
    assert body.parse(buffer) is None
    assert body.remaining_bytes is None
    buffer += b"\r\n"
    assert body.parse(buffer) == b""
    assert body.remaining_bytes == 0


@pytest.mark.parametrize("data", [b"", b"3", b"3\r", b"3\r\n", b"0\r\n", b"0\r\n\r", b"0\r\nX"])
def test_more_is_needed(data: bytes) -> None:
    """What may still become a chunk is waited for."""
    assert chunks_of(data) is None


@pytest.mark.parametrize(
    "data", [b"3;" + b"a" * (CHUNK_LINE_BYTES - 2), b"3;\x00", b"3\nab", b"3\rab"]
)
def test_a_hopeless_chunk_line_is_not_waited_for(data: bytes) -> None:
    """A line that is too long, or holds a byte it can't hold, is refused before it ends."""
    with pytest.raises(HttpParserError) as caught:
        chunks_of(data)
    assert caught.value.status == 400


@pytest.mark.parametrize("size", [1, 2, 16])
def test_small_chunks_are_excused(size: int) -> None:
    """A body sent a few bytes a chunk passes, whatever its length."""
    chunk = b"%x\r\n%b\r\n" % (size, b"a" * size)
    count = 2 * OVERHEAD_BYTES
    assert chunks_of(chunk * count + b"0\r\n\r\n") == b"a" * size * count


@pytest.mark.parametrize(
    "chunk", [b"1;%b\r\na\r\n" % (b"x" * 200), b"1;a=b;c=d;e=f;g=h;i=j\r\na\r\n"], ids=len
)
def test_chunks_that_are_mostly_extensions(chunk: bytes) -> None:
    """CVE-2023-39326: lines that dwarf their data are refused once they add up."""
    tolerated = OVERHEAD_BYTES // len(chunk)
    assert chunks_of(chunk * tolerated + b"0\r\n\r\n") == b"a" * tolerated
    with pytest.raises(HttpParserError) as caught:
        chunks_of(chunk * 4 * tolerated)
    assert caught.value.status == 400


def test_data_pays_for_extensions() -> None:
    """Long lines before long chunks are no attack."""
    chunk = b"80;%b\r\n%b\r\n" % (b"x" * 200, b"a" * 128)
    assert chunks_of(chunk * 1000 + b"0\r\n\r\n") == b"a" * 128_000


@pytest.mark.parametrize("name", sorted(FORBIDDEN_TRAILERS))
def test_forbidden_trailers(name: str) -> None:
    """What frames, routes, authenticates or describes must not come late (RFC 9110 6.5.1)."""
    line = name.title().encode("ascii")
    with pytest.raises(HttpParserError) as caught:
        chunks_of(b"0\r\nX: y\r\n%b: z\r\n\r\n" % line)
    assert caught.value.status == 400


@pytest.mark.parametrize(
    ("lines", "refused"),
    [
        (b"X: y\r\n" * 100, False),
        (b"X: y\r\n" * 101, True),
        (b"X: %b\r\n" % (b"y" * (32768 - 7)), False),
        (b"X: %b\r\n" % (b"y" * (32768 - 6)), True),
    ],
    ids=["count-fits", "count-too-many", "bytes-fit", "bytes-too-many"],
)
def test_trailers_are_bound_by_the_limits_of_a_head(lines: bytes, refused: bool) -> None:
    """Trailers past a head's limits are 400: it is too late for another status."""
    if not refused:
        assert chunks_of(b"0\r\n%b\r\n" % lines) == b""
        return
    with pytest.raises(HttpParserError) as caught:
        chunks_of(b"0\r\n%b\r\n" % lines)
    assert caught.value.status == 400
