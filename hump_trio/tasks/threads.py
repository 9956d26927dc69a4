"""Worker threads of the server's own: for each purpose so many, which no other purpose waits for.

In Trio's common limiter, forty reads from a disk that is stuck would leave no thread to the
program's own `trio.to_thread.run_sync`, until the disk goes on.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import trio

__all__ = [
    "CLOSING",
    "COMPRESSING",
    "FILES",
    "SPOOLS",
    "Threads",
    "awaited_count",
    "check_thread",
    "thread_awaited",
]


class Threads:
    """So many threads for one purpose, in each Trio run anew.

    Args:
        purpose: For people who look at a run's variables.
        count: The most that work at a time. A task that needs another one waits, and can be
            cancelled meanwhile.
    """

    def __init__(self, purpose: str, count: int) -> None:
        self._limiter: trio.lowlevel.RunVar[trio.CapacityLimiter] = trio.lowlevel.RunVar(purpose)
        self._count = count

    @property
    def limiter(self) -> trio.CapacityLimiter:
        """What `trio.to_thread.run_sync` is to be limited by."""
        try:
            return self._limiter.get()
        except LookupError:
            limiter = trio.CapacityLimiter(self._count)
            self._limiter.set(limiter)
            return limiter


# What a disk has to be asked for, to send it. 32: what disks take into their queue at a time.
FILES = Threads("files", 32)
# For writing uploads to the disk and reading them again: the readers of other files don't
# wait for them. 32, as above.
SPOOLS = Threads("spools", 32)
# Closing of uploads. 1: it is quick as a rule, and where it is stuck, more threads are no help.
CLOSING = Threads("closing", 1)
# Compression takes the processor alone, without holding the interpreter: one for each.
COMPRESSING = Threads("compressing", os.cpu_count() or 1)


# How many tasks of a Trio run are in `thread_awaited`.
AWAITED: trio.lowlevel.RunVar[int] = trio.lowlevel.RunVar("awaited threads", 0)


@contextmanager
def thread_awaited() -> Iterator[None]:
    """Enclose a wait for a thread that `trio.to_thread.run_sync` waits for no more.

    A clock of virtual time then knows that time isn't all that is waited for.
    """
    AWAITED.set(AWAITED.get() + 1)
    try:
        yield
    finally:
        AWAITED.set(AWAITED.get() - 1)


def awaited_count() -> int:
    """Return how many tasks wait for a thread within `thread_awaited`."""
    return AWAITED.get()


def check_thread(call: str) -> None:
    """Refuse to be called in another thread than Trio's, where something below would fail.

    Args:
        call: The function and its arguments, as `trio.from_thread.run_sync` takes them.

    Raises:
        RuntimeError: With the line to write in that thread.
    """
    if not trio.lowlevel.in_trio_run():
        raise RuntimeError(
            f"from another thread, write trio.from_thread.run_sync({call}), with trio_token="
            " where Trio hasn't started that thread"
        )
