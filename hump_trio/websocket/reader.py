"""The messages of one client, taken from its bytes as they come (RFC 6455 sections 5 and 8.1)."""

from collections import deque
from math import inf
from typing import Literal, TypeAlias

from hump_trio.websocket.assembly import Assembly, Messages, Part, too_long
from hump_trio.websocket.deflate import Inflater
from hump_trio.websocket.failures import NO_CODE, WebSocketFailure, check_close_code
from hump_trio.websocket.frames import BINARY, CLOSE, CONTINUATION, FINAL, PONG, RSV1, TEXT
from hump_trio.websocket.masking import apply_mask

__all__ = ["Kind", "Part", "Reader"]

Kind: TypeAlias = Literal["text", "binary"]

RESERVED = 0x70
CONTROL = 0x08  # of an opcode
OPCODES = {CONTINUATION, TEXT, BINARY} | set(range(CLOSE, PONG + 1))
# The first bytes of whole messages of text and of bytes that are taken at once, if any are.
WHOLE: dict[Kind | None, tuple[int, int]] = {
    "text": (FINAL | TEXT, -1),
    "binary": (-1, FINAL | BINARY),
    None: (FINAL | TEXT, FINAL | BINARY),
}
NONE_WHOLE = (-1, -1)
# What one call inflates before it leaves the rest to the next one: 64 KiB can hold 66 MiB, in many
# messages. What is small takes time too: a frame of a byte as much as `FRAME_BYTES` of output, and
# two bytes that end a state of zlib as much as two bytes times `INPUT_COST` of it.
TURN_BYTES = 64 * 1024
FRAME_BYTES = 64
# The fragments and control frames that one call takes: 2 ms. A read can hold ten times as many.
TURN_FRAMES = 1024
INPUT_COST = 16
# Of a compressed message that is handed on in parts, so much is inflated at a time: 1 MiB at most.
SLICE_BYTES = 1024


