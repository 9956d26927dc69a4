"""What the server of an app in this process does now, as a `Snapshot`."""

import math
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from hashlib import blake2b
from heapq import nsmallest
from itertools import islice
from typing import Any

import trio

from hump_trio.app import Hump, server_of
from hump_trio.dispatch.router import table_of
from hump_trio.facts.callables import name_of
from hump_trio.handlers.bounds import permits_of
from hump_trio.inspection.endings import ending_of
from hump_trio.inspection.figures import Figures, describe_routes, shown_target
from hump_trio.inspection.snapshot import (
    REQUEST_COUNT,
    WORK_COUNT,
    CrashLine,
    LimitLine,
    RequestLine,
    Snapshot,
    TaskLine,
    WorkerLine,
    WorkLine,
    shown_text,
)
from hump_trio.messages.request import Request
from hump_trio.server.clock import Clock
from hump_trio.server.phases import RULES, Phase
from hump_trio.server.server import Server
from hump_trio.tasks.task_tree import source_lines_of, walk_tree

__all__ = ["identify", "take_snapshot", "tree_of"]

# What is shown of one tree, and of all trees of a kind together unless that leaves each too few:
# a look keeps the loop for some 15 microseconds a task.
TASK_COUNT = 50
ALL_TASKS_COUNT = 500
LEAST_COUNT = 5
# Tasks beside the lifespan's that are the server's own are named after their functions.
MACHINERY = (
    "hump_trio.command.",
    "hump_trio.listening.",
    "hump_trio.server.",
    "hump_trio.transports.",
)


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
    share = share_of(len(oldest))
    worker = WorkerLine(
        pid=os.getpid(),
        state="ending" if server.draining else "serving",
        age_seconds=trio.current_time() - server.started,
        request_count=len(busy),
        connection_count=len(server.watchdog.connections),
        lag_seconds=lag_seconds,
    )
    return Snapshot(
        workers=(worker,),
        lag_seconds=lag_seconds,
        request_count=len(busy),
        requests=tuple(
            describe_request(clock, request, key=key, queries=queries, task_count=share)
            for clock, request in oldest
        ),
        connections=Counter(RULES[each.clock.phase].word for each in server.watchdog.connections),
        connection_count=state.connection_count,
        streams=state.stream_count,
        websockets=state.websocket_count,
        buffered_bytes=state.buffered_bytes,
        outcomes=dict(state.outcomes),
        limits=tuple(limits_of(app)),
        background=describe_work(background_of(server, clocks)),
        lifespan=describe_work(lifespan_of(server)),
        routes=describe_routes(figures.routes),
        crashes=tuple(crashes_of(figures)),
    )


def identify(clock: Clock, request: Request, key: bytes) -> str:
    """Return what names a request as long as it is in flight, and tells nothing else.

    Args:
        clock: Bounds it.
        request: Another one may be at its address later, but not of the same moment.
        key: A secret.
    """
    return blake2b(f"{id(request)} {clock.since!r}".encode(), key=key, digest_size=9).hexdigest()


def share_of(trees: int) -> int:
    """Return how many tasks of each of so many trees are shown."""
    return min(max(ALL_TASKS_COUNT // max(trees, 1), LEAST_COUNT), TASK_COUNT)


def describe_request(
    clock: Clock, request: Request, *, key: bytes, queries: bool, task_count: int
) -> RequestLine:
    """Return what is shown of a request; neither fields nor body.

    Args:
        clock: Bounds it.
        request: The request.
        key: See `identify`.
        queries: Whether its target is shown with its query.
        task_count: How many of its tasks are shown.
    """
    end = ending_of(clock, request)
    protocol = f"HTTP/{request.http_version}"
    left_seconds = max(end.time - trio.current_time(), 0.0)
    return RequestLine(
        id=identify(clock, request, key),
        pid=os.getpid(),
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
        tasks=tree_of(clock.task, task_count),
    )


def tree_of(task: trio.lowlevel.Task | None, count: int) -> tuple[TaskLine, ...]:
    """Return where a task stands, if there is one, and so many of its tree with it."""
    if task is None:
        return ()
    lines: list[TaskLine] = []
    told: set[int] = (
        set()
    )  # depths at which a task tells something to the one above that comes next
    for depth, each in reversed([*islice(walk_tree(task), count)]):
        line, library = source_lines_of(each)
        below = depth + 1 in told
        told.discard(depth + 1)
        if line or below:
            told.add(depth)
        lines.append(
            TaskLine(
                depth=depth,
                name=shown_text(each.name),
                line=shown_text(line),
                library=shown_text(library),
                innermost=not below,
            )
        )
    return tuple(reversed(lines))


def describe_work(
    work: Iterable[tuple[str, trio.lowlevel.Task | None]],
) -> tuple[WorkLine, ...]:
    """Return what is shown of work, given what each is and the task that does it."""
    shown = [*islice(work, WORK_COUNT)]
    share = share_of(len(shown))
    return tuple(
        WorkLine(pid=os.getpid(), text=shown_text(text), tasks=tree_of(task, share))
        for text, task in shown
    )


def background_of(
    server: Server, clocks: Iterable[Clock]
) -> Iterator[tuple[str, trio.lowlevel.Task | None]]:
    """Yield the work that no client waits for: what it is, and its task."""
    for clock in clocks:
        if clock.phase is Phase.BEHIND:
            yield clock.describe(), clock.task
    if server.background is not None:
        for task in server.background.child_tasks:
            yield task.name, task


def lifespan_of(server: Server) -> Iterator[tuple[str, trio.lowlevel.Task]]:
    """Yield the tasks of nurseries that are open around the serving, but for the server's own."""
    for nursery in server.task.child_nurseries:
        if nursery is not server.background:
            for task in nursery.child_tasks:
                if not task.name.startswith(MACHINERY):
                    yield task.name, task


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


def crashes_of(figures: Figures) -> Iterator[CrashLine]:
    """Yield the last crashes, the last one first."""
    for time, crash in reversed(figures.crashes):
        yield replace(crash, age_seconds=trio.current_time() - time)
