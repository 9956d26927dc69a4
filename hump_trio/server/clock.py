"""Clocks: how long each wait may last, and why what was waited for ended before its time.

A clock is plain numbers that the watchdog looks at a few times a second. Its cancel scope is told
of a deadline only where that must be exact. What bytes mean is not known here: a connection or an
exchange moves its clock from phase to phase.
"""

import math
from dataclasses import dataclass
from typing import Protocol

import trio

from hump_trio.facts.exceptions import HttpException
from hump_trio.facts.loggers import logger
from hump_trio.facts.outcomes import CANCELLED_OUTCOMES, CancelReason
from hump_trio.messages.request import Request
from hump_trio.server.life import Life
from hump_trio.server.phases import ASKED_ERROR, LATE_ANSWER, RULES, Phase
from hump_trio.server.state import ServerState
from hump_trio.tasks.failures import is_failure
from hump_trio.tasks.lateness import log_late
from hump_trio.tasks.task_tree import source_line_of_error
from hump_trio.transports.transport import PeerState

__all__ = ["Clock", "Ending", "Peer", "Swept", "extended"]

# A look into their class takes ten times as long.
OPENED, ANSWERED, IDLE, HANDLER = Phase.OPENED, Phase.ANSWERED, Phase.IDLE, Phase.HANDLER
SPARE, SEND, STREAMS, OPEN = Phase.SPARE, Phase.SEND, Phase.STREAMS, Phase.OPEN
BEHIND = Phase.BEHIND
# The app works in these phases, and a client that has gone has no use for that.
WORKING = frozenset({Phase.HANDLER, Phase.SEND})
# Nothing is asked in these phases, or all is answered.
WAITING = frozenset({Phase.OPENED, Phase.IDLE, Phase.LINGER})


class Peer(Protocol):
    """The other end, as far as time keeping asks for it: of a connection, or of one stream.

    Attributes:
        gone: Whether the peer was found gone. It is set where that is found out, and never taken
            back.
        write_cut: Whether a write was cut in the middle, so that nothing may follow it.
    """

    gone: bool
    write_cut: bool

    def peer_state(self) -> PeerState:
        """Tell whether it may still send, has ended its half, or has gone altogether."""

    def acked_bytes(self) -> int:
        """Return how many bytes in all it has acknowledged."""

    def fully_acked(self) -> bool:
        """Tell whether it has acknowledged all that was sent."""

    def answer_bytes(self) -> int:
        """Return how many bytes were sent of the answer under way."""


class Waiting(Protocol):
    """What waits without a task: the connection of a clock whose scope encloses nothing."""

    def rouse(self) -> None:
        """Have a task deal with the clock's ending."""

    def close(self) -> None:
        """Close the connection, on which nothing is unfinished."""


class Swept(Protocol):
    """What keeps a time of its own while a clock is in `Phase.OPEN`: the channel of a WebSocket."""

    def sweep(self, now: float) -> None:
        """End what has lasted too long, and set the clock's next deadline."""

    def give_back(self, seconds: float) -> None:
        """Move what the peer owes by a time in which the server stood still."""

    def drain(self, deadline: float) -> None:
        """Hear that the server closes, and say so to the peer, at the latest at a deadline."""

    def end(self, reason: CancelReason) -> None:
        """Hear why the handler is cancelled, and say so to the peer without waiting."""


class Warned(Protocol):
    """What is warned that its client has gone, before the handler is cancelled: a `ServerReply`.

    Attributes:
        gone: Whether it was warned.
    """

    gone: bool

    @property
    def text(self) -> str:
        """What the app works at, for logs."""

    def lose_peer(self) -> None:
        """Hear that the client has gone."""


@dataclass(frozen=True, slots=True)
class Ending:
    """Why a wait was ended before its time.

    Args:
        reason: What has cancelled the clock's scope; the first cause, if there are several.
        phase: What was being waited for then.
    """

    reason: CancelReason
    phase: Phase


