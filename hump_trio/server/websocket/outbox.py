"""What a WebSocket sends: whole messages in order, from any task, cancelled or not."""

import math
from collections import deque
from collections.abc import Callable
from typing import Any

import trio
from trio.lowlevel import checkpoint

from hump_trio.facts.exceptions import WebSocketClosed
from hump_trio.messages.channel import Message
from hump_trio.server.attendant import Attendant
from hump_trio.server.clock import Clock
from hump_trio.server.connection import Connection
from hump_trio.server.line import Line
from hump_trio.server.websocket.later import Later
from hump_trio.websocket.deflate import Deflater
from hump_trio.websocket.frames import (
    BINARY,
    CONTINUATION,
    FINAL,
    PONG,
    RSV1,
    TEXT,
    encode_close,
    encode_frame,
    encode_text,
)

__all__ = ["UNSENT_BYTES", "Outbox"]

# A sender waits while so much is framed and not taken; nothing is read then, since a client that
# doesn't read its pongs may send no more pings.
UNSENT_BYTES = 64 * 1024
# What is joined to go out in one call: so many messages, of so many bytes, none of which is larger
# than this. A burst of 32 messages costs a third of what it does in a call for each.
JOINED_COUNT = 64
JOINED_BYTES = 64 * 1024
SMALL_BYTES = 16 * 1024
# Messages that are taken at once before other tasks have their turn.
TURN_COUNT = 64


