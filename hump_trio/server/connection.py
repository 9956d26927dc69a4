"""One connection's bytes and deadlines: what the peer owes, and until when.

What a request means is not known here. Whoever serves the connection moves it from phase to
phase; the watchdog calls `Connection.expire` when the phase's deadline has passed.
"""

import math
from contextlib import suppress

import trio

from hump_trio.facts.exceptions import HttpException
from hump_trio.facts.loggers import logger
from hump_trio.facts.outcomes import CANCELLED_OUTCOMES, CancelReason
from hump_trio.http1.parser import RequestParser
from hump_trio.messages.request import Request
from hump_trio.server.life import Life
from hump_trio.server.phases import ASKED_ERROR, EXPIRED_ERRORS, Phase
from hump_trio.server.state import ServerState
from hump_trio.tasks.failures import is_failure
from hump_trio.tasks.lateness import log_late
from hump_trio.tasks.task_tree import place_of_error
from hump_trio.transports.transport import Transport

__all__ = ["Connection"]

HANDLER, LINGER = Phase.HANDLER, Phase.LINGER  # a look into their class takes ten times as long


class Connection:
    """A transport, its parser, and the clock that bounds it.

    Attributes:
        phase: What is being waited for.
        deadline: When the watchdog must look; ``-inf`` to be looked at in every sweep.
        request: What is being served; None between requests.
        asked_since: When the head of the request was there.
        expired: The phase whose deadline cancelled the scope, until that was dealt with.
        cancelled_for: Why the scope was cancelled, likewise; None if its own deadline did it.
        late: What the request gets whose time has passed, once its handler was cancelled for that,
            and until when whoever makes that answer has time.
        asked: Whether that is the time that its caller has asked for.
        draining: Whether no further request is taken, since the server closes.
        ending: Whether the server cuts what is going on, so that no late answer is begun.
        enforced: Whether the scope knows of a deadline.
        stood: The line of the program that the handler was cancelled in; empty if unknown.
        logged_bytes: What was sent up to the last line of the access log.
        body_seconds: What is left of the time for the silence of a body that is read in parts.
        silent_since: When it was accepted, or when its last answer went out.
        scope: Encloses all that the connection does; replaced after the handshake, and after it was
            cancelled.
        broken: Whether the peer was found gone.
        disconnect_grace: How long a handler may go on when its client has gone.
        half_closed: Whether the last look found that the client has ended its half.
        leave_deadline: When a handler whose client has gone is cancelled.
        task: Serves it.
        begun: Whether any of an answer may be on the wire; until the next request is awaited.
        torn: Whether a write has begun and not ended, so that nothing may follow it.
    """

    __slots__ = (
        "_acked_bytes",
        "_send_deadline",
        "asked",
        "asked_since",
        "begun",
        "body_seconds",
        "broken",
        "cancelled_for",
        "deadline",
        "disconnect_grace",
        "draining",
        "ending",
        "enforced",
        "expired",
        "half_closed",
        "head_deadline",
        "late",
        "leave_deadline",
        "logged_bytes",
        "parser",
        "phase",
        "request",
        "scope",
        "silent_since",
        "state",
        "stood",
        "task",
        "torn",
        "transport",
    )

    def __init__(self, transport: Transport, state: ServerState) -> None:
        self.transport: Transport = transport
        self.state: ServerState = state
        self.parser: RequestParser = RequestParser(state.limits)
        self.scope: trio.CancelScope = trio.CancelScope()  # entered by who serves it
        self.request: Request | None = None
        self.leave_deadline: float = math.inf
        self.disconnect_grace: float = 0.0
        self.half_closed: bool = False
        self.expired: Phase | None = None
        self.cancelled_for: CancelReason | None = None
        self.late: tuple[HttpException, float] | None = None
        self.asked: bool = False
        self.enforced: bool = False
        self.stood: str = ""
        self.draining: bool = state.life >= Life.CLOSING
        self.ending: bool = False
        self.logged_bytes: int = 0
        self.begun: bool = False
        self.broken: bool = False
        self.torn: bool = False
        self.task: trio.lowlevel.Task | None = None
        self._acked_bytes = 0
        self._send_deadline = math.inf
        timeouts = state.timeouts
        now = trio.current_time()
        self.body_seconds: float = timeouts.stall_grace
        self.silent_since: float = now
        self.asked_since: float = now
        self.head_deadline: float = now + timeouts.head
        self.phase: Phase = Phase.OPENED
        self.deadline: float = now + timeouts.drain_idle if self.draining else self.head_deadline
        if transport.needs_handshake:
            self.enter(Phase.HANDSHAKE, timeouts.handshake)

    async def shake_hands(self) -> None:
        """Do what comes before the first request, whose time begins then.

        Raises:
            trio.BrokenResourceError: The peer has gone, or can't be talked to.

        Cancellation: a checkpoint; the transport is good for nothing but to be closed then.
        """
        try:
            await self.transport.handshake()
        except trio.BrokenResourceError:
            self.broken = True
            raise
        timeouts = self.state.timeouts
        self.enter(Phase.OPENED, timeouts.head)
        self.silent_since, self.head_deadline = trio.current_time(), self.deadline
        if self.draining:
            self.deadline = self.silent_since + timeouts.drain_idle

    def enter(self, phase: Phase, seconds: float) -> None:
        """Go to a phase that may last for some seconds."""
        self.phase = phase
        self.deadline = trio.current_time() + seconds

    def describe(self) -> str:
        """Return what is being served and what is waited for, for a log."""
        request = self.request
        text = "no request" if request is None else f"{request.method} {request.target}"
        return f"{text} ({self.phase.name.lower()})"

    def age(self) -> float:
        """Return the seconds since a request's head was there, or without one since the last."""
        now = trio.current_time()
        return now - (min(self.silent_since, now) if self.request is None else self.asked_since)

    def is_silent(self, now: float) -> bool:
        """Tell whether nothing is asked: idle, or accepted for longer than a request's way."""
        if self.phase is Phase.OPENED or self.phase is Phase.HANDSHAKE:
            return now - self.silent_since >= self.state.timeouts.drain_idle
        return self.phase is Phase.IDLE

    def enter_idle(self) -> None:
        """Go to the wait for the next request.

        The fast path goes without looking at the clock. Its ``silent_since`` is infinite then and
        its deadline past, so that the next sweep comes here.
        """
        timeouts = self.state.timeouts
        seconds = timeouts.drain_idle if self.draining else timeouts.keep_alive
        self.begun = False
        self.phase = Phase.IDLE
        self.silent_since = trio.current_time()
        self.deadline = self.silent_since + seconds

    def enter_body(self, seconds: float) -> None:
        """Go to the wait for a body that is received before its handler starts."""
        self.enter(Phase.BODY, seconds)

    def enter_handler(self, now: float, seconds: float, disconnect_grace: float) -> float:
        """Go to the phase of a handler and return its deadline.

        The scope knows of it from the first sweep that sees it, or from `enforce`.

        Args:
            now: When it is called.
            seconds: How long it may run.
            disconnect_grace: How long it may go on when its client has gone.
        """
        self.phase = HANDLER
        self.leave_deadline = math.inf
        self.disconnect_grace = disconnect_grace
        self.half_closed = False
        self.deadline = now + seconds
        return self.deadline

    def enter_send(self) -> None:
        """Go to the phase of a response, bounded by the peer's progress."""
        self.phase = Phase.SEND
        self.begun = False
        self.deadline = -math.inf
        self._send_deadline = math.inf

    def enforce(self, deadline: float) -> None:
        """Let the scope end what is going on at a deadline, exactly then.

        `lift` has to follow. What is cancelled so isn't noted in `expired`.
        """
        self.scope.deadline = deadline
        self.enforced = True
        if self.request is not None:
            self.request.late = self.late_error

    def lift(self) -> None:
        """Let the scope know of no deadline any more, since what it bounded has come to its end.

        If the deadline has passed at the last moment, that is noted in `expired`: the scope has
        to be left, and nothing else follows from it.
        """
        late = self.scope.cancel_called and self.cancelled_for is None
        if late and self.expired is None:
            self.expired = self.phase
        self.scope.deadline = math.inf
        self.enforced = False

    def end_handler(self) -> None:
        """Lift what bounded a handler that has answered, and log if that was too late.

        It wasn't cancelled then: it shields something, or waits for a thread.
        """
        request = self.request
        if self.late is None and request is not None:
            text = f"{request.method} {request.target}, route {request.route}"
            log_late(request.server_deadline, text)
        self.lift()

    def late_error(self, error: BaseException) -> tuple[HttpException, float] | None:
        """Return what answers a request whose time has passed, if that has cancelled its handler.

        Until when it may be worked at comes with it: one time for all layers. Called with what has
        left the handler or a middleware; the first call logs it. None for whatever goes on: another
        cancellation, or an error that ends the program.
        """
        request = self.request
        if (
            request is None
            or self.broken
            or self.torn
            or self.ending
            or not {self.cancelled_for, request.cancelled_for} <= {None, "deadline"}
            or not self.scope.cancel_called
        ):
            return None
        rest = None if isinstance(error, trio.Cancelled) else error
        if isinstance(error, BaseExceptionGroup):
            rest = error.split(trio.Cancelled)[1]
        if rest is error or (rest is not None and not is_failure(rest)):
            return None
        if rest is not None:
            logger.error("a handler failed while it was cancelled", exc_info=rest)
        if self.late is None:
            self.note("deadline")
            status, detail = EXPIRED_ERRORS[self.expired or Phase.HANDLER]
            if self.asked and self.expired is not Phase.BODY:
                status, detail = ASKED_ERROR
            self.late = HttpException(status, detail), self.state.closing_deadline()
            place = place_of_error(error)
            stood = place and f", it stood at {place}"
            logger.warning("%s: %s%s", detail, self.describe(), stood)
        return self.late

    def expire(self, now: float) -> None:
        """End what has lasted too long; called by the watchdog.

        A handler is left to its scope, and a response that makes progress goes on.
        """
        if self.phase is Phase.HANDLER:
            self.enforce(self.deadline)
        elif self.phase is Phase.SEND:
            self.expire_send(now)
        elif self.silent_since == math.inf and self.phase is Phase.IDLE:
            self.enter_idle()
        else:
            self._cut()

    def give_back(self, now: float, seconds: float) -> None:
        """Move the deadlines of what the peer owes by a time in which the server stood still.

        Called by the watchdog. Those of a handler stay: its caller has waited all the same.
        """
        stall_grace = self.state.timeouts.stall_grace
        self.body_seconds = min(self.body_seconds + seconds, stall_grace)
        self.head_deadline += seconds
        self._send_deadline += seconds
        if self.phase is Phase.BODY:  # its bytes may have moved it already
            self.deadline = min(self.deadline + seconds, now + stall_grace)
        elif self.phase is not Phase.HANDLER:
            self.deadline += seconds

    def drain(self) -> None:
        """Take no further request; called when the server closes.

        A request that is being received or answered goes on. A connection without one, or whose
        last answer is out, stays open for `Timeouts.drain_idle`: a request may be on its way.
        """
        self.draining = True
        if self.silent_since == math.inf and self.phase is Phase.IDLE:
            self.enter_idle()
        elif self.phase in (Phase.IDLE, Phase.OPENED, Phase.LINGER):
            latest = trio.current_time() + self.state.timeouts.drain_idle
            self.deadline = min(self.deadline, latest)

    def evict(self) -> None:
        """End the wait for the next request, so that there is room for another connection."""
        self._cut()

    def expire_send(self, now: float) -> None:
        """End a response whose peer makes no progress; called by the watchdog."""
        if self.expired is None and self._send_expired(now):
            self._cut()

    def _cut(self) -> None:
        if self.expired is None:
            self.expired = self.phase
            if self.request is not None:
                self.request.outcome = "stalled"
                self.request.late = self.late_error
            self.cancel("deadline")

    def cancel(self, reason: CancelReason) -> None:
        """Cancel what is going on, and let the handler know why."""
        self.note(reason)
        self.cancelled_for = reason
        self.scope.cancel()

    def note(self, reason: CancelReason) -> None:
        """Remember why the handler is cancelled, if nothing else has cancelled it already."""
        request = self.request
        if reason in ("shutdown", "server-failed"):
            self.draining = self.ending = True
        if request is not None and request.cancelled_for is None:
            request.cancelled_for = request.cancel_reason or reason
            if request.outcome == "ok":
                request.outcome = CANCELLED_OUTCOMES[request.cancelled_for]

    def look_for_peer(self, now: float) -> None:
        """Cancel a handler whose client has gone; called by the watchdog while the app works.

        A reset is believed at once. A FIN has to be seen twice, with nothing written in between:
        a client may end its half and still read what is quick to come.
        """
        state = self.transport.peer_state()
        if state == "open" or (state == "half_closed" and self.torn):
            return
        if state == "half_closed" and not self.half_closed:
            self.half_closed = True
            return
        # Who can't be written to has no use for the rest of an answer.
        useless = state == "reset" and self.phase is Phase.SEND
        grace = 0.0 if useless else self.disconnect_grace
        if state == "half_closed":
            grace = max(grace, self.state.timeouts.half_closed)
        self.leave_deadline = min(self.leave_deadline, now + grace)
        # A write may have found it broken already, and the app may have caught that.
        if now >= self.leave_deadline and not (self.broken and self.scope.cancel_called):
            self.broken = True
            self.cancel("client-gone")

    @property
    def may_finish(self) -> bool:
        """Whether the handler has some time left when its client has gone."""
        return self.disconnect_grace > 0

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
        return now >= self._send_deadline

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
        if self.expired is not None or self.ending:
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
        self.half_closed = False
        try:
            sent_bytes = self.transport.send_nowait(data)
            if sent_bytes < len(data):
                await self.transport.send_all(memoryview(data)[sent_bytes:])
        except trio.BrokenResourceError:
            self.broken = True
            self.note("client-gone")
            raise
        self.torn = False

    async def end(self, *, expected: bool) -> None:
        """Let the peer read the answer before the connection is closed, if that needs anything.

        Args:
            expected: Whether the peer has said that it asks for nothing more. If it has sent
                nothing more either, and has the whole answer, closing at once does no harm.

        Cancellation: as of `linger`.
        """
        self.phase = LINGER
        transport = self.transport
        with suppress(trio.BrokenResourceError):
            if (
                not expected
                or self.parser.buffered_bytes
                or transport.receive_nowait()
                or not (transport.tells_acked and transport.fully_acked())
            ):
                await self.linger()

    async def linger(self) -> None:
        """End the sending half, then read until the peer closes, so that it can read the answer.

        Closing at once while it still sends would reset the connection and destroy the answer
        on its way (RFC 9112 section 9.6).

        Cancellation: a checkpoint; the transport is open if cancelled here.
        """
        timeouts = self.state.timeouts
        # At shutdown who has nothing more to send isn't waited for; bytes still earn their time.
        seconds = timeouts.drain_idle if self.draining else timeouts.stall_grace
        self.enter(Phase.LINGER, seconds)
        latest = trio.current_time() + timeouts.send_grace
        with suppress(trio.BrokenResourceError):
            await self.transport.send_eof()
            while data := await self.transport.receive_some():
                self.earn(len(data))
                self.deadline = min(self.deadline, latest)
