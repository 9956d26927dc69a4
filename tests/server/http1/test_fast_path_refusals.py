"""The fast path refuses as the plain path does: 404, 405, 501, and what OPTIONS is told."""

from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any

import pytest
import trio

from hump_trio import CallNext, HttpException, Hump, Limits, Request, Response, Timeouts
from hump_trio.http1.head import LINE_SLACK_BYTES
from hump_trio.server.http1.prepared import DRAIN_BYTES
from tests.support.both_paths import Stage, both_alike, play_both
from tests.support.wire import request

pytestmark = both_alike

Build = Callable[[Stage], Hump]
PROBLEM = "Accept: application/problem+json"


def build(stage: Stage, **options: Any) -> Hump:
    """Return an app with a few routes, two of which meet at one path."""
    app = Hump(**options)

    @app.get("/")
    async def index() -> str:
        return "hello"

    @app.post("/items/{number:int}")
    @app.route("/items/{name}", methods=["PUT", "SHELVE"])
    async def item(request: Request) -> bytes:
        return request.body

    @app.options("/own")
    async def own() -> str:
        return "an answer of its own"

    return app


def build_seen(stage: Stage) -> Hump:
    """Return the same with middleware that looks at all and changes all."""
    app = build(stage)

    @app.middleware
    async def see(request: Request, call_next: CallNext) -> Response:
        stage.note(request.route, request.path_params, request.outcome, request.app is app)
        response = await call_next(request)
        stage.note(request.outcome, request.body, response.status, response.body)
        response.headers.add("x-seen", request.url)
        return response

    return app


def build_handled(stage: Stage) -> Hump:
    """Return the same with handlers of some refusals, which raise the error again, or another."""
    app = build(stage)

    @app.exception_handler(HttpException)
    async def handle(request: Request, error: HttpException) -> Response:
        # What it is given knows of no other request.
        stage.note(repr(error), error.__traceback__, error.__context__, vars(error))
        error.add_note("seen")
        if error.status == 501:
            raise error
        if "own" in request.path:
            raise ValueError("an error of its own") from error
        await trio.lowlevel.checkpoint()
        return Response(error.detail.upper(), error.status + 5, error.headers)

    return app


def build_slow(stage: Stage) -> Hump:
    """Return the same with middleware that takes longer than there is time, for some."""
    app = build(stage, timeouts=Timeouts(handler=1.51), limits=Limits(requests=2))

    @app.middleware
    async def wait(request: Request, call_next: CallNext) -> Response:
        await trio.sleep(float(request.query_string or 0))
        return await call_next(request)

    return app


def build_streaming(stage: Stage) -> Hump:
    """Return the same with an answer to 404 that comes in parts."""
    app = build(stage)

    async def parts() -> AsyncIterator[str]:
        yield "nothing"
        yield " here"

    @app.exception_handler(HttpException)
    async def handle(request: Request, error: HttpException) -> Response:
        return Response(parts(), error.status)

    return app


BUILDS: list[Build] = [build, build_seen, build_handled, build_streaming]
REFUSED = [
    request("GET", "/nothing"),
    request("GET", "/nothing?a=b", PROBLEM),
    request("GET", "/nothing", "Accept: text/html, */*"),
    request("GET", "/nothing", "Accept: text/html", "Accept: application/json"),
    request("GET", "/nothing", "Connection: close"),
    request("GET", "/nothing", "Connection: close", PROBLEM),
    request("GET", "/nothing", version="1.0"),
    request("HEAD", "/nothing"),
    request("GET", "/items/a%2Fb"),
    request("POST", "/"),
    request("POST", "/", PROBLEM),
    request("GET", "/items/7"),
    request("GET", "/items/seven"),
    request("DELETE", "/own"),
    request("BREW", "/"),
    request("BREW", "/", PROBLEM),
    request("BREW", "*"),
    request("SHELVE", "/"),
    request("CONNECT", "a:80"),
    request("OPTIONS", "*"),
    request("OPTIONS", "/"),
    request("OPTIONS", "/items/7"),
    request("OPTIONS", "/items/seven"),
    request("OPTIONS", "/own"),
    request("OPTIONS", "/nothing"),
    request("OPTIONS", "http://a/items/7"),
]


