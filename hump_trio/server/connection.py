"""One connection, whatever is spoken on it: its bytes, its peer, and the time that bounds both."""

from collections.abc import Callable
from contextlib import suppress
from contextvars import Context
from typing import Protocol

import trio

from hump_trio.server.clock import Clock
from hump_trio.server.life import Life
from hump_trio.server.phases import RULES, Phase
from hump_trio.server.state import ServerState
from hump_trio.transports.transport import PeerState, Transport

__all__ = ["Connection", "Served", "Successive"]


class Served(Protocol):
    """What is served in a task of its own: a lane.

    Attributes:
        clock: Bounds it.
    """

    clock: Clock

    async def serve(self) -> None:
        """Serve until nothing more comes."""


class Successive(Served, Protocol):
    """A lane that serves a connection before another one, or after it.

    Attributes:
        context: What each handler starts with; set when the lane serves.
    """

    context: Context


class Connection:
    """A transport, and the clock that bounds what is waited for on it.

    It is made when the transport is accepted, and served by the protocol that the handshake agrees
    on. The wire of that protocol closes the transport, once, or hands the connection over. What
    waits for a request without a task is closed by its `Clock.waiting`.

    Args:
        transport: Owned by the connection.
        state: What the connections of a server share.
        scope: One that encloses nothing, for a connection that begins without a task; None: one is
            made for the task that serves the connection.

    Attributes:
        clock: Bounds the handshake and the waits between requests. A protocol with one request at
            a time bounds its exchanges by it too.
        handed_over: What was read of a connection that the protocol which has read it leaves to
            another one, with all that follows; empty if it doesn't.
        hear_drain: Called when the server or an answer asks for the connection's end, if what is
            spoken needs to know; else None.
        start_lane: Starts a lane beside the task that serves the connection, in a task of its own.
            It is set before the connection is served.
        hand_on: Lets another lane serve the connection, in a task of its own, where the task of the
            first lane has work behind an answer. It is set before the connection is served.
        gone: Whether the peer was found gone (see `Peer`).
        write_cut: Whether a write was cut in the middle (see `Peer`).
        counted_bytes: What was sent up to the last line of the access log.
    """

    __slots__ = (
        "clock",
        "counted_bytes",
        "gone",
        "hand_on",
        "handed_over",
        "hear_drain",
        "start_lane",
        "state",
        "transport",
        "write_cut",
    )

    def __init__(
        self, transport: Transport, state: ServerState, scope: trio.CancelScope | None = None
    ) -> None:
        self.transport: Transport = transport
        self.state: ServerState = state
        self.handed_over: bytes = b""
        self.hear_drain: Callable[[], None] | None = None
        self.start_lane: Callable[[Served], None]
        self.hand_on: Callable[[Connection, Successive, Successive], None]
        self.gone: bool = False
        self.write_cut: bool = False
        self.counted_bytes: int = 0
        self.clock: Clock = Clock(state, self, scope)
        if transport.needs_handshake:
            self.clock.enter(Phase.HANDSHAKE, state.timeouts.handshake)

    def peer_state(self) -> PeerState:
        """Tell what the peer has ended (see `Transport.peer_state`)."""
        return self.transport.peer_state()

    def acked_bytes(self) -> int:
        """Return the bytes that the peer has acknowledged so far."""
        return self.transport.acked_bytes()

    def fully_acked(self) -> bool:
        """Tell whether the peer has acknowledged all that was sent."""
        return self.transport.fully_acked()

    def answer_bytes(self) -> int:
        """Return how many bytes were sent of the answer under way."""
        return self.transport.sent_bytes - self.counted_bytes

    def count_sent(self) -> int:
        """Return how many bytes were sent since this was last asked."""
        sent_bytes = self.transport.sent_bytes
        counted_bytes, self.counted_bytes = self.counted_bytes, sent_bytes
        return sent_bytes - counted_bytes

    def lose_peer(self) -> None:
        """Note that the peer has gone while it was written to."""
        self.gone = True
        self.clock.note("client-gone")

    async def shake_hands(self) -> None:
        """Do what comes before the first request, whose time begins then.

        Raises:
            trio.BrokenResourceError: The peer has gone, or can't be talked to.

        Cancellation: a checkpoint; the transport is good for nothing but to be closed then.
        """
        try:
            await self.transport.handshake()
        except trio.BrokenResourceError:
            self.gone = True
            raise
        self.clock.enter_opened()

    async def receive(self, feed: Callable[[bytes], None]) -> int:
        """Receive what the peer sends, and return its length in bytes, zero at the end.

        Args:
            feed: Is given the bytes before anything else can happen.

        Raises:
            trio.BrokenResourceError: The peer has gone.

        Cancellation: a checkpoint; nothing is lost if cancelled here.
        """
        try:
            data = await self.transport.receive_some()
        except trio.BrokenResourceError:
            self.gone = True
            raise
        feed(data)
        if self.clock.ending is not None or self.clock.closing is Life.CLEANUP:
            # The deadline passed just as the bytes came; too late is too late.
            await trio.lowlevel.checkpoint()
        return len(data)

    async def write(self, data: bytes) -> None:
        """Send bytes.

        Raises:
            trio.BrokenResourceError: The peer has gone.

        Cancellation: a checkpoint only where the peer doesn't take them at once. Cancelled
            here, `write_cut` stays true.
        """
        self.write_cut = True
        self.clock.half_closed = False
        try:
            sent_bytes = self.transport.send_nowait(data)
            if sent_bytes < len(data):
                await self.transport.send_all(memoryview(data)[sent_bytes:])
        except trio.BrokenResourceError:
            self.lose_peer()
            raise
        self.write_cut = False

    def write_nowait(self, data: bytes) -> int:
        """Send what is taken at once, and return its length in bytes.

        Raises:
            trio.BrokenResourceError: The peer has gone.
        """
        self.clock.half_closed = False
        try:
            return self.transport.send_nowait(data)
        except trio.BrokenResourceError:
            self.write_cut = True
            self.lose_peer()
            raise

    async def linger(self) -> None:
        """End the sending half, then read until the peer closes, so that it can read the answer.

        Closing at once while it still sends would reset the connection and destroy the answer
        on its way (RFC 9112 section 9.6).

        Cancellation: a checkpoint; the transport is open if cancelled here.
        """
        timeouts, clock = self.state.timeouts, self.clock
        # At shutdown a silent peer gets only `drain_idle`; one that sends extends its deadline.
        seconds = timeouts.drain_idle if clock.closing else timeouts.stall_grace
        clock.enter(Phase.LINGER, seconds)
        latest = trio.current_time() + timeouts.send_grace
        with suppress(trio.BrokenResourceError):
            await self.transport.send_eof()
            while data := await self.transport.receive_some():
                clock.extend(len(data))
                clock.hasten(latest)

    def drain(self) -> None:
        """Take no further request, since the server closes; those that have begun go on."""
        self.clock.drain()
        if self.hear_drain is not None:
            self.hear_drain()

    def close(self) -> None:
        """Close without waiting; what is unfinished must not look whole."""
        if RULES[self.clock.phase].resets:
            self.transport.reset()
        else:
            self.transport.close()

    def forget(self) -> None:
        """Let the clock know of no peer any more: it and the connection would hold each other.

        Called once, when the connection is closed and nobody looks at its clock.
        """
        del self.clock.peer
