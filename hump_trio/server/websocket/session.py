"""The channel of a WebSocket: what comes of a client goes to the handler, within its time.

What comes is received by the base class. Here is how a WebSocket is opened, what is known of its
end, and what time each side has.
"""

import math
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from typing import Any

import trio
from trio.lowlevel import checkpoint, wait_task_rescheduled

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
from hump_trio.server.websocket.intake import Intake
from hump_trio.server.websocket.later import Later
from hump_trio.server.websocket.liveness import Liveness
from hump_trio.server.websocket.outbox import Outbox
from hump_trio.websocket.deflate import Deflate, negotiate
from hump_trio.websocket.failures import WebSocketFailure
from hump_trio.websocket.reader import Reader

__all__ = ["Session"]


class Session(Intake):
    """The channel of one WebSocket (see `ServerChannel`).

    Args:
        stream: The request's; it becomes the line.
        connection: What the stream is on.
        clock: That of the lane.
        opened: Called with the status when the handshake is answered.
    """

    __slots__ = (
        "_close_deadline",
        "_connection",
        "_drain_deadline",
        "_leave_deadline",
        "_opened",
        "_replies",
        "_stream",
        "close_code",
        "close_reason",
        "opened",
        "send",
        "send_frame_nowait",
    )

    # What the session writes of the intake.
    arrived: deque[Any]
    costly: bool
    decode: Callable[[Message], Any] | None
    ended: WebSocketClosed | None
    limit_bytes: float
    liveness: Liveness
    outbox: Outbox
    over: bool
    reader: Reader

    def __init__(
        self,
        stream: HttpStream,
        connection: Connection,
        clock: Clock,
        opened: Callable[[int], None],
    ) -> None:
        super().__init__(clock)
        self.opened: bool = False
        self.close_code: int | None = None
        self.close_reason: str = ""
        self._stream = stream
        self._connection = connection
        self._opened = opened
        self._replies = False  # whether a closing frame is due once the handler has answered
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
        clock, state = self.clock, self.clock.state
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
            self.limit_bytes = limit
        inflater = None if deflate is None else deflate.inflater()
        self.reader = Reader(self.limit_bytes, rules.kind, inflater)
        self.reader.streaming = streaming
        self.arrived = self.reader.messages
        self.decode = rules.decode
        line: Line | None = None
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            line = await self._stream.switch(answer)
        if line is None or self.released:  # meanwhile, since another task has ended the request
            self.close_code = 1006
            if not self.released:
                clock.peer.gone = True
            if not (self.released or clock.may_finish):
                clock.cancel("client-gone")
                await checkpoint()
            raise WebSocketClosed(1006, "", "lost")
        self.line = line
        later = state.shared(Later)
        self.later = later
        self.costly = deflate is not None
        self.outbox = Outbox(line, clock, self.arrived, later, self._connection, self.resume)
        if deflate is not None:
            self.outbox.deflater = deflate.deflater()
        self.send: Callable[[Message], Awaitable[None]] = self.outbox.send
        self.send_frame_nowait: Callable[[bytes], bool] = self.outbox.send_frame_nowait
        self.liveness = Liveness(clock, line, self.reader, self.outbox)
        self.opened = True
        opened, self._opened = self._opened, ignore
        opened(line.status)
        line.listen(self.hear)
        if clock.closing is not None and state.life >= Life.CLOSING:
            self._drain_deadline = trio.current_time()

    # What the handler does.

    def _look_before_wait(self) -> bool:
        """Do what is due before the handler waits, and tell if there may be a message then.

        What it has answered goes out, and what was made to wait for it is read.
        """
        outbox = self.outbox
        outbox.flush()
        self.queued_bytes = 0
        if self.counted_bytes:
            self.count_held()
        if self._replies:
            self._reply()
        if self.ended is None:
            if self._drain_deadline < math.inf and trio.current_time() >= self._drain_deadline:
                self._close_for(1001, "going away")
            elif self.receiver is None and (self.line.readable or self.reader.behind):
                self.hear(for_handler=True)
                return bool(self.arrived) or self.ended is not None
        return False

    def send_nowait(self, message: Message) -> bool:
        """Send a message if nothing waits (see `Channel.send_nowait`)."""
        return self.outbox.send_nowait(message)

    def send_part(
        self,
        part: Message,
        *,
        first: bool,
        last: bool,
        begun: Callable[[], None] | None = None,
    ) -> Awaitable[None]:
        """Send a fragment (see `Channel.send_part`)."""
        return self.outbox.send_part(part, first=first, last=last, begun=begun)

    def call_when_sent(self, function: Callable[[], bytes]) -> None:
        """Have a function called in its turn to send (see `Channel.call_when_sent`)."""
        self.outbox.call_when_sent(function)

    @property
    def unsent_bytes(self) -> int:
        """What was framed and the system hasn't taken."""
        return self.outbox.unsent_bytes if self.opened else 0

    @property
    def sent_count(self) -> int:
        """Messages that were sent."""
        return self.outbox.sent_count

    @property
    def latency_seconds(self) -> float | None:
        """How long the last ping took to be answered; None before the first answer."""
        return self.liveness.latency_seconds if self.opened else None

    async def close(self, code: int, reason: str) -> None:
        """Send a closing frame (see `Channel.close`)."""
        self._close_for(code, reason)
        await checkpoint()
        while self.outbox.busy:
            await self.outbox.wait_change()

    async def wait_over(self) -> None:
        """Wait until nothing more comes of the client (see `Channel.wait_over`)."""
        while not (self.over or self.released):
            self.begin_wait()
            await wait_task_rescheduled(self.abort_wait)

    # What comes of the client.

    def hear_the_end(self) -> None:
        """Read what comes when nothing more is for the handler: a closing frame, or the end."""
        if self.released:
            return
        reader, line = self.reader, self.line
        behind = reader.behind and not self.over
        try:
            data = b"" if behind else line.receive_nowait()
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            self.clock.peer.gone = True
            self.lose()
            return
        if data is None:
            return
        if not self.over:
            if data or behind:
                try:
                    reader.feed(data)
                    if self.costly:
                        self.later.spend(reader.inflated_bytes)
                except WebSocketFailure:
                    self.over = True
                reader.controls.clear()
                self.arrived.clear()
            if reader.close_code is not None or not (data or behind):
                self.over = True
            if self.over:
                self._leave()
                self.wake()
        if (data or behind) and (line.readable or (reader.behind and not self.over)):
            self.hear_later()

    # The end.

    def _end_input(self, ended: WebSocketClosed) -> None:
        """Take nothing more from the client, whose handler has some time left."""
        self.ended = ended
        self.over = True
        self.liveness.take_whole()
        self.close_code, self.close_reason = ended.code, ended.reason
        self._leave()
        if self.receiver is not None:
            self.wake()
        elif not self.arrived:
            self.later.add(self._reply_if_due)

    def _leave(self) -> None:
        """Let the time run that the handler has left when its client has gone."""
        if self._leave_deadline == math.inf:
            self._leave_deadline = trio.current_time() + self.clock.disconnect_grace
            self.look_soon()

    def look_soon(self) -> None:
        """Let the next sweep set the deadline anew; what is closing has its own."""
        if self.clock.phase is Phase.OPEN:
            self.clock.deadline = -math.inf

    def _hear_closing(self) -> None:
        """Hear the client's closing frame; it is answered behind what the handler has to say."""
        reader = self.reader
        assert reader.close_code is not None
        self._replies = True
        self._end_input(WebSocketClosed(reader.close_code, reader.close_reason, "client"))

    def fail(self, code: int, reason: str, outcome: Outcome = "refused") -> None:
        """End what breaks the protocol or a limit; messages before that are answered."""
        self._set_outcome(outcome)
        logger.info("closed a WebSocket with %d: %s", code, reason)
        self._replies = True
        self._end_input(WebSocketClosed(code, reason, "server"))

    def _set_outcome(self, outcome: Outcome) -> None:
        request = self.clock.request
        if request is not None and request.outcome == "ok":
            request.outcome = outcome

    def lose(self) -> None:
        """Hear that the client has gone, after a closing frame or without a word."""
        self._replies = False
        if self.ended is None:
            self._set_outcome("client-gone")
            lost = WebSocketClosed(1006, "", "lost")
            self.outbox.lose(lost)
            self._end_input(lost)
            return
        self.over = True
        self.outbox.lose(self.ended)
        self._leave()
        self.wake()

    def _reply_if_due(self) -> None:
        """Send the closing frame that is due, unless the handler has something to answer first."""
        if self._replies and not self.arrived:
            self._reply()

    def _reply(self) -> None:
        """Send the closing frame that is due: the client's own code, or what ends it."""
        ended = self.ended
        assert ended is not None
        self._replies = False
        code = 1000 if ended.code == 1005 else ended.code
        self.outbox.close(ended, code, ended.reason if ended.by == "server" else "")

    def _close_for(self, code: int, reason: str) -> None:
        """Send a closing frame by ourselves, unless one was sent or is due."""
        if self._replies:
            self._reply()
        if self.ended is None and self.outbox.closed is not None:
            self.lose()  # a write has found the client gone
        if self.ended is None:
            self.ended = WebSocketClosed(code, reason, "server")
            self.close_code, self.close_reason = code, reason
            self.arrived.clear()
            self._close_deadline = trio.current_time() + self.clock.state.timeouts.close
            self.look_soon()
            self.outbox.close(self.ended, code, reason)
            self.wake()

    def _ended_error(self) -> WebSocketClosed:
        ended = self.ended
        assert ended is not None
        return WebSocketClosed(ended.code, ended.reason, ended.by)

    def finish(self, code: int, reason: str = "") -> None:
        """Have a closing frame sent, unless one was (see `Channel.finish`)."""
        self._close_for(code, reason)

    def end(self, reason: CancelReason) -> None:
        """Say to the client why the handler is cancelled (see `ServerChannel.end`)."""
        code, text = END_CODES[reason]
        self._close_for(code, text)
        clock = self.clock
        cut = self.outbox.busy or clock.peer.write_cut
        if reason in ("shutdown", "server-failed") and not cut:
            clock.phase = Phase.CLOSING  # all that was begun has gone out: nothing is reset
            self.hear_the_end()

    async def wait_closed(self) -> None:
        """Wait until both sides have closed (see `ServerChannel.wait_closed`)."""
        outbox, peer = self.outbox, self.clock.peer
        self.closing = True
        self.arrived.clear()
        try:
            while outbox.busy and not peer.gone:
                await outbox.wait_change()
            while not (self.over or peer.gone):
                if self.line.readable:
                    self.hear()
                    await checkpoint()
                else:
                    self.begin_wait()
                    await wait_task_rescheduled(self.abort_wait)
            assert self.ended is not None, "a closing frame has come or gone"
            if self.ended.by != "lost" and not peer.gone:
                answered = self.reader.close_code is not None and not self.liveness.pong_owed
                await self.line.end(answered=answered)
        finally:
            if outbox.busy or peer.write_cut:
                self.line.reset()

    # The time of the channel, which the sweeps of the watchdog keep.

    def sweep(self, now: float) -> None:
        """End what has lasted too long (see `Swept.sweep`)."""
        clock, outbox = self.clock, self.outbox
        if now >= self._leave_deadline:
            self._leave_deadline = math.inf
            assert self.ended is not None, "it is left after an end"
            if self.ended.by == "lost":
                clock.peer.gone = True
            clock.cancel("client-gone")
        if self.ended is None:
            self._look_at_input(now)
        looked: float | None = math.inf
        if self.ended is None or outbox.busy:
            looked = self.liveness.look(now, unread=self.paused)
        if looked is None:
            self._give_up("stalled" if self.liveness.stalled else "client-gone")
        elif not self.over and now >= self._close_deadline:
            unread = outbox.busy or not clock.peer.fully_acked()
            self._give_up("stalled" if unread else "client-gone")
        else:
            clock.deadline = min(looked, self._next_look(now))

    def _next_look(self, now: float) -> float:
        """Return when a sweep has to look at what isn't the client's liveness."""
        if self.ended is None:
            if self.paused or self.liveness.waits_for_part:
                return -math.inf
            return self._drain_deadline if now < self._drain_deadline else math.inf
        return self._leave_deadline if self.over else self._close_deadline

    def _look_at_input(self, now: float) -> None:
        """Look at what should come of the client, which may be the end."""
        if self.outbox.closed is not None:  # a write has found it gone
            self.lose()
        elif self.paused:
            if not self.is_full():
                self.hear()
            elif self.clock.peer.peer_state() == "reset":
                self.clock.peer.gone = True
                self.lose()
        if self.ended is None and self.liveness.is_slow(now):
            self.fail(1008, "too slow", "stalled")
        if self.ended is None and self.receiver is not None and now >= self._drain_deadline:
            self._close_for(1001, "going away")

    def _give_up(self, outcome: Outcome) -> None:
        """End a WebSocket whose client is found gone; its handler is cancelled at once."""
        clock = self.clock
        self._set_outcome(outcome)
        clock.peer.gone = True
        self.lose()
        clock.deadline = self._leave_deadline = math.inf
        clock.cancel("client-gone")

    def give_back(self, seconds: float) -> None:
        """Move what the client owes (see `Swept.give_back`)."""
        self.liveness.give_back(seconds)
        self._close_deadline += seconds
        self.look_soon()

    def drain(self, deadline: float) -> None:
        """Close as soon as the handler waits for a message, from a deadline on (see `Swept`)."""
        self._drain_deadline = deadline
        self.look_soon()
        if self.receiver is not None and trio.current_time() >= deadline:
            self._close_for(1001, "going away")

    def release(self) -> None:
        """Give back what is held, and let go of the connection (see `ServerChannel.release`)."""
        self.clock.state.buffered_bytes -= self.counted_bytes
        self.counted_bytes = 0
        if self.opened:
            if self.ended is None:
                self.lose()
            assert self.ended is not None
            self.wake()  # a task that isn't the handler's, and waits for the client's close
            self.outbox.release(self.ended)
            self.liveness.release()
            self.line.stop()
            del self.line
        elif self.close_code is None:
            self.close_code = 1006  # a task that has kept it can't open it any more
        self.released = True
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
