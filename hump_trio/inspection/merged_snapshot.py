"""The snapshot of several processes as one: what each has told as JSON, added up."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from heapq import nsmallest
from itertools import chain
from operator import attrgetter
from typing import Any

from hump_trio.facts.outcomes import Outcome
from hump_trio.inspection.figures import RouteFigures, describe_routes
from hump_trio.inspection.snapshot import (
    CRASH_COUNT,
    REQUEST_COUNT,
    WORK_COUNT,
    LimitLine,
    Snapshot,
    WorkerLine,
    parse_snapshot,
    read_count,
    read_counts,
    read_text,
)

__all__ = ["Told", "describe", "line_of", "merge"]


class Told:
    """What a process has told of itself.

    Args:
        value: What `describe` has returned, by JSON.

    Attributes:
        snapshot: What its server did then.
        line: The line of the process.
        routes: What has become of the requests of each route.

    Raises:
        KeyError, TypeError, ValueError: It is of another version.
    """

    def __init__(self, value: Any) -> None:
        self.snapshot: Snapshot = parse_snapshot(value["snapshot"])
        [line] = self.snapshot.workers
        self.line: WorkerLine = line
        self.routes: dict[str, RouteFigures] = {}
        for route, outcomes, counts in value["routes"]:
            figures = self.routes.setdefault(read_text(route), RouteFigures())
            figures.include(read_counts(outcomes), [*map(read_count, counts)])


def describe(snapshot: Snapshot, routes: Mapping[str, RouteFigures]) -> Any:
    """Return what `Told` takes, but for dataclasses, which the caller makes objects of.

    Args:
        snapshot: What the server does.
        routes: What has become of the requests of each route.
    """
    return {
        "snapshot": replace(snapshot, routes=()),
        "routes": [[route, each.outcomes, each.counts] for route, each in routes.items()],
    }


def line_of(pid: int, state: str, age_seconds: float = 0.0) -> WorkerLine:
    """Return the line of a process that has told nothing of itself.

    Args:
        pid: Its number.
        state: What it does, as in `WorkerLine`.
        age_seconds: Seconds since it was started.
    """
    return WorkerLine(
        pid=pid,
        state=state,
        age_seconds=age_seconds,
        request_count=0,
        connection_count=0,
        lag_seconds=0.0,
    )


def merge(told: Iterable[Told], workers: Iterable[WorkerLine]) -> Snapshot:
    """Return the sum of what processes have told.

    Args:
        told: What each has told.
        workers: All processes, also those that have told nothing.
    """
    told = list(told)
    all_of = [each.snapshot for each in told]
    connections: Counter[str] = Counter()
    outcomes: Counter[Outcome] = Counter()
    for each in all_of:
        connections.update(each.connections)
        outcomes.update(each.outcomes)
    requests = chain.from_iterable(each.requests for each in all_of)
    crashes = chain.from_iterable(each.crashes for each in all_of)
    return Snapshot(
        workers=tuple(sorted(workers, key=attrgetter("pid"))),
        lag_seconds=max((each.lag_seconds for each in all_of), default=0.0),
        request_count=sum(each.request_count for each in all_of),
        requests=tuple(nsmallest(REQUEST_COUNT, requests, key=lambda each: -each.age_seconds)),
        connections=connections,
        connection_count=sum(each.connection_count for each in all_of),
        streams=sum(each.streams for each in all_of),
        websockets=sum(each.websockets for each in all_of),
        buffered_bytes=sum(each.buffered_bytes for each in all_of),
        outcomes=outcomes,
        limits=add_limits(chain.from_iterable(each.limits for each in all_of)),
        background=tuple(chain.from_iterable(each.background for each in all_of))[:WORK_COUNT],
        lifespan=tuple(chain.from_iterable(each.lifespan for each in all_of))[:WORK_COUNT],
        routes=describe_routes(add_routes(told)),
        crashes=tuple(nsmallest(CRASH_COUNT, crashes, key=attrgetter("age_seconds"))),
    )


def add_limits(limits: Iterable[LimitLine]) -> tuple[LimitLine, ...]:
    """Return limits, those of one name as one: each process has it."""
    found: dict[str, LimitLine] = {}
    for each in limits:
        before = found.get(each.name)
        found[each.name] = each if before is None else add_limit(before, each)
    return tuple(found.values())


def add_limit(one: LimitLine, other: LimitLine) -> LimitLine:
    """Return the sum of a limit of two processes."""
    unlimited = one.total is None or other.total is None
    return LimitLine(
        name=one.name,
        used=one.used + other.used,
        total=None if unlimited else (one.total or 0) + (other.total or 0),
        waiting=one.waiting + other.waiting,
    )


def add_routes(told: Iterable[Told]) -> Mapping[str, RouteFigures]:
    """Return the sums of what has become of each route's requests."""
    found: defaultdict[str, RouteFigures] = defaultdict(RouteFigures)
    for each in told:
        for route, figures in each.routes.items():
            found[route].include(figures.outcomes, figures.counts)
    return found
