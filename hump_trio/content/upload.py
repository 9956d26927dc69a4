"""Uploaded files: where their bytes are kept while their form is open, and how they are read."""

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

# The most memory that the files of a form take, and the size of one write or read: switching
# threads costs as much as copying so many bytes. With thousands of forms at a time, more memory for
# each would add up.
SPOOL_BYTES = 64 * 1024
# Longest wait for a file to be closed: deleting gigabytes takes time, and a stuck disk never
# answers. After that nobody waits for the thread any more. `serve` may exceed its timeouts by one
# second, so this is no longer.
CLOSE_SECONDS = 1.0
CLOSED = (
    "an upload lasts until its handler returns, or until `async with` of its form is left: read it"
    " before, and keep what you have read"
)


class UnnamedFile:
    """A file without a name, opened at the first write.

    Its methods are called in threads, and a cancelled task doesn't wait for its thread: the disk
    may be stuck. So the file is closed by its last holder, and never while a thread uses it.

    Args:
        room: The room on the disk; the file's share is given back when it is closed.
    """

    __slots__ = ("_file", "_holders", "_lock", "_room", "_taken_bytes")

    def __init__(self, room: DiskRoom) -> None:
        self._room = room
        self._taken_bytes = 0
        self._file: FileIO | None = None
        self._holders = 1  # its maker, and each thread that uses it now
        self._lock = Lock()  # held to change the count alone, never while a disk is waited for

    def take_room(self, byte_count: int) -> None:
        """Take the room for the bytes of the next write.

        Raises:
            OverloadError: 503, other uploads have taken too much.
        """
        self._room.take(byte_count)
        self._taken_bytes += byte_count

    def write(self, data: bytearray) -> None:
        """Append bytes."""
        with self._held() as file:
            write_all(file, data)

    def read(self, start: int, byte_count: int) -> bytes:
        """Return bytes from an offset on."""
        with self._held() as file:
            return read_at(file, start, byte_count)

    @contextmanager
    def _held(self) -> Iterator[FileIO]:
        with self._lock:
            if not self._holders:  # the file was closed before this thread began
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
        """Give up one hold; the last one closes the file. Its maker calls this once."""
        with self._lock:
            self._holders -= 1
            assert self._holders >= 0
            is_last = not self._holders
        if is_last:
            if self._file is not None:
                with suppress(OSError):  # an error in writing bytes that nobody needs any more
                    self._file.close()
                OPEN_FILES.remove()
            self._room.give_back(self._taken_bytes)


# Files of forms that are closed; a thread is to close the files too.
left_files: deque[UnnamedFile] = deque()


class Spool:
    """The contents of a form's files, one behind the other: in memory, then in an unnamed file.

    One unnamed file stores them all, so that a form takes one descriptor. It has no name even
    while it is open (``O_TMPFILE``), so that nothing is left when the process is killed.

    Args:
        room: The memory and disk that the contents may take.

    Attributes:
        size_bytes: The bytes that were added so far.
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
        """Add bytes.

        Raises:
            OverloadError: 503 or 507, there is no room for them.

        Cancellation: a checkpoint only if the bytes in memory become too many. If it is cancelled
            there, the writing thread goes on, and no more bytes can be added.
        """
        self._hold(len(data))
        self._memory += data
        self.size_bytes += len(data)
        if len(self._memory) > SPOOL_BYTES:
            await self._flush()

    async def finish(self) -> None:
        """Make all bytes readable in one place: all of them in memory, or all in the file."""
        if self._file is not None and self._memory:
            await self._flush()

    def _hold(self, byte_count: int) -> None:
        """Count bytes in memory."""
        self._held_bytes += byte_count
        self._room.hold(byte_count)

    async def _flush(self) -> None:
        """Write the bytes in memory to the file."""
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
        """Return as many bytes as were asked for, from an offset on.

        Raises:
            trio.ClosedResourceError: The form is closed.

        Cancellation: a checkpoint; the reading thread goes on.
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
        """Drop all bytes and close the file; closing again does nothing.

        A task that is reading at this moment still gets its bytes, and isn't waited for.

        Cancellation: shielded, for at most a second.
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
    """Close all files that forms have left, of any form; called in a thread.

    If a form has stopped waiting for a thread, because a disk is stuck, the thread closes the
    form's file nevertheless as soon as the disk answers.
    """
    with suppress(IndexError):
        while True:
            left_files.popleft().let_go()


def open_unnamed() -> FileIO:
    """Return a new file without a name, in the folder that ``TMPDIR`` names."""
    return TemporaryFile(buffering=0)


def write_all(file: FileIO, data: bytearray) -> None:
    """Append all bytes to a file."""
    with memoryview(data) as left:
        at = 0
        while at < len(left):
            at += file.write(left[at:])


def read_at(file: FileIO, start: int, byte_count: int) -> bytes:
    """Return bytes from an offset on; the file's own position, the end, stays as it is."""
    data = b""
    while len(data) < byte_count:
        data += os.pread(file.fileno(), byte_count - len(data), start + len(data))
    return data


@dataclass(frozen=True, slots=True, eq=False)
class UploadFile:
    """An uploaded file, readable as long as its form is open, and any number of times.

    ``async for part in file`` yields the content in parts of up to 64 KiB.

    Args:
        name: The name of the form's field.
        filename: The file's name by the client, without folders; control characters and the like
            are replaced by ``_``. It may be empty, and the client chooses it: show it, but save
            files under names of your own.
        content_type: The content type by the client; may be empty, and needn't be true.
        size_bytes: The size of the content.
        spool: The store of the content.
        start: The offset of the content in the store.
    """

    name: str
    filename: str
    content_type: str
    size_bytes: int
    spool: Spool = field(repr=False)
    start: int = field(repr=False)

    async def read(self) -> bytes:
        """Return the whole content.

        Raises:
            trio.ClosedResourceError: The form is closed. Iterating raises it too.

        Cancellation: a checkpoint.
        """
        return await self.spool.read(self.start, self.size_bytes)

    def __aiter__(self) -> "UploadParts":
        return UploadParts(self.spool, self.start, self.start + self.size_bytes)


class UploadParts:
    """Yields the content of a file in parts of 64 KiB; leaving the loop early needs no closing.

    Args:
        spool: The store of the content.
        start: The offset of the first byte in the store.
        end: The offset behind the last byte.
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
