"""The state that `hump-trio top` reads: what fits, and what is refused."""

import json
from typing import Any

import pytest
from hypothesis import given

from hump_trio.command.top_state import State, StateError, parse_state
from tests.support.states import quiet_state, request_state, states


@given(states())
def test_what_fits_is_returned(state: State) -> None:
    """Whatever its texts and numbers are; and more than is known here may be there, if only deep.

    That is left out: to show it would take more of Python's stack than to read it.
    """
    text = json.dumps(state)[:-1] + f', "more": {"[" * 400}{"]" * 400}}}'
    assert parse_state(text.encode()) == state


@pytest.mark.parametrize(
    "text",
    [b"", b"<!doctype html>", b"\xff\xfe\xfd", b"[" * 100_000, b'{"requests": 1' + b"0" * 5000],
    ids=["nothing", "HTML", "binary", "deep", "large"],
)
def test_what_is_no_json(text: bytes) -> None:
    """One error, whatever Python's own parser thinks of it."""
    with pytest.raises(StateError, match="something else than JSON"):
        parse_state(text)


@pytest.mark.parametrize(
    "value",
    [
        [],
        {},
        "state",
        {"status": "ok"},
        quiet_state(request_count=None),
        quiet_state(request_count=0.5),
        quiet_state(lag_seconds="0"),
        quiet_state(lag_seconds=float("nan")),
        quiet_state(lag_seconds=float("inf")),
        quiet_state(request_count=10**400),
        quiet_state(requests={}),
        quiet_state(requests=[None]),
        quiet_state(requests=[{**request_state(), "remaining_seconds": "never"}]),
        quiet_state(requests=[{**request_state(), "tasks": [{"depth": 1}]}]),
        quiet_state(outcomes=[]),
        quiet_state(outcomes={"ok": "many"}),
    ],
    ids=str,
)
def test_what_is_no_state(value: Any) -> None:
    """Whatever is missing or of another kind; numbers are such as can be shown."""
    with pytest.raises(StateError, match="JSON that is no live page's state, or that of another"):
        parse_state(json.dumps(value).encode())
