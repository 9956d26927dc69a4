"""The watchdog: when it sweeps, when it rests, and whom it closes to make room."""

import gc
import math

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from hump_trio.server.clock import Clock
from hump_trio.server.connection import Connection
from hump_trio.server.life import Life
from hump_trio.server.phases import Phase
from hump_trio.server.watchdog import SWEEP_SECONDS, Watchdog
from hump_trio.transports.memory import memory_transport_pair
from tests.support.served import served
from tests.support.swept import Channel


def new_connections(count: int, watchdog: Watchdog) -> list[Connection]:
    """Return connections that a watchdog knows; nobody serves them."""
    state = served()
    connections = [Connection(memory_transport_pair()[1], state) for _ in range(count)]
    for connection in connections:
        watchdog.add(connection)
    return connections


def ended_in(connection: Connection) -> Phase | None:
    """Return the phase that a connection was ended in; None if it wasn't."""
    ending = connection.clock.ending
    return None if ending is None else ending.phase


async def test_it_rests_while_there_is_no_connection(autojump_clock: MockClock) -> None:
    """No timer is set then, so that a deadlocked test ends instead of spinning."""
    watchdog = Watchdog()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(watchdog.sweep)
        await wait_all_tasks_blocked()
        assert trio.lowlevel.current_statistics().seconds_to_next_deadline == math.inf
        [connection] = new_connections(1, watchdog)
        await wait_all_tasks_blocked()
        assert trio.lowlevel.current_statistics().seconds_to_next_deadline <= SWEEP_SECONDS
        watchdog.discard(connection)
        await trio.sleep(2 * SWEEP_SECONDS)
        await wait_all_tasks_blocked()
        assert trio.lowlevel.current_statistics().seconds_to_next_deadline == math.inf
        nursery.cancel_scope.cancel()


async def test_a_sweep_expires_what_is_due_and_nothing_else(autojump_clock: MockClock) -> None:
    """Within a sweep of the deadline, and once."""
    watchdog = Watchdog()
    early, late = new_connections(2, watchdog)
    early.clock.deadline, late.clock.deadline = 3, 5
    async with trio.open_nursery() as nursery:
        nursery.start_soon(watchdog.sweep)
        await trio.sleep(3 + 1.5 * SWEEP_SECONDS)
        assert (ended_in(early), ended_in(late)) == (Phase.OPENED, None)
        assert (early.clock.scope.cancel_called, late.clock.scope.cancel_called) == (True, False)
        early.clock.phase = Phase.HEAD
        await trio.sleep(SWEEP_SECONDS)
        assert ended_in(early) is Phase.OPENED
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("late", [False, True])
async def test_it_remembers_nobody_who_has_gone(late: bool, autojump_clock: MockClock) -> None:
    """A connection ends with its request and all it held, also if it was the last one looked at."""
    watchdog = Watchdog()
    [connection] = new_connections(1, watchdog)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(watchdog.sweep)
        if late:
            await wait_all_tasks_blocked()
            autojump_clock.jump(3 * SWEEP_SECONDS)  # the server has stood still
        await trio.sleep(1.5 * SWEEP_SECONDS)
        watchdog.discard(connection)
        state = connection.state
        del connection
        gc.collect()
        assert not [
            each
            for each in gc.get_objects()
            if isinstance(each, Connection) and each.state is state
        ]
        nursery.cancel_scope.cancel()


async def test_there_is_room_below_the_limit() -> None:
    """Then nothing is waited for and nobody closed."""
    watchdog = Watchdog(limit=lambda: 3)
    connections = new_connections(2, watchdog)
    for connection in connections:
        connection.clock.enter_idle()
    with trio.testing.assert_no_checkpoints():
        assert await watchdog.wait_room() == 1
    assert [ended_in(connection) for connection in connections] == [None, None]


