"""Connections that wait without a task: whatever one of them is cut by, the others are served."""

from itertools import count

import pytest
from trio.testing import MockClock

from tests.support.scenarios import SCENARIOS, new_state
from tests.support.struck import Countdown, check
from tests.support.struck_turns import STRIKES, Moment, Strike, break_off, serve_struck


@pytest.mark.parametrize("strike", STRIKES)
@pytest.mark.parametrize("name", SCENARIOS)
async def test_a_connection_cut_anywhere_harms_no_other(
    name: str, strike: Strike, autojump_clock: MockClock
) -> None:
    """Each scenario is cut at the n-th step of any lane, for every n; nothing is left of it."""
    await cut_anywhere(name, strike, "step")


@pytest.mark.parametrize("name", SCENARIOS)
async def test_a_client_that_leaves_at_any_moment_harms_no_other(
    name: str, autojump_clock: MockClock
) -> None:
    """Even in the midst of a lane's turn: it does so at the n-th call, for every n."""
    await cut_anywhere(name, break_off, "call")


async def cut_anywhere(name: str, strike: Strike, moment: Moment) -> None:
    """Serve a scenario, cut at its n-th step or call, for every n."""
    parts, methods = SCENARIOS[name]
    for nth in count(1):
        countdown = Countdown(nth)
        check(await serve_struck(new_state(), parts, moment, countdown, strike), methods)
        if countdown.left > 0:
            assert nth > 1
            break
