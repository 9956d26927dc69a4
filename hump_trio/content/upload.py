"""Files of a form: where their bytes are kept while the form is open, and how they are read."""

import os
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from io import FileIO
from tempfile import TemporaryFile
from threading import Lock
from typing import Self

import trio

from hump_trio.content.open_files import OPEN_FILES
from hump_trio.content.room import DiskRoom, Room
from hump_trio.tasks.threads import CLOSING, SPOOLS

__all__ = ["Spool", "UploadFile"]

# What a form's files may have in memory, and what is written or read in one go: a switch of
# threads costs as much as copying it. More would add up, with thousands of forms at a time.
SPOOL_BYTES = 64 * 1024
# Freeing gigabytes takes time, and a stuck disk takes forever: then the thread is left alone. No
# more than what `serve` may take beyond its timeouts.
CLOSE_SECONDS = 1.0
CLOSED = (
    "an upload lasts until its handler returns, or until `async with` of its form is left: read it"
    " before, and keep what you have read"
)


class UnnamedFile:
    """A file without a name, opened when there is something to write.

    Its methods are called in threads, which are left alone when their task is cancelled: a disk
    may be stuck. So it is closed by whoever lets go of it last, and never while it is in use.

    Args:
        room: On its disk; what the file takes of it is given back when it is closed.
    """

    __slots__ = ("_file", "_holders", "_lock", "_room", "_taken_bytes")

    def __init__(self, room: DiskRoom) -> None:
        self._room = room
        self._taken_bytes = 0
        self._file: FileIO | None = None
        self._holders = 1  # who made it, and the threads that use it
        self._lock = Lock()  # of the count alone: nobody waits for a disk here

    def take_room(self, byte_count: int) -> None:
        """Take the room for what is to be written next.

        Raises:
            OverloadError: 503, other uploads have it.
        """
        self._room.take(byte_count)
        self._taken_bytes += byte_count

    def write(self, data: bytearray) -> None:
        """Write at the end of what is there."""
        with self._held() as file:
            write_all(file, data)

    def read(self, start: int, byte_count: int) -> bytes:
        """Read at a place what was written there."""
        with self._held() as file:
            return read_at(file, start, byte_count)

    @contextmanager
    def _held(self) -> Iterator[FileIO]:
        with self._lock:
            if not self._holders:  # the thread has begun too late
                raise trio.ClosedResourceError(CLOSED)
            self._holders += 1
        try:
            if self._file is None:
                self._file = open_unnamed()
                OPEN_FILES.add()
            yield self._file
        finally:
            self.let_go()

    def let_go(self) -> None:
        """Close it, unless a thread still uses it, which does so then. To be called once."""
        with self._lock:
            self._holders -= 1
            is_last = not self._holders
        if is_last:
            if self._file is not None:
                with suppress(OSError):  # of writing what nobody wants any more
                    self._file.close()
                OPEN_FILES.remove()
            self._room.give_back(self._taken_bytes)


# What forms have left and a thread is to close.
left_files: deque[UnnamedFile] = deque()


