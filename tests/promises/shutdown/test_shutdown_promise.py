"""The promise: `serve` returns in time whatever clients and handlers do, and says who wouldn't."""

import math
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from hump_trio import BindError, Hump, Request, Response, Send, StreamResponse, Timeouts
from hump_trio.testing.memory_listener import MemoryListener
from hump_trio.transports.memory import MemoryTransport
from tests.support.loopback import PATIENCE_SECONDS, connect_to, receive_rest, served
from tests.support.wire import request

TIMES = Timeouts(shutdown_delay=1, shutdown=4, cleanup=3)
PROMISE_SECONDS = TIMES.shutdown_delay + TIMES.shutdown + TIMES.cleanup + 1
STUBBORN_SECONDS = 100
PART = "tick" * 1000


class Nasty:
    """An app whose handlers, work and exit end badly or not at all.

    Attributes:
        begun: Those that were started.
        ended: Those that have come to their end, however.
        finished: Those that have finished what they shielded.
    """

    def __init__(self, timeouts: Timeouts = TIMES) -> None:
        self.app = Hump("127.0.0.1", 0, timeouts=timeouts)
        self.begun: list[str] = []
        self.ended: list[str] = []
        self.finished: list[str] = []
        for path in ("/forever", "/shielded", "/hidden"):
            self.app.get(path, timeout=None)(self.handle)
        self.app.get("/finish", timeout=None, on_disconnect="finish")(self.handle)
        for path in ("/ticks", "/flood", "/hanging"):
            self.app.get(path)(self.stream)
        self.app.get("/produced")(self.produce)
        self.app.get("/big")(self.answer)
        self.app.route("/", methods=["GET", "POST"])(self.answer)
        self.app.post("/read", stream=True)(self.read)
        self.app.get("/work")(self.work)

    async def wait(self, name: str) -> None:
        """Wait forever, and clean up as the name says."""
        self.begun.append(name)
        try:
            await trio.sleep_forever()
        finally:
            if name == "/shielded":
                with trio.move_on_after(TIMES.cleanup, shield=True):
                    await trio.sleep(2)
                    self.finished.append(name)
            self.ended.append(name)

    async def handle(self, request: Request) -> None:
        """Never answer; a route may say that it is to be finished."""
        try:
            await self.wait(request.path)
        except trio.Cancelled:
            if request.path != "/hidden":
                raise

    async def answer(self, request: Request) -> bytes:
        """Answer at once."""
        return bytes(2**24 if request.path == "/big" else 5)

    async def read(self, request: Request) -> None:
        """Read a body that doesn't end."""
        self.begun.append(request.path)
        try:
            async for _ in request.stream:
                pass
        finally:
            self.ended.append(request.path)

    async def work(self) -> str:
        """Start work that never ends."""
        self.app.start_soon(self.wait, "work")
        self.app.start_soon(self.wait, "/shielded")
        return "begun"

    async def stream(self, request: Request) -> AsyncIterator[str]:
        """Yield without end, with pauses or without."""
        self.begun.append(request.path)
        try:
            while True:
                yield PART
                if request.path != "/flood":
                    await trio.sleep(0.5)
        finally:
            try:
                if request.path == "/hanging":
                    await trio.sleep_forever()
            finally:
                self.ended.append(request.path)

    async def produce(self, request: Request) -> Response:
        """Send without end."""

        async def producer(send: Send) -> None:
            self.begun.append(request.path)
            try:
                while True:
                    await send(PART)
            finally:
                self.ended.append(request.path)

        return StreamResponse(producer)

    def hang_at_exit(self) -> None:
        """Give the app a lifespan that isn't left."""

        @self.app.lifespan
        async def lifespan(app: Hump) -> AsyncIterator[None]:
            self.begun.append("lifespan")
            yield
            try:
                await trio.sleep_forever()
            finally:
                self.ended.append("lifespan")


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """What a client does until it is cut.

    Args:
        sends: At once.
        dribbles: Sent again and again, a tenth of a second apart.
        reads: Whether it reads what comes, as often.
        window_bytes: How much it acknowledges without reading.
        leaves: Whether it is gone when the shutdown begins.
    """

    sends: bytes
    dribbles: bytes = b""
    reads: bool = False
    window_bytes: float = 9999
    leaves: bool = False

    async def run(self, transport: MemoryTransport) -> None:
        """Do it."""
        await transport.send_all(self.sends)
        with suppress(trio.BrokenResourceError):
            while self.dribbles or self.reads:
                await transport.send_all(self.dribbles)
                await trio.sleep(0.1)
                if self.reads and not await transport.receive_some():
                    return


