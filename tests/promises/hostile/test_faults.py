"""Thousands of faulty clients at a real port, and a good one beside them."""

import gc
import logging
import os
import statistics
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest
import trio

from hump_trio import HttpException, HttpParserError, Hump
from hump_trio.server.state import ServerState
from tests.support.faults import (
    ANSWERS,
    DRIBBLES,
    Abort,
    GoodClient,
    Moment,
    Target,
    dribble,
    random_abort,
    read_nothing,
)
from tests.support.loopback import PATIENCE_SECONDS, connect_to, served, wait_until

SEED = 9112
MOMENTS: tuple[Moment, ...] = ("head", "body", "handler", "answer")
# In each of two halves; all but the aborts at one time, and of these as many as fit besides
# where a process may have 1,024 descriptors, for both ends of every connection.
ABORTS_PER_MOMENT = 250
ABORTS_TOGETHER = 100
DRIBBLERS = 100
NON_READERS = 100
# How many of the others may come and leave during one answer: two rounds of those that are there.
# A client that is starved sees nearly all of a half pass.
MOST_PASSED = 2 * ABORTS_TOGETHER
# What some of them are refused for. A refusal is made once, and kept for all clients to come.
REFUSED_FOR = (
    HttpParserError(400, "the body broke off"),
    HttpException(408, "the body took too long to arrive"),
)
# What the second half may add to what the first one left: Trio keeps up to a thousand deadlines
# that are no more, of five blocks each, and a heap has gaps.
GROWTH_BLOCKS = 15_000
GROWTH_BYTES = 16 * 1024 * 1024


def held() -> Counter[str]:
    """Count tasks of this Trio run, open descriptors, and objects of the package's own types."""
    gc.collect()
    kinds = [type(each) for each in gc.get_objects()]
    own = [each.__name__ for each in kinds if str(each.__module__).startswith("hump_trio")]
    tasks = trio.lowlevel.current_statistics().tasks_living
    return Counter(own) + Counter(tasks=tasks, descriptors=len(os.listdir("/dev/fd")))


def resident_bytes() -> int:
    """Return the memory of this process; zero where the system has another way to tell."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def state_of(app: Hump) -> ServerState:
    """Return what the connections of an app that is being served share."""
    states = [each for each in gc.get_objects() if type(each) is ServerState]
    [state] = [each for each in states if each.timeouts is app.timeouts]
    return state


async def abort_all(target: Target, aborts: Iterator[Abort]) -> None:
    """Run one client that leaves after the other, from a supply that others share."""
    for abort in aborts:
        await abort.run(target)


async def misbehave(target: Target, random: Random, good: GoodClient) -> Sequence[int]:
    """Run one half of the faulty clients, until all are gone.

    Returns:
        How many others left during each of the good client's answers, while they did.
    """
    aborts = [random_abort(random, each) for each in MOMENTS * ABORTS_PER_MOMENT]
    random.shuffle(aborts)
    left = iter(aborts)
    async with good.asking(), trio.open_nursery() as slow:
        for number in range(DRIBBLERS):
            data = DRIBBLES[number % len(DRIBBLES)]
            slow.start_soon(dribble, target, data, random.uniform(0.05, 0.5))
        for number in range(NON_READERS):
            slow.start_soon(read_nothing, target, ANSWERS[number % len(ANSWERS)])
        first = len(good.passed)
        async with trio.open_nursery() as leaving:
            for _ in range(ABORTS_TOGETHER):
                leaving.start_soon(abort_all, target, left)
        return good.passed[first:]


def check_fairness(under_fire: Sequence[int], good: GoodClient) -> None:
    """Print how many others were served during the good client's answers, and bound it."""
    median, most = statistics.median(under_fire), max(good.passed)
    print(
        f"{len(good.passed)} requests, {len(under_fire)} under fire;"
        f" others that passed: median {median}, at most {most}"
    )
    assert most <= MOST_PASSED


async def test_faulty_clients_leave_nothing_behind_and_disturb_nobody(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Clients that leave at any point, dribble or read nothing cost the others nothing.

    Every request of a good client beside them is answered rightly, and in its turn. When they
    are gone, so are their connections, tasks, descriptors, handlers and answers under way; memory
    doesn't grow with their number, nothing is logged as an error, and the server ends when told
    to.
    """
    caplog.set_level(logging.ERROR, "hump_trio")
    random, target = Random(SEED), Target()
    under_fire: list[int] = []
    blocks: list[int] = []
    resident: list[int] = []
    with trio.fail_after(10 * PATIENCE_SECONDS):
        async with served(target.app), await connect_to(target.app) as stream:
            good = GoodClient(target, stream, random)
            await good.ask()
            state = state_of(target.app)
            for error in REFUSED_FOR:
                state.application.refuse(error)
            at_rest = held() + Counter(SocketTransport=1)  # the loop that accepts keeps the last
            for _ in range(2):
                under_fire += await misbehave(target, random, good)
                with suppress(trio.TooSlowError):  # the watchdog keeps the last it has looked at
                    await wait_until(lambda: held() <= at_rest)
                assert not held() - at_rest
                blocks.append(sys.getallocatedblocks())
                resident.append(resident_bytes())
            await good.ask()
            assert (state.request_count, state.buffered_bytes) == (0, 0)
    print(f"{at_rest['tasks']} tasks, {at_rest['descriptors']} descriptors, {blocks}, {resident}")
    check_fairness(under_fire, good)
    assert target.running == 0
    assert target.reasons == {"client-gone": 2 * ABORTS_PER_MOMENT}
    assert not caplog.records
    assert blocks[1] - blocks[0] < GROWTH_BLOCKS
    assert resident[1] - resident[0] < GROWTH_BYTES
