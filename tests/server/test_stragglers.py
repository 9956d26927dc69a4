"""Apps that have answered and not returned get a little time, and no more."""

import trio
from trio.testing import MockClock

from hump_trio.server.stragglers import GRACE_SECONDS, Stragglers
from tests.support.served import served


class Late:
    """What is moved on, and when it was."""

    def __init__(self) -> None:
        self.moved: list[float] = []

    def move_on(self) -> None:
        """Note the time."""
        self.moved.append(trio.current_time())


async def test_each_has_its_time(autojump_clock: MockClock) -> None:
    """One that comes later isn't moved on with those before it; one task serves all of them."""
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
        [moved] = first.moved
        [moved_later] = second.moved
        assert moved == GRACE_SECONDS
        assert moved_later >= GRACE_SECONDS * 1.5
        added = trio.current_time()
        stragglers.add(third)
        assert len(nursery.child_tasks) == 1
        await trio.sleep(GRACE_SECONDS * 10)
        assert third.moved == [added + GRACE_SECONDS]
        nursery.cancel_scope.cancel()
    stragglers.add(third)  # whoever is late changes nothing