class Reader:
    """Takes bytes as they come, and makes messages of them.

    A whole message in one frame in one read is the common case and takes the short way in `feed`.
    Anything else is checked at the first byte that can tell. A header is judged once two bytes of
    it are there, a length before a byte of the payload is kept, and a payload that comes in pieces
    is unmasked and checked piece by piece.

    Args:
        limit_bytes: The most that a message may have, inflated; infinite for no limit.
        kind: The only kind of messages that is taken; None for both.
        inflate: What inflates compressed messages; None if compression wasn't agreed on.

    Attributes:
        messages: Whole messages in order; while `streaming`, parts of them. Who takes them removes
            them.
        controls: The pings and pongs in order, each its opcode and its payload. Who takes them
            clears the list.
        close_code: The code of the client's Close; 1005 if that had none, None before it has come.
        close_reason: The reason of the client's Close.
        message_begun: Whether fragments of a message have come, and the last one isn't whole.
        behind: Whether bytes that were fed are held back, since enough frames were taken, or enough
            was inflated, in one call. An empty feed goes on with them, and nothing else is fed
            before it has, once the messages that were found are taken.
        inflated_bytes: What the latest call has inflated. What is small counts for more, as it
            takes as long.
    """

    __slots__ = (
        "_final",
        "_inflate",
        "_key",
        "_kind",
        "_limit_bytes",
        "_message",
        "_need_bytes",
        "_over",
        "_rest",
        "_streaming",
        "_whole",
        "behind",
        "close_code",
        "close_reason",
        "controls",
        "inflated_bytes",
        "message_begun",
        "messages",
    )

    def __init__(
        self, limit_bytes: float, kind: Kind | None = None, inflate: Inflater | None = None
    ) -> None:
        self.messages: Messages = deque()
        self.controls: list[tuple[int, bytes]] = []
        self.close_code: int | None = None
        self.close_reason: str = ""
        self.message_begun: bool = False
        self.behind: bool = False
        self.inflated_bytes: int = 0
        self._limit_bytes = limit_bytes
        self._kind = kind
        self._inflate = inflate
        self._streaming = False
        self._over = False  # by a failure or a Close: what comes then is ignored
        self._rest = b""  # of a header, of a control frame, or held back
        self._whole = WHOLE[kind]  # what takes the short way now
        self._message: Assembly | None = None
        # Of the data frame whose payload is on its way.
        self._need_bytes = 0
        self._key = b""
        self._final = False

    @property
    def frame_begun(self) -> bool:
        """Whether a part of a frame has come, and the client owes the rest."""
        return bool(self._rest or self._need_bytes) and not self.behind

    @property
    def held_bytes(self) -> int:
        """What is held of frames and messages that aren't whole, and what is held back."""
        held_bytes = 0 if self._message is None else self._message.held_bytes
        return held_bytes + len(self._rest)

    @property
    def streaming(self) -> bool:
        """Whether messages are handed on in parts as they come, without a limit.

        Where it is set within a message, what is held of that is its first part. A message that was
        begun in parts ends in parts, even where this is set back.
        """
        return self._streaming

    @streaming.setter
    def streaming(self, streaming: bool) -> None:
        self._streaming = streaming
        if self._message is None:
            self._whole = NONE_WHOLE if streaming else WHOLE[self._kind]
        elif streaming:
            self._message.hand_on()

    def feed(self, data: bytes) -> bool:
        """Take what has come; what is whole stands in `messages`, `controls` and `close_code`.

        What was found before a failure stands there too. Nothing is taken after a failure or a
        Close.

        Args:
            data: The bytes that follow those that were fed before.

        Returns:
            Whether there is more to look at than messages: control frames, a Close, or a frame or a
            message that has begun, went on or has ended, or is held back.

        Raises:
            WebSocketFailure: 1002, 1003, 1007 or 1009; the WebSocket is to be closed with that.
        """
        if self._over:
            return False
        more = False
        if self._rest:
            more = True
            data = self._rest + data
            self._rest = b""
            self.behind = False
        start, end = 0, len(data)
        append, limit_bytes = self.messages.append, self._limit_bytes
        text, binary = self._whole
        source: bytes | memoryview = data
        self.inflated_bytes = taken_count = 0
        try:
            while start < end:
                # The short way: 0.6 µs for a message of 34 bytes, a quarter of what `_take` needs.
                if end - start > 5 and ((first := data[start]) == text or first == binary):
                    size = data[start + 1] - 128  # less than nothing without a mask
                    begin = start + 6
                    if size > 125:
                        if size == 126 and end - start > 7:
                            begin = start + 8
                            size = data[start + 2] << 8 | data[start + 3]
                        elif size == 127 and end - start > 13:
                            begin = start + 14
                            size = int.from_bytes(data[start + 2 : begin - 4], "big")
                            if size < 1 << 16:
                                size = -1
                            source = memoryview(data)  # a copy would take longer than to unmask
                        if size < 128:  # a length that isn't whole, or a wrong one
                            size = -1
                    stop = begin + size
                    if 0 <= size <= limit_bytes and stop <= end:
                        payload = apply_mask(source[begin:stop], data[begin - 4 : begin])
                        append(str(payload, "utf-8") if first == text else payload)
                        start = stop
                        continue
                more = True
                stop = self._take(data, start)
                if stop == start:
                    break
                start = stop
                text, binary = self._whole
                taken_count += 1
                if start < end and (
                    taken_count >= TURN_FRAMES or self.inflated_bytes >= TURN_BYTES
                ):
                    self.behind = True
                    break
        except UnicodeDecodeError:
            self.drop()
            raise WebSocketFailure(1007, "text that isn't UTF-8") from None
        except WebSocketFailure:
            self.drop()
            raise
        if start < end and not self._over:
            self._rest = data[start:]
        return more

    def _take(self, data: bytes, start: int) -> int:
        """Take a frame, or what is there of one, and return where it ends; the start if nothing."""
        if self._need_bytes:
            assert self._message is not None
            return self._take_payload(self._message, data, start)
        end = len(data)
        if end - start < 2:
            return start
        first, size = data[start], data[start + 1]
        if size < 128:
            raise WebSocketFailure(1002, "a frame without a mask")
        size &= 127
        if first & ~FINAL or self._message is None:
            self._check_first(first)
        begin = start + 6
        if size > 125:
            if first & CONTROL:
                raise WebSocketFailure(1002, "a control frame that is too long")
            begin = start + (8 if size == 126 else 14)
            if begin - 4 > end:
                return start
            least = 126 if size == 126 else 1 << 16
            size = int.from_bytes(data[start + 2 : begin - 4], "big")
            if size < least or size >> 63:
                raise WebSocketFailure(1002, "a length that isn't in its shortest form")
        if first & CONTROL:
            stop = begin + size
            if stop > end:
                return start
            self._take_control(first & 15, apply_mask(data[begin:stop], data[begin - 4 : begin]))
            return end if self._over else stop
        message = self._message
        room_bytes = self._room_for(first) if message is None else message.room_bytes
        if size > room_bytes:
            raise too_long()
        if begin > end:
            return start
        if message is None:
            message = self._begin_message(first)
        message.room_bytes = room_bytes - size
        self._need_bytes = size
        self._key = key = data[begin - 4 : begin]
        self._final = last = first >= FINAL
        if not last:
            self.message_begun = True
        stop = begin + size
        if last or stop > end or message.inflate is not None:
            return self._take_payload(message, data, begin)
        # A whole fragment takes a short way too, since there may be ten thousand in a read.
        self._need_bytes = 0
        message.add(apply_mask(data[begin:stop], key), last=False)
        return stop

    def _check_first(self, first: int) -> None:
        """Judge a frame, which continues no message, by its first byte (RFC 6455 section 5.2)."""
        opcode = first & 15
        if first & RESERVED:
            may_inflate = self._inflate is not None and opcode in {TEXT, BINARY}
            if not may_inflate or first & RESERVED != RSV1:
                raise WebSocketFailure(1002, "a reserved bit")
        if opcode not in OPCODES:
            raise WebSocketFailure(1002, "an unknown opcode")
        if opcode & CONTROL:
            if not first & FINAL:
                raise WebSocketFailure(1002, "a fragment of a control frame")
        elif opcode == CONTINUATION:
            raise WebSocketFailure(1002, "a continuation of nothing")
        elif self._message is not None:
            raise WebSocketFailure(1002, "a message within another")
        elif self._kind is not None and (opcode == TEXT) != (self._kind == "text"):
            raise WebSocketFailure(1003, f"only {self._kind} messages are taken")

    def _room_for(self, first: int) -> float:
        """Return how many bytes headers may announce for a message, by its first byte."""
        if self._streaming:
            return inf
        if first & RSV1:
            # What can't be compressed gets longer by its blocks, and by an empty one a fragment.
            return self._limit_bytes * 1.125 + 64
        return self._limit_bytes

    def _begin_message(self, first: int) -> Assembly:
        """Return a message that begins with a frame."""
        inflate = self._inflate if first & RSV1 else None
        self._whole = NONE_WHOLE
        self._message = message = Assembly(
            self.messages,
            self._limit_bytes,
            inflate,
            is_text=first & 15 == TEXT,
            in_parts=self._streaming,
        )
        return message

    def _take_payload(self, message: Assembly, data: bytes, start: int) -> int:
        """Take what is there of a data frame's payload, and return where that ends."""
        need_bytes = self._need_bytes
        stop = min(start + need_bytes, len(data))
        if message.in_parts and message.inflate is not None:
            stop = min(stop, start + SLICE_BYTES)
        key = self._key
        piece = apply_mask(data[start:stop], key)
        self._need_bytes = need_bytes = need_bytes - (stop - start)
        if need_bytes:
            turn = (stop - start) & 3
            self._key = key[turn:] + key[:turn]
        last = self._final and not need_bytes
        size = message.add(piece, last=last)
        if message.inflate is not None:
            self.inflated_bytes += size + INPUT_COST * (stop - start) + FRAME_BYTES
        if last:
            self._forget_message()
        return stop

    def _take_control(self, opcode: int, payload: bytes) -> None:
        """Take a whole control frame (RFC 6455 section 5.5)."""
        if opcode != CLOSE:
            self.controls.append((opcode, payload))
            return
        code, reason = NO_CODE, ""
        if payload:
            code = int.from_bytes(payload[:2], "big")
            try:
                check_close_code(code)
            except ValueError:
                raise WebSocketFailure(1002, "a Close with a code that it can't carry") from None
            reason = str(payload[2:], "utf-8")
        self.close_code, self.close_reason = code, reason
        self.drop()

    def _forget_message(self) -> None:
        """Make room for the next message."""
        self._message = None
        self.message_begun = False
        self._whole = NONE_WHOLE if self._streaming else WHOLE[self._kind]

    def drop(self) -> None:
        """Take nothing any more, and let go of what is held of frames that aren't whole."""
        self._over = True
        self._need_bytes = 0
        self._rest = b""
        self.behind = False
        self._forget_message()
