"""The requests of one connection, one after the other, and what each deadline means for them."""

import trio

from hump_trio.facts.exceptions import DeadlineError, HttpException, HttpParserError
from hump_trio.facts.loggers import logger
from hump_trio.facts.outcomes import Outcome
from hump_trio.http1.head import RequestHead
from hump_trio.messages.response import Response, error_response, own_copy, settle
from hump_trio.server.access_log import log_request
from hump_trio.server.connection import Connection
from hump_trio.server.exchange import Exchange
from hump_trio.server.fast_path import serve_whole
from hump_trio.server.phases import ASKED_ERROR, CUT_PHASES, EXPIRED_ERRORS, SILENT_PHASES, Phase
from hump_trio.server.sending import Rest, Sender, close_unsent
from hump_trio.tasks.failures import is_failure, leaves_of, split_failures

__all__ = ["serve_http1"]


# How the names of fields begin that belong to the answer they came with.
OF_ANSWER = (
    "content-",
    "etag",
    "last-modified",
    "accept-ranges",
    "cache-control",
    "expires",
    "location",
    "set-cookie",
)


async def serve_http1(connection: Connection) -> None:
    """Serve a connection by HTTP/1.1 until it ends; its transport is closed then.

    Nothing that goes wrong on a connection is raised: it is logged.

    Cancellation: a running handler is cancelled, a message under way is reset, never made to
    look whole.
    """
    serving = Serving(connection)
    try:
        await serving.serve()
    except BaseExceptionGroup as group:
        failures, rest = split_failures(group)
        if failures is not None:
            logger.error("a handler failed while it was cancelled", exc_info=failures)
        assert rest is not None  # or it would have been dealt with
        raise rest from None
    finally:
        connection.note("server-failed")  # of a request that nothing else has ended
        try:
            if serving.answer is not None and connection.phase is Phase.HANDLER:
                await close_unsent(serving.answer, connection.state)
        finally:
            serving.release()
            if connection.phase in CUT_PHASES:
                connection.transport.reset()
            else:
                connection.transport.close()


