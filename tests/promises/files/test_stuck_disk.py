"""A disk for uploads that is stuck: nobody waits for it, and nothing is left when it goes on."""

import math
import os
import tempfile
import threading
from collections.abc import Callable, Iterator
from functools import partial
from io import FileIO
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from hump_trio import Hump, Timeouts
from hump_trio.content import upload
from hump_trio.content.room import DiskRoom, Room
from hump_trio.content.upload import CLOSED, Spool, UnnamedFile, UploadFile
from hump_trio.testing import connect
from hump_trio.testing.memory_listener import MemoryListener
from tests.support.descriptors import descriptors_below
from tests.support.forms import TYPE, encode_form, open_files
from tests.support.loopback import PATIENCE_SECONDS, wait_until
from tests.support.wire import parse_answers, read_to_end, request

FORM = request(
    "POST",
    "/",
    f"Content-Type: {TYPE}",
    "Connection: close",
    body=encode_form([("file", "name", "", bytes(150_000))]),
)
HANDLER_SECONDS = 0.2
TIMES = Timeouts(shutdown=0.2, cleanup=0.2)
PROMISE_SECONDS = TIMES.shutdown + TIMES.cleanup + 1


class Disk:
    """One that is stuck in a call until it goes on, as a network's is without its server.

    Args:
        name: Of the call.
        monkeypatch: Of the test.
    """

    def __init__(self, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.name = name
        self.begun = threading.Event()
        self.goes_on = threading.Event()
        self.done = 0
        if name != "close":
            monkeypatch.setattr(upload, name, self.stick(getattr(upload, name)))
            return
        slowly_closed = type("SlowlyClosed", (FileIO,), {"close": self.stick(FileIO.close)})

        def open_slowly_closed() -> FileIO:
            with tempfile.TemporaryFile(buffering=0) as file:
                opened: FileIO = slowly_closed(os.dup(file.fileno()), "r+")
                return opened

        monkeypatch.setattr(upload, "open_unnamed", open_slowly_closed)

    def stick(self, call: Callable[..., Any]) -> Callable[..., Any]:
        """Return a call that is stuck."""

        def stuck(*args: Any) -> Any:
            self.begun.set()
            assert self.goes_on.wait(PATIENCE_SECONDS)
            try:
                return call(*args)
            finally:
                self.done += 1

        return stuck


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for temporary files."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.fixture(params=["open_unnamed", "write_all", "read_at", "close"])
def disk(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    """A disk that is stuck in each call, and goes on after the test at the latest."""
    disk = Disk(request.param, monkeypatch)
    yield disk
    disk.goes_on.set()


async def release(disk: Disk, folder: Path) -> None:
    """Let a disk go on, and wait until nothing is open; a warning of a lost file is an error."""
    assert disk.begun.is_set()
    assert disk.done == 0
    disk.goes_on.set()
    await wait_until(lambda: disk.done == 1)
    await wait_until(lambda: not open_files(folder))


def uploads() -> Hump:
    """Return an app that reads a file."""
    app = Hump(timeouts=TIMES)

    @app.post("/", timeout=HANDLER_SECONDS)
    async def index(file: UploadFile) -> str:
        return str(len(await file.read()))

    return app


async def test_a_handler_has_its_deadline(disk: Disk, folder: Path, mock_clock: MockClock) -> None:
    """Whatever the disk does, there is an answer in time; closing has a second of its own."""
    async with connect(uploads()) as raw:
        started = trio.current_time()
        await raw.send(FORM)
        await wait_until(disk.begun.is_set)
        mock_clock.autojump_threshold = 0
        [answer] = parse_answers(await read_to_end(raw), "POST")
        assert trio.current_time() - started < HANDLER_SECONDS + 2
    assert answer.status == (200 if disk.name == "close" else 503)
    await release(disk, folder)


async def test_serve_returns_in_time(disk: Disk, folder: Path, mock_clock: MockClock) -> None:
    """It does what it promises, and leaves the threads alone."""
    app, listener = uploads(), MemoryListener()
    async with trio.open_nursery() as nursery:
        await nursery.start(partial(app.serve, listeners=[listener]))
        client = listener.connect(math.inf)  # all it sends is taken at once
        await client.send_all(FORM)
        await wait_until(disk.begun.is_set)
        app.shutdown()
        nursery.cancel_scope.deadline = trio.current_time() + PROMISE_SECONDS
        mock_clock.autojump_threshold = 0
    assert not nursery.cancel_scope.cancelled_caught
    await release(disk, folder)


@pytest.mark.parametrize("disk", ["write_all"], indirect=True)
async def test_a_thread_that_writes_is_left_alone(disk: Disk, folder: Path) -> None:
    """Cancelled in its midst, the file is closed after it, and no sooner."""
    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(fill)
            await wait_until(disk.begun.is_set)
            scope.cancel()
    assert open_files(folder) == 1
    await release(disk, folder)


async def fill() -> None:
    """Put too much for the memory into a spool."""
    spool = Spool(Room())
    try:
        await spool.append(bytes(100_000))
    finally:
        await spool.aclose()


@pytest.mark.parametrize("disk", ["read_at"], indirect=True)
async def test_closing_does_not_wait_for_who_reads(disk: Disk, folder: Path) -> None:
    """A task that reads in this moment gets its bytes; those that come after it don't."""
    spool = Spool(Room())
    await spool.append(bytes(100_000))
    file = UploadFile("a", "b", "", 100_000, spool, 0)
    ends: list[int] = []

    async def read() -> None:
        ends.append(len(await file.read()))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(read)
        await wait_until(disk.begun.is_set)
        for _ in range(2):
            await spool.aclose()
        with pytest.raises(trio.ClosedResourceError, match=CLOSED):
            await file.read()
        assert (ends, open_files(folder)) == ([], 1)
        await release(disk, folder)
    assert ends == [100_000]


def test_a_thread_that_begins_too_late(folder: Path) -> None:
    """It opens nothing."""
    file = UnnamedFile(DiskRoom(1))
    file.let_go()
    with pytest.raises(trio.ClosedResourceError, match=CLOSED):
        file.write(bytearray(1))
    assert open_files(folder) == 0


def test_a_disk_that_fails_when_it_is_left(folder: Path) -> None:
    """What it couldn't keep is wanted no more: closing raises nothing."""
    file = UnnamedFile(DiskRoom(1))
    file.write(bytearray(1))
    for descriptor in descriptors_below(folder):
        os.close(descriptor)
    file.let_go()
