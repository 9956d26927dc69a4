"""The fast path: requests that come whole and are answered at once, as nearly all are.

What `serving` does step by step, prepared for everything that can happen, is done here in one go.
Whatever turns out otherwise is handed over to it, at the point where it stands: nothing is
refused, cut or closed here. A request takes a third of the instructions that it takes there
(61,000 for a short GET under callgrind, of which Trio and the socket are 32,000): by few objects,
by leaving the clock to those who look at it anyway, and by one long function, since a call of
another costs 400 and a coroutine 2,000.
"""

import math
from collections.abc import Callable
from contextvars import Context
from typing import Any, TypeAlias

import trio
from trio.lowlevel import wait_task_rescheduled

from hump_trio.http1.head import RequestHead
from hump_trio.http1.response_head import encode_head
from hump_trio.http1.whole_head import WholeRequest, read_whole
from hump_trio.messages.request import Request, build_request
from hump_trio.messages.response import TEXT_TYPE, Response, settle
from hump_trio.messages.target import RequestLine
from hump_trio.server.connection import Connection
from hump_trio.server.exchange import Exchange, log_answer
from hump_trio.server.phases import Phase
from hump_trio.server.sending import JOINED_BYTES
from hump_trio.server.state import ChosenRoute, ServerState
from hump_trio.tasks.failures import is_failure
from hump_trio.tasks.task_tree import place_of_error

__all__ = ["serve_whole"]

# Takes an exchange that is under way, its answer if there is one, and what is left to be sent of
# an answer that was begun.
HandOver: TypeAlias = Callable[[Exchange, Response | None, bytes], None]

# A look into their class takes ten times as long.
OPENED, IDLE, HANDLER = Phase.OPENED, Phase.IDLE, Phase.HANDLER
CLOSE_LINE = b"connection: close\r\n"


