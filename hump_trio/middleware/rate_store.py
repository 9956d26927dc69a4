"""Stores that several processes share their rate limits by, and what becomes of one that fails."""

import math
from typing import Protocol, runtime_checkable

import trio

from hump_trio.facts.exceptions import OverloadError
from hump_trio.facts.loggers import logger
from hump_trio.tasks.failures import is_failure

__all__ = ["BoundedStore", "RateStore"]

# For so long a store that has let a request wait in vain isn't asked again; and so long passes from
# one log line to the next, however many requests fail.
PAUSE_SECONDS = 1.0


@runtime_checkable
class RateStore(Protocol):
    """Where a `RateLimit` keeps what is left of each key's rate, for several processes."""

    async def take(self, key: str, cost: int, interval: float, burst: int) -> float:
        """Take units of a key, or none of them if there are too few.

        All of it is one step: two calls at the same time never take the same unit. A key that has
        all its units again may be forgotten.

        Args:
            key: The name of the limit (of a `rate_limit` without one, its handler's module and
                name), a colon, and the text that the limit counts by.
            cost: The units to take, from 1 to ``burst``.
            interval: Seconds from one unit to the next.
            burst: The most units that a key has at once; it has so many at first.

        Returns:
            Seconds until there are enough units, if there are too few. Else 0, or the negative of
            the units that are left by now, times ``interval``.
        """
        ...


class BoundedStore:
    """Asks a store for some seconds at most, and decides in its place if it fails.

    Args:
        store: The store.
        seconds: Seconds that it has for each answer.
        refuse: Whether requests are refused while it fails; else they pass.
        name: The name of the limit, for the log.
    """

    def __init__(self, store: RateStore, seconds: float, name: str, *, refuse: bool) -> None:
        self._store = store
        self._seconds = seconds
        self._refuse = refuse
        self._name = name
        self._asked_again_at = -math.inf
        self._logged_again_at = -math.inf

    async def take(self, key: str, cost: int, interval: float, burst: int) -> float | None:
        """Take units as `RateStore.take` does; None if the store fails and the request passes.

        Raises:
            OverloadError: 503, the store fails and requests are refused.

        Cancellation: as the store; nobody knows then whether it has taken the units.
        """
        if not 0 < self._asked_again_at - trio.current_time() <= PAUSE_SECONDS:
            try:
                with trio.move_on_after(self._seconds) as scope:
                    wait = await self._store.take(key, cost, interval, burst)
                    if not math.isfinite(wait):
                        raise ValueError(f"a store has returned {wait}")
                    return wait
                assert scope.cancelled_caught
                self._asked_again_at = trio.current_time() + PAUSE_SECONDS
                raise TimeoutError(f"no answer within {self._seconds} seconds")
            except BaseException as error:
                if not is_failure(error):
                    raise
                self._log(error)
        if self._refuse:
            raise OverloadError("the rate limit can't be checked")
        return None

    def _log(self, error: BaseException) -> None:
        """Log a failure, at most one a second."""
        now = trio.current_time()
        if not 0 < self._logged_again_at - now <= PAUSE_SECONDS:
            self._logged_again_at = now + PAUSE_SECONDS
            what = "refused" if self._refuse else "let pass"
            logger.error(
                "the store of the rate limit %r fails, and requests are %s: %s",
                *(self._name, what, repr(error)),  # a record may be kept, and frames with an error
            )
