"""The ``Cookie`` field."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hump_trio.cookies import parse_cookies

NAMES = st.text("!#$%&'*+-.^_`|~09azAZ", min_size=1)
# RFC 6265 section 4.1.1: cookie-octet.
VALUES = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters='",;\\'))


@given(st.lists(st.tuples(NAMES, VALUES), unique_by=lambda pair: pair[0]))
def test_what_a_user_agent_sends_comes_back(pairs: list[tuple[str, str]]) -> None:
    """The form of RFC 6265 section 4.2.1, in one field or in several."""
    assert parse_cookies(["; ".join(f"{name}={value}" for name, value in pairs)]) == dict(pairs)
    assert parse_cookies([f"{name}={value}" for name, value in pairs]) == dict(pairs)


@pytest.mark.parametrize(
    ("field", "cookies"),
    [
        ("", {}),
        ("a", {}),
        ("=a", {}),
        (" =a", {}),
        (";;", {}),
        ("a=", {"a": ""}),
        ("a=1;b=2", {"a": "1", "b": "2"}),
        (" \ta \t=\t 1 ", {"a": "1"}),
        ("a=b=c", {"a": "b=c"}),
        ('a="1"', {"a": "1"}),
        ('a=""', {"a": ""}),
        ('a="', {"a": '"'}),
        ('a="1', {"a": '"1'}),
        ("a=%20", {"a": "%20"}),
        ("bad; a=1", {"a": "1"}),
        ("A=1; a=2", {"A": "1", "a": "2"}),
    ],
)
def test_corners(field: str, cookies: dict[str, str]) -> None:
    """What isn't a pair is skipped, blanks and one pair of quotes go, nothing is decoded."""
    assert parse_cookies([field]) == cookies


def test_the_first_of_a_name_counts() -> None:
    """User agents put the more specific path first (RFC 6265 section 5.4)."""
    assert parse_cookies(["a=1; a=2", "a=3"]) == {"a": "1"}
