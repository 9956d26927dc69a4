"""Bytes to text, by the charset that a content type names."""

import re

from hump_trio.exceptions import HttpException

__all__ = ["decode_text"]

CHARSET = re.compile(r";[ \t]*charset=\"?([^\s;\"]+)", re.IGNORECASE)
# What forms and APIs send; codecs that can be made slow, or that aren't text, stay out.
CHARSETS = frozenset({"utf-8", "utf8", "us-ascii", "ascii", "iso-8859-1", "windows-1252"})


def decode_text(data: bytes | bytearray, content_type: str, what: str) -> str:
    """Return the text that some bytes are, UTF-8 if their type doesn't say otherwise.

    Args:
        data: The bytes.
        content_type: As the client sent it.
        what: Names the data in errors.

    Raises:
        HttpException: 415 for a charset not taken here, 400 for bytes that don't fit it.
    """
    found = CHARSET.search(content_type)
    charset = found[1].lower() if found else "utf-8"
    if charset not in CHARSETS:
        raise HttpException(415, "this charset is not taken here")
    try:
        return data.decode(charset)
    except UnicodeDecodeError as error:
        raise HttpException(400, f"the {what} is not {charset}") from error
