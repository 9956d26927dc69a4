"""The wire of HTTP/1.1: which request is next, and what becomes of the connection after it."""

from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

import trio

from hump_trio.facts.exceptions import HttpParserError, StatusError
from hump_trio.facts.outcomes import Outcome
from hump_trio.http1.head import RequestHead
from hump_trio.http1.parser import RESERVED_HEAD, RequestParser
from hump_trio.http1.response_head import encode_head
from hump_trio.messages.response import error_response, settle
from hump_trio.server.access_log import access_of, log_access
from hump_trio.server.clock import Clock
from hump_trio.server.connection import Connection
from hump_trio.server.exchange import Exchange
from hump_trio.server.http1.fast_path import serve_peers, serve_whole
from hump_trio.server.http1.leaders import Leaders
from hump_trio.server.http1.prepared import Prepared
from hump_trio.server.http1.stream import Http1Stream
from hump_trio.server.lane import Lane, Step
from hump_trio.server.phases import Phase
from hump_trio.server.state import ServerState
from hump_trio.server.stream import HttpStream

__all__ = ["Http1Wire", "make_lane", "open_turns", "serve_http1"]


class Http1Wire:
    """Brings the requests of a connection, one after the other (see `Wire`).

    Args:
        connection: Nothing but its handshake has happened on it.

    Attributes:
        fed: Whether the parser was fed by who has made this, for a lane that serves at once.
        ended: Whether the peer has ended its half where another request could have come.
        expects_end: Whether the peer has said that it asks for nothing more.
        parser: Holds what was received and isn't parsed yet.
    """

    __slots__ = (
        "_connection",
        "_leaders",
        "_prepared",
        "ended",
        "expects_end",
        "fed",
        "parser",
        "waits",
    )

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._leaders = connection.state.shared(Leaders)
        self._prepared = connection.state.shared(Prepared)
        self.parser: RequestParser = RequestParser(connection.state.limits)
        self.waits: bool = False
        self.fed: bool = False
        self.ended: bool = False
        self.expects_end: bool = False

    async def next_stream(self, lane: Lane) -> Step:
        """Await a request, and give it to the lane (see `Wire.next_stream`).

        Requests that come whole are answered here by the fast path, until one is different.
        """
        connection = self._connection
        if not self.parser.buffered_bytes and self._may_wait(lane):
            if lane.home is None:
                return Step.OVER
            lane.leave()
            return Step.AWAIT  # at home: this wire isn't held while the lane waits there
        lane.renew_context(trio.lowlevel.current_task())
        if self.fed:  # by a lane whose turn it is
            self.fed = False
            await trio.lowlevel.checkpoint_if_cancelled()
        elif self.parser.buffered_bytes:
            # A client that sends many requests at once waits its turn before each.
            await trio.lowlevel.checkpoint()
        else:
            step = await serve_whole(connection, self.parser, self._prepared, lane)
            if step is None:
                self.ended = True
                return Step.END
            if step is not Step.AWAIT:
                self.expects_end = step is Step.END
                return step
            await trio.lowlevel.checkpoint_if_cancelled()
        parser = self.parser
        if self._may_be_http2() and parser.may_be_reserved and await self._receive_reserved():
            connection.handed_over = parser.take_all()
            return Step.OVER
        try:
            head = await self._receive_head()
        except HttpParserError as error:
            return lane.refuse(error)
        if head is None:
            self.ended = True
            return Step.END
        return lane.begin(Http1Stream(connection, self.parser, self._prepared, head))

    def _may_wait(self, lane: Lane) -> bool:
        """Let the connection wait without a task, if that can be; the lane has left it then."""
        # What has cancelled the scope is judged first.
        self.waits = not lane.scope.cancel_called and self._leaders.keep(self._connection)
        return self.waits

    def _may_be_http2(self) -> bool:
        """Tell whether the first bytes decide on the protocol, and haven't been looked at yet.

        In the handshake of TLS the protocol was agreed on, or that it is HTTP/1.1. Where a proxy
        has spoken TLS, the transport says that it is secure and needs no handshake.
        """
        connection, transport = self._connection, self._connection.transport
        return (
            connection.clock.phase is Phase.OPENED
            and connection.state.http2
            and not (transport.secure and transport.needs_handshake)
        )

    async def _receive_reserved(self) -> bool:
        """Receive what a connection begins with, and tell if that is the head of HTTP/2's.

        It is waited for like any other head, and that wait goes on behind it. One that breaks off
        is left to `_receive_head`.
        """
        connection, parser = self._connection, self.parser
        while parser.may_be_reserved:
            if parser.buffered_bytes:
                connection.clock.enter_head()
            if parser.buffered_bytes >= len(RESERVED_HEAD):
                return True
            if not await connection.receive(parser.feed):
                break
        return False

    async def _receive_head(self) -> RequestHead | None:
        """Receive a head; None: the peer ended the connection before it was whole."""
        connection, parser = self._connection, self.parser
        if connection.clock.phase is Phase.ANSWERED:
            connection.clock.enter_idle()
        while (head := parser.parse_head()) is None:
            if parser.started:
                connection.clock.enter_head()
            if not await connection.receive(parser.feed):
                return None
        return head

    def look_again(self) -> bool:
        """Tell whether a request has come at the last moment (see `Wire.look_again`)."""
        try:
            data = self._connection.transport.receive_nowait()
        except trio.BrokenResourceError:
            data = None
        self.parser.feed(data or b"")
        # A carriage return alone is no request, and empty lines before one were dropped.
        return self.parser.buffered_bytes >= 2 or self.parser.started

    async def refuse(self, error: StatusError, outcome: Outcome) -> None:
        """Answer what is no request (see `Wire.refuse`); the connection ends then."""
        connection = self._connection
        state, clock = connection.state, connection.clock
        state.outcomes[outcome] += 1
        response = error_response(error)
        settle(response)
        assert isinstance(response.body, bytes)
        head = encode_head(
            None,
            response.status,
            response.headers.items(),
            body_bytes=len(response.body),
            keep_alive=False,
            date=self._prepared.date_line(),
            server=self._prepared.server_line,
        )
        clock.enter_send()
        clock.answering = True
        try:
            await connection.write(head.data + response.body)
        finally:
            if state.access_log:
                log_access(
                    access_of(
                        None,
                        response.status,
                        outcome=outcome,
                        byte_count=connection.count_sent(),
                        seconds=clock.age(),
                        client=connection.transport.client,
                    )
                )

    async def settle(self, stream: HttpStream) -> bool:
        """Read away what is left of a body (see `Wire.settle`)."""
        assert isinstance(stream, Http1Stream)
        if stream.keep_alive and await self._drained(stream):
            self._connection.clock.enter_idle()
            return True
        # A client that sent `Connection: close` sends nothing after this request (RFC 9112
        # section 9.6).
        self.expects_end = not stream.head.keep_alive and stream.body_ended
        return False

    async def _drained(self, stream: Http1Stream) -> bool:
        """Read away what is left of a body; False if it turns out to be malformed."""
        if not stream.body_ended:
            clock = self._connection.clock
            clock.enter(Phase.DRAIN, clock.silence_seconds)
            try:
                while not stream.body_ended:
                    await stream.receive_part()
            except HttpParserError:
                return False
        return True

    async def end(self) -> None:
        """Let the peer read the answer before the connection is closed, if that needs anything.

        If the peer has said that it asks for nothing more, has sent nothing more, and has the
        whole answer, closing at once does no harm.

        Cancellation: the same as that of `Connection.linger`.
        """
        if self.ended:
            return
        self._connection.clock.phase = Phase.LINGER
        if (
            not self.expects_end
            or self.parser.buffered_bytes
            or not self._connection.transport.closes_unharmed()
        ):
            with suppress(trio.BrokenResourceError):
                await self._connection.linger()

    def detach(self, lane: Lane, exchange: Exchange) -> None:
        """Go on with another lane, in another task (see `Wire.detach`)."""
        connection = self._connection
        clock = connection.clock = Clock(connection.state, connection)
        follower = Lane(self, clock)
        follower.follow(exchange)
        connection.hand_on(connection, lane, follower)

    def close(self) -> None:
        """Close without waiting, unless it was handed over or left to wait (see `Wire.close`)."""
        if not (self.waits or self._connection.handed_over):
            self._connection.close()


