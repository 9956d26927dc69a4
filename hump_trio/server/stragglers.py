"""Apps that have given their answer and haven't returned, and so hold up what comes next.

Most return at once, or after a few turns. To let a connection go on without its app takes a new
task, so an app is given a little time first. The number of such tasks is bounded: where there are
as many as there may be, a connection waits for its app. So clients who ask and ask can't start ever
more.
"""

from collections import deque
from typing import Protocol

import trio
from trio.lowlevel import Abort, Task, reschedule, wait_task_rescheduled

from hump_trio.server.state import ServerState

__all__ = ["Stragglers"]

# So long an app may work behind its answer before another task serves its connection. It may have
# some turns on top of that, since a busy server may have given it none in the time.
GRACE_SECONDS = 0.005
GRACE_TURNS = 10


class Straggler(Protocol):
    """What an app has given its answer through.

    Attributes:
        over: Whether the app has returned.
    """

    over: bool

    def detach(self) -> None:
        """Let another task serve what comes next. The app calls `Stragglers.leave` at its end."""


class Stragglers:
    """Detaches apps that take too long to return after their answer (see `ServerState.shared`).

    One task does so for all connections, and is parked while there is nothing to wait for.

    At most `Limits.connections` apps are detached at a time: as many as could be at work if none
    was detached.

    Args:
        state: That of the server.
    """

    def __init__(self, state: ServerState) -> None:
        self._state = state
        self._detached_count = 0  # of apps that haven't returned
        self._held: deque[Straggler] = deque()  # that have had their time, while there is no room
        # Those whose time begins with the next round, and those of the round that goes on.
        self._replies: dict[Straggler, None] = {}
        self._due: dict[Straggler, None] = {}
        self._started = False
        self._waiting: Task | None = None

    def add(self, reply: Straggler) -> None:
        """Give an app its time from now on."""
        self._replies[reply] = None
        task = self._waiting
        if task is not None:
            self._waiting = None
            reschedule(task)
        elif not self._started:
            self._started = True
            self._state.start_attendant(self._watch)

    async def _watch(self) -> None:
        """Detach what has had its time, until cancelled."""
        while True:
            while not self._replies:
                self._waiting = trio.lowlevel.current_task()
                await wait_task_rescheduled(self._abort)
            self._due, self._replies = self._replies, {}
            await trio.sleep(GRACE_SECONDS)
            for _ in range(GRACE_TURNS):
                await trio.lowlevel.checkpoint()
            if self._held:
                self._held = deque(each for each in self._held if not each.over)
            self._held.extend(self._due)
            self._due = {}
            self._fill()

    def drop(self, reply: Straggler) -> None:
        """Hear that an app has returned within its time, as nearly all do.

        Nothing of it is held any longer: else the requests of a busy server would live so long that
        each 40 of them cost a garbage collection, and one in 10,000 a full one of 15 ms.
        """
        self._replies.pop(reply, None)
        self._due.pop(reply, None)

    def leave(self) -> None:
        """Hear that an app that was detached has returned."""
        self._detached_count -= 1
        self._fill()

    def _fill(self) -> None:
        """Detach what is held, as far as there is room."""
        held, most = self._held, self._state.limits.connections
        while held and self._detached_count < most:
            reply = held.popleft()
            if not reply.over:
                self._detached_count += 1
                reply.detach()

    def _abort(self, _: object) -> Abort:
        self._waiting = None
        return Abort.SUCCEEDED
