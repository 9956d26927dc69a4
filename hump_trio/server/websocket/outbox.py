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
from hump_trio.server.clock import Clock, Peer
from hump_trio.server.connection import Connection
from hump_trio.server.line import Line
from hump_trio.server.websocket.later import Later
from hump_trio.websocket.deflate import Deflater
from hump_trio.websocket.frames import (
    BINARY,
    CONTINUATION,
    FINAL,
    PING,
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
NOW = -math.inf  # the deadline of what the next sweep is to look at


class Outbox:
    """Sends the frames of one WebSocket.

    A frame goes out at once if the system takes it. What it doesn't take is sent by a task of its
    own, the *flusher*, which lasts until nothing is left: whoever waits for his message may be
    cancelled, and the message goes out whole all the same. While the handler has more messages to
    answer, small answers are *held*, to go out in one call when it waits for anything; nothing is
    held while there is a flusher.

    Args:
        line: Where frames go to.
        clock: That of the lane.
        arrived: The messages that the handler hasn't received.
        later: Sends what is held at the end of the pass.
        connection: What the line is on.
        resume: Called when the system has taken so much that the client may be read again.

    Attributes:
        closed: How the WebSocket has ended, once nothing can be sent any more; None before.
        sent_count: Messages that were sent.
        deflater: Compresses messages; None if they aren't compressed.
        unsent_bytes: Bytes of frames that the system hasn't taken.
    """

    __slots__ = (
        "_arrived",
        "_bar_count",
        "_clock",
        "_connection",
        "_flusher",
        "_fragmented",
        "_held",
        "_held_bytes",
        "_later",
        "_line",
        "_peer",
        "_pong",
        "_postponed",
        "_resume",
        "_room",
        "_send",
        "_streak",
        "_taken_count",
        "_turn",
        "_unsent",
        "_unsent_count",
        "_waiting_count",
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
        resume: Callable[[], None],
    ) -> None:
        self.closed: WebSocketClosed | None = None
        self.sent_count: int = 0
        self.deflater: Deflater | None = None
        self.unsent_bytes: int = 0
        self._line = line
        self._send = line.send_nowait
        self._clock = clock
        self._peer: Peer | None = clock.peer  # until the connection is let go of
        self._arrived = arrived
        self._later = later
        self._connection = connection
        self._resume = resume
        self._held: list[bytes] = []
        self._held_bytes = 0
        # For the flusher; None without one, since even an empty row takes 760 bytes.
        self._unsent: deque[bytes | Callable[[], bytes]] | None = None
        self._unsent_count = 0  # how many were put there in all, and
        self._taken_count = 0  # how many of them were taken
        self._flusher: Attendant | None = None
        self._fragmented = False
        # What bars a message from going out at once: the flusher, a message in fragments, each that
        # waits for its turn, and the end. One number, since each look costs every message.
        self._bar_count = 0
        self._postponed: list[Callable[[], bytes]] | None = None  # to the last fragment
        self._pong = b""  # what is owed for the latest ping, while something else is unsent
        self._streak = 0
        self._room: trio.lowlevel.ParkingLot | None = None
        self._turn: trio.StrictFIFOLock | None = None
        self._waiting_count = 0  # of those who wait for their turn, so that nobody overtakes them

    @property
    def busy(self) -> bool:
        """Whether something waits to be sent."""
        return self._flusher is not None

    async def send(self, message: Message) -> None:
        """Send a whole message (see `Channel.send`)."""
        if self._bar_count:
            if self.closed is not None:
                raise self.closed_error()
            await self._send_in_turn(message)
            return
        if type(message) is str and self.deflater is None:
            frame = encode_text(message)
        else:
            frame = self._encode(message)
        self.sent_count += 1
        if self._arrived and len(frame) < SMALL_BYTES:
            self._hold(frame)
        else:
            if self._held:
                self._held.append(frame)
                frame = b"".join(self._held)
                self._held.clear()
                self._held_bytes = 0
            if not self._put(frame):
                await self._wait_taken(self._unsent_count)
                return
        self._streak += 1
        if self._streak >= TURN_COUNT:
            self._streak = 0
            await checkpoint()

    async def _send_in_turn(self, message: Message) -> None:
        """Send a message behind what waits to be sent.

        It is encoded when its turn has come: compressed messages are restored in the order of their
        frames, and one that is cancelled before isn't sent.
        """
        await self._wait_turn()
        self.flush()
        frame = self._encode(message)
        self.sent_count += 1
        if not self._add(frame):
            await self._wait_taken(self._unsent_count)

    async def _wait_turn(self) -> None:
        """Wait until a message may follow, behind all who wait for that already.

        Raises:
            WebSocketClosed: None may follow any more.
        """
        if self._waiting_count or self._fragmented or self.unsent_bytes >= UNSENT_BYTES:
            if self._turn is None:
                self._turn = trio.StrictFIFOLock()
            self._waiting_count += 1
            self._bar_count += 1
            try:
                async with self._turn:
                    while self._fragmented and self.closed is None:
                        await self.wait_change()
                    await self._wait_room()
            finally:
                self._waiting_count -= 1
                self._bar_count -= 1
        if self.closed is not None:
            raise self.closed_error()

    async def _wait_room(self) -> None:
        """Wait until there is room for a frame, or none can be sent any more."""
        while self.unsent_bytes >= UNSENT_BYTES and self.closed is None:
            await self.wait_change()

    def send_nowait(self, message: Message) -> bool:
        """Send a message if nothing waits before it (see `Channel.send_nowait`)."""
        if self.closed is not None:
            raise self.closed_error()
        self.flush()  # or what was compressed might not be sent
        if self._bar_count and self.closed is None:
            return False
        return self.send_frame_nowait(self._encode(message))

    def send_frame_nowait(self, frame: bytes) -> bool:
        """Send an encoded message if nothing waits before it (see `Channel`)."""
        if self._held_bytes:
            self.flush()
        if self._bar_count:
            if self.closed is not None:
                raise self.closed_error()
            return False
        self.sent_count += 1
        # as `_put` does: a message to many takes a tenth less than by a call of that
        self._clock.deadline = NOW
        send = self._send
        try:
            taken_bytes = send(frame)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            self._lose_peer()
            raise self.closed_error() from None
        if taken_bytes < len(frame):
            self._keep(frame[taken_bytes:])
        return True

    async def send_part(
        self,
        part: Message,
        *,
        first: bool,
        last: bool,
        begun: Callable[[], None] | None = None,
    ) -> None:
        """Send a fragment (see `Channel.send_part`)."""
        payload = part.encode() if isinstance(part, str) else bytes(part)
        opcode = (TEXT if isinstance(part, str) else BINARY) if first else CONTINUATION
        frame = encode_frame(opcode | (FINAL if last else 0), payload)
        if first:
            await self._wait_turn()
        else:
            await self._wait_room()
        if self.closed is not None:
            raise self.closed_error()
        self.flush()
        if begun is not None:
            begun()
        self._bar_count += (not last) - self._fragmented
        self._fragmented = not last
        self.sent_count += last
        taken = self._add(frame)
        count = self._unsent_count
        if last:
            for function in self._postponed or ():
                self._keep(function)
            self._postponed = None
            self._tell_change()
        if taken:
            await checkpoint()
        else:
            await self._wait_taken(count)

    def call_when_sent(self, function: Callable[[], bytes]) -> None:
        """Have a function called in its turn to send (see `Channel.call_when_sent`)."""
        self.flush()
        if self.closed is not None:
            return
        if self._fragmented:
            self._postponed = [*(self._postponed or ()), function]
        else:
            self._keep(function)

    def pong(self, payload: bytes) -> None:
        """Answer a ping, or only the latest one while something is unsent.

        Source: RFC 6455 section 5.5.3.
        """
        if self.closed is not None:
            return
        frame = encode_frame(FINAL | PONG, payload)
        if self._flusher is not None:
            self._pong = frame
        else:
            self._hold(frame)

    def ping(self, payload: bytes) -> bool:
        """Send a ping if nothing waits before it, and tell if it was sent."""
        self.flush()
        if self.closed is not None or self._flusher is not None:
            return False
        self._put(encode_frame(FINAL | PING, payload))
        return True

    def close(self, closed: WebSocketClosed, code: int, reason: str) -> None:
        """Send a closing frame behind all else, unless nothing can be sent any more.

        Args:
            closed: How the WebSocket has ended.
            code: The frame's.
            reason: The frame's.
        """
        self.flush()
        if self.closed is None:
            self._add(encode_close(code, reason))
        if self.closed is None:
            self._end(closed)

    def lose(self, closed: WebSocketClosed) -> None:
        """Hear that the client has gone: nothing is sent any more."""
        if self._unsent is not None:
            self._unsent.clear()
        self._held.clear()
        self._held_bytes = 0
        self.unsent_bytes = 0
        self._pong = b""
        if self._flusher is not None:
            self._flusher.stop()
        self._end(closed)

    def release(self, closed: WebSocketClosed) -> None:
        """Let go of the connection. A task that sends later hears how the WebSocket has ended."""
        self.lose(self.closed or closed)
        self._peer = None
        del self._line, self._send, self._connection, self._resume

    def _end(self, closed: WebSocketClosed) -> None:
        if self.closed is None:
            self._bar_count += 1
        self.closed = closed
        self._postponed = None
        self._tell_change()

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

    def _add(self, data: bytes) -> bool:
        """Send something behind what waits to be sent; tell if all of it was taken."""
        if self._flusher is None:
            return self._put(data)
        self._keep(data)
        return False

    def _put(self, data: bytes) -> bool:
        """Send what nothing waits before; tell if all of it was taken.

        The rest is kept for a flusher. There is none if nothing can be sent any more.
        """
        self._clock.deadline = NOW  # the next sweep looks whether it is acknowledged
        try:
            send = self._send
            taken_bytes = send(data)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            self._lose_peer()
            return False
        if taken_bytes == len(data):
            return True
        self._keep(data[taken_bytes:])
        return False

    def _keep(self, item: bytes | Callable[[], bytes]) -> None:
        """Let the flusher send something, in its turn."""
        if self._unsent is None:
            self._unsent = deque()
        self._unsent.append(item)
        self._unsent_count += 1
        if isinstance(item, bytes):
            self.unsent_bytes += len(item)
        if self._flusher is None:
            self._clock.deadline = NOW
            self._bar_count += 1
            self._flusher = Attendant(self._connection, self._flush_all)

    async def _flush_all(self) -> None:
        """Send until nothing is left, or nothing can be sent any more.

        Cancellation: a part of a frame may have gone; nothing can be sent any more.
        """
        unsent = self._unsent
        assert unsent is not None, "there is something to send"
        try:
            while unsent:
                item = unsent[0]
                data = item if isinstance(item, bytes) else item()
                if data:
                    await self._line.send_all(data)
                if unsent:  # or it is lost
                    self._take_first(unsent)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            self._lose_peer()
        except trio.Cancelled:
            if self._peer is not None:
                self._peer.write_cut = True
            self.lose(self.closed or WebSocketClosed(1006, "", "lost"))
            raise
        finally:
            self._flusher = self._unsent = None
            self._bar_count -= 1
            self._tell_change()

    def _take_first(self, unsent: deque[bytes | Callable[[], bytes]]) -> None:
        """Note that the first of what waits was taken; a pong that is owed goes before the rest."""
        item = unsent.popleft()
        self._taken_count += 1
        if isinstance(item, bytes):
            self.unsent_bytes -= len(item)
        if self.unsent_bytes < UNSENT_BYTES:
            self._resume()
        if self._pong:
            unsent.appendleft(self._pong)
            self._taken_count -= 1
            self.unsent_bytes += len(self._pong)
            self._pong = b""
        self._tell_change()

    def _lose_peer(self) -> None:
        """Hear that the client was found gone by what was sent to it."""
        if self._peer is not None:
            self._peer.gone = True
            self.lose(self.closed or WebSocketClosed(1006, "", "lost"))

    async def _wait_taken(self, count: int) -> None:
        """Wait until so many of what was kept are taken.

        Raises:
            WebSocketClosed: They can't be sent any more, or nothing can be.
        """
        if self._flusher is None:
            raise self.closed_error()
        while self._taken_count < count:
            if not self._unsent:
                raise self.closed_error()
            await self.wait_change()

    async def wait_change(self) -> None:
        """Wait until something was taken, or nothing is any more. A checkpoint."""
        if self._room is None:
            self._room = trio.lowlevel.ParkingLot()
        await self._room.park()

    def _tell_change(self) -> None:
        if self._room is not None:
            self._room.unpark_all()
