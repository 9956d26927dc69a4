"""A head that is taken at once is judged as one that is looked at step by step.

The plain rule stands beside the fast one: a first byte that is fed and pulled alone makes the
parser go step by step over the rest, and single bytes make it do so at each of them.
"""

import pytest

from hump_trio.facts.exceptions import HttpParserError
from hump_trio.facts.settings import Limits
from hump_trio.http1.head import LINE_SLACK_BYTES
from hump_trio.http1.parser import RequestParser
from tests.http1.drive import Outcome, bytewise, drain, pull

FIELDS = b"Host: a\r\nX: y\r\n\r\n"
NEXT = b"GET /next HTTP/1.1\r\nHost: a\r\n\r\n"
LONG = b"/" + b"t" * (2 * LINE_SLACK_BYTES)

HEADS = {
    "plain": b"GET / HTTP/1.1\r\n" + FIELDS,
    "no-fields": b"GET / HTTP/1.0\r\n\r\n",
    "lower-case-method": b"get / HTTP/1.1\r\n" + FIELDS,
    "method-of-no-letter": b"!#$ / HTTP/1.1\r\n" + FIELDS,
    "method-of-a-digit": b"1GET / HTTP/1.1\r\n" + FIELDS,
    "long-method": b"G" * LINE_SLACK_BYTES + b" / HTTP/1.1\r\n" + FIELDS,
    "space-first": b" GET / HTTP/1.1\r\n" + FIELDS,
    "line-feed-first": b"\nGET / HTTP/1.1\r\n" + FIELDS,
    "empty-lines-first": b"\r\n\r\nGET / HTTP/1.1\r\n" + FIELDS,
    "empty-lines-alone": b"\r\n\r\n\r\n",
    "too-many-empty-lines": b"\r\n" * 9 + b"GET / HTTP/1.1\r\n" + FIELDS,
    "empty-line-and-a-lone-cr": b"\r\n\rGET / HTTP/1.1\r\n" + FIELDS,
    "target": b"GET " + LONG + b" HTTP/1.1\r\n" + FIELDS,
    "target-with-a-bad-byte": b"GET " + LONG + b"\x00 HTTP/1.1\r\n" + FIELDS,
    "target-with-a-letter-of-latin": b"GET " + LONG + b"\xe9 HTTP/1.1\r\n" + FIELDS,
    "target-and-a-bad-field": b"GET " + LONG + b" HTTP/1.1\r\nHost: a\x00\r\n\r\n",
    "target-and-another-version": b"GET " + LONG + b" HTTP/2.0\r\nHost: \x00\r\n\r\n",
    "line-feeds-alone": b"GET / HTTP/1.1\nHost: a\n\n",
    "line-feed-after-the-line": b"GET / HTTP/1.1\nHost: a\r\n\r\n",
    "line-feed-after-a-field": b"GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n",
    "line-feed-at-the-end": b"GET / HTTP/1.1\r\nHost: a\r\n\n\r\n\r\n",
    "cr-alone-in-the-line": b"GET / HTTP/1.1\r\r\nHost: a\r\n\r\n",
    "cr-alone-in-a-field": b"GET / HTTP/1.1\r\nHost: a\r\r\n\r\n",
    "no-line-end-but-the-last": b"GET / HTTP/1.1\r\n\r",
    "malformed-line-and-bad-byte": b"GET /\r\nHost: a\x00\r\n\r\n",
    "bad-byte-and-two-hosts": b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\nX: \x7f\r\n\r\n",
    "many-fields-and-a-bad-byte": b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 5 + b"X: \x00\r\n\r\n",
    "several": NEXT * 3,
    "several-with-bodies": (
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n\r\n\r\n"
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n"
    )
    + NEXT,
    "several-and-a-bad-one": NEXT + b"GET / HTTP/1.1\r\nHost: \x00\r\n\r\n" + NEXT,
    "several-and-one-of-no-letter": NEXT + b"!GET / HTTP/1.1\r\n" + FIELDS + NEXT,
    "several-and-a-part": NEXT + NEXT[:-3],
    "several-and-empty-lines": NEXT + b"\r\n" + NEXT + b"\r\n\r\n" + NEXT,
}

each_head = pytest.mark.parametrize("data", HEADS.values(), ids=HEADS)


def every_limit(data: bytes) -> list[Limits]:
    """Return limits on either side of every length that a head has."""
    lengths = range(2, min(len(data), 400) + 2)
    return [
        *(Limits(head_bytes=count) for count in lengths),
        *(Limits(target_bytes=count) for count in lengths),
        *(Limits(header_count=count) for count in range(1, 8)),
        *(Limits(head_bytes=count, target_bytes=4) for count in lengths),
    ]


def error_of(feeds: list[bytes], limits: Limits) -> str | None:
    """Return the words of the error that some bytes end with."""
    parser = RequestParser(limits)
    outcome = Outcome()
    try:
        for data in feeds:
            parser.feed(data)
            pull(parser, outcome.requests)
    except HttpParserError as error:
        return str(error)
    return None


@each_head
def test_at_once_is_as_byte_by_byte(data: bytes) -> None:
    """Whatever the limits, the same requests and the same status come out."""
    for limits in every_limit(data):
        assert drain([data], limits) == drain(bytewise(data), limits), limits


@each_head
def test_at_once_is_as_step_by_step(data: bytes) -> None:
    """What differs only in how the whole head is found differs in nothing, words included."""
    for limits in every_limit(data):
        steps = [data[:1], data[1:]]
        assert drain([data], limits) == drain(steps, limits), limits
        assert error_of([data], limits) == error_of(steps, limits), limits
