"""What a head says: target, path, host, framing, and whether the connection goes on."""

import pytest

from hump_trio.facts.exceptions import HttpParserError
from hump_trio.facts.settings import Limits
from hump_trio.http1.head import RequestHead, takes_informational, takes_trailers
from hump_trio.http1.parser import RequestParser
from tests.http1.drive import drain


def head_of(data: bytes, limits: Limits | None = None) -> RequestHead:
    """Return the head of one request's bytes."""
    outcome = drain([data], limits or Limits())
    assert outcome.status is None
    return outcome.requests[0].head


def status_of(data: bytes, limits: Limits | None = None) -> int | None:
    """Return the status that bytes are refused with."""
    return drain([data], limits or Limits()).status


def test_a_whole_head() -> None:
    """Every value of a head, from the bytes of a plain request."""
    head = head_of(
        b"PUT /caf%C3%A9/x?q=%20 HTTP/1.1\r\nHost: A.example:80\r\nContent-Length: 12\r\n"
        b"Expect: 100-Continue\r\nX-Y:  Z \r\n\r\n"
    )
    assert head.line.method == "PUT"
    assert head.line.target == "/caf%C3%A9/x?q=%20"
    assert head.line.path == "/caf\xe9/x"
    assert head.line.raw_path == "/caf%C3%A9/x"
    assert head.line.query_string == "q=%20"
    assert head.line.authority is None
    assert head.line.version == "1.1"
    assert head.host == "A.example:80"
    assert head.expect == "100-continue"
    assert (head.content_length, head.chunked, head.has_body) == (12, False, True)
    assert head.fields == [
        ("host", "A.example:80"),
        ("content-length", "12"),
        ("expect", "100-Continue"),
        ("x-y", "Z"),
    ]


@pytest.mark.parametrize(
    ("start", "path", "query", "authority"),
    [
        (b"GET /", "/", "", None),
        (b"GET /a?b?c", "/a", "b?c", None),
        (b"GET /a?", "/a", "", None),
        (b"GET //b/c", "//b/c", "", None),
        (b"GET /a/../b", "/a/../b", "", None),
        (b"GET /a+b", "/a+b", "", None),
        (b"GET /%2525", "/%25", "", None),
        (b"GET /a%3Fb", "/a?b", "", None),
        (b"OPTIONS *", "*", "", None),
        (b"OPTIONS /*", "/*", "", None),
        (b"GET http://b/c?d", "/c", "d", "b"),
        (b"GET http://b", "/", "", "b"),
        (b"GET http://b?c", "/", "c", "b"),
        (b"GET HTTPS://b:1/%41", "/A", "", "b:1"),
        (b"OPTIONS http://b", "*", "", "b"),
        (b"OPTIONS http://b?c", "/", "c", "b"),
        (b"OPTIONS http://b/", "/", "", "b"),
        (b"CONNECT b:443", "", "", "b:443"),
        (b"CONNECT [::1]:443", "", "", "[::1]:443"),
    ],
    ids=ascii,
)
def test_forms_of_a_target(start: bytes, path: str, query: str, authority: str | None) -> None:
    """Origin, absolute, authority and asterisk form (RFC 9112 section 3.2), decoded once."""
    head = head_of(start + b" HTTP/1.1\r\nHost: a\r\n\r\n")
    assert (head.line.path, head.line.query_string) == (path, query)
    assert head.line.authority == authority
    assert head.host == (authority or "a")


@pytest.mark.parametrize(
    ("version", "connection", "expected"),
    [
        (b"1.1", None, True),
        (b"1.1", b"close", False),
        (b"1.1", b"CLOSE", False),
        (b"1.1", b"keep-alive", True),
        (b"1.1", b"keep-alive, close", False),
        (b"1.1", b"x,\tclose ,y", False),
        (b"1.1", b"closed", True),
        (b"1.1", b"", True),
        (b"1.1", b"upgrade\r\nConnection: close", False),
        (b"1.0", None, False),
        (b"1.0", b"keep-alive", True),
        (b"1.0", b"Keep-Alive", True),
        (b"1.0", b"keep-alive, close", False),
        (b"1.0", b"x\r\nConnection: keep-alive", True),
        (b"1.0", b"x", False),
        (b"1.0", b"keep-alive, upgrade\r\nUpgrade: websocket", False),
    ],
    ids=ascii,
)
def test_whether_the_connection_goes_on(
    version: bytes, connection: bytes | None, expected: bool
) -> None:
    """RFC 9112 section 9.3: close wins; HTTP/1.0 goes on only if the client asks for it.

    Behind what asks for another protocol it doesn't: a proxy may take what follows for that.
    """
    field = b"" if connection is None else b"Connection: %b\r\n" % connection
    head = head_of(b"GET / HTTP/%b\r\nHost: a\r\n%b\r\n" % (version, field))
    assert head.keep_alive is expected


