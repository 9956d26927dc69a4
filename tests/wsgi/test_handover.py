"""Parts on their way from a thread to a task: their order, their end, and who waits for whom."""

from collections.abc import Callable
from threading import Event
from typing import Any

import pytest
import trio
from trio.testing import assert_no_checkpoints, wait_all_tasks_blocked

from hump_trio.wsgi.handover import HELD_BYTES, PART_BYTES, Handover
from tests.support.loopback import PATIENCE_SECONDS, wait_until


class Waiting:
    """A handover, and an event that is set when something was given for the first time."""

    def __init__(self) -> None:
        self.begun = trio.Event()
        self.handover = Handover(trio.lowlevel.current_trio_token(), self.begun.set)


async def in_thread(function: Callable[..., Any], *args: Any, **options: Any) -> Any:
    """Return what a function returns in a thread."""
    with trio.fail_after(PATIENCE_SECONDS):
        return await trio.to_thread.run_sync(lambda: function(*args, **options))


async def test_a_whole_body() -> None:
    """The first thing given may be the last."""
    each = Waiting()
    assert each.handover.whole is None
    assert await in_thread(each.handover.give, b"abc", last=True)
    await each.begun.wait()
    assert each.handover.whole is True
    with assert_no_checkpoints():
        assert each.handover.take_nowait() == b"abc"
        assert each.handover.take_nowait() is None
        assert await each.handover.take() is None


async def test_an_empty_body() -> None:
    """It has no part."""
    each = Waiting()
    await in_thread(each.handover.give, b"", last=True)
    await each.begun.wait()
    assert each.handover.whole is True
    assert await each.handover.take() is None


async def test_parts_in_order() -> None:
    """Those that are held are taken together; an empty one is a part, too."""
    each = Waiting()
    await in_thread(each.handover.give, b"")
    await each.begun.wait()
    assert each.handover.whole is False
    assert await each.handover.take() == b""
    await in_thread(each.handover.give, b"a")
    await in_thread(each.handover.give, b"b")
    await in_thread(each.handover.give, b"", last=True)
    assert await each.handover.take() == b"ab"
    assert await each.handover.take() is None


async def test_the_task_waits() -> None:
    """Until there is something; cancelled meanwhile, it loses nothing."""
    each = Waiting()
    taken: list[bytes | None] = []

    async def take() -> None:
        taken.append(await each.handover.take())

    with trio.move_on_after(0) as scope:
        await each.handover.take()
    assert scope.cancelled_caught
    async with trio.open_nursery() as nursery:
        nursery.start_soon(take)
        await wait_all_tasks_blocked()
        await in_thread(each.handover.give, b"a")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(take)
        await wait_all_tasks_blocked()
        await in_thread(each.handover.give, b"", last=True)
    assert taken == [b"a", None]


async def test_the_thread_waits() -> None:
    """While enough is held, until that is taken."""
    each = Waiting()
    handover, given = each.handover, trio.Event()
    await in_thread(handover.give, bytes(HELD_BYTES - PART_BYTES - 1))
    await in_thread(handover.give, b"a")

    async def give() -> None:
        assert await in_thread(handover.give, b"b")
        given.set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(give)
        await wait_all_tasks_blocked(0.01)
        assert not given.is_set()
        assert await handover.take() == bytes(HELD_BYTES - PART_BYTES - 1) + b"a"
        assert await handover.take() == b"b"


async def test_tiny_parts() -> None:
    """What they take of memory counts too, and so their number has an end."""
    handover, given = Waiting().handover, [0]

    def give() -> None:
        while handover.give(b"a"):
            given[0] += 1

    most = -(-HELD_BYTES // (PART_BYTES + 1))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(in_thread, give)
        await wait_until(lambda: given[0] >= most)
        await wait_all_tasks_blocked(0.01)
        assert given == [most]
        assert await handover.take() == b"a" * most
        await wait_until(lambda: given[0] >= 2 * most)
        handover.leave()
    assert given == [2 * most]


async def test_nobody_takes_it() -> None:
    """The thread learns that, also while it waits."""
    each = Waiting()
    handover = each.handover
    await in_thread(handover.give, bytes(HELD_BYTES))
    given: list[bool] = []

    async def give() -> None:
        given.append(await in_thread(handover.give, b"b"))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(give)
        await wait_all_tasks_blocked(0.01)
        handover.leave()
    given.append(await in_thread(handover.give, b"c"))
    given.append(await in_thread(handover.fail, ValueError()))
    assert given == [False, False, False]


async def test_an_error_instead_of_a_body() -> None:
    """It is raised once, and then there is nothing."""
    each = Waiting()
    error = LookupError()
    assert await in_thread(each.handover.fail, error)
    await each.begun.wait()
    assert each.handover.whole is True
    with pytest.raises(LookupError) as raised:
        each.handover.take_nowait()
    assert raised.value is error
    assert await each.handover.take() is None


async def test_an_error_behind_a_part() -> None:
    """It comes when the part has been taken."""
    each = Waiting()
    await in_thread(each.handover.give, b"a")
    await in_thread(each.handover.fail, LookupError())
    assert each.handover.whole is False
    assert await each.handover.take() == b"a"
    with pytest.raises(LookupError):
        await each.handover.take()


async def test_an_error_behind_the_end() -> None:
    """Nobody takes it."""
    each = Waiting()
    await in_thread(each.handover.give, b"a", last=True)
    assert not await in_thread(each.handover.fail, LookupError())
    assert await each.handover.take() == b"a"
    assert await each.handover.take() is None


async def test_a_part_behind_the_end() -> None:
    """Nobody takes it, and no thread waits for that; the end stays what it is."""
    each = Waiting()
    assert await in_thread(each.handover.give, b"abc", last=True)
    assert not await in_thread(each.handover.give, bytes(HELD_BYTES))
    assert not await in_thread(each.handover.give, b"d")
    assert await each.handover.take() == b"abc"
    assert await each.handover.take() is None


def test_what_was_given_before_the_task_left() -> None:
    """It has been taken, though the task is faster than the thread that has woken it."""

    class Token:
        def run_sync_soon(self, wake: Callable[[], object]) -> None:
            handover.leave()

    token: Any = Token()
    handover = Handover(token, lambda: None)
    assert handover.fail(LookupError())
    assert handover.left


def test_the_run_has_ended() -> None:
    """A thread that outlives the Trio run is told that nobody takes anything."""
    go, given, ended = Event(), [], Event()

    async def main() -> None:
        handover = Handover(trio.lowlevel.current_trio_token(), lambda: None)

        def outlive() -> None:
            go.wait(PATIENCE_SECONDS)
            given.append(handover.give(b"a"))
            given.append(handover.give(b"b"))
            ended.set()

        with trio.CancelScope() as scope:
            scope.cancel()
            trio.lowlevel.start_thread_soon(outlive, lambda _: None)
            await trio.lowlevel.checkpoint()

    trio.run(main)
    go.set()
    assert ended.wait(PATIENCE_SECONDS)
    assert given == [False, False]
