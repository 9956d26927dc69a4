"""A file that is open for reading, without ever making the event loop wait for a disk.

What the system has in memory is opened and read at once, in a few microseconds; what it would
have to fetch is left to a worker thread, which takes 80 µs of CPU more. What a file is said to be
is what its descriptor says: nothing can be put in its place between a check and its use.
"""

import ctypes
import errno
import os
import stat
import struct
import sys
from collections.abc import Callable
from typing import Any

import trio

from hump_trio.content.open_files import OPEN_FILES
from hump_trio.facts.exceptions import OverloadError
from hump_trio.tasks.threads import FILES

__all__ = ["OpenedFile", "is_inner_name", "open_file"]


def flags_of(*names: str) -> int:
    """Return flags for opening, as far as the system has them."""
    return sum(getattr(os, name, 0) for name in names)


# A FIFO or a device is opened without waiting, and then found to be no regular file.
READ_FLAGS = flags_of("O_RDONLY", "O_NONBLOCK", "O_CLOEXEC", "O_NOCTTY", "O_BINARY")
FOLDER_FLAGS = flags_of("O_PATH", "O_DIRECTORY", "O_CLOEXEC")
NOFOLLOW = flags_of("O_NOFOLLOW")
# As if it weren't there: a link that goes round in circles, a name too long, no permission, a
# socket or a device without a driver.
ABSENT = {
    errno.ENOENT,
    errno.ENOTDIR,
    errno.ELOOP,
    errno.EACCES,
    errno.ENAMETOOLONG,
    errno.ENXIO,
    errno.ENODEV,
}
EXHAUSTED = {errno.EMFILE, errno.ENFILE}

open_cached: Callable[[str, str | None], int] | None = None
read_cached: Callable[[int, range], bytes] | None = None

if sys.platform == "linux":
    # openat2(2) has one number on all machines, and no function in C libraries yet.
    OPENAT2 = 437
    RESOLVE_NO_MAGICLINKS, RESOLVE_BENEATH, RESOLVE_CACHED = 0x02, 0x08, 0x20
    AT_FDCWD = -100
    HOW = struct.Struct("QQQ")
    syscall: Any = ctypes.CDLL(None, use_errno=True).syscall
    syscall.restype = ctypes.c_long
    syscall.argtypes = (
        ctypes.c_long,
        ctypes.c_int,
        ctypes.c_char_p,
        ctypes.c_char_p,
        ctypes.c_size_t,
    )

    def openat2(folder: int, path: str, flags: int, resolve: int) -> int:
        """Return a descriptor of what can be opened without waiting for a disk.

        Raises:
            OSError: EAGAIN, it would have to be waited for; EXDEV, it leads out of the folder;
                or it can't be opened, or the system doesn't know how.
        """
        how = HOW.pack(flags, 0, resolve | RESOLVE_CACHED)
        descriptor: int = syscall(OPENAT2, folder, os.fsencode(path), how, HOW.size)
        if descriptor < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
        return descriptor

    def open_cached_by_kernel(path: str, folder: str | None) -> int:
        """Open a file, within a folder if there is one (see `openat2`)."""
        if folder is None:
            return openat2(AT_FDCWD, path, READ_FLAGS, 0)
        outer = openat2(AT_FDCWD, folder, FOLDER_FLAGS, 0)
        try:
            return openat2(outer, path, READ_FLAGS, RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS)
        finally:
            os.close(outer)

    def read_cached_by_kernel(descriptor: int, span: range) -> bytes:
        """Return the bytes of a file that are in the page cache, up to the first that isn't."""
        buffer = bytearray(len(span))
        try:
            count = os.preadv(descriptor, [buffer], span.start, os.RWF_NOWAIT)
        except OSError:
            return b""  # not there, or not to be known; if it is an error it comes again
        return bytes(buffer if count == len(span) else buffer[:count])

    open_cached, read_cached = open_cached_by_kernel, read_cached_by_kernel


