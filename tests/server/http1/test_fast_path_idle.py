"""What the fast path leaves behind between two requests: a time that is told late, and no more.

It doesn't look at the clock when an answer is out. The next sweep does.
"""

import gc
import weakref
from collections.abc import AsyncIterator

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from hump_trio import HttpException, Request, Response, Timeouts
from hump_trio.routing.route import Route
from hump_trio.server.connection import Connection
from hump_trio.server.http1 import wire
from hump_trio.server.phases import Phase
from hump_trio.server.protocols import serve_connection
from hump_trio.server.watchdog import SWEEP_SECONDS, Watchdog
from hump_trio.transports.memory import MemoryTransport, memory_transport_pair
from tests.support.both_paths import serve_nothing
from tests.support.served import served
from tests.support.wire import request

TIMEOUTS = Timeouts(keep_alive=10, drain_idle=0.4)
KEPT: list[weakref.ref[object]] = []


class Thing:
    """Something that a handler holds."""


async def hold(request: Request) -> Response:
    """Hold things by the request and by the answer, or fail if it is asked to."""
    response, thing = ThingResponse("held"), Thing()
    response.thing = request.state["thing"] = Thing()
    KEPT[:] = map(weakref.ref, (thing, response.thing, request.state["thing"]))
    if request.query_string:
        raise HttpException(409)
    return response


class ThingResponse(Response):
    """An answer that holds something."""

    thing: Thing


class Room:
    """A few connections that are served and swept.

    Attributes:
        watchdog: Knows them.
        state: What they share.
        connections: The server's ends.
        clients: The clients' ends.
    """

    def __init__(self) -> None:
        route = Route(template="/", methods=("GET", "POST"), handler=hold)
        self.state = served(route, timeouts=TIMEOUTS)
        self.limit = 3
        self.watchdog = Watchdog(limit=lambda: self.limit)
        self.connections: list[Connection] = []
        self.clients: list[MemoryTransport] = []

    async def open(self) -> None:
        """Serve connections and sweep them."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.watchdog.sweep)
            for connection in self.connections:
                nursery.start_soon(self._serve, connection)

    def connect(self) -> None:
        """Make a connection."""
        client, theirs = memory_transport_pair()
        self.clients.append(client)
        self.connections.append(Connection(theirs, self.state))
        self.watchdog.add(self.connections[-1])

    async def _serve(self, connection: Connection) -> None:
        try:
            await serve_connection(connection)
        finally:
            self.watchdog.discard(connection)

    async def ask(self, *numbers: int, data: bytes = request()) -> list[bytes]:
        """Ask on some connections, and return what comes."""
        for number in numbers:
            self.clients[number].send_nowait(data)
        await wait_all_tasks_blocked()
        return [self.clients[number].receive_nowait() or b"" for number in numbers]

    def fresh(self) -> list[int]:
        """Return the connections that the fast path has answered since the last sweep."""
        return [
            number
            for number, each in enumerate(self.connections)
            if each.clock.phase is Phase.ANSWERED
        ]


@pytest.fixture
async def room(autojump_clock: MockClock) -> AsyncIterator[Room]:
    """Three connections that were answered once, half a sweep ago."""
    room = Room()
    for _ in range(3):
        room.connect()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(room.open)
        await room.ask(0, 1, 2)
        await trio.sleep(1.5 * SWEEP_SECONDS)
        assert not room.fresh()
        yield room
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("passed_seconds", [0.01, 0.1, 0.2, 0.24])
async def test_an_idle_connection_has_its_time(
    room: Room, autojump_clock: MockClock, passed_seconds: float
) -> None:
    """All of it, and a sweep more at the most before it is seen, as ever."""
    await trio.sleep(passed_seconds)
    await room.ask(1)
    assert room.fresh() == [1]
    await trio.sleep(SWEEP_SECONDS)
    assert room.fresh() == []
    await trio.sleep(TIMEOUTS.keep_alive - SWEEP_SECONDS - 0.001)
    assert not room.clients[1].readable()
    await trio.sleep(2 * SWEEP_SECONDS + 0.002)
    assert room.clients[1].receive_nowait() == b""


async def test_a_connection_in_use_is_never_idle_for_long(
    room: Room, autojump_clock: MockClock
) -> None:
    """However often the time for one wait has passed."""
    for _ in range(10):
        await trio.sleep(0.9 * TIMEOUTS.keep_alive)
        [answer] = await room.ask(0)
        assert answer.endswith(b"held")


async def test_who_was_answered_last_stays(room: Room, autojump_clock: MockClock) -> None:
    """Where room is needed before a sweep has seen who is idle, the others are closed first."""
    await room.ask(0)
    assert room.fresh() == [0]
    for left, leaving in ((2, {1, 2}), (1, {1, 2}), (0, {0})):
        room.limit = left + 1
        await room.watchdog.wait_room()
        await wait_all_tasks_blocked()
        gone = {number for number, each in enumerate(room.clients) if each.readable()}
        assert len(gone) == 3 - left
        assert gone & leaving


async def test_one_of_many_that_were_answered_makes_room(
    room: Room, autojump_clock: MockClock
) -> None:
    """Whichever; the others are answered again."""
    await room.ask(0, 1, 2)
    assert room.fresh() == [0, 1, 2]
    await room.watchdog.wait_room()
    await wait_all_tasks_blocked()
    left = [number for number, each in enumerate(room.clients) if not each.readable()]
    assert len(left) == 2
    assert all(answer.endswith(b"held") for answer in await room.ask(*left))


@pytest.mark.parametrize("asks", [False, True])
async def test_a_shutdown_hastens_who_was_just_answered(
    room: Room, autojump_clock: MockClock, *, asks: bool
) -> None:
    """It has `drain_idle` for a request that is on its way; that is answered."""
    await room.ask(0)
    assert room.fresh() == [0]
    room.watchdog.drain()
    await trio.sleep(TIMEOUTS.drain_idle - 0.01)
    if asks:
        [answer] = await room.ask(0)
        assert b"\r\nconnection: close\r\n" in answer
        assert answer.endswith(b"held")
    assert not any(each.readable() for each in room.clients[1:])
    await trio.sleep(2 * SWEEP_SECONDS)
    assert all(each.receive_nowait() == b"" for each in room.clients)


async def test_an_age_is_never_less_than_nothing(room: Room, autojump_clock: MockClock) -> None:
    """Of a connection whose last answer no sweep has seen yet."""
    await room.ask(0)
    assert [each.clock.age() >= 0 for each in room.connections] == [True] * 3
    assert "no request (idle)" in room.connections[0].clock.describe()


@pytest.mark.parametrize("fast", [False, True])
@pytest.mark.parametrize(
    "data",
    [request(), request("POST", body=b"x" * 1000), request("GET", "/?raise")],
    ids=["get", "post", "error"],
)
async def test_nothing_of_a_request_is_kept(
    data: bytes,
    room: Room,
    autojump_clock: MockClock,
    monkeypatch: pytest.MonkeyPatch,
    *,
    fast: bool,
) -> None:
    """While the next one is waited for: thousands of connections may wait at a time."""
    if not fast:
        monkeypatch.setattr(wire, "serve_whole", serve_nothing)
        await room.ask(0, data=request("GET", "/", "Connection: keep-alive", version="1.0"))
    gc.disable()
    try:
        await room.ask(0, data=data)
        assert room.fresh() == [0] * fast
        assert [each() for each in KEPT] == [None] * 3
    finally:
        gc.enable()
