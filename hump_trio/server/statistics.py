"""A server seen from inside: what is going on, as values and as a report for a person."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import trio

from hump_trio.facts.outcomes import Outcome
from hump_trio.server.clock import Clock
from hump_trio.server.connection import Connection
from hump_trio.server.phases import RULES, Phase
from hump_trio.server.state import ServerState
from hump_trio.tasks.task_tree import describe_tree

__all__ = ["RequestStatistics", "ServerStatistics", "collect_statistics", "describe", "report"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestStatistics:
    """A request in flight.

    Args:
        method: The method as received.
        target: The request target as received.
        route: The template of the request's route; empty if there is none.
        client: The client's address and port; None where there is none (a Unix socket).
        phase: ``"body"``, ``"handler"`` or ``"send"``; of a WebSocket, ``"open"`` or ``"closing"``.
        age_seconds: Seconds since the request's head was received.
        remaining_seconds: Seconds until the handler will be cancelled; ``math.inf`` without limit.
    """

    method: str
    target: str
    route: str
    client: tuple[str, int] | None
    phase: str
    age_seconds: float
    remaining_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerStatistics:
    """What a server does now, and has done since it was started.

    Args:
        connections: How many connections are in which phase: ``"handshake"``, ``"opened"``,
            ``"idle"``, ``"head"``, ``"streams"`` (HTTP/2, with any number of requests),
            ``"body"``, ``"handler"``, ``"send"``, ``"behind"`` (an app works behind its answer),
            ``"open"`` and ``"closing"`` (WebSockets), ``"drain"``, ``"linger"``.
        requests: The requests in flight, the oldest first.
        streams: HTTP/2 streams that are open on all connections.
        websockets: WebSockets on all connections that are open, or that a handler may open.
        buffered_bytes: Bytes of bodies that are held for handlers, and of forms in memory.
        connection_count: Connections accepted since the start.
        outcomes: How many requests have ended in which way, by the words of the access log.
    """

    connections: Mapping[str, int]
    requests: tuple[RequestStatistics, ...]
    streams: int
    websockets: int
    buffered_bytes: int
    connection_count: int
    outcomes: Mapping[Outcome, int]


def collect_statistics(
    state: ServerState, connections: Iterable[Connection], clocks: Iterable[Clock]
) -> ServerStatistics:
    """Return the statistics of a server.

    Args:
        state: What its connections share.
        connections: Those that are open.
        clocks: What bounds their requests.
    """
    requests = list(requests_of(clocks))
    return ServerStatistics(
        connections=Counter(RULES[each.clock.phase].word for each in connections),
        requests=tuple(sorted(requests, key=lambda each: -each.age_seconds)),
        streams=state.stream_count,
        websockets=state.websocket_count,
        buffered_bytes=state.buffered_bytes,
        connection_count=state.connection_count,
        outcomes=dict(state.outcomes),
    )


def requests_of(clocks: Iterable[Clock]) -> Iterator[RequestStatistics]:
    """Yield the requests in flight that some clocks bound."""
    now = trio.current_time()
    for clock in clocks:
        request = clock.request
        if request is not None:
            yield RequestStatistics(
                method=request.method,
                target=request.target,
                route=request.route,
                client=request.client,
                phase=RULES[clock.phase].word,
                age_seconds=clock.age(),
                remaining_seconds=request.deadline - now,
            )


def report(clocks: Iterable[Clock], background: trio.Nursery | None) -> str:
    """Return a report of every request in flight and of background work, with their tasks.

    Args:
        clocks: Those of the open connections, and of work behind answers.
        background: The tasks of background work; None if there can be none.
    """
    clocks = list(clocks)
    busy = [each for each in clocks if each.request is not None]
    lines = [f"{len(busy)} requests in flight"]
    for clock, request in zip(busy, requests_of(busy), strict=True):
        client = "-" if request.client is None else f"{request.client[0]}:{request.client[1]}"
        lines.append(
            f"{request.method:.40} {request.target:.200} by {request.route or 'no route'}"
            f" from {client}:"
            f" {request.phase}, {request.age_seconds:.1f} s old,"
            f" {request.remaining_seconds:.1f} s left"
        )
        lines.extend(tree_of(clock))
    tasks = background.child_tasks if background is not None else ()
    behind = [each for each in clocks if each.phase is Phase.BEHIND]
    lines.append(f"{len(tasks) + len(behind)} tasks in the background")
    for clock in behind:
        lines.append(clock.describe())
        lines.extend(tree_of(clock))
    for task in tasks:
        lines.extend(describe_tree(task, "  "))
    return "\n".join(lines)


def describe(statistics: ServerStatistics) -> str:
    """Return the counts of a server in two lines, without its requests."""
    connections, outcomes = (
        ", ".join(f"{count} {word}" for word, count in sorted(counts.items()) if count) or "none"
        for counts in (statistics.connections, statistics.outcomes)
    )
    return (
        f"connections: {connections}; {statistics.connection_count} since the start,"
        f" {statistics.streams} HTTP/2 streams, {statistics.websockets} WebSockets,"
        f" {statistics.buffered_bytes} bytes held\n"
        f"requests that have ended: {outcomes}"
    )


def tree_of(clock: Clock) -> Iterable[str]:
    """Return the lines of a clock's task, if it runs already, and of those below it."""
    return () if clock.task is None else describe_tree(clock.task, "  ")
