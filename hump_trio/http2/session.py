"""What a server knows of an HTTP/2 connection: its streams, and what is to be sent.

What frames mean that come is the business of a `Receiver`. When those in `Session.out` go out, who
runs a request and how long anything may take isn't known here.

Source: RFC 9113, RFC 9218.
"""

from hump_trio.facts.settings import Limits
from hump_trio.http2.failures import ConnectionFailure, ErrorCode
from hump_trio.http2.flow import MAX_WINDOW
from hump_trio.http2.frames import (
    PING,
    encode_frame,
    encode_goaway,
    encode_reset,
    encode_window_update,
)
from hump_trio.http2.glitches import GlitchBucket
from hump_trio.http2.settings import (
    CONNECTION_WINDOW_BYTES,
    DEFAULT_WINDOW_BYTES,
    PeerSettings,
    encode_own_settings,
)
from hump_trio.http2.sources import Sources, parse_priority
from hump_trio.http2.streams import Stream

__all__ = ["DRAIN_PING", "LAST_ID", "USED_UP_ID", "Session"]

# So many of the streams that this side has reset are remembered at least, since the peer may have
# sent more before it knew; and as many as may be open, which may all be answered early.
RESET_COUNT = 100
# The last stream of a GOAWAY that only announces another one (RFC 9113 section 6.8).
LAST_ID = 2**31 - 1
# After half of all numbers the peer is asked to connect anew: requests have no other limit.
USED_UP_ID = 2**30
DRAIN_PING = b"draining"
SIZE_UPDATE = b"\x20"  # HPACK: from here on the encoder's table is empty


class Session:
    """One connection's streams, and the windows and settings that bound what is sent.

    Args:
        limits: The caps for heads, streams and glitches.
        now: The time of some clock in seconds, for the bucket of glitches.

    Attributes:
        limits: The caps for heads, streams and glitches.
        out: Frames to be sent, in order. Everybody adds to it, and whoever sends empties it.
        streams: Those that are open, by their numbers. A request that is answered as it comes
            needn't be among them.
        last_id: The highest stream that the peer has begun; -1 before the first one. It is written
            by the code that takes in a head.
        initial_window: What may be sent on a new stream, as the peer's settings say.
        sources: What streams have to send.
        goaway_id: The last stream that is served, as the peer was told; None if it wasn't told.
        size_update: What the next header block begins with, if that has to say that this side
            keeps no table. The code that sends that block empties it.
        drain_acked: Whether the peer has answered the PING behind the first GOAWAY; written by the
            receiver.
    """

    __slots__ = (
        "_glitches",
        "_priorities",
        "_reset_ids",
        "drain_acked",
        "goaway_id",
        "initial_window",
        "last_id",
        "limits",
        "out",
        "size_update",
        "sources",
        "streams",
    )

    def __init__(self, limits: Limits, now: float) -> None:
        self.limits: Limits = limits
        self.out: list[bytes | memoryview] = []
        self.streams: dict[int, Stream] = {}
        self.last_id: int = -1
        self.initial_window: int = DEFAULT_WINDOW_BYTES
        self.sources: Sources = Sources(DEFAULT_WINDOW_BYTES)
        self.goaway_id: int | None = None
        self.size_update: bytes = b""
        self.drain_acked: bool = False
        self._glitches = GlitchBucket(limits.glitches, now)
        # Both are made when they are needed, which is seldom.
        self._reset_ids: dict[int, None] | None = None  # from the oldest to the newest
        self._priorities: dict[int, tuple[int, bool]] | None = None

    def greet(self) -> None:
        """Send the first settings, and open the connection's window (RFC 9113 section 3.4)."""
        self.out.append(encode_own_settings(self.limits))
        more_bytes = CONNECTION_WINDOW_BYTES - DEFAULT_WINDOW_BYTES
        self.out.append(encode_window_update(0, more_bytes))

    def spend_glitch(self, now: float) -> None:
        """Count a glitch.

        Raises:
            ConnectionFailure: There were too many.
        """
        self._glitches.spend(now)

    def reset(self, stream_id: int, code: ErrorCode, now: float) -> None:
        """Reset a stream for what the peer has done, which is a glitch; unless it is reset already.

        Raises:
            ConnectionFailure: There were too many glitches.
        """
        if not self.was_cut(stream_id):
            self.cut(stream_id, code)
        self.spend_glitch(now)

    def cut(self, stream_id: int, code: ErrorCode) -> None:
        """Reset a stream, whoever is to blame."""
        self.out.append(encode_reset(stream_id, code))
        reset_ids = self._reset_ids = self._reset_ids or {}
        reset_ids[stream_id] = None
        if len(reset_ids) > max(RESET_COUNT, self.limits.streams):
            del reset_ids[next(iter(reset_ids))]
        self.end(stream_id)

    def was_cut(self, stream_id: int) -> bool:
        """Tell whether this side has reset a stream, as far as that is remembered."""
        return self._reset_ids is not None and stream_id in self._reset_ids

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

    def end(self, stream_id: int) -> None:
        """Forget a stream that either side has reset; one that is known hears of it."""
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
        """Tell the peer which stream is the last one that is served.

        It is never a later one than the peer was told before (RFC 9113 section 6.8).
        """
        if self.goaway_id is not None:
            last_id = min(last_id, self.goaway_id)
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

    def prioritize(self, stream_id: int, priority: tuple[int, bool]) -> bool:
        """Give a stream a priority, perhaps before it is begun; False if too many wait for that.

        Args:
            stream_id: Its number.
            priority: Urgency, and whether the response is incremental.

        Source: RFC 9218 section 7.1.
        """
        stream = self.streams.get(stream_id)
        if stream is not None:
            stream.urgency, stream.incremental = priority
        elif stream_id > self.last_id:
            early = self._priorities = self._priorities or {}
            most = self.limits.streams - len(self.streams)
            if len(early) >= most and stream_id not in early:
                # What was left out, or answered as it came, isn't waited for any more.
                early = {key: early[key] for key in early if key > self.last_id}
                self._priorities = early
                if len(early) >= most:
                    return False
            early[stream_id] = priority
        return True

    def apply(self, settings: PeerSettings) -> None:
        """Obey what the peer says of itself.

        Raises:
            ConnectionFailure: The window of an open stream would exceed all numbers.
        """
        if settings.window is not None:
            before, self.initial_window = self.initial_window, settings.window
            for stream in self.streams.values():
                if stream.window - before + settings.widest_window > MAX_WINDOW:
                    raise ConnectionFailure(ErrorCode.FLOW_CONTROL_ERROR, "a window past 2^31-1")
                stream.window += settings.window - before
        if settings.small_table:  # RFC 7541 section 4.2: a smaller table is confirmed
            self.size_update = SIZE_UPDATE
