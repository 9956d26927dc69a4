"""The parser over the whole corpus, however the bytes arrive, and its own small promises."""

import pytest

from hump_trio.facts.exceptions import HttpParserError
from hump_trio.facts.settings import Limits
from hump_trio.http1.parser import RequestParser
from tests.http1.corpus import CHUNKED_HEAD, LIMITS, NEXT, SAMPLES, Exchange, Sample
from tests.http1.drive import bytewise, drain

each_sample = pytest.mark.parametrize("sample", SAMPLES, ids=[s.name for s in SAMPLES])


@each_sample
def test_whole(sample: Sample) -> None:
    """The requests that a sample holds come out, then the error it ends with."""
    outcome = drain([sample.data], LIMITS)
    seen = [
        Exchange(seen.head.line.method, seen.head.line.target, seen.body, tuple(seen.trailers))
        for seen in outcome.whole
    ]
    assert seen == list(sample.exchanges)
    assert outcome.status == sample.status


@each_sample
def test_byte_by_byte(sample: Sample) -> None:
    """Single bytes give the same requests, bodies, trailers and status as the whole."""
    assert drain(bytewise(sample.data), LIMITS) == drain([sample.data], LIMITS)


@each_sample
def test_cut_in_two(sample: Sample) -> None:
    """Cut in two at any place, the same comes out."""
    data, whole = sample.data, drain([sample.data], LIMITS)
    for at in range(1, len(data)):
        assert drain([data[:at], data[at:]], LIMITS) == whole, f"cut at {at}"


@each_sample
@pytest.mark.parametrize("tail", [NEXT, b"\x00\r\n", b"\r\nGET"], ids=["request", "bad", "part"])
def test_trailing_bytes(sample: Sample, tail: bytes) -> None:
    """What follows a complete sample is read by itself; what follows an error changes nothing."""
    alone, followed = drain([sample.data], LIMITS), drain([sample.data + tail], LIMITS)
    if sample.status:
        assert followed == alone
        return
    behind = drain([tail], LIMITS)
    assert followed.requests == alone.requests + behind.requests
    assert followed.status == behind.status


def test_nothing_comes_out_of_nothing() -> None:
    """A new parser needs bytes, and holds none; there is no body before a head."""
    parser = RequestParser(Limits())
    assert parser.parse_head() is None
    assert parser.parse_body() == b""
    assert parser.buffered_bytes == 0
    assert parser.trailers == []


@pytest.mark.parametrize(
    ("data", "started"),
    [(b"", False), (b"\r", False), (b"\r\n", False), (b"\r\n\r\n\r", False), (b"\r\nG", True)],
    ids=ascii,
)
def test_when_a_request_has_started(data: bytes, started: bool) -> None:
    """Empty lines between requests don't start one: an idle connection stays idle."""
    parser = RequestParser(Limits())
    parser.feed(data)
    assert parser.parse_head() is None
    assert parser.started is started


def test_not_started_behind_a_request() -> None:
    """After a request without more bytes the connection is idle again."""
    parser = RequestParser(Limits())
    parser.feed(NEXT)
    assert parser.parse_head() is not None
    assert not parser.started
    assert parser.buffered_bytes == 0


def test_a_bad_line_is_not_waited_for() -> None:
    """A request line is judged when it ends, before the fields have come."""
    parser = RequestParser(Limits())
    parser.feed(b"GET / HTTP/2.0\r\n")
    with pytest.raises(HttpParserError) as caught:
        parser.parse_head()
    assert caught.value.status == 505


@pytest.mark.parametrize(
    "data", [b"\n", b"\x16", b"\rG", b"GE\x00", b"GET /\n", b"G\r\r"], ids=ascii
)
def test_a_hopeless_line_is_not_waited_for(data: bytes) -> None:
    """What no further byte can mend is refused at once."""
    assert drain([data], Limits()).status == 400


@pytest.mark.parametrize(
    ("data", "status"),
    [(b"A" * 200, 414), (b"A" * 199 + b"\n", 414), (b"A" * 50 + b"\n" + b"A" * 200, 400)],
    ids=["endless", "lf-past-the-window", "lf-within"],
)
def test_an_endless_line(data: bytes, status: int) -> None:
    """A line without an end is 414, unless a byte in it is worse; arrival changes nothing."""
    limits = Limits(target_bytes=80)
    assert drain([data], limits).status == status
    assert drain(bytewise(data), limits).status == status


def test_empty_lines_are_counted_across_feeds() -> None:
    """Sixteen bytes of empty lines pass; dribbling them doesn't reset the count."""
    assert drain([b"\r\n"] * 8, Limits()).status is None
    assert drain([b"\r\n"] * 9, Limits()).status == 400
    assert drain(bytewise(b"\r\n" * 9), Limits()).status == 400


def test_trailers_belong_to_their_request() -> None:
    """A request without trailers doesn't show those of the one before."""
    parser = RequestParser(Limits())
    parser.feed(CHUNKED_HEAD + b"0\r\nX: y\r\n\r\n" + CHUNKED_HEAD + b"0\r\n\r\n" + NEXT)
    seen = []
    while parser.parse_head() is not None:
        assert parser.parse_body() == b""
        seen.append(parser.trailers)
    assert seen == [[("x", "y")], [], []]


def test_a_body_waits_in_the_parser() -> None:
    """Bytes behind a head stay until they are pulled; the next head isn't looked for in them."""
    parser = RequestParser(Limits())
    parser.feed(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nabcd" + NEXT)
    assert parser.parse_head() is not None
    assert parser.buffered_bytes == 4 + len(NEXT)
    assert parser.remaining_bytes == 4
    assert parser.parse_body() == b"abcd"
    assert parser.remaining_bytes == 0
    assert parser.parse_body() == b""
    head = parser.parse_head()
    assert head is not None
    assert head.line.target == "/next"
