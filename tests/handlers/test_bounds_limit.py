"""The decorator `limit`: who has a turn, who waits for one, and how each is given back."""

import math
from collections.abc import AsyncGenerator, Callable
from typing import Any, cast

import pytest
import trio
from httpx2 import AsyncClient
from trio.testing import MockClock, wait_all_tasks_blocked

from hump_trio import HttpException, Hump, HumpError, Send, StreamResponse, limit
from hump_trio.testing import client


class Crowd:
    """A crowd of calls of one function, and what became of each.

    Args:
        decorator: Of the function.
    """

    def __init__(self, decorator: Callable[[Any], Any]) -> None:
        self.events: list[tuple[float, str]] = []
        self.running = 0
        self.most = 0
        self.call = decorator(self._work)

    def note(self, text: str) -> None:
        """Note that something has happened."""
        self.events.append((trio.current_time(), text))

    async def _work(self, name: str, seconds: float) -> None:
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await trio.sleep(seconds)
            self.note(name)
        finally:
            self.running -= 1

    async def come(self, name: str, seconds: float = 10, patience: float = math.inf) -> None:
        """Call the function, for a while at most."""
        with trio.move_on_after(patience) as scope:
            try:
                await self.call(name, seconds=seconds)
            except HttpException as error:
                self.note(f"{name}: {error}")
        if scope.cancelled_caught:
            self.note(f"{name}: left")


async def come_in_order(crowd: Crowd, *calls: tuple[Any, ...]) -> None:
    """Let calls come one after the other, a tenth of a second apart."""
    async with trio.open_nursery() as nursery:
        for call in calls:
            nursery.start_soon(crowd.come, *call)
            await trio.sleep(0.125)


@pytest.mark.parametrize("count", [1, 3])
async def test_so_many_run_at_once(count: int, autojump_clock: MockClock) -> None:
    """The rest is told at once to come again, and room is room again."""
    crowd = Crowd(limit(count))
    async with trio.open_nursery() as nursery:
        for _ in range(count):
            nursery.start_soon(crowd.come, "first")
        await wait_all_tasks_blocked()
        for _ in range(3):
            nursery.start_soon(crowd.come, "refused")
        await wait_all_tasks_blocked()
        await trio.sleep(11)
        nursery.start_soon(crowd.come, "later")
    refused, first = (0, "refused: 503 too many at a time"), (10, "first")
    assert crowd.events == [refused] * 3 + [first] * count + [(21, "later")]
    assert crowd.most == count


async def test_turns_are_given_in_the_order_of_arrival(autojump_clock: MockClock) -> None:
    """Whoever comes when a turn is given back stands behind those who wait."""
    crowd = Crowd(limit(1, wait=100))

    async def come_just_then() -> None:
        await trio.sleep(10)
        await crowd.come("just then")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(come_just_then)
        await come_in_order(crowd, ("a",), ("b",), ("c",), ("d",))
    assert [name for _, name in crowd.events] == ["a", "b", "c", "d", "just then"]
    assert [at for at, _ in crowd.events] == [10, 20, 30, 40, 50]


async def test_the_wait_is_bounded(autojump_clock: MockClock) -> None:
    """A turn within it is taken; after it, and exactly then, it is a 503."""
    crowd = Crowd(limit(1, wait=3))
    await come_in_order(crowd, ("a", 2), ("b", 2), ("c", 2))
    refused = (0.25 + 3, "c: 503 too many at a time")
    assert crowd.events == [(2, "a"), refused, (4, "b")]


async def test_a_wait_may_have_no_end(autojump_clock: MockClock) -> None:
    """Then the deadline of the request is what bounds it."""
    crowd = Crowd(limit(1, wait=math.inf))
    await come_in_order(crowd, ("a", 5000), ("b", 1))
    assert crowd.events == [(5000, "a"), (5001, "b")]


async def test_a_turn_is_given_back_however_it_ends(autojump_clock: MockClock) -> None:
    """By a return, an exception or a cancellation, after the clean-up."""
    crowd = Crowd(limit(1))

    @limit(1)
    async def fail() -> None:
        raise LookupError

    for _ in range(3):
        with pytest.raises(LookupError):
            await fail()
        await crowd.come("left", 10, patience=1)
        await crowd.come("whole", 1)
    assert [text for _, text in crowd.events] == ["left: left", "whole"] * 3
    assert crowd.most == 1


