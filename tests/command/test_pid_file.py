"""The file with the number of the process."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from hump_trio.command.pid_file import PidFileError, is_alive, pid_file


def ended_process() -> int:
    """Return the number of a process that has ended."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        return process.pid


def test_it_is_there_meanwhile(tmp_path: Path) -> None:
    """With our number and a line's end; nothing is left afterwards."""
    path = tmp_path / "app.pid"
    with pid_file(path):
        assert path.read_text() == f"{os.getpid()}\n"
        assert list(tmp_path.iterdir()) == [path]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("left", ["", "tea", "0", "-1", "9" * 30, "own", "ended"])
def test_one_that_was_left_behind_is_replaced(left: str, tmp_path: Path) -> None:
    """Of a process that was killed, or what is no number; or ours, as in a container."""
    path = tmp_path / "app.pid"
    numbers = {"own": os.getpid(), "ended": ended_process()}
    path.write_text(str(numbers.get(left, left)))
    with pid_file(path):
        assert path.read_text() == f"{os.getpid()}\n"


def test_one_of_a_process_that_runs(tmp_path: Path) -> None:
    """It is left alone, and the error says whose it is."""
    path = tmp_path / "app.pid"
    path.write_text(f"{os.getppid()}\n")
    with pytest.raises(PidFileError, match=f"belongs to process {os.getppid()}"), pid_file(path):
        pass
    assert path.read_text() == f"{os.getppid()}\n"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", ["app.pid", "app.pid.{process}"])
def test_a_link_that_waits_there_is_not_followed(name: str, tmp_path: Path) -> None:
    """In a folder that others write to, it would overwrite a file of their choice."""
    path, other = tmp_path / "app.pid", tmp_path / "other"
    other.write_text("valuable")
    (tmp_path / name.format(process=os.getpid())).symlink_to(other)
    with pid_file(path):
        assert path.read_text() == f"{os.getpid()}\n"
        assert not path.is_symlink()
    assert other.read_text() == "valuable"
    assert list(tmp_path.iterdir()) == [other]


def test_nobody_else_may_change_it(tmp_path: Path) -> None:
    """With whatever umask: it says who is sent signals."""
    before = os.umask(0)
    try:
        with pid_file(tmp_path / "app.pid"):
            assert (tmp_path / "app.pid").stat().st_mode & 0o777 == 0o644
    finally:
        os.umask(before)


@pytest.mark.parametrize("change", ["removed", "taken over"])
def test_one_that_is_no_longer_ours(change: str, tmp_path: Path) -> None:
    """It is left as it is."""
    path = tmp_path / "app.pid"
    with pid_file(path):
        path.unlink()
        if change == "taken over":
            path.write_text("1\n")
    assert path.exists() == (change == "taken over")


def test_a_place_where_nothing_can_be_written(tmp_path: Path) -> None:
    """The error says why."""
    path = tmp_path / "nowhere" / "app.pid"
    with (
        pytest.raises(PidFileError, match=f"cannot write {path}: No such file or directory"),
        pid_file(path),
    ):
        pass


def test_processes_of_others_are_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that we may not signal too."""

    def refuse(process: int, number: int) -> None:
        raise PermissionError

    assert is_alive(os.getpid())
    assert not is_alive(ended_process())
    monkeypatch.setattr(os, "kill", refuse)
    assert is_alive(1)
