"""The fast path ends a request as the plain path does, whatever happens while a handler runs."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, TypeAlias

import pytest
import trio

from hump_trio import Hump, Request, Response, Timeouts
from hump_trio.transports.memory import MemoryTransport
from tests.support.both_paths import Stage, both_alike, play_both
from tests.support.wire import request

Event: TypeAlias = Callable[[Stage, MemoryTransport], Awaitable[None]]

pytestmark = both_alike

# A handler has five seconds, and two of them once a shutdown has begun.
TIMEOUTS = Timeouts(handler=5.02, send_grace=3, shutdown=2.03, cleanup=2)
# Before the first sweep, before and after the second one, and about the end of a handler's time.
SECONDS = [0, 0.11, 0.29, 1.07, 4.93, 5.05, 5.11, 20.03]
KINDS = ["text", "dict", "response", "streamed", "none", "error"]
PATHS = ["/", "/finish", "/grace", "/stubborn", "/stubborn-grace", "/tidy"]


async def parts() -> Any:
    """Yield a body."""
    yield "do"
    yield "ne"


def value_of(kind: str) -> Any:
    """Return what a handler returns, or raise what it raises."""
    match kind:
        case "text":
            return "done"
        case "dict":
            return {"done": 1}
        case "response":
            return Response(b"done", 202)
        case "streamed":
            return parts()
        case "error":
            raise ValueError("done")
    return None


def build(stage: Stage) -> Hump:
    """Return an app whose handlers take the seconds, and answer with the kind, of the query."""
    app = Hump(timeouts=TIMEOUTS)

    async def sleep(request: Request) -> None:
        try:
            await trio.sleep(float(request.query["seconds"]))
        finally:
            stage.note(request.url, request.body, request.cancel_reason, trio.current_time())

    @app.get("/")
    @app.get("/finish", on_disconnect="finish")
    @app.get("/grace", on_disconnect=1.53)
    async def ordinary(request: Request) -> Any:
        await sleep(request)
        return value_of(request.query["kind"])

    @app.get("/stubborn")
    @app.get("/stubborn-grace", on_disconnect=1.53)
    async def stubborn(request: Request) -> Any:
        try:
            await sleep(request)
        except trio.Cancelled:
            stage.note("swallowed")
        return value_of(request.query["kind"])

    @app.get("/tidy")
    async def tidy(request: Request) -> Any:
        try:
            await sleep(request)
        finally:
            with trio.move_on_after(1, shield=True):
                await trio.sleep(0.61)
            value_of(request.query["kind"])
        return "tidied"

    return app


def ask(path: str, seconds: float, kind: str = "text") -> bytes:
    """Return a request for a handler that takes some seconds."""
    return request("GET", f"{path}?seconds={seconds}&kind={kind}")


async def watch(stage: Stage, *clients: MemoryTransport) -> None:
    """Look at clients for as long as anything can happen to them."""
    for _ in range(30):
        await trio.sleep(0.47)
        for client in clients:
            stage.look(client)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_handler_that_takes_its_time(kind: str, path: str) -> None:
    """Its answer comes, or what its deadline makes of it, and the next request is served."""

    async def scene(stage: Stage) -> None:
        for seconds in SECONDS:
            client = stage.connect()
            await stage.send(client, ask(path, seconds, kind))
            await watch(stage, client)
            await stage.send(client, ask(path, 0, kind), ask(path, 0.11, kind))
            client.close()

    assert play_both(build, scene).fast_count >= len(SECONDS)


async def leave(stage: Stage, client: MemoryTransport) -> None:
    """Close the client's end, in good order."""
    client.close()


async def break_off(stage: Stage, client: MemoryTransport) -> None:
    """Let the client be gone."""
    client.reset()


async def half_close(stage: Stage, client: MemoryTransport) -> None:
    """Let the client have no more to say."""
    await client.send_eof()


async def shut_down(stage: Stage, client: MemoryTransport) -> None:
    """Begin a shutdown."""
    stage.app.shutdown()


async def send_more(stage: Stage, client: MemoryTransport) -> None:
    """Ask again before the answer is there."""
    client.send_nowait(ask("/", 0))


EVENTS: list[Event] = [leave, break_off, half_close, shut_down, send_more]


@pytest.mark.parametrize("after", [0.01, 0.11, 0.43, 1.01])
@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("kind", ["text", "response", "error"])
def test_what_happens_while_a_handler_runs(
    kind: str, path: str, event: Event, after: float
) -> None:
    """A client that goes, a shutdown, a further request: at any moment of a handler's time."""

    async def scene(stage: Stage, seconds: float) -> None:
        client = stage.connect()
        await stage.send(client, ask(path, 0, kind))
        client.send_nowait(ask(path, seconds, kind))
        await trio.sleep(after)
        await event(stage, client)
        await watch(stage, client)

    for seconds in (0.29, 0.63, 3.21):
        assert play_both(build, partial(scene, seconds=seconds)).fast_count >= 1