@pytest.mark.parametrize("leaving", [1, 9.875, 10])
async def test_no_turn_is_lost_by_who_stops_waiting(
    leaving: float, autojump_clock: MockClock
) -> None:
    """Also if it leaves, or has waited too long, in the moment when it would get one."""
    for decorator, patience in ((limit(1, wait=100), leaving), (limit(1, wait=leaving), 100)):
        crowd = Crowd(decorator)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(crowd.come, "a")
            await wait_all_tasks_blocked()
            nursery.start_soon(crowd.come, "b", 10, patience)
            await wait_all_tasks_blocked()
            nursery.start_soon(crowd.come, "c")
        await trio.sleep(100)
        started = trio.current_time()
        await crowd.come("d")
        assert crowd.events[-1] == (started + 10, "d")
        assert crowd.most == 1


async def test_the_error_is_one_of_the_tree(autojump_clock: MockClock) -> None:
    """With all that its answer says, so that a program of its own can deal with it."""
    crowd = Crowd(limit(1))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(crowd.come, "a")
        await wait_all_tasks_blocked()
        with pytest.raises(HttpException, match=r"^503 too many at a time$") as caught:
            await crowd.call("b", 10)
    assert isinstance(caught.value, HumpError)
    assert dict(caught.value.headers) == {"retry-after": "1"}


async def test_two_uses_count_separately(autojump_clock: MockClock) -> None:
    """A decorator that is kept is used as often as it is applied, and each use counts alone."""
    one_at_a_time = limit(1)
    first, second = Crowd(one_at_a_time), Crowd(one_at_a_time)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(first.come, "first")
        nursery.start_soon(second.come, "second")
    assert (first.events, second.events) == ([(10, "first")], [(10, "second")])


async def test_a_value_is_passed_on() -> None:
    """With arguments of either kind."""

    @limit(1)
    async def add(first: int, *, second: int) -> int:
        return first + second

    assert await add(1, second=2) == 3


async def test_a_producer_takes_a_turn_of_its_own(autojump_clock: MockClock) -> None:
    """Called by hand, a generator has become a function that returns its answer."""

    @limit(1)
    async def parts(count: int) -> AsyncGenerator[str]:
        for number in range(count):
            yield str(number)
            await trio.sleep(1)

    @limit(1)
    async def produced() -> StreamResponse:
        async def produce(send: Send) -> None:
            await trio.sleep(2)
            await send("done")

        return StreamResponse(produce)

    app = Hump()
    app.add_route("/parts/{count:int}", parts, methods=["GET"])
    app.add_route("/produced", produced, methods=["GET"])
    for path in ("/parts/2", "/produced"):
        statuses: list[int] = []
        async with client(app) as http:

            async def ask(http: AsyncClient, path: str, statuses: list[int]) -> None:
                statuses.append((await http.get(path)).status_code)

            async with trio.open_nursery() as nursery:
                nursery.start_soon(ask, http, path, statuses)
                await wait_all_tasks_blocked()
                nursery.start_soon(ask, http, path, statuses)
            await ask(http, path, statuses)
        assert statuses == [503, 200, 200]
    assert isinstance(await cast("Any", parts)(1), StreamResponse)


def test_it_works_in_one_run_after_another() -> None:
    """What one run of Trio has cut short leaves the next its turns."""
    crowd = Crowd(limit(1, wait=100))

    async def crash() -> None:
        async with trio.open_nursery() as nursery:
            for name in "abc":
                nursery.start_soon(crowd.come, name)
            await trio.sleep(1)
            raise LookupError

    async def succeed() -> None:
        await come_in_order(crowd, ("d",), ("e",))

    with pytest.raises(ExceptionGroup):
        trio.run(crash, clock=MockClock(autojump_threshold=0))
    trio.run(succeed, clock=MockClock(autojump_threshold=0))
    assert [text for _, text in crowd.events][-2:] == ["d", "e"]
    assert crowd.most == 1


@pytest.mark.parametrize("count", [0, -1, True, 1.0, "1", None, math.inf])
def test_what_is_no_limit_is_refused(count: Any) -> None:
    """When the program starts."""
    with pytest.raises(
        ValueError, match=r"^a limit is a positive integer, as in @limit\(3\), not "
    ):
        limit(count)


@pytest.mark.parametrize("wait", [-1, math.nan, True, False, "1", None])
def test_what_is_no_wait_is_refused(wait: Any) -> None:
    """Likewise; no time at all is one."""
    with pytest.raises(ValueError, match=r"^wait is a number of seconds, not "):
        limit(1, wait=wait)


def test_what_is_not_async_is_refused() -> None:
    """With the way to write it."""
    with pytest.raises(TypeError, match=r"must be async: write `async def blocking"):
        limit(1)(blocking)


def blocking() -> None:
    """Do what can't be cancelled."""
