"""Where the files of a form are kept, and that nothing of them is left."""

import errno
import os
import tempfile
from collections.abc import Callable, Iterator
from io import FileIO
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from hump_trio import upload
from hump_trio.upload import SPOOL_BYTES, Spool, UploadFile
from tests.forms import files_in, open_files
from tests.loopback import wait_until


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder for temporary files, in which no file has ever a name; none stays open."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    yield tmp_path
    assert (open_files(tmp_path), files_in(tmp_path)) == (0, [])


def on_disk(spool: Spool, content_bytes: int) -> UploadFile:
    """Return a file that takes all of a spool."""
    return UploadFile("a", "b", "", content_bytes, spool, 0)


@pytest.mark.parametrize(
    ("sizes", "files"),
    [
        ([], 0),
        ([1], 0),
        ([SPOOL_BYTES], 0),
        ([SPOOL_BYTES // 2] * 2, 0),
        ([SPOOL_BYTES + 1], 1),
        ([SPOOL_BYTES, 1], 1),
        ([SPOOL_BYTES, 1, 5], 1),
        ([100_000] * 5, 1),
    ],
)
async def test_a_spool_is_in_memory_or_in_one_file(
    sizes: list[int], files: int, folder: Path
) -> None:
    """Up to 64 KiB in memory, beyond that in one file without a name; the same is read."""
    spool = Spool()
    content = b""
    for number, size in enumerate(sizes):
        part = bytes([number]) * size
        content += part
        await spool.append(part)
    await spool.finish()
    assert (open_files(folder), files_in(folder)) == (files, [])
    assert spool.size_bytes == len(content)
    file = on_disk(spool, len(content))
    assert await file.read() == content
    parts = [part async for part in file]
    assert b"".join(parts) == content
    assert all(0 < len(part) <= SPOOL_BYTES for part in parts)
    await spool.aclose()
    for ask in (file.read(), anext(aiter(file))):
        if content:
            with pytest.raises(trio.ClosedResourceError, match="inside `async with`"):
                await ask
        else:
            with pytest.raises((trio.ClosedResourceError, StopAsyncIteration)):
                await ask


@given(st.lists(st.integers(0, 70_000), max_size=6))
def test_every_file_has_its_own_content(sizes: list[int]) -> None:
    """However they share the memory or the disk, and whatever else is being read."""

    async def main() -> None:
        spool = Spool()
        files = []
        for number, size in enumerate(sizes):
            start = spool.size_bytes
            content = bytes([number]) * size
            await spool.append(content)
            files.append((UploadFile("a", "b", "", size, spool, start), content))
        await spool.finish()
        async with trio.open_nursery() as nursery:
            for file, content in files:
                nursery.start_soon(compare, file, content)
                nursery.start_soon(compare, file, content)
        await spool.aclose()

    async def compare(file: UploadFile, content: bytes) -> None:
        assert b"".join([part async for part in file]) == content
        assert await file.read() == content

    trio.run(main)


async def test_iterating_may_stop_at_any_time() -> None:
    """Nothing is left of it, and it begins anew."""
    spool = Spool()
    await spool.append(bytes(200_000))
    await spool.finish()
    file = on_disk(spool, 200_000)
    async for part in file:
        assert len(part) == SPOOL_BYTES
        break
    assert len(await anext(aiter(file))) == SPOOL_BYTES
    parts = aiter(file)
    assert aiter(parts) is parts
    await spool.aclose()


class Interrupt(trio.abc.Instrument):
    """Cancels a task at its n-th step.

    Args:
        nth: Counted from one.
        scope: What is cancelled.
    """

    def __init__(self, nth: int, scope: trio.CancelScope) -> None:
        self.left = nth
        self._scope = scope
        self._task = trio.lowlevel.current_task()

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        """Count the steps of the one task."""
        if task is self._task:
            self.left -= 1
            if self.left == 0:
                self._scope.cancel()


async def test_cancelled_anywhere_it_leaves_nothing(folder: Path) -> None:
    """Writing, finishing, reading and closing are cut at every wait; see the fixture."""
    for nth in count(1):
        spool = Spool()
        with trio.CancelScope() as scope:
            interrupt = Interrupt(nth, scope)
            trio.lowlevel.add_instrument(interrupt)
            try:
                for _ in range(3):
                    await spool.append(bytes(70_000))
                await spool.append(b"a")
                await spool.finish()
                assert len(await on_disk(spool, 210_001).read()) == 210_001
            finally:
                await spool.aclose()
                trio.lowlevel.remove_instrument(interrupt)
        await wait_until(lambda: not open_files(folder))  # a thread may be at it
        if interrupt.left > 0:
            assert nth > 10
            break


class StubbornFile(FileIO):
    """A file that takes little at a time."""

    def write(self, data: Any) -> int:
        """Write up to a thousand bytes."""
        return super().write(data[:1000])


async def test_a_disk_may_take_and_give_part_of_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """As network disks do: it goes on until all is there."""
    path = tmp_path_factory.mktemp("disk") / "file"
    pread = os.pread
    monkeypatch.setattr(upload, "open_unnamed", lambda: StubbornFile(path, "w+"))
    monkeypatch.setattr(os, "pread", lambda file, count, at: pread(file, min(count, 1000), at))
    spool = Spool()
    content = bytes(range(256)) * 300
    await spool.append(content)
    await spool.finish()
    assert await on_disk(spool, len(content)).read() == content
    await spool.aclose()


@pytest.mark.parametrize("function", ["open_unnamed", "write_all"])
async def test_a_full_disk(function: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its error is raised, and closing raises no second one."""

    def fail(*args: object) -> None:
        raise OSError(errno.ENOSPC, "full")

    failing: Callable[..., None] = fail
    monkeypatch.setattr(upload, function, failing)
    spool = Spool()
    with pytest.raises(OSError, match="full"):
        await spool.append(bytes(100_000))
    await spool.aclose()
