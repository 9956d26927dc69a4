"""A clock for tests, on which waiting takes no time and threads have all the time they need."""

import math

import trio
from trio.testing import active_thread_count

from hump_trio.tasks.threads import awaited_count

__all__ = ["AutojumpClock"]

# Trio's longest wait for I/O is a day, when no deadline is set: a wait of more than half a day is
# one that nothing but I/O or a thread will end.
IDLE_SECONDS = 43_200.0


class AutojumpClock(trio.abc.Clock, trio.abc.Instrument):
    """A clock for tests that jumps to the next deadline when all tasks wait and no thread works.

    Write ``trio.run(test, clock=AutojumpClock())``, or with pytest-trio a fixture that returns an
    ``AutojumpClock()``. The clock begins at 0. Unlike a `trio.testing.MockClock` that jumps, it
    waits for functions that run in `trio.to_thread.run_sync`, so that a database query
    isn't overtaken by the deadline of its handler. A thread that never ends, or that waits for
    this clock itself, keeps the clock from jumping: test that with a `trio.testing.MockClock`. The
    clock doesn't wait for a thread that was abandoned.
    """

    def __init__(self) -> None:
        self._now = 0.0
        self._next_deadline = math.inf
        self._idle = False

    def start_clock(self) -> None:
        """Watch the Trio run that begins. Called by Trio, as are the other methods."""
        trio.lowlevel.add_instrument(self)

    def current_time(self) -> float:
        """Return the virtual time."""
        return self._now

    def deadline_to_sleep_time(self, deadline: float) -> float:
        """Return how long to wait for I/O: 0 if the deadline has passed, else without limit."""
        self._next_deadline = deadline
        return 0.0 if deadline <= self._now else math.inf

    def before_io_wait(self, timeout: float) -> None:
        """End at once a wait that only this clock can end.

        A short wait is left alone: it is for `trio.testing.wait_all_tasks_blocked`, which comes
        first.
        """
        self._idle = (
            timeout > IDLE_SECONDS
            and self._next_deadline < math.inf
            and not active_thread_count()
            and not awaited_count()
        )
        if self._idle:
            trio.lowlevel.current_trio_token().run_sync_soon(int, idempotent=True)

    def after_io_wait(self, timeout: float) -> None:
        """Jump if no I/O has come: then only the task can run that has ended the wait."""
        if self._idle and trio.lowlevel.current_statistics().tasks_runnable <= 1:
            self._now = self._next_deadline
