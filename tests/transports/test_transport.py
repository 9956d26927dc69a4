"""The contract of transports: what the next bytes wake, and what every transport does alike."""

from collections.abc import Awaitable, Callable
from typing import TypeAlias

import pytest
import trio
from trio.testing import assert_checkpoints, wait_all_tasks_blocked

from hump_trio.transports.transport import (
    RECEIVE_BYTES,
    Arrivals,
    ConflictDetector,
    check_max_bytes,
    send_whole,
)

Wait: TypeAlias = Callable[[Arrivals], Awaitable[None]]


class Waiters:
    """Tasks that wait for arrivals in the lines that `Arrivals` shows.

    Attributes:
        woken: The names of those that went on, in order.
    """

    def __init__(self, arrivals: Arrivals) -> None:
        self.woken: list[str] = []
        self._arrivals = arrivals

    async def wait(self, name: str) -> None:
        """Wait once."""
        self._arrivals.task = trio.lowlevel.current_task()
        await trio.lowlevel.wait_task_rescheduled(self._arrivals.abort_wait)
        self.woken.append(name)


async def test_a_task_waits_by_itself() -> None:
    """A task that is parked in the lines of the docstring is woken once, and nobody else then."""
    arrivals = Arrivals()
    waiters = Waiters(arrivals)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(waiters.wait, "leader")
        await wait_all_tasks_blocked()
        arrivals.wake()
        arrivals.wake()
        assert arrivals.task is None
    assert waiters.woken == ["leader"]


async def test_one_of_several_tasks_is_woken() -> None:
    """Tasks that serve a connection together decide which of them the next bytes wake."""
    arrivals = Arrivals()
    waiters = Waiters(arrivals)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(waiters.wait, "first")
        await wait_all_tasks_blocked()
        first, arrivals.task = arrivals.task, None
        nursery.start_soon(waiters.wait, "second")
        await wait_all_tasks_blocked()
        second, arrivals.task = arrivals.task, first
        arrivals.wake()
        await wait_all_tasks_blocked()
        assert waiters.woken == ["first"]
        arrivals.task = second
        arrivals.wake()
    assert waiters.woken == ["first", "second"]


async def test_a_cancelled_wait_leaves_nobody_to_wake() -> None:
    """Whichever way it waited, an arrival that comes afterwards wakes no task."""
    arrivals = Arrivals()
    for wait in (arrivals.wait, lambda: Waiters(arrivals).wait("cancelled")):
        with trio.move_on_after(0) as scope:
            await wait()
        assert scope.cancelled_caught
        assert arrivals.task is None
        arrivals.wake()


@pytest.mark.parametrize("first", [Arrivals.wait, Arrivals.pause])
@pytest.mark.parametrize("second", [Arrivals.wait, Arrivals.pause])
async def test_one_task_at_a_time_receives(first: Wait, second: Wait) -> None:
    """A second one gets an error, whether the first one waits or is about to read."""
    arrivals = Arrivals()
    refused: list[Wait] = []

    async def receive(wait: Wait) -> None:
        try:
            await wait(arrivals)
        except trio.BusyResourceError:
            refused.append(wait)
            arrivals.wake()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(receive, first)
        nursery.start_soon(receive, second)
    assert len(refused) == 1
    await arrivals.pause()


def test_a_conflict_is_an_error() -> None:
    """One task is let through at a time, and the next one after it, though it has failed."""
    detector = ConflictDetector()
    with pytest.raises(ValueError, match="mine"), detector:  # noqa: PT012
        assert detector.taken
        with pytest.raises(trio.BusyResourceError), detector:
            pytest.fail("let through")
        assert detector.taken
        raise ValueError("mine")
    assert not detector.taken
    with detector:
        pass


class Taker:
    """Takes what it is told to.

    Args:
        counts: How many bytes are taken by each call.
    """

    def __init__(self, *counts: int) -> None:
        self.taken: list[bytes] = []
        self.waits: int = 0
        self._counts = iter(counts)

    def send_nowait(self, data: memoryview) -> int:
        """Take some."""
        part = bytes(data[: next(self._counts)])
        self.taken.append(part)
        return len(part)

    async def wait_room(self) -> None:
        """Wait not at all, which is counted."""
        self.waits += 1


async def test_all_is_sent_in_parts() -> None:
    """What isn't taken is offered again after a wait, and nothing waits for what is."""
    whole, parts = Taker(9), Taker(2, 0, 3)
    for taker, waits in ((whole, 0), (parts, 2)):
        with assert_checkpoints():
            await send_whole(bytearray(b"abcde"), taker.send_nowait, taker.wait_room)
        assert b"".join(taker.taken) == b"abcde"
        assert taker.waits == waits


async def test_nothing_is_sent_if_cancelled_before() -> None:
    """A send that is cancelled when it begins hasn't sent a part."""
    taker = Taker(9)
    with trio.move_on_after(0) as scope:
        await send_whole(b"abcde", taker.send_nowait, taker.wait_room)
    assert scope.cancelled_caught
    assert taker.taken == []


def test_a_read_asks_for_a_sensible_size() -> None:
    """What a caller allows is asked for, up to what one read ever asks for."""
    assert check_max_bytes(1) == 1
    for most in (None, RECEIVE_BYTES, RECEIVE_BYTES + 1):
        assert check_max_bytes(most) == RECEIVE_BYTES
    for wrong in (0, -1):
        with pytest.raises(ValueError, match="at least 1"):
            check_max_bytes(wrong)
    with pytest.raises(TypeError):
        check_max_bytes(1.5)  # type: ignore[arg-type]