@pytest.mark.parametrize("make", BUILDS)
@pytest.mark.parametrize("data", REFUSED, ids=lambda data: data.partition(b"\r")[0].decode())
def test_refusals(make: Build, data: bytes) -> None:
    """Whoever looks at them: the same bytes, lines in the log and counts, however often asked."""

    async def scene(stage: Stage) -> None:
        client = stage.connect()
        await stage.send(client, request(), data, data, request(), data + data, request())
        await trio.sleep(7)
        stage.look(client)

    assert play_both(make, scene).fast_count


@pytest.mark.parametrize("make", BUILDS)
@pytest.mark.parametrize("further", [-1, 0, 1, 300])
def test_methods_that_are_far_too_long(make: Build, further: int) -> None:
    """A method without end is 414, and one that just fits into the line is 501."""
    rest = len("  HTTP/1.1\r\n") + 1
    room = Limits().target_bytes + LINE_SLACK_BYTES - rest
    data = request("B" * (room + further), "/")

    async def scene(stage: Stage) -> None:
        client = stage.connect()
        await stage.send(client, request(), data)
        stage.look(client)
        client.close()

    seen = str(play_both(make, scene).seen)
    assert ("the request target is too long" in seen) == (further > 0)


@pytest.mark.parametrize("make", BUILDS)
@pytest.mark.parametrize("lines", [(), ("Connection: close",), ("Expect: 100-continue",)])
@pytest.mark.parametrize("size", [1, 1000, DRAIN_BYTES, DRAIN_BYTES + 1])
@pytest.mark.parametrize(("method", "path"), [("POST", "/nothing"), ("PUT", "/"), ("OPTIONS", "/")])
def test_refused_bodies(
    make: Build, lines: tuple[str, ...], size: int, method: str, path: str
) -> None:
    """What nobody wants of a body is read away if it is little, whole or in parts."""
    data = request(method, path, *lines, body=b"x" * size)

    async def scene(stage: Stage) -> None:
        for parts in ([data], [data, data], [data[:-1], data[-1:]], [data + request()]):
            client = stage.connect()
            await stage.send(client, request(), *parts, request())
            client.close()

    play_both(make, scene)


@pytest.mark.parametrize("seconds", [0.1, 1.04, 1.6, 5])
@pytest.mark.parametrize("body", [b"", b"body"])
def test_refusals_that_take_long(seconds: float, body: bytes) -> None:
    """They count among the requests in flight, and middleware is cut as anywhere."""

    async def scene(stage: Stage) -> None:
        clients = [stage.connect() for _ in range(4)]
        for client in clients:
            client.send_nowait(request("PUT", f"/?{seconds}", body=body))
            await trio.sleep(0.01)
        for _ in range(3):
            for client in clients:
                await stage.send(client, request("GET", "/nothing"))

    assert play_both(build_slow, scene).fast_count


@pytest.mark.parametrize("make", [build, build_seen])
def test_refusals_over_time(make: Build) -> None:
    """Their date is that of the answer."""

    async def scene(stage: Stage) -> None:
        client = stage.connect()
        for _ in range(3):
            await stage.send(client, request("GET", "/nothing"), request("OPTIONS", "*"))

    stage = play_both(make, scene)
    assert stage.fast_count == 6


@pytest.mark.parametrize("access", [False, True])
def test_a_refusal_is_counted_as_one(*, access: bool) -> None:
    """What no route takes was refused; what OPTIONS asks was answered."""

    async def scene(stage: Stage) -> None:
        client = stage.connect()
        await stage.send(client, request("GET", "/nothing"), request("OPTIONS", "/"))
        outcomes = stage.app.statistics().outcomes
        assert (outcomes["refused"], outcomes["ok"]) == (1, 1)

    play_both(partial(build, limits=Limits(requests=1)), scene, access=access)
