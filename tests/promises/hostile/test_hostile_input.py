"""What no client should send, on the wire: refused with the right words, and nothing breaks."""

import logging
from typing import Any

import pytest
from trio.testing import MockClock

from hump_trio import Hump, Limits, Request
from hump_trio.testing import connect
from tests.http1.corpus import LIMITS, SAMPLES
from tests.support.wire import ask, chunked, parse_answers, read_to_end, request

MALFORMED: list[tuple[str, bytes, int]] = [
    ("request-line", b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("http09", b"GET /\r\n\r\n", 400),
    ("http2-preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    ("unknown-version", b"GET / HTTP/3.0\r\nHost: a\r\n\r\n", 505),
    ("tls-hello", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
    ("header-name", request("GET", "/", "X(Y): z"), 400),
    ("control-byte", request("GET", "/", "X: \x01"), 400),
    ("bare-cr", request("GET", "/", "X: y\rz"), 400),
    ("bare-lf", request("GET", "/", "X: y\nz"), 400),
    ("obs-fold", request("GET", "/", "X: y", " z"), 400),
    ("space-before-colon", request("GET", "/", "X : y"), 400),
    ("no-host", b"GET / HTTP/1.1\r\n\r\n", 400),
    ("two-hosts", request("GET", "/", "Host: a"), 400),
    ("host-with-space", b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
    ("host-with-user", b"GET / HTTP/1.1\r\nHost: user@a\r\n\r\n", 400),
    ("host-with-open-bracket", b"GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", 400),
    ("host-with-bad-port", b"GET / HTTP/1.1\r\nHost: a:80x\r\n\r\n", 400),
    ("length-not-digits", request("POST", "/", "Content-Length: +3") + b"abc", 400),
    ("length-twice", request("POST", "/", "Content-Length: 3", body=b"abc"), 400),
    ("length-list", request("POST", "/", "Content-Length: 3, 3") + b"abc", 400),
    (
        "length-and-coding",
        request("POST", "/", "Transfer-Encoding: chunked", body=b"0\r\n\r\n"),
        400,
    ),
    ("coding-not-chunked-last", request("POST", "/", "Transfer-Encoding: chunked, gzip"), 400),
    ("coding-unknown", request("POST", "/", "Transfer-Encoding: x"), 501),
    ("coding-in-http10", request("POST", "/", "Transfer-Encoding: chunked", version="1.0"), 400),
    ("chunk-size-not-hex", chunked(end=False) + b"0x3\r\nabc\r\n0\r\n\r\n", 400),
    ("chunk-size-too-large", chunked(end=False) + b"f" * 17 + b"\r\n", 400),
    ("chunk-without-crlf", chunked(end=False) + b"3\r\nabcd\r\n0\r\n\r\n", 400),
    ("trailer-malformed", chunked(trailers="X : y\r\n"), 400),
    ("trailer-oversize", chunked(trailers=f"X: {'y' * 33_000}\r\n"), 400),
    ("trailer-frames", chunked(trailers="Content-Length: 3\r\n"), 400),
    ("trailer-routes", chunked(trailers="Host: b\r\n"), 400),
    ("head-too-large", request("GET", "/", *(f"X{n}: {'y' * 4096}" for n in range(8))), 431),
    ("head-without-end", b"GET / HTTP/1.1\r\nX: " + b"y" * 40_000, 431),
    ("too-many-fields", request("GET", "/", *["X: y"] * 100), 431),
    ("target-too-long", request("GET", "/" + "a" * 8192), 414),
    ("body-broken-off", request("POST", "/", "Content-Length: 9") + b"abc", 400),
    ("chunks-broken-off", chunked(b"abc", end=False), 400),
]


def echo_app(limits: Limits | None = None) -> Hump:
    """Return an app of HTTP/1.1 alone that tells what it was sent, on any path."""
    app = Hump(limits=limits, http2=False)

    @app.route("/{rest:path}", methods=["GET", "POST", "PUT"])
    async def echo(request: Request) -> dict[str, Any]:
        return {
            "body": request.text,
            "headers": request.headers.items(),
            "host": request.host,
            "trailers": request.trailers.items(),
        }

    return app


@pytest.mark.parametrize(
    ("data", "status"), [row[1:] for row in MALFORMED], ids=[row[0] for row in MALFORMED]
)
async def test_a_malformed_request_is_refused_and_the_connection_closed(
    data: bytes, status: int, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """A good request before it is answered first; the refusal says close and is all there is."""
    good, refusal = await ask(echo_app(), request("GET", "/first") + data, "GET", "POST")
    assert good.status == 200
    assert not good.closes
    assert refusal.status == status
    assert refusal.closes
    assert refusal.whole
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


async def test_every_malformed_sample_of_the_codec_gets_its_status_on_the_wire(
    autojump_clock: MockClock,
) -> None:
    """The server answers what the parser finds; nothing is repaired between them."""
    app = echo_app(LIMITS)
    async with connect(app):
        for sample in SAMPLES:
            methods = [each.method for each in sample.exchanges]
            answers = await ask(app, sample.data, *methods, "GET")
            statuses = [answer.status for answer in answers]
            assert len(statuses) == len(methods) + (sample.status is not None), sample.name
            assert sample.status is None or statuses[-1] == sample.status, sample.name
            assert sample.status is None or answers[-1].closes, sample.name


async def test_a_refusal_repeats_nothing_of_the_input(autojump_clock: MockClock) -> None:
    """An answer that quotes its request can carry an attack to whoever shows it."""
    [answer] = await ask(echo_app(), b"<script>alert(1)</script> / HTTP/1.1\r\n\r\n")
    assert answer.status == 400
    assert "script" not in answer.text


async def test_what_follows_a_refused_request_is_never_served(autojump_clock: MockClock) -> None:
    """Behind bytes that can't be framed nothing can be told to be a request."""
    data = request("POST", "/", "Content-Length: 3", body=b"abc") + request()
    answers = await ask(echo_app(), data, "POST", "GET")
    assert [answer.status for answer in answers] == [400]


@pytest.mark.parametrize(
    "data",
    [
        request("GET", "/", "Connection: close"),
        request("GET", "/", version="1.0"),
        request("POST", "/", "Connection: close", body=b"abc"),
    ],
    ids=["close", "http10", "close-with-body"],
)
async def test_bytes_after_the_last_request_are_ignored(
    data: bytes, autojump_clock: MockClock
) -> None:
    """A connection that was said to end is read to its end and served no further."""
    [answer] = await ask(echo_app(), data + request("GET", "/more") + b"\x00junk", "GET", "GET")
    assert answer.status == 200
    assert answer.closes


@pytest.mark.parametrize("body", [b"", b"abc"], ids=["without-body", "with-body"])
async def test_an_upgrade_that_is_not_spoken_is_ignored(
    body: bytes, autojump_clock: MockClock
) -> None:
    """The request is served as usual, and is the last one.

    What follows may be meant for the other protocol, and a proxy may have let it pass for that.
    """
    data = request("POST", "/", "Connection: Upgrade", "Upgrade: websocket", body=body)
    [answer] = await ask(echo_app(), data + request(), "POST", "GET")
    assert answer.status == 200
    assert answer.closes
    assert f'"body":"{body.decode()}"' in answer.text.replace(" ", "")


async def test_trailers_stay_apart_from_headers(autojump_clock: MockClock) -> None:
    """A field that comes late can't pass for one that a proxy has checked."""
    data = chunked(b"abc", trailers="X-Admin: yes\r\n")
    [answer] = await ask(echo_app(), data, "POST")
    headers, trailers = answer.text.split('"trailers"')
    assert "x-admin" not in headers
    assert "x-admin" in trailers


async def test_the_authority_of_an_absolute_target_wins_over_host(
    autojump_clock: MockClock,
) -> None:
    """RFC 9112 section 3.2.2: the Host field is overridden, not believed."""
    [answer] = await ask(echo_app(), request("GET", "http://b:81/x"))
    assert '"host":"b:81"' in answer.text.replace(" ", "")


async def test_a_request_byte_by_byte_is_served_like_a_whole_one(
    autojump_clock: MockClock,
) -> None:
    """Where the network cuts a message is no property of it."""
    app = echo_app()
    data = chunked(b"abc", b"d", trailers="X: y\r\n") + request("PUT", "/", body=b"ab")
    expected = await ask(app, data, "POST", "PUT")
    async with connect(app) as raw:
        for at in range(len(data)):
            await raw.send(data[at : at + 1])
        await raw.half_close()
        answers = parse_answers(await read_to_end(raw), "POST", "PUT")
    assert [answer.body for answer in answers] == [answer.body for answer in expected]


@pytest.mark.parametrize(
    ("lines", "closes"),
    [((), True), (("Connection: keep-alive",), False), (("Connection: close",), True)],
    ids=["by-default", "keep-alive", "close"],
)
async def test_http10_stays_open_only_on_demand(
    lines: tuple[str, ...], closes: bool, autojump_clock: MockClock
) -> None:
    """RFC 9112 section 9.3; what keeps it open is confirmed with keep-alive."""
    data = request("GET", "/", *lines, version="1.0")
    answers = await ask(echo_app(), data * 2, "GET", "GET")
    assert len(answers) == (1 if closes else 2)
    assert answers[0].headers["connection"] == ("close" if closes else "keep-alive")


async def test_http10_without_host_is_served(autojump_clock: MockClock) -> None:
    """The field came with HTTP/1.1."""
    [answer] = await ask(echo_app(), b"GET / HTTP/1.0\r\n\r\n")
    assert answer.status == 200


async def test_head_gets_the_head_of_get_and_nothing_more(autojump_clock: MockClock) -> None:
    """RFC 9110 section 9.3.2: the length is told, the body isn't sent."""
    app = echo_app()
    methods = ["GET", "HEAD", "GET"]
    get, head, last = await ask(app, b"".join(map(request, methods)), *methods)
    assert head.headers["content-length"] == str(len(get.body))
    assert head.body == b""
    assert last.status == 200
