"""The watch of a readiness, and a server's: numbers used again, turns, its end, descriptors."""

import gc
import os
import socket
from collections.abc import AsyncIterator
from contextlib import suppress
from functools import partial
from random import Random

import pytest
import trio
import trio.testing

from hump_trio import BindError, Hump
from hump_trio.server.server import Server
from hump_trio.transports.readiness import Readiness
from hump_trio.transports.sockets import SocketTransport
from hump_trio.transports.system import PORTABLE
from hump_trio.transports.transport import RECEIVE_BYTES
from tests.support.loopback import PATIENCE_SECONDS, ask, connect_to, served, socket_pair
from tests.support.watched import Wire, end, open_wire, reset

SEED = 20240817
CONNECTIONS = 200
# For what depends on the order in which Trio runs two tasks, which is random.
ROUNDS = 20


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    """Connections that a readiness watches."""
    async with open_wire() as wire:
        yield wire


def renumber(sock: socket.socket, number: int) -> socket.socket:
    """Return a socket under another descriptor's number, which is free."""
    os.dup2(sock.fileno(), number, inheritable=False)
    sock.close()
    return socket.socket(fileno=number)


@pytest.mark.parametrize("kept", [False, True])
async def test_a_number_that_is_used_again(wire: Wire, *, kept: bool) -> None:
    """What was reported for a closed socket is nothing to one that has its number then.

    If another process keeps the closed one open, such reports go on for ever.
    """
    old_client, server = socket_pair()
    number = server.fileno()
    copy = server.dup() if kept else None
    old = wire.adopt(old_client, server)
    old_client.send(b"x")
    assert await old.receive_some() == b"x"
    other_client, other = wire.connect()
    client, server = socket_pair()

    other_client.send(b"first")
    old_client.send(b"for the old one")
    assert await other.receive_some() == b"first"
    old.close()
    if copy is not None:  # while nobody has the number
        old_client.send(b"more")
        await trio.testing.wait_all_tasks_blocked()
    new = wire.adopt(client, renumber(server, number))
    async with trio.open_nursery() as nursery:

        async def receive() -> None:
            for _ in range(3):
                assert await new.receive_some(3) == b"new"

        nursery.start_soon(receive)
        await trio.testing.wait_all_tasks_blocked()
        if copy is not None:
            end(old_client)
            await trio.testing.wait_all_tasks_blocked()
        client.send(b"newnew")
        await trio.testing.wait_all_tasks_blocked()
        client.send(b"new")
    if copy is not None:
        copy.close()


async def test_a_report_for_another_hides_no_end(wire: Wire) -> None:
    """An end that was reported with bytes is seen, though a report that says nothing of it follows.

    It is for a closed socket that another process keeps open, and whose number is used again.
    """
    old_client, server = socket_pair()
    number = server.fileno()
    client, new_server = socket_pair()
    with server.dup():
        old = wire.adopt(old_client, server)
        old_client.send(b"x")
        assert await old.receive_some() == b"x"
        old.close()
        new = wire.adopt(client, renumber(new_server, number))
        client.send(b"x")
        assert await new.receive_some() == b"x"
        client.send(b"last")
        end(client)
        await trio.testing.wait_all_tasks_blocked()
        old_client.send(b"for the old one")
        await trio.testing.wait_all_tasks_blocked()
        assert await new.receive_some() == b"last"
        assert await new.receive_some() == b""


async def hold_nursery(task_status: trio.TaskStatus[trio.Nursery]) -> None:
    """Hold a nursery open, for who wants to see it cancelled from outside."""
    async with trio.open_nursery() as nursery:
        task_status.started(nursery)
        await trio.sleep_forever()


async def receive_shielded(transport: SocketTransport) -> None:
    """Receive a byte and the end, though cancelled."""
    with trio.fail_after(PATIENCE_SECONDS) as scope:
        scope.shield = True
        assert await transport.receive_some() == b"b"
        assert await transport.receive_some() == b""


async def test_nobody_hangs_when_the_watch_ends() -> None:
    """Under a shield, who waits, is about to read, or begins only then goes on without it."""
    for _ in range(ROUNDS):
        readiness = Readiness()
        wire = Wire(readiness)
        pairs = [wire.connect() for _ in range(3)]
        waiting, reading, late = (transport for _, transport in pairs)
        async with trio.open_nursery() as nursery:
            cut: trio.Nursery = await nursery.start(hold_nursery)
            cut.start_soon(readiness.watch)
            await trio.testing.wait_all_tasks_blocked()
            for client, transport in pairs:
                client.send(b"a")
                assert await transport.receive_some(1) == b"a"
            cut.start_soon(receive_shielded, waiting)
            await trio.testing.wait_all_tasks_blocked()
            cut.start_soon(receive_shielded, reading)  # as the last read was full, it looks first
            cut.cancel_scope.cancel()
            await trio.testing.wait_all_tasks_blocked()
            cut.start_soon(receive_shielded, late)
            await trio.testing.wait_all_tasks_blocked()
            for client, _ in pairs:
                client.send(b"b")
                end(client)
        wire.close()


async def test_the_end_of_the_watch_is_a_report(mock_clock: trio.testing.MockClock) -> None:
    """What a task finds then has come now, however long ago the last bytes came."""
    readiness = Readiness()
    wire = Wire(readiness)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(readiness.watch)
        await trio.testing.wait_all_tasks_blocked()
        client, transport = wire.connect()
        client.send(b"a")
        assert await transport.receive_some() == b"a"
        arrivals = transport.arrivals
        assert arrivals is not None
        assert not arrivals.ready
        assert arrivals.reported_at == trio.current_time()
        mock_clock.jump(60)
        nursery.cancel_scope.cancel()
    assert arrivals.ready
    assert arrivals.reported_at == trio.current_time()
    wire.close()


