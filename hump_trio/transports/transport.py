"""The seam between the server and the bytes: one interface, and it over TCP and Unix sockets.

A transport adds to `trio.abc.HalfCloseableStream` what time keeping needs: how much the peer has
acknowledged, reads and writes that never wait, and a close that never waits.
"""

import select
import socket
import struct
import sys
from abc import abstractmethod
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from operator import index
from typing import Any, Literal, TypeAlias

import trio

from hump_trio.facts.loggers import logger
from hump_trio.transports.proxy_header import receive_proxy_header
from hump_trio.transports.readiness import Reader, Readiness

__all__ = ["RECEIVE_BYTES", "PeerState", "SocketTransport", "Transport", "Turn", "UnixTransport"]

# What one read asks for: a head and most bodies. As much can be held behind a slow handler for each
# connection, so no more than a body of 64 KiB needs: with 128 KiB it isn't read any faster.
RECEIVE_BYTES = 80 * 1024
# Where the system can't tell what is acknowledged, little enough is handed to it that what it
# took is nearly what the peer has.
SMALL_SEND_BUFFER_BYTES = 64 * 1024
RESET = struct.pack("ii", 1, 0)  # SO_LINGER on, zero seconds: close sends RST

PeerState: TypeAlias = Literal["open", "half_closed", "reset"]


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


query_unacked: Callable[[socket.socket], int] | None = None
query_peer: Callable[[socket.socket], PeerState] = peek_at_peer

if sys.platform == "linux":
    import fcntl
    import termios

    def unacked_bytes_of(sock: socket.socket) -> int:
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

    query_unacked, query_peer = unacked_bytes_of, poll_peer


