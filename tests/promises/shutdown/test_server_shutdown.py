"""The order of a graceful shutdown and its promise, under virtual time and in memory."""

import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from hump_trio import Hump, Request, Timeouts
from hump_trio.server.watchdog import SWEEP_SECONDS
from hump_trio.testing.memory_listener import MemoryListener
from hump_trio.transports.memory import MemoryTransport
from tests.support.loopback import receive_answer, receive_rest

TIMES = Timeouts(shutdown_delay=2, shutdown=20, cleanup=3)
PROMISE_SECONDS = TIMES.shutdown_delay + TIMES.shutdown + TIMES.cleanup + 1
SLOW_SECONDS = 8
STUBBORN_SECONDS = 100


class Run:
    """An app being served in memory, and how long its shutdown takes.

    Args:
        app: Which.

    Attributes:
        seconds: Between the shutdown's beginning and the return of `serve`, once it did.
    """

    def __init__(self, app: Hump) -> None:
        self.listener = MemoryListener()
        self.seconds = math.nan
        self._app = app
        self._asked_at = math.nan

    def shutdown(self) -> None:
        """Ask for the end; only the first time counts."""
        if math.isnan(self._asked_at):
            self._asked_at = trio.current_time()
            self._app.shutdown()

    def ended(self) -> None:
        """Take the time."""
        self.seconds = trio.current_time() - self._asked_at

    async def connect(self, data: bytes = b"", *, window_bytes: float = 2**30) -> MemoryTransport:
        """Return a new connection on which the server has got some bytes.

        Args:
            data: The bytes.
            window_bytes: How much the client acknowledges without reading.
        """
        transport = self.listener.connect(window_bytes)
        await transport.send_all(data)
        await wait_all_tasks_blocked()
        return transport


@asynccontextmanager
async def ending(app: Hump) -> AsyncIterator[Run]:
    """Serve an app; at the end of the block it is shut down, and that is waited for."""
    run = Run(app)
    async with trio.open_nursery() as nursery:
        await nursery.start(partial(app.serve, listeners=[run.listener]))
        yield run
        run.shutdown()
    run.ended()


@pytest.fixture
def app() -> Hump:
    """An app with handlers of every patience."""
    app = Hump(timeouts=TIMES)

    @app.get("/")
    async def index() -> str:
        return "draining" if app.draining else "hello"

    @app.get("/slow")
    async def slow() -> str:
        await trio.sleep(SLOW_SECONDS)
        return "slow"

    @app.get("/forever", timeout=None)
    async def forever() -> None:
        await trio.sleep_forever()

    @app.get("/big")
    async def big() -> bytes:
        return bytes(2**24)

    @app.post("/upload")
    async def upload(request: Request) -> str:
        return str(len(request.body))

    return app


def get(path: str) -> bytes:
    """Return a request."""
    return f"GET {path} HTTP/1.1\r\nhost: test\r\n\r\n".encode()


def says_goodbye(answer: bytes) -> bool:
    """Tell whether an answer announces that it is the connection's last one."""
    return b"\r\nconnection: close\r\n" in answer.lower()


async def test_with_nobody_to_wait_for_it_ends_at_once(
    app: Hump, autojump_clock: MockClock
) -> None:
    """Without connections a shutdown takes its delay and no longer."""
    async with ending(app) as run:
        pass
    assert run.seconds == TIMES.shutdown_delay


async def test_asking_again_changes_nothing(app: Hump, autojump_clock: MockClock) -> None:
    """Any number of calls of `shutdown` are one."""
    async with ending(app) as run:
        run.shutdown()
        await trio.sleep(1)
        app.shutdown()
    assert run.seconds == TIMES.shutdown_delay


async def test_running_requests_are_answered(app: Hump, autojump_clock: MockClock) -> None:
    """A request that is being handled is finished, and its answer is the connection's last."""
    async with ending(app) as run:
        client = await run.connect(get("/slow"))
        run.shutdown()
        answer = await receive_answer(client)
        assert answer.endswith(b"slow")
        assert says_goodbye(answer)
        assert await client.receive_some() == b""
        client.close()
    assert run.seconds == SLOW_SECONDS


async def test_the_delay_keeps_everything_as_it_was(app: Hump, autojump_clock: MockClock) -> None:
    """During `shutdown_delay` connections are accepted and kept; only `draining` has changed."""
    async with ending(app) as run:
        assert not app.draining
        old = await run.connect(get("/"))
        assert (await receive_answer(old)).endswith(b"hello")
        run.shutdown()
        await trio.sleep(TIMES.shutdown_delay / 2)
        assert app.draining
        new = await run.connect(get("/"))
        for client in (old, new):
            await client.send_all(get("/"))
            answer = await receive_answer(client)
            assert answer.endswith(b"draining")
            assert not says_goodbye(answer)
            client.close()
    assert not app.draining


