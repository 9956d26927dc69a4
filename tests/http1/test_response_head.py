"""Heads of answers: exactly one framing each, as h11's client reads them too."""

from itertools import product
from typing import NamedTuple

import h11
import pytest

from hump_trio.facts.settings import Limits
from hump_trio.http1.head import RequestHead
from hump_trio.http1.response_head import (
    CONTINUE,
    LAST_CHUNK,
    ResponseHead,
    encode_chunk,
    encode_head,
)
from hump_trio.messages.headers import FieldLines
from tests.http1.drive import drain

DATE = "date: Thu, 01 Jan 1970 00:00:00 GMT\r\n"
SERVER = "server: hump\r\n"
BODY = b"0\r\n\r\nHTTP/1.1 200 "  # looks like framing, must never be read as such


class Case(NamedTuple):
    """One answer to one request; no method stands for bytes that weren't a request."""

    method: str | None
    version: str
    status: int
    body: str
    keep_alive: bool


CASES = [
    Case(*values)
    for values in product(
        ("GET", "HEAD", None),
        ("1.1", "1.0"),
        (200, 204, 304, 404, 599),
        ("empty", "bytes", "stream", "stream-of-known-length"),
        (True, False),
    )
]
each_case = pytest.mark.parametrize("case", CASES, ids=["-".join(map(str, c)) for c in CASES])


def request_head(method: str | None, version: str) -> RequestHead | None:
    """Return the head of a request, or None for none."""
    if method is None:
        return None
    data = f"{method} / HTTP/{version}\r\nHost: a\r\nConnection: keep-alive\r\n\r\n".encode()
    return drain([data], Limits()).requests[0].head


def encode(
    method: str | None = "GET",
    status: int = 200,
    fields: FieldLines | None = None,
    *,
    version: str = "1.1",
    body_bytes: int | None = 0,
    keep_alive: bool = True,
) -> ResponseHead:
    """Encode an answer with the usual date and server."""
    head = request_head(method, version)
    return encode_head(
        None if head is None else head.line,
        status,
        fields or [],
        body_bytes=body_bytes,
        keep_alive=keep_alive,
        date=DATE,
        server=SERVER,
    )


def encode_case(case: Case) -> ResponseHead:
    """Encode the head of a case."""
    known = case.body == "stream-of-known-length"
    return encode(
        case.method,
        case.status,
        [("content-length", str(len(BODY)))] if known else [],
        version=case.version,
        body_bytes={"empty": 0, "bytes": len(BODY)}.get(case.body),
        keep_alive=case.keep_alive,
    )


def encode_body(case: Case, head: ResponseHead) -> bytes:
    """Return the bytes that a sender writes behind a head."""
    if not head.body_follows or case.body == "empty":
        return b""
    if head.chunked:
        return encode_chunk(BODY[:3]) + encode_chunk(BODY[3:]) + LAST_CHUNK
    return BODY


def fields_of(head: ResponseHead) -> list[tuple[bytes, bytes]]:
    """Return the fields of an encoded head, taken apart."""
    _, *lines, end, rest = head.data.split(b"\r\n")
    assert end == rest == b""
    return [(name, value) for name, _, value in (line.partition(b": ") for line in lines)]


@each_case
def test_exactly_one_framing(case: Case) -> None:
    """A length, chunks, the connection's end, or no body at all: never two, never none."""
    head = encode_case(case)
    fields = [field for field in fields_of(head) if field[0] not in (b"date", b"server")]
    framing, spoken = [], "1.1" if case.method is None else case.version
    closes = not case.keep_alive
    if case.status not in (204, 304):
        if case.body != "stream":
            framing = [(b"content-length", b"%d" % (0 if case.body == "empty" else len(BODY)))]
        elif spoken == "1.1":
            framing = [(b"transfer-encoding", b"chunked")]
        else:
            closes = True
    connection = [(b"connection", b"close")] if closes else []
    if spoken == "1.0" and not closes:
        connection = [(b"connection", b"keep-alive")]
    assert fields == framing + connection


