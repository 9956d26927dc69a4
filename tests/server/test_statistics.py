"""`Hump.statistics`: what a server is doing, and has done since it was started."""

import copy
import logging
import math
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import get_args

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

import hump_trio
from hump_trio import Hump, Limits, Request, Response, Timeouts
from hump_trio.facts.outcomes import Outcome
from hump_trio.server.statistics import RequestStatistics, ServerStatistics
from hump_trio.testing import RawConnection, connect
from hump_trio.transports.memory import MemoryTransport
from hump_trio.transports.sockets import SocketTransport
from tests.support import loopback
from tests.support.wire import ask, read_to_end, read_to_reset, request

HEADER = "x-wait-ms"


def app_of(limits: Limits | None = None, timeouts: Timeouts | None = None) -> Hump:
    """Return an app whose requests stay in flight for a while."""
    app = Hump("127.0.0.1", 0, limits=limits, timeouts=timeouts)

    @app.get("/")
    async def index() -> str:
        return "hello"

    @app.post("/")
    async def length(request: Request) -> str:
        await trio.sleep(10)
        return str(len(request.body))

    @app.post("/parts", stream=True)
    async def read(request: Request) -> str:
        return str(sum([len(part) async for part in request.stream]))

    @app.get("/slow/{number:int}")
    @app.get("/timed", timeout=15)
    @app.get("/endless", timeout=None)
    async def slow() -> str:
        await trio.sleep(20)
        return "slow"

    @app.get("/bounded")
    @hump_trio.timeout(12)
    async def bounded(request: Request) -> str:
        return await slow()

    @app.get("/large")
    async def large() -> bytes:
        return bytes(500_000)

    @app.get("/ticks")
    @app.get("/timed-ticks", timeout=15)
    async def ticks() -> AsyncIterator[str]:
        for _ in range(10):
            yield "tick"
            await trio.sleep(2)

    @app.get("/fails")
    async def fail() -> None:
        raise ValueError("failed")

    return app


# What brings a connection to a phase and leaves it there.
PHASES = {
    "opened": b"",
    "idle": request(),
    "head": b"GET / HT",
    "body": request("POST", "/", "Content-Length: 9") + b"some",
    "handler": request("GET", "/slow/1"),
    "send": request("GET", "/ticks"),
    "drain": request("POST", "/nothing", "Content-Length: 9") + b"some",
    "linger": request("GET", "/", "Connection: close") + b"more",
}


async def open_connections(stack: AsyncExitStack, app: Hump, count: int) -> list[RawConnection]:
    """Return connections to an app that stay open as long as a stack."""
    return [await stack.enter_async_context(connect(app)) for _ in range(count)]


async def test_every_connection_is_in_a_phase(autojump_clock: MockClock) -> None:
    """Each phase has the name that it is counted by; a connection that ended isn't counted."""
    app = app_of()
    async with AsyncExitStack() as stack:
        for raw, data in zip(
            await open_connections(stack, app, len(PHASES)), PHASES.values(), strict=True
        ):
            await raw.send(data)
        await wait_all_tasks_blocked()
        assert app.statistics().connections == dict.fromkeys(PHASES, 1)
        gone, twin = await open_connections(stack, app, 2)
        for raw in (gone, twin):
            await raw.send(PHASES["head"])
        await wait_all_tasks_blocked()
        assert app.statistics().connections == {**dict.fromkeys(PHASES, 1), "head": 3}
        gone.reset()
        await wait_all_tasks_blocked()
        assert app.statistics().connections["head"] == 2
        assert app.statistics().connection_count == len(PHASES) + 2


async def test_requests_in_flight_are_listed_the_oldest_first(autojump_clock: MockClock) -> None:
    """From the head to the end of the answer; what is drained or lingers has been answered."""
    app = app_of()
    async with AsyncExitStack() as stack:
        connections = await open_connections(stack, app, len(PHASES))
        for raw, phase in zip(connections, reversed(PHASES), strict=True):
            await raw.send(PHASES[phase])
            await trio.sleep(1)
        statistics = app.statistics()
    assert tuple(replace(each, client=None) for each in statistics.requests) == (
        RequestStatistics(
            method="GET",
            target="/ticks",
            route="/ticks",
            client=None,
            phase="send",
            age_seconds=6,
            remaining_seconds=math.inf,
        ),
        RequestStatistics(
            method="GET",
            target="/slow/1",
            route="/slow/{number:int}",
            client=None,
            phase="handler",
            age_seconds=5,
            remaining_seconds=25,
        ),
        RequestStatistics(
            method="POST",
            target="/",
            route="/",
            client=None,
            phase="body",
            age_seconds=4,
            remaining_seconds=math.inf,
        ),
    )


