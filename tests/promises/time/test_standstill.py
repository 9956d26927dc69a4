"""A server that stood still, stopped or blocked by a handler: its clients aren't charged for it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
from trio.testing import MockClock

from hump_trio import Hump, Request, Timeouts, WebSocket
from hump_trio.server.phases import Phase
from hump_trio.server.watchdog import SWEEP_SECONDS, Watchdog
from hump_trio.testing import RawConnection, connect, websocket
from tests.server.test_watchdog import new_connections
from tests.support.wire import chunked, parse_answers, read_to_end, read_until, request

# So many that the sweep is before the reading of some of them, and after that of others.
COUNT = 12
BODY = b"x" * 400
LARGE = b"y" * 3_000_000


@pytest.fixture
def app() -> Hump:
    """An app that takes bodies, whole and in parts, and has a large answer."""
    app = Hump()

    @app.get("/")
    async def index() -> str:
        return "hello"

    @app.post("/")
    async def whole(request: Request) -> str:
        return f"{len(request.body)} bytes"

    @app.post("/parts", stream=True)
    async def parts(request: Request) -> str:
        return f"{sum([len(part) async for part in request.stream])} bytes"

    @app.get("/large")
    async def large() -> bytes:
        return LARGE

    return app


@asynccontextmanager
async def connected(app: Hump, count: int = COUNT) -> AsyncIterator[list[RawConnection]]:
    """Give some connections to an app."""
    async with connect(app) as first:
        connections = [first]
        async with trio.open_nursery() as nursery:

            async def hold(task_status: trio.TaskStatus[RawConnection]) -> None:
                async with connect(app) as raw:
                    task_status.started(raw)
                    await trio.sleep_forever()

            connections += [await nursery.start(hold) for _ in range(count - 1)]
            yield connections
            nursery.cancel_scope.cancel()


POST = request("POST", "/", body=BODY)
PARTS = request("POST", "/parts", body=BODY)


@pytest.mark.parametrize(
    ("data", "sent_bytes", "seconds"),
    [
        (POST, len(POST) - 300, 6),
        (POST, len(POST) - 1, 6),
        (PARTS, len(PARTS) - 300, 6),
        (PARTS, len(PARTS) - 1, 6),
        (chunked(b"a", b"b", path="/parts"), 70, 6),
        (request("POST", "/", body=BODY), 10, 11),
        (request("POST", "/", body=BODY), 0, 11),
        (request("POST", "/", body=BODY), 0, 80),
    ],
)
async def test_what_was_sent_meanwhile_is_read(
    data: bytes, sent_bytes: int, seconds: float, app: Hump, autojump_clock: MockClock
) -> None:
    """A head or a body whose rest waits in the socket when the server wakes up is served."""
    async with connected(app) as connections:
        for raw in connections:
            if sent_bytes:
                await raw.send(data[:sent_bytes])
        await trio.sleep(1)
        for raw in connections:
            await raw.send(data[sent_bytes:])
        autojump_clock.jump(seconds)
        for raw in connections:
            assert b" bytes" in await read_until(raw, b" bytes")


async def test_an_idle_connection_is_kept(app: Hump, autojump_clock: MockClock) -> None:
    """A request on a connection that was idle longer than `keep_alive` by the clock is answered."""
    async with connected(app) as connections:
        for raw in connections:
            await raw.send(request())
            await read_until(raw, b"hello")
        await trio.sleep(1)
        autojump_clock.jump(80)
        await trio.sleep(10)
        for raw in connections:
            await raw.send(request())
            await read_until(raw, b"hello")


@pytest.mark.memory_only("what TCP holds is acknowledged without being read")
async def test_a_reader_has_its_time(app: Hump, autojump_clock: MockClock) -> None:
    """An answer whose client couldn't show any progress isn't cut."""
    async with connected(app) as connections:
        for raw in connections:
            raw.pause_reading()
            await raw.send(request("GET", "/large", "Connection: close"))
        await trio.sleep(1)
        autojump_clock.jump(70)
        await trio.sleep(1)
        for raw in connections:
            assert (await read_to_end(raw)).endswith(LARGE[-1000:])


async def test_bodies_in_parts_one_after_the_other(app: Hump, autojump_clock: MockClock) -> None:
    """A standstill between two parts, while the handler works, leaves the time for the next."""
    seen = []

    @app.post("/slowly", stream=True)
    async def slowly(request: Request) -> str:
        async for part in request.stream:
            await trio.sleep(0.5)
            seen.append(part)
        return "done"

    async with connected(app) as connections:
        for raw in connections:
            await raw.send(request("POST", "/slowly", "Content-Length: 3") + b"a")
        await trio.sleep(4)
        autojump_clock.jump(6)
        for raw in connections:
            await raw.send(b"b")
        await trio.sleep(1.5)
        for raw in connections:
            await raw.send(b"c")
        for raw in connections:
            await read_until(raw, b"done")


@pytest.mark.parametrize("seconds", [0.2, 6])
async def test_who_is_silent_afterwards_is_cut(
    seconds: float, app: Hump, autojump_clock: MockClock
) -> None:
    """Once its own time has passed, as ever."""
    async with connect(app) as raw:
        await raw.send(request("POST", "/", "Content-Length: 9") + b"x")
        await trio.sleep(1)
        autojump_clock.jump(seconds)
        [answer] = parse_answers(await read_to_end(raw), "POST")
        assert answer.status == 408
        assert 5 <= trio.current_time() <= 5 + seconds + 2 * SWEEP_SECONDS


async def test_many_short_standstills_are_one_long(app: Hump, autojump_clock: MockClock) -> None:
    """A loop that is always late by less than a sweep gives that time back too."""
    async with connect(app) as raw:
        await raw.send(request("POST", "/", "Content-Length: 9") + b"x")
        for _ in range(10):
            await trio.sleep(0.125)
            autojump_clock.jump(0.3)
            await trio.sleep(0.125)
        assert trio.current_time() > 5.4
        await raw.send(b"x" * 8)
        assert b"9 bytes" in await read_until(raw, b" bytes")


async def test_a_websocket_has_its_time_for_a_pong(autojump_clock: MockClock) -> None:
    """A client of a server that has stood still for 30 s is cut at 70 s instead of 40."""
    app = Hump(timeouts=Timeouts(ping=20, pong=20))

    @app.websocket("/")
    async def index(ws: WebSocket) -> None:
        async for _ in ws:
            pass

    async with websocket(app, "/") as ws:
        ws.ignore_pings()
        await ws.receive_ping()
        await trio.sleep(10)
        autojump_clock.jump(30)
        await ws.wait_closed()
        assert trio.current_time() == pytest.approx(70, abs=3 * SWEEP_SECONDS)


@pytest.mark.parametrize("options", [{"timeout": 5}, {}], ids=["route", "app"])
async def test_a_handlers_deadline_stays(
    options: dict[str, float], autojump_clock: MockClock
) -> None:
    """Its caller has waited all the same."""
    app = Hump(timeouts=Timeouts(handler=5))

    @app.get("/", **options)  # type: ignore[arg-type]
    async def index() -> None:
        await trio.sleep(100)

    async with connect(app) as raw:
        await raw.send(request())
        await trio.sleep(1)
        autojump_clock.jump(6)
        [answer] = parse_answers(await raw.receive(), ended=False)
        assert (answer.status, trio.current_time()) == (503, 7)


@pytest.mark.parametrize("phase", Phase)
async def test_what_a_peer_owes_is_moved(phase: Phase, autojump_clock: MockClock) -> None:
    """In every phase but the handler's; a body's by no more than its grace."""
    [connection] = new_connections(1, Watchdog())
    connection.clock.enter(phase, 3)
    connection.clock.give_back(2, 10)
    assert connection.clock.deadline == {Phase.BODY: 2 + 5, Phase.HANDLER: 3}.get(phase, 13)
