"""Work grows as the bytes do, counted in bytes looked at: no clock."""

import re
from collections.abc import Callable, Iterable
from typing import Any, SupportsIndex, overload

import pytest

from hump_trio.facts.settings import Limits
from hump_trio.http1 import body, parser, section
from hump_trio.http1.section import SectionFinder
from tests.http1.corpus import CHUNKED_HEAD
from tests.http1.drive import bytewise, drain

# Bytes looked at for each byte fed: overlaps of a few, several finds, and the copy.
LOOKS_PER_BYTE = 24


class Tally:
    """Counts the bytes that were looked at."""

    def __init__(self) -> None:
        self.looks = 0


class CountingBuffer(bytearray):
    """A buffer that counts what is searched in it and copied out of it."""

    tally = Tally()

    def find(
        self,
        sub: Any,
        start: SupportsIndex | None = None,
        end: SupportsIndex | None = None,
        /,
    ) -> int:
        """Find, counting from the start to the place found."""
        found = super().find(sub, start, end)
        first, last, _ = slice(start, end).indices(len(self))
        self.tally.looks += max((last if found < 0 else found + len(sub)) - first, 0)
        return found

    @overload
    def __getitem__(self, key: SupportsIndex, /) -> int: ...

    @overload
    def __getitem__(self, key: slice, /) -> bytearray: ...

    def __getitem__(self, key: SupportsIndex | slice, /) -> int | bytearray:
        """Index or slice, counting the bytes copied."""
        if isinstance(key, slice):
            part = super().__getitem__(key)
            self.tally.looks += len(part)
            return part
        self.tally.looks += 1
        return super().__getitem__(key)


class CountingPattern:
    """A pattern that counts what is searched with it."""

    def __init__(self, pattern: re.Pattern[bytes], tally: Tally) -> None:
        self.pattern = pattern
        self.tally = tally

    def search(self, data: bytearray, pos: int, endpos: int) -> re.Match[bytes] | None:
        """Search, counting from the start to the end."""
        self.tally.looks += max(min(endpos, len(data)) - pos, 0)
        return self.pattern.search(data, pos, endpos)


@pytest.fixture
def tally(monkeypatch: pytest.MonkeyPatch) -> Tally:
    """Have the codec count what it looks at."""
    counted = Tally()
    monkeypatch.setattr(CountingBuffer, "tally", counted)
    # The parser makes its buffer by this name, which its module then finds before the builtin.
    monkeypatch.setattr(parser, "bytearray", CountingBuffer, raising=False)
    for module in (parser, section, body):
        pattern = CountingPattern(section.BAD_BYTE, counted)
        monkeypatch.setattr(module, "BAD_BYTE", pattern)
    return counted


def head(size: int) -> bytes:
    """Return a request with a head of about so many bytes, in many fields."""
    return b"GET / HTTP/1.1\r\nHost: a\r\n%b\r\n" % (b"X-Name: some value\r\n" * (size // 20))


def long_line(size: int) -> bytes:
    """Return a request with a target of so many bytes."""
    return b"GET /%b HTTP/1.1\r\nHost: a\r\n\r\n" % (b"a" * size)


def length_body(size: int) -> bytes:
    """Return a request with a body of so many bytes."""
    return b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % size + b"a" * size


def chunks(size: int) -> bytes:
    """Return a request with about so many bytes in chunks of one."""
    return CHUNKED_HEAD + b"1\r\na\r\n" * (size // 6) + b"0\r\n\r\n"


def long_chunk_lines(size: int) -> bytes:
    """Return a request with about so many bytes in chunks whose lines are nearly too long."""
    data = b"80;%b\r\n%b\r\n" % (b"x" * 240, b"a" * 128)
    return CHUNKED_HEAD + data * (size // len(data) + 1) + b"0\r\n\r\n"


def one_chunk(size: int) -> bytes:
    """Return a request with one chunk of so many bytes."""
    return CHUNKED_HEAD + b"%x\r\n%b\r\n0\r\n\r\n" % (size, b"a" * size)


def trailers(size: int) -> bytes:
    """Return a request with trailers of about so many bytes."""
    return CHUNKED_HEAD + b"0\r\n%b\r\n" % (b"X-Name: some value\r\n" * (size // 20))


def pipelined(size: int) -> bytes:
    """Return about so many bytes of small requests."""
    return b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * (size // 27)


def whole(data: bytes) -> Iterable[bytes]:
    """Return the bytes as one feed."""
    return [data]


@pytest.mark.parametrize("size", [500, 5000, 30_000])
@pytest.mark.parametrize("cut", [bytewise, whole])
@pytest.mark.parametrize(
    "build",
    [head, long_line, length_body, chunks, long_chunk_lines, one_chunk, trailers, pipelined],
)
def test_each_byte_is_looked_at_a_few_times(
    build: Callable[[int], bytes],
    cut: Callable[[bytes], Iterable[bytes]],
    size: int,
    tally: Tally,
) -> None:
    """Whole or byte by byte, the looks for each byte stay the same however many bytes come."""
    data = build(size)
    limits = Limits(header_count=2000, target_bytes=31_000, head_bytes=32_000)
    outcome = drain(cut(data), limits)
    assert outcome.status is None
    assert all(seen.whole for seen in outcome.requests)
    assert 0 < tally.looks <= LOOKS_PER_BYTE * len(data)


def test_a_section_is_not_searched_again(tally: Tally) -> None:
    """A long section that stays incomplete costs later calls only what is new."""
    reader, buffer = SectionFinder(100_000, 431), CountingBuffer(b"X: y\r\n" * 10_000)
    assert reader.take(buffer) is None
    assert reader.scanned == 60_000
    before = tally.looks
    for _ in range(1000):
        buffer += b"Z"
        assert reader.take(buffer) is None
    assert tally.looks - before <= 1000 * LOOKS_PER_BYTE
