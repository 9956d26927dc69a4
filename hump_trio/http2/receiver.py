"""What each frame of a client means for a connection of HTTP/2.

Bytes that nobody can understand end the connection, and bytes that spoil one request end its
stream; everything else is answered by frames in `Session.out`.

Source: RFC 9113, RFC 9218.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from hump_trio.http2.failures import ConnectionFailure, ErrorCode, StreamFailure, violation
from hump_trio.http2.flow import MAX_WINDOW, InflowWindow
from hump_trio.http2.frames import (
    ACK,
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    GOAWAY,
    HEADERS,
    PING,
    PRIORITY,
    PRIORITY_UPDATE,
    PUSH_PROMISE,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
    encode_frame,
    encode_window_update,
    read_number,
    unpad,
)
from hump_trio.http2.header_block import PRIORITY_BYTES, HeaderBlock, parse_headers
from hump_trio.http2.hpack import Decoder, Field
from hump_trio.http2.messages import parse_trailers
from hump_trio.http2.session import DRAIN_PING, LAST_ID, Session
from hump_trio.http2.settings import CONNECTION_WINDOW_BYTES, parse_settings
from hump_trio.http2.sources import parse_priority
from hump_trio.http2.streams import STREAM_WINDOW_BYTES

__all__ = ["Receiver", "StreamHead"]

# A receiver that updates its windows more often than for each frame of DATA wants to be a burden.
UPDATES_PER_FRAME = 10
# So many fields more than allowed are answered by a 431; behind that the time of others is spent.
SPARE_FIELD_COUNT = 1000
# Frames of the connection, which are on no stream; and frames that have one length.
CONNECTION_KINDS = frozenset({SETTINGS, PING, GOAWAY, PRIORITY_UPDATE})
LENGTHS = {RST_STREAM: 4, PING: 8, WINDOW_UPDATE: 4}


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


class Receiver:
    """Takes in the frames of one connection.

    Args:
        session: What is known of the connection.

    Attributes:
        decoder: Knows the peer's table of fields.
        greeted: Whether the peer has sent its first settings.
        block: The header block that is still incomplete; None if none is.
    """

    __slots__ = (
        "_acked",
        "_inflow",
        "_session",
        "_skipped_count",
        "_update_count",
        "block",
        "decoder",
        "greeted",
    )

    def __init__(self, session: Session) -> None:
        self.decoder: Decoder = Decoder(field_limit=session.limits.header_count + SPARE_FIELD_COUNT)
        self.greeted: bool = False
        self.block: HeaderBlock | None = None
        self._session = session
        self._inflow = InflowWindow(CONNECTION_WINDOW_BYTES)
        self._acked: bool = False  # whether the peer knows the settings of this side
        self._skipped_count = 0  # streams that the peer has left out
        self._update_count = 0

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
        block, session = self.block, self._session
        if block is not None and (kind != CONTINUATION or stream_id != block.stream_id):
            raise violation("a frame within a header block")
        if not self.greeted:
            if kind != SETTINGS or flags & ACK:
                raise violation("no SETTINGS behind the preface")
            self.greeted = True
        if stream_id and kind in CONNECTION_KINDS:
            raise violation("a frame of the connection on a stream")
        if len(payload) != LENGTHS.get(kind, len(payload)):
            raise ConnectionFailure(ErrorCode.FRAME_SIZE_ERROR, "a frame of a wrong length")
        receive = RECEIVERS.get(kind)
        if receive is None:
            session.spend_glitch(now)  # RFC 9113 section 5.5: unknown types are ignored
            return None
        try:
            return receive(self, flags, stream_id, payload, now)
        except StreamFailure as failure:
            if self._is_idle(stream_id):  # RFC 9113 section 6.4: it can't be reset
                raise ConnectionFailure(failure.code, str(failure)) from None
            session.reset(stream_id, failure.code, now)
            return None

    def take_body(self, byte_count: int) -> bool:
        """Count a body for which no stream is made, if its window allows it; tell if it does."""
        fits = byte_count <= STREAM_WINDOW_BYTES
        if fits:
            self._count_data(byte_count)
        return fits

    def _is_idle(self, stream_id: int) -> bool:
        """Tell whether a stream was never begun: only PRIORITY may name it (section 5.1)."""
        return stream_id > self._session.last_id or not stream_id & 1

    def _receive_headers(
        self, flags: int, stream_id: int, payload: bytes, now: float
    ) -> StreamHead | None:
        block = parse_headers(flags, stream_id, payload)
        if flags & END_HEADERS:
            return self._receive_block(block, now)
        self.block = block
        return None

    def _receive_continuation(
        self, flags: int, stream_id: int, payload: bytes, now: float
    ) -> StreamHead | None:
        block, whole = self.block, bool(flags & END_HEADERS)
        if block is None:
            raise violation("a CONTINUATION of nothing")
        block.add(payload, 2 * self._session.limits.head_bytes, whole=whole)
        if not whole:
            return None
        self.block = None
        return self._receive_block(block, now)

    def _receive_block(self, block: HeaderBlock, now: float) -> StreamHead | None:
        """Take in a whole header block; it changes the table whatever becomes of its stream."""
        session, stream_id = self._session, block.stream_id
        fields = self.decoder.decode(block.data)
        if stream_id > session.last_id:
            self._skipped_count += (stream_id - session.last_id) // 2 - 1
            session.last_id = stream_id
            if block.loops:
                raise StreamFailure(ErrorCode.PROTOCOL_ERROR, "a stream that depends on itself")
            if session.goaway_id is not None and stream_id > session.goaway_id:
                session.reset(stream_id, ErrorCode.REFUSED_STREAM, now)
                return None
            return StreamHead(stream_id, fields, block.ends)
        stream = session.streams.get(stream_id)
        if stream is None:
            if session.was_cut(stream_id):
                return None
            if self._skipped_count:
                raise violation("HEADERS on a stream of an earlier number")
            raise ConnectionFailure(ErrorCode.STREAM_CLOSED, "HEADERS on a closed stream")
        if stream.input_ended:
            raise StreamFailure(ErrorCode.STREAM_CLOSED, "HEADERS behind the end of a request")
        if stream.tunnel or not block.ends:
            raise StreamFailure(ErrorCode.PROTOCOL_ERROR, "trailers that don't end a request")
        stream.end_input(parse_trailers(fields, session.limits))
        return None

    def _receive_data(self, flags: int, stream_id: int, payload: bytes, now: float) -> None:
        session, flow_bytes = self._session, len(payload)
        self._count_data(flow_bytes)
        data = unpad(flags, payload)
        ends = bool(flags & END_STREAM)
        if not (data or ends):
            session.spend_glitch(now)
        stream = session.streams.get(stream_id)
        if stream is not None:
            stream.receive_data(data, flow_bytes, ends=ends)
            if flow_bytes > len(data):
                session.free(stream, flow_bytes - len(data))
        elif self._is_idle(stream_id):
            raise violation("DATA on a stream that wasn't begun")
        elif not session.was_cut(stream_id):
            raise StreamFailure(ErrorCode.STREAM_CLOSED, "DATA on a closed stream")

    def _count_data(self, flow_bytes: int) -> None:
        """Count what has come for the connection's window, and open it again.

        More than half of it is always open, so that nothing can come which has no room. What a
        server holds is bounded by the windows of its streams.
        """
        self._inflow.left_bytes -= flow_bytes
        told_bytes = self._inflow.free(flow_bytes)
        if told_bytes:
            self._session.out.append(encode_window_update(0, told_bytes))

    def _receive_priority(self, flags: int, stream_id: int, payload: bytes, now: float) -> None:
        """Ignore a priority of RFC 7540, as settings have said."""
        if not stream_id:
            raise violation("PRIORITY on no stream")
        if len(payload) != PRIORITY_BYTES:
            raise StreamFailure(ErrorCode.FRAME_SIZE_ERROR, "PRIORITY of another length than 5")
        if read_number(payload) == stream_id:
            raise StreamFailure(ErrorCode.PROTOCOL_ERROR, "a stream that depends on itself")
        self._session.spend_glitch(now)

    def _receive_reset(self, flags: int, stream_id: int, payload: bytes, now: float) -> None:
        if self._is_idle(stream_id):
            raise violation("RST_STREAM on a stream that wasn't begun")
        self._session.end(stream_id)
        self._session.spend_glitch(now)

    def _receive_settings(self, flags: int, stream_id: int, payload: bytes, now: float) -> None:
        session = self._session
        if not flags & ACK:
            session.apply(parse_settings(payload))
            session.out.append(encode_frame(SETTINGS, ACK, 0))
        elif payload:
            raise ConnectionFailure(ErrorCode.FRAME_SIZE_ERROR, "a confirmation of some length")
        else:
            self._acked = True
        session.spend_glitch(now)

    def _receive_push(self, flags: int, stream_id: int, payload: bytes, now: float) -> None:
        raise violation("PUSH_PROMISE from a client")

    def _receive_ping(self, flags: int, stream_id: int, payload: bytes, now: float) -> None:
        session = self._session
        if not flags & ACK:
            session.out.append(encode_frame(PING, ACK, 0, payload))
        elif payload == DRAIN_PING and session.goaway_id is not None:
            session.drain_acked = True
        session.spend_glitch(now)

    def _receive_goaway(self, flags: int, stream_id: int, payload: bytes, now: float) -> None:
        """Hear that the peer takes no stream of this side, which begins none anyway."""
        if len(payload) < 8:
            raise ConnectionFailure(ErrorCode.FRAME_SIZE_ERROR, "GOAWAY shorter than 8 bytes")
        self._session.spend_glitch(now)

    def _receive_window_update(
        self, flags: int, stream_id: int, payload: bytes, now: float
    ) -> None:
        session = self._session
        if stream_id and self._is_idle(stream_id):
            raise violation("WINDOW_UPDATE on a stream that wasn't begun")
        self._update_count += 1
        stream_count = (session.last_id + 1) // 2 - self._skipped_count
        frame_count = session.sources.data_frame_count + stream_count
        if self._update_count > UPDATES_PER_FRAME * (frame_count + 1):
            session.spend_glitch(now)
        more_bytes = read_number(payload)
        if not stream_id:
            if not more_bytes:
                raise violation("WINDOW_UPDATE by nothing")
            session.sources.window += more_bytes
            session.sources.granted_bytes += more_bytes
            if session.sources.window > MAX_WINDOW:
                raise ConnectionFailure(ErrorCode.FLOW_CONTROL_ERROR, "a window past 2^31-1")
            return
        stream = session.streams.get(stream_id)
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
        if len(payload) < 4:
            raise ConnectionFailure(ErrorCode.FRAME_SIZE_ERROR, "PRIORITY_UPDATE of no stream")
        self._session.spend_glitch(now)
        meant_id = read_number(payload)
        if not meant_id & 1:
            raise violation("PRIORITY_UPDATE of a stream that a client can't begin")
        priority = parse_priority(payload[4:].decode("latin-1"))
        # A client that doesn't know yet how many streams it may have can't keep to it.
        if not self._session.prioritize(meant_id, priority) and self._acked:
            raise violation("PRIORITY_UPDATE of too many streams")


Receive = Callable[[Receiver, int, int, bytes, float], StreamHead | None]

RECEIVERS: Mapping[int, Receive] = {
    DATA: Receiver._receive_data,
    HEADERS: Receiver._receive_headers,
    PRIORITY: Receiver._receive_priority,
    RST_STREAM: Receiver._receive_reset,
    SETTINGS: Receiver._receive_settings,
    PUSH_PROMISE: Receiver._receive_push,
    PING: Receiver._receive_ping,
    GOAWAY: Receiver._receive_goaway,
    WINDOW_UPDATE: Receiver._receive_window_update,
    CONTINUATION: Receiver._receive_continuation,
    PRIORITY_UPDATE: Receiver._receive_priority_update,
}
