"""TLS over a transport that tells of arrivals: whoever waits for them never waits for what is here.

A reader does what `Arrivals` shows, over a TCP connection that a readiness watches. What has come
whole must have been returned when nobody has anything more to do.
"""

import socket
import ssl
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock, wait_all_tasks_blocked

from hump_trio.transports.memory import memory_transport_pair
from hump_trio.transports.readiness import Readiness
from hump_trio.transports.sockets import SocketTransport
from hump_trio.transports.tls_records import RECORD_BYTES, IncomingRecords
from hump_trio.transports.tls_transport import TlsTransport
from hump_trio.transports.transport import RECEIVE_BYTES
from tests.support.forged import Forger, read_secret
from tests.support.secured import client_context, server_context
from tests.support.watched import Meddler, Wire, open_wire
from tests.transports.test_readiness_watch import hold_nursery

ALERT = 21
GOODBYE = b"\1\0"


class Peer:
    """The client's end of a connection, whose records a test makes and cuts itself.

    Args:
        wire: Makes the connection.
    """

    def __init__(self, wire: Wire) -> None:
        self.socket, self.inner = wire.connect()
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, True)
        self.server = TlsTransport(self.inner, server_context())
        self.forger: Forger

    async def shake_hands(self, behind: bytes = b"") -> None:
        """Agree with the server; what is sent behind that comes with it.

        Args:
            behind: Plain text.
        """
        with tempfile.TemporaryDirectory() as folder:
            secrets = Path(folder, "secrets")
            records = IncomingRecords(client_context(keylog_filename=str(secrets)))
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self.server.handshake)
                with suppress(ssl.SSLWantReadError):
                    records.tls.do_handshake()
                self.socket.send(records.outgoing.read())
                await wait_all_tasks_blocked()
                records.take(self.socket.recv(RECEIVE_BYTES))
                assert records.feed()
                records.tls.do_handshake()
                self.forger = Forger(read_secret(secrets))
                rest = self.forger.record(behind) if behind else b""
                self.socket.send(records.outgoing.read() + rest)

    async def send(self, data: bytes) -> None:
        """Send ciphertext, and wait until what it causes is done."""
        self.socket.send(data)
        await wait_all_tasks_blocked()


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    """A connection that is agreed on, and that a readiness watches."""
    async with open_wire() as wire, agreed(wire) as peer:
        yield peer


@asynccontextmanager
async def agreed(wire: Wire) -> AsyncIterator[Peer]:
    """Yield a connection that is agreed on."""
    peer = Peer(wire)
    await peer.shake_hands()
    yield peer
    peer.server.close()


async def wait_for_arrival(transport: TlsTransport) -> None:
    """Wait as `Arrivals` shows; it must be allowed."""
    arrivals = transport.arrivals
    assert arrivals is not None
    assert not arrivals.ready
    arrivals.task = trio.lowlevel.current_task()
    await trio.lowlevel.wait_task_rescheduled(arrivals.abort_wait)


async def receive(transport: TlsTransport, max_bytes: int = RECEIVE_BYTES) -> bytes:
    """Receive as `Arrivals` shows, if it may be waited for; else by `receive_some`."""
    data = None
    if transport.arrivals is not None and not transport.arrivals.ready:
        await wait_for_arrival(transport)
        data = transport.receive_nowait(max_bytes)
    return await transport.receive_some(max_bytes) if data is None else data


class Reader:
    """Receives all that comes.

    Args:
        transport: What it receives from.
        sizes: How much it asks for, in turn.

    Attributes:
        received: What has come.
        ended: Whether the end has come.
    """

    def __init__(self, transport: TlsTransport, sizes: list[int]) -> None:
        self._transport = transport
        self._sizes = sizes
        self.received: bytes = b""
        self.ended: bool = False

    async def read(self) -> None:
        """Receive until the end."""
        count = 0
        while not self.ended:
            data = await receive(self._transport, self._sizes[count % len(self._sizes)])
            self.received += data
            self.ended = not data
            count += 1


