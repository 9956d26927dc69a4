"""Apps that have answered and not returned get a little time, and no more."""

from weakref import ref

import trio
from trio.testing import MockClock

from hump_trio import Limits
from hump_trio.server.stragglers import GRACE_SECONDS, Stragglers
from tests.support.served import served


class Late:
    """What is detached, and when it was."""

    def __init__(self) -> None:
        self.detached: list[float] = []
        self.over: bool = False

    def detach(self) -> None:
        """Note the time."""
        self.detached.append(trio.current_time())


async def test_each_has_its_time(autojump_clock: MockClock) -> None:
    """One that comes later isn't detached with those before it; one task serves all of them."""
    async with trio.open_nursery() as nursery:
        state = served()
        state.start_attendant = nursery.start_soon
        stragglers = state.shared(Stragglers)
        assert not nursery.child_tasks
        first, second, third = Late(), Late(), Late()
        stragglers.add(first)
        await trio.sleep(GRACE_SECONDS / 2)
        stragglers.add(second)
        await trio.sleep(GRACE_SECONDS * 10)
        [moved] = first.detached
        [moved_later] = second.detached
        assert moved == GRACE_SECONDS
        assert moved_later >= GRACE_SECONDS * 1.5
        added = trio.current_time()
        stragglers.add(third)
        assert len(nursery.child_tasks) == 1
        await trio.sleep(GRACE_SECONDS * 10)
        assert third.detached == [added + GRACE_SECONDS]
        nursery.cancel_scope.cancel()
    stragglers.add(third)  # whoever is late changes nothing


async def test_so_many_are_moved_on(autojump_clock: MockClock) -> None:
    """A further one is when another has returned, or never if it has returned by itself."""
    async with trio.open_nursery() as nursery:
        state = served(limits=Limits(connections=2))
        state.start_attendant = nursery.start_soon
        stragglers = state.shared(Stragglers)
        each = [Late() for _ in range(6)]
        each[0].over = True
        for late in each[:5]:
            stragglers.add(late)
        await trio.sleep(1)
        assert [bool(late.detached) for late in each] == [False, True, True, False, False, False]
        each[3].over = True
        stragglers.add(each[5])
        await trio.sleep(1)
        stragglers.leave()
        assert [late.detached for late in each[3:]] == [[], [2], []]
        stragglers.leave()
        stragglers.leave()
        assert each[5].detached == [2]
        nursery.cancel_scope.cancel()


async def test_who_has_returned_is_forgotten(autojump_clock: MockClock) -> None:
    """Before its time begins to pass and within it: a busy server leaves nothing to collect."""
    async with trio.open_nursery() as nursery:
        state = served()
        state.start_attendant = nursery.start_soon
        stragglers = state.shared(Stragglers)
        late = Late()
        forgotten = ref(late)
        for seconds in (0, GRACE_SECONDS / 2):
            stragglers.add(late)
            await trio.sleep(seconds)
            stragglers.drop(late)
        await trio.sleep(GRACE_SECONDS / 10)
        assert late.detached == []
        del late
        assert forgotten() is None
        nursery.cancel_scope.cancel()
