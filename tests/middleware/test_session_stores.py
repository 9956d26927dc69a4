"""`MemorySessions`: what every `SessionStore` promises, and that it stays small."""

from typing import Any

import pytest
import trio
from trio.testing import MockClock

from hump_trio import MemorySessions
from tests.support.session_stores import check_store


async def test_the_promises_of_a_store() -> None:
    """It is one as any other."""
    await check_store(MemorySessions())


async def test_sessions_end(autojump_clock: MockClock) -> None:
    """When their seconds are over, nobody finds them, and a late save doesn't bring them back."""
    store = MemorySessions()
    await store.save("a", {"a": 1}, 10, new=True)
    await trio.sleep(9.9)
    assert await store.load("a") == {"a": 1}
    await trio.sleep(0.1)
    assert await store.load("a") is None
    await store.save("a", {"a": 2}, 10, new=False)
    assert await store.load("a") is None


async def test_the_oldest_is_dropped(autojump_clock: MockClock) -> None:
    """When there are too many, and all that have ended before."""
    store = MemorySessions(sessions=3)
    for name in "abcd":
        await store.save(name, {}, 10, new=True)
    assert [await store.load(name) is None for name in "abcd"] == [True, False, False, False]
    await trio.sleep(10)
    await store.save("e", {}, 10, new=True)
    assert [await store.load(name) is None for name in "bcde"] == [True, True, True, False]


def test_another_run_begins_with_none() -> None:
    """Times of its clock say nothing of those of the last one, such as when a session ends."""
    store = MemorySessions()

    async def keep() -> None:
        await store.save("a", {}, 10, new=True)

    async def find() -> bool:
        await store.save("a", {}, 10, new=False)
        return await store.load("a") is not None

    for _ in range(2):
        trio.run(keep, clock=MockClock())
        assert not trio.run(find, clock=MockClock())


@pytest.mark.parametrize("sessions", [0, -1, 1.5, None])
def test_options_that_make_no_sense(sessions: Any) -> None:
    """They are refused where they are written."""
    with pytest.raises(ValueError, match="sessions is a whole number from 1"):
        MemorySessions(sessions=sessions)
