"""Writing lines to readers that are slow, stuck, or gone."""

import errno
import os
import pty
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from hump_trio.tasks import line_writer
from hump_trio.tasks.line_writer import LineWriter
from tests.support.loopback import PATIENCE_SECONDS


@pytest.fixture(params=["without waiting", "asked before"])
def pipe(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[int, int]]:
    """The two ends of a pipe, the reader's first; also where no write can be told not to wait."""
    if request.param == "asked before":
        monkeypatch.delattr(os, "RWF_NOWAIT", raising=False)
    ends = os.pipe2(os.O_CLOEXEC)
    yield ends
    for end in ends:
        try:
            os.close(end)
        except OSError:
            continue


def note(count: int) -> str:
    """Return the line that tells of others that were dropped."""
    return f"dropped {count}"


def read_until(reader: int, end: str) -> str:
    """Return what comes until it ends so."""
    data = b""
    while not data.endswith(end.encode()):
        data += os.read(reader, 1 << 20)
    return data.decode()


def test_lines_are_written_whole(pipe: tuple[int, int], tmp_path: Path) -> None:
    """To a pipe, also what is longer than a page; to a file; and what no encoding has."""
    reader, writer = pipe
    lines = LineWriter(writer, note)
    lines.write("tea")
    lines.write("long " * 2000)
    lines.write("\udcff")
    assert read_until(reader, "cff\n") == f"tea\n{'long ' * 2000}\n\\udcff\n"
    with (tmp_path / "log").open("wb") as file:
        LineWriter(file.fileno(), note).write("tea\ntea")
    assert (tmp_path / "log").read_text() == "tea\ntea\n"


def test_a_line_goes_with_those_that_belong_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """In one write, so that no other process's line comes between; and only with those."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        lines = LineWriter(ours.fileno(), note)
        lines.write("first\n  indented\n  too\nsecond\nthird")
        received = [theirs.recv(1000) for _ in range(3)]
    assert received == [b"first\n  indented\n  too\n", b"second\n", b"third\n"]


def test_a_terminal() -> None:
    """Is written to as well, though no write to it can be told not to wait."""
    reader, writer = pty.openpty()
    lines = LineWriter(writer, note)
    lines.write("tea")
    lines.write("more tea")
    assert read_until(reader, "more tea\r\n") == "tea\r\nmore tea\r\n"
    os.close(reader)
    os.close(writer)


def test_a_slow_reader(pipe: tuple[int, int]) -> None:
    """What is more than it has read waits for it, in order; who writes doesn't."""
    reader, writer = pipe
    lines = LineWriter(writer, note)
    texts = [f"{number:0100}" for number in range(2000)]
    for text in texts:
        lines.write(text)
    assert read_until(reader, texts[-1] + "\n").splitlines() == texts
    lines.close()


def test_a_reader_that_has_stopped(pipe: tuple[int, int]) -> None:
    """Gets what was kept for it, and how much wasn't, when it reads again; then all the rest."""
    reader, writer = pipe
    lines = LineWriter(writer, note)
    texts = [f"{number:0100}" for number in range(10_000)]
    for text in texts:
        lines.write(text)
    data = os.read(reader, 1 << 20).decode()
    while "dropped" not in data or not data.endswith("\n"):
        data += os.read(reader, 1 << 20).decode()
    *kept, told = data.splitlines()
    assert kept == texts[: len(kept)]
    assert told == f"dropped {len(texts) - len(kept)}"
    assert line_writer.WAITING_BYTES < len(kept) * 101 < line_writer.WAITING_BYTES + 70_000
    lines.write("tea")
    assert read_until(reader, "tea\n") == "tea\n"
    lines.close()


