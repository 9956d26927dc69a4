"""One request and its answer on a connection: the body in, the handler, the response out."""

import math
from types import EllipsisType
from typing import Self

import trio

from hump_trio.content.room import Room
from hump_trio.facts.exceptions import HttpException, HttpParserError, OverloadError
from hump_trio.http1.head import RequestHead
from hump_trio.http1.response_head import CONTINUE
from hump_trio.messages.choice import Choice
from hump_trio.messages.headers import Headers
from hump_trio.messages.request import Request, build_request
from hump_trio.messages.response import Response
from hump_trio.server.access_log import log_request
from hump_trio.server.connection import Connection
from hump_trio.server.deadline_header import parse_deadline
from hump_trio.server.phases import Phase
from hump_trio.server.state import DRAIN_BYTES
from hump_trio.tasks.task_tree import place_of_error

__all__ = ["Exchange", "log_answer"]

# How many chunks are taken before other connections have their turn.
TURN_PARTS = 64


class Exchange:
    """A request being received and handled; it ends when its answer is on the wire.

    Args:
        connection: Where its bytes come from.
        head: What was parsed of it.
        request: Itself, if it was begun already and its body is here.
        choice: What was chosen for it, likewise.
        held_bytes: Of its body, which the handler may have replaced meanwhile.
    """

    __slots__ = (
        "_body_bytes",
        "_body_limit",
        "_cut_seconds",
        "_held_bytes",
        "_reading",
        "_stopped",
        "_stream",
        "_wants_continue",
        "body_ended",
        "body_failed",
        "choice",
        "connection",
        "counted",
        "head",
        "over",
        "request",
        "status",
    )

    def __init__(
        self,
        connection: Connection,
        head: RequestHead,
        request: Request | None = None,
        choice: Choice | None = None,
        held_bytes: int = 0,
    ) -> None:
        self.connection: Connection = connection
        self.head: RequestHead = head
        if request is None:
            transport = connection.transport
            request = build_request(head.line, head.host, head.fields, transport.client)
            if transport.secure:
                request.scheme, request.client_certificate = "https", transport.client_certificate
            request.app = connection.state.application.app
        self.request: Request = request
        connection.request = request
        self.body_ended: bool = not head.has_body
        self.body_failed: bool = False
        self.counted: bool = choice is not None  # among the requests in flight
        self.over: bool = False
        self._cut_seconds = 0.0  # by which the caller has shortened the handler's time
        self.status: int = 0  # of the answer, once it is being sent
        self._body_bytes = 0
        self._body_limit: float = math.inf
        self._held_bytes = held_bytes
        connection.body_seconds = connection.state.timeouts.stall_grace
        self._reading: trio.CancelScope | None = None
        self._stream: BodyStream | None = None
        # When the handler's clock was stopped, and its deadline then; None while it goes.
        self._stopped: tuple[float, float] | None = None
        self._wants_continue = (
            not self.body_ended and head.expect == "100-continue" and head.line.version == "1.1"
        )
        self.choice: Choice = self._choose() if choice is None else choice

    def _choose(self) -> Choice:
        """Decide at the head what may happen, before any of the body is read."""
        state, head = self.connection.state, self.head
        if state.request_count >= state.request_limit:
            return state.application.refuse(OverloadError("too many requests"))
        self.counted = True
        state.request_count += 1
        line = head.line
        choice, self.request.path_params = state.application.choose(line.method, line.raw_path)
        self.request.route = choice.route
        if choice.refused:
            return choice
        if head.expect and head.expect != "100-continue":
            return state.application.refuse(HttpException(417, "only 100-continue is expected"))
        limit = choice.body_limit_bytes
        if isinstance(limit, EllipsisType):
            self._body_limit = state.limits.body_bytes
        elif limit is not None:
            self._body_limit = limit
        if head.content_length > self._body_limit:
            return state.application.refuse(too_large(self._body_limit))
        return choice

    async def receive(self) -> None:
        """Receive the body, if the handler wants it whole, or prepare it to be read in parts.

        Raises:
            HttpException: 413 past the limit, 503 with too much held for others.
            HttpParserError: 400, the body is malformed or broke off.
            trio.BrokenResourceError: The peer has gone.

        Cancellation: a checkpoint if bytes are missing.
        """
        if self.choice.refused:
            return
        if self.choice.stream:
            self._stream = BodyStream(self)
            room = Room(self._stream.hold, self.connection.state.disk)
            self.request.stream_body(self._stream, room)
        elif not self.body_ended:
            await self._receive_whole()

    async def _receive_whole(self) -> None:
        self.connection.enter_body(self.connection.body_seconds)
        body: bytes | bytearray = b""
        part_count = 0
        try:
            while part := await self._receive_part():
                if not body:
                    body = part  # most bodies come in one
                else:  # not a list of parts: a chunk of one byte would hold sixty
                    body = body if isinstance(body, bytearray) else bytearray(body)
                    body += part
                self.hold(len(part))
                part_count += 1
                if part_count % TURN_PARTS == 0:
                    await trio.lowlevel.checkpoint()
        except OverloadError:
            self.body_failed = True
            raise
        self.request.body = bytes(body)

    def hold(self, byte_count: int) -> None:
        """Count bytes that are held for the request, until it is over or they are counted off.

        Raises:
            OverloadError: 503, all requests together hold too much; they are counted all the same.
        """
        state = self.connection.state
        self._held_bytes += byte_count
        state.buffered_bytes += byte_count
        if byte_count > 0 and state.buffered_bytes > state.limits.buffered_bytes:
            raise OverloadError("too much is being received")

    async def respond(self) -> Response:
        """Run the handler. Its clock starts here; what it raises has become a response."""
        connection, request = self.connection, self.request
        timeouts = connection.state.timeouts
        timeout = self.choice.timeout
        seconds = timeouts.handler if timeout is ... else math.inf if timeout is None else timeout
        if timeouts.deadline_header is not None:
            asked_seconds = parse_deadline(request.headers.get_all(timeouts.deadline_header))
            if asked_seconds < seconds:
                self._cut_seconds = seconds - asked_seconds
                seconds = asked_seconds
        connection.asked = self._cut_seconds > 0
        grace = self.choice.disconnect_grace
        request.server_deadline = connection.enter_handler(trio.current_time(), seconds, grace)
        if timeout is not ... or self._cut_seconds:
            connection.enforce(request.server_deadline)
        try:
            response = await connection.state.application.respond(self.choice, request)
        except (trio.Cancelled, BaseExceptionGroup) as error:
            connection.stood = place_of_error(error)
            raise
        if connection.enforced:
            connection.end_handler()
        return response

    def refuse(self, error: HttpException | HttpParserError) -> None:
        """Let an error be the answer, through middleware; nothing more is read of the body."""
        self.body_failed = not self.body_ended
        self.choice = self.connection.state.application.refuse(error)

    def extend(self) -> None:
        """Give the answer to an error a time of its own, since that of the handler has passed."""
        connection = self.connection
        self.request.server_deadline = connection.enter_handler(
            trio.current_time(), connection.state.timeouts.handler, self.choice.disconnect_grace
        )

    async def next_part(self) -> bytes:
        """Return the next bytes of a streamed body, none at the end.

        The handler's clock stands while the peer is waited for, and the body's runs. A peer that
        vanished cancels the handler, as its leaving would at any other moment.
        """
        connection = self.connection
        if self._reading is not None:
            raise trio.BusyResourceError("another task is reading this body")
        if self.body_failed:
            raise HttpParserError(400, "the body broke off")
        if self.body_ended:
            return b""
        phase, deadline = connection.phase, connection.deadline
        enforced = connection.scope.deadline if connection.enforced else math.inf
        if enforced < math.inf:
            connection.lift()
        started = trio.current_time()
        self._stopped = (started, self.request.server_deadline)
        self.request.server_deadline = math.inf
        connection.enter(Phase.BODY, connection.body_seconds)
        try:
            with trio.CancelScope() as self._reading:
                return await self._receive_part()
        except trio.BrokenResourceError:
            self.body_failed = True
            if connection.may_finish and phase is not Phase.SEND:
                raise HttpParserError(400, "the body broke off") from None
            connection.cancel("client-gone")
            await trio.lowlevel.checkpoint()
            raise
        finally:
            self._reading = None
            if connection.expired is Phase.BODY:
                self.body_failed = True
            if connection.phase is Phase.BODY and not self.over:
                now = trio.current_time()
                connection.body_seconds = connection.deadline - now
                connection.phase = phase
                connection.deadline = deadline + (now - started)
                self._restart_clock()
                if enforced < math.inf:
                    connection.enforce(enforced + (now - started))
        raise body_closed()

    def _restart_clock(self) -> None:
        """Let the handler's clock go on, by what is left of its time."""
        if self._stopped is not None:
            stopped, deadline = self._stopped
            self._stopped = None
            self.request.server_deadline = deadline + (trio.current_time() - stopped)

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
        self.connection.enter_send()
        if isinstance(self.choice.timeout, int | float):
            self._restart_clock()  # a task that outlives the handler may still be reading
            self.request.server_deadline += self._cut_seconds
            self._cut_seconds = 0.0
            self.connection.asked = False
            self.connection.enforce(self.request.server_deadline)
        else:
            self.request.server_deadline = math.inf

    def may_keep_alive(self) -> bool:
        """Tell whether another request can follow this one's answer.

        What is left of a body must be little enough to be read away, and sure to come: a client
        that waits for 100 may send its body or not.
        """
        if self.connection.draining or self.body_failed or not self.head.keep_alive:
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
        connection.enter(Phase.DRAIN, connection.body_seconds)
        self._body_limit = math.inf
        while not self.body_ended:
            await self._receive_part()

    def release(self) -> None:
        """Give back what the request was counted for. Any number of calls are one."""
        if self.over:
            return
        connection, request = self.connection, self.request
        state = connection.state
        self.over = True
        connection.request = None
        request.server_deadline = math.inf
        request.late = None  # or a request that is kept would hold the connection
        if self._reading is not None:
            self._reading.cancel()
        if self._stream is not None:
            self._stream.exchange = None  # or request and exchange would hold each other
        state.request_count -= self.counted
        state.buffered_bytes -= self._held_bytes
        status = self.status if connection.begun else 0
        if self.body_failed and request.outcome == "ok" and status >= 400:
            request.outcome = "refused"  # by a handler that was reading the body
        state.outcomes[request.outcome] += 1
        if state.access_log:
            log_answer(connection, request, status)