class Transport(trio.abc.HalfCloseableStream):
    """A stream whose peer's progress can be seen.

    `close` and `reset` may come at any time and any number of times. As of every Trio stream,
    one task may send while another one receives.

    Attributes:
        reader: Whom a readiness wakes when there is something to receive; None: nobody.
        tells_acked: Whether it knows what the peer has acknowledged; else it takes all for it.
        needs_handshake: Whether `handshake` has to come before anything else.
        secure: Whether nobody on the way can read what is sent.
        client_certificate: Of a peer that has proven who it is, as of `ssl.SSLSocket.getpeercert`.
    """

    reader: Reader | None = None
    tells_acked: bool = True
    needs_handshake: bool = False
    secure: bool = False
    client_certificate: dict[str, Any] | None = None

    @property
    @abstractmethod
    def client(self) -> tuple[str, int] | None:
        """The peer's address and port, or None where there is none."""

    async def handshake(self) -> None:
        """Settle with the peer what comes before the first request.

        Raises:
            trio.BrokenResourceError: It can't be talked to; what could be said was said.

        Cancellation: a checkpoint; good for nothing but to be closed if cancelled here.
        """
        await trio.lowlevel.checkpoint()

    @abstractmethod
    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Return bytes, or none at the end. A checkpoint; nothing is lost if cancelled here."""

    @abstractmethod
    def receive_nowait(self, max_bytes: int = RECEIVE_BYTES) -> bytes | None:
        """Return what is there, empty at the end, or None if nothing is there yet.

        Raises:
            trio.BrokenResourceError: The peer has reset the connection.
        """

    @abstractmethod
    def send_nowait(self, data: bytes | memoryview) -> int:
        """Send as much as is taken at once and return its length in bytes; it may be zero.

        Raises:
            trio.BrokenResourceError: The peer has gone.
        """

    @abstractmethod
    def peer_state(self) -> PeerState:
        """Tell whether the peer may still send, has ended its half, or has gone altogether.

        Bytes that wait to be received hide nothing where the system can tell; elsewhere they
        hide the end behind them.
        """

    @property
    @abstractmethod
    def sent_bytes(self) -> int:
        """How many bytes in all were given to the system or the peer."""

    @abstractmethod
    def acked_bytes(self) -> int:
        """Return how many bytes in all the peer has acknowledged."""

    @abstractmethod
    def fully_acked(self) -> bool:
        """Tell whether the peer has acknowledged all that was sent."""

    @abstractmethod
    def close(self) -> None:
        """Close without waiting; what was sent still goes out."""

    @abstractmethod
    def reset(self) -> None:
        """Close so that the peer sees an error, never a message that looks whole."""

    async def aclose(self) -> None:
        """Close. A checkpoint; the transport is closed even if cancelled here."""
        self.close()
        await trio.lowlevel.checkpoint()


class Turn:
    """Lets one task at a time through, as every Trio stream does."""

    def __init__(self) -> None:
        self._taken: bool = False

    def __enter__(self) -> None:
        if self._taken:
            raise trio.BusyResourceError("another task is using this direction")
        self._taken = True

    def __exit__(self, *exc_info: object) -> None:
        self._taken = False


class SocketTransport(Transport):
    """A transport over a connected, non-blocking TCP socket, which it owns.

    Args:
        sock: The socket.
        client: The peer's address and port.
        query_unacked: How to learn what isn't acknowledged; None where that can't be known.
        query_peer: How to learn what the peer has ended.
        readiness: Tells when there is something to receive; Trio does without it.
        buffer: Where all transports of a thread may receive to, one after the other, before what
            has come is copied: a block as large as a read for each of them would cost more.
    """

    def __init__(
        self,
        sock: socket.socket,
        client: tuple[str, int] | None = None,
        *,
        query_unacked: Callable[[socket.socket], int] | None = query_unacked,
        query_peer: Callable[[socket.socket], PeerState] = query_peer,
        readiness: Readiness | None = None,
        buffer: memoryview | None = None,
    ) -> None:
        self._socket = sock
        self._buffer = memoryview(bytearray(RECEIVE_BYTES)) if buffer is None else buffer
        self._client = client
        self._query_unacked = query_unacked
        self.tells_acked: bool = query_unacked is not None
        self._query_peer = query_peer
        self._sent_bytes: int = 0
        self._sending = False
        self._sending_ended = False
        self._trio_waited = False  # so that Trio may have to forget it
        self._broken = False  # a system may tell of a reset only once, to whoever asks first
        self._readiness = readiness
        sock.setblocking(False)
        self._set_options(sock)

    def _set_options(self, sock: socket.socket) -> None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, True)
        if self._query_unacked is None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL_SEND_BUFFER_BYTES)

    @property
    def client(self) -> tuple[str, int] | None:
        """The peer's address and port, or those of the client that its PROXY header names."""
        return self._client

    def expect_proxy_header(self) -> None:
        """Let the connection begin with a PROXY header, which `handshake` receives."""
        self.needs_handshake = True

    async def handshake(self) -> None:
        """Receive the PROXY header, if one is expected (see `Transport.handshake`)."""
        if not self.needs_handshake:
            return await super().handshake()
        try:
            self._client = await receive_proxy_header(self.receive_some, self._client)
        except EOFError:  # a proxy that has looked whether somebody listens
            raise trio.BrokenResourceError("the connection ended before its PROXY header") from None
        except ValueError as error:
            peer = "a Unix socket" if self._client is None else self._client[0]
            logger.info("refused a connection from %s for its PROXY header: %s", peer, error)
            raise trio.BrokenResourceError(f"the PROXY header is malformed: {error}") from error

    def receive_nowait(self, max_bytes: int = RECEIVE_BYTES) -> bytes | None:
        """Return what is there (see `Transport.receive_nowait`)."""
        reader = self.reader
        buffer = self._buffer
        try:
            byte_count = self._socket.recv_into(buffer, max_bytes)
        except BlockingIOError:
            if reader is not None:
                reader.ready = reader.unsettled = False
            return None
        except OSError as error:
            raise self._failure(error) from error
        if reader is not None:
            # A short read has found the end of what was there; what comes is a new edge.
            reader.ready = reader.unsettled or byte_count == max_bytes
        return buffer[:byte_count].tobytes()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Return bytes, or none at the end. A checkpoint; nothing is lost if cancelled here."""
        if max_bytes is None:
            max_bytes = RECEIVE_BYTES
        elif index(max_bytes) < 1:
            raise ValueError("max_bytes must be at least 1")
        max_bytes = min(max_bytes, RECEIVE_BYTES)
        readiness = self._readiness
        if readiness is not None and readiness.watching:
            return await self._receive_when_ready(readiness, max_bytes)
        self.reader = None  # nobody wakes it any more
        while True:
            await self._wait(trio.lowlevel.wait_readable)
            data = self.receive_nowait(max_bytes)
            if data is not None:
                return data

    async def _receive_when_ready(self, readiness: Readiness, max_bytes: int) -> bytes:
        """Receive without telling the system anew what is waited for."""
        reader = self.reader
        if reader is None:
            reader = self.reader = readiness.add(self._open_socket())
        if reader.ready:
            await reader.pause()
        while True:
            if not reader.ready:
                if readiness.watching:
                    await reader.wait()
                if not reader.ready:  # closed meanwhile, or no longer watched
                    return await self.receive_some(max_bytes)
            data = self.receive_nowait(max_bytes)
            if data is not None:
                return data

    def send_nowait(self, data: bytes | memoryview) -> int:
        """Send what is taken at once (see `Transport.send_nowait`)."""
        try:
            count = self._socket.send(data)
        except BlockingIOError:
            return 0
        except OSError as error:
            raise self._failure(error) from error
        self._sent_bytes += count
        return count

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send all of it. A checkpoint; cancelled here, a part may have gone."""
        await trio.lowlevel.checkpoint()
        if self._sending_ended:
            raise trio.ClosedResourceError("this transport was closed for sending")
        self._open_socket()
        with self._sending_alone(), memoryview(data) as view:
            start = 0
            while start < len(view):
                start += self.send_nowait(view[start:])
                if start < len(view):
                    await self._wait(trio.lowlevel.wait_writable)

    async def wait_send_all_might_not_block(self) -> None:
        """Wait until there is room to send. A checkpoint."""
        with self._sending_alone():
            await self._wait(trio.lowlevel.wait_writable)

    async def send_eof(self) -> None:
        """Say that nothing follows. A checkpoint."""
        await trio.lowlevel.checkpoint()
        with self._sending_alone():
            try:
                self._socket.shutdown(socket.SHUT_WR)
            except OSError as error:
                raise self._failure(error) from error
        self._sending_ended = True

    def peer_state(self) -> PeerState:
        """Tell what the peer has ended (see `Transport.peer_state`)."""
        if self._broken or self._socket.fileno() < 0:
            return "reset"
        state = self._query_peer(self._socket)
        self._broken = state == "reset"
        return state

    @property
    def sent_bytes(self) -> int:
        """The bytes that the socket has taken."""
        return self._sent_bytes

    def acked_bytes(self) -> int:
        """Return the bytes acknowledged so far."""
        return self._sent_bytes - self._unacked_bytes()

    def fully_acked(self) -> bool:
        """Tell whether all is acknowledged; where that can't be known, whether nothing waits."""
        if self._query_unacked is None:
            return not self._sending
        return self._unacked_bytes() == 0

    def _unacked_bytes(self) -> int:
        if self._query_unacked is None or self._socket.fileno() < 0:
            return 0
        return self._query_unacked(self._socket)

    def close(self) -> None:
        """Close the socket."""
        if self._socket.fileno() >= 0:
            if self._readiness is not None:
                self._readiness.discard(self._socket)
                self.reader = None
            if self._trio_waited:
                trio.lowlevel.notify_closing(self._socket)
            self._socket.close()

    def reset(self) -> None:
        """Close the socket with an RST."""
        if self._socket.fileno() >= 0:
            # Some systems refuse options on a connection that was reset; then there is no need.
            with suppress(OSError):
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            self.close()

    @contextmanager
    def _sending_alone(self) -> Iterator[None]:
        if self._sending:
            raise trio.BusyResourceError("another task is sending")
        self._sending = True
        try:
            yield
        finally:
            self._sending = False

    async def _wait(self, wait: Callable[[socket.socket], Awaitable[None]]) -> None:
        """Let Trio wait for the socket."""
        self._trio_waited = True
        await wait(self._open_socket())

    def _open_socket(self) -> socket.socket:
        if self._socket.fileno() < 0:
            raise trio.ClosedResourceError("this transport is closed")
        return self._socket

    def _failure(self, error: OSError) -> Exception:
        if self._socket.fileno() < 0:
            return trio.ClosedResourceError("this transport is closed")
        self._broken = True
        return trio.BrokenResourceError(f"the connection broke: {error}")


class UnixTransport(SocketTransport):
    """A transport over a connected, non-blocking Unix socket, which it owns.

    What the socket has taken stands in the peer's own queue: that is what TCP calls acknowledged,
    and it stays to be read when this end is closed. (SIOCOUTQ counts the memory of the buffers
    here, not bytes.) A peer that has closed its socket is seen as ``"reset"`` at once, since it
    can't be written to. But there is no RST: after `reset` the peer reads the end, and only the
    framing of HTTP/1.1 tells it that a message is cut.
    """

    def _set_options(self, sock: socket.socket) -> None:
        self.tells_acked = True
        # A system lets more be written only when most of its buffer is free.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL_SEND_BUFFER_BYTES)

    def acked_bytes(self) -> int:
        """Return the bytes that the peer's queue has taken."""
        return self._sent_bytes

    def fully_acked(self) -> bool:
        """Tell whether nothing waits for room in the peer's queue."""
        return not self._sending
