"""A supervisor that is cancelled at each of its steps."""

import signal
from itertools import count

import trio
from trio.testing import MockClock

from tests.command.fake_process import (
    Rig,
    crash_ready,
    descriptors,
)


class StepCounter(trio.abc.Instrument):
    """Cancels a scope when tasks have come to wait so many times."""

    def __init__(self, left: int, scope: trio.CancelScope) -> None:
        self.left = left
        self._scope = scope

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        """Count."""
        self.left -= 1
        if self.left == 0:
            self._scope.cancel()


async def live(rig: Rig) -> None:
    """Go through much of what can happen."""
    await trio.sleep(3)
    rig.send(signal.SIGHUP)
    await trio.sleep(3)
    rig.send(signal.SIGTERM)


async def test_cancelled_anywhere(autojump_clock: MockClock) -> None:
    """Wherever a supervisor is cut, no process and no descriptor is left."""
    before = descriptors()
    for steps in count(1, 3):
        async with trio.open_nursery() as nursery:
            rig = Rig(nursery)
            rig.behaviours.append(crash_ready)
            with trio.CancelScope() as scope:
                counter = StepCounter(steps, scope)
                trio.lowlevel.add_instrument(counter)
                async with trio.open_nursery() as supervision:
                    supervision.start_soon(rig.supervise, 2)
                    await live(rig)
            trio.lowlevel.remove_instrument(counter)
            rig.check()
            nursery.cancel_scope.cancel()
        assert descriptors() <= before
        if counter.left > 0:
            break
    assert steps > 100
