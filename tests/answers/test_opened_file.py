"""Opened files: who waits for the disk, what is read, and that each is closed once."""

import errno
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event
from typing import Any

import pytest
import trio
import trio.testing

from hump_trio.answers import opened_file as opened_file_module
from hump_trio.answers.opened_file import OpenedFile, open_file
from tests.support.descriptors import descriptors_below, open_below
from tests.support.loopback import PATIENCE_SECONDS, wait_until

CONTENT = bytes(range(256)) * 40


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    """A file, which nobody has open at the end."""
    path = tmp_path / "file"
    path.write_bytes(CONTENT)
    yield path
    assert open_below(tmp_path) == []


@pytest.fixture
def closed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The descriptors that were closed."""
    closed: list[int] = []
    close = os.close

    def note(descriptor: int) -> None:
        closed.append(descriptor)
        close(descriptor)

    monkeypatch.setattr(os, "close", note)
    return closed


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> list[Callable[..., Any]]:
    """What was run in threads."""
    run: list[Callable[..., Any]] = []
    run_sync = trio.to_thread.run_sync

    async def note(function: Callable[..., Any], *args: Any, **options: Any) -> Any:
        run.append(function)
        return await run_sync(function, *args, **options)

    monkeypatch.setattr(trio.to_thread, "run_sync", note)
    return run


def forget(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """Let the system be one that can't tell what is cached."""
    for name in names:
        monkeypatch.setattr(opened_file_module, name, None)


async def opened(path: Path) -> OpenedFile:
    """Return a file that is there."""
    file = await open_file(str(path))
    assert file is not None
    return file


