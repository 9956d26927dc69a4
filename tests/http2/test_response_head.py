"""Heads of answers as header blocks, judged by hpack and h2, and by those of HTTP/1.1."""

from collections.abc import Iterable
from itertools import product
from typing import NamedTuple

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import (
    DataReceived,
    InformationalResponseReceived,
    ResponseReceived,
    StreamEnded,
    TrailersReceived,
)
from hpack import Decoder

from hump_trio.http1 import response_head as http1
from hump_trio.http2.frames import DATA, END_STREAM, encode_frame, encode_headers, encode_settings
from hump_trio.http2.literals import encode_literal
from hump_trio.http2.response_head import (
    ResponseHead,
    begin_head,
    encode_head,
    encode_informational,
    encode_trailers,
)
from hump_trio.messages.headers import FieldLines
from hump_trio.messages.target import parse_target

DATE_VALUE = "Thu, 01 Jan 1970 00:00:00 GMT"
DATE = encode_literal("date", DATE_VALUE)
SERVER = encode_literal("server", "hump")
BODY = b"0\r\n\r\n"


class Case(NamedTuple):
    """One answer to one request."""

    method: str
    status: int
    body: str


CASES = [
    Case(*values)
    for values in product(
        ("GET", "HEAD"),
        (200, 204, 205, 304, 404, 599),
        ("empty", "bytes", "stream", "stream-of-known-length"),
    )
]
each_case = pytest.mark.parametrize("case", CASES, ids=["-".join(map(str, c)) for c in CASES])


def text_of(pairs: Iterable[tuple[bytes | str, bytes | str]]) -> FieldLines:
    """Return fields as text, however a stranger returns them."""
    return [
        (
            name.decode("latin-1") if isinstance(name, bytes) else name,
            value.decode("latin-1") if isinstance(value, bytes) else value,
        )
        for name, value in pairs
    ]


def read_block(block: bytes) -> FieldLines:
    """Read a header block, by the package hpack."""
    decoder = Decoder()
    fields = text_of(decoder.decode(block, raw=True))
    assert not decoder.header_table.dynamic_entries
    return fields


def encode(
    fields: FieldLines | None = None,
    *,
    method: str = "GET",
    status: int = 200,
    body_bytes: int | None = 0,
) -> ResponseHead:
    """Encode an answer with the usual date and server."""
    return encode_head(
        method, status, fields or [], body_bytes=body_bytes, date=DATE, server=SERVER
    )


def arguments_of(case: Case) -> tuple[FieldLines, int | None]:
    """Return the fields and the length of a body that a case is encoded with."""
    known = case.body == "stream-of-known-length"
    fields = [("x-b", "1"), ("content-length", str(len(BODY)))] if known else [("x-b", "1")]
    return fields, {"empty": 0, "bytes": len(BODY)}.get(case.body)


@each_case
def test_as_over_http1(case: Case) -> None:
    """The same fields go out as over HTTP/1.1, but for its framing, and the same length counts."""
    fields, body_bytes = arguments_of(case)
    head = encode(fields, method=case.method, status=case.status, body_bytes=body_bytes)
    old = http1.encode_head(
        parse_target(case.method, "/", "1.1"),
        case.status,
        fields,
        body_bytes=body_bytes,
        keep_alive=True,
        date=f"date: {DATE_VALUE}\r\n",
        server="server: hump\r\n",
    )
    lines = old.data.decode("latin-1").split("\r\n")[1:-2]
    pairs = [(name, value) for name, _, value in (line.partition(": ") for line in lines)]
    status, *rest = read_block(head.block)
    assert status == (":status", str(case.status))
    assert rest == [pair for pair in pairs if pair[0] != "transfer-encoding"]
    assert (head.body_follows, head.content_length) == (old.body_follows, old.content_length)


@each_case
def test_a_stranger_agrees(case: Case) -> None:
    """h2 as a client reads the same answer, and holds it to its length."""
    fields, body_bytes = arguments_of(case)
    head = encode(fields, method=case.method, status=case.status, body_bytes=body_bytes)
    client = H2Connection(H2Configuration(client_side=True, header_encoding=None))
    client.initiate_connection()
    client.send_headers(
        1,
        [(":method", case.method), (":path", "/"), (":scheme", "http"), (":authority", "a")],
        end_stream=True,
    )
    has_body = head.body_follows and case.body != "empty"
    data = encode_settings([]) + encode_headers(1, head.block, ends=not has_body)
    if has_body:
        data += encode_frame(DATA, END_STREAM, 1, BODY)
    events = client.receive_data(data)
    response = next(event for event in events if isinstance(event, ResponseReceived))
    assert text_of(response.headers) == read_block(head.block)
    body = b"".join(event.data for event in events if isinstance(event, DataReceived))
    assert body == (BODY if has_body else b"")
    assert isinstance(events[-1], StreamEnded)


