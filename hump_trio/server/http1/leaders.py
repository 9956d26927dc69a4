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
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import trio
from trio.lowlevel import Abort, current_task, reschedule, wait_task_rescheduled

from hump_trio.server.clock import Clock
from hump_trio.server.connection import Connection
from hump_trio.server.http1.attended import Attended
from hump_trio.server.http1.peer import Http1Peer, Nobody, ParsingWire
from hump_trio.server.state import ServerState

__all__ = ["Leaders"]

# So many lanes wait for their turn at most; more are there only after as many handlers have waited
# at one time.
SPARE_COUNT = 64
# Lanes that weren't needed for so long end, but for one.
SPARE_SECONDS = 5.0


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
        peer = Http1Peer(connection, queue=self)
        connection.clock.waiting = peer
        self.add(peer)

    def keep(self, connection: Connection) -> bool:
        """Let a connection wait without a task; False: nothing would tell of what arrives."""
        return self.opened and Http1Peer(connection, queue=self).wait()

    def add(self, peer: Http1Peer) -> None:
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
        return Attended(coroutine, self.wake)

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
