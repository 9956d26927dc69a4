"""The fast path: requests that come whole and are answered at once, as nearly all are.

What a `Lane` does step by step, prepared for everything that can happen, is done here in one go. A
request that turns out otherwise is handed over to the lane, at the step where it stands: nothing
is refused, cut or closed here. A request takes a third of the instructions that it takes there
(61,000 for a short GET under callgrind, of which Trio and the socket are 32,000): by few objects,
by leaving the time to sweeps that look at it anyway, and by one long function, since a call of
another costs 400 and a coroutine 2,000.

A rule that stands elsewhere and is too dear to be called has a copy here, between two comments of
which the first one names it. A test holds each copy to its rule, as code; another one plays scenes
on both paths.
"""

import math
from functools import partial
from typing import Any

import trio
from trio.lowlevel import wait_task_rescheduled

from hump_trio.http1.parser import RequestParser
from hump_trio.http1.response_head import encode_answer, encode_head
from hump_trio.http1.whole_head import read_whole
from hump_trio.messages.headers import FieldLines
from hump_trio.messages.reply import Spoken
from hump_trio.messages.request import Request, build_request, inform_nobody
from hump_trio.messages.response import TEXT_TYPE, Response, settle
from hump_trio.messages.target import RequestLine
from hump_trio.server.clock import Clock
from hump_trio.server.connection import Connection
from hump_trio.server.exchange import inform, log_answer
from hump_trio.server.http1.fast_reply import FastReply, adopt
from hump_trio.server.http1.prepared import Prepared
from hump_trio.server.http1.stream import JOINED_BYTES, send_informational
from hump_trio.server.lane import Lane, Step
from hump_trio.server.life import Life
from hump_trio.server.phases import Phase
from hump_trio.tasks.failures import is_failure

__all__ = ["serve_whole"]

# A look into their class takes ten times as long.
OPENED, ANSWERED, HANDLER = Phase.OPENED, Phase.ANSWERED, Phase.HANDLER
CLOSE_LINE = b"connection: close\r\n"


