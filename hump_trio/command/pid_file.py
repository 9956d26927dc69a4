"""The pid file, which tells other programs which process to signal."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from hump_trio.facts.exceptions import HumpError

__all__ = ["PidFileError", "pid_file"]


class PidFileError(HumpError):
    """The pid file can't be written, or names another process that is running."""


@contextmanager
def pid_file(path: Path) -> Iterator[None]:
    """Keep a file with the number of this process while the block runs.

    A file that a killed process has left behind is replaced. A reader always finds a whole number:
    the number is written to another file, which is then renamed. At the end the file is removed if
    it still names this process.

    Args:
        path: The path of the file.

    Raises:
        PidFileError: The file can't be written, or names another process that is running.
    """
    process = os.getpid()
    text = f"{process}\n"
    draft = path.with_name(f"{path.name}.{process}")
    try:
        write_new(draft, text)
        try:
            try:
                os.link(draft, path)  # fails where there is one already
            except FileExistsError:
                other = read_process(path)
                if other != process and is_alive(other):
                    raise PidFileError(
                        f"{path} belongs to process {other}, which is running"
                    ) from None
                os.replace(draft, path)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise PidFileError(f"cannot write {path}: {error.strerror}") from error
    try:
        yield
    finally:
        with suppress(OSError):
            if read_process(path) == process:
                path.unlink()


def write_new(path: Path, text: str) -> None:
    """Write a new file, which nobody else may change.

    In a folder that other users can write to, one of them may have put a link at the path, to have
    us overwrite the file behind the link. So a file that is there is never opened.

    Raises:
        OSError: The file can't be written.
    """
    path.unlink(missing_ok=True)  # left by a killed process with the same number
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    with open(descriptor, "w") as file:
        file.write(text)


def read_process(path: Path) -> int:
    """Return the number of the process in a file; 0 if there is none."""
    text = path.read_bytes().strip()
    return int(text) if text.isdigit() and len(text) < 10 else 0


def is_alive(process: int) -> bool:
    """Tell whether a process with a number is running."""
    if process == 0:
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True  # a process of another user
    return True