async def serve_whole(connection: Connection, context: Context, hand_over: HandOver) -> bool:
    """Serve requests that come whole, one after the other, until one is different.

    By then either it was handed over, or the parser was fed what has come. Returns whether the
    connection is to be ended.

    Args:
        connection: Nothing is under way on it.
        context: What each handler starts with.
        hand_over: Called before the return, or before an error that a handler is cut by is raised.

    Raises:
        trio.BrokenResourceError: The peer has gone.

    Cancellation: a checkpoint before each request.
    """
    state, transport = connection.state, connection.transport
    lines, limits, client = state.whole_lines, state.limits, transport.client
    secure = transport.secure
    application, handler_seconds = state.application, state.timeouts.handler
    app = application.app
    arrivals, task = transport.arrivals, trio.lowlevel.current_task()
    value: Any
    response: Response | None
    while True:
        if task.context != context:
            # A handler has set a context variable. The next one, after a checkpoint, starts from
            # a fresh copy; where none was set this compares two pointers.
            task.context = context.copy()
        try:
            if arrivals is not None and not arrivals.ready:
                # As `Arrivals` says, instead of by way of three coroutines.
                arrivals.task = task
                await wait_task_rescheduled(arrivals.abort_wait)
                data, now = transport.receive_nowait(), arrivals.reported_at
            elif connection.phase is OPENED:
                # Its task has just begun, which is as good as a checkpoint. Most clients have
                # sent by now: it needn't be watched yet, nor at all if that is all they ask.
                data, now = transport.receive_nowait(), trio.current_time()
            else:
                data = None
            if data is None:
                data = await transport.receive_some()
                arrivals, now = transport.arrivals, trio.current_time()
        except trio.BrokenResourceError:
            connection.broken = True
            raise

        whole = read_whole(data, limits)
        if (
            whole is None
            or connection.draining
            or connection.expired is not None
            or state.request_count >= state.request_limit
            or (chosen := lines.get(whole[0]) or state.choose_whole(whole[0])) is None
            or (whole[3] and not state.has_room(whole[3], chosen[1], keep_alive=whole[4]))
        ):
            connection.parser.feed(data)
            return False

        text, host, fields, body, keep_alive = whole
        line, choice, path_params = chosen
        request = connection.request = build_request(line, host, fields, client)
        if secure:
            request.scheme, request.client_certificate = "https", transport.client_certificate
        request.app = app
        request.route = choice.route
        if path_params:
            request.path_params = path_params
        if body:
            if choice.refused:  # nobody wants it: dropped, as `Exchange.drain` would
                whole = (text, host, fields, b"", keep_alive)
                body = b""
            else:
                request.body = body
                state.buffered_bytes += len(body)
        state.request_count += 1
        connection.asked_since = now
        # `Connection.enter_handler`, without a call
        connection.phase = HANDLER
        connection.leave_deadline = math.inf
        connection.disconnect_grace = choice.disconnect_grace
        connection.half_closed = False
        connection.deadline = request.server_deadline = now + handler_seconds
        value = response = None
        del data
        kind, content = TEXT_TYPE, b""
        try:
            try:
                value = await choice.call(request)
                renderer = choice.renderers.get(type(value))
                if renderer is not None:
                    kind, encode = renderer
                    content = encode(value)
                elif choice.fixed:
                    response = value
                else:
                    response = choice.render(value)
                    if response.__depends_on_request__:
                        response = await response.__resolve__(request)
                    settle(response)
            except BaseException as error:
                if not is_failure(error):
                    raise
                response = await application.answer_error(request, error)
        except BaseException as error:
            hand_over(adopt(connection, whole, chosen, request), None, b"")
            if isinstance(error, trio.Cancelled | BaseExceptionGroup):
                connection.stood = place_of_error(error)
            raise

        if now >= state.stamp_until:
            state.stamp_anew(now)
        if response is None:
            answer = b"%b%d\r\n%b\r\n%b" % (
                state.stamps[kind],
                len(content),
                b"" if keep_alive else CLOSE_LINE,
                content,
            )
        else:
            kept = choice.fixed and keep_alive
            answer = state.fixed_answers.get(response, b"") if kept else b""
            if not answer:
                answer = encode_whole(line, response, state, keep_alive=keep_alive)
                if kept:
                    state.fixed_answers[response] = answer
        if (
            connection.enforced
            or connection.cancelled_for is not None
            or connection.draining
            or not 0 < len(answer) <= JOINED_BYTES
        ):
            if connection.enforced:
                connection.end_handler()
            response = response or Response(content, headers={"content-type": kind})
            hand_over(adopt(connection, whole, chosen, request), response, b"")
            return False
        try:
            sent_bytes = transport.send_nowait(answer)
        except trio.BrokenResourceError:
            exchange = adopt(connection, whole, chosen, request)
            exchange.status = 200 if response is None else response.status
            hand_over(exchange, None, b"")
            connection.begun = True
            connection.broken = True
            connection.note("client-gone")
            raise
        if sent_bytes < len(answer):
            hand_over(adopt(connection, whole, chosen, request), response, answer[sent_bytes:])
            return False

        if body:
            state.buffered_bytes -= len(body)
        state.request_count -= 1
        state.outcomes[request.outcome] += 1
        request.server_deadline = math.inf
        if state.access_log:
            log_answer(connection, request, 200 if response is None else response.status)
        connection.request = None
        connection.phase = IDLE
        connection.silent_since, connection.deadline = math.inf, -math.inf  # see `enter_idle`
        # While the next one is awaited nothing of this one is held.
        del whole, text, host, fields, body, chosen, line, path_params, request
        del value, content, response, answer
        if not keep_alive:
            return True


def encode_whole(
    line: RequestLine, response: Response, state: ServerState, *, keep_alive: bool
) -> bytes:
    """Return an answer that goes out in one call; empty if it is streamed, large, or ends more."""
    if not isinstance(response.body, bytes) or len(response.body) > JOINED_BYTES:
        return b""
    head = encode_head(
        line,
        response.status,
        response.headers.items(),
        body_bytes=len(response.body),
        keep_alive=keep_alive,
        date=state.date_line(),
        server=state.server_line,
    )
    if head.keep_alive != keep_alive:
        return b""
    return head.data + response.body if head.body_follows else head.data


def adopt(
    connection: Connection, whole: WholeRequest, chosen: ChosenRoute, request: Request
) -> Exchange:
    """Return the exchange of a request whose body has been received."""
    _, host, fields, body, keep_alive = whole
    head = RequestHead(chosen[0], fields, host, 0, False, keep_alive, "")
    return Exchange(connection, head, request, chosen[1], len(body))