@pytest.mark.parametrize(
    ("path", "field", "remaining_seconds"),
    [
        ("/slow/1?q=2", "Accept: */*", 28),
        ("/slow/1", f"{HEADER}: 5000", 3),
        ("/timed", "Accept: */*", 13),
        ("/endless", "Accept: */*", math.inf),
        ("/bounded", "Accept: */*", 10),
        ("/ticks", "Accept: */*", math.inf),
        ("/timed-ticks", "Accept: */*", 13),
    ],
)
async def test_the_time_that_remains(
    path: str, field: str, remaining_seconds: float, autojump_clock: MockClock
) -> None:
    """Whoever bounds it; infinite if nobody does."""
    async with connect(app := app_of(timeouts=Timeouts(deadline_header=HEADER))) as raw:
        await raw.send(request("GET", path, field))
        await trio.sleep(2)
        [found] = app.statistics().requests
    assert (found.target, found.age_seconds) == (path, 2)
    assert found.remaining_seconds == remaining_seconds


async def test_a_body_counts_for_the_age_and_not_for_the_handlers_time(
    autojump_clock: MockClock,
) -> None:
    """The handler's clock starts with a whole body, and stands while parts of one are awaited."""
    async with connect(app := app_of()) as raw, connect(app) as other:
        await raw.send(request("POST", "/", "Content-Length: 8") + b"1234")
        await other.send(request("POST", "/parts", "Content-Length: 8") + b"1234")
        await trio.sleep(2)
        assert {each.phase for each in app.statistics().requests} == {"body"}
        await raw.send(b"5678")
        await trio.sleep(1)
        whole, parts = sorted(app.statistics().requests, key=lambda each: each.target)
    assert (whole.phase, whole.age_seconds, whole.remaining_seconds) == ("handler", 3, 29)
    assert (parts.phase, parts.age_seconds) == ("body", 3)
    assert parts.remaining_seconds >= 30


async def test_a_request_without_a_route_has_none(autojump_clock: MockClock) -> None:
    """It may be in flight all the same, in middleware; its target is the one received."""
    app = app_of()

    @app.middleware
    async def wait(request: Request, call_next: Callable[..., Awaitable[Response]]) -> Response:
        await trio.sleep(5)
        return await call_next(request)

    async with connect(app) as raw:
        await raw.send(request("BREW", "/%C3%A9?a=%20"))
        await wait_all_tasks_blocked()
        [found] = app.statistics().requests
    assert (found.method, found.target, found.route) == ("BREW", "/%C3%A9?a=%20", "")
    assert found.phase == "handler"


async def test_a_client_on_a_socket_has_an_address() -> None:
    """And the connections on sockets are counted like those in memory."""
    app = app_of()
    async with loopback.served(app), await loopback.connect_to(app) as stream:
        await stream.send_all(PHASES["handler"])
        await loopback.wait_until(lambda: bool(app.statistics().requests))
        [found] = app.statistics().requests
        assert found.client == stream.socket.getsockname()
        assert app.statistics().connection_count == 1


async def test_bodies_held_are_counted_until_their_requests_end(autojump_clock: MockClock) -> None:
    """As they come in, and while their handlers run; what is streamed isn't held."""
    async with connect(app := app_of()) as raw, connect(app) as other:
        await raw.send(request("POST", "/", "Content-Length: 5000") + bytes(1000))
        await other.send(request("POST", "/parts", "Content-Length: 5000") + bytes(1000))
        await wait_all_tasks_blocked()
        assert app.statistics().buffered_bytes == 1000
        await raw.send(bytes(4000))
        await wait_all_tasks_blocked()
        assert app.statistics().buffered_bytes == 5000
        await raw.receive()
        assert app.statistics().buffered_bytes == 0
        await raw.send(request("POST", "/", "Content-Length: 5000") + bytes(1000))
        await wait_all_tasks_blocked()
        raw.reset()
        await wait_all_tasks_blocked()
        assert app.statistics().buffered_bytes == 0


async def fill(app: Hump, log: Callable[[], Counter[str]]) -> None:
    """Let requests end in each of all the ways, and compare what the log counts meanwhile."""
    async with AsyncExitStack() as stack:
        ok, slow, left, stalled, head, ticks = await open_connections(stack, app, 6)
        await ok.send(
            request() + request("HEAD", "/") + request("PUT", "/") + b"no request\r\n\r\n"
        )
        await read_to_end(ok)
        await ask(app, request("GET", "/fails"))
        await ask(app, request("POST", "/", body=bytes(2000)))
        await left.send(request("GET", "/endless"))
        await stalled.send(PHASES["body"])
        await head.send(PHASES["head"])
        await ticks.send(request("GET", "/timed-ticks"))
        await slow.send(request("GET", "/timed"))
        await wait_all_tasks_blocked()
        left.reset()
        await trio.sleep(18)
        assert Counter[str](app.statistics().outcomes) == log()
        assert not app.statistics().requests
        [late] = await open_connections(stack, app, 1)
        await late.send(request("GET", "/endless"))
        await wait_all_tasks_blocked()
        app.shutdown()
        await trio.sleep(2)
        assert app.statistics().outcomes["shutdown"] == 0
        assert Counter[str](app.statistics().outcomes) == log()
        await read_to_reset(late)


