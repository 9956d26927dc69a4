"""States of servers as their live pages tell them, for tests: any that fits, and a real one."""

from typing import Any, cast, get_args, get_origin, get_type_hints, is_typeddict

from hypothesis import strategies as st

from hump_trio.command.top_state import RequestState, State, TaskState

__all__ = ["HOSTILE", "quiet_state", "request_state", "states", "task_state"]

# What a client or a program might name itself: commands of terminals, and characters of any width.
HOSTILE = (
    "\x1b[2J\x1b[31m",
    "\x9b2J",
    "\r\n\x07\x08\t",
    "\u202e\u200d",
    "\ud800",
    "茶" * 9,
    "e\u0301" * 9,
)
TEXTS = st.text(st.characters(), max_size=20) | st.sampled_from(HOSTILE)
VALUES: dict[Any, st.SearchStrategy[Any]] = {
    str: TEXTS,
    bool: st.booleans(),
    int: st.integers(-5, 10) | st.integers(-(10**17), 10**17),
    float: st.floats(-1, 1e17) | st.integers(0, 10**17),
    type(None): st.none(),
}


def values_of(hint: Any) -> st.SearchStrategy[Any]:
    """Return a strategy for JSON values of a type that a state is made of."""
    inside = get_args(hint)
    if is_typeddict(hint):
        return st.fixed_dictionaries(
            {name: values_of(each) for name, each in get_type_hints(hint).items()}
        )
    if get_origin(hint) is list:
        return st.lists(values_of(inside[0]), max_size=2)
    if get_origin(hint) is dict:
        return st.dictionaries(TEXTS, values_of(inside[1]), max_size=2)
    if inside:
        return st.one_of([values_of(each) for each in inside])
    return VALUES[hint]


def states() -> st.SearchStrategy[State]:
    """Return a strategy for any state."""
    return values_of(State)


def quiet_state(**more: Any) -> State:
    """Return the state of a server that has nothing to do.

    Args:
        more: Fields that are otherwise.
    """
    state = {
        "workers": [],
        "lag_seconds": 0.0002,
        "request_count": 0,
        "requests": [],
        "connections": {"idle": 2},
        "connection_count": 12,
        "streams": 0,
        "websockets": 0,
        "buffered_bytes": 0,
        "outcomes": {"ok": 10},
        "limits": [],
        "background": [],
        "lifespan": [],
        "routes": [],
        "crashes": [],
    }
    return cast("State", state | more)


def task_state(line: str = "/srv/shop/teas.py:7 in brew", **more: Any) -> TaskState:
    """Return where a task stands.

    Args:
        line: The line of its program.
        more: Fields that are otherwise.
    """
    task = {"depth": 0, "name": "shop.teas.brew", "line": line, "library": ""}
    return cast("TaskState", task | {"innermost": True} | more)


def request_state(target: str = "/teas/green", **more: Any) -> RequestState:
    """Return a request in flight.

    Args:
        target: Its target.
        more: Fields that are otherwise.
    """
    request = {
        "pid": 4711,
        "method": "GET",
        "target": target,
        "client": "127.0.0.1:50000",
        "protocol": "HTTP/1.1",
        "phase": "handler",
        "age_seconds": 12.3,
        "remaining_seconds": 17.7,
        "cause": "its route's time",
        "consequence": "it is answered with 503: the answer took too long",
        "tasks": [task_state()],
    }
    return cast("RequestState", request | more)
