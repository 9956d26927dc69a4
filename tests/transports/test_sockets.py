"""`SocketTransport` over real TCP connections."""

import socket
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import trio
import trio.testing

from hump_trio.transports.sockets import SocketTransport
from hump_trio.transports.system import PORTABLE
from tests.support.loopback import PATIENCE_SECONDS, socket_pair, transport_pair, wait_until

PART_BYTES = 16 * 1024


class UnixSocket(socket.socket):
    """A socket whose buffers fill for good; TCP's go on moving bytes for a while."""

    def setsockopt(self, *option: Any) -> None:
        """Set an option, unless it is one of TCP's."""
        if option[0] != socket.IPPROTO_TCP:
            super().setsockopt(*option)


async def clogged_pair() -> tuple[SocketTransport, SocketTransport]:
    """Return the two ends of a connection that takes nothing more, either way."""
    left, right = (
        SocketTransport(UnixSocket(fileno=sock.detach())) for sock in socket.socketpair()
    )
    for transport in (left, right):
        while transport.send_nowait(bytes(PART_BYTES)):
            pass
    return left, right


async def test_keeps_trios_contract_of_streams() -> None:
    """It is a half-closeable stream by the judgement of Trio's own checks."""
    with trio.fail_after(PATIENCE_SECONDS):
        await trio.testing.check_half_closeable_stream(transport_pair, clogged_pair)


async def test_nothing_comes_before_the_first_request() -> None:
    """Where no PROXY header is expected: a handshake is no more than a checkpoint."""
    client, server = await transport_pair()
    async with client, server:
        with trio.testing.assert_checkpoints():
            await server.handshake()
        assert not server.needs_handshake


async def test_knows_the_addresses_of_both_ends() -> None:
    """They are those that were given, or unknown."""
    client, server = socket_pair()
    ends = client.getsockname(), server.getsockname()
    async with SocketTransport(client) as unnamed, SocketTransport(server, *ends) as named:
        assert (named.client, named.server) == ends
        assert (unnamed.client, unnamed.server) == (None, None)


async def test_progress_is_what_the_peer_acknowledges() -> None:
    """What a peer that doesn't read leaves unacknowledged isn't counted until it reads."""
    client, server = socket_pair(receive_buffer_bytes=PART_BYTES)
    async with SocketTransport(server) as sender, SocketTransport(client) as receiver:
        sent_bytes = 0
        while count := sender.send_nowait(bytes(PART_BYTES)):
            sent_bytes += count
        assert not sender.fully_acked()
        assert sender.acked_bytes() < sent_bytes

        received_bytes = 0
        while received_bytes < sent_bytes:
            received_bytes += len(await receiver.receive_some())
        await wait_until(sender.fully_acked)
        assert sender.acked_bytes() == sent_bytes


async def test_without_a_query_little_is_in_the_kernels_hands() -> None:
    """Where the system can't tell, all that was taken counts, and little is taken at once."""
    client, server = socket_pair()
    async with (
        SocketTransport(server, system=PORTABLE) as blind,
        SocketTransport(client) as peer,
    ):
        assert blind.send_nowait(b"hello") == 5
        assert blind.acked_bytes() == 5
        assert blind.fully_acked()
        assert await peer.receive_some() == b"hello"
        # Linux doubles what is asked for, to have room for its own bookkeeping (socket(7)).
        buffer_bytes = server.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)
        assert buffer_bytes <= 2 * PORTABLE.small_send_buffer_bytes


