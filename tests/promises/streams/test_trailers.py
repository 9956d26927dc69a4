"""Trailers of answers over HTTP/1.1: behind the last chunk, for clients that ask for them."""

import hashlib
from collections.abc import AsyncIterator

import pytest
from trio.testing import MockClock

from hump_trio import (
    CallNext,
    Compression,
    Headers,
    Hump,
    JsonLines,
    JsonResponse,
    Request,
    Response,
    SecurityHeaders,
    Send,
    StreamResponse,
    timeout,
)
from hump_trio.testing import connect
from tests.support.both_paths import Stage, both_alike, play_both
from tests.support.wire import Answer, ask, read_to_reset, request

PARTS = ("one", "two", "three")
DIGEST = hashlib.sha256("".join(PARTS).encode()).hexdigest()
WITH_TRAILERS = ("TE: trailers", "Connection: close, TE")


def build(stage: Stage | None = None) -> Hump:
    """Return an app with every kind of body that has trailers."""
    app = Hump()

    async def parts(digest: "hashlib._Hash") -> AsyncIterator[str]:
        for part in PARTS:
            digest.update(part.encode())
            yield part

    @app.get("/whole")
    async def whole() -> Response:
        return Response("".join(PARTS), trailers={"x-sum": DIGEST})

    @app.get("/json")
    async def json() -> Response:
        return JsonResponse([1], trailers=[("x-sum", "1"), ("x-sum", "2")])

    @app.get("/generator")
    async def generator() -> Response:
        digest = hashlib.sha256()
        return Response(parts(digest), trailers=lambda: {"x-sum": digest.hexdigest()})

    @app.get("/producer")
    @timeout(5)
    async def producer() -> Response:
        async def produce(send: Send) -> dict[str, str]:
            digest = hashlib.sha256()
            async for part in parts(digest):
                await send(part)
            return {"x-sum": digest.hexdigest()}

        return StreamResponse(produce)

    @app.get("/lines")
    async def lines() -> Response:
        return JsonLines(parts(hashlib.sha256()), trailers={"x-sum": "1"})

    @app.get("/known")
    async def known() -> Response:
        body = parts(hashlib.sha256())
        return Response(body, headers={"content-length": "11"}, trailers={"x-sum": "1"})

    @app.get("/none")
    async def none() -> Response:
        return Response(None, 204, trailers={"x-sum": "1"})

    @app.get("/wrong")
    async def wrong() -> Response:
        return Response(parts(hashlib.sha256()), trailers=lambda: {"set-cookie": "a=b"})

    return app


PATHS = ["/whole", "/json", "/generator", "/producer", "/lines", "/known"]


async def answer_to(path: str, *lines: str, app: Hump | None = None, method: str = "GET") -> Answer:
    """Return the answer to a request."""
    [answer] = await ask(app or build(), request(method, path, *lines), method)
    return answer


@pytest.mark.parametrize("path", PATHS)
async def test_who_asks_for_trailers_gets_them(path: str, autojump_clock: MockClock) -> None:
    """In chunks, even where the length is known; their names are announced where those are."""
    plain = await answer_to(path, "Connection: close")
    answer = await answer_to(path, *WITH_TRAILERS)
    assert answer.whole
    assert answer.headers["transfer-encoding"] == "chunked"
    assert "content-length" not in answer.headers
    assert answer.body == plain.body
    assert answer.trailers[0][0] == "x-sum"
    announced = path not in {"/generator", "/producer"}
    assert answer.headers.get("trailer") == ("x-sum" if announced else None)
    if path in {"/whole", "/generator", "/producer"}:
        assert answer.trailers == [("x-sum", DIGEST)]


@pytest.mark.parametrize("path", PATHS)
async def test_who_does_not_ask_for_trailers_gets_the_body_alone(
    path: str, autojump_clock: MockClock
) -> None:
    """As if there were none: with a length where one is known."""
    for lines in [("Connection: close",), ("Connection: close", "TE: gzip")]:
        answer = await answer_to(path, *lines)
        assert answer.whole
        assert answer.trailers == []
        assert "trailer" not in answer.headers
        known = path in {"/whole", "/json", "/known"}
        assert ("content-length" in answer.headers) == known


@pytest.mark.parametrize(("path", "method"), [("/whole", "HEAD"), ("/none", "GET")])
async def test_what_has_no_body_has_no_trailers(
    path: str, method: str, autojump_clock: MockClock
) -> None:
    """There is nothing that they could follow."""
    answer = await answer_to(path, *WITH_TRAILERS, method=method)
    assert answer.whole
    assert (answer.trailers, answer.headers.get("trailer")) == ([], None)


async def test_wrong_trailers_of_a_stream_break_it_off(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever asks; the log says what is wrong, and no client takes the body for whole."""
    for lines in [(), WITH_TRAILERS]:
        caplog.clear()
        app = build()
        async with connect(app) as raw:
            await raw.send(request("GET", "/wrong", *lines))
            data = await read_to_reset(raw)
        assert b"one" in data
        assert not data.endswith(b"0\r\n\r\n")
        assert "set-cookie has to come before the body" in caplog.text


@pytest.mark.parametrize("name", ["gzip", "identity"])
async def test_middleware_leaves_trailers_alone(name: str, autojump_clock: MockClock) -> None:
    """It changes the body and the fields before it; a response of its own can have more behind."""
    app = Hump()
    app.middleware(Compression(minimum_bytes=1))
    app.middleware(SecurityHeaders())

    @app.middleware
    async def add(request: Request, call_next: CallNext) -> Response:
        response = await call_next(request)
        assert isinstance(response.trailers, Headers)
        response.trailers.add("server-timing", "total;dur=1")
        return response

    @app.get("/")
    async def index() -> Response:
        return Response("hello" * 9, trailers={"x-sum": "1"})

    answer = await answer_to("/", *WITH_TRAILERS, f"Accept-Encoding: {name}", app=app)
    assert answer.headers.get("content-encoding", "identity") == name
    assert answer.trailers == [("x-sum", "1"), ("server-timing", "total;dur=1")]


@both_alike
def test_trailers_are_alike_on_both_paths() -> None:
    """A request that comes whole is left to the lane, and the next one isn't."""

    async def scene(stage: Stage) -> None:
        for path in [*PATHS, "/none", "/wrong"]:
            client = stage.connect()
            asked = request("GET", path, "TE: trailers")
            await stage.send(client, asked, request("GET", path), asked + asked)

    assert play_both(build, scene).fast_count >= 2 * len(PATHS)
