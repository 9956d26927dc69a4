"""What parts of forms are called: names of fields and files, as clients write them."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hump_trio.content.disposition import parse_disposition
from hump_trio.facts.exceptions import HttpException


@pytest.mark.parametrize(
    ("value", "name", "filename"),
    [
        ('form-data; name="a"', "a", None),
        ('Form-Data;NAME="a" ;\tFileName="b";', "a", "b"),
        ('form-data; name="";; filename=""', "", ""),
        ('form-data; filename="b;c=d, e"; name="ü"', "ü", "b;c=d, e"),
    ],
)
def test_names(value: str, name: str, filename: str | None) -> None:
    """Parameters in any order, quoted or not; without a file's name it is a text."""
    assert parse_disposition(value) == (name, filename)


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("a%22b", 'a"b'),
        ("a%0D%0Ab", "a\r\nb"),
        ("a%41%2F%0d%", "a%41%2F%0d%"),
        ('a\\"b', 'a"b'),
        ("a\\\\b", "a\\b"),
        ("a\\b", "a\\b"),
        ("a\\", "a\\"),
        ("\\", "\\"),
    ],
)
def test_the_name_of_a_field(written: str, name: str) -> None:
    r"""As browsers escape it, with ``%``, or others, with a backslash; it may end in one."""
    for rest, filename in (("", None), ('; filename="c"', "c")):
        assert parse_disposition(f'form-data; name="{written}"{rest}') == (name, filename)


@pytest.mark.parametrize(
    ("written", "filename"),
    [
        ("%22c%22", '"c"'),
        ("c%0Ad%0D%0A", "c_d__"),
        ('d\\"e', 'd"e'),
        ("100%25", "100%25"),
        ("../../etc/passwd", "passwd"),
        ("C:\\folder\\b.txt", "b.txt"),
        ("c:\\\\folder\\\\b.txt", "b.txt"),
        ("\\\\\\\\server\\\\b.txt", "b.txt"),
        ("..\\\\..\\\\b", "b"),
        (".\\b", "b"),
        ("a\\b.txt", "a_b.txt"),
        ("folder/a\\b.txt", "a_b.txt"),
        ("a\\", "a_"),
        ("%22/b", "b"),
        ("b/", ""),
        ("..", ""),
        ("b/.", ""),
        (".b", ".b"),
        ("invoice\u202efdp.exe", "invoice_fdp.exe"),
        ("a\x85b\u2028c", "a_b_c"),
        ("\U0001f600 ü.txt", "\U0001f600 ü.txt"),
    ],
)
def test_the_name_of_a_file(written: str, filename: str) -> None:
    """No path, nothing that would be one elsewhere, and nothing that isn't seen."""
    assert parse_disposition(f'form-data; name="a"; filename="{written}"') == ("a", filename)


@pytest.mark.parametrize(
    ("written", "filename"),
    [
        ("filename=b.txt; filename*=utf-8''c.txt", "c.txt"),
        ("filename*=UTF-8'en'%c3%BC%2Fc%0D.txt; filename=b", "c_.txt"),
        ("filename*=iso-8859-1''%fc", "ü"),
        ("filename*=utf-8''", ""),
        ("filename=b; filename*=utf-8''%ff", "b"),
        ("filename=b; filename*=c", "b"),
        ("filename=\"=?utf-8?B?w7wudHh0?=\"; filename*=utf-8''%C3%BC.txt", "ü.txt"),
    ],
)
def test_the_extended_name_of_a_file(written: str, filename: str) -> None:
    """It is the better one, if it can be read."""
    assert parse_disposition(f"form-data; name=a; {written}") == ("a", filename)


@pytest.mark.parametrize(
    ("written", "filename"),
    [(b"gr\xfc\xdfe.txt", "grüße.txt"), (b"\x80\x81", "€\ufffd"), ("ü€".encode(), "ü€")],
)
def test_a_filename_that_is_not_utf_8(written: bytes, filename: str) -> None:
    """It is what browsers mean by Latin-1; the name of the field may be UTF-8 beside it."""
    value = b'form-data; name="\xc3\xbc"; filename="%b"' % written
    assert parse_disposition(value.decode(errors="surrogateescape")) == ("ü", filename)


def test_a_field_that_is_not_utf_8() -> None:
    """It can't be one that anybody asks for."""
    with pytest.raises(HttpException, match="400 the form can't be read: the name of a field"):
        parse_disposition('form-data; name="\udcfc"; filename=b')


@given(st.text())
def test_no_name_is_a_path_or_has_controls(written: str) -> None:
    """Whatever was sent: it is refused, or becomes a name that any disk would take as one."""
    try:
        _, filename = parse_disposition(f'form-data; name="a"; filename="{written}"')
    except HttpException:
        return
    assert filename is not None
    assert not set(filename) & {"/", "\\"}
    assert filename not in (".", "..")
    assert not any(unicodedata.category(each) in ("Cc", "Zl", "Zp") for each in filename)
