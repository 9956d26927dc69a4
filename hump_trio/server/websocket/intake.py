"""What comes of a WebSocket's client, as far as its handler keeps up.

Frames are read where their bytes arrive, whatever the handler does meanwhile: pings are answered,
the client's closing frame is seen, and messages wait for the handler up to a limit, past which
nothing more is read. There is no task for that: whoever sees that bytes have come calls `hear`.
"""

import math
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from itertools import islice
from sys import getsizeof
from typing import Any

import trio
from trio.lowlevel import Abort, Task, checkpoint, current_task, reschedule, wait_task_rescheduled

from hump_trio.facts.exceptions import WebSocketClosed
from hump_trio.facts.loggers import logger
from hump_trio.facts.outcomes import Outcome
from hump_trio.messages.channel import Message
from hump_trio.server.clock import Clock
from hump_trio.server.line import Line
from hump_trio.server.websocket.later import PASS_COST, Later
from hump_trio.server.websocket.liveness import Liveness
from hump_trio.server.websocket.outbox import UNSENT_BYTES, Outbox
from hump_trio.websocket.failures import WebSocketFailure
from hump_trio.websocket.frames import PING
from hump_trio.websocket.reader import Part, Reader

__all__ = ["Intake"]

# Messages that came without waiting before other tasks have their turn.
TURN_COUNT = 64
# What a message takes besides its bytes: a text of one or two characters has up to 80 in all, and
# comes in 8. They count as held, and as cost, since a small message takes as long as so many bytes.
MESSAGE_BYTES = 64
# So many at once are no flood.
FEW_COUNT = 64
# A ping and its pong take 2 to 4 µs, as it takes to inflate so many bytes.
CONTROL_COST = 1024
# What is received for a handler that waits counts as held from here on; it is soon taken.
NOTED_BYTES = 4096


