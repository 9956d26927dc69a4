"""What a server knows of an HTTP/2 connection, and what each frame means for it.

Bytes that nobody can understand end the connection, and bytes that spoil one request end its
stream; everything else is answered by frames in `Session.out`. When those go out, who runs a
request and how long anything may take isn't known here.

Source: RFC 9113, RFC 9218.
"""

from collections import deque
from collections.abc import Callable, Mapping
from typing import NamedTuple

from hump_trio.facts.settings import Limits
from hump_trio.http2.failures import ConnectionFailure, ErrorCode, StreamFailure
from hump_trio.http2.flow import MAX_WINDOW, InflowWindow
from hump_trio.http2.frames import (
    ACK,
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    FRAME_BYTES,
    GOAWAY,
    HEADERS,
    PADDED,
    PING,
    PRIORITY,
    PRIORITY_UPDATE,
    PUSH_PROMISE,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
    WITH_PRIORITY,
    encode_frame,
    encode_goaway,
    encode_reset,
    encode_settings,
    encode_window_update,
)
from hump_trio.http2.glitches import GlitchBucket
from hump_trio.http2.hpack import Decoder, Field
from hump_trio.http2.messages import parse_trailers
from hump_trio.http2.sources import Sources, parse_priority
from hump_trio.http2.streams import STREAM_WINDOW_BYTES, Stream

__all__ = ["LAST_ID", "Session", "StreamHead"]

DEFAULT_WINDOW_BYTES = 65_535  # RFC 9113 section 6.9.2
DEFAULT_TABLE_BYTES = 4_096  # RFC 7541 section 4.2
# Streams share it, and it is credited when bytes come: a handler that doesn't read holds up none.
CONNECTION_WINDOW_BYTES = 1024 * 1024
# The numbers of settings (RFC 9113 section 6.5.2; the last one is RFC 9218 section 2.1).
HEADER_TABLE_SIZE, ENABLE_PUSH, MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE = 1, 2, 3, 4
MAX_FRAME_SIZE, MAX_HEADER_LIST_SIZE, NO_RFC7540_PRIORITIES = 5, 6, 9
# A head of eight frames is longer than any allowed one; empty ones are the attack.
CONTINUATION_COUNT = 8
# How many of the streams that this side has reset are remembered, since the peer may have sent more
# before it knew.
RESET_COUNT = 100
# A receiver that updates its windows more often than for each frame of DATA wants to be a burden.
UPDATES_PER_FRAME = 10
# The last stream of a GOAWAY that only announces another one (RFC 9113 section 6.8).
LAST_ID = 2**31 - 1
# After half of all numbers the peer is asked to connect anew: requests have no other limit.
USED_UP_ID = 2**30
DRAIN_PING = b"draining"
SIZE_UPDATE = b"\x20"  # HPACK: from here on the encoder's table is empty


class StreamHead(NamedTuple):
    """The head of a new stream, decoded.

    Args:
        stream_id: Its number.
        fields: As they came; None for a malformed one.
        ends: Whether no body follows.
    """

    stream_id: int
    fields: list[Field | None]
    ends: bool


