"""The file that tells others which process to signal."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from hump_trio.facts.exceptions import HumpError

__all__ = ["PidFileError", "pid_file"]


class PidFileError(HumpError):
    """A file that can't be had: it can't be written, or names another process that lives."""


@contextmanager
def pid_file(path: Path) -> Iterator[None]:
    """Keep a file with the number of this process while something is done.

    One that a process has left behind that was killed is replaced. Whoever reads it finds a whole
    number: it is written elsewhere, and put in its place. It is removed if it is still ours.

    Raises:
        PidFileError: See there.
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
    """Write a file that isn't there, and that nobody else may change.

    In a folder that others can write to, a link of theirs may wait at the path, to a file that is
    theirs to have overwritten by us.

    Raises:
        OSError: It can't be had.
    """
    path.unlink(missing_ok=True)  # of a process with the same number that was killed
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    with open(descriptor, "w") as file:
        file.write(text)


def read_process(path: Path) -> int:
    """Return the number in a file; 0 if it has none."""
    text = path.read_bytes().strip()
    return int(text) if text.isdigit() and len(text) < 10 else 0


def is_alive(process: int) -> bool:
    """Tell whether there is such a process."""
    if process == 0:
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True  # somebody else's
    return True
