"""Apps that have given their answer and haven't returned, and so hold up what comes next.

Most return at once, or after a few turns. To let a connection go on without them takes a new task,
so they are given a little time.
"""

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
    """What an app has given its answer through."""

    def move_on(self) -> None:
        """Let others serve what comes next, unless the app has returned."""


class Stragglers:
    """Moves on what has waited too long for its app to return (see `ServerState.shared`).

    One task does so for all connections, and is parked while there is none.

    Args:
        state: That of the server.
    """

    def __init__(self, state: ServerState) -> None:
        self._state = state
        self._replies: list[Straggler] = []
        self._started = False
        self._waiting: Task | None = None

    def add(self, reply: Straggler) -> None:
        """Give an app its time from now on."""
        self._replies.append(reply)
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
            replies, self._replies = self._replies, []
            await trio.sleep(GRACE_SECONDS)
            for _ in range(GRACE_TURNS):
                await trio.lowlevel.checkpoint()
            for reply in replies:
                reply.move_on()
            del replies

    def _abort(self, _: object) -> Abort:
        self._waiting = None
        return Abort.SUCCEEDED
