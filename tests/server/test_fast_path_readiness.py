"""The fast path over real sockets, where a readiness wakes it: nothing is missed or told wrong."""

import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from hump_trio import Hump, Limits, Request, Timeouts
from hump_trio.dispatch.dispatcher import Dispatcher
from hump_trio.routing.table import Route, RouteTable
from hump_trio.server.connection import Connection
from hump_trio.server.protocols import serve_connection
from hump_trio.server.state import ServerState
from hump_trio.transports.readiness import Readiness
from tests.support.watched import Meddler, Wire, open_wire
from tests.support.wire import request
from tests.transports.test_readiness_watch import hold_nursery

ASK = request("GET", "/")
# How far the clock is set on; it stands still else.
SECONDS = 1.0
REMAINING = b"%.0f" % Timeouts().handler


async def tell_remaining(request: Request) -> str:
    """Answer with the seconds that the handler has left."""
    return f"{request.deadline - trio.current_time():.0f}"


class Served:
    """A connection that is served, and its client's end.

    Args:
        wire: Makes it.
    """

    def __init__(self, wire: Wire) -> None:
        table = RouteTable()
        table.add(Route(template="/", methods=("GET",), handler=tell_remaining))
        self.state = ServerState(Dispatcher(Hump(), table), Limits(), Timeouts(), None)
        self.client, self.transport = wire.connect()
        self.client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, True)
        self.connection = Connection(self.transport, self.state)
        self.over = trio.Event()

    async def serve(self) -> None:
        """Serve the connection to its end."""
        await serve_connection(self.connection)
        self.over.set()

    async def receive(self) -> bytes:
        """Return the body of an answer, once it is there; nothing once there is none to come."""
        await wait_all_tasks_blocked()
        try:
            return self.client.recv(10_000).rpartition(b"\r\n\r\n")[2]
        except OSError:
            return b""

    async def ask(self) -> bytes:
        """Send a request and return the body of its answer."""
        self.client.send(ASK)
        return await self.receive()


@pytest.fixture
async def served(mock_clock: MockClock) -> AsyncIterator[Served]:
    """A connection that a readiness watches, and whose next request the fast path waits for."""
    async with open_wire() as wire, serving(wire) as served:
        yield served


@asynccontextmanager
async def serving(wire: Wire) -> AsyncIterator[Served]:
    """Serve a connection until it ends or nobody looks at it any more."""
    served = Served(wire)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(served.serve)
        for _ in range(2):  # the first one is read before anybody watches
            assert await served.ask() == REMAINING
        yield served
        nursery.cancel_scope.cancel()


async def test_requests_one_after_the_other(served: Served, mock_clock: MockClock) -> None:
    """Each has all its time, however long it was waited for."""
    for _ in range(3):
        mock_clock.jump(SECONDS)
        assert await served.ask() == REMAINING
        assert served.connection.parser.buffered_bytes == 0
    assert served.state.outcomes["ok"] == 5


async def test_a_report_for_nothing(served: Served, mock_clock: MockClock) -> None:
    """What wakes the reader needn't be a request; the next one has all its time nonetheless."""
    served.client.send(b"!", socket.MSG_OOB)
    assert await served.receive() == b""
    for _ in range(3):
        mock_clock.jump(SECONDS)
        assert await served.ask() == REMAINING


async def test_a_part_that_comes_at_the_last_moment(served: Served, mock_clock: MockClock) -> None:
    """Between report and read: it is read with the rest, and nothing of it later."""
    assert served.connection.task is not None
    rest = partial(served.client.send, ASK[10:])
    trio.lowlevel.add_instrument(Meddler(served.connection.task, rest))
    served.client.send(ASK[:10])
    assert await served.receive() == REMAINING
    mock_clock.jump(SECONDS)
    assert await served.ask() == REMAINING


async def test_a_request_that_comes_in_two_parts(served: Served, mock_clock: MockClock) -> None:
    """Its time begins when it is complete, and the next one is read as ever."""
    served.client.send(ASK[:10])
    assert await served.receive() == b""
    mock_clock.jump(SECONDS)
    served.client.send(ASK[10:])
    assert await served.receive() == REMAINING
    assert await served.ask() == REMAINING


async def test_the_watch_ends(mock_clock: MockClock) -> None:
    """Who waits then is woken, and goes on without it; requests have all their time."""
    readiness = Readiness()
    async with trio.open_nursery() as nursery:
        watching: trio.Nursery = await nursery.start(hold_nursery)
        watching.start_soon(readiness.watch)
        await wait_all_tasks_blocked()
        async with open_wire(watched=False) as wire:
            wire.readiness = readiness
            async with serving(wire) as served:
                watching.cancel_scope.cancel()
                await wait_all_tasks_blocked()
                for _ in range(3):
                    mock_clock.jump(SECONDS)
                    assert await served.ask() == REMAINING


@pytest.mark.parametrize("half_closes", [False, True])
async def test_the_client_ends(served: Served, *, half_closes: bool) -> None:
    """Its end is seen while the next request is waited for, behind one too."""
    if half_closes:
        served.client.send(ASK)
    served.client.shutdown(socket.SHUT_WR)
    assert await served.receive() == REMAINING[: len(REMAINING) * half_closes]
    await served.over.wait()
    assert served.client.recv(1) == b""


def close(served: Served) -> None:
    """Close the server's end, as a server never does here."""
    served.transport.close()


def reset_client(served: Served) -> None:
    """Let the client be gone."""
    served.client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
    served.client.close()


def cancel(served: Served) -> None:
    """Cancel what goes on, as a shutdown does."""
    served.connection.cancel("shutdown")


def evict(served: Served) -> None:
    """Make room for another connection."""
    served.connection.evict()


@pytest.mark.parametrize("end", [close, reset_client, evict])
async def test_what_ends_the_wait_ends_the_connection(
    end: Callable[[Served], None], served: Served
) -> None:
    """And nothing of it is left."""
    end(served)
    await served.over.wait()
    assert served.transport.arrivals is None
    assert (served.state.request_count, served.state.buffered_bytes) == (0, 0)


@pytest.mark.parametrize("first", [True, False])
async def test_a_request_at_the_last_moment(served: Served, *, first: bool) -> None:
    """It is answered if it was there when the connection was to make room, in either order."""
    if first:
        served.client.send(ASK)
        evict(served)
    else:
        assert served.connection.task is not None
        trio.lowlevel.add_instrument(Meddler(served.connection.task, partial(evict, served)))
        served.client.send(ASK)
    assert await served.receive() == REMAINING
    assert await served.ask() == REMAINING
