"""What the connections of a server share: its life, its room, and what it says in each answer."""

import math

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from hump_trio import Limits, Timeouts
from hump_trio.server.connection import Connection
from hump_trio.server.life import Life
from hump_trio.server.state import ServerState
from hump_trio.transports.memory import memory_transport_pair
from tests.support.served import served


def new_state(limits: Limits | None = None, timeouts: Timeouts | None = None) -> ServerState:
    """Return the state of a server that has just been made."""
    return served(limits=limits, timeouts=timeouts)


def test_a_life_goes_forward_only() -> None:
    """It may leave states out, and never comes back to an earlier one."""
    state = new_state()
    lives = [state.life]
    for life in (Life.CLOSING, Life.SERVING, Life.DRAINING):
        state.advance(life)
        lives.append(state.life)
    assert lives == [Life.STARTING, Life.CLOSING, Life.CLOSING, Life.CLOSING]


async def test_a_state_is_waited_for(autojump_clock: MockClock) -> None:
    """Each waiter goes on once the life has come to its state, even if that was left out."""
    state = new_state()
    heard: list[Life] = []

    async def wait(life: Life) -> None:
        await state.wait_life(life)
        heard.append(life)

    async with trio.open_nursery() as nursery:
        for life in Life:
            nursery.start_soon(wait, life)
        state.advance(Life.OPENING)
        await wait_all_tasks_blocked()
        assert set(heard) <= {Life.STARTING, Life.OPENING}
        state.advance(Life.CLOSING)
        await wait_all_tasks_blocked()
        assert sorted(heard) == [each for each in Life if each <= Life.CLOSING]
        state.enter_cleanup()


async def test_cleanup_is_one_budget(autojump_clock: MockClock) -> None:
    """Its deadline is that of the first call, and it is a state of the server's life."""
    state = new_state(timeouts=Timeouts(cleanup=3))
    assert state.cleanup_deadline == math.inf
    await trio.sleep(1)
    assert state.enter_cleanup() == 4
    assert state.life is Life.CLEANUP
    await trio.sleep(1)
    assert state.enter_cleanup() == state.cleanup_deadline == 4


async def test_what_is_closed_has_the_time_of_clean_up(autojump_clock: MockClock) -> None:
    """Its own before the server's clean-up begins; what is left of that afterwards."""
    state = new_state(timeouts=Timeouts(cleanup=3))
    assert state.closing_deadline() == 3
    state.enter_cleanup()
    await trio.sleep(1)
    assert state.closing_deadline() == 3


@pytest.mark.parametrize("life", list(Life))
async def test_a_connection_learns_at_its_start_that_the_server_closes(
    life: Life, autojump_clock: MockClock
) -> None:
    """One that was in the backlog when the listeners closed has missed the news."""
    state = new_state()
    if life is Life.CLEANUP:
        state.enter_cleanup()
    state.advance(life)
    connection = Connection(memory_transport_pair()[1], state)
    assert connection.clock.closing is (Life.CLOSING if life >= Life.CLOSING else None)
