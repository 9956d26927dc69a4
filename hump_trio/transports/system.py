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
        query_unacked: Returns how many bytes the socket of a descriptor was given that its peer
            hasn't acknowledged; None where that can't be known.
        is_settled: Tells whether what the socket of a descriptor was given is acknowledged, and
            nothing has come for it that wasn't received, up to urgent bytes; None where that can't
            be known.
        hands_options_on: Whether a socket that is accepted has the options of TCP that the
            listening one has.
        has_epoll: Whether many sockets can be watched by one registration of each.
        small_send_buffer_bytes: The size of a send buffer that is to hold little.
    """

    query_peer: Callable[[socket.socket], PeerState]
    query_unacked: Callable[[int], int] | None = None
    is_settled: Callable[[int], bool] | None = None
    hands_options_on: bool = False
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
    from array import array

    # What ioctl(2) tells is written to an array: Python takes a third of what bytes would cost.
    ZERO = array("i", (0,))
    RDHUP = getattr(select, "POLLRDHUP", 0x2000)  # a name that PyPy hasn't (poll(2))

    def query_unacked(descriptor: int) -> int:
        """Return the bytes that were given to a socket and not acknowledged (SIOCOUTQ, tcp(7))."""
        count = ZERO[:]
        fcntl.ioctl(descriptor, termios.TIOCOUTQ, count)
        return count[0]

    def is_settled(descriptor: int) -> bool:
        """Tell whether nothing is unread (SIOCINQ, tcp(7)), nor unacknowledged."""
        count = ZERO[:]
        fcntl.ioctl(descriptor, termios.FIONREAD, count)
        if count[0]:
            return False
        fcntl.ioctl(descriptor, termios.TIOCOUTQ, count)
        return not count[0]

    def poll_peer(sock: socket.socket) -> PeerState:
        """Return what the kernel knows of the peer (POLLRDHUP, poll(2))."""
        poller = select.poll()
        poller.register(sock, RDHUP)
        events = poller.poll(0)
        if not events:
            return "open"
        return "reset" if events[0][1] & (select.POLLERR | select.POLLHUP) else "half_closed"

    SYSTEM = System(poll_peer, query_unacked, is_settled, hands_options_on=True, has_epoll=True)