async def test_outcomes_are_those_of_the_access_log(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Each request is counted once, with the word that its line ends with."""
    caplog.set_level(logging.INFO, logger="hump_trio.access")

    def log() -> Counter[str]:
        records = [each for each in caplog.records if each.name == "hump_trio.access"]
        return Counter(each.getMessage().rpartition(" ")[2] for each in records)

    app = app_of(Limits(buffered_bytes=1000), Timeouts(shutdown=3))
    await fill(app, log)
    assert set(log()) == set(get_args(Outcome))


async def test_what_has_been_is_counted_from_the_start(autojump_clock: MockClock) -> None:
    """Served again, an app counts anew; every outcome is there, and zero."""
    app = app_of()
    await ask(app, request())
    async with connect(app) as raw:
        statistics = app.statistics()
        assert statistics == ServerStatistics(
            connections=statistics.connections,
            requests=(),
            streams=0,
            websockets=0,
            buffered_bytes=0,
            connection_count=statistics.connection_count,
            outcomes=dict.fromkeys(get_args(Outcome), 0),
        )
        await raw.send(request())
        await raw.receive()
        assert app.statistics().connection_count == 1
        assert app.statistics().outcomes["ok"] == 1


@pytest.mark.plain_only("it fails before its handshake")
async def test_a_connection_that_fails_without_a_request_has_no_outcome(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A transport of somebody else's may raise anything; that is logged, and nothing to count."""

    def fail(*args: object) -> bytes:
        raise LookupError("the transport failed")

    for kind in (MemoryTransport, SocketTransport):
        monkeypatch.setattr(kind, "receive_some", fail)
        monkeypatch.setattr(kind, "receive_nowait", fail)
    async with connect(app := app_of()):
        await wait_all_tasks_blocked()
        assert sum(app.statistics().outcomes.values()) == 0
    assert "the transport failed" in caplog.text


async def test_a_handler_may_ask(autojump_clock: MockClock) -> None:
    """It finds its own request in flight, as long as it likes."""
    app = app_of()
    found: list[ServerStatistics] = []

    @app.get("/statistics", timeout=8)
    async def statistics() -> dict[str, int]:
        found.append(app.statistics())
        await trio.sleep(2)
        found.append(app.statistics())
        return dict(found[-1].connections)

    async with connect(app) as raw:
        await raw.send(request("GET", "/statistics"))
        assert (await raw.receive()).endswith(b'{"handler":1}')
    ages = [(each.target, each.age_seconds) for one in found for each in one.requests]
    assert ages == [("/statistics", 0), ("/statistics", 2)]


async def test_what_was_returned_changes_no_more(autojump_clock: MockClock) -> None:
    """It is a picture of one moment, whatever happens then."""
    async with connect(app := app_of()) as raw, connect(app) as other:
        await raw.send(PHASES["handler"])
        await other.send(PHASES["body"])
        await wait_all_tasks_blocked()
        before = app.statistics()
        same = copy.deepcopy(before)
        await raw.receive()
        await read_to_end(other)
        assert before == same
        after = app.statistics()
    assert before != after
    assert (len(before.requests), len(after.requests)) == (2, 0)


async def test_an_app_that_is_not_served_has_none(autojump_clock: MockClock) -> None:
    """Neither before nor after."""
    app = app_of()
    with pytest.raises(RuntimeError, match="not being served"):
        app.statistics()
    await ask(app, request())
    with pytest.raises(RuntimeError, match="not being served"):
        app.statistics()


async def test_a_lifespan_may_ask(autojump_clock: MockClock) -> None:
    """Before the first connection there is nothing, after the last one what has been."""
    app = app_of()
    found = []

    @app.lifespan
    async def live(app: Hump) -> AsyncIterator[None]:
        found.append(app.statistics())
        yield
        found.append(app.statistics())

    await ask(app, request())
    assert [each.connection_count for each in found] == [0, 1]
    assert [each.outcomes["ok"] for each in found] == [0, 1]
    assert [sum(each.connections.values()) for each in found] == [0, 0]


@pytest.mark.parametrize("path", ["/large", "/slow"])
async def test_bodies_that_the_app_replaces_are_counted_as_received(
    path: str, autojump_clock: MockClock
) -> None:
    """What was held is given back to the byte, however the request goes on."""
    app = Hump()

    @app.post("/large")
    async def large(request: Request) -> Response:
        request.body = b""
        return Response(bytes(500_000))

    @app.post("/slow")
    async def slow(request: Request) -> None:
        request.body *= 2
        await trio.sleep(100)

    for _ in range(2):  # by the fast path the second time, which knows the names of fields then
        async with connect(app) as raw:
            await raw.send(request("POST", path, "Connection: close", body=b"x" * 1000))
            await read_to_end(raw)
            assert app.statistics().buffered_bytes == 0
