"""A connection whatever is spoken on it: its bytes, its peer, and how it ends."""

import math
from collections.abc import Callable

import pytest
import trio
from trio.testing import (
    MockClock,
    assert_checkpoints,
    assert_no_checkpoints,
    wait_all_tasks_blocked,
)

from hump_trio import Request, Timeouts
from hump_trio.server.connection import Connection
from hump_trio.server.life import Life
from hump_trio.server.phases import RULES, Phase
from hump_trio.transports.memory import WINDOW_BYTES, MemoryTransport, memory_transport_pair
from tests.support.served import served

LARGE = bytes(10 * WINDOW_BYTES)


def open_connection(timeouts: Timeouts | None = None) -> tuple[MemoryTransport, Connection]:
    """Return the client's end of a connection, and the server's."""
    client, server = memory_transport_pair()
    return client, Connection(server, served(timeouts=timeouts))


class Guarded(MemoryTransport):
    """A transport that begins with a handshake.

    Attributes:
        shake: What that does.
    """

    needs_handshake = True
    shake: Callable[[], object] = staticmethod(lambda: None)

    async def handshake(self) -> None:
        """Take two seconds."""
        await trio.sleep(2)
        self.shake()


def guarded() -> Connection:
    """Return a connection that begins with a handshake."""
    _, server = memory_transport_pair()
    transport = Guarded(server._incoming, server._outgoing)
    return Connection(transport, served(timeouts=Timeouts(handshake=7, head=13)))


async def test_a_handshake_has_a_time_of_its_own(autojump_clock: MockClock) -> None:
    """That of the first request begins when it is over."""
    connection = guarded()
    assert (connection.clock.phase, connection.clock.deadline) == (Phase.HANDSHAKE, 7)
    await connection.shake_hands()
    assert (connection.clock.phase, connection.clock.deadline) == (Phase.OPENED, 2 + 13)


async def test_a_peer_that_leaves_at_the_handshake_is_gone(autojump_clock: MockClock) -> None:
    """There is nobody to be answered."""
    connection = guarded()

    def fail() -> None:
        raise trio.BrokenResourceError("gone")

    connection.transport.shake = fail  # type: ignore[attr-defined]
    with pytest.raises(trio.BrokenResourceError):
        await connection.shake_hands()
    assert connection.gone


async def test_bytes_are_fed_as_they_come(autojump_clock: MockClock) -> None:
    """None at the end; nothing is lost where the wait is cancelled."""
    client, connection = open_connection()
    fed: list[bytes] = []
    with trio.move_on_after(1):
        await connection.receive(fed.append)
    await client.send_all(b"one")
    assert await connection.receive(fed.append) == 3
    await client.send_eof()
    assert await connection.receive(fed.append) == 0
    assert fed == [b"one", b""]
    client.reset()
    with pytest.raises(trio.BrokenResourceError):
        await connection.receive(fed.append)
    assert connection.gone


@pytest.mark.parametrize("reason", ["deadline", "shutdown", "outside"])
async def test_bytes_that_come_with_a_cancellation_are_kept_and_too_late(
    reason: str, autojump_clock: MockClock
) -> None:
    """They are fed, so that a last look finds them; nothing begins for them."""
    client, connection = open_connection()
    fed: list[bytes] = []
    with connection.clock.scope as scope:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(connection.receive, fed.append)
            await trio.sleep(1)
            client.send_nowait(b"one")
            if reason == "outside":
                connection.clock.note("server-failed")
                scope.cancel()
            else:
                connection.clock.cancel("deadline" if reason == "deadline" else "shutdown")
    assert scope.cancelled_caught
    assert fed == [b"one"]


async def test_a_write_that_is_taken_is_no_checkpoint(autojump_clock: MockClock) -> None:
    """One that isn't waits, and is all there in the end."""
    client, connection = open_connection()
    connection.clock.half_closed = True
    with assert_no_checkpoints():
        await connection.write(b"one")
    assert not connection.clock.half_closed
    assert await client.receive_some() == b"one"
    received = bytearray()

    async def read() -> None:
        while len(received) < len(LARGE):
            received.extend(await client.receive_some())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(read)
        with assert_checkpoints():
            await connection.write(LARGE)
    assert received == LARGE
    assert not connection.write_cut


