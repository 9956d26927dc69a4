"""`Compression`: which answers become smaller, for whom, and what is said of it."""

import gzip
from collections.abc import AsyncIterator
from typing import Any

import pytest
from trio.testing import MockClock

from hump_trio import Compression, Headers, Hump, Response, Send, StreamResponse
from hump_trio.messages.response import Producer, settle
from hump_trio.middleware import coding
from hump_trio.testing import client
from tests.middleware.onion import a_request, check_cancelled_handler, pass_through

TEXT = "to and fro, " * 200
GZIP = {"accept-encoding": "gzip"}


def answer_with(body: Any = TEXT, status: int = 200, **headers: str) -> Response:
    """Return an answer; underscores in names stand for hyphens."""
    return Response(body, status, {name.replace("_", "-"): headers[name] for name in headers})


async def parts_of(*parts: Any) -> AsyncIterator[Any]:
    """Yield some parts."""
    for part in parts:
        yield part


async def test_an_answer_that_is_compressed() -> None:
    """Its length, ranges and ETag are no longer those of the handler's, which stays as it was."""
    answer = answer_with(etag='"x"', accept_ranges="bytes", content_length="7", vary="Cookie")
    before = answer.headers.items()
    response = await pass_through(Compression(), a_request(headers=GZIP), answer)
    assert isinstance(response.body, bytes)
    assert gzip.decompress(response.body).decode() == TEXT
    assert dict(response.headers) == {
        "content-encoding": "gzip",
        "content-type": "text/plain; charset=utf-8",
        "etag": 'W/"x"',
        "vary": "Cookie, Accept-Encoding",
    }
    assert (answer.body, answer.headers.items()) == (TEXT, before)


@pytest.mark.parametrize(
    "kind",
    [
        "text/plain; charset=utf-8",
        "text/html",
        "text/event-stream",
        "TEXT/CSS",
        "application/json",
        "application/jsonl",
        "application/problem+json",
        "application/javascript",
        "image/svg+xml",
        "application/wasm",
    ],
)
async def test_kinds_that_gain(kind: str) -> None:
    """Text of all sorts."""
    response = await pass_through(
        Compression(), a_request(headers=GZIP), answer_with(content_type=kind)
    )
    assert response.headers.get("content-encoding") == "gzip"


@pytest.mark.parametrize(
    "answer",
    [
        answer_with("x" * 1023),
        answer_with(None),
        answer_with(status=204),
        answer_with(status=205),
        answer_with(content_range="bytes 0-2399/5000"),
        answer_with(content_encoding="br"),
        answer_with(content_encoding="identity"),
        answer_with(content_digest="sha-256=:x:"),
        Response(TEXT, trailers={"Repr-Digest": "sha-256=:x:"}),
        Response(TEXT, headers={"trailer": "x-a, Content-Digest"}, trailers=dict),
        answer_with(cache_control="public, No-Transform"),
        answer_with(set_cookie="a=b"),
        answer_with(TEXT.encode()),
        answer_with(content_type="image/png"),
        answer_with(content_type="application/octet-stream"),
        answer_with(content_type="application/zip"),
        answer_with(content_type="video/mp4"),
        answer_with(content_type="font/woff2"),
        answer_with(content_type="text"),
        answer_with(content_type=""),
        answer_with(parts_of(TEXT), content_length="5000"),
        answer_with(parts_of(TEXT), content_type="text/plain", content_length="1023"),
    ],
)
async def test_answers_that_are_left_alone(answer: Response) -> None:
    """Nor are they said to depend on the client, since they don't."""
    response = await pass_through(Compression(), a_request(headers=GZIP), answer)
    assert response.headers.get("content-encoding") == answer.headers.get("content-encoding")
    assert "vary" not in response.headers
    settle(answer)
    assert response.body == answer.body


async def test_trailers_of_a_compressed_answer() -> None:
    """They stay, with those that a producer returns."""

    async def produce(send: Send) -> dict[str, str]:
        await send(TEXT)
        return {"x-sum": "7"}

    text = {"content-type": "text/plain"}
    answer = StreamResponse(produce, headers=text, trailers={"x-count": "1"})
    response = await pass_through(Compression(), a_request(headers=GZIP), answer)
    assert response.trailers == Headers({"x-count": "1"})
    assert isinstance(response.body, Producer)
    sent = bytearray()

    async def send(part: str | bytes) -> None:
        assert isinstance(part, bytes)
        sent.extend(part)

    assert await response.body.produce(send) == {"x-sum": "7"}
    assert gzip.decompress(sent).decode() == TEXT


