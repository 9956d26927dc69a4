"""Bodies of requests: by length, or chunked."""

import re

from hump_trio.facts.exceptions import HttpParserError
from hump_trio.facts.grammar import TOKEN
from hump_trio.facts.overhead import excuse_overhead
from hump_trio.facts.settings import Limits
from hump_trio.http1.section import BAD_BYTE, SectionFinder, holds_bad_byte, parse_fields
from hump_trio.messages.framing import FORBIDDEN_TRAILERS
from hump_trio.messages.headers import FieldLines

__all__ = ["ChunkedBody", "LengthBody"]

# The longest line of a chunk: a size with a few extensions. Only attackers send longer ones.
CHUNK_LINE_BYTES = 256
# RFC 9112 section 7.1: chunk-size [ chunk-ext ]; 16 hex digits hold any 64-bit size.
QUOTED = r"\"(?:[\t !#-\[\]-~\x80-\xff]|\\[\t -~\x80-\xff])*\""
EXTENSION = rf"[ \t]*;[ \t]*{TOKEN.pattern}(?:[ \t]*=[ \t]*(?:{TOKEN.pattern}|{QUOTED}))?"
CHUNK_LINE = re.compile(rf"([0-9A-Fa-f]{{1,16}})(?:{EXTENSION})*".encode())
# The cap on framing that data doesn't excuse (see `facts.overhead`). Each chunk excuses some, and
# twice its size: a body sent a byte a chunk passes, one that is mostly extensions doesn't.
OVERHEAD_BYTES = 16 * 1024
EXCUSED_BYTES = 16


class LengthBody:
    """A body of a known number of bytes.

    Args:
        content_length: The bytes of the body.

    Attributes:
        remaining_bytes: The bytes that are still to come.
    """

    __slots__ = ("remaining_bytes",)

    def __init__(self, content_length: int) -> None:
        self.remaining_bytes: int = content_length

    def parse(self, buffer: bytearray) -> bytes | None:
        """Take bytes of the body off the buffer; empty at its end; None: more are needed."""
        if not self.remaining_bytes:
            return b""
        if not buffer:
            return None
        part = take(buffer, self.remaining_bytes)
        self.remaining_bytes -= len(part)
        return part


class ChunkedBody:
    """A chunked body (RFC 9112 section 7.1).

    Args:
        limits: The caps for heads, which apply to trailers too.

    Attributes:
        trailers: The trailer fields; empty until the body's end was parsed.
    """

    __slots__ = (
        "_header_count",
        "_overhead_bytes",
        "_scanned",
        "_section",
        "_state",
        "_within_bytes",
        "trailers",
    )

    def __init__(self, limits: Limits) -> None:
        self.trailers: FieldLines = []
        self._header_count = limits.header_count
        self._section = SectionFinder(limits.head_bytes, 400)
        self._within_bytes = 0
        self._overhead_bytes = 0
        self._scanned = 0
        self._state = ChunkedBody._parse_line

    def parse(self, buffer: bytearray) -> bytes | None:
        """Take bytes of the body off the buffer; empty at its end; None: more are needed.

        Raises:
            HttpParserError: 400, a chunk or the trailers are malformed or too large.
        """
        while True:
            state = self._state
            part = state(self, buffer)
            if part is not None or state is self._state:
                return part

    @property
    def remaining_bytes(self) -> int | None:
        """The bytes still to come: 0 at the body's end, None before it, as that can't be known."""
        return 0 if self._state is ChunkedBody._parse_end else None

    def _parse_line(self, buffer: bytearray) -> bytes | None:
        end = buffer.find(b"\r\n", max(self._scanned - 1, 0), CHUNK_LINE_BYTES)
        if end < 0:
            if BAD_BYTE.search(buffer, max(self._scanned - 1, 0), CHUNK_LINE_BYTES):
                raise HttpParserError(400, "a malformed chunk")
            if len(buffer) >= CHUNK_LINE_BYTES:
                raise HttpParserError(400, "a chunk's line is too long")
            self._scanned = len(buffer)
            return None
        found = CHUNK_LINE.fullmatch(buffer, 0, end)
        if found is None:
            raise HttpParserError(400, "a malformed chunk")
        size = int(found[1], 16)
        del buffer[: end + 2]
        self._scanned = 0
        framing_bytes = end + 4  # the line, its end, and that of the data
        self._overhead_bytes = excuse_overhead(
            self._overhead_bytes + framing_bytes, EXCUSED_BYTES + 2 * size
        )
        if self._overhead_bytes > OVERHEAD_BYTES:
            raise HttpParserError(400, "chunks with hardly any data")
        self._within_bytes = size
        self._state = ChunkedBody._parse_data if size else ChunkedBody._parse_trailers
        return None

    def _parse_data(self, buffer: bytearray) -> bytes | None:
        if not buffer:
            return None
        part = take(buffer, self._within_bytes)
        self._within_bytes -= len(part)
        if not self._within_bytes:
            self._state = ChunkedBody._parse_data_end
        return part

    def _parse_data_end(self, buffer: bytearray) -> bytes | None:
        if not b"\r\n".startswith(buffer[:2]):
            raise HttpParserError(400, "a chunk without its end")
        if len(buffer) >= 2:
            del buffer[:2]
            self._state = ChunkedBody._parse_line
        return None

    def _parse_trailers(self, buffer: bytearray) -> bytes | None:
        if buffer.startswith(b"\r\n"):
            del buffer[:2]
        else:
            section = self._section.take(buffer)
            if section is None:
                return None
            self.trailers = parse_trailers(section, self._header_count)
        self._state = ChunkedBody._parse_end
        return b""

    def _parse_end(self, buffer: bytearray) -> bytes | None:
        return b""


def take(buffer: bytearray, most_bytes: int) -> bytes:
    """Take bytes off a buffer, up to a number of them, by copying them once."""
    assert most_bytes > 0
    with memoryview(buffer) as view:
        part = bytes(view[:most_bytes])
    del buffer[: len(part)]
    return part


def parse_trailers(section: bytes, header_count: int) -> FieldLines:
    """Parse a trailer section without its empty line.

    Raises:
        HttpParserError: 400 for a malformed section, or a field that must not be a trailer.
    """
    if holds_bad_byte(section):
        raise HttpParserError(400, "a byte that doesn't belong in trailers")
    fields = parse_fields(section.decode("latin-1").split("\r\n"), header_count, 400)
    if any(name in FORBIDDEN_TRAILERS for name, _ in fields):
        raise HttpParserError(400, "a field that must not be a trailer")
    return fields
