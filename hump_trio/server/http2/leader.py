"""The leader of an HTTP/2 connection: the one lane that reads, and answers what it can by itself.

A plain request, which has come whole and whose handler doesn't wait, is answered here without a
stream being made for it: one read, one wake-up and one write serve many such requests. Before its
handler is called the leader steps aside. If the handler waits and more comes, another lane takes
the lead; the request becomes a stream then, and is finished step by step by its lane. So is every
request that isn't plain: nothing but malformed ones is refused here.

`lead` is one long function, as the fast path of HTTP/1.1 is and for the same reason: a call of
another one costs 400 instructions, and a coroutine 2,000. A short request that is answered here
takes a fifth of the instructions of one whose handler waits, so that it becomes a stream.

A rule that stands elsewhere and is too dear to be called has a copy here, between two comments of
which the first one names it. A test holds each copy to its rule, as code.
"""

import math
from functools import partial
from typing import Any

import trio
from trio.lowlevel import current_task, wait_task_rescheduled

from hump_trio.http2.failures import ConnectionFailure, ErrorCode
from hump_trio.http2.frames import (
    DATA,
    END_STREAM,
    FRAME_BYTES,
    HEADER_BYTES,
    HEADERS,
    PREFACE,
    WITH_PRIORITY,
    encode_data,
    encode_headers,
    pack_header,
    read_body,
    unpack_header,
)
from hump_trio.http2.header_block import PRIORITY_BYTES, is_priority
from hump_trio.http2.messages import RequestHead
from hump_trio.http2.receiver import StreamHead
from hump_trio.http2.response_head import encode_head
from hump_trio.http2.session import USED_UP_ID
from hump_trio.messages.choice import Choice
from hump_trio.messages.headers import FieldLines
from hump_trio.messages.request import Request, build_request, inform_nobody
from hump_trio.messages.response import TEXT_TYPE, Response, settle
from hump_trio.server.clock import Clock
from hump_trio.server.exchange import Exchange, inform, tell_answer
from hump_trio.server.http2.heads import Known, know, read_head, recall
from hump_trio.server.http2.multiplexer import Multiplexer
from hump_trio.server.http2.peer import Http2Peer
from hump_trio.server.lane import Lane, Step
from hump_trio.server.phases import Phase
from hump_trio.tasks.failures import is_failure

__all__ = ["lead"]

# A look into their class takes ten times as long.
HANDLER, SPARE, ANSWERED = Phase.HANDLER, Phase.SPARE, Phase.ANSWERED
# So much work is done before other connections have their turn: that of 32 requests. Another frame
# counts as a part of one, and so do some bytes of what isn't known yet and has to be decoded.
# The time that handlers take counts with HTTP/1.1 alone: to look at a clock behind each one would
# take 1.2 % of a request's instructions here.
TURN_WORK, REQUEST_WORK, WORK_BYTES = 512, 16, 32
# An answer that is no longer is framed at once, where nothing else waits to be sent.
JOINED_BYTES = 64 * 1024