def test_the_whole_of_a_plain_answer() -> None:
    """The status, the answer's fields in order, date, server, and the length."""
    head = encode([("x-b", "1"), ("set-cookie", "a"), ("set-cookie", "\xe9")], body_bytes=3)
    assert read_block(head.block) == [
        (":status", "200"),
        ("x-b", "1"),
        ("set-cookie", "a"),
        ("set-cookie", "\xe9"),
        ("date", DATE_VALUE),
        ("server", "hump"),
        ("content-length", "3"),
    ]


@pytest.mark.parametrize(
    "name",
    ["connection", "keep-alive", "proxy-connection", "te", "transfer-encoding", "upgrade"],
)
def test_fields_of_a_connection_never_go_out(name: str) -> None:
    """An answer that has one is malformed (RFC 9113 section 8.2.2)."""
    field = (name, "close")
    assert encode([field]).block == encode().block
    assert encode_trailers([field, ("x", "y")]) == encode_trailers([("x", "y")])
    assert encode_informational(103, [field]) == encode_informational(103, [])


def test_a_length_goes_out_with_the_head_alone() -> None:
    """Trailers come too late for it, and an informational answer has no body."""
    length = ("content-length", "3")
    assert encode_trailers([length]) == b""
    assert read_block(encode_informational(103, [length])) == [(":status", "103")]


@pytest.mark.parametrize("value", ["", "-1", "1, 1", "x"])
def test_a_length_that_is_none(value: str) -> None:
    """A streamed body's length must be digits: the handler hears of it."""
    with pytest.raises(ValueError, match="Content-Length"):
        encode([("content-length", value)], body_bytes=None)


@pytest.mark.parametrize("name", ["date", "server"])
def test_an_answer_may_bring_its_own(name: str) -> None:
    """``Date`` and ``Server`` of the answer replace ours; the other one stays."""
    fields = read_block(encode([(name, "mine")]).block)
    assert [value for field, value in fields if field == name] == ["mine"]
    assert {field for field, _ in fields} >= {"date", "server"}


def test_date_and_server_can_be_off() -> None:
    """Nothing of ours leaves no trace."""
    head = encode_head("", 400, [], body_bytes=0, date=b"", server=b"")
    assert read_block(head.block) == [(":status", "400"), ("content-length", "0")]


@pytest.mark.parametrize("name", ["x-b", "cache-control"])
@pytest.mark.parametrize("value", [" a", "a\t", "\t a b \t", "", "  "])
def test_blanks_around_a_value(name: str, value: str) -> None:
    """They don't belong to it, and a client may refuse them (RFC 9113 section 8.2.1)."""
    block = encode_trailers([(name, value)])
    assert read_block(block) == [(name, value.strip(" \t"))]


@pytest.mark.parametrize("value", ["no-store", "x" * 200, "x" * 201, "x" * 5000, "\xe9"])
def test_values_that_come_again(value: str) -> None:
    """What is kept for the next answer is what was encoded for the first."""
    blocks = [encode_trailers([("cache-control", value)]) for _ in range(2)]
    assert blocks[0] == blocks[1]
    assert read_block(blocks[0]) == [("cache-control", value)]


@pytest.mark.parametrize("server", [SERVER, b""])
@pytest.mark.parametrize("length", [0, 7, 13, 65_536])
@pytest.mark.parametrize("content_type", ["application/json", "text/plain; charset=utf-8"])
def test_a_stamp(content_type: str, length: int, server: bytes) -> None:
    """A stamp with its length behind it is what `encode_head` encodes."""
    digits = b"%d" % length
    block = b"%b%c%b" % (begin_head(content_type, DATE, server), len(digits), digits)
    fields = [("content-type", content_type)]
    head = encode_head("GET", 200, fields, body_bytes=length, date=DATE, server=server)
    assert read_block(block) == read_block(head.block)
    assert len(block) <= len(head.block)


def test_what_comes_before_and_behind() -> None:
    """h2 as a client reads informational answers, and trailers."""
    client = H2Connection(H2Configuration(client_side=True, header_encoding=None))
    client.initiate_connection()
    pseudo = [(":method", "GET"), (":path", "/"), (":scheme", "http"), (":authority", "a")]
    client.send_headers(1, pseudo, end_stream=True)
    hint = ("link", "</a.css>; rel=preload")
    head = encode(body_bytes=None)
    assert head.content_length is None
    events = client.receive_data(
        encode_settings([])
        + encode_headers(1, encode_informational(100, []), ends=False)
        + encode_headers(1, encode_informational(103, [hint]), ends=False)
        + encode_headers(1, head.block, ends=False)
        + encode_frame(DATA, 0, 1, BODY)
        + encode_headers(1, encode_trailers([("grpc-status", "0")]), ends=True)
    )
    early = [
        text_of(event.headers)
        for event in events
        if isinstance(event, InformationalResponseReceived)
    ]
    assert early == [[(":status", "100")], [(":status", "103"), hint]]
    (trailers,) = [event for event in events if isinstance(event, TrailersReceived)]
    assert text_of(trailers.headers) == [("grpc-status", "0")]