class Intake(ABC):
    """Receives for one WebSocket; `Session` is one, and knows how it ends.

    Args:
        clock: That of the lane.

    Attributes:
        arrived: Messages that the handler has not received.
        clock: That of the lane.
        closing: Whether the handler is over; what comes is thrown away. The session writes it.
        costly: Whether a read may cost so much that others go before it.
        counted_bytes: What the server counts as held: what is queued, or isn't whole.
        decode: Makes of a message what the handler receives; None: nothing does.
        ended: How input has ended; None while there may be more. The session writes it.
        later: Where reads are put off to. This, the line, the reader, the outbox and the
            liveness are set when the handshake is answered.
        limit_bytes: The most that a message may have.
        line: Where frames come from.
        liveness: Knows what the client owes.
        outbox: Sends.
        over: Whether nothing that comes of the client matters any more. The session writes it.
        paused: Whether what has come is left unread.
        queued_bytes: Received since the handler had nothing left.
        reader: Makes messages of bytes.
        received_count: Messages that the handler has received.
        receiver: The task that waits for a message, or for the end.
        released: Whether the connection was let go of. The session writes it.
    """

    __slots__ = (
        "_hears_later",
        "_parts",
        "_parts_bytes",
        "_skipping",
        "_streak",
        "arrived",
        "clock",
        "closing",
        "costly",
        "counted_bytes",
        "decode",
        "ended",
        "later",
        "limit_bytes",
        "line",
        "liveness",
        "outbox",
        "over",
        "paused",
        "queued_bytes",
        "reader",
        "received_count",
        "receiver",
        "released",
    )

    later: Later
    line: Line
    liveness: Liveness
    outbox: Outbox
    reader: Reader

    def __init__(self, clock: Clock) -> None:
        self.received_count: int = 0
        self.clock: Clock = clock
        self.arrived: deque[Any] = deque()
        self.decode: Callable[[Message], Any] | None = None
        self.receiver: Task | None = None
        self._streak = 0
        self.queued_bytes: int = 0
        self.counted_bytes: int = 0
        self.ended: WebSocketClosed | None = None
        self.over: bool = False
        self.paused: bool = False
        self._hears_later = False  # what has come is read at the end of this pass
        self.costly: bool = False
        self.limit_bytes: float = math.inf
        self._parts: list[Message] = []  # of a message that comes in parts, and is received whole
        self._parts_bytes = 0
        self._skipping = False  # whether the rest of one that was received in parts is unwanted
        self.closing: bool = False
        self.released: bool = False

    # What the handler receives.

    async def receive(self, *, iterating: bool = False) -> Any:
        """Return the next message (see `Channel.receive`)."""
        arrived = self.arrived
        while True:
            while not arrived:
                if self._look_before_wait():
                    await checkpoint()  # one read in a turn
                    continue
                if self.ended is not None:
                    if iterating and self.ended.by != "lost":
                        raise StopAsyncIteration
                    raise self._ended_error()
                self.begin_wait()
                await wait_task_rescheduled(self.abort_wait)
                self._streak = 0
            self._streak += 1
            if self._streak >= TURN_COUNT:
                self._streak = 0
                await checkpoint()
                if not arrived:
                    continue
            message = arrived.popleft()
            if type(message) is Part:
                message = self._join(message)
                if message is None:
                    continue
            self.received_count += 1
            decode = self.decode
            return message if decode is None else decode(message)

    def begin_wait(self) -> None:
        """Let this task be woken when something comes, or nothing more will."""
        if self.receiver is not None:
            raise trio.BusyResourceError("another task receives from this WebSocket")
        self.receiver = current_task()

    def abort_wait(self, _: object) -> Abort:
        """Wake this task no more: the abort function of its wait."""
        self.receiver = None
        return Abort.SUCCEEDED

    async def receive_part(self) -> tuple[Message, bool]:
        """Return the next part of a message (see `Channel.receive_part`)."""
        arrived = self.arrived
        if self._parts:  # whoever wanted the whole message was cancelled
            arrived.appendleft(Part(self._take_parts(), last=False))
        self.reader.streaming = True
        while True:
            await checkpoint()
            while not arrived:
                if not self._look_before_wait():
                    if self.ended is not None:
                        raise self._ended_error()
                    self.begin_wait()
                    await wait_task_rescheduled(self.abort_wait)
            message = arrived.popleft()
            part = message if type(message) is Part else Part(message, True)
            self.received_count += part.last
            self._skipping = not part.last
            return part.data, part.last

    def _join(self, part: Part) -> Message | None:
        """Return a whole message once its last part is here; None before.

        It had begun to come in parts, for a task that has received others so. What is left of a
        message that was received in parts is thrown away.
        """
        self.reader.streaming = False  # from the next message on
        skipping = self._skipping
        if part.last:
            self._skipping = False
        if skipping:
            return None
        self._parts.append(part.data)
        data = part.data
        self._parts_bytes += len(data.encode() if isinstance(data, str) else data)
        if self._parts_bytes > self.limit_bytes:
            self._take_parts()
            self._skipping = not part.last
            self.arrived.clear()
            if self.ended is None:
                self.fail(1009, "a message that is too long")
            return None
        return self._take_parts() if part.last else None

    def _take_parts(self) -> Message:
        parts, self._parts = self._parts, []
        self._parts_bytes = 0
        return parts[0][:0].join(parts)  # type: ignore[arg-type]  # all of one kind

    def hear(self, *, for_handler: bool = False) -> None:
        """Read once what has come, and do what it asks for. It raises nothing, and never waits.

        Nothing is read while the handler or the client is too far behind. Where more may be there,
        it is read later.

        Args:
            for_handler: Whether the handler is about to wait, and so isn't behind.
        """
        if self._hears_later and not for_handler:
            return  # each has one read in a pass, however often more comes
        if self.costly and self.later.tired:
            self.hear_later()
            return
        try:
            if self.over or self.ended is not None or self.closing:
                self.hear_the_end()
            elif self.receiver is None and not for_handler and self.is_full():
                self._pause()
            else:
                self._read()
        except WebSocketFailure as failure:
            if self.costly:
                self.later.spend(PASS_COST)  # it may be the whole of a long message
            self._take_controls()
            self.fail(failure.code, failure.reason)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            self.clock.peer.gone = True
            self.lose()
        except Exception as error:
            logger.error("a WebSocket failed", exc_info=error)
            self.lose()

    def hear_later(self) -> None:
        """Read on at the end of this pass, behind all others."""
        if not self._hears_later:
            self._hears_later = True
            self.later.add_read(self._hear_again)

    def _hear_again(self) -> None:
        self._hears_later = False
        if not self.released:
            self.hear()

    def _read(self) -> None:
        """Read once, or go on with what was held back (see `Reader.behind`)."""
        reader, line, arrived = self.reader, self.line, self.arrived
        self.paused = False
        data = b"" if reader.behind else line.receive_nowait()
        if not (data or reader.behind):
            if data is not None:
                self.lose()
            return
        assert data is not None
        known_count = len(arrived)
        more = reader.feed(data)
        message_count = len(arrived) - known_count
        self.queued_bytes += len(data) + MESSAGE_BYTES * message_count
        if self.costly or message_count > FEW_COUNT:
            self._spend(message_count)
        if more:
            self._attend(len(data))
        receiver = self.receiver
        if receiver is not None and arrived and self.queued_bytes < NOTED_BYTES:
            self.receiver = None
            reschedule(receiver)
        elif self.ended is None:
            self.count_held()
            if arrived:
                self.wake()
        if line.readable or reader.behind:
            self.hear_later()

    def _spend(self, message_count: int) -> None:
        """Count what a read has cost, which found so many messages.

        What is queued of compressed ones is longer than what was read.
        """
        arrived, compressed = self.arrived, self.outbox.deflater is not None
        cost = MESSAGE_BYTES * message_count
        if compressed:
            found = islice(arrived, len(arrived) - message_count, None)
            self.queued_bytes += sum(map(size_of, found))
            cost += self.reader.inflated_bytes
        self.later.spend(cost)
        self.costly = compressed or message_count > FEW_COUNT

    def resume(self) -> None:
        """Read on, if that had to wait for what is unsent."""
        if self.paused:
            self.hear()

    def _pause(self) -> None:
        """Leave unread what has come; the time of what its sender owes stands."""
        self.paused = True
        self.liveness.take_whole()
        self.look_soon()

    def _attend(self, byte_count: int) -> None:
        """Deal with what has come besides whole messages.

        Args:
            byte_count: The length of what was read.
        """
        reader = self.reader
        if reader.controls:
            if len(reader.controls) > FEW_COUNT:
                self.later.spend(CONTROL_COST * len(reader.controls))
                self.costly = True
            self._take_controls()
        if reader.close_code is not None:
            self._hear_closing()
        elif (reader.frame_begun or reader.message_begun) and not reader.behind:
            self.liveness.take_part(byte_count, trio.current_time())
        else:
            self.liveness.take_whole()

    def is_full(self) -> bool:
        """Tell whether nothing more is read, since its answers or the handler are behind.

        A handler that has taken all isn't behind, however much that was.
        """
        limit_bytes = self.clock.state.limits.message_queue_bytes
        if self.arrived:
            if self.queued_bytes >= limit_bytes or self.reader.behind:
                return True
        elif self.queued_bytes >= limit_bytes:
            self.queued_bytes = self.reader.held_bytes
        return self.outbox.unsent_bytes >= UNSENT_BYTES

    def wake(self) -> None:
        """Let the task that waits look again, if one does."""
        receiver, self.receiver = self.receiver, None
        if receiver is not None:
            reschedule(receiver)

    def _take_controls(self) -> None:
        """Answer pings, and note pongs."""
        controls = self.reader.controls
        for opcode, payload in controls:
            if opcode == PING:
                self.outbox.pong(payload)
            else:
                self.liveness.take_pong(payload, trio.current_time())
        controls.clear()
        if not self.arrived:
            self.outbox.flush()

    def count_held(self) -> None:
        """Count what is held for the handler among what all requests hold."""
        state = self.clock.state
        queued_bytes = self.queued_bytes if self.arrived else 0
        byte_count = max(queued_bytes, self.reader.held_bytes)
        more_bytes = byte_count - self.counted_bytes
        self.counted_bytes = byte_count
        state.buffered_bytes += more_bytes
        if more_bytes > 0 and state.buffered_bytes > state.limits.buffered_bytes:
            self.arrived.clear()
            self.reader.drop()
            self.counted_bytes = 0
            state.buffered_bytes -= byte_count
            self.fail(1013, "too much is being received", "shed")

    # What the end does, and is told of.

    @abstractmethod
    def _look_before_wait(self) -> bool:
        """Do what is due before the handler waits, and tell if there may be a message then."""

    @abstractmethod
    def _ended_error(self) -> WebSocketClosed:
        """Return the error for the handler, which receives nothing more."""

    @abstractmethod
    def hear_the_end(self) -> None:
        """Read what comes when nothing more is for the handler."""

    @abstractmethod
    def _hear_closing(self) -> None:
        """Hear that the client's closing frame has come."""

    @abstractmethod
    def fail(self, code: int, reason: str, outcome: Outcome = "refused") -> None:
        """End what breaks the protocol or a limit."""

    @abstractmethod
    def lose(self) -> None:
        """Hear that the client has gone."""

    @abstractmethod
    def look_soon(self) -> None:
        """Let the next sweep set the deadline anew."""


def size_of(message: str | bytes | Part) -> int:
    """Return how many bytes are held for a message, or a part of one.

    One character beyond the usual ones makes Python hold a text of a megabyte in four.
    """
    return getsizeof(message.data if isinstance(message, Part) else message)
