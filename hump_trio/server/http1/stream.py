"""One request of an HTTP/1.1 connection: its body out of the parser, its answer onto the wire."""

from collections.abc import Awaitable, Callable, Sequence

import trio

from hump_trio.facts.exceptions import HttpParserError
from hump_trio.http1.head import RequestHead, takes_informational, takes_trailers
from hump_trio.http1.parser import RequestParser
from hump_trio.http1.response_head import (
    CONTINUE,
    LAST_CHUNK,
    encode_chunk,
    encode_head,
    encode_informational,
    encode_last_chunk,
)
from hump_trio.messages.framing import count_body
from hump_trio.messages.headers import FieldLines
from hump_trio.messages.request import Request, build_request
from hump_trio.messages.target import RequestLine
from hump_trio.server.channel import ServerChannel
from hump_trio.server.connection import Connection
from hump_trio.server.http1.line import Http1Line
from hump_trio.server.http1.prepared import DRAIN_BYTES, Prepared
from hump_trio.server.line import Line
from hump_trio.websocket.handshake import accept_key, asks_websocket, check_handshake

__all__ = ["JOINED_BYTES", "Http1Stream", "send_informational"]

# Up to here head and body are joined to go out in one call; beyond, copying costs more.
JOINED_BYTES = 128 * 1024