async def test_without_a_query_what_waits_to_be_sent_isnt_acknowledged() -> None:
    """So that a reader that has stopped is found there too."""
    client, server = socket_pair()
    async with (
        SocketTransport(server, system=PORTABLE) as blind,
        SocketTransport(client) as peer,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(blind.send_all, bytes(2**22))
        await trio.testing.wait_all_tasks_blocked()
        assert not blind.fully_acked()
        assert 0 < blind.acked_bytes() < 2**22
        while not blind.fully_acked():
            await peer.receive_some()
        assert blind.acked_bytes() == 2**22


async def test_reading_and_writing_never_wait() -> None:
    """What doesn't wait says None where nothing is there, and zero where nothing is taken."""
    client, server = socket_pair()
    async with SocketTransport(client) as receiver, SocketTransport(server) as sender:
        assert receiver.receive_nowait() is None
        assert sender.send_nowait(b"x") == 1
        await trio.lowlevel.wait_readable(client)
        assert receiver.receive_nowait() == b"x"
        while sender.send_nowait(bytes(PART_BYTES)):
            pass
        await sender.send_eof()
        while await receiver.receive_some():
            pass
        assert receiver.receive_nowait() == b""


async def test_a_read_takes_no_more_than_asked() -> None:
    """A receiver that names a size gets that much at most, and the rest with the next read."""
    client, server = await transport_pair()
    async with client, server:
        await client.send_all(b"abc")
        assert await server.receive_some(2) == b"ab"
        assert await server.receive_some(2) == b"c"


async def test_cancelled_reads_lose_nothing() -> None:
    """What arrives after a cancelled read is there for the next one, whole."""
    client, server = await transport_pair()
    async with client, server:
        with trio.CancelScope() as scope:
            scope.cancel()
            await server.receive_some()
        assert scope.cancelled_caught
        await client.send_all(b"late")
        with trio.CancelScope() as scope:
            scope.cancel()
            await server.receive_some()
        with trio.fail_after(PATIENCE_SECONDS):
            assert await server.receive_some() == b"late"


class Thief(trio.abc.Instrument):
    """Takes what arrives between the system's report and the task that waits for it.

    Args:
        transport: From whom.
    """

    def __init__(self, transport: SocketTransport) -> None:
        self.stolen = b""
        self._transport = transport

    def after_io_wait(self, timeout: float) -> None:
        """Take what is there, once."""
        self.stolen = self._transport.receive_nowait() or b""
        if self.stolen:
            trio.lowlevel.remove_instrument(self)


async def test_a_read_woken_for_nothing_waits_on() -> None:
    """A socket that was said to be readable and isn't doesn't end the wait."""
    client, server = await transport_pair()
    thief = Thief(server)
    received = []

    async def receive() -> None:
        received.append(await server.receive_some())

    async with client, server, trio.open_nursery() as nursery:
        nursery.start_soon(receive)
        await trio.testing.wait_all_tasks_blocked()
        trio.lowlevel.add_instrument(thief)
        await client.send_all(b"first")
        await wait_until(lambda: thief.stolen == b"first")
        await client.send_all(b"second")
    assert received == [b"second"]


async def test_a_reset_is_an_error_for_the_peer() -> None:
    """After a reset the peer's read fails with ECONNRESET: nothing looks like a proper end."""
    client, server = await transport_pair()
    async with client:
        server.reset()
        with pytest.raises(trio.BrokenResourceError) as caught:
            await client.receive_some()
        assert isinstance(caught.value.__cause__, ConnectionResetError)


async def send_eof(transport: SocketTransport) -> None:
    """Say that nothing follows."""
    await transport.send_eof()


async def send_all(transport: SocketTransport) -> None:
    """Send a byte."""
    await transport.send_all(b"x")


async def send_nowait(transport: SocketTransport) -> None:
    """Send a byte without waiting."""
    transport.send_nowait(b"x")


async def receive_some(transport: SocketTransport) -> None:
    """Wait for bytes."""
    await transport.receive_some()


async def receive_nowait(transport: SocketTransport) -> None:
    """Look for bytes without waiting."""
    transport.receive_nowait()


Use = Callable[[SocketTransport], Awaitable[None]]
USES: list[Use] = [send_eof, send_all, send_nowait, receive_some, receive_nowait]


@pytest.mark.parametrize("use", USES)
async def test_use_after_the_peers_reset_is_broken(use: Use) -> None:
    """Whatever is tried on a connection that the peer has reset raises `BrokenResourceError`."""
    client, server = socket_pair()
    transport = SocketTransport(client)
    async with transport:
        SocketTransport(server).reset()
        await trio.lowlevel.wait_readable(client)
        with pytest.raises(trio.BrokenResourceError):
            await use(transport)


@pytest.mark.parametrize("use", USES)
async def test_use_after_close_is_refused(use: Use) -> None:
    """Whatever is tried on a closed transport raises `ClosedResourceError`."""
    client, server = await transport_pair()
    async with client:
        server.close()
        with pytest.raises(trio.ClosedResourceError):
            await use(server)


@pytest.mark.parametrize("use", [send_all, send_nowait])
async def test_nothing_follows_the_end(use: Use) -> None:
    """What is sent after `send_eof` raises `ClosedResourceError`: the peer is well."""
    client, server = await transport_pair()
    async with client, server:
        await server.send_eof()
        with pytest.raises(trio.ClosedResourceError):
            await use(server)
        assert server.peer_state() == "open"
        await client.send_all(b"still here")
        assert await server.receive_some() == b"still here"


async def test_closing_ends_a_wait() -> None:
    """A task that waits for bytes is told when another one closes the transport."""
    client, server = await transport_pair()

    async def receive() -> None:
        with pytest.raises(trio.ClosedResourceError):
            await server.receive_some()

    async with client, trio.open_nursery() as nursery:
        nursery.start_soon(receive)
        await trio.testing.wait_all_tasks_blocked()
        server.close()


async def test_closing_again_does_nothing() -> None:
    """`close`, `reset` and `aclose` come in any order and number; the first one counts."""
    client, server = await transport_pair()
    async with client:
        await server.send_all(b"bye")
        server.close()
        server.reset()
        server.close()
        await server.aclose()
        assert server.fully_acked()
        assert await client.receive_some() == b"bye"
        assert await client.receive_some() == b""


async def test_aclose_closes_though_cancelled() -> None:
    """A cancelled `aclose` has closed the transport nevertheless."""
    client, server = await transport_pair()
    async with client:
        with trio.CancelScope() as scope:
            scope.cancel()
            await server.aclose()
        assert scope.cancelled_caught
        with trio.fail_after(PATIENCE_SECONDS):
            assert await client.receive_some() == b""


class Stubborn(socket.socket):
    """A socket as macOS has it once the peer has reset the connection."""

    def setsockopt(self, level: int, option: int, *value: Any) -> None:
        """Refuse one option."""
        if option == socket.SO_LINGER:
            raise OSError(22, "Invalid argument")
        super().setsockopt(level, option, *value)


async def test_a_reset_closes_where_options_are_refused() -> None:
    """What it raises would come out of a connection's task and end the server."""
    client, server = socket_pair()
    sock = Stubborn(fileno=server.detach())
    SocketTransport(sock).reset()
    assert sock.fileno() < 0
    client.close()
