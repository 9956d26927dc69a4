"""Whose turn it is to accept."""

import os
from collections.abc import Iterator

import pytest
import trio
from trio.testing import MockClock

from hump_trio.listening.accept_turns import LEAD, TURN_SECONDS, Turns, open_turns


@pytest.fixture
def shared() -> Iterator[int]:
    """Return the descriptor of places for four processes."""
    descriptor = open_turns(4)
    assert descriptor is not None
    yield descriptor
    os.close(descriptor)


@pytest.mark.parametrize(
    ("mine", "others", "waits", "welcome"),
    [
        (0, [0], False, LEAD),
        (10, [10, 30], False, LEAD),
        (10, [11 - LEAD], False, 1),
        (10, [10 - LEAD], True, 1),
        (10, [10, 0], True, 1),
        (10, [50], False, LEAD + 40),
    ],
)
async def test_who_has_fewer_is_first(
    shared: int,
    mine: int,
    others: list[int],
    waits: bool,
    welcome: int,
    autojump_clock: MockClock,
) -> None:
    """Who has more than others waits a moment, and accepts little."""
    for index, count in enumerate(others, start=1):
        await Turns(shared, index).wait(count)
    turns = Turns(shared, 0)
    before = trio.current_time()
    assert await turns.wait(mine) == welcome
    assert trio.current_time() - before == pytest.approx(TURN_SECONDS if waits else 0)


async def test_who_is_alone_waits_for_nobody(shared: int) -> None:
    """A process that accepts no more doesn't count."""
    looking = Turns(shared)
    turns = Turns(shared, 0)
    Turns(shared, 1)
    looking.leave(1)
    assert await turns.wait(1000) > 10_000


def test_indices_are_given_once(shared: int) -> None:
    """There are as many as were asked for."""
    turns = Turns(shared)
    assert turns.find_index({None}) == 0
    assert turns.find_index({0, 2, None}) == 1
    assert turns.find_index(range(4)) is None


def test_systems_without_such_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """There the quickest is first."""
    monkeypatch.delattr(os, "memfd_create")
    assert open_turns(4) is None
