"""One request of an HTTP/2 connection: its body as it comes, its answer as windows allow."""

from collections.abc import Callable, Sequence

import trio
from trio.lowlevel import Abort, current_task, reschedule, wait_task_rescheduled

from hump_trio.facts.exceptions import HttpParserError, OverloadError
from hump_trio.http2.failures import ErrorCode, StreamFailure
from hump_trio.http2.frames import FRAME_BYTES, encode_headers
from hump_trio.http2.messages import RequestHead
from hump_trio.http2.response_head import encode_head, encode_informational, encode_trailers
from hump_trio.http2.streams import Stream
from hump_trio.messages.framing import count_body
from hump_trio.messages.headers import FieldLines
from hump_trio.messages.request import Request, build_request
from hump_trio.messages.target import RequestLine
from hump_trio.server.channel import ServerChannel
from hump_trio.server.clock import Clock
from hump_trio.server.http2.line import Http2Line
from hump_trio.server.http2.multiplexer import Multiplexer
from hump_trio.server.life import Life
from hump_trio.server.line import Line
from hump_trio.websocket.handshake import check_version

__all__ = ["Http2Stream"]

# Of a WebSocket whose client says nothing of its priority: its messages don't wait for the end of a
# download (RFC 9218 sections 8 and 11).
LINE_URGENCY = 2
# What takes the place of a 2xx in an answer that opens no WebSocket (RFC 8441 section 5).
NOT_OPENED = 403


