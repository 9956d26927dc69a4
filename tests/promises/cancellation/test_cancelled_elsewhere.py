"""What a cancellation from elsewhere leaves behind: a reason, an error, and nothing else."""

import gc
import math
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from functools import partial, wraps
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from hump_trio import Hump, Request, Response, Timeouts, limit, timeout
from hump_trio.testing import connect
from hump_trio.testing.memory_listener import MemoryListener
from hump_trio.transports.memory import WINDOW_BYTES
from tests.support.wire import (
    connect_transport,
    parse_answers,
    read_to_end,
    read_to_reset,
    read_until,
    request,
)


@pytest.fixture
def app() -> Hump:
    """An app that greets."""
    app = Hump(timeouts=Timeouts(shutdown=5, cleanup=2))

    @app.get("/")
    async def index() -> str:
        return "hello"

    return app


async def stray_cancelled() -> trio.Cancelled:
    """Return a Cancelled that belongs to no scope any more."""
    with trio.CancelScope() as scope:
        scope.cancel()
        try:
            await trio.lowlevel.checkpoint()
        except trio.Cancelled as error:
            kept = error
            raise
    return kept


@pytest.mark.parametrize("culprit", ["/handler", "/stream", "/background", "/listener"])
async def test_whatever_ends_the_server_is_told_to_every_handler(
    culprit: str, app: Hump, autojump_clock: MockClock
) -> None:
    """Not only what comes from around all connections; and no cut request counts as ok."""
    reasons = []
    listener = MemoryListener()

    async def stop() -> None:
        raise SystemExit

    @app.get("/waiting")
    async def waiting(request: Request) -> None:
        try:
            await trio.sleep_forever()
        finally:
            reasons.append(request.cancel_reason)

    @app.get("/handler")
    async def handler() -> None:
        await stop()

    @app.get("/stream")
    async def stream() -> AsyncIterator[bytes]:
        yield b"part"
        await stop()

    @app.get("/background")
    async def background() -> None:
        app.start_soon(stop)
        await trio.sleep_forever()

    @app.get("/listener")
    async def break_listener() -> None:
        await listener.aclose()
        await trio.sleep_forever()

    @app.lifespan
    async def lifespan(app: Hump) -> AsyncIterator[None]:
        try:
            yield
        finally:
            outcomes.update(app.statistics().outcomes)

    outcomes: Counter[str] = Counter()
    clients = [listener.connect(math.inf), listener.connect(math.inf)]

    async def ask() -> None:
        clients[0].send_nowait(request("GET", "/waiting"))
        await wait_all_tasks_blocked()
        clients[1].send_nowait(request("GET", culprit))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask)
        with pytest.RaisesGroup(
            trio.ClosedResourceError if culprit == "/listener" else SystemExit,
            flatten_subgroups=True,
        ):
            await app.serve(listeners=[listener])
    assert reasons == ["server-failed"]
    assert +outcomes == {"crash": 2}


@pytest.mark.parametrize("grouped", [False, True])
async def test_a_stray_cancellation_in_the_background_ends_its_task_alone(
    app: Hump, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture, *, grouped: bool
) -> None:
    """One kept from another task, as caches of results under way do; it is logged."""
    stray = await stray_cancelled()

    async def work() -> None:
        raise BaseExceptionGroup("", [stray]) if grouped else stray

    @app.get("/work")
    async def start() -> str:
        app.start_soon(work)
        return "started"

    async with connect(app) as raw:
        await raw.send(request("GET", "/work"))
        await read_until(raw, b"started")
        await trio.sleep(1)
        await raw.send(request())
        await read_until(raw, b"hello")
    assert "background work failed: work" in caplog.text


@pytest.mark.parametrize("grouped", [False, True])
async def test_a_stray_cancellation_in_a_handler_ends_its_connection_alone(
    app: Hump, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture, *, grouped: bool
) -> None:
    """Those beside it and those that come later are served; it is logged, and counts as a crash."""
    stray = await stray_cancelled()

    @app.get("/stray")
    async def fail() -> None:
        raise BaseExceptionGroup("", [stray]) if grouped else stray

    async with connect(app) as neighbour:
        await neighbour.send(request())
        await read_until(neighbour, b"hello")
        async with connect(app) as raw:
            await raw.send(request("GET", "/stray"))
            assert await read_to_reset(raw) == b""
        await neighbour.send(request())
        await read_until(neighbour, b"hello")
        async with connect(app) as late:
            await late.send(request())
            await read_until(late, b"hello")
        assert app.statistics().outcomes["crash"] == 1
    assert caplog.text.count("a connection failed") == 1


async def test_a_failing_exit_is_raised_though_the_host_cancels(app: Hump) -> None:
    """What fails while it is cancelled isn't lost."""

    @app.lifespan
    async def lifespan(app: Hump) -> AsyncIterator[None]:
        try:
            yield
        finally:
            raise ValueError("the exit's own")

    with pytest.RaisesGroup(pytest.RaisesExc(ValueError, match=r"^the exit's own$")):
        async with trio.open_nursery() as nursery:
            await nursery.start(partial(app.serve, listeners=[MemoryListener()]))
            nursery.cancel_scope.cancel()