def upload(path: str) -> bytes:
    """Return the head of a body that won't come to its end."""
    return request("POST", path, "Content-Length: 99999")


CLIENTS = {
    "reads nothing of a large answer": Client(sends=request("GET", "/big"), window_bytes=0),
    "reads some of a large answer": Client(sends=request("GET", "/big")),
    "reads nothing of a stream": Client(sends=request("GET", "/flood"), window_bytes=0),
    "reads nothing of a producer": Client(sends=request("GET", "/produced"), window_bytes=0),
    "reads a stream that sleeps": Client(sends=request("GET", "/ticks"), reads=True),
    "reads a stream that never sleeps": Client(sends=request("GET", "/flood"), reads=True),
    "reads a producer": Client(sends=request("GET", "/produced"), reads=True),
    "reads a stream whose closing hangs": Client(sends=request("GET", "/hanging"), reads=True),
    "dribbles a head": Client(sends=b"GET /", dribbles=b"x"),
    "dribbles a body": Client(sends=upload("/"), dribbles=b"x" * 50),
    "dribbles a body that is read": Client(sends=upload("/read"), dribbles=b"x" * 50),
    "dribbles a body that is refused": Client(sends=upload("/none"), dribbles=b"x" * 50),
    "stalls in a body that is read": Client(sends=upload("/read")),
    "is idle": Client(sends=request()),
    "never sends a byte": Client(sends=b""),
    "waits for a handler": Client(sends=request("GET", "/forever")),
    "waits for one that hides its end": Client(sends=request("GET", "/hidden")),
    "waits for one to be finished": Client(sends=request("GET", "/finish")),
    "left one to be finished": Client(sends=request("GET", "/finish"), leaves=True),
    "waits for one that shields its end": Client(sends=request("GET", "/shielded")),
    "asks for background work": Client(sends=request("GET", "/work")),
    "pipelines": Client(sends=request("GET", "/forever") + request() * 99),
}


