"""Text and bytes, by the charset that a content type names."""

import re

from hump_trio.facts.exceptions import HttpException

__all__ = ["check_text_type", "decode_text", "other_charset"]

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


def check_text_type(content_type: str) -> None:
    """Refuse a content type that text isn't sent in, since that goes out as UTF-8.

    Raises:
        ValueError: It names another charset; with what to write instead.
    """
    charset = other_charset(content_type)
    if charset:
        raise ValueError(
            f"text is sent as UTF-8, not as {charset}: leave the charset out, or give bytes, as in"
            f" text.encode({charset!r})"
        )


def other_charset(content_type: str) -> str:
    """Return the charset that a content type names, in lower case; empty for UTF-8, or none."""
    found = CHARSET.search(content_type)
    charset = found[1].lower() if found else ""
    return "" if charset in {"utf-8", "utf8"} else charset