async def lead(mux: Multiplexer, peer: Http2Peer, lane: Lane) -> Step | None:
    """Read frames and answer plain requests, until one needs a lane, or the lead is lost.

    Returns what the lane does next: what `Lane.begin` and `Lane.take_over` return for a request
    that it has to serve. None: it leads no more, or nothing more comes.

    Args:
        mux: What the lanes of the connection share; this one leads, and nobody else reads.
        peer: That of the lane.
        lane: Takes over what is begun here, before an error that a handler is cut by is raised.

    Raises:
        ConnectionFailure: What has come ends the connection.

    Cancellation: a checkpoint before each request that wasn't read together with another one.
    """
    session, receiver, prepared = mux.session, mux.receiver, mux.prepared
    connection = mux.connection
    state, transport, clock = connection.state, connection.transport, lane.clock
    application, handler_seconds = state.application, state.timeouts.handler
    app, client, server = application.app, transport.client, transport.server
    secure = transport.secure
    stream_limit = state.limits.streams
    memo, out, sources = receiver.decoder.memo, session.out, session.sources
    context, by_identity = lane.context, lane.by_identity
    task, inform_by_clock = current_task(), partial(inform_client, clock)
    if not mux.preface_read and not await receive_preface(mux):
        return None
    connection_clock, keeper = connection.clock, mux.keeper
    work = 0
    now = trio.current_time()
    value: Any
    response: Response | None
    while True:
        data, pos, arrivals = mux.data, mux.pos, transport.arrivals
        end = len(data)
        while end - pos >= HEADER_BYTES:
            if work >= TURN_WORK:
                work = 0
                mux.flush()
                await trio.lowlevel.checkpoint()  # cancelled if nothing more is served
                now = trio.current_time()
            first, flags, stream_id = unpack_header(data, pos)
            length = first >> 8
            begin = pos + HEADER_BYTES
            stop = begin + length
            if length > FRAME_BYTES:
                raise ConnectionFailure(ErrorCode.FRAME_SIZE_ERROR, "a frame past 16,384 bytes")
            if stop > end:
                break
            mux.pos = pos = stop
            # HEADERS that are whole, on the next stream. Browsers give them a priority of RFC 7540,
            # which is passed over.
            if (
                first & 0xFF != HEADERS
                or flags & 0x0C != 0x04
                or stream_id != session.last_id + 2
                or receiver.block is not None
                or not receiver.greeted
                or (flags & WITH_PRIORITY and not is_priority(data[begin:stop], stream_id))
            ):
                work += 1 if first & 0xFF == DATA else 1 + length // WORK_BYTES
                new: StreamHead | None = receiver.receive(
                    first & 0xFF, flags, stream_id, data[begin:stop], now
                )
                if session.drain_acked:
                    mux.wake()
                if new is None:
                    continue
                step = begin_stream(mux, peer, lane, new, now)
                if step is None:
                    work += REQUEST_WORK
                    continue
                return step
            if flags & WITH_PRIORITY:
                begin += PRIORITY_BYTES
            block = data[begin:stop]
            ends, body = flags & END_STREAM, b""
            known = memo.get(block) or recall(mux, block, ends=ends)
            if known is None:
                work += length // WORK_BYTES
                known = know(mux, stream_id, block, now, ends=ends)
                if known is None:
                    work += REQUEST_WORK
                    continue
            session.last_id = stream_id
            head, (choice, path_params, inline) = known
            if (
                not inline
                or mux.stream_count >= stream_limit
                or session.goaway_id is not None
                or state.request_count >= state.request_limit
                or not (ends or (body := receive_body(mux, stream_id, head, choice)))
            ):
                step = serve_head(mux, peer, lane, stream_id, head, now, ends=bool(ends))
                if step is None:
                    continue
                return step

            request = clock.request = build_request(
                head.line, head.host, head.fields, client, server
            )
            if secure:
                request.scheme, request.client_certificate = "https", transport.client_certificate
            request.app = app
            request.route = choice.route
            request.inform = inform_by_clock
            if path_params:
                request.path_params = path_params.copy()
            if body:
                pos = mux.pos
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
            peer.stream_id, peer.head = stream_id, head
            mux.busy = True
            if not (mux.appointed or mux.armed or mux.listening):
                if (
                    arrivals is None
                    or arrivals.ready
                    or end - pos >= HEADER_BYTES
                    or not mux.parked
                ):
                    mux.step_aside()
                else:
                    # copy of Multiplexer.listen(arrivals, connection_clock)
                    connection_clock.enter_streams()
                    mux.listening = True
                    arrivals.task = keeper
                    # end of the copy
            value = response = None
            kind, content = TEXT_TYPE, b""
            try:
                # the same in server/http1/fast_path.py
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
                exchange = adopt(peer, lane, stream_id, known, request, len(body))
                lane.take_over(exchange, None, started=False)
                raise

            if now >= prepared.stamp_until:
                prepared.stamp_anew(now)
            if response is None:
                digits = b"%d" % len(content)
                block = b"%b%c%b" % (prepared.stamps[kind], len(digits), digits)
            elif isinstance(response.body, bytes) and not response.trailers:
                content = response.body
                encoded = encode_head(
                    head.line.method,
                    response.status,
                    response.headers.items(),
                    body_bytes=len(content),
                    date=prepared.date_field,
                    server=prepared.server_field,
                )
                block = b"" if encoded.closes else encoded.block
                if not encoded.body_follows:
                    content = b""
            else:
                block = b""
            size = len(content)
            stream = peer.stream  # was made if another lane has taken the lead
            if (
                clock.enforced
                or clock.ending is not None
                or session.size_update
                or mux.unsent
                or size > sources.window
                or size > JOINED_BYTES
                or not 0 < len(block) <= FRAME_BYTES
                or size > (session.initial_window if stream is None else stream.window)
                or (stream is not None and stream.reset)
                or peer.write_cut
            ):
                if clock.enforced:
                    clock.end_handler()
                response = response or Response(content, headers={"content-type": kind})
                exchange = adopt(peer, lane, stream_id, known, request, len(body))
                return lane.take_over(exchange, response, started=False)
            if size > FRAME_BYTES:
                sources.window -= size
                answer = encode_headers(stream_id, block, ends=False)
            elif size:
                sources.window -= size
                answer = b"%b%b%b%b" % (
                    pack_header(len(block) << 8 | HEADERS, 0x04, stream_id),
                    block,
                    pack_header(size << 8 | DATA, END_STREAM, stream_id),
                    content,
                )
            else:
                answer = pack_header(len(block) << 8 | HEADERS, 0x05, stream_id) + block
            out.append(answer)
            if size > FRAME_BYTES:
                out += encode_data(stream_id, content)
                work = TURN_WORK
            if body:
                state.buffered_bytes -= len(body)
            # copy of ServerState.count_out(request.outcome)
            state.request_count -= 1
            state.outcomes[request.outcome] += 1
            # end of the copy
            request.server_deadline = math.inf
            if state.told:
                peer.sent_bytes = len(answer)
                if size > FRAME_BYTES:
                    peer.sent_bytes += size - (-size // FRAME_BYTES) * HEADER_BYTES
                tell_answer(clock, peer, request, 200 if response is None else response.status)
            clock.request = None
            # copy of Clock.enter_spare()
            clock.phase = SPARE
            clock.deadline = math.inf
            # end of the copy
            peer.stream_id, peer.head = 0, None
            if stream is not None:
                peer.release()
            if mux.leader is not peer:
                mux.flush_later()
                return None
            mux.busy = False
            work += REQUEST_WORK
            # As `Lane.is_changed` says.
            try:
                changed = by_identity or task.context != context
            except Exception:
                changed = True
            if changed and lane.renew_context(task):
                work = TURN_WORK
        # While more is awaited nothing of a request is held. Types leave out None, since each of
        # these is set before it is read again.
        known = head = request = value = response = stream = None  # type: ignore[assignment]
        content = answer = block = body = b""
        if out or sources.streams:
            mux.flush()
        if mux.unsent and mux.congested:
            mux.enter_streams()
            await mux.wait_room()
            continue
        if session.goaway_id is not None or session.last_id >= USED_UP_ID:
            mux.wake()
        if mux.over:
            return None
        if (
            pos < end
            or mux.stream_count
            or mux.unsent
            or session.last_id == mux.told_id
            or not receiver.greeted
        ):
            mux.settle_phase()
        else:
            mux.told_id = session.last_id
            # copy of Clock.enter_answered() as connection_clock
            connection_clock.phase = ANSWERED
            connection_clock.deadline = -math.inf
            # end of the copy
        # Nothing is held of what was taken in.
        more = None
        mux.data = data = data[pos:] if pos < end else b""
        mux.pos = 0
        if mux.listening:
            mux.stop_listening()
        mux.reading = True
        arrivals = transport.arrivals
        try:
            if arrivals is not None and not arrivals.ready:
                # As `Arrivals` says, instead of by way of three coroutines.
                arrivals.task = task
                await wait_task_rescheduled(arrivals.abort_wait)
                more, now = transport.receive_nowait(), arrivals.reported_at
            if more is None:
                more, now = await transport.receive_some(), trio.current_time()
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            mux.lose_transport()
            return None
        finally:
            mux.reading = False
        if mux.over:  # the peer was told that nothing more is served
            return None
        if not more:
            mux.end_input()
            return None
        mux.data = data + more if data else more
        work = 0


async def receive_preface(mux: Multiplexer) -> bool:
    """Receive what a client of HTTP/2 begins with; False if it sends nothing more.

    Raises:
        ConnectionFailure: It begins otherwise.

    Cancellation: a checkpoint if bytes are missing; nothing is lost if cancelled here.
    """
    while len(mux.data) < len(PREFACE):
        if not PREFACE.startswith(mux.data):
            break
        mux.settle_phase()
        try:
            more = await mux.connection.transport.receive_some()
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            mux.lose_transport()
            return False
        if not more:
            mux.end_input()
            return False
        mux.data += more
    if not mux.data.startswith(PREFACE):
        raise ConnectionFailure(ErrorCode.PROTOCOL_ERROR, "a connection that begins otherwise")
    mux.pos = len(PREFACE)
    mux.preface_read = True
    return True


def begin_stream(
    mux: Multiplexer, peer: Http2Peer, lane: Lane, new: StreamHead, now: float
) -> Step | None:
    """Serve a new stream, and return what the lane does next; None if it was refused."""
    head = read_head(mux, new.stream_id, new.fields, now, ends=new.ends)
    if head is None:
        return None
    return serve_head(mux, peer, lane, new.stream_id, head, now, ends=new.ends)


def serve_head(
    mux: Multiplexer,
    peer: Http2Peer,
    lane: Lane,
    stream_id: int,
    head: RequestHead,
    now: float,
    *,
    ends: bool,
) -> Step | None:
    """Give a request to the lane, and return what that does next; None if there is no room.

    Raises:
        ConnectionFailure: There were too many glitches.
    """
    session = mux.session
    refused = session.goaway_id is not None and stream_id > session.goaway_id
    if refused or mux.stream_count >= mux.connection.state.limits.streams:
        session.reset(stream_id, ErrorCode.REFUSED_STREAM, now)
        return None
    stream = peer.open(stream_id, head, input_ended=ends)
    mux.step_aside()
    return lane.begin(stream)


async def inform_client(clock: Clock, request: Request, status: int, fields: FieldLines) -> None:
    """Send an informational response for a request whose handler runs (see `Request.inform`).

    The request is a stream like any other from then on. A request keeps this when it is over: the
    clock holds no peer then.
    """
    if clock.request is not request:
        await inform_nobody(request, status, fields)
    peer = clock.peer
    assert isinstance(peer, Http2Peer)
    assert peer.head is not None
    stream = peer.open(peer.stream_id, peer.head, input_ended=True, request=request)
    await inform(clock, stream.send_informational(status, fields))


def receive_body(mux: Multiplexer, stream_id: int, head: RequestHead, choice: Choice) -> bytes:
    """Return the body of a request, if it was read whole together with its head; else none.

    Nor is an empty one returned, whose end has to be received like that of any other body.
    """
    body, end = read_body(stream_id, mux.data, mux.pos) or (b"", 0)
    if not body or head.content_length not in (None, len(body)):
        return b""
    if not mux.prepared.has_room(len(body), choice) or not mux.receiver.take_body(len(body)):
        return b""
    mux.pos = end
    return body


def adopt(
    peer: Http2Peer, lane: Lane, stream_id: int, known: Known, request: Request, body_bytes: int
) -> Exchange:
    """Return the exchange of a request whose handler was called where its head was read."""
    head, (choice, _, _) = known
    stream = peer.open(stream_id, head, input_ended=True, request=request)
    return Exchange(stream, lane.clock, request, choice, body_bytes)