async def serve_whole(
    connection: Connection, parser: RequestParser, prepared: Prepared, lane: Lane
) -> Step | None:
    """Serve requests that come whole, one after the other, until one is different.

    Returns what the lane does next: `Step.AWAIT` if the parser was fed something that is not for
    the fast path, `Step.END` if the last request said that it was the last one, and else what the
    lane does with a request that it has taken over. None: the peer has ended its half.

    Args:
        connection: Nothing is under way on it.
        parser: Is fed what is different; it holds nothing.
        prepared: What the connections of the server share.
        lane: Takes over what is begun here, before an error that a handler is cut by is raised.

    Raises:
        trio.BrokenResourceError: The peer has gone.

    Cancellation: a checkpoint before each request.
    """
    state, transport, clock = connection.state, connection.transport, lane.clock
    lines, limits = prepared.lines, state.limits
    client, server, secure = transport.client, transport.server, transport.secure
    application, handler_seconds = state.application, state.timeouts.handler
    app = application.app
    context = lane.context
    arrivals, task = transport.arrivals, trio.lowlevel.current_task()
    inform_by_clock = partial(inform_client, clock)
    value: Any
    response: Response | None
    while True:
        # copy of Lane.renew_context(task)
        if task.context != context:
            task.context = context.copy()
        # end of the copy
        try:
            if arrivals is not None and not arrivals.ready:
                # As `Arrivals` says, instead of by way of three coroutines.
                arrivals.task = task
                await wait_task_rescheduled(arrivals.abort_wait)
                data, now = transport.receive_nowait(), arrivals.reported_at
            elif clock.phase is OPENED:
                # Its task has just begun, which is as good as a checkpoint. Most clients have
                # sent by now: it needn't be watched yet, nor at all if that is all they ask.
                data, now = transport.receive_nowait(), trio.current_time()
            else:
                data = None
            if data is None:
                data = await transport.receive_some()
                arrivals, now = transport.arrivals, trio.current_time()
        except trio.BrokenResourceError:
            connection.gone = True
            raise

        whole = read_whole(data, limits)
        if (
            whole is None
            or clock.closing
            or clock.ending is not None
            or state.request_count >= state.request_limit
            or (chosen := lines.get(whole[0]) or prepared.choose(whole[0])) is None
            or (whole[3] and not prepared.has_room(whole[3], chosen[1], keep_alive=whole[4]))
        ):
            parser.feed(data)
            return Step.AWAIT if data else None

        text, host, fields, body, keep_alive = whole
        line, choice, path_params = chosen
        request = clock.request = build_request(line, host, fields, client, server)
        if secure:
            request.scheme, request.client_certificate = "https", transport.client_certificate
        request.app = app
        request.inform = inform_by_clock
        request.route = choice.route
        if path_params:
            request.path_params = path_params
        if body:
            if choice.refused:  # nobody wants it: read away, as by `settle`
                whole = (text, host, fields, b"", keep_alive)
                body = b""
            else:
                request.body = body
                state.buffered_bytes += len(body)
        # copy of ServerState.count_in()
        state.request_count += 1
        # end of the copy
        clock.since = now
        # copy of Clock.enter_handler(now, handler_seconds, choice.disconnect_grace)
        clock.phase = HANDLER
        clock.leave_deadline = math.inf
        clock.disconnect_grace = choice.disconnect_grace
        clock.half_closed = False
        clock.deadline = now + handler_seconds
        # end of the copy
        request.server_deadline = clock.deadline
        value = response = None
        del data
        kind, content = TEXT_TYPE, b""
        try:
            # the same in server/http2/leader.py
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
            # end of the same
        except BaseException:
            lane.take_over(
                adopt(connection, parser, prepared, lane, whole, chosen, request),
                None,
                started=False,
            )
            raise

        if now >= prepared.stamp_until:
            prepared.stamp_anew(now)
        if response is None:
            answer = b"%b%d\r\n%b\r\n%b" % (
                prepared.stamps[kind],
                len(content),
                b"" if keep_alive else CLOSE_LINE,
                content,
            )
        else:
            if isinstance(response.body, Spoken):
                step = await FastReply(
                    connection, parser, prepared, lane, whole, chosen, request, response
                ).serve(response.body.speak)
                if step is not None:
                    return step
                del whole, text, host, fields, body, chosen, line, path_params, request
                del value, content, response
                if not keep_alive:
                    return Step.END
                continue
            kept = choice.fixed and keep_alive
            answer = prepared.fixed_answers.get(response, b"") if kept else b""
            if not answer:
                answer = encode_whole(line, response, prepared, keep_alive=keep_alive)
                if kept:
                    prepared.fixed_answers[response] = answer
        if (
            clock.enforced
            or clock.ending is not None
            or clock.closing
            or not 0 < len(answer) <= JOINED_BYTES
        ):
            if clock.enforced:
                clock.end_handler()
            response = response or Response(content, headers={"content-type": kind})
            return lane.take_over(
                adopt(connection, parser, prepared, lane, whole, chosen, request),
                response,
                started=False,
            )
        try:
            sent_bytes = transport.send_nowait(answer)
        except trio.BrokenResourceError:
            exchange = adopt(connection, parser, prepared, lane, whole, chosen, request)
            exchange.status = 200 if response is None else response.status
            lane.take_over(exchange, None, started=True)
            clock.answering = True
            connection.lose_peer()
            raise
        if sent_bytes < len(answer):
            exchange = adopt(
                connection, parser, prepared, lane, whole, chosen, request, answer[sent_bytes:]
            )
            exchange.status = 200 if response is None else response.status
            return lane.take_over(exchange, response, started=True)

        if body:
            state.buffered_bytes -= len(body)
        # copy of ServerState.count_out(request.outcome)
        state.request_count -= 1
        state.outcomes[request.outcome] += 1
        # end of the copy
        request.server_deadline = math.inf
        if state.access_log:
            log_answer(clock, connection, request, 200 if response is None else response.status)
        clock.request = None
        # copy of Clock.enter_answered()
        clock.phase = ANSWERED
        clock.deadline = -math.inf
        # end of the copy
        # While the next one is awaited nothing of this one is held.
        del whole, text, host, fields, body, chosen, line, path_params, request
        del value, content, response, answer
        if not keep_alive:
            return Step.END


def encode_whole(
    line: RequestLine, response: Response, prepared: Prepared, *, keep_alive: bool
) -> bytes:
    """Return an answer that goes out in one call; empty for what is left to the lane.

    Such answers are streamed or large, end the connection, or have trailers.
    """
    body = response.body
    if not isinstance(body, bytes) or len(body) > JOINED_BYTES or response.trailers:
        return b""
    if keep_alive:
        answer = encode_answer(
            response.status,
            response.headers.items(),
            body,
            date=prepared.date_line(),
            server=prepared.server_line,
        )
        if answer:
            return answer
    head = encode_head(
        line,
        response.status,
        response.headers.items(),
        body_bytes=len(body),
        keep_alive=keep_alive,
        date=prepared.date_line(),
        server=prepared.server_line,
    )
    if head.keep_alive != keep_alive:
        return b""
    return head.data + body if head.body_follows else head.data


async def inform_client(clock: Clock, request: Request, status: int, fields: FieldLines) -> None:
    """Send an informational response for a request whose handler runs (see `Request.inform`).

    A request has this from its beginning on, and keeps it when it is over: another store would
    cost each request 100 instructions. The clock holds no connection that is closed.
    """
    if clock.request is not request:
        await inform_nobody(request, status, fields)
    connection = clock.peer
    assert isinstance(connection, Connection)
    # As long as it isn't out no answer may follow it, nor if it is cut: with this the fast path
    # leaves the answer to the lane, which sees that.
    clock.closing = clock.closing or Life.CLOSING
    sent = request.received_fields
    await inform(clock, send_informational(connection, "1.1", sent, status, fields))
    serving = clock.closing is Life.CLOSING and clock.state.life < Life.CLOSING
    if serving and not connection.write_cut:
        clock.closing = None