class Turns:
    """The home of a lane that serves connections which wait without a task (see `Home`).

    Args:
        leaders: Have the queue of these connections.
        prepared: What the connections of the server share.
        is_dismissed: Tells whether the lane has to end.
    """

    __slots__ = ("_is_dismissed", "_prepared", "clock", "leaders")

    def __init__(
        self, leaders: Leaders, prepared: Prepared, is_dismissed: Callable[[], bool]
    ) -> None:
        self.leaders: Leaders = leaders
        self.clock: Clock = leaders.nobody
        self._prepared = prepared
        self._is_dismissed = is_dismissed

    async def next_stream(self, lane: Lane) -> Step:
        """Serve what is in the queue, and give the lane what isn't plain (see `serve_peers`)."""
        try:
            step = await serve_peers(None, self._prepared, lane, self)
        except BaseException:
            peer = lane.clock.peer
            if lane.is_home and isinstance(peer, Connection):  # an error of the server's own
                lane.bind(self.leaders.make_wire(peer), lane.clock)
            raise
        return Step.END if step is None else step

    async def wait(self, lane: Lane) -> bool:
        """Wait until there is something in the queue; False: the lane has to end."""
        lane.leave()
        # A nursery that a handler has left open is around every other one in this task.
        ruined = trio.lowlevel.current_task().child_nurseries
        return not ruined and await self.leaders.wait_turn(self._is_dismissed)


def open_turns(
    state: ServerState, *, start: Callable[[], None], discard: Callable[[Connection], None]
) -> Leaders:
    """Let the connections of a server wait without a task.

    Args:
        state: That of the server.
        start: Starts a task that serves a lane of `make_lane`.
        discard: Forgets a connection that was closed.
    """
    leaders = state.shared(Leaders)
    leaders.open(Http1Wire, start, discard)
    return leaders


def make_lane(state: ServerState, is_dismissed: Callable[[], bool]) -> Lane:
    """Return a lane that serves connections which wait without a task.

    Args:
        state: That of the server.
        is_dismissed: Tells whether the lane has to end.
    """
    leaders = state.shared(Leaders)
    return Lane(None, leaders.nobody, Turns(leaders, state.shared(Prepared), is_dismissed))


def serve_http1(connection: Connection) -> Coroutine[Any, Any, None]:
    """Serve a connection by HTTP/1.1 until it ends; its transport is closed then.

    Nothing that goes wrong on a connection is raised: it is logged (see `Lane.serve`). It is no
    coroutine function, since each coroutine around the wait for bytes costs every request.
    """
    return Lane(Http1Wire(connection), connection.clock).serve()
