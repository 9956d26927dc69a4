"""The fast path: requests that come whole and are answered at once, as nearly all are.

What a `Lane` does step by step, prepared for everything that can happen, is done here in one go. A
request that turns out otherwise is handed over to the lane, at the step where it stands: nothing is
refused or cut here, and only what waits for a request is closed. A short GET takes 44,000
instructions under callgrind where many come at one time: by few objects, by leaving the time to
sweeps that look at it anyway, by one task for all that have come, and by one long function, since a
call of another costs 400 and a coroutine 2,000.

A rule that stands elsewhere and is too dear to be called has a copy here, between two comments of
which the first one names it. A test holds each copy to its rule, as code; another one plays scenes
on both paths.
"""

import math
from time import perf_counter
from typing import Any, Protocol

import trio
from trio.lowlevel import wait_task_rescheduled

from hump_trio.http1.parser import RequestParser
from hump_trio.http1.whole_head import read_whole
from hump_trio.messages.reply import Spoken
from hump_trio.messages.request import build_request
from hump_trio.messages.response import TEXT_TYPE, Response, settle
from hump_trio.messages.target import RequestLine
from hump_trio.server.connection import Connection
from hump_trio.server.exchange import tell_answer
from hump_trio.server.http1.fast_reply import FastReply, adopt
from hump_trio.server.http1.leaders import Leaders
from hump_trio.server.http1.peer import Http1Peer
from hump_trio.server.http1.prepared import Prepared
from hump_trio.server.http1.stream import JOINED_BYTES
from hump_trio.server.lane import Lane, Step
from hump_trio.server.phases import Phase
from hump_trio.tasks.failures import is_failure

__all__ = ["serve_peers", "serve_whole"]

# A look into their class takes ten times as long.
OPENED, ANSWERED, HANDLER = Phase.OPENED, Phase.ANSWERED, Phase.HANDLER
CLOSE_LINE = b"connection: close\r\n"
# So many requests are answered before other tasks have their turn, within so long: a handler that
# computes something counts for many.
TURN_REQUESTS, TURN_SECONDS = 32, 0.005


class Turns(Protocol):
    """What lets a lane serve connections that wait without a task.

    Attributes:
        leaders: Have the queue of these connections.
    """

    leaders: Leaders

    async def wait(self, lane: Lane) -> bool:
        """Wait until there is something in the queue; False: the lane has to end.

        Cancellation: a checkpoint.
        """


