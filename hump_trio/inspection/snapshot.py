"""A server at one moment, as values: what it does, where that stands, and what has become of it."""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from heapq import nsmallest
from itertools import islice
from typing import Any

import trio

from hump_trio.app import Hump, server_of
from hump_trio.dispatch.router import table_of
from hump_trio.facts.callables import name_of
from hump_trio.facts.outcomes import Outcome
from hump_trio.handlers.bounds import permits_of
from hump_trio.inspection.endings import ending_of
from hump_trio.inspection.figures import Crash, Figures, shown_target
from hump_trio.messages.request import Request
from hump_trio.server.clock import Clock
from hump_trio.server.phases import RULES, Phase
from hump_trio.server.server import Server
from hump_trio.tasks.task_tree import source_lines_of, walk_tree

__all__ = [
    "LimitLine",
    "RequestLine",
    "RouteLine",
    "Snapshot",
    "TaskLine",
    "WorkLine",
    "identify",
    "take_snapshot",
    "tree_of",
]

# What is shown of each kind, so that a look takes milliseconds whatever the load.
REQUEST_COUNT = 100
WORK_COUNT = 100
TASK_COUNT = 50  # of one tree
# Tasks beside the lifespan's that are the server's own are named after their functions.
MACHINERY = ("hump_trio.server.", "hump_trio.listening.", "hump_trio.transports.")


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskLine:
    """Where a task stands.

    Args:
        depth: How deep it is below the first one of its tree.
        name: Its name.
        line: The innermost line of the program that it waits in; empty if it waits in the server.
        library: The line of a library that this has led to; empty if there is none.
        innermost: Whether no task below it stands in a line of the program, so that this line tells
            the most.
    """

    depth: int
    name: str
    line: str
    library: str
    innermost: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkLine:
    """Work that no client waits for.

    Args:
        text: What it is.
        tasks: Its task and those below it.
    """

    text: str
    tasks: tuple[TaskLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestLine:
    """A request in flight.

    Args:
        id: Names it as long as it is in flight.
        method: The method.
        target: The target, as it is shown.
        route: The template of its route; empty if it has none, or none yet.
        client: The client's address and port; empty where there is none.
        protocol: ``HTTP/1.1``, ``HTTP/2`` and so on; of a WebSocket ``WebSocket`` as well.
        phase: What is waited for, as in `RequestStatistics.phase`.
        age_seconds: Seconds since its head was received.
        sent_bytes: Bytes of its answer that were sent.
        remaining_seconds: Seconds until it is ended, if nothing else happens; None if nothing will.
        cause: What will have run out then; empty if nothing will.
        consequence: What follows then; empty if nothing will.
        tasks: Its task and those below it; empty if it needs none yet.
    """

    id: str
    method: str
    target: str
    route: str
    client: str
    protocol: str
    phase: str
    age_seconds: float
    sent_bytes: int
    remaining_seconds: float | None
    cause: str
    consequence: str
    tasks: tuple[TaskLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitLine:
    """How much of a limit is used.

    Args:
        name: The handlers that it bounds, or what else it is.
        used: How many hold a part of it.
        total: How many may.
        waiting: How many wait.
    """

    name: str
    used: int
    total: float | None
    waiting: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteLine:
    """What has become of a route's requests.

    Args:
        route: Its template; empty for requests that have none.
        count: How many have ended.
        outcomes: How many of them in which way.
        p50_seconds: Half of them took no longer, give or take a quarter.
        p99_seconds: 99 of a hundred took no longer, give or take a quarter.
    """

    route: str
    count: int
    outcomes: Mapping[Outcome, int]
    p50_seconds: float
    p99_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A server at one moment; its lists are cut where they would be too long to look at.

    Args:
        lag_seconds: How late the loop has woken who asked, at the worst of the last looks.
        request_count: Requests in flight.
        requests: The oldest of them, the oldest first.
        connections: How many connections are in which phase (see `ServerStatistics`).
        connection_count: Connections accepted since the start.
        streams: HTTP/2 streams that are open.
        websockets: WebSockets that are open.
        buffered_bytes: Bytes of bodies that are held for handlers.
        outcomes: How many requests have ended in which way since the start.
        limits: Each ``@limit``, and Trio's threads.
        background: Work of `Hump.start_soon`, and that of mounted apps behind their answers.
        lifespan: The tasks of the nurseries that the lifespan has opened.
        routes: What has become of each route's requests, the busiest first.
        crashes: The last crashes, the last one first; `Crash.time` is when, ``time`` is now.
        time: The present, by `trio.current_time`.
    """

    lag_seconds: float
    request_count: int
    requests: tuple[RequestLine, ...]
    connections: Mapping[str, int]
    connection_count: int
    streams: int
    websockets: int
    buffered_bytes: int
    outcomes: Mapping[Outcome, int]
    limits: tuple[LimitLine, ...]
    background: tuple[WorkLine, ...]
    lifespan: tuple[WorkLine, ...]
    routes: tuple[RouteLine, ...]
    crashes: tuple[Crash, ...]
    time: float


def take_snapshot(
    app: Hump[Any], figures: Figures, *, key: bytes, lag_seconds: float, queries: bool
) -> Snapshot:
    """Return what the server of an app does now.

    Args:
        app: It is being served.
        figures: What has become of its requests.
        key: See `identify`.
        lag_seconds: How late the loop was of late.
        queries: Whether targets are shown with their queries.
    """
    server = server_of(app)
    state, clocks = server.state, server.watchdog.clocks
    busy = [(clock, clock.request) for clock in clocks if clock.request is not None]
    oldest = nsmallest(REQUEST_COUNT, busy, key=lambda each: each[0].since)
    return Snapshot(
        lag_seconds=lag_seconds,
        request_count=len(busy),
        requests=tuple(
            describe_request(clock, request, key=key, queries=queries) for clock, request in oldest
        ),
        connections=Counter(RULES[each.clock.phase].word for each in server.watchdog.connections),
        connection_count=state.connection_count,
        streams=state.stream_count,
        websockets=state.websocket_count,
        buffered_bytes=state.buffered_bytes,
        outcomes=dict(state.outcomes),
        limits=tuple(limits_of(app)),
        background=tuple(islice(background_of(server, clocks), WORK_COUNT)),
        lifespan=tuple(islice(lifespan_of(server), WORK_COUNT)),
        routes=tuple(sorted(routes_of(figures), key=lambda each: -each.count)),
        crashes=tuple(reversed(figures.crashes)),
        time=trio.current_time(),
    )


def identify(clock: Clock, request: Request, key: bytes) -> str:
    """Return what names a request as long as it is in flight, and tells nothing else.

    Args:
        clock: Bounds it.
        request: Another one may be at its address later, but not of the same moment.
        key: A secret.
    """
    return blake2b(f"{id(request)} {clock.since!r}".encode(), key=key, digest_size=9).hexdigest()


def describe_request(clock: Clock, request: Request, *, key: bytes, queries: bool) -> RequestLine:
    """Return what is shown of a request; neither fields nor body.

    Args:
        clock: Bounds it.
        request: The request.
        key: See `identify`.
        queries: Whether its target is shown with its query.
    """
    end = ending_of(clock, request)
    protocol = f"HTTP/{request.http_version}"
    left_seconds = max(end.time - trio.current_time(), 0.0)
    return RequestLine(
        id=identify(clock, request, key),
        method=request.method,
        target=shown_target(request.target, queries=queries),
        route=request.route,
        client="" if request.client is None else f"{request.client[0]}:{request.client[1]}",
        protocol=protocol if request.channel is None else f"WebSocket, {protocol}",
        phase=RULES[clock.phase].word,
        age_seconds=clock.age(),
        sent_bytes=clock.peer.answer_bytes(),
        remaining_seconds=None if left_seconds == math.inf else left_seconds,
        cause=end.cause,
        consequence=end.consequence,
        tasks=tree_of(clock.task),
    )


def tree_of(task: trio.lowlevel.Task | None) -> tuple[TaskLine, ...]:
    """Return where a task stands, if there is one, and each one below it."""
    if task is None:
        return ()
    lines: list[TaskLine] = []
    told: set[int] = (
        set()
    )  # depths at which a task tells something to the one above that comes next
    for depth, each in reversed([*islice(walk_tree(task), TASK_COUNT)]):
        line, library = source_lines_of(each)
        below = depth + 1 in told
        told.discard(depth + 1)
        if line or below:
            told.add(depth)
        lines.append(
            TaskLine(depth=depth, name=each.name, line=line, library=library, innermost=not below)
        )
    return tuple(reversed(lines))


def background_of(server: Server, clocks: Iterable[Clock]) -> Iterator[WorkLine]:
    """Yield the work that no client waits for."""
    for clock in clocks:
        if clock.phase is Phase.BEHIND:
            yield WorkLine(text=clock.describe(), tasks=tree_of(clock.task))
    if server.background is not None:
        for task in server.background.child_tasks:
            yield WorkLine(text=task.name, tasks=tree_of(task))


def lifespan_of(server: Server) -> Iterator[WorkLine]:
    """Yield the tasks of nurseries that are open around the serving, but for the server's own."""
    for nursery in server.task.child_nurseries:
        if nursery is not server.background:
            for task in nursery.child_tasks:
                if not task.name.startswith(MACHINERY):
                    yield WorkLine(text=task.name, tasks=tree_of(task))


def limits_of(app: Hump[Any]) -> Iterator[LimitLine]:
    """Yield how much of each limit is used, of handlers first, in the order of their routes."""
    seen = set()
    for route in table_of(app).routes:
        for count, permits in permits_of(route.handler):
            if permits not in seen:
                seen.add(permits)
                yield LimitLine(
                    name=f"@limit of {name_of(route.handler)}",
                    used=count - permits.value,
                    total=count,
                    waiting=permits.statistics().tasks_waiting,
                )
    threads = trio.to_thread.current_default_thread_limiter().statistics()
    total = None if threads.total_tokens == math.inf else threads.total_tokens
    yield LimitLine(
        name="Trio's threads",
        used=threads.borrowed_tokens,
        total=total,
        waiting=threads.tasks_waiting,
    )


def routes_of(figures: Figures) -> Iterator[RouteLine]:
    """Yield what has become of each route's requests, in no order."""
    for route, each in figures.routes.items():
        yield RouteLine(
            route=route,
            count=each.outcomes.total(),
            outcomes=dict(each.outcomes),
            p50_seconds=each.quantile(0.5),
            p99_seconds=each.quantile(0.99),
        )
