"""Requests as h2 and our own HTTP/1.1 read them; each difference has its clause."""

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import RequestReceived
from h2.exceptions import ProtocolError
from hypothesis import given
from hypothesis import strategies as st

from hump_trio.facts.exceptions import HttpParserError
from hump_trio.facts.settings import Limits
from hump_trio.http1.parser import RequestParser
from hump_trio.http2.failures import StreamFailure
from hump_trio.http2.frames import PREFACE, encode_headers, encode_settings
from hump_trio.http2.hpack import Decoder
from hump_trio.http2.messages import RequestHead, parse_request
from hump_trio.messages.target import RequestLine
from tests.http2.malformed import (
    EXTENDED,
    LEAD,
    SAMPLES,
    TUNNEL,
    Fields,
    Sample,
    encode_fields,
    lead,
)

# Requests that are well-formed, whatever is answered.
WELL_FORMED: list[Fields] = [
    LEAD,
    TUNNEL,
    EXTENDED,
    LEAD[::-1],
    [*LEAD[:3], ("host", "a")],
    [*LEAD, ("host", "a")],
    lead("OPTIONS", "*"),
    lead("M-SEARCH", "/a?b"),
    lead(path="/%"),
    lead(authority="[::1]:8"),
    lead(authority="a,b"),
    [*LEAD, ("te", "trailers")],
    [*LEAD, ("content-length", "7")],
    [*LEAD, ("expect", "100-continue"), ("cookie", "a=1"), ("x", "\xe9"), ("x", "")],
]


def h2_takes(fields: Fields) -> bool:
    """Tell whether h2 takes some fields for a request."""
    server = H2Connection(H2Configuration(client_side=False, header_encoding=None))
    server.initiate_connection()
    headers = encode_headers(1, encode_fields(fields), ends=False)
    try:
        events = server.receive_data(PREFACE + encode_settings([]) + headers)
    except ProtocolError:
        return False
    return any(isinstance(event, RequestReceived) for event in events)


def is_malformed(fields: Fields) -> bool:
    """Tell whether we take some fields for a malformed request."""
    try:
        parse_request(Decoder().decode(encode_fields(fields)), Limits())
    except StreamFailure:
        return True
    except HttpParserError:
        return False
    return False


@pytest.mark.parametrize("sample", SAMPLES, ids=ascii)
def test_what_h2_refuses(sample: Sample) -> None:
    """We refuse all that h2 refuses, and more where a clause says so."""
    assert is_malformed(sample.fields)
    assert h2_takes(sample.fields) is sample.h2_takes


@pytest.mark.parametrize("fields", WELL_FORMED, ids=ascii)
def test_what_h2_takes(fields: Fields) -> None:
    """A request that is well-formed is one for both."""
    assert not is_malformed(fields)
    assert h2_takes(fields)


def test_what_h2_alone_refuses() -> None:
    """Hosts don't differ in case (RFC 9113 8.3.1, RFC 3986 6.2.2.1); h2 compares bytes."""
    fields: Fields = [*LEAD, ("host", "A")]
    assert not is_malformed(fields)
    assert not h2_takes(fields)


methods = st.sampled_from(["GET", "POST", "OPTIONS", "M-SEARCH", "get", "G T", "", "G\xe9T"])
paths = st.one_of(
    st.sampled_from(["/", "*", "/a?b?c", "/%41", "/%", "/%ff", "/\xe9", "", "/a b", "//", "/#"]),
    st.text("/a%4?*#&\x7f", max_size=30).map("/".__add__),
)
hosts = st.one_of(
    st.sampled_from(["a", "A.b:80", "[::1]", "[::1]:80", "[x]", "u@a", ":80", "a:99999", "a b"]),
    st.text("aA.:[]1-%4\xe9", min_size=1, max_size=8),
)
values = st.text("a1;,= \t\xe9\x01", max_size=12).map(lambda text: text.strip(" \t"))
names = st.sampled_from(["x", "x-y", "cookie", "expect", "accept"])
regular = st.one_of(
    st.tuples(names, values),
    st.tuples(st.just("content-length"), st.sampled_from(["0", "7", "007", "x", "", "9" * 20])),
    st.tuples(st.just("host"), hosts),
)
small_limits = st.builds(
    Limits,
    head_bytes=st.integers(30, 200),
    header_count=st.integers(1, 5),
    target_bytes=st.integers(1, 40),
)


def line_of(line: RequestLine) -> tuple[str, ...]:
    """Return what a request line says, but for its version."""
    return line.method, line.target, line.path, line.raw_path, line.query_string


def told(head: RequestHead, length: int) -> tuple[object, ...]:
    """Return what a head says, for comparing."""
    return line_of(head.line), head.host, head.fields, head.expect, length


def joined(fields: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return fields with one cookie, as a client of HTTP/1.1 sends it (RFC 6265 section 5.4)."""
    pieces = [value for name, value in fields if name == "cookie"]
    kept, seen = [], False
    for name, value in fields:
        if name != "cookie":
            kept.append((name, value))
        elif not seen:
            kept.append((name, "; ".join(pieces)))
            seen = True
    return kept


@given(
    method=methods,
    path=paths,
    host=hosts,
    fields=st.lists(regular, max_size=6),
    limits=st.one_of(st.just(Limits()), small_limits),
)
def test_as_over_http1(
    method: str, path: str, host: str, fields: list[tuple[str, str]], limits: Limits
) -> None:
    """A request says the same over both, or is refused over both by the same status.

    Two differences are left out here. What is malformed ends the stream instead of being answered
    with 400. A ``host`` that repeats ``:authority`` is let pass, which HTTP/1.1 can't have. A third
    one is seen: a malformed request past a limit is malformed, where HTTP/1.1 may see the limit
    first.
    """
    pseudo: Fields = [(":method", method), (":scheme", "http"), (":path", path)]
    ours: object
    malformed = False
    try:
        head = parse_request(
            Decoder().decode(encode_fields([*pseudo, (":authority", host), *fields])), limits
        )
        ours = told(head, head.content_length or 0)
    except HttpParserError as error:
        ours = error.status
    except StreamFailure:
        ours, malformed = 400, True

    if [value.lower() for name, value in fields if name == "host"] == [host.lower()]:
        fields = [field for field in fields if field[0] != "host"]
    lines = "".join(f"{name}: {value}\r\n" for name, value in joined(fields))
    parser = RequestParser(limits)
    parser.feed(f"{method} {path} HTTP/1.1\r\nhost: {host}\r\n{lines}\r\n".encode("latin-1"))
    theirs: object
    try:
        old = parser.parse_head()
        assert old is not None
        theirs = (line_of(old.line), old.host, old.fields, old.expect, old.content_length)
    except HttpParserError as error:
        theirs = error.status
    assert ours == theirs or (malformed and theirs in (413, 414, 431))
