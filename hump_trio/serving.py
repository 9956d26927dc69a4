"""The requests of one connection, one after the other, and what each deadline means for them."""

import logging
import math

import trio

from hump_trio.connection import Connection, Phase
from hump_trio.exceptions import HttpException, HttpParserError
from hump_trio.exchange import Exchange
from hump_trio.http1.head import RequestHead
from hump_trio.response import Response, error_response
from hump_trio.sending import Sender

__all__ = ["serve_connection"]

logger: logging.Logger = logging.getLogger("hump_trio")

# Where a connection that is cut here must not look whole to its peer.
CUT_PHASES = frozenset({Phase.BODY, Phase.HANDLER, Phase.SEND})
# Where a connection that has waited too long is closed without a word.
SILENT_PHASES = frozenset({Phase.OPENED, Phase.IDLE})
# What a request gets whose deadline has passed.
EXPIRED_ERRORS = {
    Phase.HEAD: (408, "the request took too long to arrive"),
    Phase.BODY: (408, "the body took too long to arrive"),
    Phase.HANDLER: (503, "the answer took too long"),
    Phase.SEND: (503, "the answer took too long"),
}


async def serve_connection(connection: Connection) -> None:
    """Serve a connection until it ends; its transport is closed then.

    Nothing that goes wrong on a connection is raised: it is logged.

    Cancellation: a running handler is cancelled, a message under way is reset, never made to
    look whole.
    """
    serving = Serving(connection)
    try:
        await serving.serve()
    except BaseExceptionGroup as group:
        failures, rest = group.split(Exception)
        if failures is not None:
            logger.error("a handler failed while it was cancelled", exc_info=failures)
        if rest is not None:
            raise rest from None
    finally:
        if serving.exchange is not None:
            serving.exchange.release()
        if connection.phase in CUT_PHASES:
            connection.transport.reset()
        else:
            connection.transport.close()


class Serving:
    """What is going on on one connection; it outlives the cancel scopes that bound it.

    Attributes:
        exchange: The request being received or answered.
        answer: Its response, from the handler's return until it is on the wire.
        error: What is to be answered instead of a handler's response.
        failed: Whether an error is being answered, so that a second one gets a plain answer.
        over: Whether the connection is to be closed.
    """

    __slots__ = ("_context", "_task", "answer", "connection", "error", "exchange", "failed", "over")

    def __init__(self, connection: Connection) -> None:
        self.connection: Connection = connection
        self.exchange: Exchange | None = None
        self.answer: Response | None = None
        self.error: Exception | None = None
        self.failed: bool = False
        self.over: bool = False
        self._task = trio.lowlevel.current_task()
        self._context = self._task.context.copy()

    async def serve(self) -> None:
        """Serve requests under one scope; a scope that was cancelled is left and replaced."""
        connection = self.connection
        while not self.over:
            try:
                with trio.CancelScope() as connection.scope:
                    await self._run()
            except Exception as error:
                if not connection.scope.cancel_called:
                    self._fail(error)
                elif not connection.broken:
                    logger.error("a handler failed while it was cancelled", exc_info=error)
            if connection.scope.cancel_called:
                self._judge()

    async def _run(self) -> None:
        while not self.over:
            if self.answer is None:
                self.answer = await self._next_answer()
                if self.answer is None:
                    self.over = True
            else:
                await self._send(self.answer)
            if self.connection.expired is not None or self.connection.broken:
                return  # nothing is written under a scope that was cancelled

    async def _next_answer(self) -> Response | None:
        """Receive a request and handle it; None: the peer has nothing more to ask."""
        if self.error is not None:
            return await self._answer_error(self.error)
        try:
            head = await self._receive_head()
            if head is None:
                return None
            exchange = self.exchange = Exchange(self.connection, head)
            await exchange.receive()
        except (HttpException, HttpParserError) as error:
            logger.info("refused a request: %s", error)
            if self.exchange is None:
                return await self._answer_error(error)
            exchange = self.exchange
            exchange.choice = self.connection.state.dispatcher.refuse(error)
        return await exchange.respond()

    async def _answer_error(self, error: Exception) -> Response:
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
            exchange.request.deadline = self.connection.enter_handler(
                state.timeouts.handler, exchange.choice.disconnect_grace
            )
            response = await state.dispatcher.answer_error(exchange.request, error)
        response.settle()
        return response

    async def _receive_head(self) -> RequestHead | None:
        """Receive a head; None: the peer ended the connection before it was whole."""
        connection = self.connection
        parser = connection.parser
        if self._task.context != self._context:
            # A handler has set a context variable: the next one, after the checkpoint below,
            # starts from a fresh copy. Where none was set this compares two pointers.
            self._task.context = self._context.copy()
        if parser.buffered_bytes:
            # A client that sends many requests at once waits its turn before each.
            await trio.lowlevel.checkpoint()
        elif not await connection.receive():
            return None
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
        keep_alive = exchange is not None and exchange.may_keep_alive()
        head = None if exchange is None else exchange.head
        sender = Sender(connection, head, answer, keep_alive=keep_alive)
        if exchange is None:
            connection.enter_send(math.inf)
        else:
            exchange.enter_send()
        try:
            keep_alive = await sender.send()
        except Exception as error:
            if connection.broken or connection.scope.cancel_called:
                raise
            self.answer = None
            if connection.begun:
                self._fail(error)
            else:
                self.error = error
            return
        self.answer = None
        self.failed = False
        self.over = True  # unless another request can follow
        if exchange is not None:
            exchange.release()
            while exchange.being_read:  # by a task that outlives its handler, until it notices
                await trio.lowlevel.checkpoint()
        if keep_alive and exchange is not None and await self._drained(exchange):
            self.over = False
            self.exchange = None
            connection.enter_idle()
        else:
            await connection.linger()

    async def _drained(self, exchange: Exchange) -> bool:
        """Read away what is left of a body; False if it turns out to be malformed."""
        if not exchange.body_ended:
            try:
                await exchange.drain()
            except HttpParserError:
                return False
        return True

    def _fail(self, error: Exception) -> None:
        """End the connection for an error that can't be answered any more."""
        self.over = True
        if self.connection.broken:
            logger.debug("the peer has gone: %s", error)
        elif isinstance(error, HttpException | HttpParserError):
            logger.info("the answer broke off: %s, %s", self.connection.describe(), error)
        else:
            logger.error("the answer broke off: %s", self.connection.describe(), exc_info=error)

    def _judge(self) -> None:
        """Decide how to go on after the scope was cancelled."""
        connection, exchange = self.connection, self.exchange
        expired, connection.expired = connection.expired, None
        if self.over:
            return
        if expired is None or connection.broken or connection.torn or connection.begun:
            self.over = True
            reason = "the client has gone" if expired is None else "its time has passed"
            age = connection.age()
            logger.info("cut after %.1f s: %s, %s", age, connection.describe(), reason)
        elif expired in SILENT_PHASES:
            self._look_again()
        elif connection.phase is Phase.SEND or (self.answer is None and expired is not Phase.SEND):
            # What came true just before it was cancelled goes on: an answer, or the end of one.
            status, detail = EXPIRED_ERRORS[expired]
            self.answer = None
            self.error = HttpException(status, detail)
            if expired is Phase.BODY and exchange is not None:
                exchange.body_failed = True
            logger.warning("%s: %s", detail, connection.describe())

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