class Outbox:
    """Sends the frames of one WebSocket.

    A frame goes out at once if the system takes it. What it doesn't take is sent by a task of its
    own, the *flusher*, which lasts until nothing is left: whoever waits for his message may be
    cancelled, and the message goes out whole all the same. While the handler has more messages to
    answer, small answers are *held*, to go out in one call when it waits for anything.

    Args:
        line: Where frames go to.
        clock: That of the lane.
        arrived: The messages that the handler hasn't received.
        later: Sends what is held at the end of the pass.
        connection: What the line is on.

    Attributes:
        closed: How the WebSocket has ended, once nothing can be sent any more; None before.
        sent_count: Messages that were sent.
        deflater: Compresses messages; None if they aren't compressed.
        unsent_bytes: Bytes of frames that the system hasn't taken.
    """

    __slots__ = (
        "_arrived",
        "_clock",
        "_connection",
        "_flushing",
        "_fragmented",
        "_held",
        "_held_bytes",
        "_later",
        "_line",
        "_peer",
        "_pong",
        "_room",
        "_streak",
        "_taken_count",
        "_unsent",
        "_unsent_count",
        "closed",
        "deflater",
        "sent_count",
        "unsent_bytes",
    )

    def __init__(
        self,
        line: Line,
        clock: Clock,
        arrived: deque[Any],
        later: Later,
        connection: Connection,
    ) -> None:
        self.closed: WebSocketClosed | None = None
        self.sent_count: int = 0
        self.deflater: Deflater | None = None
        self.unsent_bytes: int = 0
        self._line = line
        self._clock = clock
        self._peer = clock.peer  # which the clock loses at the end of the request, maybe before us
        self._arrived = arrived
        self._later = later
        self._connection = connection
        self._held: list[bytes] = []
        self._held_bytes = 0
        self._unsent: deque[bytes | Callable[[], bytes]] = deque()
        self._unsent_count = 0  # how many were put there in all, and
        self._taken_count = 0  # how many of them were taken
        self._flushing = False
        self._fragmented = False
        self._pong = b""  # what is owed for the latest ping, while something else is unsent
        self._streak = 0
        self._room: trio.lowlevel.ParkingLot | None = None

    @property
    def busy(self) -> bool:
        """Whether something waits to be sent."""
        return self._flushing

    async def send(self, message: Message) -> None:
        """Send a whole message (see `Channel.send`)."""
        if self.closed is not None:
            raise self.closed_error()
        if type(message) is str and self.deflater is None:
            frame = encode_text(message)
        else:
            frame = self._encode(message)
        if not (self._flushing or self._fragmented):
            self.sent_count += 1
            if self._arrived and len(frame) < SMALL_BYTES:
                self._hold(frame)
                return
            if self._held:
                self._held.append(frame)
                frame = b"".join(self._held)
                self._held.clear()
                self._held_bytes = 0
            if self._put(frame):
                self._streak += 1
                if self._streak >= TURN_COUNT:
                    self._streak = 0
                    await checkpoint()
                return
            if self.closed is not None:
                raise self.closed_error()
        else:
            while self._fragmented or self.unsent_bytes >= UNSENT_BYTES:
                await self._wait_room()
            self.sent_count += 1
            self._keep(frame)
        await self._wait_taken()

    def send_nowait(self, message: Message) -> bool:
        """Send a message if nothing waits before it (see `Channel.send_nowait`)."""
        if self.closed is not None:
            raise self.closed_error()
        if self._flushing or self._fragmented:
            return False
        if type(message) is str and self.deflater is None:
            frame = encode_text(message)
        else:
            frame = self._encode(message)
        return self.send_frame_nowait(frame)

    def send_frame_nowait(self, frame: bytes) -> bool:
        """Send an encoded message if nothing waits before it (see `Channel`)."""
        if self.closed is not None:
            raise self.closed_error()
        if self._flushing or self._fragmented:
            return False
        if self._held:
            self.flush()
            if self._flushing:
                return False
        self.sent_count += 1
        self._put(frame)
        return True

    async def send_part(self, part: Message, *, first: bool, last: bool) -> None:
        """Send a fragment (see `Channel.send_part`)."""
        payload = part.encode() if isinstance(part, str) else bytes(part)
        opcode = (TEXT if isinstance(part, str) else BINARY) if first else CONTINUATION
        frame = encode_frame(opcode | (FINAL if last else 0), payload)
        while self.closed is None and (
            (first and self._fragmented) or self.unsent_bytes >= UNSENT_BYTES
        ):
            await self._wait_room()
        if self.closed is not None:
            raise self.closed_error()
        self.flush()
        self._fragmented = not last
        self.sent_count += last
        if self._flushing or not self._put(frame):
            if self._flushing:
                self._keep(frame)
            await self._wait_taken()
        else:
            await checkpoint()
        if last and self._room is not None:
            self._room.unpark_all()

    def call_when_sent(self, function: Callable[[], bytes]) -> None:
        """Have a function called in its turn to send (see `Channel.call_when_sent`)."""
        self._keep(function)

    def pong(self, payload: bytes) -> None:
        """Answer a ping, or only the latest one while something is unsent.

        Source: RFC 6455 section 5.5.3.
        """
        if self.closed is not None:
            return
        frame = encode_frame(FINAL | PONG, payload)
        if self._flushing:
            self._pong = frame
        else:
            self._hold(frame)

    def send_control(self, frame: bytes) -> None:
        """Send a frame that belongs to no message; nothing waits before it."""
        self.flush()
        if self.closed is None and not self._flushing:
            self._put(frame)

    def close(self, closed: WebSocketClosed, code: int, reason: str) -> None:
        """Send a closing frame behind all else, unless nothing can be sent any more.

        Args:
            closed: How the WebSocket has ended.
            code: The frame's.
            reason: The frame's.
        """
        if self.closed is not None:
            return
        self.flush()
        frame = encode_close(code, reason)
        if self._flushing:
            self._keep(frame)
        elif self.closed is None:
            self._put(frame)
        if self.closed is None:
            self._end(closed)

    def lose(self, closed: WebSocketClosed) -> None:
        """Hear that the client has gone: nothing is sent any more."""
        self._unsent.clear()
        self._held.clear()
        self.unsent_bytes = 0
        self._pong = b""
        self.closed = None
        self._end(closed)

    def release(self, closed: WebSocketClosed) -> None:
        """Let go of the connection. A task that sends later hears how the WebSocket has ended."""
        self.lose(self.closed or closed)
        del self._line, self._connection

    def _end(self, closed: WebSocketClosed) -> None:
        self.closed = closed
        if self._room is not None:
            self._room.unpark_all()

    def closed_error(self) -> WebSocketClosed:
        """Return the error for whoever sends on; the request counts as left by its client."""
        closed = self.closed
        assert closed is not None
        request = self._clock.request
        if request is not None and request.outcome == "ok" and closed.by != "server":
            request.outcome = "client-gone"
        return WebSocketClosed(closed.code, closed.reason, closed.by)

    def flush(self) -> None:
        """Send what is held."""
        held = self._held
        if held:
            data = held[0] if len(held) == 1 else b"".join(held)
            held.clear()
            self._held_bytes = 0
            if self._flushing:
                self._keep(data)
            else:
                self._put(data)

    def _encode(self, message: Any) -> bytes:
        """Return the frame of a message, compressed if that was agreed on (RFC 7692).

        The shortest ones are compressed, too: with the context of those before, JSON of 100 bytes
        takes a quarter of that.
        """
        if isinstance(message, str):
            opcode, payload = TEXT, message.encode()
        elif isinstance(message, bytes | bytearray | memoryview):
            opcode, payload = BINARY, bytes(message)
        else:
            raise TypeError(f"a message is str or bytes, not {message!r:.80}")
        if self.deflater is None:
            return encode_frame(FINAL | opcode, payload)
        return encode_frame(FINAL | RSV1 | opcode, self.deflater.deflate(payload))

    def _hold(self, frame: bytes) -> None:
        """Hold a frame to the end of the pass, or until there are enough."""
        held = self._held
        if not held:
            self._later.add(self.flush)
        held.append(frame)
        self._held_bytes += len(frame)
        if len(held) >= JOINED_COUNT or self._held_bytes >= JOINED_BYTES:
            self.flush()

    def _put(self, data: bytes) -> bool:
        """Send what nothing waits before; tell if all of it was taken. The rest is kept."""
        self._clock.deadline = -math.inf  # the next sweep looks whether it is acknowledged
        try:
            taken_bytes = self._line.send_nowait(data)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            self._peer.gone = True
            self.lose(WebSocketClosed(1006, "", "lost"))
            return False
        if taken_bytes == len(data):
            return True
        self._keep(data[taken_bytes:])
        return False

    def _keep(self, item: bytes | Callable[[], bytes]) -> None:
        """Let the flusher send something, in its turn."""
        self._unsent.append(item)
        self._unsent_count += 1
        if isinstance(item, bytes):
            self.unsent_bytes += len(item)
        if not self._flushing:
            self._flushing = True
            self._clock.deadline = -math.inf
            Attendant(self._connection, self._flush_all)

    async def _flush_all(self) -> None:
        """Send until nothing is left, or nothing can be sent any more.

        Cancellation: a part of a frame may have gone; nothing may follow.
        """
        try:
            while self._unsent:
                item = self._unsent[0]
                data = item if isinstance(item, bytes) else item()
                if data:
                    await self._line.send_all(data)
                if not self._unsent:  # lost meanwhile
                    break
                self._unsent.popleft()
                self._taken_count += 1
                if isinstance(item, bytes):
                    self.unsent_bytes -= len(item)
                if self._pong:
                    self._unsent.appendleft(self._pong)
                    self._taken_count -= 1
                    self.unsent_bytes += len(self._pong)
                    self._pong = b""
                if self._room is not None:
                    self._room.unpark_all()
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            self._peer.gone = True
            self.lose(WebSocketClosed(1006, "", "lost"))
        except trio.Cancelled:
            self._peer.write_cut = True
            raise
        finally:
            self._flushing = False
            if self._room is not None:
                self._room.unpark_all()

    async def _wait_taken(self) -> None:
        """Wait until all that was kept up to now is taken.

        Raises:
            WebSocketClosed: It can't be sent any more.
        """
        count = self._unsent_count
        while self._taken_count < count:
            if not self._unsent:
                raise self.closed_error()
            await self.wait_change()

    async def _wait_room(self) -> None:
        if self.closed is not None:
            raise self.closed_error()
        await self.wait_change()

    async def wait_change(self) -> None:
        """Wait until something was taken, or nothing is any more. A checkpoint."""
        if self._room is None:
            self._room = trio.lowlevel.ParkingLot()
        await self._room.park()
