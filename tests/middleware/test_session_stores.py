"""`MemorySessions`: what every `SessionStore` promises, and that it stays small."""

from typing import Any

import pytest
import trio
from trio.testing import MockClock

from hump_trio import MemorySessions, SessionStore


async def test_what_was_saved_is_loaded() -> None:
    """By its id alone, as a copy that the caller may change."""
    store: SessionStore = MemorySessions()
    data: dict[str, Any] = {"cart": [1]}
    await store.save("a", data, 10, new=True)
    data["cart"].append(2)
    loaded = await store.load("a")
    assert loaded == {"cart": [1]}
    loaded["cart"].append(3)
    assert (await store.load("a"), await store.load("b")) == ({"cart": [1]}, None)


async def test_a_drop_wins() -> None:
    """Over a save of what was there when its request began; a new id is kept."""
    store = MemorySessions()
    await store.save("a", {"a": 1}, 10, new=True)
    await store.save("a", {"a": 2}, 10, new=False)
    assert await store.load("a") == {"a": 2}
    await store.drop("a")
    await store.drop("a")
    await store.save("a", {"a": 3}, 10, new=False)
    assert await store.load("a") is None
    await store.save("a", {"a": 4}, 10, new=True)
    assert await store.load("a") == {"a": 4}


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


@pytest.mark.parametrize("sessions", [0, -1, 1.5, None])
def test_options_that_make_no_sense(sessions: Any) -> None:
    """They are refused where they are written."""
    with pytest.raises(ValueError, match="sessions is a whole number from 1"):
        MemorySessions(sessions=sessions)
