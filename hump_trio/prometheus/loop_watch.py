"""How long the turns of Trio's loop take: so long everything else has waited."""

import time
from collections.abc import Callable

import trio

from hump_trio.prometheus.tally import Tally

__all__ = ["LoopWatch"]

BOUNDS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class LoopWatch(trio.abc.Instrument):
    """An instrument that counts turns: from one wait for the system to the next.

    Args:
        clock: Returns the time in seconds; tests give one of their own.

    Attributes:
        turns: What was counted.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self.turns: Tally = Tally(BOUNDS)
        self._clock = clock
        self._since: float | None = None  # None in a turn whose begin was missed

    def after_io_wait(self, timeout: float) -> None:
        """Remember that a turn begins."""
        self._since = self._clock()

    def before_io_wait(self, timeout: float) -> None:
        """Count the turn that ends."""
        if self._since is not None:
            self.turns.add(self._clock() - self._since)