class Serving:
    """What is going on on one connection; it outlives the cancel scopes that bound it.

    Attributes:
        exchange: The request being received or answered.
        rest: What is left to be sent of an answer that the fast path has begun.
        answer: Its response, from the handler's return until it is on the wire.
        error: What is to be answered instead of a handler's response.
        failed: Whether an error is being answered, so that a second one gets a plain answer.
        over: Whether the connection is to be closed.
        sent: Whether the answer is on the wire and its request still to be ended.
    """

    __slots__ = (
        "_context",
        "_dropped",
        "_keep_alive",
        "_malformed",
        "_task",
        "answer",
        "connection",
        "error",
        "exchange",
        "failed",
        "over",
        "rest",
        "sent",
    )

    def __init__(self, connection: Connection) -> None:
        self.connection: Connection = connection
        self.exchange: Exchange | None = None
        self.answer: Response | None = None
        self.rest: bytes = b""
        self.error: BaseException | None = None
        self.failed: bool = False
        self.over: bool = False
        self.sent: bool = False
        self._dropped: Response | None = None  # an answer that another one replaces
        self._keep_alive: bool = False
        self._malformed: tuple[Outcome, int] | None = None
        self._task = connection.task = trio.lowlevel.current_task()
        self._context = self._task.context.copy()

    async def serve(self) -> None:
        """Serve requests under one scope; a scope that was cancelled is left and replaced."""
        connection = self.connection
        while not self.over:
            try:
                with connection.scope:
                    await self._run()
            except BaseException as error:
                if not is_failure(error):
                    raise
                if not connection.scope.cancel_called:
                    self._fail(error)
                elif not connection.broken:
                    logger.error("a handler failed while it was cancelled", exc_info=error)
            if connection.scope.cancel_called:
                self._judge()
                connection.scope = trio.CancelScope()

    def release(self) -> None:
        """Give back what is held for a request that was cut. Any number of calls are one."""
        self._log_malformed()
        if self.exchange is not None:
            self.exchange.release()

    async def _run(self) -> None:
        connection = self.connection
        while not self.over:
            if self.sent:
                await self._go_on()
            elif self.rest:
                await self._send_rest()
            elif self.answer is None:
                if self._may_serve_whole():
                    self.over = await serve_whole(connection, self._context, self._take_over)
                    if self.over:
                        await connection.end(expected=True)
                if self.answer is None and not self.rest and not self.over:
                    self.answer = await self._next_answer()
                    self.over = self.answer is None
            else:
                await self._send(self.answer)
            if connection.scope.cancel_called and (connection.expired or connection.broken):
                return  # nothing is written under a scope that was cancelled

    def _may_serve_whole(self) -> bool:
        """Tell whether nothing is under way that the fast path can't know of."""
        buffered_bytes = self.connection.parser.buffered_bytes
        return self.exchange is None and self.error is None and not buffered_bytes

    def _take_over(self, exchange: Exchange, answer: Response | None, rest: bytes) -> None:
        """Go on with a request of the fast path."""
        self.exchange, self.answer, self.rest = exchange, answer, rest

    async def _next_answer(self) -> Response | None:
        """Receive a request and handle it; None: the peer has nothing more to ask."""
        if self.error is not None:
            return await self._answer_error(self.error)
        if self.exchange is not None:
            return await self.exchange.respond()  # its body hasn't come
        try:
            head = await self._receive_head()
            if head is None:
                return None
            self.connection.asked_since = trio.current_time()
            exchange = self.exchange = Exchange(self.connection, head)
            await exchange.receive()
        except (HttpException, HttpParserError) as error:
            logger.info("refused a request: %s", error)
            if self.exchange is None:
                self._count_malformed("refused", error.status)
                return await self._answer_error(error)
            exchange = self.exchange
            exchange.refuse(error)
        return await exchange.respond()

    async def _answer_error(self, error: BaseException) -> Response:
        """Return the answer for an error that no handler is there to answer."""
        self.error = None
        exchange = self.exchange
        if exchange is None or self.failed:
            if not isinstance(error, HttpException | HttpParserError):
                logger.error("the answer to an error failed", exc_info=error)
                error = HttpException(500)
            response = error_response(error)
        else:
            self.failed = True
            state = self.connection.state
            exchange.extend()
            response = await state.application.answer_error(exchange.request, error)
            if self.connection.enforced:
                self.connection.lift()
        settle(response)
        dropped, self._dropped = self._dropped, None
        return response if dropped is None else replacing(dropped, response)

    async def _receive_head(self) -> RequestHead | None:
        """Receive a head; None: the peer ended the connection before it was whole."""
        connection = self.connection
        parser = connection.parser
        if self._task.context != self._context:
            # A handler has set a context variable: the next one, after the checkpoint below,
            # starts from a fresh copy. Where none was set this compares two pointers.
            self._task.context = self._context.copy()
        if not parser.buffered_bytes:
            return None  # the fast path has looked for more
        # A client that sends many requests at once waits its turn before each.
        await trio.lowlevel.checkpoint()
        while (head := parser.parse_head()) is None:
            if parser.started:
                if connection.phase is Phase.IDLE:
                    connection.enter(Phase.HEAD, connection.state.timeouts.head)
                elif connection.phase is Phase.OPENED:
                    connection.phase = Phase.HEAD
                    connection.deadline = connection.head_deadline
            if not await connection.receive():
                return None
        return head

    async def _send(self, answer: Response) -> None:
        """Write an answer, and settle how the connection goes on."""
        connection, exchange = self.connection, self.exchange
        if connection.torn:
            self.answer = None
            self._fail(trio.BrokenResourceError("a 100 was cut by a cancel scope"))
            await close_unsent(answer, connection.state)
            return
        keep_alive = exchange is not None and exchange.may_keep_alive()
        head = None if exchange is None else exchange.head
        sender = Sender(connection, head, answer, keep_alive=keep_alive)
        if exchange is None:
            connection.enter_send()
        else:
            exchange.status = answer.status
            exchange.enter_send()
        await self._finish(sender)

    async def _send_rest(self) -> None:
        """Write what the fast path has left of an answer."""
        rest, self.rest = self.rest, b""
        assert self.exchange is not None
        self.exchange.status = 200 if self.answer is None else self.answer.status
        self.exchange.enter_send()
        self.connection.begun = True
        keep_alive = self.exchange.head.keep_alive
        await self._finish(Rest(self.connection, rest, keep_alive=keep_alive))

    async def _finish(self, sender: Sender | Rest) -> None:
        """Have an answer sent, and settle how the connection goes on."""
        connection = self.connection
        try:
            keep_alive = await sender.send()
        except BaseException as error:
            if connection.broken or connection.scope.cancel_called or not is_failure(error):
                raise
            self._dropped, self.answer = self.answer, None
            if connection.begun:
                self._fail(error)
            else:
                self.error = error
            return
        finally:
            if connection.enforced:
                connection.lift()
        self.answer = None
        self.failed = False
        self.sent = True
        self._keep_alive = keep_alive
        if connection.expired is None:  # else under a scope that isn't cancelled
            await self._go_on()

    async def _go_on(self) -> None:
        """End the request whose answer is on the wire, and await the next one or the end."""
        connection, exchange, keep_alive = self.connection, self.exchange, self._keep_alive
        self.sent = False
        self.over = True  # unless another request can follow
        if exchange is None:
            self._log_malformed()
        else:
            exchange.release()
            while exchange.being_read:  # by a task that outlives its handler, until it notices
                await trio.lowlevel.checkpoint()
        if keep_alive and exchange is not None and await self._drained(exchange):
            self.over = False
            self.exchange = None
            connection.enter_idle()
        else:
            # Who has said so sends nothing more (RFC 9112 section 9.6).
            said_so = exchange is not None and not exchange.head.keep_alive
            await connection.end(expected=said_so and exchange is not None and exchange.body_ended)

    async def _drained(self, exchange: Exchange) -> bool:
        """Read away what is left of a body; False if it turns out to be malformed."""
        if not exchange.body_ended:
            try:
                await exchange.drain()
            except HttpParserError:
                return False
        return True

    def _fail(self, error: BaseException) -> None:
        """End the connection for an error that can't be answered any more."""
        connection = self.connection
        self.over = True
        text = connection.describe()
        leaves = list(leaves_of(error))
        if all(isinstance(leaf, HttpException | HttpParserError) for leaf in leaves):
            error = leaves[0]  # a nursery of the handler's has put it into a group
        if connection.broken:
            connection.note("client-gone")
            logger.debug("the peer has gone: %s", error)
        elif isinstance(error, DeadlineError):
            connection.note("deadline")
            stood = error.place and f", it stood at {error.place}"
            logger.info(
                "cut after %.1f s: %s, its time has passed%s", connection.age(), text, stood
            )
        elif isinstance(error, HttpException | HttpParserError):
            self._set_outcome("refused")
            logger.info("the answer broke off: %s, %s", text, error)
        else:
            self._set_outcome("crash")
            logger.error("the answer broke off: %s", text, exc_info=error)

    def _set_outcome(self, outcome: Outcome) -> None:
        if self.exchange is not None:
            self.exchange.request.outcome = outcome

    def _count_malformed(self, outcome: Outcome, status: int) -> None:
        """Count what is answered without being a request."""
        self._malformed = (outcome, status)
        self.connection.state.outcomes[outcome] += 1

    def _log_malformed(self) -> None:
        """Log its answer, now that it has been sent."""
        connection = self.connection
        if self._malformed is not None and connection.state.access_log:
            (outcome, status), self._malformed = self._malformed, None
            sent_bytes = connection.transport.sent_bytes - connection.logged_bytes
            log_request(
                None,
                status if connection.begun else 0,
                outcome=outcome,
                byte_count=sent_bytes,
                seconds=connection.age(),
                client=connection.transport.client,
            )

    def _judge(self) -> None:
        """Decide how to go on after the scope was cancelled."""
        connection = self.connection
        expired, connection.expired = connection.expired, None
        reason, connection.cancelled_for = connection.cancelled_for, None
        late, connection.late = connection.late, None
        if self.over or self.sent:
            return
        if reason is None and expired is None:
            expired = connection.phase  # the scope's own deadline has passed
        if expired is None or connection.broken or connection.torn or connection.begun:
            self.over = True
            if expired is None:  # which is no news, and the access log has it
                log, why = logger.debug, "the client has gone"
            else:
                connection.note("deadline")
                log, why = logger.info, "its time has passed"
            age, text = connection.age(), connection.describe()
            log("cut after %.1f s: %s, %s%s", age, text, why, self._stood())
        elif expired in SILENT_PHASES:
            self._look_again()
        elif late is not None and self.exchange is not None and self.answer is not None:
            self.exchange.extend()
        elif connection.phase is Phase.SEND or (self.answer is None and expired is not Phase.SEND):
            # What came true just before it was cancelled goes on: an answer, or the end of one.
            self._expire(expired)

    def _expire(self, expired: Phase) -> None:
        """Answer a request whose time has passed."""
        connection, exchange = self.connection, self.exchange
        connection.note("deadline")
        status, detail = EXPIRED_ERRORS[expired]
        if connection.asked and status == 503:
            status, detail = ASKED_ERROR
        error = HttpException(status, detail)
        self._dropped, self.answer = self.answer, None
        if exchange is None:
            self._count_malformed("stalled", status)
        if exchange is not None and connection.phase is Phase.BODY:
            exchange.refuse(error)  # no handler was begun: middleware has seen nothing yet
        else:
            self.error = error
        logger.warning("%s: %s%s", detail, connection.describe(), self._stood())

    def _stood(self) -> str:
        """Return where the handler was when it was cancelled, for a log."""
        place, self.connection.stood = self.connection.stood, ""
        return place and f", it stood at {place}"

    def _look_again(self) -> None:
        """Close a silent connection, unless a request has come at the last moment."""
        try:
            data = self.connection.transport.receive_nowait()
        except trio.BrokenResourceError:
            data = None
        parser = self.connection.parser
        parser.feed(data or b"")
        # A carriage return alone is no request, and empty lines before one were dropped.
        self.over = parser.buffered_bytes < 2 and not parser.started


def replacing(dropped: Response, response: Response) -> Response:
    """Return an answer with what else a dropped one has said.

    Middleware has seen a stream, which has then failed before its first part. The answer to that
    has the fields that middleware gives to any, such as those for pages of other origins.
    """
    response = own_copy(response)
    said = {name for name, _ in response.headers.items()}
    for name, value in dropped.headers.items():
        if name not in said and not name.startswith(OF_ANSWER):
            response.headers.add(name, value)
    return response
