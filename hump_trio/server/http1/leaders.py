"""Connections of HTTP/1.1 that wait without a task, and the lanes that serve them in turn.

Most of its life a connection waits for a request. It has no task then. What arrives for it, or that
its time has passed, puts it into a queue. A lane takes what is in the queue, one after the other,
and answers plain requests itself, as the leader of an HTTP/2 connection does. Where a handler
waits, the lane waits with it, and another lane goes on::

               something is in the queue, and
               no lane is about to look at it
    the queue -------------------------------> a lane that waits its turn, else a new one
        ^                                                  |
        |  a plain request was answered, or                | takes a connection
        |  a lane is done with another one                 v
    connections that wait <------------------------------ the lanes
"""

from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Generator
from functools import partial
from types import FrameType
from typing import Any, Protocol

import trio
from trio.lowlevel import Abort, current_task, reschedule, wait_task_rescheduled

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
from hump_trio.server.state import ServerState
from hump_trio.transports.transport import Arrivals, PeerState, Server, Transport

__all__ = ["Http1Peer", "Leaders", "ends_at_once"]

# So many lanes wait for their turn at most; more are there only after as many handlers have waited
# at one time.
SPARE_COUNT = 64
# Lanes that weren't needed for so long end, but for one.
SPARE_SECONDS = 5.0


class ParsingWire(Wire, Protocol):
    """The wire of a connection, made for a request that isn't plain.

    Attributes:
        parser: Is fed what was received.
        fed: Whether it is, for a lane that serves at once.
    """

    parser: RequestParser
    fed: bool


class Leaders:
    """The queue of a server's connections that wait without a task, and the lanes that wait for it.

    It is shared by the connections of a server (see `ServerState.shared`).

    Args:
        state: That of the server.

    Attributes:
        opened: Whether connections may wait without a task.
        ready: The queue. What stands in it and doesn't wait any more (see `Clock.waiting`)
            is passed over.
        promised: Whether a lane will look at the queue: it was woken or started for that, or
            lets others have their turn.
        paused: Whether no lane is to look at the queue, since lanes are being cancelled.
        nobody: The clock of a lane that serves nobody.
        make_wire: Makes the wire of a connection.
        discard: Forgets a connection that was closed.
    """

    make_wire: Callable[[Connection], ParsingWire]
    discard: Callable[[Connection], None]
    _start: Callable[[], None]

    def __init__(self, state: ServerState) -> None:
        self.opened: bool = False
        self.ready: deque[Http1Peer] = deque()
        self.promised: bool = False
        self.paused: bool = False
        self.nobody: Clock = Clock(state, Nobody())
        self.nobody.enter_spare()
        self._state = state
        self._spare: list[trio.lowlevel.Task] = []
        self._least_count = 0  # of lanes that have waited at one time, since the last look at them
        self._surplus: set[trio.lowlevel.Task] = set()  # those that were woken to end
        self._trims = False

    def open(
        self,
        make_wire: Callable[[Connection], ParsingWire],
        start: Callable[[], None],
        discard: Callable[[Connection], None],
    ) -> None:
        """Let connections wait without a task.

        Args:
            make_wire: Makes the wire of a connection.
            start: Starts a lane that calls `begin`, and then `wait_turn` again and again.
            discard: Forgets a connection that was closed.
        """
        self.make_wire, self._start, self.discard = make_wire, start, discard
        self.opened = True

    def adopt(self, connection: Connection) -> None:
        """Let a connection that was just accepted wait without a task.

        Most clients have sent by now. It needn't be watched yet, nor at all if they ask
        no more.
        """
        peer = Http1Peer(connection, leaders=self)
        connection.clock.waiting = peer
        self.add(peer)

    def keep(self, connection: Connection) -> bool:
        """Let a connection wait without a task; False: nothing would tell of what arrives."""
        return self.opened and Http1Peer(connection, leaders=self).wait()

    def add(self, peer: "Http1Peer") -> None:
        """Put a connection into the queue."""
        self.ready.append(peer)
        self.wake()

    def wake(self) -> None:
        """Have a lane look at the queue, if there is something in it and none will."""
        if self.ready and not self.promised:
            self.promise()

    def promise(self) -> None:
        """Have a lane look at the queue."""
        if self.paused or not self.opened:
            return
        if self._spare:
            reschedule(self._spare.pop())
            self._least_count = min(self._least_count, len(self._spare))
        else:
            self._start()
        self.promised = True

    def begin(self) -> None:
        """Hear from a lane that was started that its task runs."""
        self.promised = False

    def attend(self, coroutine: Coroutine[Any, Any, None]) -> Awaitable[None]:
        """Return what runs a lane's coroutine, and has another lane woken where that waits."""
        return Attended(coroutine, self)

    async def wait_turn(self, is_dismissed: Callable[[], bool]) -> bool:
        """Wait until there is something in the queue; False: the lane has to end.

        Args:
            is_dismissed: Tells whether it has to.

        Cancellation: a checkpoint; another lane looks at the queue if cancelled here.
        """
        # Others have their turn. Where another lane comes back to the queue this one isn't needed:
        # all that have come back together would keep other tasks from running for longer.
        if self.ready and not self.promised:
            self.promised = True
            try:
                await trio.lowlevel.checkpoint()
            except BaseException:
                self.promised = False
                self.wake()
                raise
            self.promised = False
            if self.ready:
                return not is_dismissed()
        else:
            await trio.lowlevel.checkpoint_if_cancelled()
        task, spare = current_task(), self._spare

        def abort(_: object) -> Abort:
            spare.remove(task)
            return Abort.SUCCEEDED

        while not (is_dismissed() or len(spare) >= SPARE_COUNT):
            spare.append(task)
            if len(spare) > 1 and not self._trims:
                self._trims = True
                self._state.start_attendant(self._trim)
            await wait_task_rescheduled(abort)
            if task in self._surplus:
                self._surplus.discard(task)
                return False
            self.promised = False
            if self.ready:
                return not is_dismissed()
        return False

    async def _trim(self) -> None:
        """Let lanes end that aren't needed, until one is left."""
        try:
            while len(self._spare) > 1:
                self._least_count = len(self._spare)
                await trio.sleep(SPARE_SECONDS)
                surplus = self._spare[: max(self._least_count - 1, 0)]  # the others were woken last
                del self._spare[: len(surplus)]
                self._surplus.update(surplus)
                for task in surplus:
                    reschedule(task)
        finally:
            self._trims = False

    def dismiss(self) -> None:
        """Wake all lanes that wait for their turn, since some of them have to end."""
        while self._spare:
            reschedule(self._spare.pop())

    def pause(self) -> None:
        """Have no lane look at the queue until `resume`."""
        self.paused = True

    def resume(self) -> None:
        """Have lanes look at the queue again."""
        self.paused = False
        self.wake()

    def stop(self) -> None:
        """Serve nobody any more. What waits is closed by the caller, and `drop` follows."""
        self.opened = False
        self.ready.clear()

    def drop(self) -> None:
        """Let go of the server, which holds this queue."""
        del self.make_wire, self._start, self.discard


