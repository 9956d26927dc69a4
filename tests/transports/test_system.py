"""What systems tell of a socket's peer, asked by a transport over a real connection."""

import socket
import sys

import pytest
import trio

from hump_trio.transports.sockets import SocketTransport, set_tcp_options
from hump_trio.transports.system import PORTABLE, SYSTEM, System
from tests.support.loopback import socket_pair, wait_until


def test_each_system_tells_what_it_knows() -> None:
    """Linux knows what is acknowledged and has epoll; nothing is expected of another one."""
    linux = sys.platform == "linux"
    for system, knows in ((SYSTEM, linux), (PORTABLE, False)):
        assert (system.query_unacked is not None) == knows
        assert (system.make_readiness() is not None) == knows


@pytest.mark.parametrize("system", [SYSTEM, PORTABLE])
def test_an_accepted_socket_sends_at_once(system: System) -> None:
    """By an option of its own, or by that of the socket that has accepted it."""
    with socket.create_server(("127.0.0.1", 0)) as listening, socket.socket() as client:
        if system.hands_options_on:
            set_tcp_options(listening)
        client.connect(listening.getsockname())
        accepted, _ = listening.accept()
        transport = SocketTransport(accepted, system=system, options_set=system.hands_options_on)
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        transport.close()


@pytest.mark.parametrize("system", [SYSTEM, PORTABLE])
async def test_what_the_peer_has_ended_is_seen(system: System) -> None:
    """Nothing, its half, or all; the kernel knows it behind unread bytes too."""
    client, server = socket_pair()
    transport = SocketTransport(server, system=system)
    other = SocketTransport(client)
    assert transport.peer_state() == "open"
    await other.send_all(b"a request")
    await trio.lowlevel.wait_readable(server)
    assert transport.peer_state() == "open"
    await other.send_eof()
    await wait_until(lambda: SYSTEM.query_peer(server) == "half_closed")
    assert transport.peer_state() == ("half_closed" if system is SYSTEM else "open")
    await transport.receive_some()
    assert transport.peer_state() == "half_closed"
    transport.close()
    assert transport.peer_state() == "reset"
    other.close()


@pytest.mark.parametrize("system", [SYSTEM, PORTABLE])
async def test_a_peers_reset_is_seen(system: System) -> None:
    """However it is asked for."""
    client, server = socket_pair()
    transport = SocketTransport(server, system=system)
    SocketTransport(client).reset()
    await trio.lowlevel.wait_readable(server)
    assert transport.peer_state() == "reset"
    transport.close()


async def test_a_reset_that_a_write_has_found_stays_one() -> None:
    """Though a system that tells of it once shows an orderly end then."""
    client, server = socket_pair()
    transport = SocketTransport(server, system=PORTABLE)
    SocketTransport(client).reset()
    with pytest.raises(trio.BrokenResourceError):
        transport.send_nowait(b"anyone?")
    assert PORTABLE.query_peer(server) == "half_closed"
    assert transport.peer_state() == "reset"
    transport.close()


@pytest.mark.parametrize("system", [SYSTEM, PORTABLE])
async def test_a_close_that_does_no_harm(system: System) -> None:
    """Nothing is unread, and the peer has all that it was sent: only then it wouldn't be reset."""
    client, server = socket_pair()
    transport, other = SocketTransport(server, system=system), SocketTransport(client)
    knows = system is SYSTEM and sys.platform == "linux"
    await transport.send_all(b"an answer")
    await wait_until(lambda: transport.closes_unharmed() is knows)
    await other.send_all(b"more")
    await trio.lowlevel.wait_readable(server)
    assert not transport.closes_unharmed()
    transport.close()
    with pytest.raises(trio.ClosedResourceError):
        transport.closes_unharmed()
    other.close()


async def test_what_is_on_its_way_may_be_lost() -> None:
    """As long as the peer's system hasn't taken it."""
    client, server = socket_pair()
    transport, other = SocketTransport(server), SocketTransport(client)
    while transport.send_nowait(bytes(65_536)):
        pass
    assert not transport.closes_unharmed()
    transport.close()
    other.close()


async def test_a_peer_that_has_gone_loses_nothing() -> None:
    """By a system that has to read to find out."""
    client, server = socket_pair()
    transport = SocketTransport(server, system=PORTABLE)
    SocketTransport(client).reset()
    await trio.lowlevel.wait_readable(server)
    assert transport.closes_unharmed()
    transport.close()
