"""The fast path over real sockets, where a readiness wakes it: nothing is missed or told wrong."""

import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from hump_trio import Request, Timeouts
from hump_trio.server.connection import Connection
from hump_trio.server.protocols import serve_connection
from hump_trio.transports.readiness import Readiness
from tests.support.served import served
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
        self.state = served(tell_remaining)
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
async def link(mock_clock: MockClock) -> AsyncIterator[Served]:
    """A connection that a readiness watches, and whose next request the fast path waits for."""
    async with open_wire() as wire, serving(wire) as link:
        yield link


@asynccontextmanager
async def serving(wire: Wire) -> AsyncIterator[Served]:
    """Serve a connection until it ends or nobody looks at it any more."""
    link = Served(wire)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(link.serve)
        for _ in range(2):  # the first one is read before anybody watches
            assert await link.ask() == REMAINING
        yield link
        nursery.cancel_scope.cancel()


async def test_requests_one_after_the_other(link: Served, mock_clock: MockClock) -> None:
    """Each has all its time, however long it was waited for."""
    for _ in range(3):
        mock_clock.jump(SECONDS)
        assert await link.ask() == REMAINING
    assert link.state.outcomes["ok"] == 5


async def test_a_report_for_nothing(link: Served, mock_clock: MockClock) -> None:
    """What wakes the reader needn't be a request; the next one has all its time nonetheless."""
    link.client.send(b"!", socket.MSG_OOB)
    assert await link.receive() == b""
    for _ in range(3):
        mock_clock.jump(SECONDS)
        assert await link.ask() == REMAINING


async def test_a_part_that_comes_at_the_last_moment(link: Served, mock_clock: MockClock) -> None:
    """Between report and read: it is read with the rest, and nothing of it later."""
    assert link.connection.clock.task is not None
    rest = partial(link.client.send, ASK[10:])
    trio.lowlevel.add_instrument(Meddler(link.connection.clock.task, rest))
    link.client.send(ASK[:10])
    assert await link.receive() == REMAINING
    mock_clock.jump(SECONDS)
    assert await link.ask() == REMAINING


async def test_a_request_that_comes_in_two_parts(link: Served, mock_clock: MockClock) -> None:
    """Its time begins when it is complete, and the next one is read as ever."""
    link.client.send(ASK[:10])
    assert await link.receive() == b""
    mock_clock.jump(SECONDS)
    link.client.send(ASK[10:])
    assert await link.receive() == REMAINING
    assert await link.ask() == REMAINING


async def test_the_watch_ends(mock_clock: MockClock) -> None:
    """Who waits then is woken, and goes on without it; requests have all their time."""
    readiness = Readiness()
    async with trio.open_nursery() as nursery:
        watching: trio.Nursery = await nursery.start(hold_nursery)
        watching.start_soon(readiness.watch)
        await wait_all_tasks_blocked()
        async with open_wire(watched=False) as wire:
            wire.readiness = readiness
            async with serving(wire) as link:
                watching.cancel_scope.cancel()
                await wait_all_tasks_blocked()
                for _ in range(3):
                    mock_clock.jump(SECONDS)
                    assert await link.ask() == REMAINING


@pytest.mark.parametrize("half_closes", [False, True])
async def test_the_client_ends(link: Served, *, half_closes: bool) -> None:
    """Its end is seen while the next request is waited for, behind one too."""
    if half_closes:
        link.client.send(ASK)
    link.client.shutdown(socket.SHUT_WR)
    assert await link.receive() == REMAINING[: len(REMAINING) * half_closes]
    await link.over.wait()
    assert link.client.recv(1) == b""


def close(link: Served) -> None:
    """Close the server's end, as a server never does here."""
    link.transport.close()


def reset_client(link: Served) -> None:
    """Let the client be gone."""
    link.client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
    link.client.close()


def cancel(link: Served) -> None:
    """Cancel what goes on, as a shutdown does."""
    link.connection.clock.cancel("shutdown")


def evict(link: Served) -> None:
    """Make room for another connection."""
    link.connection.clock.cut()


@pytest.mark.parametrize("end", [close, reset_client, evict])
async def test_what_ends_the_wait_ends_the_connection(
    end: Callable[[Served], None], link: Served
) -> None:
    """And nothing of it is left."""
    end(link)
    await link.over.wait()
    assert link.transport.arrivals is None
    assert (link.state.request_count, link.state.buffered_bytes) == (0, 0)


@pytest.mark.parametrize("first", [True, False])
async def test_a_request_at_the_last_moment(link: Served, *, first: bool) -> None:
    """It is answered if it was there when the connection was to make room, in either order."""
    if first:
        link.client.send(ASK)
        evict(link)
    else:
        assert link.connection.clock.task is not None
        trio.lowlevel.add_instrument(Meddler(link.connection.clock.task, partial(evict, link)))
        link.client.send(ASK)
    assert await link.receive() == REMAINING
    assert await link.ask() == REMAINING
