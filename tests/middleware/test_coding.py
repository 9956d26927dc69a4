"""Codings: bodies of every kind compressed, off the loop if they are large."""

from collections.abc import Callable
from typing import Any

import pytest
import trio

from hump_trio.tasks.threads import COMPRESSING
from tests.middleware.codings import CODERS, decoder, noise


@pytest.mark.parametrize("name", CODERS)
@pytest.mark.parametrize("count", [0, 1, 5, 40])
async def test_parts_can_be_read_as_they_come(name: str, count: int) -> None:
    """Each one is whole when it has been taken, and the end is one that decoders know."""
    coder, reader = CODERS[name](), decoder(name)
    for number in range(count):
        assert await coder.compress_part("") == b""
        assert reader.decompress(await coder.compress_part(f"part {number}")) == b"part %d" % number
    assert reader.decompress(await coder.finish()) == b""
    assert reader.eof


@pytest.mark.parametrize("name", CODERS)
@pytest.mark.parametrize("size", [1, 65_536, 65_537, 1024 * 1024, 2 * 1024 * 1024 + 1])
async def test_large_bodies_are_compressed_in_a_thread(
    name: str, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond 64 KiB, a MiB at a time; in order, whatever its size."""
    asked: list[int] = []

    async def run_sync(function: Callable[[Any], bytes], piece: Any, *, limiter: Any) -> bytes:
        assert limiter is COMPRESSING.limiter
        asked.append(len(piece))
        await trio.lowlevel.checkpoint()
        return function(piece)

    monkeypatch.setattr(trio.to_thread, "run_sync", run_sync)
    body = noise(size).encode()[:size]
    found = await CODERS[name]().convert(body)
    assert isinstance(found, bytes)
    assert decoder(name).decompress(found) == body
    whole, rest = divmod(size, 1024 * 1024)
    assert asked == [1024 * 1024] * whole + [rest] * (rest > 65_536)


async def test_other_tasks_go_on_meanwhile() -> None:
    """With a real thread."""
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await trio.lowlevel.checkpoint()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(count)
        body = await CODERS["gzip"]().convert(noise(1024 * 1024).encode())
        nursery.cancel_scope.cancel()
    assert isinstance(body, bytes)
    assert turns > 3


async def test_a_large_body_can_be_cancelled() -> None:
    """Between two of its pieces."""
    with trio.CancelScope() as scope:
        scope.cancel()
        await CODERS["gzip"]().convert(bytes(3 * 1024 * 1024))
    assert scope.cancelled_caught
