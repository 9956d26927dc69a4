"""Bytes to text, by the charset that a content type names."""

import re

from hump_trio.facts.exceptions import HttpException

__all__ = ["check_text_type", "decode_text", "other_charset"]

CHARSET = re.compile(r";[ \t]*charset=\"?([^\s;\"]+)", re.IGNORECASE)
# Charsets that forms and APIs use. Codecs that can be made slow, or don't yield text, stay out.
CHARSETS = frozenset({"utf-8", "utf8", "us-ascii", "ascii", "iso-8859-1", "windows-1252"})


def decode_text(data: bytes | bytearray, content_type: str, what: str) -> str:
    """Decode bytes by the charset of their content type; by default that is UTF-8.

    Args:
        data: The bytes.
        content_type: The content type as the client sent it.
        what: The word for the data in error messages.

    Raises:
        HttpException: 415 for a charset that isn't supported, 400 for bytes that don't fit it.
    """
    found = CHARSET.search(content_type)
    charset = found[1].lower() if found else "utf-8"
    if charset not in CHARSETS:
        raise HttpException(415, "this charset is not taken here")
    try:
        return data.decode(charset)
    except UnicodeDecodeError as error:
        raise HttpException(400, f"the {what} is not {charset}") from error


def check_text_type(content_type: str) -> None:
    """Refuse a content type with another charset than UTF-8, which all text is sent in.

    Raises:
        ValueError: The type names another charset; the message says what to write instead.
    """
    charset = other_charset(content_type)
    if charset:
        raise ValueError(
            f"text is sent as UTF-8, not as {charset}: leave the charset out, or give bytes, as in"
            f" text.encode({charset!r})"
        )


def other_charset(content_type: str) -> str:
    """Return the charset of a content type in lower case; empty if it is UTF-8 or not named."""
    found = CHARSET.search(content_type)
    charset = found[1].lower() if found else ""
    return "" if charset in {"utf-8", "utf8"} else charset