class Http1Stream:
    """One request and its answer on an HTTP/1.1 connection (see `HttpStream`).

    Args:
        connection: Where its bytes come from and go to.
        parser: Takes the body apart.
        prepared: What the connections of the server share.
        head: The request's head.
        unsent: What is left to be sent of an answer that was started already.

    Attributes:
        keep_alive: Whether another request may follow, as the answer's head has said.
    """

    __slots__ = (
        "_chunked",
        "_connection",
        "_drain_bytes",
        "_key",
        "_may_follow",
        "_missing_bytes",
        "_parser",
        "_prepared",
        "_unsent",
        "_wants_continue",
        "body_ended",
        "body_failed",
        "head",
        "keep_alive",
    )

    def __init__(
        self,
        connection: Connection,
        parser: RequestParser,
        prepared: Prepared,
        head: RequestHead,
        unsent: bytes = b"",
    ) -> None:
        self.head: RequestHead = head
        self.body_ended: bool = not head.has_body
        self.body_failed: bool = False
        self.keep_alive: bool = head.keep_alive
        self._connection = connection
        self._parser = parser
        self._prepared = prepared
        self._wants_continue = (
            head.has_body and head.expect == "100-continue" and head.line.version == "1.1"
        )
        self._drain_bytes = DRAIN_BYTES
        self._key = ""  # of a handshake that was judged
        self._may_follow = False
        self._unsent = unsent  # the head, or the rest of a part
        self._chunked = False
        self._missing_bytes: int | None = None

    @property
    def target(self) -> RequestLine:
        """What is asked for."""
        return self.head.line

    @property
    def content_length(self) -> int:
        """The announced length of the body; 0 for none and for one in chunks."""
        return self.head.content_length

    @property
    def expect(self) -> str:
        """The ``Expect`` field in lower case; empty if there is none."""
        return self.head.expect

    @property
    def trailers(self) -> FieldLines:
        """The fields behind the body."""
        return self._parser.trailers

    @property
    def takes_trailers(self) -> bool:
        """Whether the client takes fields behind the body of its answer."""
        return takes_trailers(self.head.line.version, self.head.fields)

    @property
    def asks_websocket(self) -> bool:
        """Whether the client asks for a WebSocket."""
        return self.head.upgrade and asks_websocket(self.head.fields)

    def check_websocket(self) -> None:
        """Judge the handshake (see `HttpStream.check_websocket`)."""
        head = self.head
        line = head.line
        self._key = check_handshake(
            head.fields, method=line.method, version=line.version, has_body=head.has_body
        )

    def make_channel(self, opened: Callable[[int], None]) -> ServerChannel:
        """Return the channel of the request (see `HttpStream.make_channel`)."""
        from hump_trio.server.websocket.session import Session

        return Session(self, self._connection, self._connection.clock, opened)

    async def switch(self, fields: FieldLines) -> Line:
        """Send the 101, and return the connection as a line (see `HttpStream.switch`)."""
        answer = [
            ("upgrade", "websocket"),
            ("connection", "Upgrade"),
            ("sec-websocket-accept", accept_key(self._key)),
            *fields,
        ]
        await self._connection.write(encode_informational(101, answer))
        return Http1Line(self._connection, self._parser.take_all())

    def build_request(self) -> Request:
        """Return the request of the head (see `HttpStream.build_request`)."""
        head, transport = self.head, self._connection.transport
        request = build_request(
            head.line, head.host, head.fields, transport.client, transport.server
        )
        if transport.secure:
            request.scheme, request.client_certificate = "https", transport.client_certificate
        return request

    async def receive_part(self) -> bytes:
        """Return the next bytes of the body (see `HttpStream.receive_part`)."""
        connection, clock = self._connection, self._connection.clock
        try:
            while (part := self._parser.parse_body()) is None:
                # Where another task's write goes on there is no place for a 100.
                if self._wants_continue and not (clock.answering or connection.write_cut):
                    self._wants_continue = False
                    await connection.write(CONTINUE)
                byte_count = await connection.receive(self._parser.feed)
                if not byte_count:
                    raise HttpParserError(400, "the body broke off")
                clock.extend(byte_count)
        except HttpParserError:
            self.body_failed = True
            raise
        self._wants_continue = False
        if not part:
            self.body_ended = True
        return part

    def abandon_body(self) -> None:
        """Receive no more of the body (see `HttpStream.abandon_body`)."""
        self.body_failed = not self.body_ended

    def decline_body(self, *, drained: bool) -> None:
        """Drop what is here of the body (see `HttpStream.decline_body`).

        Of one in chunks, whose length nobody knows, that may be all.
        """
        if not drained:
            self._drain_bytes = 0
        parse_body = self._parser.parse_body
        if self._parser.remaining_bytes is not None:
            return
        try:
            while part := parse_body():
                pass
            self.body_ended = part is not None
        except HttpParserError:
            self.body_failed = True

    async def send_informational(self, status: int, fields: FieldLines) -> None:
        """Send an informational response (see `HttpStream.send_informational`)."""
        head = self.head
        await send_informational(self._connection, head.line.version, head.fields, status, fields)

    def start_answer(self) -> None:
        """Decide whether another request can follow the answer's (see `HttpStream.start_answer`).

        What is left of a body must be little enough to be read away, and sure to come: a client
        that waits for 100 may send its body or not.
        """
        remaining = self._parser.remaining_bytes
        self._may_follow = (
            not self._connection.clock.closing
            and not self.body_failed
            and self.head.keep_alive
            and (
                self.body_ended
                or (
                    not self._wants_continue
                    and remaining is not None
                    and remaining <= self._drain_bytes
                )
            )
        )

    def set_head(
        self, status: int, fields: FieldLines, body_bytes: int | None, *, trailers: bool = False
    ) -> bool:
        """Encode the head (see `HttpStream.set_head`)."""
        prepared = self._prepared
        head = encode_head(
            self.head.line,
            status,
            fields,
            body_bytes=body_bytes,
            keep_alive=self._may_follow,
            date=prepared.date_line(),
            server=prepared.server_line,
            trailers=trailers,
        )
        self._unsent = head.data
        self._chunked = head.chunked and head.body_follows
        self._missing_bytes = head.content_length if head.body_follows else None
        self.keep_alive = head.keep_alive
        return head.body_follows

    async def send(self, data: bytes) -> None:
        """Send a part of the body (see `HttpStream.send`)."""
        framed = self._frame(data, ends=False)
        unsent, self._unsent = self._unsent, b""
        await self._write(unsent, framed)

    def send_nowait(self, data: bytes) -> bool:
        """Send a part of the body without waiting (see `HttpStream.send_nowait`)."""
        connection = self._connection
        if connection.write_cut:
            raise cut_error()
        unsent = self._unsent + self._frame(data, ends=False)
        connection.clock.answering = True
        self._unsent = unsent[connection.write_nowait(unsent) :]
        return not self._unsent

    async def finish(self, data: bytes = b"", trailers: Sequence[tuple[str, str]] = ()) -> None:
        """Send what is left of the answer, and its end (see `HttpStream.finish`)."""
        framed = self._frame(data, ends=True)
        if self._chunked:
            known = trailers and self.takes_trailers
            framed += encode_last_chunk(trailers) if known else LAST_CHUNK
        unsent, self._unsent = self._unsent, b""
        if unsent or framed:  # else the client has the whole answer, and may have gone with it
            await self._write(unsent, framed)

    def _frame(self, data: bytes, *, ends: bool) -> bytes:
        """Count a part of the body, and return it as it goes onto the wire."""
        self._missing_bytes = count_body(self._missing_bytes, len(data), ends=ends)
        return encode_chunk(data) if self._chunked and data else data

    def _write(self, head: bytes, data: bytes) -> Awaitable[None]:
        """Return what writes a head and what follows it, in one call if that isn't long."""
        connection = self._connection
        if connection.write_cut:
            raise cut_error()
        if len(data) <= JOINED_BYTES:
            data, head = head + data, b""
        connection.clock.answering = True
        return connection.write(data) if not head else self._write_both(head, data)

    async def _write_both(self, head: bytes, data: bytes) -> None:
        await self._connection.write(head)
        await self._connection.write(data)

    def count_sent(self) -> int:
        """Return how many bytes were sent since this was last asked."""
        return self._connection.count_sent()


def cut_error() -> trio.BrokenResourceError:
    """Return the error for what would follow a part that was cut."""
    return trio.BrokenResourceError("an earlier part was cut by a cancel scope")


async def send_informational(
    connection: Connection, version: str, sent: FieldLines, status: int, fields: FieldLines
) -> None:
    """Send an informational response, if the client can be trusted with it.

    Args:
        connection: Where to; no bytes of an answer are out.
        version: The version of the request.
        sent: The fields of the request, which tell what the client is.
        status: That of the response.
        fields: Those of the response, checked.

    Raises:
        trio.BrokenResourceError: The peer has gone, takes nothing any more, or an earlier write
            was cut or goes on.

    Cancellation: a checkpoint only where the peer doesn't take it at once. Cancelled here, nothing
        may follow.
    """
    if not takes_informational(version, sent):
        return
    if connection.write_cut:
        raise trio.BrokenResourceError("an earlier write was cut by a cancel scope, or goes on")
    data = encode_informational(status, fields)
    with trio.move_on_after(connection.state.timeouts.send_grace):
        await connection.write(data)
        return
    connection.clock.cut()
    await trio.lowlevel.checkpoint()
    raise trio.BrokenResourceError("the peer takes nothing any more")