@pytest.mark.parametrize("surplus", [0, 1])
async def test_the_connection_idle_longest_makes_room(
    surplus: int, autojump_clock: MockClock
) -> None:
    """Only it, unless more than one has to; those that are busy stay."""
    watchdog = Watchdog(limit=lambda: 4 - surplus)
    busy, second, first, third = connections = new_connections(4, watchdog)
    busy.clock.enter(Phase.HANDLER, 1000)
    for connection in (first, second, third):
        await trio.sleep(1)
        connection.clock.enter_idle()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(watchdog.wait_room)
        for leaving in (first, second)[: 1 + surplus]:
            await wait_all_tasks_blocked()
            assert ended_in(leaving) is Phase.IDLE
            assert ended_in(second) is None or surplus
            watchdog.discard(leaving)
    assert (ended_in(busy), ended_in(third)) == (None, None)
    assert len(watchdog.connections) == len(connections) - 1 - surplus


async def test_who_connects_and_says_nothing_makes_room(autojump_clock: MockClock) -> None:
    """Once a request would have come; silent connections can't keep the talking ones out."""
    watchdog = Watchdog(limit=lambda: 3)
    idle, silent = new_connections(2, watchdog)
    await trio.sleep(1)
    idle.clock.enter_idle()
    [new] = new_connections(1, watchdog)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(watchdog.wait_room)
        await wait_all_tasks_blocked()
        assert [ended_in(each) for each in (idle, silent, new)] == [None, Phase.OPENED, None]
        watchdog.discard(silent)
    assert new.clock.silent_since(trio.current_time()) is None
    await trio.sleep(new.state.timeouts.drain_idle)
    assert new.clock.silent_since(trio.current_time()) is not None


async def test_where_none_is_idle_the_first_to_become_so_makes_room(
    autojump_clock: MockClock,
) -> None:
    """Whoever waits for room needn't wait for its keep-alive to pass."""
    watchdog = Watchdog(limit=lambda: 2)
    busy, quick = new_connections(2, watchdog)
    for connection in (busy, quick):
        connection.clock.enter(Phase.HANDLER, 1000)
    async with trio.open_nursery() as attendants:
        attendants.start_soon(watchdog.sweep)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(watchdog.wait_room)
            await trio.sleep(10)
            quick.clock.enter_idle()
            await trio.sleep(2 * SWEEP_SECONDS)
            assert (ended_in(quick), ended_in(busy)) == (Phase.IDLE, None)
            watchdog.discard(quick)
        attendants.cancel_scope.cancel()


async def test_where_none_is_idle_the_first_to_end_makes_room(autojump_clock: MockClock) -> None:
    """Nobody who is being served is closed."""
    watchdog = Watchdog(limit=lambda: 2)
    busy, ending = new_connections(2, watchdog)
    async with trio.open_nursery() as nursery:
        for _ in range(2):  # every listener that waits hears of it
            nursery.start_soon(watchdog.wait_room)
        await wait_all_tasks_blocked()
        assert len(nursery.child_tasks) == 2
        watchdog.discard(ending)
    assert ended_in(busy) is None


