"""The channel of a WebSocket: what comes of a client goes to the handler, within its time.

Frames are read where their bytes arrive, whatever the handler does meanwhile: pings are answered,
the client's closing frame is seen, and messages wait for the handler up to a limit, past which
nothing more is read. There is no task for that: whoever sees that bytes have come calls `hear`.
"""

import math
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from itertools import islice
from sys import getsizeof
from typing import Any

import trio
from trio.lowlevel import Abort, Task, checkpoint, current_task, reschedule, wait_task_rescheduled

from hump_trio.facts.exceptions import WebSocketClosed
from hump_trio.facts.loggers import logger
from hump_trio.facts.outcomes import CancelReason, Outcome
from hump_trio.messages.channel import Message, MessageRules
from hump_trio.server.clock import Clock
from hump_trio.server.connection import Connection
from hump_trio.server.life import Life
from hump_trio.server.line import Line
from hump_trio.server.phases import Phase
from hump_trio.server.stream import HttpStream
from hump_trio.server.websocket.later import PASS_COST, Later
from hump_trio.server.websocket.liveness import Liveness
from hump_trio.server.websocket.outbox import UNSENT_BYTES, Outbox
from hump_trio.websocket.deflate import Deflate, negotiate
from hump_trio.websocket.failures import WebSocketFailure
from hump_trio.websocket.frames import PING
from hump_trio.websocket.reader import Part, Reader

__all__ = ["Session"]

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


