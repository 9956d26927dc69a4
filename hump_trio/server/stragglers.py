"""Apps that have given their answer and haven't returned, and so hold up what comes next.

Most return at once, or after a few turns. To let a connection go on without them takes a new task,
so they are given a little time. There may be so many such tasks: the connection of a further one
waits for its app, so that clients who ask and ask can't start ever more.
"""

from collections import deque
from typing import Protocol

import trio
from trio.lowlevel import Abort, Task, reschedule, wait_task_rescheduled

from hump_trio.server.state import ServerState

__all__ = ["Stragglers"]

# So long an app may work behind its answer before others serve its connection; then it may have
# some more turns, since a server that is busy gives it none for longer.
GRACE_SECONDS = 0.005
GRACE_TURNS = 10


class Straggler(Protocol):
    """What an app has given its answer through.

    Attributes:
        over: Whether the app has returned.
    """

    over: bool

    def move_on(self) -> None:
        """Let others serve what comes next; the app hasn't returned, and says when it has."""


class Stragglers:
    """Moves on what has waited too long for its app to return (see `ServerState.shared`).

    One task does so for all connections, and is parked while there is none.

    As many apps as there may be connections work on at a time: without this each connection would
    have one.

    Args:
        state: That of the server.
    """

    def __init__(self, state: ServerState) -> None:
        self._state = state
        self._moved_count = 0  # of apps that haven't returned
        self._held: deque[Straggler] = deque()  # which find no room among them
        # Those that have come, and those that wait for the end of their time already.
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
        """Move on what has had its time, until cancelled."""
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
        """Hear that an app has returned that others have moved on without."""
        self._moved_count -= 1
        self._fill()

    def _fill(self) -> None:
        """Move on what is held, as far as there is room."""
        held, most = self._held, self._state.limits.connections
        while held and self._moved_count < most:
            reply = held.popleft()
            if not reply.over:
                self._moved_count += 1
                reply.move_on()

    def _abort(self, _: object) -> Abort:
        self._waiting = None
        return Abort.SUCCEEDED
