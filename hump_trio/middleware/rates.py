"""Rates, and how much of a rate each key has left: pure functions, and a store in memory.

A key is a bucket that holds a burst, and fills up evenly. The bucket is kept as the one number that
tells when it is full again (GCRA, the generic cell rate algorithm).
"""

import math
import re
from collections import OrderedDict
from dataclasses import dataclass, field

import trio

__all__ = ["MemoryRates", "Rate", "parse_rate"]

RATE = re.compile(r"([1-9][0-9]{0,8})/(second|minute|hour|day)", re.ASCII)
PERIOD_SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}
# Times are sums of floats: a bucket that lacks a thousandth of a unit has that unit. Where a unit
# takes more than a second, it has the one that comes within a thousandth of a second.
TOLERANCE = 1e-3


@dataclass(frozen=True, slots=True)
class Rate:
    """How many units come in a time, and how many may be taken at once.

    Args:
        interval: Seconds from one unit to the next.
        burst: The most units at once.

    Attributes:
        tolerance: The seconds that sums of floats may be wrong by.
    """

    interval: float
    burst: int
    tolerance: float = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "tolerance", min(self.interval, 1.0) * TOLERANCE)

    @property
    def window(self) -> int:
        """The whole seconds within which an empty bucket fills up."""
        return max(1, self.whole(self.interval * self.burst))

    def left(self, wait: float, cost: int) -> tuple[int, int]:
        """Return the units that a bucket has left, and the whole seconds until it has one more.

        Args:
            wait: What a store has returned for a cost.
            cost: The cost.
        """
        given_back = cost if self.is_refusal(wait) else 0
        units = math.floor(given_back - (wait - self.tolerance) / self.interval)
        units = min(self.burst, max(0, units))
        return units, self.whole(wait + (units + 1 - given_back) * self.interval)

    def is_refusal(self, wait: float) -> bool:
        """Tell whether what a store has returned is a time to wait."""
        return wait > self.tolerance

    def retry_seconds(self, wait: float) -> int:
        """Return the whole seconds after which what was refused is given."""
        return max(1, self.whole(wait))

    def whole(self, seconds: float) -> int:
        """Return seconds, rounded up unless they exceed a whole by no more than the tolerance."""
        return math.ceil(seconds - self.tolerance)


def parse_rate(text: str, burst: int | None) -> Rate:
    """Return the rate that a text such as ``"100/minute"`` says.

    Args:
        text: A count, and one of ``second``, ``minute``, ``hour`` and ``day``.
        burst: The most at once; None: the count.

    Raises:
        ValueError: The text says no rate.
    """
    found = RATE.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise ValueError(
            "a rate is a count per second, minute, hour or day, as in '100/minute', not"
            f" {text!r:.80}"
        )
    count = int(found[1])
    return Rate(PERIOD_SECONDS[found[2]] / count, count if burst is None else burst)


class MemoryRates:
    """Remembers in memory when the bucket of each key is full again; a full one is forgotten.

    No more keys are remembered than given. Beyond that the key is forgotten that has been asked
    for the longest time ago, which gives it a full bucket: many keys never take anything from
    others. Who forges so many to be forgotten takes more by those than by the one forgotten.

    Args:
        rate: The rate of every key.
        key_count: The most keys that are remembered.
    """

    __slots__ = ("_capacity", "_clock", "_full_at", "_interval", "_key_count", "_tolerance")

    def __init__(self, rate: Rate, key_count: int) -> None:
        self._interval = rate.interval
        self._capacity = rate.burst * rate.interval  # in seconds
        self._tolerance = rate.tolerance
        self._key_count = key_count
        self._clock: trio.abc.Clock | None = None
        # By key, in the order in which they were asked for; those left out are full.
        self._full_at: OrderedDict[str, float] = OrderedDict()

    def __len__(self) -> int:
        """Return how many keys are remembered."""
        return len(self._full_at)

    def take(self, key: str, cost: int) -> float:
        """Take units of a key, or none of them; return as `RateStore.take`. Not a checkpoint.

        Args:
            key: The key.
            cost: From 1 to the burst, so that a key which lacks units is one that is remembered.
        """
        clock, full_at = trio.lowlevel.current_clock(), self._full_at
        if clock is not self._clock:  # that of another run of Trio: its times mean nothing here
            full_at.clear()
            self._clock = clock
        now = clock.current_time()
        since = max(full_at.get(key, now), now)
        full = since + cost * self._interval
        wait = full - now - self._capacity
        if wait <= self._tolerance:
            full_at[key] = full
        elif since == now:  # a full bucket has every cost, however its times were rounded
            full_at[key], wait = full, 0.0
        full_at.move_to_end(key)
        self._forget(now)
        return wait

    def _forget(self, now: float) -> None:
        """Forget the keys that were asked for the longest time ago, if they are full or too many.

        Two at most are forgotten for each request, so that none has to look at many.
        """
        full_at = self._full_at
        for _ in range(min(2, len(full_at))):
            oldest = next(iter(full_at))
            if full_at[oldest] > now and len(full_at) <= self._key_count:
                break
            del full_at[oldest]