@pytest.mark.parametrize("accept", [None, "", "br", "gzip;q=0"])
async def test_clients_that_do_not_take_it(accept: str | None) -> None:
    """Their answer is as it was, but caches hear that others have got another one."""
    headers = {} if accept is None else {"accept-encoding": accept}
    answer = answer_with(etag='"x"', accept_ranges="bytes")
    response = await pass_through(Compression(), a_request(headers=headers), answer)
    assert (response.body, response.headers["etag"]) == (TEXT.encode(), '"x"')
    assert response.headers["vary"] == "Accept-Encoding"
    assert "content-encoding" not in response.headers


@pytest.mark.parametrize("tag", ['W/"x"', None])
async def test_weak_tags_stay(tag: str | None) -> None:
    """And none is made up."""
    answer = answer_with() if tag is None else answer_with(etag=tag)
    response = await pass_through(Compression(), a_request(headers=GZIP), answer)
    assert response.headers.get("etag") == tag


@pytest.mark.parametrize(("headers", "tag"), [(GZIP, 'W/"x"'), ({}, '"x"')])
async def test_not_modified_speaks_of_what_the_client_has(headers: Any, tag: str) -> None:
    """A 304 has the ETag and ``Vary`` of the 200 that it stands for (RFC 9110 section 15.4.5)."""
    answer = answer_with(None, 304, etag='"x"')
    response = await pass_through(Compression(), a_request(headers=headers), answer)
    assert (response.headers["etag"], response.headers["vary"]) == (tag, "Accept-Encoding")
    assert "content-encoding" not in response.headers


@pytest.mark.parametrize("kind", ["text/html", "image/png", "multipart/byteranges; boundary=x"])
async def test_a_part_says_what_the_whole_would(kind: str) -> None:
    """A 206 has the ``Vary`` of the 200 (RFC 9110 section 15.3.7); its bytes and tag stay."""
    answer = answer_with(TEXT, 206, etag='"x"', content_type=kind, content_range="bytes 0-9/10")
    response = await pass_through(Compression(), a_request(headers=GZIP), answer)
    assert (response.body, response.headers["etag"]) == (TEXT.encode(), '"x"')
    assert response.headers["vary"] == "Accept-Encoding"
    assert "content-encoding" not in response.headers


async def test_options() -> None:
    """Cookies may be allowed, the size and the level chosen."""
    cookie = answer_with("x" * 10, set_cookie="a=b")
    request = a_request(headers=GZIP)
    response = await pass_through(
        Compression(minimum_bytes=10, with_cookies=True, level=9), request, cookie
    )
    assert response.headers["content-encoding"] == "gzip"
    response = await pass_through(Compression(minimum_bytes=11, with_cookies=True), request, cookie)
    assert "content-encoding" not in response.headers
    best, quick = [
        (await pass_through(Compression(level=level), request, answer_with())).body
        for level in (9, 1)
    ]
    assert isinstance(best, bytes)
    assert isinstance(quick, bytes)
    assert len(best) < len(quick)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"minimum_bytes": -1}, ValueError),
        ({"minimum_bytes": "1k"}, ValueError),
        ({"minimum_bytes": None}, ValueError),
        ({"level": 0}, ValueError),
        ({"level": 10}, ValueError),
        ({"level": True}, ValueError),
        ({"with_cookies": "yes"}, TypeError),
    ],
)
def test_options_that_make_no_sense(options: Any, error: type[Exception]) -> None:
    """They are refused where they are written."""
    with pytest.raises(error):
        Compression(**options)


async def test_zstd_is_left_out_where_nobody_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the interpreter nor an extra."""

    def missing(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(coding, "import_module", missing)
    request = a_request(headers={"accept-encoding": "zstd, gzip;q=0.1"})
    response = await pass_through(Compression(), request, answer_with())
    assert response.headers["content-encoding"] == "gzip"


async def test_a_body_that_cannot_be_encoded(caplog: pytest.LogCaptureFixture) -> None:
    """It is a 500, as without compression."""
    app = Hump()
    app.middleware(Compression())

    @app.get("/")
    async def index() -> str:
        return "\ud800" * 2000

    async with client(app) as http:
        assert (await http.get("/")).status_code == 500


async def test_a_handler_below_can_be_cancelled(autojump_clock: MockClock) -> None:
    """The layer holds nothing."""
    await check_cancelled_handler(Compression())
