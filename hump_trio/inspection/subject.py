"""What an inspector looks at, and the app of this process as such."""

import logging
import os
from secrets import token_bytes
from typing import Any, Protocol

import trio

from hump_trio.app import Hump, server_of
from hump_trio.facts.loggers import logger
from hump_trio.inspection.app_snapshot import identify, take_snapshot
from hump_trio.inspection.endings import end_early
from hump_trio.inspection.figures import Figures
from hump_trio.inspection.merged_snapshot import line_of, merge
from hump_trio.inspection.snapshot import Snapshot
from hump_trio.server.server import Server

__all__ = ["AppSubject", "Subject", "set_log_level"]


class Subject(Protocol):
    """What is looked at, and what an operator can do about it.

    Each method waits for no more than some seconds. If cancelled, what was asked for may happen.
    """

    async def look(self, seconds: float, count: int) -> Snapshot:
        """Return what is done now.

        Args:
            seconds: For so long the lag of the loop is measured first.
            count: By how many looks.
        """

    async def cancel(self, name: str) -> bool:
        """End a request as if its time had passed; return whether there was one of that name.

        Args:
            name: The request's name, as in `RequestLine.id`.
        """

    async def drain(self, pid: int) -> bool:
        """Ask a process to end gracefully; return whether there was one of that number."""

    async def set_log_level(self, level: str) -> None:
        """Set the lowest level that is logged, until the process ends."""


class AppSubject:
    """The app of this process.

    Args:
        app: The app, before it is served.
        queries: Whether targets are shown with their queries.

    Attributes:
        figures: What has become of its requests.
    """

    def __init__(self, app: Hump[Any], *, queries: bool) -> None:
        self.figures: Figures = Figures(queries=queries)
        self._app = app
        self._queries = queries
        self._key = token_bytes(16)
        app.watch(self.figures.watch)

    async def look(self, seconds: float, count: int) -> Snapshot:
        """Return what the app does now: nothing before it is served, and after that."""
        lag_seconds = await measure_lag(seconds, count)
        if running(self._app) is None:
            return merge([], [line_of(os.getpid(), "starting")])
        return take_snapshot(
            self._app,
            self.figures,
            key=self._key,
            lag_seconds=lag_seconds,
            queries=self._queries,
        )

    async def cancel(self, name: str) -> bool:
        """End a request as if its time had passed; return whether there was one of that name."""
        await trio.lowlevel.checkpoint()
        server = running(self._app)
        for clock in () if server is None else server.watchdog.clocks:
            found = clock.request
            if found is not None and identify(clock, found, self._key) == name:
                logger.warning("an operator has cancelled %s", clock.describe())
                end_early(clock, found)
                return True
        return False

    async def drain(self, pid: int) -> bool:
        """Shut the app down gracefully, if this is the process that is meant."""
        await trio.lowlevel.checkpoint()
        if pid != os.getpid() or running(self._app) is None:
            return False
        logger.warning("an operator has asked for the end")
        self._app.shutdown()
        return True

    async def set_log_level(self, level: str) -> None:
        """Set the lowest level that is logged."""
        await trio.lowlevel.checkpoint()
        set_log_level(level)


def running(app: Hump[Any]) -> Server | None:
    """Return what serves an app; None if it isn't served."""
    try:
        return server_of(app)
    except RuntimeError:
        return None


def set_log_level(level: str) -> None:
    """Set the lowest level that this process logs, one of `LOG_LEVELS`."""
    logger.warning("an operator has set the level of the log to %s", level)
    logging.getLogger().setLevel(level.upper())


async def measure_lag(seconds: float, count: int) -> float:
    """Sleep for some seconds, and return how late the loop has woken this task at the worst.

    A checkpoint.

    Args:
        seconds: How long it takes in all.
        count: How many looks these are.
    """
    worst = 0.0
    for _ in range(count):
        due = trio.current_time() + seconds / count
        await trio.sleep_until(due)
        worst = max(worst, trio.current_time() - due)
    return worst
