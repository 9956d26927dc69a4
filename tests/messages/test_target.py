"""Targets taken apart: the four forms, their paths, and hosts with ports."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hump_trio.facts.exceptions import HttpParserError
from hump_trio.messages.target import (
    TARGET,
    is_authority,
    match_plain_target,
    origin_form,
    parse_target,
    path_segments,
)


@pytest.mark.parametrize(
    ("method", "target", "path", "query", "authority"),
    [
        ("GET", "/a%20b?c%20d", "/a b", "c%20d", None),
        ("GET", "http://b:80/c", "/c", "", "b:80"),
        ("GET", "http://b?c", "/", "c", "b"),
        ("CONNECT", "b:443", "", "", "b:443"),
        ("OPTIONS", "*", "*", "", None),
        ("OPTIONS", "http://b", "*", "", "b"),
    ],
)
def test_forms(method: str, target: str, path: str, query: str, authority: str | None) -> None:
    """Each of the four forms (RFC 9112 section 3.2) is taken apart, of whatever protocol."""
    line = parse_target(method, target, "2")
    assert (line.method, line.target, line.version) == (method, target, "2")
    assert (line.path, line.query_string, line.authority) == (path, query, authority)


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("GET", "*"),
        ("GET", "a"),
        ("GET", "b:443"),
        ("GET", "ftp://b/"),
        ("GET", "http:///a"),
        ("GET", "http://a b/"),
        ("GET", "http://u@b/"),
        ("GET", "/%"),
        ("GET", "/%4"),
        ("GET", "/%FF"),
        ("CONNECT", "/"),
        ("CONNECT", "b"),
        ("CONNECT", "b:"),
        ("CONNECT", "http://b/"),
    ],
)
def test_no_form(method: str, target: str) -> None:
    """A target of no form that its method has, or whose path can't be decoded, is refused."""
    with pytest.raises(HttpParserError) as caught:
        parse_target(method, target, "1.1")
    assert caught.value.status == 400


PIECES = ["/", "?", "%", "%41", "#", " ", "*", "a", ".", "~", "!", '"', "\x7f", "\x00", "\xa0", "é"]


@given(
    st.sampled_from(["", "/", "http://a", "//"]),
    st.lists(st.sampled_from(PIECES) | st.characters(max_codepoint=0x180)).map("".join),
    st.sampled_from(["GET", "OPTIONS"]),
)
@example("/", "a?b?c%", "GET")
def test_a_plain_target_is_taken_apart_as_any_other(begin: str, rest: str, method: str) -> None:
    """One that is read at once is what `TARGET` lets pass, and is read as by the plain rule.

    Any path without escapes is read so.
    """
    target = begin + rest
    plain = match_plain_target(method, target, "1.1")
    if plain is None:
        path = target.partition("?")[0]
        assert path[:1] != "/" or "%" in path or not TARGET.fullmatch(target)
    else:
        assert TARGET.fullmatch(target)
        line = parse_target(method, target, "1.1")
        assert all(getattr(plain, each) == getattr(line, each) for each in line.__slots__)


@pytest.mark.parametrize(
    ("target", "segments"),
    [
        ("/", ["", ""]),
        ("/a/b/", ["", "a", "b", ""]),
        ("/a%2Fb/c", ["", "a/b", "c"]),
        ("/%E2%82%AC/%25", ["", "€", "%"]),
        ("/a%2fb%2F", ["", "a/b/"]),
    ],
    ids=ascii,
)
def test_segments_of_a_path(target: str, segments: list[str]) -> None:
    """An escaped slash stays inside its segment; each segment is decoded once."""
    line = parse_target("GET", target, "1.1")
    assert path_segments(line.raw_path) == segments
    assert "/".join(segments) == line.path


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", True),
        ("a.example", True),
        ("a:80", True),
        ("[::1]:443", True),
        ("[v1.x:y]", True),
        ("a b", False),
        ("u@a", False),
        ("[::1", False),
        ("[::g]", False),
        ("[1::2::3]", False),
        (":80", False),
        ("a:65536", False),
        ("a:80x", False),
        ("a:" + "0" * 20, False),
    ],
)
def test_authority(text: str, expected: bool) -> None:
    """RFC 9110 section 7.2: a host, and a port that exists or none; empty is valid."""
    assert is_authority(text) is expected


@pytest.mark.parametrize(
    ("target", "url"),
    [
        ("/a?b", "/a?b"),
        ("http://b/a?c", "/a?c"),
        ("HTTP://b?c", "/?c"),
        ("http://b", "/"),
    ],
)
def test_origin_form(target: str, url: str) -> None:
    """A path and a query, whatever form the target has; it begins with a slash."""
    assert origin_form(target) == url
