"""Requests as bytes, each with what must become of it under `LIMITS`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from hump_trio.facts.settings import Limits
from hump_trio.messages.headers import FieldLines
from tests.http1.corpus_bodies import CHUNKS, CODINGS, LENGTHS, TRAILERS
from tests.http1.corpus_heads import FIELDS, HOSTS, LINES

# Small, so that samples past them are short too and can be cut at every position.
LIMITS = Limits(head_bytes=400, header_count=8, target_bytes=80)


class Exchange(NamedTuple):
    """What a complete request says."""

    method: str
    target: str
    body: bytes = b""
    trailers: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True, slots=True)
class Sample:
    """Bytes that are complete: requests, or requests and an error.

    Args:
        name: Unique, led by the name of its group.
        data: The bytes.
        exchanges: The requests that come out.
        status: Of the error behind them; None for none.
    """

    name: str
    data: bytes
    exchanges: tuple[Exchange, ...]
    status: int | None


ROOT = Exchange("GET", "/")
NEXT = b"GET /next HTTP/1.1\r\nHost: a\r\n\r\n"
SMUGGLED = b"GET /admin HTTP/1.1\r\nHost: a\r\n\r\n"
CHUNKED_HEAD = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"

# Name, bytes, the requests that come out, the status of the error behind them.
STREAMS: list[tuple[str, bytes, tuple[Exchange, ...], int | None]] = [
    ("one", NEXT, (Exchange("GET", "/next"),), None),
    ("pipelined", NEXT * 3, (Exchange("GET", "/next"),) * 3, None),
    (
        "pipelined-bodies",
        b"PUT /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab"
        + CHUNKED_HEAD
        + b"1\r\nc\r\n0\r\nX: y\r\n\r\n"
        + NEXT,
        (
            Exchange("PUT", "/1", b"ab"),
            Exchange("POST", "/", b"c", (("x", "y"),)),
            Exchange("GET", "/next"),
        ),
        None,
    ),
    ("bad-behind-good", NEXT + b"GET / HTTP/1.1\r\n\r\n", (Exchange("GET", "/next"),), 400),
    ("505-behind-good", NEXT + b"GET / HTTP/2.0\r\n\r\n", (Exchange("GET", "/next"),), 505),
    ("garbage-behind-good", NEXT + b"\x16\x03\x01", (Exchange("GET", "/next"),), 400),
    ("crlf-before", b"\r\n" + NEXT, (Exchange("GET", "/next"),), None),
    ("crlf-at-the-cap", b"\r\n" * 8 + NEXT, (Exchange("GET", "/next"),), None),
    ("crlf-past-the-cap", b"\r\n" * 9 + NEXT, (), 400),
    ("crlf-between", NEXT + b"\r\n" + NEXT, (Exchange("GET", "/next"),) * 2, None),
    ("crlf-counted-anew", (b"\r\n" * 8 + NEXT) * 2, (Exchange("GET", "/next"),) * 2, None),
    ("cr-before", b"\r" + NEXT, (), 400),
    ("lf-before", b"\n" + NEXT, (), 400),
    ("cr-behind-crlf", b"\r\n\r" + NEXT, (), 400),
    ("space-before", b" " + NEXT, (), 400),
    ("h2-preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", (), 505),
    ("tls-hello", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", (), 400),
    ("bare-lf-throughout", b"GET / HTTP/1.1\nHost: a\n\n", (), 400),
    ("bare-cr-throughout", b"GET / HTTP/1.1\rHost: a\r\r", (), 400),
    ("expect", b"GET / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n", (ROOT,), None),
    ("connection-close", b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", (ROOT,), None),
    ("keep-alive-10", b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", (ROOT,), None),
    (
        "upgrade",
        b"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
        (ROOT,),
        None,
    ),
    (
        "smuggle-cl-te",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 36\r\nTransfer-Encoding: chunked\r\n"
        b"\r\n0\r\n\r\n" + SMUGGLED,
        (),
        400,
    ),
    (
        "smuggle-te-te",
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-encoding: x\r\n"
        b"\r\n0\r\n\r\n" + SMUGGLED,
        (),
        501,
    ),
    (
        "smuggle-chunk-extension",
        CHUNKED_HEAD + b"2;\n12\r\n0\r\n\r\n" + SMUGGLED,
        (),
        400,
    ),
    (
        "smuggle-behind-last-chunk",
        CHUNKED_HEAD + b"0\r\n" + SMUGGLED,
        (),
        400,
    ),
    (
        "chunked-then-next",
        CHUNKED_HEAD + b"0\r\n\r\n" + NEXT,
        (Exchange("POST", "/"), Exchange("GET", "/next")),
        None,
    ),
    (
        "connect-empty",
        b"CONNECT b:443 HTTP/1.1\r\nHost: b\r\nContent-Length: 0\r\n\r\n",
        (Exchange("CONNECT", "b:443"),),
        None,
    ),
    (
        "connect-length",
        b"CONNECT b:443 HTTP/1.1\r\nHost: b\r\nContent-Length: 3\r\n\r\nabc",
        (),
        400,
    ),
    (
        "connect-chunked",
        b"CONNECT b:443 HTTP/1.1\r\nHost: b\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        (),
        400,
    ),
    (
        "length-hides-a-request",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(SMUGGLED) + SMUGGLED,
        (Exchange("POST", "/", SMUGGLED),),
        None,
    ),
]


def head_sample(name: str, data: bytes, status: int | None) -> Sample:
    """Return a request without a body; its first line says what comes out, if anything does."""
    if status:
        return Sample(name, data, (), status)
    method, target, _ = data.partition(b"\r\n")[0].decode("ascii").split(" ")
    return Sample(name, data, (Exchange(method, target),), None)


def head_samples() -> list[Sample]:
    """Return every request line, field and ``Host`` in a head that is otherwise in order."""
    return [
        *(
            head_sample(f"line-{name}", b"%b\r\nHost: a\r\n\r\n" % line, status)
            for name, line, status in LINES
        ),
        *(
            head_sample(f"field-{name}", b"GET / HTTP/1.1\r\nHost: a\r\n%b\r\n\r\n" % lines, status)
            for name, lines, status in FIELDS
        ),
        *(
            head_sample(f"host-{name}", b"GET %b\r\n%b\r\n" % (rest, lines), status)
            for name, rest, lines, status in HOSTS
        ),
    ]


def body_sample(name: str, data: bytes, expected: bytes | FieldLines | int) -> Sample:
    """Return a POST whose body, trailers or error are known."""
    if isinstance(expected, int):
        return Sample(name, data, (), expected)
    if isinstance(expected, bytes):
        return Sample(name, data, (Exchange("POST", "/", expected),), None)
    return Sample(name, data, (Exchange("POST", "/", b"abc", tuple(expected)),), None)


def body_samples() -> list[Sample]:
    """Return every framing, chunk and trailer in a message that is otherwise in order."""
    samples = [
        body_sample(
            f"length-{name}", b"POST / HTTP/1.1\r\nHost: a\r\n%b\r\n\r\nabc" % lines, expected
        )
        for name, lines, expected in LENGTHS
    ]
    samples += [
        body_sample(
            f"coding-{name}",
            b"POST / HTTP/%b\r\nHost: a\r\n%b\r\n\r\n3\r\nabc\r\n0\r\n\r\n" % (version, lines),
            expected,
        )
        for name, version, lines, expected in CODINGS
    ]
    samples += [
        body_sample(f"chunk-{name}", CHUNKED_HEAD + raw, seen) for name, raw, seen in CHUNKS
    ]
    samples += [
        body_sample(f"trailer-{name}", CHUNKED_HEAD + b"3\r\nabc\r\n0\r\n%b\r\n" % lines, expected)
        for name, lines, expected in TRAILERS
    ]
    return samples


SAMPLES = [
    *head_samples(),
    *body_samples(),
    *(
        Sample(f"stream-{name}", data, exchanges, status)
        for name, data, exchanges, status in STREAMS
    ),
]
