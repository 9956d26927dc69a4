"""Sections of field lines: a head, or the trailers of a chunked body.

Bytes that two parsers could read differently are refused, never repaired (RFC 9112 section 11).
"""

import re

from hump_trio.facts.exceptions import HttpParserError
from hump_trio.facts.grammar import TOKEN
from hump_trio.http1.memo import MEMO, Memo, remember
from hump_trio.messages.headers import FieldLines

__all__ = [
    "BAD_BYTE",
    "SectionFinder",
    "holds_bad_byte",
    "learn_name",
    "parse_fields",
]

# A control character except tab, or a CR or LF that isn't part of a CRLF (RFC 9112 section 2.2). A
# CR at the very end may still become part of a CRLF.
BAD_BYTE = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|[^\r]\n|\r[^\n]")
CLEAN_BYTES = bytes({*range(0x20, 0x100), 0x09} - {0x7F})


class SectionFinder:
    """Finds the empty line that ends a section, looking at each byte once.

    Args:
        limit_bytes: The most bytes of a section with its empty line.
        status: The status that a longer section is answered with.

    Attributes:
        scanned: The bytes at the start of the buffer that were looked at already.
    """

    __slots__ = ("limit_bytes", "scanned", "status")

    def __init__(self, limit_bytes: int, status: int) -> None:
        self.limit_bytes: int = limit_bytes
        self.status: int = status
        self.scanned: int = 0

    def take(self, buffer: bytearray) -> bytes | None:
        """Take a whole section off the buffer, and return it without its empty line.

        None means that more bytes are needed.

        Raises:
            HttpParserError: 400 for a byte that no section may hold, or ``status`` for a section
                that is too long.
        """
        end = buffer.find(b"\r\n\r\n", max(self.scanned - 3, 0), self.limit_bytes)
        if end < 0:
            self.check_incomplete(buffer)
            return None
        section = bytes(buffer[:end])
        del buffer[: end + 4]
        self.scanned = 0
        return section

    def check_incomplete(self, buffer: bytearray) -> None:
        """Refuse an incomplete section that no further byte can make valid."""
        if BAD_BYTE.search(buffer, max(self.scanned - 1, 0), self.limit_bytes):
            raise HttpParserError(400, "a byte that doesn't belong in a head")
        if len(buffer) >= self.limit_bytes:
            raise HttpParserError(self.status, "the header section is too large")
        self.scanned = len(buffer)


def holds_bad_byte(section: bytes) -> bool:
    """Tell whether a section holds a control byte, or a CR or LF on its own.

    If it doesn't, deleting the clean bytes leaves exactly the bytes of its CRLFs. Counting them
    takes half the time of searching `BAD_BYTE` for a plain head, an eighth for a browser's.
    """
    return len(section.translate(None, CLEAN_BYTES)) != 2 * section.count(b"\r\n")


def parse_fields(lines: list[str], header_count: int, status: int, memo: Memo = MEMO) -> FieldLines:
    """Parse field lines into lower-cased names and stripped values (RFC 9112 section 5).

    Args:
        lines: The lines without their CRLF, decoded as ISO 8859-1; none holds a bad byte (see
            `holds_bad_byte`).
        header_count: The most lines.
        status: The status that more lines are answered with.
        memo: Names that were read before.

    Raises:
        HttpParserError: 400 for a line without a colon, with a name that isn't a token (space
            before the colon, obs-fold), or ``status`` for too many lines.
    """
    if len(lines) > header_count:
        raise HttpParserError(status, "too many header fields")
    known_name = memo.names.get
    fields = []
    for line in lines:
        name, colon, value = line.partition(":")
        lowered = (known_name(name) or learn_name(name, memo)) if colon else None
        if lowered is None:
            raise HttpParserError(400, "a malformed header field")
        fields.append((lowered, value.strip(" \t")))
    return fields


def learn_name(name: str, memo: Memo) -> str | None:
    """Return the name of a field in lower case, and remember it; None: the name isn't a token."""
    if not TOKEN.fullmatch(name):
        return None
    lowered = name.lower()
    remember(memo.names, name, lowered)
    return lowered
