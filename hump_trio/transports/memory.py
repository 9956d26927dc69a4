"""Transports in memory: the server's side of a connection without a socket.

Each direction behaves as TCP does: the reader acknowledges what fits in its window, the writer
holds what doesn't up to a cap and then waits, closing with unread data resets.
"""

import trio

from hump_trio.transports.transport import (
    RECEIVE_BYTES,
    ConflictDetector,
    PeerState,
    Transport,
    check_max_bytes,
    send_whole,
)

__all__ = ["WINDOW_BYTES", "MemoryTransport", "memory_transport_pair"]

# As much as a socket's buffers hold before anyone reads; tests of back-pressure stay small.
WINDOW_BYTES = 64 * 1024


class Pipe:
    """One direction of a connection.

    Args:
        window_bytes: How much the reader acknowledges before it reads.
    """

    def __init__(self, window_bytes: float) -> None:
        self.window_bytes = window_bytes
        self.sent_bytes: int = 0
        self.acked: bytearray = bytearray()
        self.held: bytearray = bytearray()
        self.ended = False
        self.broken: bool = False
        self.changed: trio.lowlevel.ParkingLot = trio.lowlevel.ParkingLot()

    async def wait_room(self) -> None:
        """Wait until more is taken, or nothing ever will be. A checkpoint only if it waits."""
        while len(self.held) >= WINDOW_BYTES and not (self.ended or self.broken):
            await self.changed.park()

    def notice(self) -> None:
        """Move what fits into the window, and wake the tasks that wait on either side."""
        room = self.window_bytes - len(self.acked)
        if self.held and room > 0:
            count = int(min(room, len(self.held)))
            self.acked += self.held[:count]
            del self.held[:count]
        self.changed.unpark_all()

    def write_nowait(self, data: bytes | memoryview) -> int:
        """Take as much as there is room for, and return its length in bytes."""
        if self.broken:
            raise trio.BrokenResourceError("the peer has gone")
        count = min(len(data), WINDOW_BYTES - len(self.held))
        self.held += data[:count]
        self.sent_bytes += count
        self.notice()
        return count

    def read_nowait(self, max_bytes: int) -> bytes | None:
        """Return what is acknowledged, empty at the end, None if nothing is there yet."""
        if self.acked:
            data = bytes(self.acked[:max_bytes])
            del self.acked[:max_bytes]
            self.notice()
            return data
        if self.broken:
            raise trio.BrokenResourceError("the peer has reset the connection")
        return b"" if self.ended and not self.held else None

    def break_off(self) -> None:
        """Lose what is on its way, and wake both sides, whose next call raises."""
        self.broken = True
        self.acked.clear()
        self.held.clear()
        self.changed.unpark_all()


class MemoryTransport(Transport):
    """One end of an in-memory connection; made by `memory_transport_pair`."""

    def __init__(self, incoming: Pipe, outgoing: Pipe) -> None:
        self._incoming = incoming
        self._outgoing = outgoing
        self._closed = False
        self._sending = ConflictDetector()
        self._receiving = ConflictDetector()

    @property
    def client(self) -> tuple[str, int] | None:
        """None: memory has no address."""
        return None

    def receive_nowait(self, max_bytes: int = RECEIVE_BYTES) -> bytes | None:
        """Return what is there (see `Transport.receive_nowait`)."""
        self._check_open()
        return self._incoming.read_nowait(max_bytes)

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Return bytes, or none at the end. A checkpoint; nothing is lost if cancelled here."""
        count = check_max_bytes(max_bytes)
        with self._receiving:
            await trio.lowlevel.checkpoint()
            while True:
                self._check_open()
                data = self._incoming.read_nowait(count)
                if data is not None:
                    return data
                await self._incoming.changed.park()

    def send_nowait(self, data: bytes | memoryview) -> int:
        """Send what is taken at once (see `Transport.send_nowait`)."""
        self._check_open()
        if self._outgoing.ended:
            raise trio.ClosedResourceError("nothing follows the end")
        return self._outgoing.write_nowait(data)

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send all of it. A checkpoint; cancelled here, a part may have gone."""
        with self._sending:
            await send_whole(data, self.send_nowait, self._outgoing.wait_room)

    async def wait_send_all_might_not_block(self) -> None:
        """Wait until there is room to send. A checkpoint."""
        with self._sending:
            await trio.lowlevel.checkpoint()
            await self._outgoing.wait_room()
            self._check_open()

    async def send_eof(self) -> None:
        """Say that nothing follows. A checkpoint."""
        with self._sending:
            await trio.lowlevel.checkpoint()
            self._check_open()
            self._outgoing.ended = True
            self._outgoing.notice()

    def peer_state(self) -> PeerState:
        """Tell what the peer has ended (see `Transport.peer_state`)."""
        if self._closed or self._incoming.broken:
            return "reset"
        return "half_closed" if self._incoming.ended else "open"

    @property
    def sent_bytes(self) -> int:
        """The bytes that were taken."""
        return self._outgoing.sent_bytes

    def acked_bytes(self) -> int:
        """Return the bytes acknowledged so far."""
        return self._outgoing.sent_bytes - len(self._outgoing.held)

    def fully_acked(self) -> bool:
        """Tell whether all is acknowledged."""
        return not self._outgoing.held

    def readable(self) -> bool:
        """Tell whether a read would return or raise at once."""
        incoming = self._incoming
        ended = incoming.ended and not incoming.held
        return self._closed or incoming.broken or ended or bool(incoming.acked)

    def set_window(self, window_bytes: float) -> None:
        """Change how much this end acknowledges before it reads; zero stops acknowledging."""
        self._incoming.window_bytes = window_bytes
        self._incoming.notice()

    def close(self) -> None:
        """Close both directions; the peer sees a reset if it sent what was never read."""
        if self._incoming.acked or self._incoming.held:
            self.reset()
        elif not self._closed:
            self._closed = True
            self._outgoing.ended = True
            self._outgoing.notice()
            self._incoming.break_off()

    def reset(self) -> None:
        """Close so that the peer's next read or write breaks."""
        if not self._closed:
            self._closed = True
            self._outgoing.break_off()
            self._incoming.break_off()

    def _check_open(self) -> None:
        if self._closed:
            raise trio.ClosedResourceError("this transport is closed")


def memory_transport_pair(
    window_bytes: float = WINDOW_BYTES,
) -> tuple[MemoryTransport, MemoryTransport]:
    """Return the client's and the server's end of a new connection.

    Args:
        window_bytes: How much the client acknowledges before it reads; ``math.inf`` takes all.
    """
    to_client, to_server = Pipe(window_bytes), Pipe(WINDOW_BYTES)
    return MemoryTransport(to_client, to_server), MemoryTransport(to_server, to_client)
