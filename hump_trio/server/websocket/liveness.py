"""Whether the client of a WebSocket is alive, keeps sending what it has begun, and reads."""

import math

from hump_trio.facts.settings import Timeouts
from hump_trio.server.clock import Clock, extended
from hump_trio.server.line import Line
from hump_trio.server.websocket.outbox import Outbox
from hump_trio.websocket.reader import Reader

__all__ = ["Liveness"]


class Liveness:
    """Watches one client, for the sweeps of the watchdog.

    Whatever has come of it is a sign of life, and so is what it acknowledges. A client that has
    acknowledged all that was sent, and is silent, is sent a ping. One that owes acknowledgements
    is judged by those instead: a ping would wait behind what it doesn't read. Messages cost
    nothing here: a sweep finds out when something came last.

    Args:
        clock: That of the lane.
        line: Where frames come from and go to.
        reader: Knows what has come in part.
        outbox: Knows what is unsent.

    Attributes:
        latency_seconds: How long the last ping took to be answered; None before the first answer.
        pong_owed: Whether the last ping isn't answered.
    """

    __slots__ = (
        "_acked_at",
        "_acked_bytes",
        "_clock",
        "_frame_deadline",
        "_line",
        "_message_deadline",
        "_outbox",
        "_ping_end",
        "_ping_number",
        "_pinged_at",
        "_pong_deadline",
        "_reader",
        "_send_deadline",
        "latency_seconds",
        "pong_owed",
    )

    def __init__(self, clock: Clock, line: Line, reader: Reader, outbox: Outbox) -> None:
        self.latency_seconds: float | None = None
        self.pong_owed: bool = False
        self._clock = clock
        self._line = line
        self._reader = reader
        self._outbox = outbox
        self._acked_bytes: int | None = None  # None: before the first look
        self._acked_at = -math.inf
        self._send_deadline = math.inf
        self._frame_deadline = math.inf
        self._message_deadline = math.inf
        self._pinged_at: float | None = None  # None: no pong is awaited
        self._pong_deadline = math.inf
        self._ping_end = 0  # what is acknowledged once the ping is
        self._ping_number = 0

    @property
    def _timeouts(self) -> Timeouts:
        return self._clock.state.timeouts

    def take_part(self, byte_count: int, now: float) -> None:
        """Hear that bytes have come, behind which a frame or a message isn't whole.

        Each byte moves what its sender has left, as of a body.
        """
        timeouts, reader = self._timeouts, self._reader
        frame, message = self._frame_deadline, self._message_deadline
        self._frame_deadline = self._message_deadline = math.inf
        if reader.frame_begun:
            self._frame_deadline = self._moved(frame, byte_count, timeouts.stall_grace, now)
        if reader.message_begun:
            self._message_deadline = self._moved(message, byte_count, timeouts.message_grace, now)
        self._clock.deadline = -math.inf

    def _moved(self, deadline: float, byte_count: int, grace: float, now: float) -> float:
        """Return a deadline that progress has moved; an infinite one begins to run."""
        begun = min(deadline, now + grace)
        return extended(begun, byte_count, min_rate=self._timeouts.min_rate, now=now, grace=grace)

    def take_whole(self) -> None:
        """Hear that nothing has come in part any more, or that nobody reads: no time runs."""
        self._frame_deadline = self._message_deadline = math.inf

    @property
    def waits_for_part(self) -> bool:
        """Whether a frame or a message has begun, and its sender's time runs."""
        return self._message_deadline < math.inf or self._frame_deadline < math.inf

    def take_pong(self, payload: bytes, now: float) -> None:
        """Hear a pong; one that answers no ping is ignored (RFC 6455 section 5.5.3)."""
        if payload == self._ping_payload():
            self.pong_owed = False
            if self._pinged_at is not None:
                self.latency_seconds = now - self._pinged_at

    def _ping_payload(self) -> bytes:
        return self._ping_number.to_bytes(4, "big")

    def is_slow(self, now: float) -> bool:
        """Tell whether what has come in part should have been whole by now."""
        return now >= self._frame_deadline or now >= self._message_deadline

    def look(self, now: float, *, unread: bool) -> float | None:
        """Return when to look again, after a ping if it is time for one.

        None: the client has gone, or reads so little that it counts as gone.

        Args:
            now: Trio's time.
            unread: Whether something has come that isn't read, since the handler is behind. A pong
                would stand behind it, so it does that the ping is acknowledged.
        """
        clock = self._clock
        peer = clock.peer
        # One question to the system, or two: of many that were sent a message, most have all of it.
        fully_acked = not self._outbox.busy and peer.fully_acked()
        acked_bytes = self._line.sent_bytes if fully_acked else peer.acked_bytes()
        known_bytes, self._acked_bytes = self._acked_bytes, acked_bytes
        progress_bytes = 0 if known_bytes is None else acked_bytes - known_bytes
        if progress_bytes and (unread or self._pinged_at is None or acked_bytes > self._ping_end):
            self._acked_at = now
        alive_at = max(self._line.heard_at, self._acked_at)
        if self._pinged_at is not None:
            # What is heard in the instant of the ping came after it: there was silence before.
            if alive_at < self._pinged_at:
                return None if now >= self._pong_deadline else self._next_look(now)
            self._pinged_at = None
        if not fully_acked:
            return self._look_at_sending(progress_bytes, now)
        self._send_deadline = math.inf
        due = alive_at + clock.state.timeouts.ping
        return due if now < due else self._send_ping(now)

    def _look_at_sending(self, progress_bytes: int, now: float) -> float | None:
        """Judge a client by what it acknowledges (see `Clock.expire_send`)."""
        grace = self._timeouts.send_grace
        self._send_deadline = self._moved(self._send_deadline, progress_bytes, grace, now)
        return None if now >= self._send_deadline else -math.inf

    @property
    def stalled(self) -> bool:
        """Whether a client that counts as gone has stopped to read, and may be there still."""
        return self._pinged_at is None

    def _send_ping(self, now: float) -> float:
        """Send a ping, and return when to look again.

        A WebSocket that is silent so long needs no memory for what its messages have in common.
        """
        outbox = self._outbox
        if outbox.deflater is not None:
            outbox.deflater.release()
        self._ping_number = (self._ping_number + 1) & 0xFFFFFFFF
        if not outbox.ping(self._ping_payload()):
            return -math.inf
        self._pinged_at = now
        self.pong_owed = True
        self._ping_end = self._line.sent_bytes
        self._pong_deadline = now + self._timeouts.pong
        return self._next_look(now)

    def _next_look(self, now: float) -> float:
        """Return when to look for the answer to a ping; the next one may be due by then."""
        return min(self._pong_deadline, now + self._timeouts.ping)

    def give_back(self, seconds: float) -> None:
        """Move what the client owes by a time in which the server stood still."""
        self._frame_deadline += seconds
        self._message_deadline += seconds
        self._send_deadline += seconds
        self._pong_deadline += seconds

    def release(self) -> None:
        """Let go of the connection; no sweep comes any more."""
        del self._line
