"""A server at one moment, as values: what it does, where that stands, and what has become of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, is_dataclass
from functools import cache
from typing import Any, get_args, get_origin, get_type_hints

from hump_trio.facts.outcomes import Outcome

__all__ = [
    "CRASH_COUNT",
    "REQUEST_COUNT",
    "WORK_COUNT",
    "CrashLine",
    "LimitLine",
    "RequestLine",
    "RouteLine",
    "Snapshot",
    "TaskLine",
    "WorkLine",
    "WorkerLine",
    "parse_snapshot",
    "read_count",
    "read_counts",
    "read_text",
    "shown_text",
]

# What is shown of each kind at the most, so that a look takes milliseconds whatever the load.
REQUEST_COUNT = 100
WORK_COUNT = 100
CRASH_COUNT = 20
TEXT_LENGTH = 1000  # characters of one text
# Numbers beyond this are none that a server has counted or measured, and may be too large to show.
LARGEST = 1e18


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
        pid: The number of its process.
        text: What it is.
        tasks: Its task and those below it.
    """

    pid: int
    text: str
    tasks: tuple[TaskLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestLine:
    """A request in flight.

    Args:
        id: Names it as long as it is in flight, also among those of other processes.
        pid: The number of its process.
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
    pid: int
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
        p50_seconds: Half of them took no longer; it is up to a quarter too much.
        p99_seconds: 99 of a hundred took no longer; it is up to a quarter too much.
    """

    route: str
    count: int
    outcomes: Mapping[Outcome, int]
    p50_seconds: float
    p99_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CrashLine:
    """What the program has failed with; no message, which may quote what the client has sent.

    Args:
        pid: The number of its process.
        method: The method of the request.
        target: Its target, as it is shown.
        route: The template of its route; empty if it has none.
        age_seconds: Seconds since then.
        places: The kind of each error, and the line of the program that has raised it.
        frames: The innermost frames of the first error, from the outermost to the innermost.
    """

    pid: int
    method: str
    target: str
    route: str
    age_seconds: float
    places: tuple[str, ...]
    frames: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerLine:
    """A process that serves.

    Args:
        pid: Its number; 0 before it is started.
        state: ``"serving"``; ``"starting"`` before that, ``"ending"`` once it was asked to end;
            ``"silent"`` if it doesn't answer: the rest is then what it has told last.
        age_seconds: Seconds since it was started.
        request_count: Requests in flight.
        connection_count: Open connections.
        lag_seconds: How late its loop has woken who asked, at the worst of the last looks.
    """

    pid: int
    state: str
    age_seconds: float
    request_count: int
    connection_count: int
    lag_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A server at one moment; its lists are cut where they would be too long to look at.

    Args:
        workers: Its processes, by their numbers: one, or all that a supervisor has.
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
        crashes: The last crashes, the last one first.
    """

    workers: tuple[WorkerLine, ...]
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
    crashes: tuple[CrashLine, ...]


def shown_text(text: str) -> str:
    """Return a text that programs or clients have named something by, as it is shown.

    It is not too long, and has a form in UTF-8: a client's JSON may hold half of a surrogate pair.
    """
    if len(text) > TEXT_LENGTH:
        text = f"{text[:TEXT_LENGTH]}…"
    return text if text.isascii() else text.encode(errors="backslashreplace").decode()


def parse_snapshot(value: Any) -> Snapshot:
    """Return a snapshot that was sent as a value of JSON; an object may have more than it needs.

    Raises:
        KeyError, TypeError: It is of another version.
    """
    snapshot: Snapshot = reader_of(Snapshot)(value)
    return snapshot


def read_text(value: Any) -> str:
    """Return a text that is a value of JSON; otherwise raise a `TypeError`, as all readers do."""
    if not isinstance(value, str):
        raise TypeError(f"not a text: {value!r:.80}")
    return shown_text(value)


def read_flag(value: Any) -> bool:
    """Return a bool."""
    if not isinstance(value, bool):
        raise TypeError(f"neither true nor false: {value!r:.80}")
    return value


def read_count(value: Any) -> int:
    """Return a number of things."""
    if type(value) is not int or not 0 <= value < LARGEST:
        raise TypeError(f"not a number of things: {value!r:.80}")
    return value


def read_number(value: Any) -> float:
    """Return a number."""
    if type(value) not in (int, float) or not abs(value) < LARGEST:
        raise TypeError(f"not a number that was measured: {value!r:.80}")
    return float(value)


def read_number_if_any(value: Any) -> float | None:
    """Return a number, or None."""
    return None if value is None else read_number(value)


def read_counts(value: Any) -> dict[Any, int]:
    """Return numbers of things by words."""
    return {shown_text(word): read_count(count) for word, count in dict(value).items()}


READERS: dict[Any, Callable[[Any], Any]] = {
    str: read_text,
    bool: read_flag,
    int: read_count,
    float: read_number,
    float | None: read_number_if_any,
    Mapping[str, int]: read_counts,
    Mapping[Outcome, int]: read_counts,
}


@cache
def reader_of(hint: Any) -> Callable[[Any], Any]:
    """Return what makes a value of a type of a value of JSON.

    Args:
        hint: One of the classes above, or what they are made of.
    """
    if get_origin(hint) is tuple:
        read = reader_of(get_args(hint)[0])
        return lambda value: tuple(map(read, list(value)))
    if isinstance(hint, type) and is_dataclass(hint):
        readers = [(name, reader_of(each)) for name, each in get_type_hints(hint).items()]
        return lambda value: hint(**{name: read(value[name]) for name, read in readers})
    return READERS[hint]
