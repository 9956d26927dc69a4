"""A request of the fast path whose app begins its answer while it runs.

An answer that is begun and given in one call, as most are, goes out in one write: nothing is made
for it that knows of parts, waits or protocols. That is so even where the app has waited before it,
for its database say. As soon as anything else happens the request is adopted: it becomes an
exchange, which its lane could have begun, and goes on as such.
"""

import math
from collections.abc import Awaitable, Callable

import trio

from hump_trio.http1.head import RequestHead
from hump_trio.http1.whole_head import WholeRequest
from hump_trio.messages.request import Request, inform_nobody
from hump_trio.messages.response import Fields, Response
from hump_trio.server.exchange import Exchange, tell_answer
from hump_trio.server.http1.peer import Http1Peer
from hump_trio.server.http1.prepared import ChosenRoute, Prepared
from hump_trio.server.http1.stream import JOINED_BYTES, Http1Stream
from hump_trio.server.lane import Lane, Step
from hump_trio.server.reply import ServerReply, has_length

__all__ = ["FastReply", "adopt"]


class FastReply(ServerReply):
    """Gives the answer to a request that came whole, in one write if it is given in one call.

    Args:
        peer: Where the request came from.
        prepared: What the connections of the server share.
        lane: Takes over what needs it.
        whole: The request; its body has been received.
        chosen: What was chosen for it.
        request: Its handler was called.
        response: What that has returned, settled, with a `Spoken` body.
    """

    __slots__ = ("_chosen", "_connection", "_peer", "_prepared", "_whole")

    lane: Lane  # no less than that: it takes over

    def __init__(
        self,
        peer: Http1Peer,
        prepared: Prepared,
        lane: Lane,
        whole: WholeRequest,
        chosen: ChosenRoute,
        request: Request,
        response: Response,
    ) -> None:
        ServerReply.__init__(self, lane, lane.clock, request, response, None)
        self._peer = peer
        self._connection = peer.connection
        self._prepared = prepared
        self._whole = whole
        self._chosen = chosen

    async def serve(self, speak: Callable[[ServerReply], Awaitable[None]]) -> Step | None:
        """Let the app give the answer, and return what the lane does next; None: the next request.

        Args:
            speak: Gives the answer.

        Raises:
            BaseException: What ends more than the answer; the lane has taken over.
        """
        lane, clock = self.lane, self.clock
        clock.reply = self
        try:
            await self.speak(speak)
            if self._exchange is None:
                clock.enter_answered()  # where a deadline may have passed with the last byte
        except BaseException as error:
            if not self.ended:
                self._take_exchange()
            if not lane.may_fail(error):
                raise
            return lane.fail(error)
        finally:
            lane.end_speaking()
        if lane.detached:
            return Step.OVER
        if self._exchange is not None:
            return lane.end_answer()
        return None

    def _start(self) -> None:
        """Go on to the answer, whose status is decided."""
        # As `Exchange.start_answer` for a request without a timeout of its own.
        self.clock.enter_send()
        self.request.server_deadline = math.inf

    async def finish(self, data: bytes = b"", trailers: Fields = ()) -> None:
        """Send the last part, and the end (see `Reply.finish`)."""
        answer = b"" if trailers else self._encode(data)
        if not answer:
            await ServerReply.finish(self, data, trailers)
            return
        connection, clock = self._connection, self.clock
        try:
            sent_bytes = connection.transport.send_nowait(answer)
        except trio.BrokenResourceError:
            self._take_exchange()
            clock.answering = True
            connection.lose_peer()
            self.lose_peer()
            raise
        if sent_bytes < len(answer):
            stream = self._adopt(answer[sent_bytes:]).stream
            clock.answering = True
            await self.write(stream.finish())
            self.end()
        else:
            self._end_whole()

    def _encode(self, data: bytes) -> bytes:
        """Return the whole answer, if that may go out at once; else nothing.

        Args:
            data: The body.

        Raises:
            ValueError: The body is longer or shorter than its Content-Length.
        """
        clock = self.clock
        if (
            self._exchange is not None
            or not self.begun
            or self.ended
            or self.gone
            or self.over
            or self.response.trailers
            or clock.ending is not None
            or clock.closing
            or len(data) > JOINED_BYTES
        ):
            return b""
        return self._prepared.encode_whole(
            self._chosen[0],
            self.status,
            self.fields,
            data,
            body_bytes=None if has_length(self.fields) else len(data),
            keep_alive=self._whole[4],
        )

    def _end_whole(self) -> None:
        """Note that the answer, given in one write, is on the wire (see `ServerReply.end`)."""
        self.ended = True
        connection, clock, request = self._connection, self.clock, self.request
        state = connection.state
        state.buffered_bytes -= len(self._whole[3])
        state.count_out(request.outcome)
        if state.told:
            tell_answer(clock, connection, request, self.status)
        clock.request = None
        clock.enter_behind()
        self._prepared.stragglers.add(self)
        self.wake()

    def detach(self) -> None:
        """Let another lane serve what comes next (see `Straggler`)."""
        if self._exchange is None:
            self._adopt().over = True
            self.request.inform = inform_nobody
        ServerReply.detach(self)

    def _take_exchange(self) -> Exchange:
        """Return the exchange of the request, which is adopted for that."""
        return self._exchange or self._adopt()

    def _adopt(self, unsent: bytes = b"") -> Exchange:
        """Make the exchange of the request, which the lane takes over.

        Args:
            unsent: What is left of an answer that was sent in part.
        """
        exchange = self._exchange = adopt(
            self._peer,
            self._prepared,
            self.lane,
            self._whole,
            self._chosen,
            self.request,
            unsent,
        )
        exchange.status = self.status
        self.lane.take_over(exchange, self.response, started=False)
        return exchange


def adopt(
    peer: Http1Peer,
    prepared: Prepared,
    lane: Lane,
    whole: WholeRequest,
    chosen: ChosenRoute,
    request: Request,
    unsent: bytes = b"",
) -> Exchange:
    """Return the exchange of a request whose body has been received."""
    _, host, fields, body, keep_alive = whole
    head = RequestHead(chosen[0], fields, host, 0, False, keep_alive, "")
    stream = Http1Stream(peer.connection, peer.take(lane), prepared, head, unsent)
    return Exchange(stream, lane.clock, request, chosen[1], len(body))