async def test_what_is_cached_needs_no_thread(
    path: Path, threads: list[Callable[..., Any]], closed: list[int]
) -> None:
    """Opening it and reading it don't wait, nor does finding that it isn't there."""
    with trio.testing.assert_no_checkpoints():
        file = await opened(path)
        assert await file.read(range(len(CONTENT))) == CONTENT
        assert await file.read(range(5, 9)) == CONTENT[5:9]
        within = await open_file(path.name, str(path.parent))
    assert (file.is_regular, file.is_folder) == (True, False)
    assert within is not None
    file.close()
    within.close()
    missing = path.parent / "missing"
    os.access(missing, os.F_OK)  # so that the system knows
    with trio.testing.assert_no_checkpoints():
        assert await open_file(str(missing)) is None
    assert threads == []
    assert len(closed) == 2


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a thread opens whatever it is")
@pytest.mark.parametrize("remembered_count", [0, 1])
async def test_a_folder_behind_a_link(
    remembered_count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The link is followed each time, and no file outside is opened.

    Whether it is remembered that there is a link makes no difference.
    """
    monkeypatch.setattr(opened_file_module, "LINKED", set())
    monkeypatch.setattr(opened_file_module, "LINKED_COUNT", remembered_count)
    current, outer = tmp_path / "current", tmp_path / "outer"
    outer.write_text("secret")
    for version in ("one", "two", "one"):
        folder = tmp_path / version
        folder.mkdir(exist_ok=True)
        (folder / "file").write_text(version)
        current.unlink(missing_ok=True)
        current.symlink_to(folder)
        file = await open_file("file", str(current))
        assert file is not None
        assert await file.read(range(3)) == version.encode()
        file.close()
    (tmp_path / "one" / "link").symlink_to(outer)
    for name in (str(current), str(tmp_path / "one")):
        assert await open_file("link", name) is None
        assert await open_file("missing", name) is None


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a thread opens whatever it is")
async def test_a_path_that_is_too_long_as_a_whole(path: Path) -> None:
    """It is opened where its folder is, for which it isn't too long."""
    folder = f"{path.parent}/{'./' * 2040}"[:4094]
    assert len(folder) == 4094  # of 4095 that a path may have
    file = await open_file(path.name, folder)
    assert file is not None
    file.close()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a thread opens whatever it is")
@pytest.mark.parametrize("name", ["a" * 256, "a/" * 2048 + "a"])
async def test_a_name_that_is_too_long(
    name: str, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It isn't there, and its folder is not taken for one in which there is a link."""
    linked = set[str]()
    monkeypatch.setattr(opened_file_module, "LINKED", linked)
    assert await open_file(name, str(path.parent)) is None
    assert linked == set()


async def test_what_is_unknown_is_left_to_a_thread(
    path: Path, threads: list[Callable[..., Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The loop waits for no disk, and the file is the same."""
    forget(monkeypatch, "open_cached", "read_cached")
    file = await opened(path)
    assert await file.read(range(3, len(CONTENT))) == CONTENT[3:]
    file.close()
    assert len(threads) == 2


@pytest.mark.parametrize("cached_bytes", [0, 4096])
async def test_what_is_partly_cached(
    cached_bytes: int, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thread reads the rest, in as many calls as the system wants."""
    pread = os.pread
    monkeypatch.setattr(opened_file_module, "read_cached", lambda *_: CONTENT[:cached_bytes])
    monkeypatch.setattr(os, "pread", lambda descriptor, count, at: pread(descriptor, 1000, at))
    file = await opened(path)
    assert await file.read(range(len(CONTENT))) == CONTENT
    file.close()


@pytest.mark.parametrize("number", [errno.EAGAIN, errno.EOPNOTSUPP, errno.EIO])
async def test_what_the_system_can_not_read_at_once(
    number: int, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever its reason, the thread finds out."""

    def fail(*args: Any) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "preadv", fail)
    file = await opened(path)
    assert await file.read(range(9)) == CONTENT[:9]
    monkeypatch.setattr(os, "pread", fail)
    with pytest.raises(OSError, match=os.strerror(number)):
        await file.read(range(9))
    file.close()


@pytest.mark.parametrize("number", [errno.EAGAIN, errno.EXDEV, errno.ENOSYS, errno.EPERM])
async def test_where_the_kernel_can_not_open(
    number: int, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An old one, a container that forbids it, a cold cache: a thread opens it."""

    def fail(*args: Any) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(opened_file_module, "open_cached", fail)
    file = await open_file(path.name, str(path.parent))
    assert file is not None
    assert await file.read(range(9)) == CONTENT[:9]
    file.close()


async def test_a_file_that_has_become_shorter(path: Path) -> None:
    """It is never filled up."""
    file = await opened(path)
    os.truncate(path, 10)
    with pytest.raises(EOFError, match="shorter than 20 bytes"):
        await file.read(range(5, 20))
    file.close()


async def test_it_is_closed_once(path: Path, closed: list[int]) -> None:
    """However often that is said, and also if it isn't."""
    file = await opened(path)
    file.close()
    file.close()
    del file
    assert len(closed) == 1
    file = await opened(path)
    del file
    assert len(closed) == 2


async def test_a_look_that_fails(
    path: Path, closed: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A descriptor whose file can't be looked at is closed."""

    def fail(descriptor: int) -> os.stat_result:
        raise OSError(errno.EIO, "broken")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fstat", fail)
        with pytest.raises(OSError, match="broken"):
            await open_file(str(path))
    assert len(closed) == 2  # by the loop, then by a thread


class Slowly:
    """Holds a call in a thread until it is let go.

    Args:
        call: What is called then.
    """

    def __init__(self, call: Callable[..., Any]) -> None:
        self.call = call
        self.begun = Event()
        self.let_go = Event()

    def __call__(self, *args: Any, **options: Any) -> Any:
        """Wait, then call."""
        self.begun.set()
        assert self.let_go.wait(PATIENCE_SECONDS)
        return self.call(*args, **options)


async def cancel_within(slowly: Slowly, function: Callable[[], Any]) -> None:
    """Call a function and cancel it when it has come to the slow call."""
    with trio.fail_after(PATIENCE_SECONDS):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(function)
            await wait_until(slowly.begun.is_set)
            nursery.cancel_scope.cancel()


async def test_an_opening_that_is_cancelled(
    path: Path, closed: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It isn't waited for; when it is done, the file is closed."""
    forget(monkeypatch, "open_cached")
    slowly = Slowly(os.open)
    monkeypatch.setattr(os, "open", slowly)

    async def read() -> None:
        await open_file(str(path))

    await cancel_within(slowly, read)
    slowly.let_go.set()
    # The thread opens the file only now, so first it isn't open yet.
    await wait_until(lambda: len(closed) == 1 and not open_below(path.parent))


async def test_a_read_that_is_cancelled(
    path: Path, closed: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It isn't waited for; the file stays open for the thread, and is closed after it."""
    forget(monkeypatch, "read_cached")
    slowly = Slowly(os.pread)
    monkeypatch.setattr(os, "pread", slowly)

    async def read() -> None:
        file = await opened(path)
        try:
            await file.read(range(9))
        finally:
            file.close()

    await cancel_within(slowly, read)
    assert (closed, open_below(path.parent)) == ([], ["file"])
    slowly.let_go.set()
    await wait_until(lambda: len(closed) == 1)


async def test_no_descriptor_is_inherited(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither way of opening lets a program have it that the app starts."""
    for _ in range(2):
        file = await opened(path)
        [descriptor] = descriptors_below(path.parent)
        assert not os.get_inheritable(descriptor)
        file.close()
        forget(monkeypatch, "open_cached")


async def test_a_link_that_is_none_any_more(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that changes while it is looked at, on which Python up to 3.12 fails, isn't there."""
    forget(monkeypatch, "open_cached")

    realpath = os.path.realpath

    def change(path: str) -> str:
        if path.endswith("link"):
            raise OSError(errno.EINVAL, "not a link")
        return realpath(path)

    monkeypatch.setattr(os.path, "realpath", change)
    assert await open_file("link", str(path.parent)) is None
    assert await open_file("file", str(path.parent)) is not None