@pytest.mark.parametrize("hanging", ["lifespan hangs", ""])
@pytest.mark.parametrize("names", [*([each] for each in CLIENTS), list(CLIENTS)], ids="+".join)
async def test_serve_returns_in_time(
    names: list[str], hanging: str, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever clients do, one or all; everything begun has ended, shields of theirs in peace."""
    nasty = Nasty()
    if hanging:
        nasty.hang_at_exit()
    listener = MemoryListener()
    async with trio.open_nursery() as clients:
        async with trio.open_nursery() as nursery:
            await nursery.start(partial(nasty.app.serve, listeners=[listener]))
            for name in names * 2:
                client = CLIENTS[name]
                transport = listener.connect(client.window_bytes)
                clients.start_soon(client.run, transport)
                await trio.sleep(0.5)
                if client.leaves:
                    transport.reset()
            started = trio.current_time()
            nasty.app.shutdown()
        assert trio.current_time() - started <= PROMISE_SECONDS
        clients.cancel_scope.cancel()
    assert sorted(nasty.ended) == sorted(nasty.begun)
    assert nasty.finished.count("/shielded") == nasty.begun.count("/shielded")
    assert "can't be cancelled" not in caplog.text


@pytest.mark.parametrize("path", ["/flood", "/produced"])
async def test_a_stream_that_is_always_read(path: str) -> None:
    """It ends too, on a clock and a wire that are real, where neither side ever waits."""
    nasty = Nasty(Timeouts(shutdown=0.1, cleanup=0.1))
    with trio.fail_after(PATIENCE_SECONDS):
        async with served(nasty.app):
            stream = await connect_to(nasty.app)
            await stream.send_all(request("GET", path))
            nasty.app.shutdown()
            with pytest.raises(trio.BrokenResourceError):
                await receive_rest(stream)
    assert nasty.ended == [path]
    await stream.aclose()


@asynccontextmanager
async def stubborn_exit(app: Hump) -> AsyncIterator[None]:
    """Be a lifespan that can't be cancelled on its way out."""
    yield
    await be_stubborn()


async def be_stubborn() -> None:
    """Outlast any budget, behind a shield."""
    with trio.CancelScope(shield=True):
        await trio.sleep(STUBBORN_SECONDS)


async def shield_when_cancelled() -> None:
    """Be stubborn only at the end."""
    try:
        await trio.sleep_forever()
    finally:
        await be_stubborn()


@pytest.mark.parametrize("function", [be_stubborn, shield_when_cancelled])
@pytest.mark.parametrize("where", ["handler", "background", "stream"])
async def test_a_shield_that_is_too_long_is_named(
    where: str,
    function: Callable[[], Awaitable[None]],
    autojump_clock: MockClock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Nothing else breaks the promise, and the log shows the line that did, once."""
    app = Hump(timeouts=TIMES)

    async def ticks() -> AsyncIterator[str]:
        try:
            yield "tick"
            await trio.sleep_forever()
        finally:
            await function()

    @app.get("/", timeout=None)
    async def index() -> Response:
        if where == "background":
            app.start_soon(function)
        elif where == "handler":
            await function()
        return Response(ticks() if where == "stream" else "begun")

    errors = await run_until_ended(app, caplog, STUBBORN_SECONDS, PROMISE_SECONDS + 99)
    [error] = [each for each in errors if "can't be cancelled; it waits in\n" in each]
    assert "await trio.sleep(STUBBORN_SECONDS)" in error


async def run_until_ended(
    app: Hump, caplog: pytest.LogCaptureFixture, least_seconds: float, most_seconds: float
) -> list[str]:
    """Ask an app for its index, shut it down, and return the errors that were logged.

    Args:
        app: Which.
        caplog: Has them.
        least_seconds: What the shutdown takes at least.
        most_seconds: What it takes at most.
    """
    listener = MemoryListener()
    async with trio.open_nursery() as nursery:
        await nursery.start(partial(app.serve, listeners=[listener]))
        listener.connect(math.inf).send_nowait(request())
        await wait_all_tasks_blocked()
        started = trio.current_time()
        app.shutdown()
    assert least_seconds <= trio.current_time() - started <= most_seconds
    return [each.message for each in caplog.records if each.levelname == "ERROR"]


@pytest.mark.parametrize("cause", ["shutdown", "scope", "crash", "address"])
async def test_a_lifespan_that_hangs(
    cause: str, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Its exit is cancelled after `cleanup` seconds, whatever has ended the server, and logged."""
    app = Hump("127.0.0.1", timeouts=TIMES)
    hung_at = []

    async def end() -> None:
        await trio.sleep(1)
        assert cause != "crash"
        app.shutdown()

    @app.lifespan
    async def lifespan(app: Hump) -> AsyncIterator[None]:
        try:
            async with trio.open_nursery() as nursery:
                if cause != "address":
                    nursery.start_soon(end)
                with trio.move_on_after(1 if cause == "scope" else math.inf):
                    yield
        finally:
            nursery.cancel_scope.cancel()
            hung_at.append(trio.current_time())
            await trio.sleep_forever()

    with socket.create_server(("127.0.0.1", 0)) as taken, trio.fail_after(PROMISE_SECONDS):
        app.port = taken.getsockname()[1]
        listeners = None if cause == "address" else [MemoryListener()]
        with pytest.raises(BindError) if cause == "address" else suppress(ExceptionGroup):
            await app.serve(listeners=listeners)
    assert trio.current_time() == hung_at[0] + TIMES.cleanup
    assert "the lifespan's exit took too long and was cancelled" in caplog.text


async def test_a_lifespan_that_shields_itself(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """One that can't be cancelled is named by the line in which it waits."""
    app = Hump(timeouts=TIMES)
    app.lifespan(stubborn_exit)
    first, *_ = await run_until_ended(app, caplog, STUBBORN_SECONDS, STUBBORN_SECONDS + 2)
    assert "can't be cancelled; it waits in\n" in first
    assert "await trio.sleep(STUBBORN_SECONDS)" in first


@pytest.mark.parametrize("repeat", range(10))
async def test_a_request_that_comes_with_the_end(autojump_clock: MockClock, repeat: int) -> None:
    """A handler that starts just when it is cut learns the reason too, if it starts."""
    app = Hump(timeouts=TIMES)
    reasons = []

    @app.get("/")
    async def index(request: Request) -> None:
        try:
            await trio.sleep_forever()
        finally:
            reasons.append(request.cancel_reason)

    listener = MemoryListener()
    async with trio.open_nursery() as nursery:
        await nursery.start(partial(app.serve, listeners=[listener]))
        client = listener.connect(1)
        await client.send_all(request()[:-1])
        await wait_all_tasks_blocked()
        app.shutdown()
        await trio.sleep(TIMES.shutdown_delay + TIMES.shutdown)
        with suppress(trio.BrokenResourceError):
            client.send_nowait(b"\n")
    assert set(reasons) <= {"shutdown"}
