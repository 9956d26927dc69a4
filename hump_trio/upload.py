"""Files of a form: where their bytes are kept while the form is open, and how they are read."""

from dataclasses import dataclass, field
from io import FileIO
from tempfile import TemporaryFile
from typing import Self

import trio

__all__ = ["Spool", "UploadFile"]

# What a form's files may have in memory, and what is written or read in one go: a switch of
# threads costs as much as copying it. More would add up, with thousands of forms at a time.
SPOOL_BYTES = 64 * 1024


class Spool:
    """The contents of a form's files, one behind the other: in memory, then in an unnamed file.

    One file for all of them, so that a form takes one descriptor. It has no name even while it is
    open (``O_TMPFILE``), so nothing is left when the process is killed.
    """

    __slots__ = ("_closed", "_file", "_lock", "_memory", "size_bytes")

    def __init__(self) -> None:
        self._memory = bytearray()
        self._file: FileIO | None = None
        self._lock = trio.Lock()  # a file has one position
        self._closed = False
        self.size_bytes: int = 0

    async def append(self, data: bytes) -> None:
        """Add bytes. A checkpoint where they are too many for the memory.

        Raises:
            OSError: The disk is full, or there is none.

        Cancellation: it is heeded when the bytes have been written.
        """
        self._memory += data
        self.size_bytes += len(data)
        if len(self._memory) > SPOOL_BYTES:
            await self._flush()

    async def finish(self) -> None:
        """Make what was added ready to be read: all of it in memory, or all of it in the file."""
        if self._file is not None and self._memory:
            await self._flush()

    async def _flush(self) -> None:
        if self._file is None:
            self._file = await trio.to_thread.run_sync(open_unnamed)
        await trio.to_thread.run_sync(write_all, self._file, self._memory)
        self._memory = bytearray()

    async def read(self, start: int, byte_count: int) -> bytes:
        """Return some bytes, all that were asked for. A checkpoint.

        Raises:
            trio.ClosedResourceError: The form is closed.
        """
        await trio.lowlevel.checkpoint()
        async with self._lock:
            if self._closed:
                raise trio.ClosedResourceError("a file is read inside `async with` of its form")
            if self._file is None:
                return bytes(memoryview(self._memory)[start : start + byte_count])
            return await trio.to_thread.run_sync(read_at, self._file, start, byte_count)

    async def aclose(self) -> None:
        """Forget everything. Not a checkpoint that could be cancelled.

        The shield has no deadline: it waits for this process's own disk alone.
        """
        with trio.CancelScope(shield=True):
            async with self._lock:  # who reads at this moment in another task comes first
                self._closed = True
                self._memory = bytearray()
                if self._file is not None:
                    # Freeing gigabytes takes time. A limiter of its own: no other thread is
                    # waited for.
                    limiter = trio.CapacityLimiter(1)
                    await trio.to_thread.run_sync(self._file.close, limiter=limiter)


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
    """Read at a place."""
    file.seek(start)
    data = file.read(byte_count)
    while len(data) < byte_count:
        data += file.read(byte_count - len(data))
    return data


@dataclass(frozen=True, slots=True, eq=False)
class UploadFile:
    """A file of a form, readable as long as the form is open; read again, it begins anew.

    Args:
        name: Of the field.
        filename: As the client calls it, without folders; may be empty, and be anything: show
            it, and save under names of your own.
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