def extended(
    deadline: float, byte_count: float, *, min_rate: float, now: float, grace: float
) -> float:
    """Return a deadline that progress of some bytes has moved.

    A burst buys no credit beyond the grace, and slow but honest progress of any length passes.

    Args:
        deadline: The one before.
        byte_count: The progress.
        min_rate: Bytes per second that are needed in the long run.
        now: The present.
        grace: Seconds of silence that are forgiven.
    """
    return min(deadline + byte_count / min_rate, now + grace)


class Clock:
    """The time of a connection, or of one exchange after the other.

    It is that of the task that serves it, or of none while a connection waits for a request.

    Args:
        state: What the connections of a server share.
        peer: The other end, until nobody looks at the clock any more.
        scope: That of the task; None: one is made.

    Attributes:
        task: The task that serves it; None while it waits without one.
        scope: Encloses all that the task does. It means nothing while `waiting` is set: what is
            waited for is ended by `cancel`, never by the scope.
        waiting: What is roused in place of the scope's being cancelled, while there is no task.
        phase: What is being waited for.
        deadline: When the watchdog must look; ``-inf`` to be looked at in every sweep.
        since: When the request's head was complete. Between requests: when the last answer went
            out, or the connection was accepted.
        request: What is being served; None between requests.
        ending: Why the scope was cancelled, until that was dealt with; None if it wasn't, or if
            only its own deadline did it.
        closing: How far the server's end has come, as this clock was told; None before
            `Life.CLOSING`. No further request is begun from there on, and no late answer in
            `Life.CLEANUP`.
        enforced: Whether the scope knows of a deadline.
        asked: Whether that deadline is the one that the request's caller has asked for.
        late: What answers the request whose time has passed, once its handler was cancelled for
            that, and until when the answer may be worked at.
        answering: Whether bytes of the answer may be on the wire.
        silence_seconds: What is left of the time for the silence of a body.
        head_deadline: When the first head must be complete.
        disconnect_grace: Seconds that a handler has left when its client has gone.
        half_closed: Whether the last look found that the client has ended its half.
        leave_deadline: When a handler whose client has gone is cancelled.
        channel: What is swept in `Phase.OPEN`; None before the handshake of a WebSocket is
            answered, and once it is over.
        reply: What an app speaks through; None unless one does.
    """

    __slots__ = (
        "_acked_bytes",
        "_send_deadline",
        "answering",
        "asked",
        "channel",
        "closing",
        "deadline",
        "disconnect_grace",
        "ending",
        "enforced",
        "half_closed",
        "head_deadline",
        "late",
        "leave_deadline",
        "peer",
        "phase",
        "reply",
        "request",
        "scope",
        "silence_seconds",
        "since",
        "state",
        "task",
        "waiting",
    )

    phase: Phase
    deadline: float
    since: float
    head_deadline: float

    def __init__(
        self, state: ServerState, peer: Peer, scope: trio.CancelScope | None = None
    ) -> None:
        self.state: ServerState = state
        self.peer: Peer = peer
        self.task: trio.lowlevel.Task | None = None
        self.scope: trio.CancelScope = trio.CancelScope() if scope is None else scope
        self.waiting: Waiting | None = None
        self.request: Request | None = None
        self.ending: Ending | None = None
        self.late: tuple[HttpException, float] | None = None
        self.asked: bool = False
        self.closing: Life | None = Life.CLOSING if state.life >= Life.CLOSING else None
        self.enforced: bool = False
        self.answering: bool = False
        self.disconnect_grace: float = 0.0
        self.half_closed: bool = False
        self.leave_deadline: float = math.inf
        self.channel: Swept | None = None
        self.reply: Warned | None = None
        self._acked_bytes = 0
        self._send_deadline = math.inf
        self.silence_seconds: float = state.timeouts.stall_grace
        self.enter_opened()

    def enter_task(self, scope: trio.CancelScope, task: trio.lowlevel.Task) -> None:
        """Bound what a task does within a scope from here on."""
        self.scope = scope
        self.task = task
        self.waiting = None

    def enter(self, phase: Phase, seconds: float) -> None:
        """Go to a phase that may last for some seconds."""
        self.phase = phase
        self.deadline = trio.current_time() + seconds

    def enter_opened(self) -> None:
        """Go to the wait for the first byte, which the head's time counts from."""
        timeouts = self.state.timeouts
        self.phase = Phase.OPENED
        self.since = trio.current_time()
        self.head_deadline = self.since + timeouts.head
        self.deadline = self.head_deadline
        if self.closing:
            self.deadline = self.since + timeouts.drain_idle

    def enter_idle(self, now: float | None = None) -> None:
        """Go to the wait for the next request.

        Args:
            now: When; None: the present.
        """
        timeouts = self.state.timeouts
        seconds = timeouts.drain_idle if self.closing else timeouts.keep_alive
        self.answering = False
        self.phase = IDLE
        self.since = trio.current_time() if now is None else now
        self.deadline = self.since + seconds

    def enter_answered(self) -> None:
        """Go to the wait for the next request without a look at the time: a sweep does that."""
        self.phase = ANSWERED
        self.deadline = -math.inf

    def enter_spare(self) -> None:
        """Go to the wait for a request that another lane may serve as well.

        It lasts for however long, unless its lane sets a deadline.
        """
        self.phase = SPARE
        self.deadline = math.inf

    def enter_streams(self) -> None:
        """Go to the phase of requests side by side, bounded by what the peer acknowledges."""
        self.phase = Phase.STREAMS
        self.deadline = -math.inf
        self._send_deadline = math.inf

    def enter_head(self) -> None:
        """Go to the wait for the rest of a head, if that wasn't waited for already."""
        if self.phase is Phase.OPENED:
            self.phase = Phase.HEAD
            self.deadline = self.head_deadline
        elif self.phase is Phase.IDLE:
            self.enter(Phase.HEAD, self.state.timeouts.head)

    def begin_exchange(self, request: Request) -> None:
        """Count the time of a request, whose head is complete."""
        assert self.request is None, "one request at a time"
        self.request = request
        self.since = trio.current_time()
        self.silence_seconds = self.state.timeouts.stall_grace

    def leave_body(self, phase: Phase, deadline: float, started: float) -> float:
        """Go back from the wait for a part of a body, and return how many seconds it took.

        Args:
            phase: What was waited for before.
            deadline: Its deadline, which moves by the time of the wait.
            started: When the wait began.
        """
        assert self.phase is Phase.BODY, "what was entered is left"
        now = trio.current_time()
        self.silence_seconds = self.deadline - now
        self.phase = phase
        self.deadline = deadline + (now - started)
        return now - started

    def enter_handler(self, now: float, seconds: float, disconnect_grace: float) -> None:
        """Go to the phase of a handler.

        The scope knows of its deadline from the first sweep that sees it, or from `enforce`.

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

    def enter_send(self) -> None:
        """Go to the phase of an answer, bounded by the peer's progress."""
        self.phase = Phase.SEND
        self.answering = False
        self.deadline = -math.inf
        self._send_deadline = math.inf

    def enter_behind(self) -> None:
        """Go to the phase of an app that works on behind its answer, for as long as it takes."""
        self.phase = BEHIND
        self.deadline = math.inf

    def enter_open(self, channel: Swept) -> None:
        """Go to the phase of a WebSocket, whose channel keeps its time from the next sweep on."""
        self.phase = Phase.OPEN
        self.deadline = -math.inf
        self.answering = True
        self.channel = channel

    def extend(self, byte_count: int) -> None:
        """Move the deadline for bytes that have come."""
        timeouts = self.state.timeouts
        self.deadline = extended(
            self.deadline,
            byte_count,
            min_rate=timeouts.min_rate,
            now=trio.current_time(),
            grace=timeouts.stall_grace,
        )

    def drain(self) -> None:
        """Hear that the server closes: nothing but what has begun is waited for as long as ever."""
        self.closing = self.closing or Life.CLOSING
        self.hasten(trio.current_time() + self.state.timeouts.drain_idle)

    def hasten(self, latest: float) -> None:
        """Wait for a peer that has nothing to ask no longer than this."""
        if self.phase is ANSWERED:
            self.enter_idle()
        if self.phase in WAITING:
            self.deadline = min(self.deadline, latest)

    def describe(self, phase: Phase | None = None) -> str:
        """Return what is being served, and a phase in a word, for a log.

        Args:
            phase: What was waited for; None: what is.
        """
        request, reply = self.request, self.reply
        text = "no request" if request is None else f"{request.method} {request.target}"
        if reply is not None and self.phase is BEHIND:
            text = reply.text
        return f"{text} ({RULES[phase or self.phase].word})"

    @property
    def send_deadline(self) -> float:
        """When an answer is cut whose peer makes no progress; infinite before the first look."""
        return self._send_deadline

    def age(self) -> float:
        """Return the seconds since the request's head was complete, or since the last answer."""
        return trio.current_time() - self.since

    def silent_since(self, now: float) -> float | None:
        """Return since when nothing has been asked; None if something is, or may be on its way.

        It is infinite if the last answer went out after the last sweep: nobody has noted when.
        """
        if self.phase is OPENED or self.phase is Phase.HANDSHAKE:
            return self.since if now - self.since >= self.state.timeouts.drain_idle else None
        if self.phase is ANSWERED:
            return math.inf
        return self.since if self.phase is IDLE else None

    def enforce(self, deadline: float) -> None:
        """Let the scope end what is going on at a deadline, exactly then.

        `lift` has to follow. What is cancelled so isn't noted in `ending`.
        """
        self.scope.deadline = deadline
        self.enforced = True
        if self.request is not None:
            self.request.late = self.late_error

    def lift(self) -> None:
        """Let the scope know of no deadline any more, since what it bounded has come to its end.

        If the deadline has passed at the last moment, that is noted in `ending`: the scope has
        to be left, and nothing else follows from it.
        """
        if self.scope.cancel_called and self.ending is None:
            self.ending = Ending("deadline", self.phase)
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

        With it comes until when it may be worked at: one time for all layers. The first call logs
        it. None for whatever goes on: another cancellation, or an error that ends the program.

        Args:
            error: What has left the handler, or a middleware.
        """
        request, ending = self.request, self.ending
        if (
            request is None
            or self.channel is not None
            or self.peer.gone
            or self.peer.write_cut
            or self.closing is Life.CLEANUP
            or not {ending and ending.reason, request.cancelled_for} <= {None, "deadline"}
            or not self.scope.cancel_called
        ):
            return None
        rest = None if isinstance(error, trio.Cancelled) else error
        was_cancelled = rest is None
        if isinstance(error, BaseExceptionGroup):
            cancelled, rest = error.split(trio.Cancelled)
            was_cancelled = cancelled is not None
        if not was_cancelled or (rest is not None and not is_failure(rest)):
            return None
        if rest is not None:
            logger.error("a handler failed while it was cancelled", exc_info=rest)
        if self.late is None:
            self.note("deadline")
            status, detail = self.expired_error(Phase.HANDLER if ending is None else ending.phase)
            self.late = HttpException(status, detail), self.state.closing_deadline()
            line = source_line_of_error(error)
            where = line and f", it stood at {line}"
            logger.warning("%s: %s%s", detail, self.describe(), where)
        return self.late

    def expired_error(self, phase: Phase) -> tuple[int, str]:
        """Return status and detail of the answer to a request whose time has passed in a phase."""
        error = RULES[phase].error
        assert error is not None, "such a phase is ended without an answer"
        return ASKED_ERROR if self.asked and error is LATE_ANSWER else error

    def expire(self, now: float) -> None:
        """End what has lasted too long; called by the watchdog.

        A handler is left to its scope, and an answer that makes progress goes on. So does what an
        app does behind its answer.
        """
        phase = self.phase
        if phase is HANDLER:
            self.enforce(self.deadline)
        elif phase is SEND or phase is STREAMS:
            self.expire_send(now)
        elif phase is ANSWERED:
            self.enter_idle(now)
        elif self.channel is not None:
            if phase is OPEN:
                self.channel.sweep(now)
            elif self.ending is None:
                self.ending = Ending("deadline", self.phase)
                self.scope.cancel()
        elif phase is not BEHIND:
            self.cut()

    def expire_send(self, now: float) -> None:
        """End an answer whose peer makes no progress; called by the watchdog."""
        if self.ending is None and self._send_expired(now):
            self.cut()

    def cut(self) -> None:
        """End what is waited for, since its time has passed or its connection has to give way."""
        if self.ending is None:
            self.ending = Ending("deadline", self.phase)
            if self.request is not None:
                self.request.outcome = "stalled"
                self.request.late = self.late_error
            self.cancel("deadline")

    def cancel(self, reason: CancelReason) -> None:
        """Cancel what is going on, and let the handler know why."""
        self.note(reason)
        if self.ending is None:
            self.ending = Ending(reason, self.phase)
        if self.waiting is None:
            self.scope.cancel()
        else:
            self.waiting.rouse()

    def note(self, reason: CancelReason) -> None:
        """Let a request know why it is cancelled, if nothing else has cancelled it already."""
        request = self.request
        if reason in ("shutdown", "server-failed"):
            self.closing = Life.CLEANUP
        if request is not None and request.cancelled_for is None:
            request.cancelled_for = request.cancel_reason or reason
            if request.outcome == "ok":
                request.outcome = CANCELLED_OUTCOMES[request.cancelled_for]

    def look_at_once(self, now: float) -> None:
        """Look for a client that may have gone, if the app works for it: no sweep is awaited."""
        if self.request is not None and self.phase in WORKING:
            self.look_for_peer(now)

    def look_for_peer(self, now: float) -> None:
        """Cancel a handler whose client has gone; called by the watchdog while the app works.

        A reset is believed at once. A FIN has to be seen twice, with nothing written in between:
        a client may end its half and still read what is quick to come. An app that speaks is warned
        one look before it is cancelled.
        """
        peer = self.peer
        state = peer.peer_state()
        if state == "open" or (state == "half_closed" and peer.write_cut):
            return
        if state == "half_closed" and not self.half_closed:
            self.half_closed = True
            return
        # A client that can't be written to has no use for the rest of an answer.
        useless = state == "reset" and self.phase is Phase.SEND
        reply = self.reply
        warns = reply is not None and not reply.gone
        grace = 0.0 if useless or warns else self.disconnect_grace
        if state == "half_closed":
            grace = max(grace, self.state.timeouts.half_closed)
        self.leave_deadline = min(self.leave_deadline, now + grace)
        if reply is not None and warns:
            if now >= self.leave_deadline:
                reply.lose_peer()
                self.leave_deadline = now + (0.0 if useless else self.disconnect_grace)
            return
        # A write may have found it gone already, and the app may have caught that.
        if now >= self.leave_deadline and not (peer.gone and self.scope.cancel_called):
            peer.gone = True
            self.cancel("client-gone")

    @property
    def may_finish(self) -> bool:
        """Whether the handler has some time left when its client has gone."""
        return self.disconnect_grace > 0

    def _send_expired(self, now: float) -> bool:
        """Judge an answer by what the peer has acknowledged since the last look."""
        timeouts = self.state.timeouts
        acked_bytes = self.peer.acked_bytes()
        if self._send_deadline == math.inf or self.peer.fully_acked():
            self._send_deadline = now + timeouts.send_grace
        else:
            self._send_deadline = extended(
                self._send_deadline,
                acked_bytes - self._acked_bytes,
                min_rate=timeouts.min_rate,
                now=now,
                grace=timeouts.send_grace,
            )
        self._acked_bytes = acked_bytes
        return now >= self._send_deadline

    def give_back(self, now: float, seconds: float) -> None:
        """Move the deadlines of what the peer owes by a time in which the server stood still.

        Called by the watchdog. Those of a handler stay: its caller has waited all the same.
        """
        stall_grace = self.state.timeouts.stall_grace
        self.silence_seconds = min(self.silence_seconds + seconds, stall_grace)
        self.head_deadline += seconds
        self._send_deadline += seconds
        if self.channel is not None:
            self.channel.give_back(seconds)
        if self.phase is Phase.BODY:  # its bytes may have moved it already
            self.deadline = min(self.deadline + seconds, now + stall_grace)
        elif self.phase is not HANDLER:
            self.deadline += seconds
