"""Worker threads of the server's own: what is stuck in them keeps nothing else waiting."""

import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio

from hump_trio.answers import opened_file
from hump_trio.content import upload
from hump_trio.content.room import Room
from hump_trio.content.upload import Spool
from hump_trio.facts.exceptions import OverloadError
from hump_trio.middleware.coding import Coder
from hump_trio.tasks.threads import CLOSING, COMPRESSING, FILES, SPOOLS, Threads
from tests.support.loopback import PATIENCE_SECONDS, wait_until

PURPOSES = {"files": FILES, "spools": SPOOLS, "closing": CLOSING, "compressing": COMPRESSING}


class Stuck:
    """Calls that are stuck until they go on.

    Attributes:
        begun: How many have begun.
        going_on: Set when they go on.
    """

    def __init__(self) -> None:
        self.begun: int = 0
        self.going_on = threading.Event()
        self._lock = threading.Lock()

    def __call__(self, *args: Any) -> Any:
        """Be stuck, and fail in the end."""
        with self._lock:
            self.begun += 1
        assert self.going_on.wait(PATIENCE_SECONDS)
        raise OSError("the disk has failed")


@pytest.fixture
def stuck() -> Iterator[Stuck]:
    """Calls that go on after the test at the latest."""
    stuck = Stuck()
    yield stuck
    stuck.going_on.set()


async def read_file(path: Path) -> None:
    """Open what isn't cached."""
    await opened_file.open_file(str(path))


async def write_upload() -> None:
    """Have more in a form than is kept in memory."""
    spool = Spool(Room())
    try:
        await spool.append(bytes(100_000))
    finally:
        await spool.aclose()


async def compress(compressor: Any) -> None:
    """Compress what is too much for the loop."""
    await Coder(compressor, 0, 0).compress(bytes(100_000), 0)


async def end_as_it_will(work: Callable[[], Any]) -> None:
    """Wait for what fails."""
    with pytest.raises((OSError, OverloadError), match=r"failed|no room"):
        await work()


@pytest.mark.parametrize("name", ["files", "spools", "compressing"])
async def test_the_program_keeps_its_threads(
    name: str, stuck: Stuck, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """However many ask for what is stuck: a thread of the program's runs at once."""
    monkeypatch.setattr(opened_file, "open_cached", None)
    monkeypatch.setattr(opened_file, "open_waiting", stuck)
    monkeypatch.setattr(upload, "write_all", stuck)
    compressor = type("Compressor", (), {"compress": stuck, "flush": stuck})
    work: dict[str, Callable[[], Any]] = {
        "files": partial(read_file, tmp_path / "a"),
        "spools": write_upload,
        "compressing": partial(compress, compressor),
    }
    asking_count = trio.to_thread.current_default_thread_limiter().total_tokens + 10
    async with trio.open_nursery() as nursery:
        for _ in range(int(asking_count)):
            nursery.start_soon(end_as_it_will, work[name])
        limiter = PURPOSES[name].limiter
        await wait_until(lambda: stuck.begun == limiter.total_tokens < asking_count)
        with trio.fail_after(PATIENCE_SECONDS):
            assert await trio.to_thread.run_sync(lambda: "at once") == "at once"
        assert stuck.begun == limiter.total_tokens
        stuck.going_on.set()


def test_each_run_has_its_own() -> None:
    """Threads that one run has left stuck are none of the next one's."""
    threads = Threads("test", 3)

    async def borrow() -> trio.CapacityLimiter:
        threads.limiter.acquire_on_behalf_of_nowait(object())
        assert threads.limiter.borrowed_tokens == 1
        return threads.limiter

    assert trio.run(borrow) is not trio.run(borrow)


async def test_files_whose_closing_is_stuck_take_one_thread(
    stuck: Stuck, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of them: nobody waits for longer than a second, and each is closed when it goes on."""
    let_go = upload.UnnamedFile.let_go
    closing: list[upload.UnnamedFile] = []

    def close_slowly(file: upload.UnnamedFile) -> None:
        let_go(file)
        if file in closing:
            return
        closing.append(file)
        if len(closing) == 1:
            stuck.begun += 1
            assert stuck.going_on.wait(PATIENCE_SECONDS)

    monkeypatch.setattr(upload, "CLOSE_SECONDS", 0.01)
    spools = [Spool(Room()) for _ in range(20)]
    for spool in spools:
        await spool.append(bytes(100_000))
    monkeypatch.setattr(upload.UnnamedFile, "let_go", close_slowly)
    async with trio.open_nursery() as nursery:
        for spool in spools:
            nursery.start_soon(spool.aclose)
    assert (stuck.begun, len(closing)) == (1, 1)
    stuck.going_on.set()
    await wait_until(lambda: len(closing) == 20)