async def serve_whole(
    connection: Connection, parser: RequestParser, prepared: Prepared, lane: Lane
) -> Step | None:
    """Serve requests of a connection that come whole, one after the other, until one is different.

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
    return await serve_peers(Http1Peer(connection, parser=parser), prepared, lane, None)


async def serve_peers(
    own: Http1Peer | None, prepared: Prepared, lane: Lane, turns: Turns | None
) -> Step | None:
    """Serve requests that come whole, of one connection or of all that wait without a task.

    Returns what the lane does next (see `serve_whole`), for a connection that it serves from here
    on; `Step.OVER` where it has to end, and `Step.AWAIT` for no connection where it has to renew
    its scope.

    Args:
        own: The client that the lane serves alone.
        prepared: What the connections of the server share.
        lane: Takes over what is begun here, before an error that a handler is cut by is raised.
        turns: Where there is no such client: lets the lane have its turns.

    Raises:
        trio.BrokenResourceError: The peer has gone.

    Cancellation: a checkpoint before each request, or before each turn.
    """
    state = prepared.state
    lines, limits = prepared.lines, state.limits
    application, handler_seconds = state.application, state.timeouts.handler
    app = application.app
    context, by_identity, task = lane.context, lane.by_identity, trio.lowlevel.current_task()
    value: Any
    response: Response | None
    data: bytes | None
    if own is not None:
        peer = own
        connection, transport, clock = peer.connection, peer.transport, peer.clock
        arrivals = transport.arrivals
    else:
        assert turns is not None
        leaders = turns.leaders
        ready = leaders.ready
    turn_count, turn_began = TURN_REQUESTS, trio.current_time()
    turn_until = perf_counter() + TURN_SECONDS
    while True:
        if turns is not None:
            # No other handler may run in a nursery that one has left open, nor in its context.
            # As `Lane.is_changed` says.
            try:
                changed = by_identity or task.context != context
            except Exception:
                changed = True
            if (
                (changed and lane.renew_context(task))
                or task.child_nurseries
                or perf_counter() > turn_until
            ):
                turn_count = 0
            while (
                turn_count <= 0 or not ready or (peer := ready.popleft()).clock.waiting is not peer
            ):
                if turn_count <= 0 or not ready:
                    # A lane that waits holds nobody. Types leave out None: each is set again.
                    peer = connection = transport = clock = arrivals = None  # type: ignore[assignment]
                    if not await turns.wait(lane):
                        return Step.OVER
                    turn_count, turn_began = TURN_REQUESTS, trio.current_time()
                    turn_until = perf_counter() + TURN_SECONDS
                    if turn_began >= lane.renew_at:
                        return Step.AWAIT
            turn_count -= 1
            connection, transport, clock = peer.connection, peer.transport, peer.clock
            arrivals = peer.arrivals
            lane.clock = clock
            try:
                data = transport.receive_nowait()
            except trio.BrokenResourceError as error:
                peer.lose(error)
                continue
            if arrivals is None:
                now = turn_began
            else:
                arrivals.hear = None
                now = arrivals.reported_at
            if not data:
                # An end, or nothing at all: it was no more than a part of what TLS sends at a time.
                if data is not None or clock.ending is not None:
                    peer.close()
                elif (step := peer.go_on(lane)) is not None:
                    return step
                continue
            # copy of Clock.enter_task(lane.scope, task)
            clock.scope = lane.scope
            clock.task = task
            clock.waiting = None
            # end of the copy
        else:
            if lane.is_changed(task):
                lane.renew_context(task)  # a checkpoint follows in any case
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
            peer.take(lane, feeds=True).feed(data)
            if clock.ending is not None:  # its time has passed, while it had no task
                lane.scope.cancel()
            return Step.AWAIT if data else None

        text, host, fields, body, keep_alive = whole
        line, choice, path_params = chosen
        request = clock.request = build_request(line, host, fields, peer.client, peer.server)
        if peer.secure:
            request.scheme, request.client_certificate = "https", transport.client_certificate
        request.app = app
        request.inform = peer.inform
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
                adopt(peer, prepared, lane, whole, chosen, request),
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
                    peer, prepared, lane, whole, chosen, request, response
                ).serve(response.body.speak)
                if step is not None:
                    return step
                del whole, text, host, fields, body, chosen, line, path_params, request
                del value, content, response
                if own is not None:
                    if not keep_alive:
                        return Step.END
                elif (step := peer.go_on(lane, keep_alive=keep_alive)) is not None:
                    return step
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
                adopt(peer, prepared, lane, whole, chosen, request),
                response,
                started=False,
            )
        try:
            sent_bytes = transport.send_nowait(answer)
        except trio.BrokenResourceError:
            exchange = adopt(peer, prepared, lane, whole, chosen, request)
            exchange.status = 200 if response is None else response.status
            lane.take_over(exchange, None, started=True)
            clock.answering = True
            connection.lose_peer()
            raise
        if sent_bytes < len(answer):
            exchange = adopt(peer, prepared, lane, whole, chosen, request, answer[sent_bytes:])
            exchange.status = 200 if response is None else response.status
            return lane.take_over(exchange, response, started=True)

        if body:
            state.buffered_bytes -= len(body)
        # copy of ServerState.count_out(request.outcome)
        state.request_count -= 1
        state.outcomes[request.outcome] += 1
        # end of the copy
        request.server_deadline = math.inf
        if state.told:
            tell_answer(clock, connection, request, 200 if response is None else response.status)
        clock.request = None
        # copy of Clock.enter_answered()
        clock.phase = ANSWERED
        clock.deadline = -math.inf
        # end of the copy
        # While the next one is awaited nothing of this one is held.
        del whole, text, host, fields, body, chosen, line, path_params, request
        del value, content, response, answer
        if own is not None:
            if not keep_alive:
                return Step.END
        elif keep_alive and arrivals is not None and arrivals.watched and not arrivals.ready:
            # copy of Http1Peer.await_arrival(arrivals)
            clock.waiting = peer
            clock.task = None
            arrivals.hear = peer.hear
            # end of the copy
        elif (step := peer.go_on(lane, keep_alive=keep_alive)) is not None:
            return step


def encode_whole(
    line: RequestLine, response: Response, prepared: Prepared, *, keep_alive: bool
) -> bytes:
    """Return an answer that goes out in one call; empty for what is left to the lane.

    Such answers are streamed or large, end the connection, or have trailers.
    """
    body = response.body
    if not isinstance(body, bytes) or len(body) > JOINED_BYTES or response.trailers:
        return b""
    fields = response.headers.items()
    return prepared.encode_whole(
        line, response.status, fields, body, body_bytes=len(body), keep_alive=keep_alive
    )
