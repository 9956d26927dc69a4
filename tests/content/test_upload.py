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

from hump_trio.content import upload
from hump_trio.content.room import DiskRoom, Room
from hump_trio.content.upload import SPOOL_BYTES, Spool, UploadFile
from hump_trio.facts.exceptions import OverloadError
from tests.support.forms import files_in, open_files
from tests.support.loopback import wait_until


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
    spool = Spool(Room())
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
            with pytest.raises(trio.ClosedResourceError, match="until its handler returns"):
                await ask
        else:
            with pytest.raises((trio.ClosedResourceError, StopAsyncIteration)):
                await ask


@given(st.lists(st.integers(0, 70_000), max_size=6))
def test_every_file_has_its_own_content(sizes: list[int]) -> None:
    """However they share the memory or the disk, and whatever else is being read."""

    async def main() -> None:
        spool = Spool(Room())
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
    spool = Spool(Room())
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
        spool = Spool(Room())
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
    spool = Spool(Room())
    content = bytes(range(256)) * 300
    await spool.append(content)
    await spool.finish()
    assert await on_disk(spool, len(content)).read() == content
    await spool.aclose()


@pytest.mark.parametrize("function", ["open_unnamed", "write_all"])
@pytest.mark.parametrize(
    ("number", "status"),
    [
        (errno.ENOSPC, 507),
        (errno.EDQUOT, 507),
        (errno.ENOENT, 507),
        (errno.EIO, 507),
        (errno.EMFILE, 503),
        (errno.ENFILE, 503),
    ],
)
async def test_a_disk_that_takes_nothing(
    function: str,
    number: int,
    status: int,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """An answer without a traceback; why is logged once, until it takes something again."""

    def fail(*args: object) -> None:
        raise OSError(number, "the system's words")

    failing: Callable[..., None] = fail
    room = Room()
    line = f"uploads can't be kept: [Errno {number}] the system's words"
    for shortage in (1, 2):
        with monkeypatch.context() as patch:
            patch.setattr(upload, function, failing)
            for _ in range(2):
                with pytest.raises(OverloadError) as caught:
                    await fill(room)
                assert (caught.value.status, caught.value.outcome) == (status, "shed")
                assert caught.value.headers == (("retry-after", "1"),)
        assert caplog.messages == [line] * shortage
        assert not any(record.exc_info for record in caplog.records)
        await fill(room)
        assert room.disk.taken_bytes == 0


async def fill(room: Room) -> None:
    """Put too much for the memory into a spool, and close it."""
    spool = Spool(room)
    try:
        await spool.append(bytes(100_000))
    finally:
        await spool.aclose()


async def test_uploads_share_the_disk(tmp_path: Path) -> None:
    """What one has taken of it no other can have, until it is closed."""
    room = Room(disk=DiskRoom(250_000))
    first, second, third = Spool(room), Spool(room), Spool(room)
    await first.append(bytes(100_000))
    await second.append(bytes(100_000))
    with pytest.raises(OverloadError, match="503 too much is being uploaded"):
        await third.append(bytes(100_000))
    await first.aclose()
    assert room.disk.taken_bytes == 100_000
    await third.aclose()
    await second.append(bytes(150_000))
    await second.aclose()
    assert room.disk.taken_bytes == 0


async def test_what_is_in_memory_is_counted() -> None:
    """As long as it is there: neither what is on the disk nor what is closed."""
    held = 0

    def hold(byte_count: int) -> None:
        nonlocal held
        held += byte_count

    spool = Spool(Room(hold))
    for size, expected in ((10, 10), (SPOOL_BYTES - 10, SPOOL_BYTES), (1, 0), (20, 20)):
        await spool.append(bytes(size))
        assert held == expected
    await spool.finish()
    assert held == 0
    await spool.append(bytes(30))
    await spool.aclose()
    await spool.aclose()
    assert held == 0
