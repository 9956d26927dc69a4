"""What an operating system can tell of a socket and its peer.

What is done with it isn't known here.
"""

import select
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass

from hump_trio.transports.readiness import Readiness
from hump_trio.transports.transport import PeerState

__all__ = ["PORTABLE", "SYSTEM", "System"]

# Where the system can't tell what is acknowledged, little enough is handed to it that what it
# took is nearly what the peer has.
SMALL_SEND_BUFFER_BYTES = 64 * 1024


def peek_at_peer(sock: socket.socket) -> PeerState:
    """Return what the next bytes say of the peer; what is behind them isn't seen.

    A reset behind the end is told once, since asking for a socket's error clears the error.
    """
    try:
        if sock.recv(1, socket.MSG_PEEK):
            return "open"
        return "reset" if sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) else "half_closed"
    except BlockingIOError:
        return "open"
    except OSError:
        return "reset"


@dataclass(frozen=True, slots=True)
class System:
    """What an operating system can tell of its sockets.

    Args:
        query_peer: Returns what a socket's peer has ended.
        query_unacked: Returns how many bytes a socket was given that its peer hasn't acknowledged;
            None where that can't be known.
        has_epoll: Whether many sockets can be watched by one registration of each.
        small_send_buffer_bytes: The size of a send buffer that is to hold little.
    """

    query_peer: Callable[[socket.socket], PeerState]
    query_unacked: Callable[[socket.socket], int] | None = None
    has_epoll: bool = False
    small_send_buffer_bytes: int = SMALL_SEND_BUFFER_BYTES

    def make_readiness(self) -> Readiness | None:
        """Return what watches the sockets of a server; None: Trio does."""
        return Readiness() if self.has_epoll else None


PORTABLE = System(peek_at_peer)
SYSTEM = PORTABLE  # of this process

if sys.platform == "linux":
    import fcntl
    import termios

    def query_unacked(sock: socket.socket) -> int:
        """Return the bytes that were given to a socket and not acknowledged (SIOCOUTQ, tcp(7))."""
        answer = fcntl.ioctl(sock, termios.TIOCOUTQ, b"\0\0\0\0")
        return int.from_bytes(answer, sys.byteorder)

    def poll_peer(sock: socket.socket) -> PeerState:
        """Return what the kernel knows of the peer (POLLRDHUP, poll(2))."""
        poller = select.poll()
        poller.register(sock, select.POLLRDHUP)
        events = poller.poll(0)
        if not events:
            return "open"
        return "reset" if events[0][1] & (select.POLLERR | select.POLLHUP) else "half_closed"

    SYSTEM = System(poll_peer, query_unacked, has_epoll=True)