async def test_many_are_looked_at_once_a_sweep(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many newcomers need room: each costs a look or two, not one at everybody."""
    look_count = 0
    look = Clock.silent_since

    def count(clock: Clock, now: float) -> float | None:
        nonlocal look_count
        look_count += 1
        return look(clock, now)

    monkeypatch.setattr(Clock, "silent_since", count)
    watchdog = Watchdog(limit=lambda: 1000)
    connections = new_connections(1000, watchdog)
    async with trio.open_nursery() as attendants:
        attendants.start_soon(watchdog.sweep)
        for sweep in range(3):
            for connection in connections:
                connection.clock.enter_idle()
            await trio.sleep(SWEEP_SECONDS)
            look_count = 0
            for _ in range(200):
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(watchdog.wait_room)
                    await wait_all_tasks_blocked()
                    [leaving] = [each for each in connections if each.clock.ending is not None]
                    connections.remove(leaving)
                    watchdog.discard(leaving)
                connections += new_connections(1, watchdog)
            assert look_count <= 1000 + 2 * 200, sweep
        attendants.cancel_scope.cancel()


async def test_who_was_served_meanwhile_stays(autojump_clock: MockClock) -> None:
    """The order is as old as the last sweep, but nobody is closed who isn't in its place there."""
    watchdog = Watchdog(limit=lambda: 4)
    first, second, third, fourth = new_connections(4, watchdog)
    for connection in (first, second, third, fourth):
        await trio.sleep(1)
        connection.clock.enter_idle()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(watchdog.wait_room)
        await wait_all_tasks_blocked()
        assert ended_in(first) is Phase.IDLE
        watchdog.discard(first)
    new_connections(1, watchdog)
    second.clock.enter(Phase.HANDLER, 1000)
    await trio.sleep(1)
    third.clock.enter_idle()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(watchdog.wait_room)
        await wait_all_tasks_blocked()
        assert [ended_in(each) for each in (second, third, fourth)] == [None, None, Phase.IDLE]
        watchdog.discard(fourth)


async def test_who_says_goodbye_makes_room_as_well(autojump_clock: MockClock) -> None:
    """Whatever wakes who waits for room meanwhile, no other connection is closed for it."""
    watchdog = Watchdog(limit=lambda: 2)
    first, second = new_connections(2, watchdog)
    for connection in (first, second):
        await trio.sleep(1)
        connection.clock.enter_idle()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(watchdog.wait_room)
        await wait_all_tasks_blocked()
        assert (ended_in(first), ended_in(second)) == (Phase.IDLE, None)
        first.clock.ending, first.clock.phase = None, Phase.LINGER
        watchdog.discard(*new_connections(1, watchdog))  # one that the listener had already
        await wait_all_tasks_blocked()
        assert ended_in(second) is None
        watchdog.discard(first)


async def test_each_newcomer_finds_room_among_those_just_answered(
    autojump_clock: MockClock,
) -> None:
    """However many come between two sweeps; those that were silent before make room first."""
    watchdog = Watchdog(limit=lambda: 4)
    connections = new_connections(4, watchdog)
    idle, *answered = connections
    idle.clock.enter_idle()
    await trio.sleep(1)
    for connection in answered:
        connection.clock.enter_answered()
    leaving: list[Connection] = []
    for _ in connections:
        await trio.sleep(0.01)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(watchdog.wait_room)
            await wait_all_tasks_blocked()
            [gone] = [each for each in connections if each not in leaving and ended_in(each)]
            leaving.append(gone)
            watchdog.discard(gone)
        new_connections(1, watchdog)
    assert leaving[0] is idle
    assert {ended_in(each) for each in answered} == {Phase.ANSWERED}


async def test_one_is_closed_for_one_that_comes(autojump_clock: MockClock) -> None:
    """Also if it takes a while to go, and others end meanwhile or sweeps pass."""
    watchdog = Watchdog(limit=lambda: 3)
    connections = new_connections(4, watchdog)
    for connection in connections:
        connection.clock.enter_idle()
    busy = connections.pop()
    busy.clock.enter(Phase.HANDLER, 1000)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(watchdog.wait_room)
        await wait_all_tasks_blocked()
        assert sum(each.clock.ending is not None for each in connections) == 2
        watchdog.discard(busy)
        await wait_all_tasks_blocked()
        assert sum(each.clock.ending is not None for each in connections) == 2
        for connection in connections:
            watchdog.discard(connection)


async def test_files_take_the_place_of_idle_connections(autojump_clock: MockClock) -> None:
    """Within a sweep: there is room for further files then, and nobody has to ask for it."""
    limit = 5
    watchdog = Watchdog(limit=lambda: limit)
    busy, *idle = new_connections(5, watchdog)
    busy.clock.enter(Phase.HANDLER, 1000)
    for connection in idle:
        await trio.sleep(0.01)
        connection.clock.enter_idle()
    async with trio.open_nursery() as attendants:
        attendants.start_soon(watchdog.sweep)
        await trio.sleep(1.5 * SWEEP_SECONDS)
        assert not any(ended_in(each) for each in idle)
        limit = 3
        await trio.sleep(SWEEP_SECONDS)
        assert [each.clock.ending is not None for each in idle] == [True, True, False, False]
        limit = 1
        await trio.sleep(SWEEP_SECONDS)
        assert [ended_in(busy), *[bool(ended_in(each)) for each in idle]] == [None, *[True] * 4]
        attendants.cancel_scope.cancel()


@pytest.mark.parametrize("ends", [True, False])
async def test_room_that_only_the_system_knows_of(ends: bool, autojump_clock: MockClock) -> None:
    """Where there is no descriptor left, below the limit too, the same one makes room."""
    watchdog = Watchdog()
    second, first = new_connections(2, watchdog)
    for connection in (first, second):
        await trio.sleep(1)
        connection.clock.enter_idle()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(watchdog.make_room, 5)
        await wait_all_tasks_blocked()
        assert (ended_in(first), ended_in(second)) == (Phase.IDLE, None)
        if ends:
            watchdog.discard(first)
    assert trio.current_time() == (2 if ends else 7)


async def test_draining_shortens_the_wait_of_silent_connections_alone(
    autojump_clock: MockClock,
) -> None:
    """And never lengthens it."""
    watchdog = Watchdog()
    opened, idle, soon, busy = new_connections(4, watchdog)
    idle.clock.enter_idle()
    soon.clock.enter(Phase.IDLE, 0.1)
    busy.clock.enter(Phase.HANDLER, 30)
    watchdog.drain()
    assert [each.clock.deadline for each in (opened, idle, soon, busy)] == [0.25, 0.25, 0.1, 30]
    assert all(each.clock.closing is Life.CLOSING for each in (opened, idle, soon, busy))


# WebSockets


def open_channels(count: int, watchdog: Watchdog) -> list[Channel]:
    """Return the channels of connections whose WebSockets are open."""
    channels = [Channel() for _ in range(count)]
    for connection, channel in zip(new_connections(count, watchdog), channels, strict=True):
        connection.clock.enter_open(channel)
    return channels


async def test_a_websocket_keeps_its_own_time(autojump_clock: MockClock) -> None:
    """A sweep asks it as often as it wants, and tells it when the server stood still."""
    watchdog = Watchdog()
    [channel] = open_channels(1, watchdog)
    [connection] = watchdog.connections
    async with trio.open_nursery() as nursery:
        nursery.start_soon(watchdog.sweep)
        await trio.sleep(3.5 * SWEEP_SECONDS)
        assert len(channel.sweeps) == 3
        connection.clock.deadline = trio.current_time() + 10
        await trio.sleep(10 - SWEEP_SECONDS)
        assert len(channel.sweeps) == 3
        await trio.sleep(2 * SWEEP_SECONDS)
        assert len(channel.sweeps) > 3
        await wait_all_tasks_blocked()
        autojump_clock.jump(20)
        await wait_all_tasks_blocked()
        assert channel.given_back == [pytest.approx(20, abs=SWEEP_SECONDS)]
        nursery.cancel_scope.cancel()


async def test_the_time_for_closing_a_websocket_is_its_phases(autojump_clock: MockClock) -> None:
    """It isn't asked then, and is ended once."""
    watchdog = Watchdog()
    [channel] = open_channels(1, watchdog)
    [connection] = watchdog.connections
    connection.clock.enter(Phase.CLOSING, 5)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(watchdog.sweep)
        await trio.sleep(5 - SWEEP_SECONDS)
        assert ended_in(connection) is None
        await trio.sleep(3 * SWEEP_SECONDS)
        assert ended_in(connection) is Phase.CLOSING
        assert connection.clock.scope.cancel_called
        assert channel.sweeps == []
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("count", [3, 1000, 1001])
async def test_the_ends_of_many_websockets_are_spread(
    count: int, autojump_clock: MockClock
) -> None:
    """At a shutdown all are told at once; more than a thousand end one after the other."""
    watchdog = Watchdog()
    channels = open_channels(count, watchdog)
    new_connections(1, watchdog)
    now = trio.current_time()
    watchdog.drain(5)
    deadlines = sorted(deadline for channel in channels for deadline in channel.drained)
    assert len(deadlines) == count
    assert deadlines[0] == now
    if count > 1000:
        assert now + 4.9 < deadlines[-1] < now + 5
        assert len(set(deadlines)) == count
    else:
        assert deadlines[-1] == now
