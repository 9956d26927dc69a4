"""The promises of every store of sessions, whatever it keeps them in."""

from typing import Any

from hump_trio import SessionStore


async def check_store(store: SessionStore) -> None:
    """Check that a store loads what was saved last, and that a drop wins over what was begun."""
    data: dict[str, Any] = {"cart": [1, {"é": None}]}
    await store.save("a", data, 10, new=True)
    data["cart"].append(2)
    loaded = await store.load("a")
    assert loaded == {"cart": [1, {"é": None}]}
    loaded["cart"].append(3)
    assert await store.load("a") == {"cart": [1, {"é": None}]}
    assert await store.load("b") is None
    await store.save("a", {"a": 2}, 10, new=False)
    assert await store.load("a") == {"a": 2}
    await store.drop("a")
    await store.drop("a")
    await store.save("a", {"a": 3}, 10, new=False)
    assert await store.load("a") is None
    await store.save("a", {"a": 4}, 10, new=True)
    assert await store.load("a") == {"a": 4}