async def test_idle_connections_are_closed_soon(app: Hump, autojump_clock: MockClock) -> None:
    """Connections that ask nothing are closed after `drain_idle`, whatever they did before."""
    async with ending(app) as run:
        silent, idle = await run.connect(), await run.connect(get("/"))
        await receive_answer(idle)
        run.shutdown()
        for client in (silent, idle):
            assert await client.receive_some() == b""
    waited_seconds = run.seconds - TIMES.shutdown_delay
    assert TIMES.drain_idle <= waited_seconds <= TIMES.drain_idle + 2 * SWEEP_SECONDS


@pytest.mark.parametrize("was_used", [True, False])
async def test_a_request_on_its_way_is_answered(
    app: Hump, autojump_clock: MockClock, *, was_used: bool
) -> None:
    """What reaches an open connection within `drain_idle` is answered, and then it is closed."""
    async with ending(app) as run:
        client = await run.connect(get("/") if was_used else b"")
        if was_used:
            await receive_answer(client)
        run.shutdown()
        await trio.sleep(TIMES.shutdown_delay + TIMES.drain_idle / 2)
        await client.send_all(get("/slow"))
        answer = await receive_answer(client)
        assert answer.endswith(b"slow")
        assert says_goodbye(answer)
        assert await client.receive_some() == b""
        client.close()


async def test_after_the_delay_nobody_is_accepted(app: Hump, autojump_clock: MockClock) -> None:
    """The listeners are closed while running requests are still waited for."""
    async with ending(app) as run:
        client = await run.connect(get("/slow"))
        run.shutdown()
        await trio.sleep(TIMES.shutdown_delay + 1)
        with pytest.raises(trio.BrokenResourceError):
            run.listener.connect(1)
        await receive_answer(client)
        client.close()


async def test_overstaying_handlers_are_cut(
    app: Hump, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """What isn't done after `shutdown` is cancelled, its connection reset, and that is logged."""
    async with ending(app) as run:
        client = await run.connect(get("/forever"))
    assert run.seconds == TIMES.shutdown_delay + TIMES.shutdown
    with pytest.raises(trio.BrokenResourceError):
        await client.receive_some()
    assert "cut at shutdown: GET /forever (handler)" in caplog.text


async def test_a_reader_that_stopped_keeps_nobody(app: Hump, autojump_clock: MockClock) -> None:
    """A client that no longer reads its answer can't hold the shutdown up."""
    async with ending(app) as run:
        client = await run.connect(get("/big"), window_bytes=0)
    assert run.seconds <= PROMISE_SECONDS
    with pytest.raises(trio.BrokenResourceError):
        await receive_rest(client)


async def test_a_stream_without_end_is_cut(app: Hump, autojump_clock: MockClock) -> None:
    """A stream that never ends is cut after `shutdown`, and its clean-up has `cleanup` seconds."""
    events = []

    @app.get("/ticks")
    async def ticks() -> AsyncIterator[str]:
        try:
            while True:
                yield "tick"
                await trio.sleep(1)
        finally:
            events.append("cleaning")
            with trio.CancelScope(shield=True):
                await trio.sleep(TIMES.cleanup / 2)
            events.append("cleaned")

    async with ending(app) as run:
        client = await run.connect(get("/ticks"))
    assert events == ["cleaning", "cleaned"]
    assert run.seconds <= PROMISE_SECONDS
    with pytest.raises(trio.BrokenResourceError):
        await receive_rest(client)


async def test_a_dribbled_body_is_cut(app: Hump, autojump_clock: MockClock) -> None:
    """A client that sends a body byte by byte can't hold the shutdown up."""
    sent_at = []

    async def dribble(client: MemoryTransport) -> None:
        with suppress(trio.BrokenResourceError):
            while True:
                await client.send_all(b"x")
                sent_at.append(trio.current_time())
                await trio.sleep(0.004)

    async with trio.open_nursery() as clients, ending(app) as run:
        head = b"POST /upload HTTP/1.1\r\nhost: test\r\ncontent-length: 99999\r\n\r\n"
        clients.start_soon(dribble, await run.connect(head))
    assert run.seconds == TIMES.shutdown_delay + TIMES.shutdown
    assert sent_at[-1] - sent_at[0] > TIMES.shutdown


async def test_what_cant_be_cancelled_is_named(
    app: Hump, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """A handler that outstays the budget behind a shield is shown in the log, line by line."""

    @app.get("/stubborn", timeout=None)
    async def stubborn() -> None:
        with trio.CancelScope(shield=True):
            await trio.sleep(STUBBORN_SECONDS)

    async with ending(app) as run:
        client = await run.connect(get("/stubborn"))
    assert run.seconds == STUBBORN_SECONDS
    [record] = [record for record in caplog.records if record.levelname == "ERROR"]
    assert "can't be cancelled" in record.message
    assert "await trio.sleep(STUBBORN_SECONDS)" in record.message
    client.close()


async def test_without_time_to_clean_up_nobody_is_blamed(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """A handler that ends when it is cancelled isn't logged as one that doesn't."""
    app = Hump(timeouts=Timeouts(shutdown=0, cleanup=0))

    @app.get("/")
    async def forever() -> None:
        await trio.sleep_forever()

    async with ending(app) as run:
        client = await run.connect(get("/"))
    assert run.seconds == 0
    assert not [record for record in caplog.records if record.levelname == "ERROR"]
    client.close()
