"""One request and its answer on a connection: the body in, the handler, the response out."""

import math
from types import EllipsisType
from typing import Self

import trio

from hump_trio.connection import Connection, Phase
from hump_trio.dispatch import Choice
from hump_trio.exceptions import HttpException, HttpParserError
from hump_trio.headers import Headers
from hump_trio.http1.head import RequestHead
from hump_trio.http1.response_head import CONTINUE
from hump_trio.request import Request
from hump_trio.response import Response

__all__ = ["DRAIN_BYTES", "Exchange"]

# What is read of a body that nobody wants to keep a connection; more costs more than a new one.
DRAIN_BYTES = 64 * 1024
# How many chunks are taken before other connections have their turn.
TURN_PARTS = 64
# For a client that was told 503; jitter is its own business.
RETRY_AFTER = {"retry-after": "1"}


class Exchange:
    """A request being received and handled; it ends when its answer is on the wire.

    Args:
        connection: Where its bytes come from.
        head: What was parsed of it.
    """

    __slots__ = (
        "_body_bytes",
        "_body_limit",
        "_credit",
        "_held_bytes",
        "_reading",
        "_wants_continue",
        "body_ended",
        "body_failed",
        "choice",
        "connection",
        "counted",
        "head",
        "over",
        "request",
    )

    def __init__(self, connection: Connection, head: RequestHead) -> None:
        self.connection: Connection = connection
        self.head: RequestHead = head
        self.request: Request = build_request(connection, head)
        connection.request = self.request
        self.body_ended: bool = not head.has_body
        self.body_failed: bool = False
        self.counted: bool = False  # among the requests in flight
        self.over: bool = False
        self._body_bytes = 0
        self._body_limit: float = math.inf
        self._held_bytes = 0
        self._credit = connection.state.timeouts.stall_grace
        self._reading: trio.CancelScope | None = None
        self._wants_continue = (
            not self.body_ended and head.expect == "100-continue" and head.line.version == "1.1"
        )
        self.choice: Choice = self._choose()

    def _choose(self) -> Choice:
        """Decide at the head what may happen, before any of the body is read."""
        state, head = self.connection.state, self.head
        if state.full:
            busy = HttpException(503, "too many requests", headers=RETRY_AFTER)
            return state.dispatcher.refuse(busy)
        self.counted = True
        state.request_count += 1
        choice = state.dispatcher.choose(head)
        if choice.refused:
            return choice
        if head.expect and head.expect != "100-continue":
            return state.dispatcher.refuse(HttpException(417, "only 100-continue is expected"))
        limit = choice.body_limit_bytes
        if isinstance(limit, EllipsisType):
            self._body_limit = state.limits.body_bytes
        elif limit is not None:
            self._body_limit = limit
        if head.content_length > self._body_limit:
            return state.dispatcher.refuse(too_large(self._body_limit))
        return choice

    async def receive(self) -> None:
        """Receive the body, if the handler wants it whole, or prepare it to be read in parts.

        Raises:
            HttpException: 413 past the limit, 503 with too much held for others.
            HttpParserError: 400, the body is malformed or broke off.
            trio.BrokenResourceError: The peer has gone.

        Cancellation: a checkpoint if bytes are missing.
        """
        if self.choice.path_params:
            self.request.path_params = dict(self.choice.path_params)
        if self.choice.refused:
            return
        if self.choice.stream:
            self.request.stream_body(BodyStream(self))
        elif not self.body_ended:
            await self._receive_whole()

    async def _receive_whole(self) -> None:
        connection = self.connection
        state = connection.state
        connection.enter(Phase.BODY, self._credit)
        body = bytearray()  # not a list of parts: a chunk of one byte would hold sixty
        part_count = 0
        while part := await self._receive_part():
            body += part
            self._held_bytes += len(part)
            state.buffered_bytes += len(part)
            if state.buffered_bytes > state.limits.buffered_bytes:
                self.body_failed = True
                raise HttpException(503, "too much is being received", headers=RETRY_AFTER)
            part_count += 1
            if part_count % TURN_PARTS == 0:
                await trio.lowlevel.checkpoint()
        self.request.body = bytes(body)

    async def respond(self) -> Response:
        """Run the handler. Its clock starts here; what it raises has become a response."""
        timeouts = self.connection.state.timeouts
        timeout = self.choice.timeout
        if timeout is None:
            seconds = math.inf
        else:
            seconds = timeouts.handler if isinstance(timeout, EllipsisType) else timeout
        grace = self.choice.disconnect_grace
        self.request.deadline = self.connection.enter_handler(seconds, grace)
        return await self.choice.respond(self.request)

    async def next_part(self) -> bytes:
        """Return the next bytes of a streamed body, none at the end.

        The handler's clock stands while the peer is waited for, and the body's runs. A peer that
        vanished cancels the handler, as its leaving would at any other moment.
        """
        connection = self.connection
        await trio.lowlevel.checkpoint()
        if self.over:
            raise trio.ClosedResourceError("the request this body belongs to is over")
        if self._reading is not None:
            raise trio.BusyResourceError("another task is reading this body")
        if self.body_failed:
            raise HttpParserError(400, "the body broke off")
        if self.body_ended:
            return b""
        phase, deadline = connection.phase, connection.deadline
        started = trio.current_time()
        connection.enter(Phase.BODY, self._credit)
        try:
            with trio.CancelScope() as self._reading:
                return await self._receive_part()
        except trio.BrokenResourceError:
            connection.cancel("client-gone")
            await trio.lowlevel.checkpoint()
            raise
        finally:
            self._reading = None
            if connection.phase is Phase.BODY and not self.over:
                now = trio.current_time()
                self._credit = connection.deadline - now
                connection.phase = phase
                connection.deadline = deadline + (now - started)
                connection.overall_deadline += now - started
                self.request.deadline += now - started
        raise trio.ClosedResourceError("the request this body belongs to is over")

    async def _receive_part(self) -> bytes:
        """Receive the next bytes of the body, and count them."""
        connection = self.connection
        try:
            while (part := connection.parser.parse_body()) is None:
                if self._wants_continue and not connection.begun:
                    self._wants_continue = False
                    await connection.write(CONTINUE)
                byte_count = await connection.receive()
                if not byte_count:
                    raise HttpParserError(400, "the body broke off")
                connection.earn(byte_count)
        except HttpParserError:
            self.body_failed = True
            raise
        self._wants_continue = False
        self._body_bytes += len(part)
        if self._body_bytes > self._body_limit:
            self.body_failed = True
            raise too_large(self._body_limit)
        if not part:
            self.body_ended = True
            self.request.trailers = Headers.received(connection.parser.trailers)
        return part

    def enter_send(self) -> None:
        """Go on to the answer; only a timeout of the route's own bounds that too."""
        if not isinstance(self.choice.timeout, int | float):
            self.request.deadline = math.inf
        self.connection.enter_send(self.request.deadline)

    def may_keep_alive(self) -> bool:
        """Tell whether another request can follow this one's answer.

        What is left of a body must be little enough to be read away, and sure to come: a client
        that waits for 100 may send its body or not.
        """
        if self.connection.state.closing or self.body_failed or not self.head.keep_alive:
            return False
        remaining = self.connection.parser.remaining_bytes
        if remaining is None and self.choice.refused:
            self._skip_received()
        if self.body_ended:
            return True
        if self._wants_continue or not self.counted:
            return False
        return remaining is not None and remaining <= DRAIN_BYTES

    def _skip_received(self) -> None:
        """Drop what is here of a chunked body that nobody wants; it may be all of it."""
        parse_body = self.connection.parser.parse_body
        try:
            while part := parse_body():
                pass
            self.body_ended = part is not None
        except HttpParserError:
            self.body_failed = True

    @property
    def being_read(self) -> bool:
        """Whether a task is reading the body in parts."""
        return self._reading is not None

    async def drain(self) -> None:
        """Read away what is left of the body, so that the next request can be found."""
        connection = self.connection
        connection.enter(Phase.DRAIN, self._credit)
        self._body_limit = math.inf
        while not self.body_ended:
            await self._receive_part()

    def release(self) -> None:
        """Give back what the request was counted for. Any number of calls are one."""
        state = self.connection.state
        self.over = True
        if self._reading is not None:
            self._reading.cancel()
        state.request_count -= self.counted
        state.buffered_bytes -= self._held_bytes
        self.counted = False
        self._held_bytes = 0


class BodyStream:
    """The body of a request in parts, as they arrive; nothing once the request is over.

    Args:
        exchange: Whose body it is.
    """

    __slots__ = ("_exchange",)

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        part = await self._exchange.next_part()
        if not part:
            raise StopAsyncIteration
        return part


def too_large(limit_bytes: float) -> HttpException:
    """Return the error for a body past its limit."""
    return HttpException(413, f"the body is larger than {limit_bytes:.0f} bytes")


def build_request(connection: Connection, head: RequestHead) -> Request:
    """Return the request of a head; its body is still to come."""
    line = head.line
    return Request(
        line.method,
        line.target,
        line.path,
        Headers.received(head.fields),
        line.query_string,
        line.version,
        "http",
        head.host,
        connection.transport.client,
    )