class Attended(Generator[Any, Any, None], Awaitable[None]):
    """A coroutine whose every wait lets another lane look at the queue, if something is in it.

    No request pays for that: only what waits does. The attributes are those of a coroutine, so that
    Trio shows the line at which a task waits (`trio.lowlevel.Task.iter_await_frames`).

    Args:
        coroutine: It serves what is in the queue.
        leaders: Have the queue.
    """

    __slots__ = ("_coroutine", "_leaders")

    def __init__(self, coroutine: Coroutine[Any, Any, None], leaders: Leaders) -> None:
        self._coroutine: Any = coroutine  # that of an async function, which has more than its type
        self._leaders = leaders

    def __await__(self) -> Generator[Any, Any, None]:
        """Return what runs the coroutine."""
        return self

    def __next__(self) -> Any:
        """Go on; a frame of the standard library would be taken for the program's."""
        return self.send(None)

    def send(self, value: Any) -> Any:
        """Go on until the coroutine waits."""
        try:
            awaited = self._coroutine.send(value)
        finally:
            del value  # it may hold an error, whose traceback holds this frame
        self._leaders.wake()
        return awaited

    def throw(self, *error: Any) -> Any:
        """Go on with an error until the coroutine waits."""
        try:
            awaited = self._coroutine.throw(*error)
        finally:
            del error
        self._leaders.wake()
        return awaited

    @property
    def cr_frame(self) -> FrameType | None:
        """The frame of the coroutine."""
        frame: FrameType | None = self._coroutine.cr_frame
        return frame

    @property
    def cr_await(self) -> Any:
        """What the coroutine awaits."""
        return self._coroutine.cr_await


class Http1Peer:
    """The client of a connection, as the fast path knows it.

    While the connection waits without a task, what would cancel that puts it into the queue.

    Args:
        connection: It is served by HTTP/1.1.
        parser: Is fed what isn't plain, where a lane serves the connection alone.
        leaders: Have the queue, where it waits without a task.

    Attributes:
        arrivals: Put the connection into the queue; None before they are needed.
        hear: What they call for that.
    """

    __slots__ = (
        "_leaders",
        "_parser",
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
        leaders: Leaders | None = None,
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
        self._leaders = leaders

    def wait(self) -> bool:
        """Let the connection wait without a task; False: nothing would tell of what arrives."""
        leaders = self._leaders
        assert leaders is not None
        arrivals = self.arrivals
        if arrivals is None:
            arrivals = self.arrivals = self.transport.watch()
            if arrivals is None:
                return False
            self.hear = partial(leaders.ready.append, self)
        if not arrivals.watched:
            return False
        self.await_arrival(arrivals)
        if arrivals.ready:  # nobody will tell of that again
            # What has come while another request was served has its own time from here on.
            arrivals.reported_at = trio.current_time()
            leaders.add(self)
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
        leaders = self._leaders
        assert leaders is not None
        wire = leaders.make_wire(self.connection)
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
        elif ends_at_once(self.transport):
            self.close()
            return None
        self.take(lane)
        return Step.AWAIT if keep_alive else Step.END

    def rouse(self) -> None:
        """Put the connection into the queue, since its time has passed."""
        assert self._leaders is not None
        self._leaders.add(self)

    def lose(self, error: trio.BrokenResourceError) -> None:
        """Close the connection, whose client has gone."""
        self.connection.gone = True
        logger.debug("the peer has gone: %s", error)
        self.close()

    def close(self) -> None:
        """Close the connection, on which nothing is unfinished."""
        leaders = self._leaders
        assert leaders is not None
        self._forget()
        self.connection.close()
        leaders.discard(self.connection)

    def _forget(self) -> None:
        """Let nothing that lasts hold this object."""
        if self.arrivals is not None:
            self.arrivals.hear = None
        self.clock.waiting = None
        self.arrivals = self.hear = None


def ends_at_once(transport: Transport) -> bool:
    """Tell whether closing a connection does no harm, whose client has said that it asks no more.

    It has sent nothing more then, and has the whole answer.
    """
    try:
        more = transport.receive_nowait()
    except trio.BrokenResourceError:
        return True
    return not more and transport.tells_acked and transport.fully_acked()


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