async def test_a_write_that_is_cancelled_has_cut_what_it_wrote(autojump_clock: MockClock) -> None:
    """Its connection says so for good."""
    _, connection = open_connection()
    with trio.move_on_after(1) as scope:
        await connection.write(LARGE)
    assert scope.cancelled_caught
    assert (connection.write_cut, connection.gone) == (True, False)


async def test_a_write_finds_a_peer_gone(autojump_clock: MockClock) -> None:
    """The request knows then why it ends, before the error is raised."""
    client, connection = open_connection()
    built = Request("GET", "/", "/")
    connection.clock.begin_exchange(built)
    client.reset()
    with pytest.raises(trio.BrokenResourceError):
        await connection.write(b"one")
    assert connection.gone
    assert (built.cancelled_for, built.outcome) == ("client-gone", "client-gone")


async def test_it_answers_for_its_peer(autojump_clock: MockClock) -> None:
    """As the transport sees it."""
    client, connection = open_connection()
    assert connection.peer_state() == "open"
    await connection.write(b"one")
    assert (connection.acked_bytes(), connection.fully_acked()) == (3, True)
    client.set_window(0)
    await connection.write(b"two")
    assert (connection.acked_bytes(), connection.fully_acked()) == (3, False)
    assert [connection.count_sent() for _ in range(2)] == [6, 0]
    await client.send_eof()
    assert connection.peer_state() == "half_closed"


# Its end


@pytest.mark.parametrize("closing", [False, True])
async def test_lingering_waits_for_the_peer(closing: bool, autojump_clock: MockClock) -> None:
    """Having said that nothing follows; silence has its limit, which the watchdog keeps."""
    client, connection = open_connection(Timeouts(stall_grace=5, drain_idle=0.5))
    if closing:
        connection.clock.drain()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(connection.linger)
        await trio.sleep(0.25)
        assert client.receive_nowait() == b""
        assert connection.clock.phase is Phase.LINGER
        assert connection.clock.deadline == (0.5 if closing else 5)
        await client.aclose()
    assert trio.current_time() == 0.25


async def test_lingering_ends_whatever_the_peer_sends(autojump_clock: MockClock) -> None:
    """What it still sends is read away, and moves the deadline, but not for ever."""
    client, connection = open_connection(Timeouts(stall_grace=5, min_rate=10, send_grace=20))
    deadlines: list[float] = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(connection.linger)
        for _ in range(12):
            await trio.sleep(2)
            await client.send_all(bytes(1000))
            await wait_all_tasks_blocked()
            deadlines.append(connection.clock.deadline)
        nursery.cancel_scope.cancel()
    assert deadlines == [7, 9, 11, 13, 15, 17, 19, *[20] * 5]


async def test_a_peer_that_resets_has_ended_the_lingering(autojump_clock: MockClock) -> None:
    """There is nothing more to wait for, and no error in that."""
    client, connection = open_connection()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(connection.linger)
        await trio.sleep(1)
        client.reset()
    client, connection = open_connection()
    client.reset()
    await connection.linger()


@pytest.mark.parametrize("phase", Phase)
async def test_what_is_unfinished_does_not_look_whole(
    phase: Phase, autojump_clock: MockClock
) -> None:
    """The table of phases says where a close is a reset."""
    client, connection = open_connection()
    await connection.write(b"one")
    connection.clock.enter(phase, math.inf)
    connection.close()
    if RULES[phase].resets:
        with pytest.raises(trio.BrokenResourceError):
            client.receive_nowait()
    else:
        assert [client.receive_nowait() for _ in range(2)] == [b"one", b""]


async def test_it_hears_that_the_server_closes(autojump_clock: MockClock) -> None:
    """It has no time then but for what has begun."""
    _, connection = open_connection(Timeouts(drain_idle=0.5))
    connection.drain()
    assert connection.clock.closing is Life.CLOSING
    assert connection.clock.deadline == 0.5