class Session:
    """The channel of one WebSocket (see `ServerChannel`).

    Args:
        stream: The request's; it becomes the line.
        connection: What the stream is on.
        clock: That of the lane.
        opened: Called with the status when the handshake is answered.
    """

    __slots__ = (
        "_arrived",
        "_clock",
        "_close_deadline",
        "_closing",
        "_connection",
        "_costly",
        "_counted_bytes",
        "_decode",
        "_drain_deadline",
        "_ended",
        "_hears_later",
        "_later",
        "_leave_deadline",
        "_limit_bytes",
        "_line",
        "_liveness",
        "_opened",
        "_outbox",
        "_over",
        "_parts",
        "_parts_bytes",
        "_paused",
        "_queued_bytes",
        "_reader",
        "_receiver",
        "_released",
        "_replies",
        "_skipping",
        "_streak",
        "_stream",
        "close_code",
        "close_reason",
        "opened",
        "received_count",
        "send",
        "send_frame_nowait",
    )

    _later: Later
    _line: Line
    _liveness: Liveness
    _outbox: Outbox
    _reader: Reader

    def __init__(
        self,
        stream: HttpStream,
        connection: Connection,
        clock: Clock,
        opened: Callable[[int], None],
    ) -> None:
        self.opened: bool = False
        self.close_code: int | None = None
        self.close_reason: str = ""
        self.received_count: int = 0
        self._stream = stream
        self._connection = connection
        self._clock = clock
        self._opened = opened
        self._arrived: deque[Any] = deque()
        self._decode: Callable[[Message], Any] | None = None
        self._receiver: Task | None = None
        self._streak = 0
        self._queued_bytes = 0  # received since the handler had nothing left
        self._counted_bytes = 0  # of those and of what isn't whole, as the server counts them
        # How input has ended; None while there may be more.
        self._ended: WebSocketClosed | None = None
        self._over = False  # nothing that comes of the client matters any more
        self._paused = False  # what has come is left unread
        self._hears_later = False  # what has come is read at the end of this pass
        self._costly = False  # whether a read may cost so much that others go before it
        self._replies = False  # whether a closing frame is due once the handler has answered
        self._limit_bytes = math.inf  # of a message
        self._parts: list[Message] = []  # of a message that comes in parts, and is received whole
        self._parts_bytes = 0
        self._skipping = False  # whether the rest of one that was received in parts is unwanted
        self._closing = False  # the handler is over, and what comes is thrown away
        self._released = False
        self._leave_deadline = math.inf
        self._close_deadline = math.inf  # until when the client may answer a closing frame
        self._drain_deadline = math.inf

    # The handshake.

    async def accept(
        self,
        rules: MessageRules,
        fields: Iterable[tuple[str, str]] = (),
        subprotocol: str | None = None,
        *,
        streaming: bool = False,
    ) -> None:
        """Answer the handshake (see `Channel.accept`)."""
        clock, state = self._clock, self._clock.state
        answer = list(fields)
        deflate: Deflate | None = None
        if subprotocol is not None:
            answer.append(("sec-websocket-protocol", subprotocol))
        assert clock.request is not None
        if rules.compress:
            deflate = negotiate(clock.request.received_fields)
            if deflate is not None:
                answer.append(("sec-websocket-extensions", deflate.answer))
        limit = rules.limit_bytes
        if limit is ...:
            limit = state.limits.message_bytes
        if limit is not None:
            self._limit_bytes = limit
        inflater = None if deflate is None else deflate.inflater()
        self._reader = Reader(self._limit_bytes, rules.kind, inflater)
        self._reader.streaming = streaming
        self._arrived = self._reader.messages
        self._decode = rules.decode
        line: Line | None = None
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            line = await self._stream.switch(answer)
        if line is None or self._released:  # meanwhile, since another task has ended the request
            self.close_code = 1006
            if not self._released:
                clock.peer.gone = True
            if not (self._released or clock.may_finish):
                clock.cancel("client-gone")
                await checkpoint()
            raise WebSocketClosed(1006, "", "lost")
        self._line = line
        later = state.shared(Later)
        self._later = later
        self._costly = deflate is not None
        self._outbox = Outbox(line, clock, self._arrived, later, self._connection, self._resume)
        if deflate is not None:
            self._outbox.deflater = deflate.deflater()
        self.send: Callable[[Message], Awaitable[None]] = self._outbox.send
        self.send_frame_nowait: Callable[[bytes], bool] = self._outbox.send_frame_nowait
        self._liveness = Liveness(clock, line, self._reader, self._outbox)
        self.opened = True
        opened, self._opened = self._opened, ignore
        opened(line.status)
        line.listen(self.hear)
        if clock.closing is not None and state.life >= Life.CLOSING:
            self._drain_deadline = trio.current_time()

    # What the handler does.

    async def receive(self, *, iterating: bool = False) -> Any:
        """Return the next message (see `Channel.receive`)."""
        arrived = self._arrived
        while True:
            while not arrived:
                if self._look_before_wait():
                    await checkpoint()  # one read in a turn
                    continue
                if self._ended is not None:
                    if iterating and self._ended.by != "lost":
                        raise StopAsyncIteration
                    raise self._ended_error()
                self._begin_wait()
                await wait_task_rescheduled(self._abort_wait)
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
            decode = self._decode
            return message if decode is None else decode(message)

    def _begin_wait(self) -> None:
        """Let this task be woken when something comes, or nothing more will."""
        if self._receiver is not None:
            raise trio.BusyResourceError("another task receives from this WebSocket")
        self._receiver = current_task()

    def _abort_wait(self, _: object) -> Abort:
        self._receiver = None
        return Abort.SUCCEEDED

    def _look_before_wait(self) -> bool:
        """Do what is due before the handler waits, and tell if there may be a message then.

        What it has answered goes out, and what was made to wait for it is read.
        """
        outbox = self._outbox
        outbox.flush()
        self._queued_bytes = 0
        if self._counted_bytes:
            self._count_held()
        if self._replies:
            self._reply()
        if self._ended is None:
            if self._drain_deadline < math.inf and trio.current_time() >= self._drain_deadline:
                self._close_for(1001, "going away")
            elif self._receiver is None and (self._line.readable or self._reader.behind):
                self.hear(for_handler=True)
                return bool(self._arrived) or self._ended is not None
        return False

    async def receive_part(self) -> tuple[Message, bool]:
        """Return the next part of a message (see `Channel.receive_part`)."""
        arrived = self._arrived
        if self._parts:  # whoever wanted the whole message was cancelled
            arrived.appendleft(Part(self._take_parts(), last=False))
        self._reader.streaming = True
        while True:
            await checkpoint()
            while not arrived:
                if not self._look_before_wait():
                    if self._ended is not None:
                        raise self._ended_error()
                    self._begin_wait()
                    await wait_task_rescheduled(self._abort_wait)
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
        self._reader.streaming = False  # from the next message on
        skipping = self._skipping
        if part.last:
            self._skipping = False
        if skipping:
            return None
        self._parts.append(part.data)
        data = part.data
        self._parts_bytes += len(data.encode() if isinstance(data, str) else data)
        if self._parts_bytes > self._limit_bytes:
            self._take_parts()
            self._skipping = not part.last
            self._arrived.clear()
            if self._ended is None:
                self._fail(1009, "a message that is too long")
            return None
        return self._take_parts() if part.last else None

    def _take_parts(self) -> Message:
        parts, self._parts = self._parts, []
        self._parts_bytes = 0
        return parts[0][:0].join(parts)  # type: ignore[arg-type]  # all of one kind

    def send_nowait(self, message: Message) -> bool:
        """Send a message if nothing waits (see `Channel.send_nowait`)."""
        return self._outbox.send_nowait(message)

    def send_part(
        self,
        part: Message,
        *,
        first: bool,
        last: bool,
        begun: Callable[[], None] | None = None,
    ) -> Awaitable[None]:
        """Send a fragment (see `Channel.send_part`)."""
        return self._outbox.send_part(part, first=first, last=last, begun=begun)

    def call_when_sent(self, function: Callable[[], bytes]) -> None:
        """Have a function called in its turn to send (see `Channel.call_when_sent`)."""
        self._outbox.call_when_sent(function)

    @property
    def unsent_bytes(self) -> int:
        """What was framed and the system hasn't taken."""
        return self._outbox.unsent_bytes if self.opened else 0

    @property
    def sent_count(self) -> int:
        """Messages that were sent."""
        return self._outbox.sent_count

    @property
    def latency_seconds(self) -> float | None:
        """How long the last ping took to be answered; None before the first answer."""
        return self._liveness.latency_seconds if self.opened else None

    async def close(self, code: int, reason: str) -> None:
        """Send a closing frame (see `Channel.close`)."""
        self._close_for(code, reason)
        await checkpoint()
        while self._outbox.busy:
            await self._outbox.wait_change()

    # What comes of the client.

    def hear(self, *, for_handler: bool = False) -> None:
        """Read once what has come, and do what it asks for. It raises nothing, and never waits.

        Nothing is read while the handler or the client is too far behind. Where more may be there,
        it is read later.

        Args:
            for_handler: Whether the handler is about to wait, and so isn't behind.
        """
        if self._hears_later and not for_handler:
            return  # each has one read in a pass, however often more comes
        if self._costly and self._later.tired:
            self._hear_later()
            return
        try:
            if self._over or self._ended is not None or self._closing:
                self._hear_the_end()
            elif self._receiver is None and not for_handler and self._is_full():
                self._pause()
            else:
                self._read()
        except WebSocketFailure as failure:
            if self._costly:
                self._later.spend(PASS_COST)  # it may be the whole of a long message
            self._take_controls()
            self._fail(failure.code, failure.reason)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            self._clock.peer.gone = True
            self._lose()
        except Exception as error:
            logger.error("a WebSocket failed", exc_info=error)
            self._lose()

    def _hear_later(self) -> None:
        """Read on at the end of this pass, behind all others."""
        if not self._hears_later:
            self._hears_later = True
            self._later.add_read(self._hear_again)

    def _hear_again(self) -> None:
        self._hears_later = False
        if not self._released:
            self.hear()

    def _read(self) -> None:
        """Read once, or go on with what was held back (see `Reader.behind`)."""
        reader, line, arrived = self._reader, self._line, self._arrived
        self._paused = False
        data = b"" if reader.behind else line.receive_nowait()
        if not (data or reader.behind):
            if data is not None:
                self._lose()
            return
        assert data is not None
        known_count = len(arrived)
        more = reader.feed(data)
        message_count = len(arrived) - known_count
        self._queued_bytes += len(data) + MESSAGE_BYTES * message_count
        if self._costly or message_count > FEW_COUNT:
            self._spend(message_count)
        if more:
            self._attend(len(data))
        receiver = self._receiver
        if receiver is not None and arrived and self._queued_bytes < NOTED_BYTES:
            self._receiver = None
            reschedule(receiver)
        elif self._ended is None:
            self._count_held()
            if arrived:
                self._wake()
        if line.readable or reader.behind:
            self._hear_later()

    def _spend(self, message_count: int) -> None:
        """Count what a read has cost, which found so many messages.

        What is queued of compressed ones is longer than what was read.
        """
        arrived, compressed = self._arrived, self._outbox.deflater is not None
        cost = MESSAGE_BYTES * message_count
        if compressed:
            found = islice(arrived, len(arrived) - message_count, None)
            self._queued_bytes += sum(map(size_of, found))
            cost += self._reader.inflated_bytes
        self._later.spend(cost)
        self._costly = compressed or message_count > FEW_COUNT

    def _resume(self) -> None:
        """Read on, if that had to wait for what is unsent."""
        if self._paused:
            self.hear()

    def _pause(self) -> None:
        """Leave unread what has come; the time of what its sender owes stands."""
        self._paused = True
        self._liveness.take_whole()
        self._look_soon()

    def _attend(self, byte_count: int) -> None:
        """Deal with what has come besides whole messages.

        Args:
            byte_count: The length of what was read.
        """
        reader = self._reader
        if reader.controls:
            if len(reader.controls) > FEW_COUNT:
                self._later.spend(CONTROL_COST * len(reader.controls))
                self._costly = True
            self._take_controls()
        if reader.close_code is not None:
            self._hear_closing()
        elif (reader.frame_begun or reader.message_begun) and not reader.behind:
            self._liveness.take_part(byte_count, trio.current_time())
        else:
            self._liveness.take_whole()

    def _is_full(self) -> bool:
        """Tell whether nothing more is read, since its answers or the handler are behind.

        A handler that has taken all isn't behind, however much that was.
        """
        limit_bytes = self._clock.state.limits.message_queue_bytes
        if self._arrived:
            if self._queued_bytes >= limit_bytes or self._reader.behind:
                return True
        elif self._queued_bytes >= limit_bytes:
            self._queued_bytes = self._reader.held_bytes
        return self._outbox.unsent_bytes >= UNSENT_BYTES

    def _wake(self) -> None:
        receiver, self._receiver = self._receiver, None
        if receiver is not None:
            reschedule(receiver)

    def _take_controls(self) -> None:
        """Answer pings, and note pongs."""
        controls = self._reader.controls
        for opcode, payload in controls:
            if opcode == PING:
                self._outbox.pong(payload)
            else:
                self._liveness.take_pong(payload, trio.current_time())
        controls.clear()
        if not self._arrived:
            self._outbox.flush()

    def _count_held(self) -> None:
        """Count what is held for the handler among what all requests hold."""
        state = self._clock.state
        queued_bytes = self._queued_bytes if self._arrived else 0
        byte_count = max(queued_bytes, self._reader.held_bytes)
        more_bytes = byte_count - self._counted_bytes
        self._counted_bytes = byte_count
        state.buffered_bytes += more_bytes
        if more_bytes > 0 and state.buffered_bytes > state.limits.buffered_bytes:
            self._arrived.clear()
            self._reader.drop()
            self._counted_bytes = 0
            state.buffered_bytes -= byte_count
            self._fail(1013, "too much is being received", "shed")

    def _hear_the_end(self) -> None:
        """Read what comes when nothing more is for the handler: a closing frame, or the end."""
        if self._released:
            return
        reader, line = self._reader, self._line
        behind = reader.behind and not self._over
        try:
            data = b"" if behind else line.receive_nowait()
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            self._clock.peer.gone = True
            self._lose()
            return
        if data is None:
            return
        if not self._over:
            if data or behind:
                try:
                    reader.feed(data)
                    if self._costly:
                        self._later.spend(reader.inflated_bytes)
                except WebSocketFailure:
                    self._over = True
                reader.controls.clear()
                self._arrived.clear()
            if reader.close_code is not None or not (data or behind):
                self._over = True
            if self._over:
                self._leave()
                self._wake()
        if (data or behind) and (line.readable or (reader.behind and not self._over)):
            self._hear_later()

    # The end.

    def _end_input(self, ended: WebSocketClosed) -> None:
        """Take nothing more from the client, whose handler has some time left."""
        self._ended = ended
        self._over = True
        self._liveness.take_whole()
        self.close_code, self.close_reason = ended.code, ended.reason
        self._leave()
        if self._receiver is not None:
            self._wake()
        elif not self._arrived:
            self._later.add(self._reply_if_due)

    def _leave(self) -> None:
        """Let the time run that the handler has left when its client has gone."""
        if self._leave_deadline == math.inf:
            self._leave_deadline = trio.current_time() + self._clock.disconnect_grace
            self._look_soon()

    def _look_soon(self) -> None:
        """Let the next sweep set the deadline anew; what is closing has its own."""
        if self._clock.phase is Phase.OPEN:
            self._clock.deadline = -math.inf

    def _hear_closing(self) -> None:
        """Hear the client's closing frame; it is answered behind what the handler has to say."""
        reader = self._reader
        assert reader.close_code is not None
        self._replies = True
        self._end_input(WebSocketClosed(reader.close_code, reader.close_reason, "client"))

    def _fail(self, code: int, reason: str, outcome: Outcome = "refused") -> None:
        """End what breaks the protocol or a limit; messages before that are answered."""
        self._set_outcome(outcome)
        logger.info("closed a WebSocket with %d: %s", code, reason)
        self._replies = True
        self._end_input(WebSocketClosed(code, reason, "server"))

    def _set_outcome(self, outcome: Outcome) -> None:
        request = self._clock.request
        if request is not None and request.outcome == "ok":
            request.outcome = outcome

    def _lose(self) -> None:
        """Hear that the client has gone, after a closing frame or without a word."""
        self._replies = False
        if self._ended is None:
            self._set_outcome("client-gone")
            lost = WebSocketClosed(1006, "", "lost")
            self._outbox.lose(lost)
            self._end_input(lost)
            return
        self._over = True
        self._outbox.lose(self._ended)
        self._leave()
        self._wake()

    def _reply_if_due(self) -> None:
        """Send the closing frame that is due, unless the handler has something to answer first."""
        if self._replies and not self._arrived:
            self._reply()

    def _reply(self) -> None:
        """Send the closing frame that is due: the client's own code, or what ends it."""
        ended = self._ended
        assert ended is not None
        self._replies = False
        code = 1000 if ended.code == 1005 else ended.code
        self._outbox.close(ended, code, ended.reason if ended.by == "server" else "")

    def _close_for(self, code: int, reason: str) -> None:
        """Send a closing frame by ourselves, unless one was sent or is due."""
        if self._replies:
            self._reply()
        if self._ended is None and self._outbox.closed is not None:
            self._lose()  # a write has found the client gone
        if self._ended is None:
            self._ended = WebSocketClosed(code, reason, "server")
            self.close_code, self.close_reason = code, reason
            self._arrived.clear()
            self._close_deadline = trio.current_time() + self._clock.state.timeouts.close
            self._look_soon()
            self._outbox.close(self._ended, code, reason)
            self._wake()

    def _ended_error(self) -> WebSocketClosed:
        ended = self._ended
        assert ended is not None
        return WebSocketClosed(ended.code, ended.reason, ended.by)

    def finish(self, code: int, reason: str = "") -> None:
        """Have a closing frame sent, unless one was (see `Channel.finish`)."""
        self._close_for(code, reason)

    def end(self, reason: CancelReason) -> None:
        """Say to the client why the handler is cancelled (see `ServerChannel.end`)."""
        code, text = END_CODES[reason]
        self._close_for(code, text)
        clock = self._clock
        cut = self._outbox.busy or clock.peer.write_cut
        if reason in ("shutdown", "server-failed") and not cut:
            clock.phase = Phase.CLOSING  # all that was begun has gone out: nothing is reset
            self._hear_the_end()

    async def wait_closed(self) -> None:
        """Wait until both sides have closed (see `ServerChannel.wait_closed`)."""
        outbox, peer = self._outbox, self._clock.peer
        self._closing = True
        self._arrived.clear()
        try:
            while outbox.busy and not peer.gone:
                await outbox.wait_change()
            while not (self._over or peer.gone):
                if self._line.readable:
                    self.hear()
                    await checkpoint()
                else:
                    self._begin_wait()
                    await wait_task_rescheduled(self._abort_wait)
            assert self._ended is not None, "a closing frame has come or gone"
            if self._ended.by != "lost" and not peer.gone:
                await self._line.end(answered=self._reader.close_code is not None)
        finally:
            if outbox.busy or peer.write_cut:
                self._line.reset()

    # The time of the channel, which the sweeps of the watchdog keep.

    def sweep(self, now: float) -> None:
        """End what has lasted too long (see `Swept.sweep`)."""
        clock, outbox = self._clock, self._outbox
        if now >= self._leave_deadline:
            self._leave_deadline = math.inf
            assert self._ended is not None, "it is left after an end"
            if self._ended.by == "lost":
                clock.peer.gone = True
            clock.cancel("client-gone")
        if self._ended is None:
            self._look_at_input(now)
        looked: float | None = math.inf
        if self._ended is None or outbox.busy:
            looked = self._liveness.look(now, unread=self._paused)
        if looked is None:
            self._give_up("stalled" if self._liveness.stalled else "client-gone")
        elif not self._over and now >= self._close_deadline:
            unread = outbox.busy or not clock.peer.fully_acked()
            self._give_up("stalled" if unread else "client-gone")
        else:
            clock.deadline = min(looked, self._next_look(now))

    def _next_look(self, now: float) -> float:
        """Return when a sweep has to look at what isn't the client's liveness."""
        if self._ended is None:
            if self._paused or self._liveness.waits_for_part:
                return -math.inf
            return self._drain_deadline if now < self._drain_deadline else math.inf
        return self._leave_deadline if self._over else self._close_deadline

    def _look_at_input(self, now: float) -> None:
        """Look at what should come of the client, which may be the end."""
        if self._outbox.closed is not None:  # a write has found it gone
            self._lose()
        elif self._paused:
            if not self._is_full():
                self.hear()
            elif self._clock.peer.peer_state() == "reset":
                self._clock.peer.gone = True
                self._lose()
        if self._ended is None and self._liveness.is_slow(now):
            self._fail(1008, "too slow", "stalled")
        if self._ended is None and self._receiver is not None and now >= self._drain_deadline:
            self._close_for(1001, "going away")

    def _give_up(self, outcome: Outcome) -> None:
        """End a WebSocket whose client is found gone; its handler is cancelled at once."""
        clock = self._clock
        self._set_outcome(outcome)
        clock.peer.gone = True
        self._lose()
        clock.deadline = self._leave_deadline = math.inf
        clock.cancel("client-gone")

    def give_back(self, seconds: float) -> None:
        """Move what the client owes (see `Swept.give_back`)."""
        self._liveness.give_back(seconds)
        self._close_deadline += seconds
        self._look_soon()

    def drain(self, deadline: float) -> None:
        """Close as soon as the handler waits for a message, from a deadline on (see `Swept`)."""
        self._drain_deadline = deadline
        self._look_soon()
        if self._receiver is not None and trio.current_time() >= deadline:
            self._close_for(1001, "going away")

    def release(self) -> None:
        """Give back what is held, and let go of the connection (see `ServerChannel.release`)."""
        self._clock.state.buffered_bytes -= self._counted_bytes
        self._counted_bytes = 0
        if self.opened:
            if self._ended is None:
                self._lose()
            assert self._ended is not None
            self._outbox.release(self._ended)
            self._liveness.release()
            self._line.stop()
            del self._line
        elif self.close_code is None:
            self.close_code = 1006  # a task that has kept it can't open it any more
        self._released = True
        del self._stream, self._connection, self._opened


# What a client is told when its handler is cancelled (RFC 6455 section 7.4.1).
END_CODES: dict[CancelReason, tuple[int, str]] = {
    "client-gone": (1000, ""),
    "deadline": (1001, "time limit"),
    "shutdown": (1001, "going away"),
    "server-failed": (1011, ""),
}


def ignore(status: int) -> None:
    """Take the place of what is called once."""


def size_of(message: str | bytes | Part) -> int:
    """Return how many bytes are held for a message, or a part of one.

    One character beyond the usual ones makes Python hold a text of a megabyte in four.
    """
    return getsizeof(message.data if isinstance(message, Part) else message)
