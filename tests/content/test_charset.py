"""Text is UTF-8 unless a content type says otherwise, and only in charsets that forms send."""

import pytest

from hump_trio.content.charset import check_text_type, decode_text, other_charset
from hump_trio.facts.exceptions import HttpException


@pytest.mark.parametrize(
    ("data", "content_type", "text"),
    [
        ("ü".encode(), "text/plain", "ü"),
        ("ü".encode(), "", "ü"),
        (b"\xfc", "text/plain; charset=ISO-8859-1", "ü"),
        (b"\x80", 'text/plain;charset="windows-1252"', "€"),
        (b"a", "text/plain; charset=us-ascii; format=flowed", "a"),
    ],
)
def test_text_is_in_the_charset_of_its_type(data: bytes, content_type: str, text: str) -> None:
    """UTF-8 where the type names none; a name may stand in quotes, in any case."""
    assert decode_text(data, content_type, "body") == text


@pytest.mark.parametrize(
    ("data", "content_type", "status"),
    [
        (b"\xfc", "text/plain", 400),
        (b"\xfc", "text/plain; charset=ascii", 400),
        (b"a", "text/plain; charset=utf-7", 415),
        (b"a", "text/plain; charset=rot13", 415),
    ],
)
def test_other_text_is_refused(data: bytes, content_type: str, status: int) -> None:
    """415 for a charset that isn't taken, 400 for bytes that don't fit theirs."""
    with pytest.raises(HttpException) as caught:
        decode_text(data, content_type, "body")
    assert caught.value.status == status


def test_text_is_sent_as_utf_8() -> None:
    """A content type that names another charset is refused, with what to write instead."""
    for content_type in ("text/plain", "text/plain; charset=UTF-8", "text/html;charset=utf8"):
        check_text_type(content_type)
        assert other_charset(content_type) == ""
    assert other_charset("text/plain; charset=Latin1") == "latin1"
    with pytest.raises(ValueError, match=r"or give bytes, as in text\.encode\('latin1'\)"):
        check_text_type("text/plain; charset=Latin1")
