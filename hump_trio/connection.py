"""One connection's bytes and deadlines: what the peer owes, and until when.

What a request means is not known here. Whoever serves the connection moves it from phase to
phase; the watchdog calls `Connection.expire` when the phase's deadline has passed.
"""

import math
from contextlib import suppress
from enum import Enum, auto

import trio

from hump_trio.http1.parser import RequestParser
from hump_trio.request import CancelReason, Request
from hump_trio.server_state import ServerState
from hump_trio.transport import Transport

__all__ = ["Connection", "Phase"]


class Phase(Enum):
    """What a connection is waiting for, and so what happens when it has waited too long."""

    OPENED = auto()  # the first byte after the accept
    IDLE = auto()  # the first byte of the next request
    HEAD = auto()  # the rest of a head
    BODY = auto()  # the rest of a body
    HANDLER = auto()  # the app
    SEND = auto()  # the peer's acknowledgements
    DRAIN = auto()  # the rest of a body that nobody wants
    LINGER = auto()  # the peer's close


class Connection:
    """A transport, its parser, and the clock that bounds it.

    Attributes:
        phase: What is being waited for.
        deadline: When the watchdog must look; ``-inf`` to be looked at in every sweep.
        request: What is being served; None between requests.
        expired: The phase whose deadline cancelled the scope, until that was dealt with.
        silent_since: When it was accepted, or when its last answer went out.
        scope: Encloses all that the connection does; replaced only after it was cancelled.
        broken: Whether the peer was found gone.
        begun: Whether any of an answer may be on the wire; until the next request is awaited.
        torn: Whether a write has begun and not ended, so that nothing may follow it.
    """

    __slots__ = (
        "_acked_bytes",
        "_disconnect_grace",
        "_half_closed",
        "_handler_since",
        "_leave_deadline",
        "_send_deadline",
        "begun",
        "broken",
        "deadline",
        "expired",
        "head_deadline",
        "overall_deadline",
        "parser",
        "phase",
        "request",
        "scope",
        "silent_since",
        "state",
        "torn",
        "transport",
    )

    def __init__(self, transport: Transport, state: ServerState) -> None:
        self.transport: Transport = transport
        self.state: ServerState = state
        self.parser: RequestParser = RequestParser(state.limits)
        self.scope: trio.CancelScope = trio.CancelScope()
        self.request: Request | None = None
        self._leave_deadline = math.inf
        self._disconnect_grace = 0.0
        self._half_closed = False
        self.expired: Phase | None = None
        self.begun: bool = False
        self.broken: bool = False
        self.torn: bool = False
        self.overall_deadline: float = math.inf
        self._acked_bytes = 0
        self._send_deadline = math.inf
        timeouts = state.timeouts
        now = trio.current_time()
        self.silent_since: float = now
        self._handler_since: float = now
        self.head_deadline: float = now + timeouts.head
        self.phase: Phase = Phase.OPENED
        self.deadline: float = now + timeouts.drain_idle if state.closing else self.head_deadline

    def enter(self, phase: Phase, seconds: float) -> None:
        """Go to a phase that may last for some seconds."""
        self.phase = phase
        self.deadline = trio.current_time() + seconds

    def describe(self) -> str:
        """Return what is being served and what is waited for, for a log."""
        request = self.request
        text = "no request" if request is None else f"{request.method} {request.url}"
        return f"{text} ({self.phase.name.lower()})"

    def age(self) -> float:
        """Return the seconds since the handler began, or without one since the last answer."""
        return trio.current_time() - max(self._handler_since, self.silent_since)

    def is_silent(self, now: float) -> bool:
        """Tell whether nothing is asked: idle, or accepted for longer than a request's way."""
        if self.phase is Phase.OPENED:
            return now - self.silent_since >= self.state.timeouts.drain_idle
        return self.phase is Phase.IDLE

    def enter_idle(self) -> None:
        """Go to the wait for the next request."""
        timeouts = self.state.timeouts
        seconds = timeouts.drain_idle if self.state.closing else timeouts.keep_alive
        self.begun = False
        self.request = None
        self.phase = Phase.IDLE
        self.silent_since = trio.current_time()
        self.deadline = self.silent_since + seconds

    def enter_handler(self, seconds: float, disconnect_grace: float) -> float:
        """Go to the phase of a handler and return its deadline.

        Args:
            seconds: How long it may run.
            disconnect_grace: How long it may go on when its client has gone.
        """
        self.phase = Phase.HANDLER
        self._handler_since = trio.current_time()
        self._leave_deadline = math.inf
        self._disconnect_grace = disconnect_grace
        self._half_closed = False
        self.deadline = self._handler_since + seconds
        return self.deadline

    def enter_send(self, overall_deadline: float) -> None:
        """Go to the phase of a response, bounded by the peer's progress, and over all."""
        self.phase = Phase.SEND
        self.begun = False
        self.deadline = -math.inf
        self.overall_deadline = overall_deadline
        self._send_deadline = math.inf

    def expire(self, now: float) -> None:
        """Cancel what is going on, unless a response makes progress; called by the watchdog."""
        if self.phase is Phase.SEND and not self._send_expired(now):
            return
        if self.expired is None:
            self.expired = self.phase
            self.cancel("deadline")

    def cancel(self, reason: CancelReason) -> None:
        """Cancel what is going on, and let the handler know why."""
        if self.request is not None and self.request.cancel_reason is None:
            self.request.cancel_reason = reason
        self.scope.cancel()

    def look_for_peer(self, now: float) -> None:
        """Cancel a handler whose client has gone; called by the watchdog while the app works.

        A reset is believed at once, and while an answer goes out too. A FIN has to be seen twice:
        a client may end its half and still read a quick answer.
        """
        state = self.transport.peer_state()
        if state == "open" or (state == "half_closed" and self.phase is Phase.SEND):
            return
        if state == "half_closed" and not self._half_closed:
            self._half_closed = True
            return
        grace = self._disconnect_grace if self.phase is Phase.HANDLER else 0.0
        self._leave_deadline = min(self._leave_deadline, now + grace)
        if now >= self._leave_deadline and not self.broken:
            self.broken = True
            self.cancel("client-gone")

    def _send_expired(self, now: float) -> bool:
        """Judge a response by what the peer has acknowledged since the last look."""
        timeouts = self.state.timeouts
        acked_bytes = self.transport.acked_bytes()
        if self._send_deadline == math.inf or self.transport.fully_acked():
            self._send_deadline = now + timeouts.send_grace
        else:
            earned = (acked_bytes - self._acked_bytes) / timeouts.min_rate
            self._send_deadline = min(self._send_deadline + earned, now + timeouts.send_grace)
        self._acked_bytes = acked_bytes
        return now >= min(self._send_deadline, self.overall_deadline)

    def earn(self, byte_count: int) -> None:
        """Move the deadline of a body for bytes that have come.

        A burst buys no credit beyond the grace; a slow honest upload of any size passes.
        """
        timeouts = self.state.timeouts
        latest = trio.current_time() + timeouts.stall_grace
        self.deadline = min(self.deadline + byte_count / timeouts.min_rate, latest)

    async def receive(self) -> int:
        """Feed the parser with what the peer sends; returns its length, zero at the end.

        Raises:
            trio.BrokenResourceError: The peer has gone.

        Cancellation: a checkpoint; nothing is lost if cancelled here.
        """
        try:
            data = await self.transport.receive_some()
        except trio.BrokenResourceError:
            self.broken = True
            raise
        self.parser.feed(data)
        if self.expired is not None:
            # The deadline passed just as the bytes came; too late is too late.
            await trio.lowlevel.checkpoint()
        return len(data)

    async def write(self, data: bytes) -> None:
        """Send bytes.

        Raises:
            trio.BrokenResourceError: The peer has gone.

        Cancellation: a checkpoint only where the peer doesn't take them at once. Cancelled
            here, the connection stays `torn`.
        """
        self.torn = True
        try:
            sent_bytes = self.transport.send_nowait(data)
            if sent_bytes < len(data):
                await self.transport.send_all(memoryview(data)[sent_bytes:])
        except trio.BrokenResourceError:
            self.broken = True
            raise
        self.torn = False

    async def linger(self) -> None:
        """End the sending half, then read until the peer closes, so that it can read the answer.

        Closing at once while it still sends would reset the connection and destroy the answer
        on its way (RFC 9112 section 9.6).

        Cancellation: a checkpoint; the transport is open if cancelled here.
        """
        timeouts = self.state.timeouts
        self.enter(Phase.LINGER, timeouts.stall_grace)
        latest = trio.current_time() + timeouts.send_grace
        with suppress(trio.BrokenResourceError):
            await self.transport.send_eof()
            while data := await self.transport.receive_some():
                self.earn(len(data))
                self.deadline = min(self.deadline, latest)