@each_case
def test_the_head_tells_what_it_promises(case: Case) -> None:
    """The attributes say what the bytes say, so that a sender needn't look at the bytes."""
    head = encode_case(case)
    fields = dict(fields_of(head))
    length = fields.get(b"content-length")
    assert head.content_length == (None if length is None else int(length))
    assert head.chunked is (fields.get(b"transfer-encoding") == b"chunked")
    assert head.keep_alive is (fields.get(b"connection") != b"close")
    assert head.body_follows is (case.method != "HEAD" and case.status not in (204, 304))


@each_case
def test_a_stranger_agrees(case: Case) -> None:
    """h11 as a client reads the same body, and agrees on whether the connection goes on."""
    head = encode_case(case)
    client = h11.Connection(h11.CLIENT)
    client.send(h11.Request(method=case.method or "GET", target="/", headers=[("host", "a")]))
    client.send(h11.EndOfMessage())
    client.receive_data(head.data + encode_body(case, head))
    if not head.keep_alive:
        client.receive_data(b"")
    response = client.next_event()
    assert isinstance(response, h11.Response)
    assert response.status_code == case.status
    body = b""
    while isinstance(event := client.next_event(), h11.Data):
        body += event.data
    assert isinstance(event, h11.EndOfMessage)
    assert body == (BODY if head.body_follows and case.body != "empty" else b"")
    if head.keep_alive:
        client.start_next_cycle()
        assert client.next_event() is h11.NEED_DATA
    else:
        assert client.their_state in (h11.CLOSED, h11.MUST_CLOSE)


def test_the_whole_of_a_plain_answer() -> None:
    """Status line, the answer's fields in order, date, server, framing, empty line."""
    head = encode(fields=[("x-b", "1"), ("set-cookie", "a"), ("set-cookie", "\xe9")], body_bytes=3)
    assert head.data == (
        b"HTTP/1.1 200 OK\r\nx-b: 1\r\nset-cookie: a\r\nset-cookie: \xe9\r\n"
        + DATE.encode()
        + SERVER.encode()
        + b"content-length: 3\r\n\r\n"
    )


@pytest.mark.parametrize(
    ("status", "line"),
    [
        (200, b"HTTP/1.1 200 OK"),
        (404, b"HTTP/1.1 404 Not Found"),
        (418, b"HTTP/1.1 418 I'm a Teapot"),
        (599, b"HTTP/1.1 599 "),
    ],
)
def test_status_lines(status: int, line: bytes) -> None:
    """A status without a phrase of its own keeps the space before it (RFC 9112 section 4)."""
    assert encode(status=status).data.startswith(line + b"\r\n")


@pytest.mark.parametrize("version", ["1.1", "1.0"])
@pytest.mark.parametrize("body_bytes", [5, None], ids=["bytes", "stream"])
@pytest.mark.parametrize(
    "field",
    [
        ("transfer-encoding", "gzip, chunked"),
        ("transfer-encoding", "identity"),
        ("connection", "keep-alive"),
        ("connection", "upgrade"),
    ],
    ids=str,
)
def test_framing_of_a_handler_is_dropped(
    field: tuple[str, str], body_bytes: int | None, version: str
) -> None:
    """Framing and connection fields that a handler gives change nothing."""
    plain = encode(version=version, body_bytes=body_bytes)
    meddled = encode(fields=[field], version=version, body_bytes=body_bytes)
    assert meddled.data == plain.data


