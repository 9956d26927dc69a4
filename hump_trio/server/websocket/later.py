"""What is put off to the end of a pass of Trio's scheduler."""

from collections.abc import Callable

import trio
from trio.lowlevel import Abort, Task, reschedule, wait_task_rescheduled

from hump_trio.server.state import ServerState

__all__ = ["Later"]


class Later:
    """Calls functions once all tasks have had their turn that may run now.

    The WebSockets of a server share one (see `ServerState.shared`), and so one task that runs once
    in a pass: a task or a timer for each of them would cost as much as a message.

    Args:
        state: That of the server.
    """

    def __init__(self, state: ServerState) -> None:
        self._calls: list[Callable[[], None]] = []
        self._waiting: Task | None = None
        state.start_attendant(self._run)

    def add(self, call: Callable[[], None]) -> None:
        """Have a function called. It must not wait, and it raises nothing."""
        self._calls.append(call)
        task, self._waiting = self._waiting, None
        if task is not None:
            reschedule(task)

    async def _run(self) -> None:
        """Call what was put off, until cancelled."""
        while True:
            if not self._calls:
                self._waiting = trio.lowlevel.current_task()
                await wait_task_rescheduled(self._abort)
            calls, self._calls = self._calls, []
            for call in calls:
                call()
            await trio.lowlevel.checkpoint()

    def _abort(self, _: object) -> Abort:
        self._waiting = None
        return Abort.SUCCEEDED
