"""The requests of one connection, pulled from the bytes that were fed so far."""

import string

from hump_trio.facts.exceptions import HttpParserError
from hump_trio.facts.settings import Limits
from hump_trio.http1.body import ChunkedBody, LengthBody
from hump_trio.http1.head import (
    LINE_SLACK_BYTES,
    RequestHead,
    parse_head,
    parse_request_line,
)
from hump_trio.http1.section import BAD_BYTE, SectionFinder
from hump_trio.messages.headers import FieldLines
from hump_trio.messages.target import RequestLine

__all__ = ["RESERVED_HEAD", "RequestParser"]

# RFC 9112 section 2.2 wants servers to ignore an empty line before a request; clients send one or
# two.
BLANK_BYTES = 16
CR = 0x0D
# What a client of HTTP/2 begins with that hasn't agreed on a protocol before: a head that nobody
# sends in HTTP/1.1, where no version is 2.0 (RFC 9113 section 3.4).
RESERVED_HEAD = b"PRI * HTTP/2.0\r\n\r\n"
# Bytes that a method begins with, or an empty line before it.
LINE_STARTS = frozenset(b"!#$%&'*+.^_`|~-\r" + string.ascii_letters.encode() + b"0123456789")
LETTERS = frozenset(string.ascii_letters.encode())
NO_BODY = LengthBody(0)


class RequestParser:
    """Parses one request after the other: feed it bytes, then pull heads and bodies.

    Call `parse_head` until it returns a head, then `parse_body` until it returns empty bytes,
    then `parse_head` again. None means that more bytes must be fed. In whatever pieces the bytes
    arrive, each is looked at twice at most, and the buffer never holds more than a head and one
    feed. After an `HttpParserError` the parser must not be used again.

    Args:
        limits: The caps for heads and trailers. The caller of `parse_body` caps bodies.
    """

    __slots__ = (
        "_blank_bytes",
        "_body",
        "_buffer",
        "_limits",
        "_line",
        "_section",
        "_window_bytes",
    )

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._buffer = bytearray()
        self._section = SectionFinder(limits.head_bytes, 431)
        self._body: LengthBody | ChunkedBody = NO_BODY
        self._blank_bytes = 0
        self._line: RequestLine | None = None
        self._window_bytes = min(limits.target_bytes + LINE_SLACK_BYTES, limits.head_bytes)

    def feed(self, data: bytes | bytearray) -> None:
        """Add bytes from the wire."""
        self._buffer += data

    @property
    def buffered_bytes(self) -> int:
        """The number of bytes that were fed and not yet parsed."""
        return len(self._buffer)

    @property
    def started(self) -> bool:
        """Whether bytes of the next request have been fed; empty lines before it don't count.

        The value is meaningful after `parse_head` has returned None.
        """
        return bool(self._buffer) and self._buffer[0] != CR

    @property
    def may_be_reserved(self) -> bool:
        """Whether all that was fed is the beginning of `RESERVED_HEAD`, or begins with it whole.

        The value is meaningful before the first call of `parse_head`.
        """
        start = self._buffer[: len(RESERVED_HEAD)]
        return RESERVED_HEAD.startswith(start)

    def take_all(self) -> bytes:
        """Take everything that was fed and isn't parsed, for another parser."""
        taken = bytes(self._buffer)
        self._buffer.clear()
        return taken

    @property
    def trailers(self) -> FieldLines:
        """The trailers of the body that was parsed last."""
        return self._body.trailers if isinstance(self._body, ChunkedBody) else []

    @property
    def remaining_bytes(self) -> int | None:
        """The bytes of the body that are still to be parsed; None: that can't be known yet."""
        return self._body.remaining_bytes

    def parse_head(self) -> RequestHead | None:
        """Return the next request's head; None: more bytes are needed.

        Raises:
            HttpParserError: 400, 413, 414, 431, 501 or 505, as `hump_trio.http1.head.parse_head`
                and `parse_request_line` raise.
        """
        line = None
        section = self._take_at_once()
        if section is None:
            line = self._line or self._parse_line()
            section = self._section.take(self._buffer) if self.started else None
            if section is None or line is None:
                return None
        self._line = None
        self._blank_bytes = 0
        head = parse_head(section, self._limits, line)
        if head.chunked:
            self._body = ChunkedBody(self._limits)
        else:
            self._body = LengthBody(head.content_length) if head.content_length else NO_BODY
        return head

    def parse_body(self) -> bytes | None:
        """Return the body's next bytes; empty at its end; None: more bytes are needed.

        Raises:
            HttpParserError: 400, the framing of the body is malformed.
        """
        return self._body.parse(self._buffer)

    def _take_at_once(self) -> bytes | None:
        """Take a head that is in the buffer as a whole, as nearly all are, and return it.

        This saves 0.6 µs for a request. A head that is incomplete, too long or begins with another
        byte than a letter is left to be parsed step by step.
        """
        buffer = self._buffer
        if self._section.scanned or not buffer or buffer[0] not in LETTERS:
            return None
        if buffer.find(b"\r\n", 0, self._window_bytes) < 0:
            return None
        end = buffer.find(b"\r\n\r\n", 0, self._limits.head_bytes)
        if end < 0:
            return None
        section = bytes(buffer[:end])
        del buffer[: end + 4]
        return section

    def _parse_line(self) -> RequestLine | None:
        """Parse the request line as soon as it is complete; its bytes stay in the buffer."""
        buffer, scanned = self._buffer, self._section.scanned
        if not scanned:
            if buffer.startswith(b"\r"):
                self._skip_blank_lines()
            if buffer and buffer[0] not in LINE_STARTS:
                raise HttpParserError(400, "a malformed request line")
        window = self._window_bytes
        end = buffer.find(b"\r\n", max(scanned - 1, 0), window)
        if end >= 0:
            self._line = parse_request_line(
                buffer[:end].decode("latin-1"), self._limits.target_bytes
            )
        elif len(buffer) >= window:
            if BAD_BYTE.search(buffer, max(scanned - 1, 0), window):
                raise HttpParserError(400, "a malformed request line")
            raise HttpParserError(414, "the request target is too long")
        return self._line

    def _skip_blank_lines(self) -> None:
        """Drop empty lines before a request, up to a cap (RFC 9112 section 2.2)."""
        buffer = self._buffer
        while buffer.startswith(b"\r\n"):
            del buffer[:2]
            self._blank_bytes += 2
            if self._blank_bytes > BLANK_BYTES:
                raise HttpParserError(400, "too many empty lines before a request")
        if len(buffer) > 1 and buffer[0] == CR:
            raise HttpParserError(400, "a malformed request line")