class OpenedFile:
    """An open file. It is closed by `close`, at the latest when nobody holds it any more.

    Args:
        descriptor: Its own from now on.
    """

    __slots__ = ("_abandoned", "_descriptor", "status")

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        OPEN_FILES.add()
        self._abandoned = False  # to a thread that may still be reading
        try:
            self.status: os.stat_result = os.fstat(descriptor)
        except OSError:
            self._close()
            raise

    @property
    def is_regular(self) -> bool:
        """Whether it is a file with bytes of its own, and neither a folder nor a device."""
        return stat.S_ISREG(self.status.st_mode)

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder."""
        return stat.S_ISDIR(self.status.st_mode)

    async def read(self, span: range) -> bytes:
        """Return a part, all of it.

        Args:
            span: Where it begins and ends.

        Raises:
            EOFError: The file has become shorter.
            OSError: It can't be read.

        Cancellation: a checkpoint only if a disk has to be waited for. Cancelled there, the
            thread goes on; the file is closed when it is done, and nothing else can be read.
        """
        data = b"" if read_cached is None else read_cached(self._descriptor, span)
        if len(data) == len(span):
            return data
        try:
            return data + await trio.to_thread.run_sync(
                self._read_waiting,
                span[len(data) :],
                abandon_on_cancel=True,
                limiter=FILES.limiter,
            )
        except trio.Cancelled:
            self._abandoned = True
            raise

    def _read_waiting(self, span: range) -> bytes:
        """Return a part; called in a thread."""
        data = b""
        while len(data) < len(span):
            rest = span[len(data) :]
            part = os.pread(self._descriptor, len(rest), rest.start)
            if not part:
                raise EOFError(f"a file has become shorter than {span.stop} bytes")
            data += part
        return data

    def close(self) -> None:
        """Close it; any number of times is once."""
        if not self._abandoned:
            self._close()

    def _close(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)
            OPEN_FILES.remove()

    __del__ = _close  # of an answer that was thrown away, and of what was abandoned to a thread


async def open_file(path: str, folder: str | None = None) -> OpenedFile | None:
    """Open a file; None if there is none, or none that can be opened.

    Args:
        path: Where it is; from the folder, if there is one, and then as `is_inner_name` wants it.
        folder: Where it has to be, whatever links there are on the way.

    Raises:
        OverloadError: 503, there are no descriptors left.
        OSError: A disk has failed.

    Cancellation: a checkpoint only if a disk has to be waited for.
    """
    if not is_nameable(path):
        return None
    if open_cached is not None:
        try:
            return OpenedFile(open_cached(path, folder))
        except OSError as error:
            if error.errno in ABSENT or error.errno in EXHAUSTED:
                check_absent(error)
                return None
    try:
        return await trio.to_thread.run_sync(
            open_waiting, path, folder, abandon_on_cancel=True, limiter=FILES.limiter
        )
    except OSError as error:
        check_absent(error)
        return None


def open_waiting(path: str, folder: str | None) -> OpenedFile:
    """Open a file; called in a thread (see `open_file`)."""
    return OpenedFile(os.open(path, READ_FLAGS) if folder is None else open_real(folder, path))


def is_nameable(path: str) -> bool:
    """Tell whether the system can have a file of this name; as bytes, a NUL would end it."""
    try:
        return b"\0" not in os.fsencode(path)
    except UnicodeEncodeError:
        return False


def is_inner_name(name: str, *, dot_files: bool = False) -> bool:
    """Tell whether a name that a client has chosen may be one of a file within a folder.

    No segment of it is empty, ``.`` or ``..``, or has a backslash, which is a slash elsewhere.

    Args:
        name: With slashes between its segments.
        dot_files: Whether a segment may begin with a dot.
    """
    segments = name.split("/")
    if "\\" in name or not {"", ".", ".."}.isdisjoint(segments):
        return False
    return dot_files or not any(segment.startswith(".") for segment in segments)


def check_absent(error: OSError) -> None:
    """Raise what an error means, unless it is that of a file that isn't there."""
    if error.errno in EXHAUSTED:
        raise OverloadError("too many files are open") from error
    if error.errno not in ABSENT:
        raise error


def open_real(folder: str, path: str) -> int:
    """Open what a path leads to within a folder; called in a thread.

    The way there is found first and then gone step by step, following no link: if somebody
    changes it meanwhile, it ends instead of leading elsewhere.

    Raises:
        OSError: It can't be opened, or isn't within the folder.
    """
    root = os.path.realpath(folder)
    try:
        real = os.path.realpath(os.path.join(root, path))
    except OSError as error:  # what was a link is none any more
        raise FileNotFoundError(errno.ENOENT, "changed meanwhile", path) from error
    if os.path.commonpath([root, real]) != root:
        raise FileNotFoundError(errno.ENOENT, "outside of the folder", path)
    *outer, name = os.path.relpath(real, root).split(os.sep)
    descriptor = os.open(root, FOLDER_FLAGS)
    for segment in outer:
        descriptor = step(descriptor, segment, FOLDER_FLAGS)
    return step(descriptor, name, READ_FLAGS)


def step(folder: int, name: str, flags: int) -> int:
    """Open what is in an open folder, which is closed."""
    try:
        return os.open(name, flags | NOFOLLOW, dir_fd=folder)
    finally:
        os.close(folder)
