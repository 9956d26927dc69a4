"""A connection cut at every call and every wait: by cancellation, by expiry, and by its peer.

Whatever is cut where: the transport is closed once, no request has two answers, nothing follows
half an answer, what was counted is given back, and the next connection is served.
"""

import logging
from itertools import count, permutations

import pytest
import trio
from trio.testing import MockClock

from hump_trio.server.connection import Connection
from hump_trio.server.phases import Phase
from hump_trio.transports.memory import MemoryTransport
from tests.support.scenarios import SCENARIOS, check_following, each_arrival, new_state
from tests.support.struck import (
    Countdown,
    Moment,
    Strike,
    TappedTransport,
    break_off,
    cancel,
    check,
    expire,
    leave,
    pass_deadline,
    serve_struck,
    shut_down,
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


@pytest.mark.parametrize(
    "strikes", list(permutations([expire, pass_deadline, leave, shut_down], 2))
)
async def test_a_connection_cut_for_two_causes_ends_well(
    strikes: tuple[Strike, Strike], autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """As for one, although both come before the task that serves it can run; nothing crashes."""

    def strike(scope: trio.CancelScope, connection: Connection, client: MemoryTransport) -> None:
        for each in strikes:
            each(scope, connection, client)

    for parts, methods in SCENARIOS.values():
        for nth in count(1):
            state, countdown = new_state(), Countdown(nth)
            tapped = await serve_struck(state, parts, "step", countdown, strike, None)
            check(tapped, methods)
            assert (state.request_count, state.buffered_bytes) == (0, 0)
            if countdown.left > 0:
                break
    assert not [each for each in caplog.records if each.levelno >= logging.ERROR]


async def test_nobody_who_was_found_gone_is_served_again(autojump_clock: MockClock) -> None:
    """The requests behind the one whose answer has just gone out are left alone."""
    sent: list[bytes] = []

    def find_gone(scope: trio.CancelScope, connection: Connection, client: MemoryTransport) -> None:
        if connection.clock.phase is Phase.SEND:
            assert isinstance(connection.transport, TappedTransport)
            sent.append(bytes(connection.transport.sent))
            connection.gone = True
            connection.clock.cancel("client-gone")

    parts, methods = SCENARIOS["three"]
    for nth in range(1, 6):
        countdown = Countdown(nth)
        tapped = await serve_struck(new_state(), parts, "after", countdown, find_gone, None)
        if sent:
            assert bytes(tapped.sent) == sent.pop()
            assert tapped.closings == ["close"]
            check(tapped, methods)
            return
    raise AssertionError("no answer was sent")
