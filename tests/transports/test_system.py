"""What systems tell of a socket's peer, asked by a transport over a real connection."""

import sys

import pytest
import trio

from hump_trio.transports.sockets import SocketTransport
from hump_trio.transports.system import PORTABLE, SYSTEM, System
from tests.support.loopback import socket_pair, wait_until


def test_each_system_tells_what_it_knows() -> None:
    """Linux knows what is acknowledged and has epoll; nothing is expected of another one."""
    linux = sys.platform == "linux"
    for system, knows in ((SYSTEM, linux), (PORTABLE, False)):
        assert (system.query_unacked is not None) == knows
        assert (system.make_readiness() is not None) == knows


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