@pytest.mark.parametrize(
    ("method", "body_bytes", "given", "expected"),
    [
        ("GET", 5, "7", 5),
        ("GET", 0, "7", 0),
        ("GET", None, "7", 7),
        ("GET", None, "007", 7),
        ("HEAD", 0, "7", 7),
        ("HEAD", 5, "7", 5),
        ("HEAD", None, "7", 7),
        (None, 0, "7", 0),
    ],
)
def test_which_length_counts(
    method: str | None, body_bytes: int | None, given: str, expected: int
) -> None:
    """A length given counts where only the handler can know it: a stream, or a HEAD's body."""
    head = encode(method, fields=[("content-length", given)], body_bytes=body_bytes)
    assert head.content_length == expected
    lengths = [value for name, value in fields_of(head) if name == b"content-length"]
    assert lengths == [b"%d" % expected]


@pytest.mark.parametrize("value", ["", "-1", "+1", "1.0", "0x1", " 1", "1, 1", "\xb2", "x"])
def test_a_length_that_is_none(value: str) -> None:
    """A streamed body's length must be digits: the handler hears of it."""
    with pytest.raises(ValueError, match="Content-Length"):
        encode(fields=[("content-length", value)], body_bytes=None)


@pytest.mark.parametrize("status", [204, 304])
def test_no_length_without_a_body(status: int) -> None:
    """204 and 304 carry no framing, whatever was given (RFC 9110 section 8.6)."""
    head = encode(status=status, fields=[("content-length", "7")], body_bytes=None)
    assert [name for name, _ in fields_of(head)] == [b"date", b"server"]
    assert (head.content_length, head.chunked, head.body_follows) == (None, False, False)


@pytest.mark.parametrize("version", ["1.1", "1.0"])
@pytest.mark.parametrize("value", ["close", "Close", "x, close", "keep-alive, close"])
def test_an_answer_may_close_the_connection(value: str, version: str) -> None:
    """``Connection: close`` of an answer is obeyed, and told once."""
    head = encode(fields=[("connection", value)], version=version)
    assert not head.keep_alive
    connection = [field for field in fields_of(head) if field[0] == b"connection"]
    assert connection == [(b"connection", b"close")]


@pytest.mark.parametrize("name", ["date", "server"])
def test_an_answer_may_bring_its_own(name: str) -> None:
    """``Date`` and ``Server`` of the answer replace ours; the other one stays."""
    fields = fields_of(encode(fields=[(name, "mine")]))
    assert [value for field, value in fields if field == name.encode()] == [b"mine"]
    assert {field for field, _ in fields} >= {b"date", b"server"}


def test_the_server_field_can_be_off() -> None:
    """An empty line of ours leaves no trace."""
    head = encode_head(None, 400, [], body_bytes=0, keep_alive=False, date=DATE, server="")
    assert [name for name, _ in fields_of(head)] == [b"date", b"content-length", b"connection"]


def test_continue_and_chunks() -> None:
    """The constants and a chunk, to the byte; a chunk's size is in hex."""
    assert CONTINUE == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert encode_chunk(b"a" * 26) == b"1a\r\n%b\r\n" % (b"a" * 26)
    assert LAST_CHUNK == b"0\r\n\r\n"


def test_a_reset_of_content_says_that_it_has_none() -> None:
    """205 goes out with a length of zero, whatever body it was given (RFC 9110 15.3.6)."""
    for body_bytes in (3, None):
        head = encode(status=205, body_bytes=body_bytes)
        assert b"content-length: 0\r\n" in head.data
        assert b"transfer-encoding" not in head.data
        assert not head.body_follows
        assert head.keep_alive


@pytest.mark.parametrize("keep_alive", [True, False])
def test_an_upgrade_is_an_option_of_the_connection(*, keep_alive: bool) -> None:
    """Proxies take the field for what it is only then (RFC 9110 section 7.8)."""
    head = encode_head(
        None,
        426,
        [("upgrade", "websocket"), ("connection", "upgrade")],
        body_bytes=0,
        keep_alive=keep_alive,
        date="",
        server="",
    )
    lines = head.data.split(b"\r\n")
    assert lines.count(b"upgrade: websocket") == 1
    assert lines.count(b"connection: upgrade") == 1
    assert lines.count(b"connection: close") == (not keep_alive)