class Spool:
    """The contents of a form's files, one behind the other: in memory, then in an unnamed file.

    One file for all of them, so that a form takes one descriptor. It has no name even while it is
    open (``O_TMPFILE``), so nothing is left when the process is killed.

    Args:
        room: That it may take, in memory and on the disk.
    """

    __slots__ = ("_closed", "_file", "_held_bytes", "_memory", "_room", "size_bytes")

    def __init__(self, room: Room) -> None:
        self._room = room
        self._held_bytes = 0
        self._memory = bytearray()
        self._file: UnnamedFile | None = None
        self._closed = False
        self.size_bytes: int = 0

    async def append(self, data: bytes) -> None:
        """Add bytes. A checkpoint where they are too many for the memory.

        Raises:
            OverloadError: 503 or 507, there is no room for it.

        Cancellation: the thread that writes is left alone, and nothing can be added any more.
        """
        self._hold(len(data))
        self._memory += data
        self.size_bytes += len(data)
        if len(self._memory) > SPOOL_BYTES:
            await self._flush()

    async def finish(self) -> None:
        """Make what was added ready to be read: all of it in memory, or all of it in the file."""
        if self._file is not None and self._memory:
            await self._flush()

    def _hold(self, byte_count: int) -> None:
        """Count bytes in memory."""
        self._held_bytes += byte_count
        self._room.hold(byte_count)

    async def _flush(self) -> None:
        """Write what is in memory to the file."""
        if self._file is None:
            self._file = UnnamedFile(self._room.disk)
        self._file.take_room(len(self._memory))
        write = self._file.write
        try:
            await trio.to_thread.run_sync(
                write, self._memory, abandon_on_cancel=True, limiter=SPOOLS.limiter
            )
        except OSError as error:
            raise self._room.disk.refuse(error) from error
        self._room.disk.failing = False
        self._memory = bytearray()
        self._hold(-self._held_bytes)

    async def read(self, start: int, byte_count: int) -> bytes:
        """Return some bytes, all that were asked for. A checkpoint.

        Raises:
            trio.ClosedResourceError: The form is closed.

        Cancellation: the thread that reads is left alone.
        """
        await trio.lowlevel.checkpoint()
        if self._closed:
            raise trio.ClosedResourceError(CLOSED)
        if self._file is None:
            return bytes(memoryview(self._memory)[start : start + byte_count])
        return await trio.to_thread.run_sync(
            self._file.read, start, byte_count, abandon_on_cancel=True, limiter=SPOOLS.limiter
        )

    async def aclose(self) -> None:
        """Forget everything; any number of times is once. Not a checkpoint that can be cancelled.

        Whoever reads at this moment in another task gets its bytes, and isn't waited for.
        """
        self._closed = True
        self._memory = bytearray()
        self._hold(-self._held_bytes)
        file, self._file = self._file, None
        if file is not None:
            left_files.append(file)
            with trio.move_on_after(CLOSE_SECONDS, shield=True):
                await trio.to_thread.run_sync(
                    close_left_files, abandon_on_cancel=True, limiter=CLOSING.limiter
                )


def close_left_files() -> None:
    """Let go of all files that are left, those of other forms too; called in a thread.

    Who has waited for this thread in vain finds its file closed all the same when it goes on.
    """
    with suppress(IndexError):
        while True:
            left_files.popleft().let_go()


def open_unnamed() -> FileIO:
    """Return a new file without a name, in the folder that ``TMPDIR`` names."""
    return TemporaryFile(buffering=0)


def write_all(file: FileIO, data: bytearray) -> None:
    """Write at the end of what is there."""
    with memoryview(data) as left:
        at = 0
        while at < len(left):
            at += file.write(left[at:])


def read_at(file: FileIO, start: int, byte_count: int) -> bytes:
    """Read at a place; the file's own position is where it is written, and stays."""
    data = b""
    while len(data) < byte_count:
        data += os.pread(file.fileno(), byte_count - len(data), start + len(data))
    return data


@dataclass(frozen=True, slots=True, eq=False)
class UploadFile:
    """A file of a form, readable as long as the form is open; read again, it begins anew.

    Args:
        name: Of the field.
        filename: As the client calls it, without folders and control characters, which become
            ``_``; may be empty, and be anything: show it, and save under names of your own.
        content_type: What the client says it is; may be empty.
        size_bytes: Of the content.
        spool: Has the content.
        start: Where it begins there.
    """

    name: str
    filename: str
    content_type: str
    size_bytes: int
    spool: Spool = field(repr=False)
    start: int = field(repr=False)

    async def read(self) -> bytes:
        """Return the whole content. A checkpoint.

        Raises:
            trio.ClosedResourceError: The form is closed; so does iterating.
        """
        return await self.spool.read(self.start, self.size_bytes)

    def __aiter__(self) -> "UploadParts":
        return UploadParts(self.spool, self.start, self.start + self.size_bytes)


class UploadParts:
    """The content of a file in parts of 64 KiB. Not a generator: it may be left at any time.

    Args:
        spool: Has the content.
        start: Where it begins.
        end: Where it ends.
    """

    __slots__ = ("_at", "_end", "_spool")

    def __init__(self, spool: Spool, start: int, end: int) -> None:
        self._spool = spool
        self._at = start
        self._end = end

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        byte_count = min(self._end - self._at, SPOOL_BYTES)
        if not byte_count:
            raise StopAsyncIteration
        part = await self._spool.read(self._at, byte_count)
        self._at += byte_count
        return part
