"""A clock for tests, on which waiting takes no time and threads have all the time they need."""

import math

import trio
from trio.testing import active_thread_count

__all__ = ["AutojumpClock"]

# Trio waits no longer than for a day without looking again; nobody asks for half of that.
IDLE_SECONDS = 43_200.0


class AutojumpClock(trio.abc.Clock, trio.abc.Instrument):
    """A clock that jumps to the next deadline when no task has anything to do, and no thread.

    ``trio.run(test, clock=AutojumpClock())``; with pytest-trio, a fixture that returns one. It
    begins at 0. Unlike a `trio.testing.MockClock` that jumps by itself it waits for what runs in
    `trio.to_thread.run_sync`: a query of a database isn't overtaken by the deadline of its
    handler. A thread that never ends, or waits for this clock itself, keeps it from jumping: to
    test that, there is the other one. A thread that was abandoned isn't waited for.
    """

    def __init__(self) -> None:
        self._now = 0.0
        self._next_deadline = math.inf
        self._idle = False

    def start_clock(self) -> None:
        """Watch the run that begins."""
        trio.lowlevel.add_instrument(self)

    def current_time(self) -> float:
        """Return the virtual time."""
        return self._now

    def deadline_to_sleep_time(self, deadline: float) -> float:
        """Return how long to wait for I/O: not at all for what is due, or until something comes."""
        self._next_deadline = deadline
        return 0.0 if deadline <= self._now else math.inf

    def before_io_wait(self, timeout: float) -> None:
        """End a wait at once that nothing else will end.

        A shorter one is for a task that waits until all are blocked, and comes first.
        """
        self._idle = (
            timeout > IDLE_SECONDS and self._next_deadline < math.inf and not active_thread_count()
        )
        if self._idle:
            trio.lowlevel.current_trio_token().run_sync_soon(int, idempotent=True)

    def after_io_wait(self, timeout: float) -> None:
        """Jump, if nothing has come: then only the task runs by which the wait was ended."""
        if self._idle and trio.lowlevel.current_statistics().tasks_runnable <= 1:
            self._now = self._next_deadline
