"""Files open for reading, without ever making the event loop wait for a disk.

What the system has in memory is opened and read at once, in a few microseconds; only a worker
thread waits for what the system has to fetch, which takes 80 µs of CPU more. Size and kind of a
file are asked of its descriptor: no other file can take its place between a check and its use.
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
    """Return the flags of these names for opening, as far as the system has them."""
    return sum(getattr(os, name, 0) for name in names)


# A FIFO or a device too is opened without waiting; then it is found not to be a regular file.
READ_FLAGS = flags_of("O_RDONLY", "O_NONBLOCK", "O_CLOEXEC", "O_NOCTTY", "O_BINARY")
FOLDER_FLAGS = flags_of("O_PATH", "O_DIRECTORY", "O_CLOEXEC")
NOFOLLOW = flags_of("O_NOFOLLOW")
# Errors that mean the same to a client as a file that isn't there: a link that goes round in
# circles, a name too long, no permission, a socket or a device without a driver.
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
    RESOLVE_NO_MAGICLINKS, RESOLVE_NO_SYMLINKS, RESOLVE_BENEATH = 0x02, 0x04, 0x08
    RESOLVE_CACHED = 0x20
    AT_FDCWD = -100
    HOW = struct.Struct("QQQ")
    # What tells nothing of a path within a folder: a link is on the way, or the whole is too long.
    UNDECIDED = {errno.ELOOP, errno.ENAMETOOLONG}
    # Folders in which a link was met. A program has few; of one that makes them up, so many count.
    LINKED: set[str] = set()
    LINKED_COUNT = 100
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
        """Open a path if that needs no waiting for a disk, and return the descriptor.

        Raises:
            OSError: EAGAIN, a disk would have to be waited for; EXDEV, the path leads out of the
                folder; ENOSYS, the system lacks the call; or the path can't be opened.
        """
        how = HOW.pack(flags, 0, resolve | RESOLVE_CACHED)
        descriptor: int = syscall(OPENAT2, folder, os.fsencode(path), how, HOW.size)
        if descriptor < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
        return descriptor

    def open_cached_by_kernel(path: str, folder: str | None) -> int:
        """Open a file, within a folder if there is one (see `openat2`).

        Where no link is on the way from the root on, the file can't be anywhere else: to open it
        without its folder takes half the time, a sixth of a request for a short file. A path within
        a folder is one that `is_inner_name` has allowed, so that it leads nowhere else by itself.
        """
        if folder is None:
            return openat2(AT_FDCWD, path, READ_FLAGS, 0)
        if folder not in LINKED:
            try:
                return openat2(AT_FDCWD, f"{folder}/{path}", READ_FLAGS, RESOLVE_NO_SYMLINKS)
            except OSError as error:
                if error.errno not in UNDECIDED:
                    raise
                if error.errno == errno.ELOOP and len(LINKED) < LINKED_COUNT:
                    LINKED.add(folder)
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
            return b""  # not cached, or not to be known; an error comes again at a plain read
        return bytes(buffer if count == len(span) else buffer[:count])

    open_cached, read_cached = open_cached_by_kernel, read_cached_by_kernel


class OpenedFile:
    """An open file. `close` closes it, and so does the end of its last reference.

    Args:
        descriptor: The file's descriptor, which this object closes.

    Attributes:
        status: The facts about the file at the time of opening.
    """

    __slots__ = ("_abandoned", "_descriptor", "status")

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        OPEN_FILES.add()
        self._abandoned = False  # whether a thread may still be reading that nobody waits for
        try:
            self.status: os.stat_result = os.fstat(descriptor)
        except OSError:
            self._close()
            raise

    @property
    def is_regular(self) -> bool:
        """Whether the file has bytes of its own: it is neither a folder nor a device."""
        return stat.S_ISREG(self.status.st_mode)

    @property
    def is_folder(self) -> bool:
        """Whether the file is a folder."""
        return stat.S_ISDIR(self.status.st_mode)

    async def read(self, span: range) -> bytes:
        """Return the bytes of a span, all of them.

        Args:
            span: Offsets of the bytes.

        Raises:
            EOFError: The file has become shorter since it was opened.
            OSError: The file can't be read.

        Cancellation: a checkpoint only if a disk has to be waited for. If it is cancelled there,
            the thread goes on and the file is closed when the thread is done; the file can't be
            read any more.
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
        """Return the bytes of a span; called in a thread."""
        data = b""
        while len(data) < len(span):
            rest = span[len(data) :]
            part = os.pread(self._descriptor, len(rest), rest.start)
            if not part:
                raise EOFError(f"a file has become shorter than {span.stop} bytes")
            data += part
        return data

    def close(self) -> None:
        """Close the file; closing it again does nothing."""
        if not self._abandoned:
            self._close()

    def _close(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)
            OPEN_FILES.remove()

    __del__ = _close  # for responses that were dropped, and for a thread that nobody waits for


async def open_file(path: str, folder: str | None = None) -> OpenedFile | None:
    """Open a file; return None if it isn't there or can't be opened.

    Args:
        path: The path of the file. With ``folder``, a path relative to it that `is_inner_name`
            has allowed.
        folder: The folder that the file has to be in, whatever links are on the way.

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
    """Tell whether a file can have this path: the system would end it at a NUL."""
    try:
        return b"\0" not in os.fsencode(path)
    except UnicodeEncodeError:
        return False


def is_inner_name(name: str, *, dot_files: bool = False) -> bool:
    """Tell whether a name from a client stays within the folder that it is relative to.

    No segment of such a name is empty, ``.`` or ``..``, or has a backslash, which some systems
    take for a slash.

    Args:
        name: The name, with slashes between its segments.
        dot_files: Whether a segment may begin with a dot.
    """
    segments = name.split("/")
    if "\\" in name or not {"", ".", ".."}.isdisjoint(segments):
        return False
    return dot_files or not any(segment.startswith(".") for segment in segments)


def check_absent(error: OSError) -> None:
    """Return if an error means that a file isn't there; otherwise raise.

    Raises:
        OverloadError: 503, there are no descriptors left.
        OSError: The error itself, if it means a failure.
    """
    if error.errno in EXHAUSTED:
        raise OverloadError("too many files are open") from error
    if error.errno not in ABSENT:
        raise error


def open_real(folder: str, path: str) -> int:
    """Open the file that a path leads to within a folder; called in a thread.

    The path's links are resolved first. The result is then opened folder by folder, following no
    link, so that a change meanwhile makes the opening fail instead of leading elsewhere.

    Raises:
        OSError: The file can't be opened, or isn't within the folder.
    """
    root = os.path.realpath(folder)
    try:
        real = os.path.realpath(os.path.join(root, path))
    except OSError as error:  # a link has become something else
        raise FileNotFoundError(errno.ENOENT, "changed meanwhile", path) from error
    if os.path.commonpath([root, real]) != root:
        raise FileNotFoundError(errno.ENOENT, "outside of the folder", path)
    *outer, name = os.path.relpath(real, root).split(os.sep)
    descriptor = os.open(root, FOLDER_FLAGS)
    for segment in outer:
        descriptor = step(descriptor, segment, FOLDER_FLAGS)
    return step(descriptor, name, READ_FLAGS)


def step(folder: int, name: str, flags: int) -> int:
    """Open a name in an open folder, and close the folder."""
    try:
        return os.open(name, flags | NOFOLLOW, dir_fd=folder)
    finally:
        os.close(folder)
