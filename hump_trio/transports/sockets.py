"""Transports over sockets: TCP and Unix.

HTTP and TLS aren't known here.
"""

import socket
import struct
from collections.abc import Awaitable, Callable
from contextlib import suppress

import trio

from hump_trio.facts.loggers import logger
from hump_trio.transports.proxy_header import receive_proxy_header
from hump_trio.transports.readiness import Readiness
from hump_trio.transports.system import SYSTEM, System
from hump_trio.transports.transport import (
    RECEIVE_BYTES,
    Arrivals,
    ConflictDetector,
    PeerState,
    Server,
    Transport,
    check_max_bytes,
    send_whole,
)

__all__ = ["SocketTransport", "UnixTransport", "set_tcp_options"]

RESET = struct.pack("ii", 1, 0)  # SO_LINGER on, zero seconds: close sends RST


class SocketTransport(Transport):
    """A transport over a connected, non-blocking TCP socket, which it owns.

    Args:
        sock: The socket.
        client: The peer's address and port.
        server: The address that the peer has reached.
        system: What can be known of the socket.
        readiness: Tells when there is something to receive; None: Trio tells.
        buffer: Where all transports of a thread may receive to, one after the other, before what
            has come is copied: a block as large as a read for each of them would cost more.
        options_set: Whether the socket has the options that `set_tcp_options` sets, by the socket
            that has accepted it.

    Attributes:
        arrivals: See `Transport.arrivals`; there are some from the first `receive_some` on, as long
            as the readiness watches.
    """

    arrivals: Arrivals | None = None

    def __init__(
        self,
        sock: socket.socket,
        client: tuple[str, int] | None = None,
        server: Server | None = None,
        *,
        system: System = SYSTEM,
        readiness: Readiness | None = None,
        buffer: memoryview | None = None,
        options_set: bool = False,
    ) -> None:
        self._socket = sock
        self._buffer = memoryview(bytearray(RECEIVE_BYTES)) if buffer is None else buffer
        self._client = client
        self._server = server
        self._system = system
        self.tells_acked: bool = system.query_unacked is not None
        self._sent_bytes: int = 0
        self._sending = ConflictDetector()
        self._sending_ended = False
        self._trio_waited = False  # Trio has then to be told when the socket is closed
        self._broken = False  # kept, since a system may tell of a reset only once
        self._readiness = readiness
        sock.setblocking(False)
        if not options_set:
            self._set_options(sock)

    def _set_options(self, sock: socket.socket) -> None:
        set_tcp_options(sock)
        if self._system.query_unacked is None:
            self._limit_send_buffer(sock)

    def _limit_send_buffer(self, sock: socket.socket) -> None:
        buffer_bytes = self._system.small_send_buffer_bytes
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, buffer_bytes)

    @property
    def client(self) -> tuple[str, int] | None:
        """The peer's address and port, or those of the client that its PROXY header names."""
        return self._client

    @property
    def server(self) -> Server | None:
        """The address that the peer has reached, or what its PROXY header says of its client."""
        return self._server

    def expect_proxy_header(self) -> None:
        """Let the connection begin with a PROXY header, which `handshake` receives."""
        self.needs_handshake = True

    async def handshake(self) -> None:
        """Receive the PROXY header, if one is expected (see `Transport.handshake`)."""
        if not self.needs_handshake:
            return await super().handshake()
        try:
            own = self._client, self._server
            self._client, self._server = await receive_proxy_header(self.receive_some, own)
        except EOFError:  # a proxy that only looked whether a server listens
            raise trio.BrokenResourceError("the connection ended before its PROXY header") from None
        except ValueError as error:
            peer = "a Unix socket" if self._client is None else self._client[0]
            logger.info("refused a connection from %s for its PROXY header: %s", peer, error)
            raise trio.BrokenResourceError(f"the PROXY header is malformed: {error}") from error

    def receive_nowait(self, max_bytes: int = RECEIVE_BYTES) -> bytes | None:
        """Return what is there (see `Transport.receive_nowait`)."""
        arrivals = self.arrivals
        buffer = self._buffer
        try:
            byte_count = self._socket.recv_into(buffer, max_bytes)
        except BlockingIOError:
            if arrivals is not None:
                arrivals.ready = arrivals.more_behind = False
            return None
        except OSError as error:
            raise self._failure(error) from error
        if arrivals is not None:
            # A short read has taken all that was there; what comes next is reported anew.
            arrivals.ready = arrivals.more_behind or byte_count == max_bytes
        return buffer[:byte_count].tobytes()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Return bytes, or none at the end. A checkpoint; nothing is lost if cancelled here."""
        count = check_max_bytes(max_bytes)
        readiness = self._readiness
        if readiness is not None and readiness.watching:
            return await self._receive_when_ready(readiness, count)
        self.arrivals = None  # nobody reports them any more
        while True:
            await self._wait(trio.lowlevel.wait_readable)
            data = self.receive_nowait(count)
            if data is not None:
                return data

    async def _receive_when_ready(self, readiness: Readiness, max_bytes: int) -> bytes:
        """Receive without telling the system anew what is waited for."""
        arrivals = self.watch()
        assert arrivals is not None, "the readiness watches"
        if arrivals.ready:
            await arrivals.pause()
        while True:
            if not arrivals.ready:
                if readiness.watching:
                    await arrivals.wait()
                if not arrivals.ready:  # closed meanwhile, or no longer watched
                    return await self.receive_some(max_bytes)
            data = self.receive_nowait(max_bytes)
            if data is not None:
                return data

    @property
    def watchable(self) -> bool:
        """Whether a readiness watches (see `Transport.watchable`)."""
        return self._readiness is not None and self._readiness.watching

    def watch(self) -> Arrivals | None:
        """Return the arrivals, which begin here if they haven't begun (see `Transport.watch`)."""
        readiness = self._readiness
        if readiness is None or not readiness.watching:
            return None
        if self.arrivals is None:
            self.arrivals = readiness.add(self._open_socket())
        return self.arrivals

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
        with self._sending:
            await send_whole(data, self.send_nowait, self._wait_writable)

    async def wait_send_all_might_not_block(self) -> None:
        """Wait until there is room to send. A checkpoint."""
        with self._sending:
            await self._wait_writable()

    async def _wait_writable(self) -> None:
        await self._wait(trio.lowlevel.wait_writable)

    async def send_eof(self) -> None:
        """Say that nothing follows. A checkpoint."""
        await trio.lowlevel.checkpoint()
        with self._sending:
            try:
                self._socket.shutdown(socket.SHUT_WR)
            except OSError as error:
                raise self._failure(error) from error
        self._sending_ended = True

    def peer_state(self) -> PeerState:
        """Tell what the peer has ended (see `Transport.peer_state`)."""
        if self._broken or self._socket.fileno() < 0:
            return "reset"
        state = self._system.query_peer(self._socket)
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
        if not self.tells_acked:
            return not self._sending.taken
        return self._unacked_bytes() == 0

    def _unacked_bytes(self) -> int:
        query_unacked = self._system.query_unacked
        descriptor = self._socket.fileno()
        return 0 if query_unacked is None or descriptor < 0 else query_unacked(descriptor)

    def closes_unharmed(self) -> bool:
        """Tell whether closing at once does no harm (see `Transport.closes_unharmed`).

        A read that finds nothing would cost three times what the system's count does.
        """
        is_settled = self._system.is_settled
        descriptor = self._socket.fileno()
        if is_settled is None or descriptor < 0:
            return super().closes_unharmed()
        return is_settled(descriptor)

    def close(self) -> None:
        """Close the socket."""
        if self._socket.fileno() >= 0:
            if self.arrivals is not None and self._readiness is not None:
                self._readiness.discard(self._socket)
                self.arrivals = None
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
        if self._sending_ended and isinstance(error, BrokenPipeError):
            return trio.ClosedResourceError("nothing follows the end")
        self._broken = True
        return trio.BrokenResourceError(f"the connection broke: {error}")


def set_tcp_options(sock: socket.socket) -> None:
    """Let a socket send at once what it is given, however little."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, True)


class UnixTransport(SocketTransport):
    """A transport over a connected, non-blocking Unix socket, which it owns.

    What the socket has taken stands in the peer's own queue. That is what TCP calls acknowledged:
    it stays to be read when this end is closed. (SIOCOUTQ counts the memory of the buffers here,
    not bytes.) A peer that has closed its socket is seen as ``"reset"`` at once, since it can't be
    written to. There is no RST: after `reset` the peer reads the end, and only the framing of
    HTTP/1.1 tells it that a message is cut.
    """

    def _set_options(self, sock: socket.socket) -> None:
        self.tells_acked = True
        # A system lets more be written only when most of its buffer is free.
        self._limit_send_buffer(sock)

    def closes_unharmed(self) -> bool:
        """Tell whether closing at once does no harm (see `Transport.closes_unharmed`)."""
        return Transport.closes_unharmed(self)

    def acked_bytes(self) -> int:
        """Return the bytes that the peer's queue has taken."""
        return self._sent_bytes

    def fully_acked(self) -> bool:
        """Tell whether nothing waits for room in the peer's queue."""
        return not self._sending.taken
