"""One request and its answer, whatever the protocol: the body in, the handler, the response out."""

import math
from collections.abc import Awaitable, Callable
from types import EllipsisType
from typing import NoReturn, Protocol, Self

import trio

from hump_trio.content.room import Room
from hump_trio.facts.exceptions import HttpException, HttpParserError, OverloadError, StatusError
from hump_trio.facts.loggers import logger
from hump_trio.messages.choice import WEBSOCKET, Choice
from hump_trio.messages.headers import FieldLines, Headers
from hump_trio.messages.late_body import LateBody
from hump_trio.messages.request import Request, inform_nobody
from hump_trio.messages.response import Response, speaks
from hump_trio.messages.target import RequestLine
from hump_trio.server.access_log import access_of, log_access
from hump_trio.server.channel import ServerChannel
from hump_trio.server.clock import Clock
from hump_trio.server.deadline_header import parse_deadline
from hump_trio.server.phases import Phase
from hump_trio.server.stream import HttpStream

__all__ = ["Exchange", "inform", "tell_answer"]

# How many parts of a body are taken before other connections have their turn.
TURN_PARTS = 64


class Counted(Protocol):
    """What sends answers and counts their bytes: a stream, or what streams are made of."""

    def count_sent(self) -> int:
        """Return how many bytes were sent since this was last asked."""
        ...


