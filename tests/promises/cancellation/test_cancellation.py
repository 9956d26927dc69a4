"""A connection cut at every call and every wait: by cancellation, by expiry, and by its peer.

Whatever is cut where: the transport is closed once, no request has two answers, nothing follows
half an answer, what was counted is given back, and the next connection is served.
"""

from itertools import count

import pytest
from trio.testing import MockClock

from tests.support.scenarios import SCENARIOS, check_following, each_arrival, new_state
from tests.support.struck import (
    Countdown,
    Moment,
    Strike,
    break_off,
    cancel,
    check,
    expire,
    serve_struck,
)


@each_arrival
@pytest.mark.parametrize("moment", ["before", "after", "step"])
@pytest.mark.parametrize("strike", [cancel, expire, break_off])
@pytest.mark.parametrize("name", SCENARIOS)
async def test_a_connection_cut_anywhere_ends_well(
    name: str,
    strike: Strike,
    moment: Moment,
    receive_bytes: int | None,
    autojump_clock: MockClock,
) -> None:
    """See this module; each scenario is cut at its n-th call or wait, for every n."""
    parts, methods = SCENARIOS[name]
    state = new_state()
    for nth in count(1):
        countdown = Countdown(nth)
        tapped = await serve_struck(state, parts, moment, countdown, strike, receive_bytes)
        check(tapped, methods)
        assert [answer.status for answer in await check_following(state)] == [200]
        if countdown.left > 0:
            assert nth > 1  # over TCP a single request is read without a wait
            break
