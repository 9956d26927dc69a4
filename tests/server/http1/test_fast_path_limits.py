"""The fast path keeps to what the plain path keeps to: limits, slow readers, and peers that go."""

import math
from collections.abc import AsyncIterator

import pytest
import trio

from hump_trio import Hump, Limits, Request, Response, Timeouts
from tests.support.both_paths import Stage, both_alike, play_both
from tests.support.wire import request

pytestmark = both_alike

LIMITS = Limits(requests=2, body_bytes=60, buffered_bytes=100)
TIMEOUTS = Timeouts(handler=5.02, send_grace=3.01, shutdown=2.03, cleanup=2, disconnect_poll=0.23)
MUCH = 60_000


def build(stage: Stage) -> Hump:
    """Return an app with a route for each way to meet a limit."""
    app = Hump(timeouts=TIMEOUTS, limits=LIMITS)

    @app.get("/")
    async def index() -> str:
        return "hello"

    @app.post("/wait/{seconds:float}")
    @app.post("/small/{seconds:float}", body_limit=10)
    @app.post("/any/{seconds:float}", body_limit=None)
    async def wait(request: Request, seconds: float) -> bytes:
        await trio.sleep(seconds)
        return request.body

    @app.post("/replace/{seconds:float}")
    async def replace(request: Request, seconds: float) -> bytes:
        request.body = b"another one"
        await trio.sleep(seconds)
        return request.body

    @app.get("/much/{kind}")
    async def much(kind: str) -> object:
        if kind == "parts":
            return parts()
        return "x" * MUCH if kind == "text" else Response("x" * MUCH, 203)

    async def parts() -> AsyncIterator[bytes]:
        yield bytes(MUCH)

    @app.get("/gone/{kind}")
    async def gone(kind: str) -> object:
        for client in stage.clients:
            client.reset()
        if kind == "error":
            raise ValueError("to nobody")
        return parts() if kind == "parts" else kind if kind == "text" else Response(kind, 404)

    return app


@pytest.mark.parametrize("path", ["/wait/", "/small/", "/any/", "/replace/"])
@pytest.mark.parametrize("seconds", [0, 0.1, 1.03, 9])
@pytest.mark.parametrize("sizes", [(10, 11), (50, 50), (60, 61), (60, 40, 1), (100, 1), (101,)])
def test_bodies_and_requests_in_flight(path: str, seconds: float, sizes: tuple[int, ...]) -> None:
    """As many as may be held at one time; what a handler makes of its body doesn't count."""

    async def scene(stage: Stage) -> None:
        await stage.send(stage.connect(), request())
        for _ in range(2):
            for size in sizes:
                data = request("POST", f"{path}{seconds:f}", body=b"x" * size)
                stage.connect().send_nowait(data)
                await trio.sleep(0.01)
            for _ in range(8):
                await trio.sleep(0.97)
                for client in stage.clients:
                    stage.look(client)

    assert play_both(build, scene).fast_count


@pytest.mark.parametrize("kind", ["text", "response", "parts"])
@pytest.mark.parametrize("end", ["reads", "reads-late", "resets", "leaves", "shutdown", "nothing"])
def test_a_client_that_does_not_read(kind: str, end: str) -> None:
    """What isn't taken at once goes out later, as long as the client makes progress."""

    async def scene(stage: Stage) -> None:
        client = stage.connect(1000)
        for _ in range(2):
            client.send_nowait(request("GET", f"/much/{kind}"))
            await trio.sleep(0.97)
        stage.note(stage.app.statistics())
        match end:
            case "reads-late":
                await trio.sleep(2.51)
            case "resets":
                client.reset()
            case "leaves":
                await client.send_eof()
            case "shutdown":
                stage.app.shutdown()
        if end.startswith("reads"):
            client.set_window(math.inf)
        await trio.sleep(5.03)
        client.set_window(math.inf)
        await stage.send(client, request(), request("GET", "/much/text"))

    assert play_both(build, scene).fast_count


@pytest.mark.parametrize("kind", ["text", "response", "parts", "error"])
def test_a_client_that_is_gone_when_its_answer_is_written(kind: str) -> None:
    """It is counted and logged as such, and nobody else is disturbed."""

    async def scene(stage: Stage) -> None:
        client = stage.connect()
        await stage.send(client, request(), request("GET", f"/gone/{kind}"))
        await stage.send(stage.connect(), request())

    assert play_both(build, scene).fast_count == 3
