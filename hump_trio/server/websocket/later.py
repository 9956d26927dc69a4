"""What is put off to the end of a pass of Trio's scheduler."""

from collections import deque
from collections.abc import Callable

import trio
from trio.lowlevel import Abort, Task, reschedule, wait_task_rescheduled

from hump_trio.server.state import ServerState

__all__ = ["PASS_COST", "Later"]

# What reads may cost in a pass before the costly ones wait for the next pass, in bytes inflated:
# half a millisecond. One read may take 1 MiB more, since a message is inflated in one go.
PASS_COST = 256 * 1024


class Later:
    """Calls functions once all tasks have had their turn that may run now.

    The WebSockets of a server share one (see `ServerState.shared`), and so one task that runs once
    in a pass: a task or a timer for each of them would cost as much as a message.

    Reads that were put off share the time of a pass: a kilobyte may inflate to a megabyte, and a
    thousand clients may send one at the same time.

    Args:
        state: That of the server.

    Attributes:
        tired: Whether reads have cost so much in this pass that costly ones should be put off.
    """

    def __init__(self, state: ServerState) -> None:
        self.tired: bool = False
        self._spent = 0
        self._calls: list[Callable[[], None]] = []
        self._reads: deque[Callable[[], None]] = deque()
        self._waiting: Task | None = None
        state.start_attendant(self._run)

    def add(self, call: Callable[[], None]) -> None:
        """Have a function called. It must not wait, and it raises nothing."""
        self._calls.append(call)
        self._wake()

    def add_read(self, read: Callable[[], None]) -> None:
        """Have a function called that reads, in this pass or a later one.

        Reads are called in order. A function must not wait, and it raises nothing.
        """
        self._reads.append(read)
        self._wake()

    def spend(self, cost: int) -> None:
        """Count what a read has cost."""
        self._spent += cost
        if self._spent >= PASS_COST:
            self.tired = True
            self._wake()

    def _wake(self) -> None:
        task, self._waiting = self._waiting, None
        if task is not None:
            reschedule(task)

    async def _run(self) -> None:
        """Call what was put off, until cancelled."""
        reads = self._reads
        while True:
            if not (self._calls or reads or self.tired):
                self._waiting = trio.lowlevel.current_task()
                await wait_task_rescheduled(self._abort)
            calls, self._calls = self._calls, []
            for call in calls:
                call()
            self._spent = 0
            self.tired = False
            for _ in range(len(reads)):
                if self.tired:
                    break
                reads.popleft()()
            await trio.lowlevel.checkpoint()

    def _abort(self, _: object) -> Abort:
        self._waiting = None
        return Abort.SUCCEEDED
