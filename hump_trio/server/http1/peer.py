"""The client of a connection of HTTP/1.1, which may wait without a task."""

from collections import deque
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Protocol

import trio

from hump_trio.facts.loggers import logger
from hump_trio.http1.parser import RequestParser
from hump_trio.messages.headers import FieldLines
from hump_trio.messages.request import Request, inform_nobody
from hump_trio.server.clock import Clock
from hump_trio.server.connection import Connection
from hump_trio.server.exchange import inform
from hump_trio.server.http1.stream import send_informational
from hump_trio.server.lane import Lane, Step, Wire
from hump_trio.server.life import Life
from hump_trio.transports.transport import Arrivals, PeerState, Server, Transport

__all__ = ["Http1Peer", "Nobody", "ParsingWire"]


class ParsingWire(Wire, Protocol):
    """The wire of a connection, made for a request that isn't plain.

    Attributes:
        parser: Is fed what was received.
        fed: Whether it is, for a lane that serves at once.
    """

    parser: RequestParser
    fed: bool


class Queue(Protocol):
    """Where connections wait for a lane (see `Leaders`)."""

    @property
    def ready(self) -> "deque[Http1Peer]":
        """What a lane takes in turn; appending to it doesn't have a lane woken."""

    @property
    def make_wire(self) -> Callable[[Connection], ParsingWire]:
        """Makes the wire of a connection."""

    @property
    def discard(self) -> Callable[[Connection], None]:
        """Forgets a connection that was closed."""

    def add(self, peer: "Http1Peer") -> None:
        """Put a connection into the queue, and have a lane look at it."""


class Http1Peer:
    """The client of a connection, as the fast path knows it.

    While the connection waits without a task, what would cancel that puts it into the queue.

    Args:
        connection: It is served by HTTP/1.1.
        parser: Is fed what isn't plain, where a lane serves the connection alone.
        queue: Where it waits without a task, if it may.

    Attributes:
        arrivals: Put the connection into the queue; None before they are needed.
        hear: What they call for that.
    """

    __slots__ = (
        "_parser",
        "_queue",
        "arrivals",
        "client",
        "clock",
        "connection",
        "hear",
        "inform",
        "secure",
        "server",
        "transport",
    )

    def __init__(
        self,
        connection: Connection,
        *,
        parser: RequestParser | None = None,
        queue: Queue | None = None,
    ) -> None:
        transport = connection.transport
        self.connection: Connection = connection
        self.clock: Clock = connection.clock
        self.transport: Transport = transport
        self.client: tuple[str, int] | None = transport.client
        self.server: Server | None = transport.server
        self.secure: bool = transport.secure
        self.inform: Callable[[Request, int, FieldLines], Awaitable[None]] = partial(
            inform_client, connection.clock
        )
        self.arrivals: Arrivals | None = None
        self.hear: Callable[[], None] | None = None
        self._parser = parser
        self._queue = queue

    def wait(self) -> bool:
        """Let the connection wait without a task; False: nothing would tell of what arrives."""
        queue = self._queue
        assert queue is not None
        arrivals = self.arrivals
        if arrivals is None:
            arrivals = self.arrivals = self.transport.watch()
            if arrivals is None:
                return False
            self.hear = partial(queue.ready.append, self)
        if not arrivals.watched:
            return False
        self.await_arrival(arrivals)
        if arrivals.ready:  # nobody will tell of that again
            # What has come while another request was served has its own time from here on.
            arrivals.reported_at = trio.current_time()
            queue.add(self)
        return True

    def await_arrival(self, arrivals: Arrivals) -> None:
        """Let the next arrival put the connection into the queue."""
        self.clock.waiting = self
        self.clock.task = None
        arrivals.hear = self.hear

    def take(self, lane: Lane, *, feeds: bool = False) -> RequestParser:
        """Let a lane, which has begun to, serve the connection; return what it feeds.

        Args:
            lane: The lane.
            feeds: Whether it feeds something at once.
        """
        if self._parser is not None:
            return self._parser
        queue = self._queue
        assert queue is not None
        wire = queue.make_wire(self.connection)
        wire.fed = feeds
        lane.bind(wire, self.clock)
        self._forget()
        return wire.parser

    def go_on(self, lane: Lane, *, keep_alive: bool = True) -> Step | None:
        """Let the connection wait without a task, or end; return what its lane has to do for that.

        Args:
            lane: It has answered all that was asked.
            keep_alive: Whether another request may follow.
        """
        if keep_alive:
            if self.wait():
                return None
        elif self.transport.closes_unharmed():
            self.close()
            return None
        self.take(lane)
        return Step.AWAIT if keep_alive else Step.END

    def rouse(self) -> None:
        """Put the connection into the queue, since its time has passed."""
        assert self._queue is not None
        self._queue.add(self)

    def lose(self, error: trio.BrokenResourceError) -> None:
        """Close the connection, whose client has gone."""
        self.connection.gone = True
        logger.debug("the peer has gone: %s", error)
        self.close()

    def close(self) -> None:
        """Close the connection, on which nothing is unfinished."""
        queue = self._queue
        assert queue is not None
        self._forget()
        self.connection.close()
        queue.discard(self.connection)

    def _forget(self) -> None:
        """Let nothing that lasts hold this object."""
        if self.arrivals is not None:
            self.arrivals.hear = None
        self.clock.waiting = None
        self.arrivals = self.hear = None


class Nobody:
    """The peer of a clock that bounds nothing (see `Peer`)."""

    gone = write_cut = False

    def peer_state(self) -> PeerState:
        """Tell that there is nothing to be seen."""
        return "open"

    def acked_bytes(self) -> int:
        """Return that nothing was sent."""
        return 0

    def fully_acked(self) -> bool:
        """Tell that nothing is on its way."""
        return True

    def answer_bytes(self) -> int:
        """Return that nothing was sent."""
        return 0


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