class Session:
    """One connection's settings, streams and windows.

    Args:
        limits: The caps for heads, streams and glitches.
        now: The time of some clock in seconds, for the bucket of glitches.

    Attributes:
        out: Frames to be sent, in order.
        decoder: Knows the peer's table of fields.
        streams: Those that are open, by their numbers. A request that is answered as it comes
            needn't be among them.
        last_id: The highest stream that the peer has begun; -1 before the first one.
        initial_window: What may be sent on a new stream.
        sources: What streams have to send.
        greeted: Whether the peer has sent its first settings.
        block: The header block that is still incomplete; None if none is.
        goaway_id: The last stream that is served, as the peer was told; None if it wasn't told.
        size_update: What the next header block begins with, if that has to say that this side
            keeps no table.
        drain_acked: Whether the peer has answered the PING behind the first GOAWAY.
    """

    __slots__ = (
        "_block_ends",
        "_block_id",
        "_continuation_count",
        "_glitches",
        "_inflow",
        "_limits",
        "_priorities",
        "_reset_ids",
        "_skipped",
        "_update_count",
        "block",
        "decoder",
        "drain_acked",
        "goaway_id",
        "greeted",
        "initial_window",
        "last_id",
        "out",
        "size_update",
        "sources",
        "streams",
    )

    def __init__(self, limits: Limits, now: float) -> None:
        self.out: list[bytes | memoryview] = []
        self.decoder: Decoder = Decoder()
        self.streams: dict[int, Stream] = {}
        self.last_id: int = -1
        self.initial_window: int = DEFAULT_WINDOW_BYTES
        self.sources: Sources = Sources(DEFAULT_WINDOW_BYTES)
        self.greeted: bool = False
        self.block: bytearray | None = None
        self.goaway_id: int | None = None
        self.size_update: bytes = b""
        self.drain_acked: bool = False
        self._limits = limits
        self._glitches = GlitchBucket(limits.glitches, now)
        self._inflow = InflowWindow(CONNECTION_WINDOW_BYTES)
        self._block_id = 0
        self._block_ends = False
        self._continuation_count = 0
        self._reset_ids: deque[int] | None = None
        self._priorities: dict[int, tuple[int, bool]] | None = None
        self._skipped: bool = False  # whether the peer has left out numbers of streams
        self._update_count = 0

    def greet(self) -> None:
        """Send the first settings, and open the connection's window (RFC 9113 section 3.4)."""
        limits = self._limits
        settings = (
            (MAX_CONCURRENT_STREAMS, limits.streams),
            (INITIAL_WINDOW_SIZE, STREAM_WINDOW_BYTES),
            (MAX_HEADER_LIST_SIZE, limits.head_bytes + 32 * limits.header_count),
            (NO_RFC7540_PRIORITIES, 1),
        )
        self.out.append(encode_settings(settings))
        more_bytes = CONNECTION_WINDOW_BYTES - DEFAULT_WINDOW_BYTES
        self.out.append(encode_window_update(0, more_bytes))

    def spend_glitch(self, now: float) -> None:
        """Count a glitch.

        Raises:
            ConnectionFailure: There were too many.
        """
        self._glitches.spend(now)

    def receive(
        self, kind: int, flags: int, stream_id: int, payload: bytes, now: float
    ) -> StreamHead | None:
        """Take in a frame, and return the head of a new stream if it completes one.

        Args:
            kind: Its type.
            flags: Its flags.
            stream_id: Its stream, as it came.
            payload: Its payload, which isn't longer than `FRAME_BYTES`.
            now: The time in seconds.

        Raises:
            ConnectionFailure: The connection ends.
        """
        stream_id &= LAST_ID
        if self.block is not None and (kind != CONTINUATION or stream_id != self._block_id):
            raise violation("a frame within a header block")
        if not self.greeted:
            if kind != SETTINGS or flags & ACK:
                raise violation("no SETTINGS behind the preface")
            self.greeted = True
        receive = RECEIVERS.get(kind)
        if receive is None:
            self.spend_glitch(now)  # RFC 9113 section 5.5: unknown types are ignored
            return None
        try:
            return receive(self, flags, stream_id, payload, now)
        except StreamFailure as failure:
            self.reset(stream_id, failure.code, now)
            return None

    def reset(self, stream_id: int, code: ErrorCode, now: float) -> None:
        """Reset a stream for what the peer has done, which is a glitch.

        Raises:
            ConnectionFailure: There were too many glitches.
        """
        self.cut(stream_id, code)
        self.spend_glitch(now)

    def cut(self, stream_id: int, code: ErrorCode) -> None:
        """Reset a stream, whoever is to blame."""
        self.out.append(encode_reset(stream_id, code))
        if self._reset_ids is None:
            self._reset_ids = deque(maxlen=RESET_COUNT)
        self._reset_ids.append(stream_id)
        self._end(stream_id)

    def close(self, stream: Stream) -> None:
        """End a stream whose answer is framed.

        If its request hasn't come to its end, nobody wants the rest (RFC 9113 section 8.1).
        """
        if stream.stream_id not in self.streams:
            return
        if stream.input_ended:
            del self.streams[stream.stream_id]
        else:
            self.cut(stream.stream_id, ErrorCode.NO_ERROR)

    def _end(self, stream_id: int) -> None:
        stream = self.streams.pop(stream_id, None)
        if stream is not None:
            self.sources.discard(stream)
            stream.reset = True
            stream.notice_reset()

    def free(self, stream: Stream, byte_count: int) -> bool:
        """Let the peer send more of a body, since so much of it was taken; tell if that is said."""
        told_bytes = stream.free(byte_count)
        if told_bytes:
            self.out.append(encode_window_update(stream.stream_id, told_bytes))
        return told_bytes > 0

    def say_goodbye(self, last_id: int, code: ErrorCode = ErrorCode.NO_ERROR) -> None:
        """Tell the peer which stream is the last one that is served."""
        self.goaway_id = last_id
        self.out.append(encode_goaway(max(last_id, 0), code))

    def announce_goodbye(self) -> None:
        """Tell the peer that a last stream will be named, and learn when it knows that."""
        self.say_goodbye(LAST_ID)
        self.out.append(encode_frame(PING, 0, 0, DRAIN_PING))

    def open(self, stream: Stream, priority: str | None) -> None:
        """Know a stream from now on.

        Args:
            stream: A new one.
            priority: The request's field of that name; None without one.
        """
        self.streams[stream.stream_id] = stream
        if self._priorities and stream.stream_id in self._priorities:
            stream.urgency, stream.incremental = self._priorities.pop(stream.stream_id)
        elif priority is not None:
            stream.urgency, stream.incremental = parse_priority(priority)

    # What each type of frame means.

    def _receive_headers(
        self, flags: int, stream_id: int, payload: bytes, now: float
    ) -> StreamHead | None:
        if not stream_id & 1:
            raise violation("HEADERS on a stream that a client can't begin")
        payload = unpad(flags, payload)
        itself = False
        if flags & WITH_PRIORITY:
            if len(payload) < 5:
                raise ConnectionFailure(ErrorCode.FRAME_SIZE_ERROR, "HEADERS without its priority")
            itself = int.from_bytes(payload[:4], "big") & LAST_ID == stream_id
            payload = payload[5:]
        ends = bool(flags & END_STREAM)
        if not flags & END_HEADERS:
            self.block = bytearray(payload)
            self._block_id, self._block_ends, self._continuation_count = stream_id, ends, 0
            return None
        return self._receive_block(stream_id, payload, now, ends=ends, itself=itself)

    def _receive_continuation(
        self, flags: int, stream_id: int, payload: bytes, now: float
    ) -> StreamHead | None:
        if self.block is None:
            raise violation("a CONTINUATION of nothing")
        self.block += payload
        self._continuation_count += 1
        if not flags & END_HEADERS:
            too_long = len(self.block) > 2 * self._limits.head_bytes
            if too_long or self._continuation_count >= CONTINUATION_COUNT:
                raise ConnectionFailure(ErrorCode.ENHANCE_YOUR_CALM, "a header block without end")
            return None
        block, self.block = bytes(self.block), None
        return self._receive_block(stream_id, block, now, ends=self._block_ends, itself=False)

    def _receive_block(
        self, stream_id: int, block: bytes, now: float, *, ends: bool, itself: bool
    ) -> StreamHead | None:
        """Take in a whole header block; it changes the table whatever becomes of its stream."""
        fields = self.decoder.decode(block)
        if stream_id > self.last_id:
            self._skipped = bool(self._skipped or stream_id != self.last_id + 2)
            self.last_id = stream_id
            if itself:
                raise StreamFailure(ErrorCode.PROTOCOL_ERROR, "a stream that depends on itself")
            if self.goaway_id is not None and stream_id > self.goaway_id:
                self.cut(stream_id, ErrorCode.REFUSED_STREAM)
                return None
            return StreamHead(stream_id, fields, ends)
        stream = self.streams.get(stream_id)
        if stream is None:
            if self._reset_ids is not None and stream_id in self._reset_ids:
                return None
            if self._skipped:
                raise violation("HEADERS on a stream of an earlier number")
            raise ConnectionFailure(ErrorCode.STREAM_CLOSED, "HEADERS on a closed stream")
        if stream.input_ended:
            raise StreamFailure(ErrorCode.STREAM_CLOSED, "HEADERS behind the end of a request")
        if not ends:
            raise StreamFailure(ErrorCode.PROTOCOL_ERROR, "trailers that don't end a request")
        stream.end_input(parse_trailers(fields, self._limits))
        return None

    def _receive_data(self, flags: int, stream_id: int, payload: bytes, now: float) -> None:
        if not stream_id:
            raise violation("DATA on no stream")
        flow_bytes = len(payload)
        self._inflow.left_bytes -= flow_bytes
        if self._inflow.left_bytes < 0:
            raise ConnectionFailure(ErrorCode.FLOW_CONTROL_ERROR, "DATA past the window")
        told_bytes = self._inflow.free(flow_bytes)
        if told_bytes:
            self.out.append(encode_window_update(0, told_bytes))
        data = unpad(flags, payload)
        ends = bool(flags & END_STREAM)
        if not (data or ends):
            self.spend_glitch(now)
        stream = self.streams.get(stream_id)
        if stream is not None:
            stream.receive_data(data, flow_bytes, ends=ends)
            if flow_bytes > len(data):
                self.free(stream, flow_bytes - len(data))
        elif stream_id > self.last_id:
            raise violation("DATA on a stream that wasn't begun")
        elif self._reset_ids is None or stream_id not in self._reset_ids:
            raise StreamFailure(ErrorCode.STREAM_CLOSED, "DATA on a closed stream")

    def _receive_priority(self, flags: int, stream_id: int, payload: bytes, now: float) -> None:
        """Ignore a priority of RFC 7540, as settings have said."""
        if not stream_id:
            raise violation("PRIORITY on no stream")
        if len(payload) != 5:
            raise StreamFailure(ErrorCode.FRAME_SIZE_ERROR, "PRIORITY of another length than 5")
        if int.from_bytes(payload[:4], "big") & LAST_ID == stream_id:
            raise StreamFailure(ErrorCode.PROTOCOL_ERROR, "a stream that depends on itself")
        self.spend_glitch(now)

    def _receive_reset(self, flags: int, stream_id: int, payload: bytes, now: float) -> None:
        if len(payload) != 4:
            raise ConnectionFailure(ErrorCode.FRAME_SIZE_ERROR, "RST_STREAM of a wrong length")
        if not stream_id or stream_id > self.last_id:
            raise violation("RST_STREAM on a stream that wasn't begun")
        self._end(stream_id)
        self.spend_glitch(now)

    def _receive_settings(self, flags: int, stream_id: int, payload: bytes, now: float) -> None:
        if stream_id:
            raise violation("SETTINGS on a stream")
        if len(payload) % 6 or (flags & ACK and payload):
            raise ConnectionFailure(ErrorCode.FRAME_SIZE_ERROR, "SETTINGS of a wrong length")
        if flags & ACK:
            return
        for start in range(0, len(payload), 6):
            key = int.from_bytes(payload[start : start + 2], "big")
            self._set(key, int.from_bytes(payload[start + 2 : start + 6], "big"))
        self.out.append(encode_frame(SETTINGS, ACK, 0))
        self.spend_glitch(now)

    def _set(self, key: int, value: int) -> None:
        """Heed a setting of the peer's; unknown ones are ignored (RFC 9113 section 6.5.2)."""
        if key == INITIAL_WINDOW_SIZE:
            if value > MAX_WINDOW:
                raise ConnectionFailure(ErrorCode.FLOW_CONTROL_ERROR, "a window past 2^31-1")
            more_bytes = value - self.initial_window
            self.initial_window = value
            for stream in self.streams.values():
                stream.window += more_bytes
                if stream.window > MAX_WINDOW:
                    raise ConnectionFailure(ErrorCode.FLOW_CONTROL_ERROR, "a window past 2^31-1")
        elif key == HEADER_TABLE_SIZE:
            if value < DEFAULT_TABLE_BYTES:  # RFC 7541 section 4.2: a smaller table is confirmed
                self.size_update = SIZE_UPDATE
        elif (key in (ENABLE_PUSH, NO_RFC7540_PRIORITIES) and value > 1) or (
            key == MAX_FRAME_SIZE and not FRAME_BYTES <= value < 2**24
        ):
            raise violation("a setting of no meaning")

    def _receive_push(self, flags: int, stream_id: int, payload: bytes, now: float) -> None:
        raise violation("PUSH_PROMISE from a client")

    def _receive_ping(self, flags: int, stream_id: int, payload: bytes, now: float) -> None:
        if stream_id:
            raise violation("PING on a stream")
        if len(payload) != 8:
            raise ConnectionFailure(ErrorCode.FRAME_SIZE_ERROR, "PING of another length than 8")
        if not flags & ACK:
            self.out.append(encode_frame(PING, ACK, 0, payload))
        elif payload == DRAIN_PING and self.goaway_id is not None:
            self.drain_acked = True
        self.spend_glitch(now)

    def _receive_goaway(self, flags: int, stream_id: int, payload: bytes, now: float) -> None:
        """Hear that the peer takes no stream of this side, which begins none anyway."""
        if stream_id:
            raise violation("GOAWAY on a stream")
        if len(payload) < 8:
            raise ConnectionFailure(ErrorCode.FRAME_SIZE_ERROR, "GOAWAY shorter than 8 bytes")
        self.spend_glitch(now)

    def _receive_window_update(
        self, flags: int, stream_id: int, payload: bytes, now: float
    ) -> None:
        if len(payload) != 4:
            raise ConnectionFailure(ErrorCode.FRAME_SIZE_ERROR, "WINDOW_UPDATE of a wrong length")
        if stream_id > max(self.last_id, 0):
            raise violation("WINDOW_UPDATE on a stream that wasn't begun")
        self._update_count += 1
        frame_count = self.sources.data_frame_count + (self.last_id + 1) // 2
        if self._update_count > UPDATES_PER_FRAME * (frame_count + 1):
            self.spend_glitch(now)
        more_bytes = int.from_bytes(payload, "big") & MAX_WINDOW
        if not stream_id:
            if not more_bytes:
                raise violation("WINDOW_UPDATE by nothing")
            self.sources.window += more_bytes
            if self.sources.window > MAX_WINDOW:
                raise ConnectionFailure(ErrorCode.FLOW_CONTROL_ERROR, "a window past 2^31-1")
            return
        stream = self.streams.get(stream_id)
        if stream is None:
            return
        if not more_bytes:
            raise StreamFailure(ErrorCode.PROTOCOL_ERROR, "WINDOW_UPDATE by nothing")
        stream.window += more_bytes
        if stream.window > MAX_WINDOW:
            raise StreamFailure(ErrorCode.FLOW_CONTROL_ERROR, "a window past 2^31-1")

    def _receive_priority_update(
        self, flags: int, stream_id: int, payload: bytes, now: float
    ) -> None:
        """Take in a priority, perhaps of a stream that isn't begun (RFC 9218 section 7.1)."""
        if stream_id:
            raise violation("PRIORITY_UPDATE on a stream")
        if len(payload) < 4:
            raise ConnectionFailure(ErrorCode.FRAME_SIZE_ERROR, "PRIORITY_UPDATE of no stream")
        self.spend_glitch(now)
        meant_id = int.from_bytes(payload[:4], "big") & LAST_ID
        if not meant_id & 1:
            raise violation("PRIORITY_UPDATE of a stream that a client can't begin")
        priority = parse_priority(payload[4:].decode("latin-1"))
        stream = self.streams.get(meant_id)
        if stream is not None:
            stream.urgency, stream.incremental = priority
        elif meant_id > self.last_id:
            self._priorities = self._priorities or {}
            if len(self._priorities) < self._limits.streams or meant_id in self._priorities:
                self._priorities[meant_id] = priority


