"""The bytes of a ``multipart/form-data`` body to its parts, in whatever pieces they arrive.

python-multipart (extra ``multipart``) knows the grammar. Two points that it leaves open are decided
here: which bytes may stand before the first boundary, and that the last boundary must be there.
Where the bytes come from and where a file's content goes isn't known here.
"""

import logging
import re
from dataclasses import dataclass
from typing import Any, TypeAlias

from hump_trio.content.disposition import malformed, parse_disposition, parse_parameters
from hump_trio.facts.exceptions import HttpException

__all__ = ["MultipartParser", "PartHead", "import_parser"]

# RFC 2046 section 5.1.1.
BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-]")
CONTROL_BUT_TAB = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
# A part has two fields, of .NET and Java four; a file's name has at most 255 characters. The bytes
# are those of all fields of a part together.
HEADER_COUNT = 8
HEADER_BYTES = 4096
# The most bytes before the first boundary (RFC 2046 section 5.1.1): a sentence for people without a
# program that reads the format, or only a line end.
PREAMBLE_BYTES = 1024
# All three mean that a part isn't encoded (RFC 7578 section 4.7).
PLAIN_ENCODINGS = frozenset({"binary", "8bit", "7bit"})
# A logger without handlers: malformed bytes of a client are no concern of the log.
SILENT: logging.Logger = logging.Logger("multipart", logging.CRITICAL)


@dataclass(frozen=True, slots=True)
class PartHead:
    """The beginning of a part.

    Args:
        name: The name of the form's field.
        filename: The name of the file, made safe (see `make_safe`); may be empty. None: the part
            is text.
        content_type: The content type as it was sent; may be empty.
        size_bytes: The bytes of all header fields of the part.
    """

    name: str
    filename: str | None
    content_type: str
    size_bytes: int


# A part begins, goes on, or ends (None).
PartEvent: TypeAlias = PartHead | bytes | None


class MultipartParser:
    """Turns pieces of a body into events: for each part its head, its bytes, its end.

    Args:
        content_type: The content type of the request, which names the boundary.
        part_limit: The most parts that a form may have.

    Raises:
        HttpException: 415 for another content type, 400 for a malformed boundary.
        TypeError: python-multipart isn't installed.
    """

    def __init__(self, content_type: str, part_limit: int) -> None:
        plain_parser, self._malformed = import_parser()
        boundary = parse_boundary(content_type)
        self._plain = plain_parser(
            boundary.encode(),
            {
                "on_part_begin": self._begin_part,
                "on_header_field": self._extend_name,
                "on_header_value": self._extend_value,
                "on_header_end": self._end_field,
                "on_headers_finished": self._end_head,
                "on_part_data": self._add_data,
                "on_part_end": self._end_part,
                "on_end": self._end,
            },
            max_header_count=HEADER_COUNT,
            max_header_size=HEADER_BYTES,
        )
        self._plain.logger = SILENT
        self._parts_left = self._part_limit = part_limit
        self._boundary = b"--" + boundary.encode()
        self._early: bytearray | None = bytearray()  # until the first boundary
        self._ended = False
        self._name = b""
        self._value = b""
        self._fields: dict[str, str] = {}
        self._head_bytes = 0
        self._events: list[PartEvent] = []

    def parse(self, data: bytes) -> list[PartEvent]:
        """Return the events of some more bytes of the body.

        Bytes before the first boundary and after the last one are skipped.

        Raises:
            HttpException: 400 for a malformed form, 413 for too many parts.
        """
        if self._early is not None:
            data = self._skip_preamble(self._early, data)
        try:
            self._plain.write(data)
        except self._malformed as error:
            raise malformed("a boundary or a part's header is malformed or too long") from error
        events, self._events = self._events, []
        return events

    def close(self) -> None:
        """Tell the parser that the body has ended.

        Raises:
            HttpException: 400, the last boundary is missing.
        """
        if not self._ended:
            raise malformed("its last boundary is missing")

    def _skip_preamble(self, early: bytearray, data: bytes) -> bytes:
        """Return the bytes from the first boundary on; empty if it hasn't come yet."""
        early += data
        start = early.find(self._boundary)
        if start > 0 and not early.endswith(b"\r\n", 0, start):
            raise malformed("its first boundary doesn't begin a line")
        if start > PREAMBLE_BYTES or (
            start < 0 and len(early) >= PREAMBLE_BYTES + len(self._boundary)
        ):
            raise malformed("too much stands before its first boundary")
        if start < 0:
            return b""
        self._early = None
        return bytes(early[start:])

    def _begin_part(self) -> None:
        if not self._parts_left:
            raise HttpException(413, f"the form has more than {self._part_limit} parts")
        self._parts_left -= 1
        self._fields = {}
        self._head_bytes = 0

    def _extend_name(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _extend_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _end_field(self) -> None:
        self._head_bytes += len(self._name) + len(self._value)
        if self._head_bytes > HEADER_BYTES:
            raise malformed("a part's header is too long")
        name, self._name = self._name.decode().lower(), b""
        value, self._value = self._value, b""
        if name in self._fields:
            raise malformed("a part's header is repeated")
        try:
            is_name = name == "content-disposition"  # `parse_disposition` decodes it
            self._fields[name] = value.decode(errors="surrogateescape" if is_name else "strict")
        except UnicodeDecodeError as error:
            raise malformed("a part's header is not utf-8") from error
        if CONTROL_BUT_TAB.search(self._fields[name]):
            raise malformed("a part's header has a control character")

    def _end_head(self) -> None:
        fields = self._fields
        encoding = fields.get("content-transfer-encoding", "binary").strip().lower()
        if encoding not in PLAIN_ENCODINGS:
            raise malformed("a part is encoded, which no browser does")
        name, filename = parse_disposition(fields.get("content-disposition", ""))
        content_type = fields.get("content-type", "").strip()
        if filename is None and content_type.lower().startswith("multipart/"):
            raise malformed("a part has parts of its own")
        self._events.append(PartHead(name, filename, content_type, self._head_bytes))

    def _add_data(self, data: bytes, start: int, end: int) -> None:
        self._events.append(data[start:end])

    def _end_part(self) -> None:
        self._events.append(None)

    def _end(self) -> None:
        self._ended = True


def import_parser() -> tuple[Any, type[Exception]]:
    """Return the library's parser, and the class of the errors that it raises.

    Raises:
        TypeError: The library isn't installed.
    """
    try:
        from python_multipart.exceptions import FormParserError
        from python_multipart.multipart import MultipartParser as PlainParser
    except ImportError as error:
        raise TypeError(
            "forms with files need python-multipart: pip install 'hump-trio[multipart]'"
        ) from error
    return PlainParser, FormParserError


def parse_boundary(content_type: str) -> str:
    """Return the boundary that a content type names.

    Raises:
        HttpException: 415 for another type than ``multipart/form-data``, 400 if the boundary is
            missing or malformed.

    Source: RFC 2046 section 5.1.1; RFC 7578 section 4.1.
    """
    media_type, parameters = parse_parameters(content_type)
    if media_type != "multipart/form-data":
        raise HttpException(415, "a multipart form is needed")
    boundary = parameters.get("boundary", "")
    if not BOUNDARY.fullmatch(boundary):
        raise malformed("its boundary is missing or malformed")
    return boundary
