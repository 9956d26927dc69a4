"""What has become of requests: how long they took and how they ended, by route, and crashes."""

import os
import traceback
from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Generator, Iterable, Iterator, Mapping
from itertools import accumulate, islice

import trio

from hump_trio.facts.outcomes import Outcome
from hump_trio.inspection.snapshot import CRASH_COUNT, CrashLine, RouteLine, shown_text
from hump_trio.messages.access_record import AccessRecord, Ended
from hump_trio.messages.request import Request
from hump_trio.tasks.task_tree import source_line_of_error

__all__ = ["Figures", "RouteFigures", "describe_routes", "shown_target"]

# The upper ends of what is counted together, in seconds: 0.1 ms to two minutes, each a quarter
# longer than the one before. What took longer counts as the last.
BOUNDS = [0.0001 * 1.25**step for step in range(64)]
# An app has fewer routes; those of an app that makes them up as it goes are counted together.
ROUTE_COUNT = 1000
OTHERS = "(others)"
# Of a crash: a task group may fail with any number of errors, each of any depth.
LEAF_COUNT = 3
FRAME_COUNT = 20
TARGET_LENGTH = 200


class RouteFigures:
    """How the requests of one route have ended, and how long they took.

    Attributes:
        outcomes: How many have ended in which way.
        counts: How many took how long: up to each of `BOUNDS`, and longer than the one before.
    """

    __slots__ = ("counts", "outcomes")

    def __init__(self) -> None:
        self.outcomes: Counter[Outcome] = Counter()
        self.counts: list[int] = [0] * len(BOUNDS)

    def add(self, seconds: float, outcome: Outcome) -> None:
        """Count a request that is over."""
        self.outcomes[outcome] += 1
        self.counts[min(bisect_left(BOUNDS, seconds), len(BOUNDS) - 1)] += 1

    def include(self, outcomes: Mapping[Outcome, int], counts: Iterable[int]) -> None:
        """Count what another process has counted."""
        self.outcomes.update(outcomes)
        self.counts = [one + other for one, other in zip(self.counts, counts, strict=True)]

    def quantile(self, share: float) -> float:
        """Return the seconds that a share of the requests didn't exceed, a quarter too much."""
        sums = list(accumulate(self.counts))
        return BOUNDS[bisect_left(sums, share * sums[-1])]


class Figures:
    """Counts requests as they end; its `watch` is for `Hump.watch`.

    Args:
        queries: Whether targets are shown with their queries.

    Attributes:
        routes: The figures by the template of a route; empty for requests without one.
        crashes: The last ones, each with its time by `trio.current_time`.
    """

    def __init__(self, *, queries: bool) -> None:
        self._queries = queries
        self.routes: dict[str, RouteFigures] = {}
        self.crashes: deque[tuple[float, CrashLine]] = deque(maxlen=CRASH_COUNT)

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
            crash = crash_of(access, ended.error, queries=self._queries)
            self.crashes.append((trio.current_time(), crash))


def describe_routes(routes: Mapping[str, RouteFigures]) -> tuple[RouteLine, ...]:
    """Return what has become of each route's requests, the busiest first."""
    lines = (
        RouteLine(
            route=route,
            count=each.outcomes.total(),
            outcomes=dict(each.outcomes),
            p50_seconds=each.quantile(0.5),
            p99_seconds=each.quantile(0.99),
        )
        for route, each in routes.items()
    )
    return tuple(sorted(lines, key=lambda each: -each.count))


def crash_of(access: AccessRecord, error: BaseException, *, queries: bool) -> CrashLine:
    """Return what is shown of a crash, as text: it holds no frames.

    Args:
        access: What is known of the request.
        error: What the program has failed with.
        queries: Whether the target is shown with its query.
    """
    leaves = list(islice(leaves_of(error), LEAF_COUNT))
    frames = deque(traceback.walk_tb(leaves[0].__traceback__), FRAME_COUNT)
    return CrashLine(
        pid=os.getpid(),
        method=access.method,
        target=shown_target(access.target, queries=queries),
        route=access.route,
        age_seconds=0.0,
        places=tuple(map(shown_text, map(place_of, leaves))),
        frames=tuple(
            shown_text(f"{frame.f_code.co_filename}:{line} in {frame.f_code.co_qualname}")
            for frame, line in frames
        ),
    )


def place_of(error: BaseException) -> str:
    """Return the kind of an error, and the line of the program that has raised it."""
    return f"{type(error).__qualname__} at {source_line_of_error(error) or 'a line of the server'}"


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
