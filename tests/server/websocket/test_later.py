"""What is put off to the end of a pass of the scheduler."""

import trio
from trio.testing import wait_all_tasks_blocked

from hump_trio.server.websocket.later import PASS_COST, Later
from tests.support.served import served


async def test_it_comes_when_the_task_waits_that_has_put_it_off() -> None:
    """In the order in which it was put off, and once."""
    events: list[str] = []
    async with trio.open_nursery() as nursery:
        state = served()
        state.start_attendant = nursery.start_soon
        later = state.shared(Later)
        await wait_all_tasks_blocked()
        later.add(lambda: events.append("one"))
        later.add(lambda: events.append("two"))
        events.append("now")
        await wait_all_tasks_blocked()
        assert events == ["now", "one", "two"]
        await wait_all_tasks_blocked()
        assert events == ["now", "one", "two"]
        nursery.cancel_scope.cancel()


async def test_what_a_call_puts_off_lets_others_run_before() -> None:
    """A call that puts itself off again and again holds up nobody."""
    turns: list[str] = []
    async with trio.open_nursery() as nursery:
        state = served()
        state.start_attendant = nursery.start_soon
        later = Later(state)

        def again() -> None:
            turns.append("call")
            later.add(again)

        later.add(again)
        for _ in range(3):
            await trio.lowlevel.checkpoint()
            turns.append("task")
        assert "".join(turn[0] for turn in turns).count("cc") <= 1
        assert turns.count("call") <= 4
        nursery.cancel_scope.cancel()


async def test_all_of_a_server_share_one_task() -> None:
    """It is parked while nothing is put off, and ends with the server."""
    async with trio.open_nursery() as nursery:
        state = served()
        state.start_attendant = nursery.start_soon
        for _ in range(3):
            state.shared(Later).add(lambda: None)
            await wait_all_tasks_blocked()
        assert len(nursery.child_tasks) == 1
        nursery.cancel_scope.cancel()
    state.shared(Later).add(lambda: None)  # whoever is late changes nothing


async def test_reads_share_the_time_of_a_pass() -> None:
    """Once they have cost enough, those behind wait for the next pass."""
    turns: list[str] = []
    async with trio.open_nursery() as nursery:
        state = served()
        state.start_attendant = nursery.start_soon
        later = Later(state)
        await wait_all_tasks_blocked()

        def read_much() -> None:
            turns.append("much")
            later.add(lambda: turns.append("next pass"))
            later.spend(PASS_COST)
            assert later.tired

        def read_little() -> None:
            turns.append("little")
            later.spend(1)
            assert not later.tired

        for read in (read_little, read_little, read_much, read_much, read_little):
            later.add_read(read)
        await wait_all_tasks_blocked()
        assert not later.tired
        nursery.cancel_scope.cancel()
    assert turns == ["little", "little", "much", "next pass", "much", "next pass", "little"]


async def test_reads_that_were_not_put_off_count_too() -> None:
    """They count for the pass that they are in, and for no later one."""
    async with trio.open_nursery() as nursery:
        state = served()
        state.start_attendant = nursery.start_soon
        later = Later(state)
        await wait_all_tasks_blocked()
        later.spend(PASS_COST - 1)
        assert not later.tired
        later.spend(1)
        assert later.tired
        await wait_all_tasks_blocked()
        assert not later.tired
        nursery.cancel_scope.cancel()