Receiver = Callable[[Session, int, int, bytes, float], StreamHead | None]

RECEIVERS: Mapping[int, Receiver] = {
    DATA: Session._receive_data,
    HEADERS: Session._receive_headers,
    PRIORITY: Session._receive_priority,
    RST_STREAM: Session._receive_reset,
    SETTINGS: Session._receive_settings,
    PUSH_PROMISE: Session._receive_push,
    PING: Session._receive_ping,
    GOAWAY: Session._receive_goaway,
    WINDOW_UPDATE: Session._receive_window_update,
    CONTINUATION: Session._receive_continuation,
    PRIORITY_UPDATE: Session._receive_priority_update,
}


def violation(text: str) -> ConnectionFailure:
    """Return the failure for what RFC 9113 calls a connection error of type PROTOCOL_ERROR."""
    return ConnectionFailure(ErrorCode.PROTOCOL_ERROR, text)


def unpad(flags: int, payload: bytes) -> bytes:
    """Return a payload without its padding (RFC 9113 section 6.1).

    Raises:
        ConnectionFailure: PROTOCOL_ERROR, the padding is longer than the payload.
    """
    if not flags & PADDED:
        return payload
    if not payload:
        raise ConnectionFailure(ErrorCode.FRAME_SIZE_ERROR, "no length of the padding")
    end = len(payload) - payload[0]
    if end < 1:
        raise violation("padding longer than its frame")
    return payload[1:end]