async def test_a_flood_starves_nobody(wire: Wire) -> None:
    """A connection with much to read lets another one have its turn after a few reads."""
    flood_client, flood = wire.connect()
    client, transport = wire.connect()
    flood_client.send(bytes(10_000))
    client.send(b"x")
    assert await transport.receive_some() == b"x"
    reads = 0

    async def receive() -> None:
        nonlocal reads
        while reads < 10_000:
            reads += len(await flood.receive_some(1))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(receive)
        for _ in range(10):
            before = reads
            client.send(b"x")
            assert await transport.receive_some() == b"x"
            assert reads - before < 20
        nursery.cancel_scope.cancel()


async def send_in_chunks(client: socket.socket, payload: bytes, random: Random) -> None:
    """Send in pieces of any size, with and without pauses, and end in one of three ways."""
    rest = memoryview(payload)
    ending = random.choice([end, socket.socket.close, reset])
    while rest:
        size = random.choice([1, 7, 1000, RECEIVE_BYTES, 200_000])
        try:
            rest = rest[client.send(rest[: random.randint(1, size)]) :]
        except BlockingIOError:
            await trio.lowlevel.wait_writable(client)
        except (BrokenPipeError, ConnectionResetError):
            return  # the receiver has left
        for _ in range(random.choice([0, 0, 1, 5])):
            await trio.lowlevel.checkpoint()
    with suppress(OSError):  # likewise
        ending(client)


async def receive_all(transport: SocketTransport, random: Random) -> tuple[bytes, str]:
    """Read in any way until the end, an error or a sudden wish to leave; return which."""
    received = b""
    leaves_at = random.choice([None, None, random.randrange(100_000)])
    while leaves_at is None or len(received) < leaves_at:
        with trio.move_on_after(random.choice([0, PATIENCE_SECONDS])):
            try:
                data = await transport.receive_some(random.choice([None, 1000, 4096]))
            except trio.BrokenResourceError:
                return received, "reset"
            if not data:
                return received, "end"
            received += data
    transport.close()
    return received, "left"


async def test_many_connections_get_their_own_bytes(wire: Wire) -> None:
    """Connections that come and go, each in its own way, get what was sent to them, in order."""
    random = Random(SEED)
    outcomes: list[str] = []
    room = trio.CapacityLimiter(40)  # so that numbers are used again

    async def exchange(random: Random) -> None:
        async with room:
            client, transport = wire.connect()
            payload = random.randbytes(random.choice([0, 1, 3000, 2 * RECEIVE_BYTES, 300_000]))
            async with trio.open_nursery() as nursery:
                nursery.start_soon(send_in_chunks, client, payload, Random(random.random()))
                received, outcome = await receive_all(transport, random)
            assert payload.startswith(received)
            assert len(received) == len(payload) or outcome != "end"
            outcomes.append(outcome)
            transport.close()
            client.close()

    async with trio.open_nursery() as nursery:
        for _ in range(CONNECTIONS):
            nursery.start_soon(exchange, Random(random.random()))
    assert len(outcomes) == CONNECTIONS
    assert set(outcomes) == {"end", "left", "reset"}


def descriptors() -> set[str]:
    """Return the descriptors of this process."""
    return set(os.listdir("/proc/self/fd"))


def hello_app() -> Hump:
    """Return an app that says hello."""
    app = Hump("127.0.0.1", 0)

    @app.get("/")
    async def hello() -> str:
        return "hello"

    return app


@pytest.mark.parametrize("cut", [False, True])
async def test_a_server_leaves_no_descriptor(*, cut: bool) -> None:
    """Shut down or cancelled, with a client that has left and one that is there, all is closed."""
    app, before = hello_app(), descriptors()
    with trio.CancelScope() as scope:
        async with served(app):
            gone, there = await connect_to(app), await connect_to(app)
            assert b"hello" in await ask(gone)
            assert b"hello" in await ask(there)
            await gone.aclose()
            if cut:
                scope.cancel()
    await trio.aclose_forcefully(there)
    assert descriptors() == before
    gc.collect()  # so that a ResourceWarning would come here


async def test_a_server_that_never_started_leaves_no_descriptor() -> None:
    """A server that can't be started, for its address or its lifespan, leaves nothing open."""
    unready = Hump("127.0.0.1", 0)

    @unready.lifespan
    async def lifespan(app: Hump) -> AsyncIterator[None]:
        raise ValueError("no database")
        yield

    before = descriptors()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        unbound = Hump("127.0.0.1", taken.getsockname()[1])
        with pytest.raises(BindError) as bind_error:
            await unbound.serve()
    with pytest.raises(ValueError, match="no database") as value_error:
        await unready.serve()
    assert descriptors() == before  # though the errors still hold the frames
    del bind_error, value_error
    gc.collect()


async def test_a_system_without_epoll(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no readiness, a server does without."""
    monkeypatch.setattr("hump_trio.server.server.Server", partial(Server, system=PORTABLE))
    app = hello_app()
    async with served(app):
        client = await connect_to(app)
        for _ in range(2):
            assert b"hello" in await ask(client)
        await client.aclose()