class Http2Stream(Stream):
    """One request and its answer on an HTTP/2 connection (see `HttpStream`).

    Args:
        mux: What the streams of the connection share.
        clock: That of the lane which serves it.
        stream_id: Its number.
        head: The request's head.
        input_ended: Whether the request has no body.
        request: The request, if it was built already.

    Attributes:
        head: The request's head.
        request: The request; None until it is built.
        body_ended: Whether the body has been received to its end.
        body_failed: Whether no more of the body can be received, or is wanted.
        answered: Whether the end of the answer is framed.
        line: What the stream is once it is a WebSocket; None before that, and when the lane has let
            go of it.
    """

    __slots__ = (
        "_clock",
        "_mux",
        "_peer",
        "_reader",
        "_sent_bytes",
        "_shed",
        "_unsent",
        "_unsent_bytes",
        "_wants_continue",
        "_writer",
        "answered",
        "body_ended",
        "body_failed",
        "head",
        "line",
        "request",
    )

    def __init__(
        self,
        mux: Multiplexer,
        clock: Clock,
        stream_id: int,
        head: RequestHead,
        *,
        input_ended: bool,
        request: Request | None = None,
    ) -> None:
        super().__init__(
            stream_id,
            mux.session.initial_window,
            content_length=head.content_length,
            input_ended=input_ended,
        )
        self.head: RequestHead = head
        self.request: Request | None = request
        self.line: Http2Line | None = None
        self.body_ended: bool = input_ended
        self.body_failed: bool = False
        self.answered: bool = False
        self._clock = clock
        self._peer = clock.peer
        self._mux = mux
        self._wants_continue = head.expect == "100-continue" and not input_ended
        self._reader: trio.lowlevel.Task | None = None
        self._writer: trio.lowlevel.Task | None = None
        self._unsent = b""  # the header block of the answer
        self._unsent_bytes: int | None = None
        self._sent_bytes = 0  # of heads; less what is in `framed_bytes` and was counted already
        self._shed = False  # whether the body was thrown away for want of memory
        if head.protocol:
            self.body_ended = True  # what comes is no body, and has no end of one
            self.begin_tunnel(urgency=LINE_URGENCY)

    @property
    def target(self) -> RequestLine:
        """What is asked for."""
        return self.head.line

    @property
    def content_length(self) -> int:
        """The announced length of the body; 0 for none."""
        return self.head.content_length or 0

    @property
    def takes_trailers(self) -> bool:
        """Whether the client takes fields behind the body: in HTTP/2 each does."""
        return True

    @property
    def expect(self) -> str:
        """The ``Expect`` field in lower case; empty if there is none."""
        return self.head.expect

    def build_request(self) -> Request:
        """Return the request of the head (see `HttpStream.build_request`)."""
        head, transport = self.head, self._mux.connection.transport
        request = build_request(
            head.line, head.host, head.fields, transport.client, transport.server
        )
        if transport.secure:
            request.scheme, request.client_certificate = "https", transport.client_certificate
        if self.tunnel:
            request.method = "GET"  # as over HTTP/1.1, where no handler asks which it came by
        self.request = request
        return request

    # The body.

    def receive_data(self, data: bytes, flow_bytes: int, *, ends: bool) -> None:
        """Take in a part of the body (see `Stream.receive_data`), which counts as held."""
        if self.tunnel:
            self._receive_for_line(data, flow_bytes, ends=ends)
            return
        state = self._mux.connection.state
        held_bytes = len(self.held)
        try:
            super().receive_data(data, flow_bytes, ends=ends)
        finally:
            state.buffered_bytes += len(self.held) - held_bytes
        if not self.declined and state.buffered_bytes > state.limits.buffered_bytes:
            self._shed = True
            self.drop_body()

    def _receive_for_line(self, data: bytes, flow_bytes: int, *, ends: bool) -> None:
        """Take in bytes of a line: those that nobody wants still open its window.

        They count as held before the line is told of them, which takes them at once unless it is
        behind, and has a limit of its own for what it took. Of those that it leaves none can be
        left out, so a client for which there is no memory is reset.
        """
        state = self._mux.connection.state
        byte_count = 0 if self.declined else len(data)
        state.buffered_bytes += byte_count
        try:
            super().receive_data(data, flow_bytes, ends=ends)
        except StreamFailure:
            state.buffered_bytes -= byte_count
            raise
        if byte_count and self.held and state.buffered_bytes > state.limits.buffered_bytes:
            raise StreamFailure(ErrorCode.ENHANCE_YOUR_CALM, "too much is being received")
        if self.declined:
            self._mux.session.free(self, len(data))

    async def receive_part(self) -> bytes:
        """Return the next bytes of the body (see `HttpStream.receive_part`)."""
        mux, clock = self._mux, self._clock
        while not (self.held or self.input_ended):
            self._check_body()
            if self._wants_continue and not clock.answering:
                self._wants_continue = False
                self._inform(100, [])
            self._reader = current_task()
            await wait_task_rescheduled(self._abort_read)
            if clock.ending is not None or clock.closing is Life.CLEANUP:
                # The deadline passed just as the bytes came; too late is too late.
                await trio.lowlevel.checkpoint()
        self._check_body()
        self._wants_continue = False
        part = self.take()
        if not part:
            self.body_ended = True
            return part
        clock.extend(len(part))
        mux.connection.state.buffered_bytes -= len(part)
        if mux.session.free(self, len(part)):
            mux.flush_soon()
        return part

    def _check_body(self) -> None:
        """Raise what keeps the rest of the body from coming."""
        if self._shed:
            raise OverloadError("too much is being received")
        if self.reset:
            self._peer.gone = True
            raise trio.BrokenResourceError("the stream was reset")
        if self.broken and not self.input_ended and not self.held:
            self.body_failed = True
            raise HttpParserError(400, "the body broke off")

    def abandon_body(self) -> None:
        """Receive no more of the body (see `HttpStream.abandon_body`)."""
        self.body_failed = not self.body_ended
        self.drop_body()

    def decline_body(self, *, drained: bool) -> None:
        """Drop what is here of the body (see `HttpStream.decline_body`), and what comes."""
        self.drop_body()

    def drop_body(self) -> None:
        """Throw away what was received and wasn't taken, and what comes."""
        self._mux.connection.state.buffered_bytes -= self.decline()

    def _abort_read(self, _: object) -> Abort:
        self._reader = None
        return Abort.SUCCEEDED

    def notice_input(self) -> None:
        """Wake the task that waits for the body, if one does, or tell the line."""
        reader, self._reader = self._reader, None
        if reader is not None:
            reschedule(reader)
        if self.line is not None:
            self.line.notice()

    # The answer.

    def start_answer(self) -> None:
        """Begin an answer, or begin anew (see `HttpStream.start_answer`)."""
        self._unsent = b""

    def set_head(
        self, status: int, fields: FieldLines, body_bytes: int | None, *, trailers: bool = False
    ) -> bool:
        """Encode the head (see `HttpStream.set_head`).

        A status that says that all is well would open a WebSocket that nobody serves.
        """
        if self.tunnel and 200 <= status < 300:
            status = NOT_OPENED
        return self._encode_head(status, fields, body_bytes)

    def _encode_head(self, status: int, fields: FieldLines, body_bytes: int | None) -> bool:
        prepared = self._mux.prepared
        now = trio.current_time()
        if now >= prepared.stamp_until:
            prepared.stamp_anew(now)
        head = encode_head(
            self.head.line.method,
            status,
            fields,
            body_bytes=body_bytes,
            date=prepared.date_field,
            server=prepared.server_field,
        )
        hear_drain = self._mux.connection.hear_drain
        if head.closes and hear_drain is not None:
            hear_drain()
        self._unsent = head.block
        self._unsent_bytes = head.content_length if head.body_follows else None
        return head.body_follows

    async def send_informational(self, status: int, fields: FieldLines) -> None:
        """Send an informational response (see `HttpStream.send_informational`).

        What the client hasn't taken is bounded, so a handler waits before it can send more. The
        time of the connection bounds that, as it bounds the answers.
        """
        self._check_writable()
        while self._mux.unsent and self._mux.congested:
            await self._mux.wait_room()
            self._check_writable()
        self._inform(status, fields)

    def _inform(self, status: int, fields: FieldLines) -> None:
        """Frame a head that another one follows (RFC 9110 section 15.2)."""
        self._put_headers(encode_informational(status, fields), ends=False)
        self._mux.flush_soon()

    async def send(self, data: bytes) -> None:
        """Send a part of the body (see `HttpStream.send`)."""
        if self.source is not None:  # what `send_nowait` has begun
            await self._wait_framed()
        self._unsent_bytes = count_body(self._unsent_bytes, len(data), ends=False)
        self._begin(ends=False)
        if data:
            await self._deliver(data, ends=False)
        else:
            self._mux.flush_soon()

    def send_nowait(self, data: bytes) -> bool:
        """Send a part of the body without waiting (see `HttpStream.send_nowait`).

        What windows hold back is framed when they allow it, whoever waits for that.
        """
        self._unsent_bytes = count_body(self._unsent_bytes, len(data), ends=False)
        self._begin(ends=False)
        self._offer(data, ends=False)
        return self.source is None

    async def finish(self, data: bytes = b"", trailers: Sequence[tuple[str, str]] = ()) -> None:
        """Send what is left of the answer, and its end (see `HttpStream.finish`)."""
        if self.source is not None:  # what `send_nowait` has begun
            await self._wait_framed()
        self._unsent_bytes = count_body(self._unsent_bytes, len(data), ends=True)
        block = encode_trailers(list(trailers)) if trailers else b""
        if data or block or not self._unsent:
            self._begin(ends=False)
            await self._deliver(data, ends=True, trailer_block=block)
        else:
            self._begin(ends=True)
            self._mux.flush_soon()
        self.answered = True

    def _begin(self, *, ends: bool) -> None:
        """Frame the head of the answer, if it isn't framed already."""
        self._check_writable()
        self._clock.answering = True
        self._clock.half_closed = False
        if self._unsent:
            self._put_headers(self._unsent, ends=ends)
            self._unsent = b""

    def _check_writable(self) -> None:
        """Raise what keeps anything from being sent."""
        peer = self._peer
        if self.reset or self._mux.dead:
            peer.gone = True
            raise trio.BrokenResourceError("the stream was reset")
        if peer.write_cut:
            raise trio.BrokenResourceError("an earlier part was cut by a cancel scope")

    def _put_headers(self, block: bytes, *, ends: bool) -> None:
        session = self._mux.session
        block = session.size_update + block
        session.size_update = b""
        frames = encode_headers(self.stream_id, block, ends=ends)
        self._sent_bytes += len(frames)
        session.out.append(frames)

    async def _deliver(self, data: bytes, *, ends: bool, trailer_block: bytes = b"") -> None:
        """Have data framed; it waits for windows, for the transport, and for more urgent streams.

        Cancelled here, a part of the data may be framed, and nothing may follow.
        """
        self._offer(data, ends=ends, trailer_block=trailer_block)
        if self.source is not None:
            await self._wait_framed()
        if self.reset:
            self._peer.gone = True
            raise trio.BrokenResourceError("the stream was reset")

    def _offer(self, data: bytes, *, ends: bool, trailer_block: bytes = b"") -> None:
        """Have data framed as far as that needs no waiting."""
        mux, session = self._mux, self._mux.session
        session.sources.add(self, data, ends=ends, trailer_block=trailer_block)
        if len(data) <= FRAME_BYTES and len(session.streams) > 1 and not mux.unsent:
            session.sources.frame(session.out, FRAME_BYTES)
            mux.flush_later()
        else:
            mux.flush()

    async def _wait_framed(self) -> None:
        """Wait until all is framed that was offered. A checkpoint."""
        self._peer.write_cut = True
        self._writer = current_task()
        await wait_task_rescheduled(self._abort_write)
        self._peer.write_cut = False

    def _abort_write(self, _: object) -> Abort:
        self._writer = None
        self._mux.session.sources.discard(self)
        return Abort.SUCCEEDED

    def notice_framed(self) -> None:
        """Wake the task that waits for its part to be framed, if one does."""
        writer, self._writer = self._writer, None
        if writer is not None:
            reschedule(writer)

    def notice_reset(self) -> None:
        """Wake whoever waits, and let the lane see that its client has gone."""
        self.notice_input()
        self.notice_framed()
        self._clock.look_at_once(trio.current_time())

    # A WebSocket.

    @property
    def asks_websocket(self) -> bool:
        """Whether the client asks for a WebSocket."""
        return self.tunnel

    def check_websocket(self) -> None:
        """Judge the version that the client speaks (see `HttpStream.check_websocket`).

        There is no key: what it proves over HTTP/1.1, ``:protocol`` says (RFC 8441 section 5).
        """
        check_version(self.head.fields)

    def make_channel(self, opened: Callable[[int], None]) -> ServerChannel:
        """Return the channel of the request (see `HttpStream.make_channel`)."""
        from hump_trio.server.websocket.session import Session

        return Session(self, self._mux.connection, self._clock, opened)

    async def switch(self, fields: FieldLines) -> Line:
        """Answer with the head of what has no end yet (see `HttpStream.switch`).

        Not a checkpoint: the windows don't bound a head.
        """
        kept = [field for field in fields if field[0] != "content-length"]
        self._encode_head(200, kept, None)
        self._begin(ends=False)
        self._mux.flush_soon()
        self._check_writable()
        line = self.line = Http2Line(self._mux, self, self, self._clock)
        return line

    @property
    def answer_bytes(self) -> int:
        """How many bytes were framed since `count_sent` was last asked."""
        return self._sent_bytes + self.framed_bytes

    def count_sent(self) -> int:
        """Return how many bytes were framed since this was last asked."""
        sent_bytes = self.answer_bytes
        self._sent_bytes = -self.framed_bytes
        return sent_bytes
