"""What has become of requests: how long they took and how they ended, by route, and crashes."""

import traceback
from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from itertools import accumulate, islice

import trio

from hump_trio.facts.outcomes import Outcome
from hump_trio.messages.access_record import AccessRecord, Ended
from hump_trio.messages.request import Request
from hump_trio.tasks.task_tree import source_line_of_error

__all__ = ["Crash", "Figures", "RouteFigures", "shown_target"]

# The upper ends of what is counted together, in seconds: 0.1 ms to two minutes, each a quarter
# longer than the one before. What took longer counts as the last.
BOUNDS = [0.0001 * 1.25**step for step in range(64)]
# An app has fewer routes; those of an app that makes them up as it goes are counted together.
ROUTE_COUNT = 1000
OTHERS = "(others)"
CRASH_COUNT = 20
# Of a crash: a task group may fail with any number of errors, each of any depth.
LEAF_COUNT = 3
FRAME_COUNT = 20
TARGET_LENGTH = 200


class RouteFigures:
    """How the requests of one route have ended, and how long they took.

    Attributes:
        outcomes: How many have ended in which way.
    """

    __slots__ = ("_counts", "outcomes")

    def __init__(self) -> None:
        self.outcomes: Counter[Outcome] = Counter()
        self._counts = [0] * len(BOUNDS)

    def add(self, seconds: float, outcome: Outcome) -> None:
        """Count a request that is over."""
        self.outcomes[outcome] += 1
        self._counts[min(bisect_left(BOUNDS, seconds), len(BOUNDS) - 1)] += 1

    def quantile(self, share: float) -> float:
        """Return the seconds that a share of the requests didn't exceed, a quarter too much."""
        sums = list(accumulate(self._counts))
        return BOUNDS[bisect_left(sums, share * sums[-1])]


@dataclass(frozen=True, slots=True, kw_only=True)
class Crash:
    """What the program has failed with, as text: it holds no frames, and no message either.

    A message may quote what the client has sent, so that is left to the log.

    Args:
        method: The method of the request.
        target: Its target, as it is shown.
        route: The template of its route.
        time: When, by `trio.current_time`.
        places: The kind of each error, and the line of the program that has raised it.
        frames: The innermost frames of the first error, from the outermost to the innermost.
    """

    method: str
    target: str
    route: str
    time: float
    places: tuple[str, ...]
    frames: tuple[str, ...]


class Figures:
    """Counts requests as they end; its `watch` is for `Hump.watch`.

    Args:
        queries: Whether targets are shown with their queries.

    Attributes:
        routes: The figures by the template of a route; empty for requests without one.
        crashes: The last ones.
    """

    def __init__(self, *, queries: bool) -> None:
        self._queries = queries
        self.routes: dict[str, RouteFigures] = {}
        self.crashes: deque[Crash] = deque(maxlen=CRASH_COUNT)

    def watch(self, request: Request) -> Generator[None, Ended, None]:
        """Count a request when it has ended."""
        ended = yield
        access = ended.access
        figures = self.routes.get(access.route)
        if figures is None:
            route = access.route if len(self.routes) < ROUTE_COUNT else OTHERS
            figures = self.routes.setdefault(route, RouteFigures())
        figures.add(access.seconds, access.outcome)
        if ended.error is not None:
            self.crashes.append(crash_of(access, ended.error, queries=self._queries))


def crash_of(access: AccessRecord, error: BaseException, *, queries: bool) -> Crash:
    """Return what is shown of a crash.

    Args:
        access: What is known of the request.
        error: What the program has failed with.
        queries: Whether the target is shown with its query.
    """
    leaves = list(islice(leaves_of(error), LEAF_COUNT))
    frames = deque(traceback.walk_tb(leaves[0].__traceback__), FRAME_COUNT)
    return Crash(
        method=access.method,
        target=shown_target(access.target, queries=queries),
        route=access.route,
        time=trio.current_time(),
        places=tuple(
            f"{type(each).__qualname__} at {source_line_of_error(each) or 'a line of the server'}"
            for each in leaves
        ),
        frames=tuple(
            f"{frame.f_code.co_filename}:{line} in {frame.f_code.co_qualname}"
            for frame, line in frames
        ),
    )


def leaves_of(error: BaseException) -> Iterator[BaseException]:
    """Yield an error, or those that a group holds."""
    if isinstance(error, BaseExceptionGroup):
        for each in error.exceptions:
            yield from leaves_of(each)
    else:
        yield error


def shown_target(target: str, *, queries: bool) -> str:
    """Return a target as it is shown: not too long, and without its query if that is hidden."""
    path, mark, query = target.partition("?")
    shown = f"{path}{mark}{query if queries else mark and '…'}"
    return shown if len(shown) <= TARGET_LENGTH else f"{shown[:TARGET_LENGTH]}…"
