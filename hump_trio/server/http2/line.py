"""One WebSocket of an HTTP/2 connection: the bytes of its stream, both ways.

Source: RFC 8441 section 5.
"""

from collections.abc import Callable

import trio
from trio.lowlevel import Abort, Task, current_task, reschedule, wait_task_rescheduled

from hump_trio.http2.failures import ErrorCode
from hump_trio.http2.streams import Stream
from hump_trio.server.clock import Clock
from hump_trio.server.http2.multiplexer import UNSENT_BYTES, Multiplexer
from hump_trio.server.stream import HttpStream

__all__ = ["Http2Line"]

# What isn't longer goes out together with what other streams send. So many pieces are held for
# that, two of each frame: no more than goes out at one time anyway.
JOINED_BYTES = 1024
JOINED_COUNT = 2 * UNSENT_BYTES // JOINED_BYTES


class Http2Line:
    """The bytes of one stream (see `Line`), whose head is answered.

    Its position is told as one of the connection: what lies before the end of its last frame is
    acknowledged in that order, whichever stream it belongs to.

    Args:
        mux: What the streams of the connection share.
        stream: Carries the bytes; it tells of them by `notice`.
        sender: The same stream, as one that waits and sends.
        clock: That of the lane, whose peer hears if the client is found gone.

    Attributes:
        status: That of the answer that has opened it.
        heard_at: Trio's time when something came last.
    """

    __slots__ = (
        "_acked_bytes",
        "_calling",
        "_end_bytes",
        "_end_read",
        "_ended",
        "_framed_bytes",
        "_granted_bytes",
        "_hear",
        "_mux",
        "_peer",
        "_seen_bytes",
        "_sender",
        "_stream",
        "_waiter",
        "heard_at",
        "status",
    )

    def __init__(self, mux: Multiplexer, stream: Stream, sender: HttpStream, clock: Clock) -> None:
        self.status: int = 200
        self.heard_at: float = trio.current_time()
        self._mux = mux
        self._stream = stream
        self._sender = sender
        self._peer = clock.peer
        self._hear: Callable[[], None] | None = None
        self._calling = False  # whether a method runs, within which nobody is told of anything
        self._end_read = False  # whether the session knows that nothing more comes
        self._ended = False  # whether nothing more may be sent
        self._waiter: Task | None = None  # waits for the client's end
        self._framed_bytes = stream.framed_bytes  # of the stream, when the position was noted
        self._end_bytes = mux.position  # that position
        self._acked_bytes = 0  # what counts as acknowledged, up to the last look
        self._seen_bytes = mux.connection.transport.acked_bytes()  # of the connection, then
        self._granted_bytes = mux.session.sources.granted_bytes

    # What comes.

    def notice(self) -> None:
        """Hear that bytes, their end or a reset have come; called by any task."""
        self.heard_at = trio.current_time()
        waiter, self._waiter = self._waiter, None
        if waiter is not None:
            reschedule(waiter)
        elif self._hear is not None and not self._calling:
            self._hear()

    def listen(self, hear: Callable[[], None]) -> None:
        """Tell a function of what comes (see `Line.listen`)."""
        self._hear = hear
        if self.readable:
            hear()

    def stop(self) -> None:
        """Tell it no more (see `Line.stop`)."""
        self._hear = None

    @property
    def readable(self) -> bool:
        """Whether the next read finds something (see `Line.readable`)."""
        stream = self._stream
        return bool(stream.held) or (not self._end_read and self._is_over())

    def _is_over(self) -> bool:
        """Tell whether nothing more comes."""
        stream = self._stream
        return stream.input_ended or stream.reset or stream.broken

    def receive_nowait(self) -> bytes | None:
        """Return what is there (see `Line.receive_nowait`), and let the client send as much more.

        What came before a reset is returned first.
        """
        stream = self._stream
        if stream.held:
            data = stream.take()
            self._mux.connection.state.buffered_bytes -= len(data)
            self._free(len(data))
            return data
        if not self._is_over():
            return None
        self._end_read = True
        if stream.reset:
            raise self._lose_peer()
        return b""

    def _free(self, byte_count: int) -> None:
        """Let the client send more, since so much was taken."""
        stream, mux = self._stream, self._mux
        if mux.session.free(stream, byte_count):
            self._calling = True
            mux.flush_soon()
            self._calling = False

    # What goes out.

    def send_nowait(self, data: bytes) -> int:
        """Send what windows, the transport and more urgent streams allow (see `Line.send_nowait`).

        A window that is shut for another stream is no hindrance.
        """
        self._check_writable()
        mux, stream = self._mux, self._stream
        sources = mux.session.sources
        sent_bytes, size = 0, len(data)
        self._calling = True
        if sources.streams:
            mux.flush()  # what can't go out then has no window
        while sent_bytes < size and not (mux.unsent or stream.reset):
            most = min(stream.window, sources.window, UNSENT_BYTES)
            if most <= 0 or stream.source is not None:
                break
            part: bytes | memoryview = data
            if size > most:
                part = memoryview(data)[sent_bytes : sent_bytes + most]
            sources.frame_now(stream, part, mux.session.out)
            sent_bytes += len(part)
            if size <= JOINED_BYTES and len(mux.session.out) < JOINED_COUNT:
                mux.flush_soon()
            else:
                mux.flush()
        self._calling = False
        if stream.reset:
            raise self._lose_peer()
        return sent_bytes

    async def send_all(self, data: bytes) -> None:
        """Send all of it (see `Line.send_all`)."""
        await self._sender.send(data)

    async def end(self, *, answered: bool = True) -> None:
        """Send the end of the stream, and wait for the client's (see `Line.end`).

        What comes meanwhile still opens the window: the client may have to send it before its end.
        The stream of a client that is waited for in vain is reset, which is no error then.
        """
        self._hear, self._ended = None, True
        try:
            await self._sender.finish()
        except trio.BrokenResourceError:
            return
        stream, mux = self._stream, self._mux
        held_bytes = stream.decline()
        mux.connection.state.buffered_bytes -= held_bytes
        self._free(held_bytes)
        while not self._is_over():
            self._waiter = current_task()
            await wait_task_rescheduled(self._abort_wait)

    def _abort_wait(self, _: object) -> Abort:
        self._waiter = None
        return Abort.SUCCEEDED

    def reset(self) -> None:
        """Reset the stream, as one resets a connection of HTTP/1.1 (RFC 8441 section 5)."""
        mux, stream = self._mux, self._stream
        if not stream.reset:
            self._calling = True
            mux.session.cut(stream.stream_id, ErrorCode.CANCEL)
            mux.flush_soon()
            self._calling = False

    def _check_writable(self) -> None:
        """Raise what keeps anything from being sent."""
        if self._stream.reset:
            raise self._lose_peer()
        if self._ended or self._peer.write_cut:
            raise trio.BrokenResourceError("the end was sent, or a part was cut by a cancel scope")

    def _lose_peer(self) -> trio.BrokenResourceError:
        """Note that the client has gone, and return the error that says so."""
        self._peer.gone = True
        return trio.BrokenResourceError("the stream was reset")

    # What the client has acknowledged.

    @property
    def sent_bytes(self) -> int:
        """How much in all was taken, as `acked_bytes` counts it: once all of it is, they agree."""
        return self._acked_bytes + max(self._position() - self._seen_bytes, 0)

    def _position(self) -> int:
        """Return where the last frame ends in all that the connection sends, or somewhat later."""
        framed_bytes = self._stream.framed_bytes
        if framed_bytes != self._framed_bytes:
            self._framed_bytes = framed_bytes
            self._end_bytes = self._mux.position
        return self._end_bytes

    def acked_bytes(self) -> int:
        """Return how much the client has let go on (see `Peer.acked_bytes`).

        That is what it has acknowledged of the connection, up to the last frame of this stream.
        What isn't framed yet waits: for the window of the stream; for that of the connection, which
        more urgent streams may take, and so what any stream was given counts; or for the transport
        or more urgent streams, and so whatever is acknowledged counts.
        """
        stream, sources = self._stream, self._mux.session.sources
        acked_bytes = max(self._mux.connection.transport.acked_bytes(), self._seen_bytes)
        granted_bytes = sources.granted_bytes
        reached_bytes = min(acked_bytes, self._position())
        if stream.source is not None and stream.window > 0:
            if sources.window > 0:
                reached_bytes = acked_bytes
            else:
                self._acked_bytes += granted_bytes - self._granted_bytes
        self._acked_bytes += max(reached_bytes - self._seen_bytes, 0)
        self._seen_bytes, self._granted_bytes = acked_bytes, granted_bytes
        return self._acked_bytes

    def fully_acked(self) -> bool:
        """Tell whether the client has acknowledged all that was sent, and nothing waits."""
        waits = self._stream.source is not None
        return not waits and self._mux.connection.transport.acked_bytes() >= self._position()