@pytest.mark.parametrize(
    ("fields", "length", "chunked"),
    [
        (b"", 0, False),
        (b"Content-Length: 0\r\n", 0, False),
        (b"Content-Length: 0007\r\n", 7, False),
        (b"Content-Length: 9999999999999999999\r\n", 9999999999999999999, False),
        (b"Transfer-Encoding: Chunked\r\n", 0, True),
    ],
    ids=ascii,
)
def test_framing(fields: bytes, length: int, chunked: bool) -> None:
    """RFC 9112 section 6.3: a length, chunks, or no body."""
    head = head_of(b"GET / HTTP/1.1\r\nHost: a\r\n%b\r\n" % fields)
    assert (head.content_length, head.chunked) == (length, chunked)
    assert head.has_body is (chunked or length > 0)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [(b"", ""), (b"Expect: X\r\n", "x"), (b"Expect: a\r\nExpect: b\r\n", "a,b")],
    ids=ascii,
)
def test_expectations(fields: bytes, expected: str) -> None:
    """Every expectation is seen, in lower case; repeats are joined, so that none hides."""
    assert head_of(b"GET / HTTP/1.1\r\nHost: a\r\n%b\r\n" % fields).expect == expected


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"GET /%b HTTP/1.1\r\nHost: a\r\n\r\n" % (b"a" * 8191), None),
        (b"GET /%b HTTP/1.1\r\nHost: a\r\n\r\n" % (b"a" * 8192), 414),
        (b"GET /" + b"a" * 9000, 414),
        (b"GET / HTTP/1.1\r\nHost: a\r\n%b\r\n" % (b"X: y\r\n" * 99), None),
        (b"GET / HTTP/1.1\r\nHost: a\r\n%b\r\n" % (b"X: y\r\n" * 100), 431),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: %b\r\n\r\n" % (b"y" * (32768 - 32)), None),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: %b\r\n\r\n" % (b"y" * (32768 - 31)), 431),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: %b" % (b"y" * 32768), 431),
    ],
    ids=[
        "target-fits",
        "target-too-long",
        "line-without-end",
        "count-fits",
        "count-too-many",
        "bytes-fit",
        "bytes-too-many",
        "field-without-end",
    ],
)
def test_the_limits_as_they_come(data: bytes, status: int | None) -> None:
    """The defaults are those of the documentation, to the byte."""
    assert status_of(data) == status


def test_a_version_is_judged_before_the_length() -> None:
    """A long target of a version not spoken here is 505, however it arrives."""
    data = b"GET /%b HTTP/2.0\r\n" % (b"a" * 70)
    limits = Limits(target_bytes=50)
    assert status_of(data, limits) == 505
    assert drain([data[:40], data[40:]], limits).status == 505


def test_an_error_repeats_nothing_of_the_input() -> None:
    """What a client sent isn't reflected in the answer's words."""
    for data in (b"GET /secret\r\n", b"GET / HTTP/1.1\r\nsecret\r\n\r\n"):
        parser = RequestParser(Limits())
        parser.feed(data)
        with pytest.raises(HttpParserError) as caught:
            parser.parse_head()
        assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("values", "version", "taken"),
    [
        (["trailers"], "1.1", True),
        (["gzip;q=0.5, Trailers"], "1.1", True),
        (["gzip", "\ttrailers "], "1.1", True),
        (["trailers"], "1.0", False),
        (["trailersx, gzip"], "1.1", False),
        ([""], "1.1", False),
        ([], "1.1", False),
    ],
)
def test_who_takes_trailers(values: list[str], version: str, taken: bool) -> None:
    """Who says so, among other codings or alone, with or without ``Connection: TE``."""
    fields = [("host", "a"), *(("te", value) for value in values)]
    assert takes_trailers(version, fields) is taken


@pytest.mark.parametrize(
    ("name", "value", "taken"),
    [
        ("user-agent", "curl/8.10", True),
        ("user-agent", "Go-http-client/1.1", True),
        ("user-agent", "an agent of Mozilla/5.0", True),
        ("user-agent", "Mozilla/5.0 (X11; Linux)", False),
        ("user-agent", "python-requests/2.32", False),
        ("user-agent", "Python-urllib/3.14", False),
        ("user-agent", "Boto3/1.40", False),
        ("user-agent", "pip/26.1", False),
        ("sec-fetch-dest", "document", False),
        ("accept", "*/*", False),
    ],
)
def test_who_is_trusted_with_a_103(name: str, value: str, taken: bool) -> None:
    """Who says what it is, if that is no browser, and nothing that takes a 103 for the answer."""
    assert takes_informational("1.1", [("host", "a"), (name, value)]) is taken
    assert not takes_informational("1.0", [("host", "a"), (name, value)])