async def test_waiting_for_the_drain_ends_with_the_server(
    app: Hump, autojump_clock: MockClock
) -> None:
    """Whoever waits outside of it isn't left waiting when it was cancelled."""
    async with trio.open_nursery() as waiters:
        async with trio.open_nursery() as nursery:
            await nursery.start(partial(app.serve, listeners=[MemoryListener()]))
            waiters.start_soon(app.wait_draining)
            await wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
        waiters.cancel_scope.deadline = trio.current_time() + 1
    assert not waiters.cancel_scope.cancelled_caught


@pytest.mark.memory_only("there is room for exactly nine bytes")
@pytest.mark.parametrize("streamed", [False, True])
async def test_nothing_follows_half_a_100(
    app: Hump, autojump_clock: MockClock, *, streamed: bool
) -> None:
    """A handler that gives up waiting, while the client takes no more of a 100, has no answer."""
    filler = bytes(2 * WINDOW_BYTES)

    @app.get("/fill")
    async def fill() -> bytes:
        return filler

    @app.post("/up", stream=True)
    async def up(request: Request) -> Response:
        with trio.move_on_after(1):
            await anext(request.stream)
        return Response(answer() if streamed else "too late")

    async def answer() -> AsyncIterator[str]:
        yield "too late"

    async with connect(app) as raw:
        await raw.send(request("GET", "/fill"))
        head_bytes = len(await read_until(raw, filler)) - len(filler)
    filler = filler[: -head_bytes - 9]  # of the 100 there is room for nine bytes
    async with connect_transport(app, WINDOW_BYTES) as transport:
        await transport.send_all(request("GET", "/fill"))
        await trio.sleep(0.1)
        await transport.send_all(
            request("POST", "/up", "Expect: 100-continue", "Content-Length: 5")
        )
        await trio.sleep(2)
        transport.set_window(math.inf)
        data = b""
        with suppress(trio.BrokenResourceError):
            while part := await transport.receive_some():
                data += part
    assert b"HTTP/1.1 HTTP/1.1" not in data


async def test_a_limit_keeps_what_the_response_says(app: Hump, autojump_clock: MockClock) -> None:
    """A decorator between a limit and a bounded generator may set fields and a status."""

    def creating(handler: Any) -> Callable[[], Awaitable[Response]]:
        @wraps(handler)
        async def created() -> Response:
            response: Response = await handler()
            response.status = 201
            response.headers["x-created"] = "yes"
            return response

        return created

    @app.get("/bounded")
    @limit(1)
    @creating
    @timeout(1)
    async def bounded() -> AsyncIterator[str]:
        yield "part"

    async with connect(app) as raw:
        await raw.send(request("GET", "/bounded", "Connection: close"))
        [answer] = parse_answers(await read_to_end(raw))
    assert (answer.status, answer.headers["x-created"], answer.text) == (201, "yes", "part")


@pytest.mark.parametrize("case", ["upload", "gone", "malformed"])
async def test_nothing_is_left_to_the_garbage_collector(
    case: str, app: Hump, autojump_clock: MockClock
) -> None:
    """A connection goes at once with all it held, also one that has brought no request."""

    @app.post("/upload", stream=True)
    async def upload(request: Request) -> str:
        return str(sum([len(part) async for part in request.stream]))

    @app.get("/gone")
    async def gone() -> AsyncIterator[bytes]:
        yield b"part"
        await trio.sleep_forever()

    async def visit() -> None:
        async with connect(app) as raw:
            if case == "upload":
                await raw.send(request("POST", "/upload", "Connection: close", body=b"x" * 9))
                assert (await read_to_end(raw)).endswith(b"9")
            elif case == "malformed":
                await raw.send(b"GET\r\n\r\n")
                assert (await read_to_end(raw)).startswith(b"HTTP/1.1 400 ")
            else:
                await raw.send(request("GET", "/gone"))
                await read_until(raw, b"part\r\n")
                raw.reset()
        await trio.sleep(1)

    async with connect(app):
        await visit()
        gc.collect()
        gc.disable()
        gc.set_debug(gc.DEBUG_SAVEALL)
        try:
            await visit()
            gc.collect()
            left = Counter(type(each).__name__ for each in gc.garbage)
        finally:
            gc.set_debug(0)
            gc.garbage.clear()
            gc.enable()
    assert not left.keys() & {"Request", "Exchange", "Connection", "Lane", "Sender", "frame"}


async def test_reading_on_after_the_answer_is_refused(app: Hump, autojump_clock: MockClock) -> None:
    """By a stream that was kept."""
    kept: list[AsyncIterator[bytes]] = []

    @app.post("/", stream=True)
    async def keep(request: Request) -> str:
        kept.append(request.stream)
        return "kept"

    async with connect(app) as raw:
        await raw.send(request("POST", "/", "Connection: close", body=b"x"))
        await read_to_end(raw)
    with pytest.raises(trio.ClosedResourceError, match="is over"):
        await anext(kept[0])