class Exchange:
    """A request being received and handled; it ends when its answer is on the wire.

    Args:
        stream: Where its bytes come from, and where its answer goes.
        clock: Bounds it.
        request: The request itself, if it was begun already and its body is here.
        choice: What was chosen for such a request.
        held_bytes: What is held of its body, which the handler may have replaced meanwhile.

    Attributes:
        choice: What may happen with the request.
        channel: What the handler of a WebSocket speaks through; None for any other request.
        status: The status of the answer, once it is being sent.
        over: Whether all that it was counted for has been given back.
    """

    __slots__ = (
        "_body_bytes",
        "_body_limit",
        "_body_stream",
        "_counted",
        "_cut_seconds",
        "_held_bytes",
        "_reading",
        "_state",
        "_stopped",
        "channel",
        "choice",
        "clock",
        "over",
        "request",
        "status",
        "stream",
    )

    def __init__(
        self,
        stream: HttpStream,
        clock: Clock,
        request: Request | None = None,
        choice: Choice | None = None,
        held_bytes: int = 0,
    ) -> None:
        self.stream: HttpStream = stream
        self.clock: Clock = clock
        self.request: Request = stream.build_request() if request is None else request
        self.request.inform = self.inform
        self.over: bool = False
        self.status: int = 0
        self.channel: ServerChannel | None = None
        self._state = clock.state
        self._counted = choice is not None  # among the requests in flight
        self._cut_seconds = 0.0  # by which the caller has shortened the handler's time
        self._body_bytes = 0
        self._body_limit: float = math.inf
        self._held_bytes = held_bytes
        self._reading: trio.CancelScope | None = None
        self._body_stream: BodyStream | LateBody | None = None
        # When the handler's clock was stopped, and its deadline then; None while it goes.
        self._stopped: tuple[float, float] | None = None
        if choice is not None:
            self.choice: Choice = choice

    def begin(self) -> None:
        """Take the request in: decide at the head what may happen, before its body is read."""
        self.request.app = self._state.application.app
        self.clock.begin_exchange(self.request)
        self.choice = self._choose()
        if self.choice.refused:
            self.stream.decline_body(drained=self._counted)

    def _choose(self) -> Choice:
        state, stream = self._state, self.stream
        if state.request_count >= state.request_limit:
            return state.application.refuse(OverloadError("too many requests"))
        self._counted = True
        state.count_in()
        target = stream.target
        if stream.asks_websocket:
            choice = self._choose_websocket(target)
        else:
            choice = self._ask(target.method, target.raw_path)
        self.request.route = choice.route
        if choice.refused or self.channel is not None:
            return choice
        if stream.expect and stream.expect != "100-continue":
            return state.application.refuse(HttpException(417, "only 100-continue is expected"))
        limit = choice.body_limit_bytes
        if isinstance(limit, EllipsisType):
            self._body_limit = state.limits.body_bytes
        elif limit is not None:
            self._body_limit = limit
        if stream.content_length > self._body_limit:
            return state.application.refuse(too_large(self._body_limit))
        return choice

    def _ask(self, method: str, path: str) -> Choice:
        choice, self.request.path_params = self._state.application.choose(method, path)
        return choice

    def _choose_websocket(self, target: RequestLine) -> Choice:
        """Choose for a client that asks for a WebSocket, and make the channel if it gets one.

        Where there is none an upgrade is ignored (RFC 9110 section 7.8): it is a request like any
        other. A stream can't be taken for one (RFC 8441 section 4).
        """
        state, stream = self._state, self.stream
        choice = self._ask(WEBSOCKET, target.raw_path)
        if not choice.websocket:
            return choice if target.method == "CONNECT" else self._ask("GET", target.raw_path)
        try:
            stream.check_websocket()
        except StatusError as error:
            return state.application.refuse(error)
        if state.websocket_count >= state.websocket_limit:
            return state.application.refuse(OverloadError("too many WebSockets"))
        state.websocket_count += 1
        self.channel = self.request.channel = stream.make_channel(self._open)
        return choice

    def _open(self, status: int) -> None:
        """Hear that the handshake of a WebSocket is answered: it is no request in flight any more.

        Only a timeout of the route's own bounds it from here on.

        Args:
            status: That of the answer.
        """
        clock, state, timeout = self.clock, self._state, self.choice.timeout
        assert self.channel is not None
        self.status = status
        state.request_count -= 1
        self._counted = False
        if clock.enforced:
            clock.lift()
        clock.asked = False
        self.request.server_deadline = math.inf
        clock.enter_open(self.channel)
        if isinstance(timeout, int | float):
            self.request.server_deadline = clock.since + timeout
            clock.enforce(self.request.server_deadline)

    async def receive(self) -> None:
        """Receive the body, if the handler wants it whole, or prepare it to be received later.

        Raises:
            HttpException: 413 past the limit, 503 with too much held for others.
            HttpParserError: 400, the body is malformed or broke off.
            trio.BrokenResourceError: The peer has gone.

        Cancellation: a checkpoint if bytes are missing.
        """
        if self.choice.refused:
            return
        if self.choice.stream or self.choice.speaks:
            stream = self._body_stream = BodyStream(self)
            self.request.stream_body(stream, Room(stream.hold, self._state.disk))
        elif self.stream.body_ended:
            return
        elif self.choice.late_body:
            self.request.body = self._body_stream = LateBody(self._receive_late)
        else:
            self.clock.enter(Phase.BODY, self.clock.silence_seconds)
            await self._receive_whole(self._receive_part)

    async def _receive_late(self) -> None:
        """Receive the body when the call has begun, whose clock stands meanwhile.

        Raises:
            StatusError: As `receive` does.
            trio.BrokenResourceError: The peer has gone.

        Cancellation: a checkpoint if bytes are missing. The body is abandoned: half of it must not
            look whole to a call that is tried again.
        """
        try:
            await self._receive_whole(self.next_part)
        except BaseException as error:
            self.stream.abandon_body()
            if isinstance(error, StatusError):
                logger.info("refused a request: %s", error)
            raise

    async def _receive_whole(self, next_part: Callable[[], Awaitable[bytes]]) -> None:
        body: bytes | bytearray = b""
        part_count = 0
        try:
            while part := await next_part():
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
            self.stream.abandon_body()
            raise
        self.request.body = bytes(body)

    def hold(self, byte_count: int) -> None:
        """Count bytes that are held for the request, until it is over or they are counted off.

        Raises:
            OverloadError: 503, all requests together hold too much; they are counted all the same.
        """
        state = self._state
        self._held_bytes += byte_count
        state.buffered_bytes += byte_count
        if byte_count > 0 and state.buffered_bytes > state.limits.buffered_bytes:
            raise OverloadError("too much is being received")

    async def respond(self) -> Response:
        """Run the handler. Its clock starts here; what it raises has become a response.

        The clock of an answer that is still to begin (`Spoken`) goes on.
        """
        clock, request = self.clock, self.request
        timeouts = self._state.timeouts
        timeout = self.choice.timeout
        seconds = timeouts.handler if timeout is ... else math.inf if timeout is None else timeout
        if self.channel is not None:  # its own time is that of the WebSocket
            seconds = min(seconds, timeouts.handler)
        if timeouts.deadline_header is not None:
            asked_seconds = parse_deadline(timeouts.deadline_header, request)
            if asked_seconds < seconds:
                self._cut_seconds = seconds - asked_seconds
                seconds = asked_seconds
        clock.asked = self._cut_seconds > 0
        self._enter_handler(seconds)
        if timeout is not ... or self._cut_seconds:
            clock.enforce(request.server_deadline)
        response = await self._state.application.respond(self.choice, request)
        late = self.choice.late_body and request.body is self._body_stream
        if late and not self.stream.body_failed:  # it was refused
            self.stream.decline_body(drained=True)
        if clock.enforced and not speaks(response.body):
            clock.end_handler()
        return response

    def _enter_handler(self, seconds: float) -> None:
        clock = self.clock
        clock.enter_handler(trio.current_time(), seconds, self.choice.disconnect_grace)
        self.request.server_deadline = clock.deadline

    def refuse(self, error: StatusError) -> None:
        """Let an error be the answer, through middleware; nothing more is read of the body."""
        self.stream.abandon_body()
        self.choice = self._state.application.refuse(error)

    def extend(self) -> None:
        """Give the answer to an error a time of its own, since that of the handler has passed."""
        self._enter_handler(self._state.timeouts.handler)

    async def next_part(self) -> bytes:
        """Return the next bytes of a streamed body, none at the end.

        The handler's clock stands while the peer is waited for, and the body's runs. A peer that
        vanished cancels the handler, as its leaving would at any other moment.
        """
        clock, stream = self.clock, self.stream
        if self._reading is not None:
            raise trio.BusyResourceError("another task is reading this body")
        if stream.body_failed:
            raise HttpParserError(400, "the body broke off")
        if stream.body_ended:
            return b""
        phase, deadline = clock.phase, clock.deadline
        enforced = clock.scope.deadline if clock.enforced else math.inf
        if enforced < math.inf:
            clock.lift()
        started = trio.current_time()
        self._stopped = (started, self.request.server_deadline)
        self.request.server_deadline = math.inf
        clock.enter(Phase.BODY, clock.silence_seconds)
        try:
            with trio.CancelScope() as self._reading:
                return await self._receive_part()
        except trio.BrokenResourceError:
            stream.abandon_body()
            if clock.reply is not None:  # it hears of that first
                clock.reply.lose_peer()
                raise HttpParserError(400, "the body broke off") from None
            if clock.may_finish and phase is not Phase.SEND:
                raise HttpParserError(400, "the body broke off") from None
            clock.cancel("client-gone")
            await trio.lowlevel.checkpoint()
            raise
        finally:
            self._reading = None
            if clock.ending is not None and clock.ending.phase is Phase.BODY:
                stream.abandon_body()
            if clock.phase is Phase.BODY and not self.over:
                waited_seconds = clock.leave_body(phase, deadline, started)
                self._restart_clock()
                if enforced < math.inf:
                    clock.enforce(enforced + waited_seconds)
        raise body_closed()

    def _restart_clock(self) -> None:
        """Let the handler's clock go on, by what is left of its time."""
        if self._stopped is not None:
            stopped, deadline = self._stopped
            self._stopped = None
            self.request.server_deadline = deadline + (trio.current_time() - stopped)

    async def _receive_part(self) -> bytes:
        """Receive the next bytes of the body, and count them."""
        part = await self.stream.receive_part()
        self._body_bytes += len(part)
        if self._body_bytes > self._body_limit:
            self.stream.abandon_body()
            raise too_large(self._body_limit)
        if not part:
            self.request.trailers = Headers.received(self.stream.trailers)
        return part

    async def inform(self, request: Request, status: int, fields: FieldLines) -> None:
        """Send an informational response (see `HttpStream.send_informational`).

        Args:
            request: That of the exchange.
            status: That of the response.
            fields: Those of the response, checked.

        Raises:
            RuntimeError: Bytes of the answer may be out.
            trio.BrokenResourceError: An earlier write was cut or goes on.
        """
        if self.clock.answering:
            raise RuntimeError("the answer has begun: nothing can be sent before it any more")
        await inform(self.clock, self.stream.send_informational(status, fields))

    def start_answer(self, status: int) -> None:
        """Go on to the answer; only a timeout of the route's own bounds that too."""
        assert not self.over, "an answer belongs to a request"
        self.status = status
        clock = self.clock
        clock.enter_send()
        if isinstance(self.choice.timeout, int | float):
            self._restart_clock()  # a task that outlives the handler may still be reading
            self.request.server_deadline += self._cut_seconds
            self._cut_seconds = 0.0
            clock.asked = False
            clock.enforce(self.request.server_deadline)
        else:
            self.request.server_deadline = math.inf

    @property
    def in_parts(self) -> bool:
        """Whether the handler reads the body itself."""
        return isinstance(self._body_stream, BodyStream)

    @property
    def being_read(self) -> bool:
        """Whether a task is reading the body in parts."""
        return self._reading is not None

    def release(self) -> None:
        """Give back what the request was counted for. Any number of calls are one."""
        if self.over:
            return
        clock, request, state = self.clock, self.request, self._state
        self.over = True
        clock.request = None
        request.server_deadline = math.inf
        # Or a request that is kept would hold the connection.
        request.late, request.inform = None, inform_nobody
        if self._reading is not None:
            self._reading.cancel()
        channel = self.channel
        if channel is not None:
            request.channel = None  # what a handler has kept of it is closed
            clock.channel = None
            channel.release()
            state.websocket_count -= 1
        # Or request and exchange would hold each other, and the body what was wrong with it.
        if isinstance(self._body_stream, LateBody):
            self._body_stream.receive = receive_nothing
            self._body_stream.failure = None
        elif self._body_stream is not None:
            self._body_stream.exchange = None
        status = self.status if clock.answering else 0
        if self.stream.body_failed and request.outcome == "ok" and status >= 400:
            request.outcome = "refused"  # by a handler that was reading the body
        state.buffered_bytes -= self._held_bytes
        if self._counted:
            state.count_out(request.outcome)
        else:
            state.outcomes[request.outcome] += 1
        assert state.buffered_bytes >= 0, "nothing is given back twice"
        assert state.request_count >= 0, "nothing is given back twice"
        if state.told:
            tell_answer(clock, self.stream, request, status, channel)