def test_the_end(pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    """Comes for a reader that has stopped too, soon; nothing is written to it any more."""
    reader, writer = pipe
    lines = LineWriter(writer, note)
    before = set(threading.enumerate())
    lines.write("x" * 100_000)
    [thread] = set(threading.enumerate()) - before
    monkeypatch.setattr(line_writer, "CLOSE_SECONDS", 0.001)
    lines.close()
    thread.join()
    assert set(os.read(reader, 1 << 20)) == {ord("x")}


def test_a_line_that_waits_is_not_cut(pipe: tuple[int, int]) -> None:
    """Its end comes when there is room, and the next line after it."""
    reader, writer = pipe
    lines = LineWriter(writer, note)
    lines.write("x" * 200_000)
    lines.write("tea")
    assert read_until(reader, "tea\n") == "x" * 200_000 + "\ntea\n"


def test_a_reader_that_has_gone(
    pipe: tuple[int, int], capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is raised, and nothing is written elsewhere; nor for a descriptor that is closed."""
    reader, writer = pipe
    lines = LineWriter(writer, note)
    for _ in range(2):
        lines.write("x" * 100_000)
    os.close(reader)
    lines.close()  # what has waited is dropped
    for _ in range(2):
        lines.write("tea")
    os.close(writer)
    lines.write("tea")
    assert capfd.readouterr() == ("", "")


def test_a_disk_that_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines are dropped, and counted; a line that was cut ends before the next one."""
    room = [3, 0, 0]
    write = os.write

    def write_some(descriptor: int, data: bytes) -> int:
        if not room:
            return write(descriptor, data)
        count = room.pop(0)
        if not count:
            raise OSError(errno.ENOSPC, "no space")
        return write(descriptor, data[:count])

    with (tmp_path / "log").open("wb") as file:
        lines = LineWriter(file.fileno(), note)
        monkeypatch.setattr(os, "write", write_some)
        for text in ("black tea", "green tea", "white tea", "tea"):
            lines.write(text)
    assert (tmp_path / "log").read_text() == "bla\ndropped 2\nwhite tea\ntea\n"


def test_lines_that_were_dropped_are_told_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though their number has to wait: the next line waits behind it."""
    errors = [OSError(errno.ENOSPC, "no space"), BlockingIOError()]
    write = os.write

    def fail_twice(descriptor: int, data: bytes) -> int:
        if errors:
            raise errors.pop(0)
        return write(descriptor, data)

    with (tmp_path / "log").open("wb") as file:
        lines = LineWriter(file.fileno(), note)
        monkeypatch.setattr(os, "write", fail_twice)
        lines.write("black tea")
        lines.write("tea")
        lines.close()
    assert (tmp_path / "log").read_text() == "dropped 1\ntea\n"


def test_without_threads(pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines wait until there is one again."""
    reader, writer = pipe
    lines = LineWriter(writer, note)

    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        lines.write("x" * 100_000)
    lines.write("tea")
    assert read_until(reader, "tea\n") == "x" * 100_000 + "\ntea\n"
    lines.close()


def test_the_end_without_threads(pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is waited for, and nothing is raised."""
    lines = LineWriter(pipe[1], note)

    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't create new thread at interpreter shutdown")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    lines.write("x" * 100_000)
    lines.close()


FORKING = """
import os, sys, warnings
from hump_trio.tasks.line_writer import LineWriter
warnings.simplefilter("ignore", DeprecationWarning)
lines = LineWriter(1, str)
lines.write("x" * 100_000)
lines.write("once")
if os.fork():
    os.wait()
    lines.write("parent")
else:
    lines.write("y" * 100_000)
lines.close(60)
"""


def test_a_fork() -> None:
    """Has lines and a thread of its own: what waits in its parent is written once, by that."""
    command = [sys.executable, "-c", FORKING]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        output, errors = process.communicate(timeout=PATIENCE_SECONDS)
    assert errors == b""
    assert output.count(b"once\n") == output.count(b"parent\n") == 1
    assert output.count(b"x") == output.count(b"y") == 100_000


def test_another_process(pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    """Is known by its number."""
    lines = LineWriter(pipe[1], note)
    monkeypatch.setattr(os, "getpid", lambda: 1)
    lines.write("tea")
    assert read_until(pipe[0], "tea\n") == "tea\n"
