"""The state of a server, as its live page answers with it in JSON."""

import json
from functools import cache
from typing import (
    Any,
    TypedDict,
    cast,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

from hump_trio.facts.exceptions import HumpError

__all__ = ["RequestState", "State", "StateError", "TaskState", "WorkState", "parse_state"]

# Numbers beyond this are none that a server has counted or measured, and may be too large to show.
LARGEST = 1e18


class StateError(HumpError):
    """A server can't be reached, or doesn't answer with the state of a live page."""


class TaskState(TypedDict):
    """Where a task stands: see `hump_trio.inspection.snapshot.TaskLine`."""

    depth: int
    name: str
    line: str
    library: str
    innermost: bool


class WorkState(TypedDict):
    """Work that no client waits for."""

    text: str
    tasks: list[TaskState]


class RequestState(TypedDict):
    """A request in flight."""

    pid: int
    method: str
    target: str
    client: str
    protocol: str
    phase: str
    age_seconds: float
    remaining_seconds: float | None
    cause: str
    consequence: str
    tasks: list[TaskState]


class LimitState(TypedDict):
    """How much of a limit is used."""

    name: str
    used: int
    total: float | None
    waiting: int


class RouteState(TypedDict):
    """What has become of a route's requests."""

    route: str
    count: int
    outcomes: dict[str, int]
    p50_seconds: float
    p99_seconds: float


class CrashState(TypedDict):
    """What the program has failed with."""

    method: str
    target: str
    age_seconds: float
    places: list[str]


class WorkerState(TypedDict):
    """A process."""

    pid: int
    state: str
    age_seconds: float
    request_count: int
    connection_count: int
    lag_seconds: float


class State(TypedDict):
    """What is shown of a server: see `hump_trio.inspection.snapshot.Snapshot`."""

    workers: list[WorkerState]
    lag_seconds: float
    request_count: int
    requests: list[RequestState]
    connections: dict[str, int]
    connection_count: int
    streams: int
    websockets: int
    buffered_bytes: int
    outcomes: dict[str, int]
    limits: list[LimitState]
    background: list[WorkState]
    lifespan: list[WorkState]
    routes: list[RouteState]
    crashes: list[CrashState]


def parse_state(text: bytes) -> State:
    """Return the state that a JSON text holds.

    Raises:
        StateError: It holds none.
    """
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise StateError("something else than JSON") from error
    if not fits(value, State):
        raise StateError("JSON that is no live page's state, or that of another version")
    return cast("State", pruned(value, State))


@cache
def hints_of(hint: Any) -> dict[str, Any]:
    """Return what the fields of a type are."""
    return get_type_hints(hint)


def pruned(value: Any, hint: Any) -> Any:
    """Return a JSON value that fits a type, without what else its objects have, however deep."""
    if is_typeddict(hint):
        return {name: pruned(value[name], each) for name, each in hints_of(hint).items()}
    if get_origin(hint) is list:
        return [pruned(each, get_args(hint)[0]) for each in value]
    return value


def fits(value: Any, hint: Any) -> bool:
    """Tell whether a JSON value is of a type: one of the classes above, or what they are made of.

    A float may be written as a whole number, and an object may have more than its class says.
    """
    if is_typeddict(hint):
        return isinstance(value, dict) and all(
            name in value and fits(value[name], each) for name, each in hints_of(hint).items()
        )
    inside = get_args(hint)
    if get_origin(hint) is list:
        return isinstance(value, list) and all(fits(each, inside[0]) for each in value)
    if get_origin(hint) is dict:
        return isinstance(value, dict) and all(fits(each, inside[1]) for each in value.values())
    if inside:
        return any(fits(value, each) for each in inside)
    if hint in (int, float):
        kinds = int if hint is int else int | float
        return isinstance(value, kinds) and abs(value) < LARGEST
    return isinstance(value, hint)