async def inform(clock: Clock, sending: Awaitable[None]) -> None:
    """Have an informational response sent.

    A peer that vanished cancels the handler, as its leaving would at any other moment.

    Args:
        clock: Bounds the request.
        sending: Sends it.

    Raises:
        trio.BrokenResourceError: An earlier write was cut or goes on.
    """
    try:
        await sending
    except trio.BrokenResourceError:
        if clock.peer.gone:
            if clock.may_finish:
                return
            clock.cancel("client-gone")
            await trio.lowlevel.checkpoint()
        raise


def tell_answer(
    clock: Clock,
    sender: Counted,
    request: Request,
    status: int,
    channel: ServerChannel | None = None,
) -> None:
    """Tell of a request that is over: the access log, and who watches.

    Args:
        clock: Has bounded the request.
        sender: Knows how many bytes were sent for it.
        request: Its outcome is known.
        status: The answer's; 0 if none was started.
        channel: That of a WebSocket.
    """
    ended = None
    if channel is not None and channel.opened:
        ended = channel.close_code or 1006, channel.received_count, channel.sent_count
    access = access_of(
        request,
        status,
        outcome=request.outcome,
        byte_count=sender.count_sent(),
        seconds=clock.age(),
        ended=ended,
    )
    state = clock.state
    if state.access_log:
        log_access(access)
    if state.application.watched:
        if request.watching is None:  # its client left before anything could be answered
            state.application.watch(request)
        watching, request.watching = request.watching, None
        assert watching is not None
        watching.end(access)


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


async def receive_nothing() -> NoReturn:
    """Take the place of what receives a late body when its request is over."""
    raise body_closed()


def body_closed() -> trio.ClosedResourceError:
    """Return the error for reading on when the answer is out."""
    return trio.ClosedResourceError("the request this body belongs to is over")


def too_large(limit_bytes: float) -> HttpException:
    """Return the error for a body past its limit."""
    return HttpException(413, f"the body is larger than {limit_bytes:.0f} bytes")