def data_of(byte_count: int) -> bytes:
    """Return so many bytes, of which few are alike."""
    return (bytes(range(251)) * (byte_count // 251 + 1))[:byte_count]


# What one record brings; None: a request for new keys, which brings nothing.
contents = st.none() | st.sampled_from([0, 1, 2, 50, RECORD_BYTES]).map(data_of)
# Where ciphertext is cut, and whether all is done that can be before more comes.
pieces = st.tuples(
    st.sampled_from([1, 4, 5, 6, 20, 22, 23, 100, RECORD_BYTES, 100_000]), st.booleans()
)
sizes = st.sampled_from([1, 3, 100, RECORD_BYTES, RECEIVE_BYTES])


@settings(max_examples=60)
@given(
    brought=st.lists(contents, max_size=12),
    cuts=st.lists(pieces, min_size=1, max_size=6),
    asked=st.lists(sizes, min_size=1, max_size=3),
    goodbye=st.booleans(),
    fin=st.booleans(),
)
def test_what_has_come_whole_is_never_waited_for(
    brought: list[bytes | None],
    cuts: list[tuple[int, bool]],
    asked: list[int],
    *,
    goodbye: bool,
    fin: bool,
) -> None:
    """However ciphertext is cut, whatever it brings, and however little is asked for at a time."""

    async def scene() -> None:
        async with open_wire() as wire, agreed(wire) as peer, trio.open_nursery() as nursery:
            make = peer.forger
            records = [make.key_update() if each is None else make.record(each) for each in brought]
            if goodbye:
                records.append(make.record(GOODBYE, ALERT))
            reader = Reader(peer.server, asked)
            nursery.start_soon(reader.read)
            await wait_all_tasks_blocked()
            ciphertext, sent, count = b"".join(records), 0, 0
            while sent < len(ciphertext):
                byte_count, waits = cuts[count % len(cuts)]
                sent += peer.socket.send(ciphertext[sent : sent + byte_count])
                count += 1
                if waits or sent == len(ciphertext):
                    await wait_all_tasks_blocked()
                    whole = [
                        each or b""
                        for number, each in enumerate(brought)
                        if len(b"".join(records[: number + 1])) <= sent
                    ]
                    assert reader.received == b"".join(whole)
            if fin:
                peer.socket.shutdown(socket.SHUT_WR)
                await wait_all_tasks_blocked()
            assert reader.ended == (goodbye or fin)
            nursery.cancel_scope.cancel()

    trio.run(scene)


async def test_a_wait_is_cheap_where_nothing_is_held(peer: Peer) -> None:
    """Between messages that come whole nobody waits by way of coroutines."""
    async with trio.open_nursery() as nursery:

        async def read() -> None:
            for number in range(5):
                await wait_for_arrival(peer.server)
                assert peer.server.receive_nowait() == b"%d" % number

        nursery.start_soon(read)
        await wait_all_tasks_blocked()
        for number in range(5):
            await peer.send(peer.forger.record(b"%d" % number))


async def test_a_part_of_a_record_is_nothing_yet(peer: Peer) -> None:
    """It wakes the reader, who waits on; so does a record that brings no data."""
    record = peer.forger.key_update() + peer.forger.record(b"whole")
    async with trio.open_nursery() as nursery:

        async def read() -> None:
            for _ in record[:-1]:
                await wait_for_arrival(peer.server)
                assert peer.server.receive_nowait() is None
            await wait_for_arrival(peer.server)
            assert peer.server.receive_nowait() == b"whole"

        nursery.start_soon(read)
        await wait_all_tasks_blocked()
        for byte in record:
            await peer.send(bytes([byte]))


async def test_what_is_held_is_ready(peer: Peer) -> None:
    """Until a read has found nothing, though that costs one read more than needed."""
    arrivals = peer.server.arrivals
    assert arrivals is not None
    peer.socket.send(peer.forger.record(b"abcd") + peer.forger.record(b"ef"))
    for expected in (b"ab", b"cd", b"ef"):
        assert await receive(peer.server, 2) == expected
        assert arrivals.ready
    assert peer.server.receive_nowait() is None
    assert not arrivals.ready


async def test_a_wait_that_is_cut_leaves_what_is_held_ready(peer: Peer) -> None:
    """A read that is cancelled before it begins has lost nothing, and so says `Arrivals`."""
    peer.socket.send(peer.forger.record(b"abcd"))
    assert await receive(peer.server, 2) == b"ab"
    with trio.CancelScope() as scope:
        scope.cancel()
        await receive(peer.server)
    assert scope.cancelled_caught
    assert await receive(peer.server) == b"cd"


async def test_a_request_behind_the_handshake_is_ready() -> None:
    """The last bytes of the handshake may bring it, and no arrival tells of it any more."""
    async with open_wire() as wire:
        peer = Peer(wire)
        await peer.shake_hands(b"behind")
        assert peer.server.arrivals is not None
        assert peer.server.arrivals.ready
        assert await receive(peer.server) == b"behind"
        assert peer.server.receive_nowait() is None
        assert not peer.server.arrivals.ready


@pytest.mark.parametrize("fin", [False, True])
async def test_an_end_is_ready_for_ever(peer: Peer, *, fin: bool) -> None:
    """Whether TLS says it, with the last bytes, or what is below."""
    peer.socket.send(peer.forger.record(b"last"))
    if fin:
        peer.socket.shutdown(socket.SHUT_WR)
    else:
        peer.socket.send(peer.forger.record(GOODBYE, ALERT))
    assert await receive(peer.server) == b"last"
    for _ in range(3):
        assert await receive(peer.server) == b""
        assert peer.server.arrivals is not None
        assert peer.server.arrivals.ready


@pytest.mark.parametrize("sends", [False, True])
async def test_what_is_broken_is_ready_for_ever(peer: Peer, *, sends: bool) -> None:
    """Nobody waits for more once it is known that each read raises."""
    peer.socket.send(bytes(60) if not sends else peer.forger.record(b"\2\50", ALERT))
    for _ in range(2):
        with pytest.raises(trio.BrokenResourceError):
            await receive(peer.server)
        assert peer.server.arrivals is not None
        assert peer.server.arrivals.ready


async def test_urgent_bytes_hide_no_record(peer: Peer) -> None:
    """A read stops where they are (tcp(7)), were that in a record's midst."""
    for _ in range(2):
        record = peer.forger.record(b"around")
        peer.socket.send(record[:10])
        peer.socket.send(b"!", socket.MSG_OOB)
        peer.socket.send(record[10:])
        assert await receive(peer.server) == b"around"


@pytest.mark.parametrize("way", [TlsTransport.close, TlsTransport.reset])
@pytest.mark.parametrize("at", ["waiting", "about to read"])
async def test_closing_ends_a_wait(
    peer: Peer, way: Callable[[TlsTransport], None], at: str
) -> None:
    """Who waits while another task closes is told so, and there is nothing to wait for then."""
    async with trio.open_nursery() as nursery:

        async def read() -> None:
            if at == "about to read":
                task = trio.lowlevel.current_task()
                trio.lowlevel.add_instrument(Meddler(task, lambda: way(peer.server)))
            await wait_for_arrival(peer.server)
            with pytest.raises(trio.ClosedResourceError):
                peer.server.receive_nowait()
            assert peer.server.arrivals is None
            with pytest.raises(trio.ClosedResourceError):
                await receive(peer.server)

        nursery.start_soon(read)
        await wait_all_tasks_blocked()
        if at == "waiting":
            way(peer.server)
        else:
            peer.socket.send(peer.forger.record(b"lost"))


async def test_another_task_may_be_woken(peer: Peer) -> None:
    """Bytes that come while nobody reads wake whoever listens; the reader finds them ready."""
    arrivals = peer.server.arrivals
    assert arrivals is not None
    heard = False

    async def listen() -> None:
        nonlocal heard
        await wait_for_arrival(peer.server)
        heard = True

    async with trio.open_nursery() as nursery:
        nursery.start_soon(listen)
        await wait_all_tasks_blocked()
        assert not heard
        await peer.send(peer.forger.record(b"some"))
        assert heard
    assert arrivals.ready
    assert await receive(peer.server) == b"some"


async def test_the_end_of_the_watch_hides_nothing(mock_clock: MockClock) -> None:
    """A reader that waits is woken, and goes on without arrivals."""
    readiness = Readiness()
    async with trio.open_nursery() as nursery:
        watching: trio.Nursery = await nursery.start(hold_nursery)
        watching.start_soon(readiness.watch)
        await wait_all_tasks_blocked()
        wire = Wire(readiness)
        async with agreed(wire) as peer:
            reader = Reader(peer.server, [3])
            nursery.start_soon(reader.read)
            await peer.send(peer.forger.record(b"before"))
            watching.cancel_scope.cancel()
            await wait_all_tasks_blocked()
            await peer.send(peer.forger.record(b"behind") + peer.forger.record(GOODBYE, ALERT))
            assert reader.received == b"beforebehind"
            assert reader.ended
            assert peer.server.arrivals is None
        wire.close()


async def test_there_are_arrivals_only_where_the_inner_transport_has_some() -> None:
    """Neither in memory, nor before anything was received, nor where nobody watches."""
    in_memory = TlsTransport(memory_transport_pair()[1], server_context())
    assert (in_memory.arrivals, in_memory.watchable) == (None, False)
    async with open_wire() as wire:
        server = Peer(wire).server
        assert (server.arrivals, server.watchable) == (None, True)
    async with open_wire(watched=False) as wire, agreed(wire) as peer:
        assert isinstance(peer.inner, SocketTransport)
        assert peer.server.arrivals is None
        peer.socket.send(peer.forger.record(b"some"))
        assert await receive(peer.server) == b"some"
