"""Stores of sessions that have an id: the contract of all, and one in memory."""

import json
import math
from typing import Any, Protocol

import trio

from hump_trio.middleware.option_checks import check_number

__all__ = ["MemorySessions", "SessionStore"]

# When an unknown session has ended, and what it holds.
GONE = (-math.inf, "")


class SessionStore(Protocol):
    """A store of sessions, such as one over Redis or a database, for `Sessions`.

    Several requests of one session may be under way at once, in several workers. The one that
    saves last wins, with all that its session holds; a drop wins over every save that began before
    it, since that finds the session gone. What a method raises is an ordinary error of the request.

    Cancellation: each method may wait, and be cancelled while it does. The session is then as
    before or as after, and never in between.
    """

    async def load(self, id: str, /) -> dict[str, Any] | None:
        """Return what was saved last for an id, for the caller to change; None if it is gone."""
        ...

    async def save(self, id: str, data: dict[str, Any], seconds: int, /, *, new: bool) -> None:
        """Keep values for an id.

        Args:
            id: The id, up to 64 letters, digits, ``-`` and ``_``.
            data: The values, which have a JSON form.
            seconds: How long they are asked for; after that they may be forgotten.
            new: Whether the id is new. If not, nothing is kept for an id that is gone: it was
                dropped while a request of its session was under way.
        """
        ...

    async def drop(self, id: str, /) -> None:
        """Forget an id and its values, if they are there."""
        ...


class MemorySessions:
    """A `SessionStore` in the memory of its process, as in ``Sessions(store=MemorySessions())``.

    It is for development, and for a single process whose restart may log everybody out: each worker
    has one of its own. Each run of Trio begins with no sessions.

    Args:
        sessions: The most that are kept. When there are more, the oldest is dropped.

    Raises:
        ValueError: The number isn't a positive one.

    Cancellation: no method is a checkpoint.
    """

    def __init__(self, *, sessions: int = 100_000) -> None:
        check_number("sessions", sessions, 1, math.inf)
        self._count = sessions
        self._clock: trio.abc.Clock | None = None
        # By id, the oldest first: when it ends, and what it holds as JSON, nobody else's to change.
        self._kept: dict[str, tuple[float, str]] = {}

    async def load(self, id: str, /) -> dict[str, Any] | None:
        """Return what was saved last for an id (see `SessionStore`)."""
        now = self._now()
        deadline, text = self._kept.get(id, GONE)
        if deadline <= now:
            return None
        data: dict[str, Any] = json.loads(text)
        return data

    async def save(self, id: str, data: dict[str, Any], seconds: int, /, *, new: bool) -> None:
        """Keep values for an id (see `SessionStore`)."""
        now = self._now()
        if new or self._kept.get(id, GONE)[0] > now:
            self._kept[id] = now + seconds, json.dumps(data)
        while self._kept:  # each save adds one at most
            oldest, (deadline, _) = next(iter(self._kept.items()))
            if deadline > now and len(self._kept) <= self._count:
                break
            del self._kept[oldest]

    async def drop(self, id: str, /) -> None:
        """Forget an id and its values (see `SessionStore`)."""
        self._kept.pop(id, None)

    def _now(self) -> float:
        """Return the time, having forgotten what was kept in another run of Trio."""
        clock = trio.lowlevel.current_clock()
        if clock is not self._clock:
            self._kept.clear()
            self._clock = clock
        return clock.current_time()