def log_answer(connection: Connection, request: Request, status: int) -> None:
    """Write the line of a request that is over into the access log."""
    sent_bytes = connection.transport.sent_bytes
    log_request(
        request,
        status,
        outcome=request.outcome,
        byte_count=sent_bytes - connection.logged_bytes,
        seconds=trio.current_time() - connection.asked_since,
    )
    connection.logged_bytes = sent_bytes


class BodyStream:
    """The body of a request in parts, as they arrive; nothing once the request is over.

    Args:
        exchange: Whose body it is.
    """

    __slots__ = ("exchange",)

    def __init__(self, exchange: Exchange) -> None:
        self.exchange: Exchange | None = exchange

    def hold(self, byte_count: int) -> None:
        """Count bytes that are made of it (see `Exchange.hold`), until the request is over."""
        if self.exchange is not None:
            self.exchange.hold(byte_count)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        await trio.lowlevel.checkpoint()
        if self.exchange is None:
            raise body_closed()
        part = await self.exchange.next_part()
        if not part:
            raise StopAsyncIteration
        return part


def body_closed() -> trio.ClosedResourceError:
    """Return the error for reading on when the answer is out."""
    return trio.ClosedResourceError("the request this body belongs to is over")


def too_large(limit_bytes: float) -> HttpException:
    """Return the error for a body past its limit."""
    return HttpException(413, f"the body is larger than {limit_bytes:.0f} bytes")
