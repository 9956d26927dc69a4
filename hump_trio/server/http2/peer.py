"""The client as one lane of an HTTP/2 connection sees it: what it serves, and who has gone."""

from trio.lowlevel import Task

from hump_trio.http2.messages import RequestHead
from hump_trio.messages.request import Request
from hump_trio.server.clock import Clock
from hump_trio.server.http2.multiplexer import Multiplexer
from hump_trio.server.http2.stream import Http2Stream
from hump_trio.transports.transport import PeerState

__all__ = ["Http2Peer"]


class Http2Peer:
    """What one lane of an HTTP/2 connection serves (see `Peer`, and `Member`).

    The leader, which the lane's wire calls, knows this part of the wire alone. The lane ends with a
    stream that is cut, so `gone` and `write_cut` are never taken back.

    Args:
        mux: What the lanes of the connection share.

    Attributes:
        mux: What the lanes of the connection share.
        clock: That of the lane; this is its peer.
        stream: What the lane serves; None if that is nothing, or a request that is answered where
            its head is read. It is written by `open` and `release`.
        stream_id: The number of what the lane serves; 0 for nothing. The leader writes it, too.
        head: The head of a request that is answered where it is read; written by the leader.
        sent_bytes: What was sent of that request's answer; written by the leader.
        gone: Whether the stream was found reset, or the connection broken; written by the clock and
            the stream.
        write_cut: Whether a part of the answer was cut; written by the stream.
    """

    __slots__ = (
        "_allowed_bytes",
        "_framed_bytes",
        "_granted_bytes",
        "clock",
        "gone",
        "head",
        "mux",
        "sent_bytes",
        "stream",
        "stream_id",
        "write_cut",
    )

    def __init__(self, mux: Multiplexer) -> None:
        self.mux: Multiplexer = mux
        self.stream: Http2Stream | None = None
        self.stream_id: int = 0
        self.head: RequestHead | None = None
        self.sent_bytes: int = 0
        self.gone: bool = False
        self.write_cut: bool = False
        self._allowed_bytes = 0  # what the peer has let go on, up to the last look
        self._granted_bytes = 0  # for all streams, and
        self._framed_bytes = 0  # of this one at that look
        self.clock: Clock = Clock(mux.connection.state, self)
        self.clock.enter_spare()

    @property
    def task(self) -> Task:
        """The task of the lane."""
        task = self.clock.task
        assert task is not None, "a lane runs"
        return task

    @property
    def serves(self) -> bool:
        """Whether the lane has a request."""
        return self.clock.request is not None

    def lose_lead(self) -> None:
        """Hear that another lane leads; what is answered here becomes a stream like any other."""
        if self.stream is None and self.stream_id:
            assert self.head is not None
            self.open(self.stream_id, self.head, input_ended=True, request=self.clock.request)

    def open(
        self,
        stream_id: int,
        head: RequestHead,
        *,
        input_ended: bool,
        request: Request | None = None,
    ) -> Http2Stream:
        """Return the stream that the lane serves from now on, if it doesn't serve that already."""
        stream = self.stream
        if stream is None:
            stream = Http2Stream(
                self.mux, self.clock, stream_id, head, input_ended=input_ended, request=request
            )
            priority = next((value for name, value in head.fields if name == "priority"), None)
            self.mux.open(stream, priority)
            self.stream, self.stream_id = stream, stream_id
        return stream

    def release(self) -> None:
        """Let go of what the lane has served."""
        stream, self.stream = self.stream, None
        self.stream_id = 0
        self.head = None
        if stream is not None:
            stream.line = None  # or they would hold each other
            self.mux.close(stream)

    def look_for_peer(self, now: float) -> None:
        """Let the lane see at once that its client has gone."""
        self.clock.look_at_once(now)

    def stop(self) -> None:
        """End the wait for another request (see `Member.stop`)."""
        self.clock.scope.cancel()

    def peer_state(self) -> PeerState:
        """Tell what the peer has ended: this stream, or the connection (see `Peer`)."""
        stream, mux = self.stream, self.mux
        if mux.dead or (stream is not None and stream.reset):
            return "reset"
        if mux.ended and self._waits_for_window():  # none is ever opened any more
            return "reset"
        return mux.connection.peer_state()

    def acked_bytes(self) -> int:
        """Return how much the peer has let go on, by the window that the stream waits for.

        That is what was framed of the stream; or what any stream was given, where all of them wait
        for the window of the connection: more urgent ones may take it. Once a stream is a line, it
        counts by itself.
        """
        stream = self.stream
        assert stream is not None, "what is sent belongs to a stream"
        if stream.line is not None:
            return stream.line.acked_bytes()
        granted_bytes = self.mux.session.sources.granted_bytes
        if stream.window > 0:
            self._allowed_bytes += granted_bytes - self._granted_bytes
        else:
            self._allowed_bytes += stream.framed_bytes - self._framed_bytes
        self._granted_bytes, self._framed_bytes = granted_bytes, stream.framed_bytes
        return self._allowed_bytes

    def fully_acked(self) -> bool:
        """Tell whether the stream doesn't wait for the peer: it may wait for other streams."""
        stream = self.stream
        if stream is not None and stream.line is not None:
            return stream.line.fully_acked()
        return not self._waits_for_window()

    def _waits_for_window(self) -> bool:
        """Tell whether the stream waits for more room, its own or that of the connection."""
        stream = self.stream
        if stream is None or not stream.source:
            return False
        return stream.window <= 0 or self.mux.session.sources.window <= 0

    def answer_bytes(self) -> int:
        """Return how many bytes were sent of the answer under way."""
        return self.sent_bytes if self.stream is None else self.stream.answer_bytes

    def count_sent(self) -> int:
        """Return how many bytes were sent of an answer that no stream was made for."""
        return self.sent_bytes
