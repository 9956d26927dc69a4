"""Lines for a descriptor whose reader may be slow, stuck or gone: nobody waits for it.

What the lines say is not known here.
"""

import errno
import os
import re
import select
import stat
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress

__all__ = ["PIPE_BYTES", "LineWriter"]

# What a pipe takes whole, or not at all: nobody else's line stands in it (POSIX: PIPE_BUF).
PIPE_BYTES = 4096
# Of lines that wait for a slow reader: some thousand, which is a moment at full load.
WAITING_BYTES = 256 * 1024
# For what waits at the end.
CLOSE_SECONDS = 1.0
# Between two looks of the thread whether that has come.
LOOK_SECONDS = 0.1
# Where a line ends that no indented one follows, which belongs to it.
ENDS = re.compile(r"\n(?! )")
# What the systems say that can't write without waiting, or not there.
UNABLE = {errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL, errno.ESPIPE}


class LineWriter:
    """Writes lines at once, or lets them wait for the reader in a thread.

    A reader that has stopped (a full pipe, a terminal held by Ctrl-S) would otherwise stop the
    task that writes the next line, and a slow reader would slow every task down. If too much waits,
    lines are dropped until all that waits is written, and their number is told then. With a reader
    that has gone they are dropped for good.

    A line is written together with the indented ones that follow it, in one piece if a pipe takes
    that whole: other processes may write to the same pipe.

    Args:
        descriptor: It stays open, and stays as blocking as it is: others have it too.
        note: Returns the line that tells how many lines were dropped.
    """

    def __init__(self, descriptor: int, note: Callable[[int], str]) -> None:
        self._output = Output(descriptor)
        self._note = note
        self._begin()

    def _begin(self) -> None:
        """Begin with nothing that waits."""
        self._process = os.getpid()
        self._lock = threading.RLock()
        self._waiting: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._dropped_lines = 0
        self._cut = False  # whether an error has left the last line without its end
        self._thread: threading.Thread | None = None
        self._closed = threading.Event()

    def write(self, text: str) -> None:
        """Write some lines. The text has no line end at its end."""
        if self._process != os.getpid():
            # In a fork: what waits is for the thread to write, which only the other process has,
            # and that may have held the lock.
            self._begin()
        with self._lock:
            if "\n" not in text:
                self._take(f"{text}\n".encode("utf-8", "backslashreplace"))
                return
            for line in ENDS.split(text):
                self._take(f"{line}\n".encode("utf-8", "backslashreplace"))

    def _take(self, line: bytes) -> None:
        if self._waiting:
            if self._dropped_lines or self._waiting_bytes + len(line) > WAITING_BYTES:
                self._dropped_lines += 1
            else:
                self._wait(line)
            return
        dropped_lines = self._dropped_lines
        try:
            if dropped_lines:
                rest = self._write_some(self._note_of(dropped_lines))
                self._dropped_lines = 0
                if rest:
                    self._wait(rest)
                    self._wait(line)
                    return
            rest = self._write_some(line)
        except OSError:
            self._dropped_lines += 1
            return
        if rest:
            self._wait(rest)

    def _note_of(self, dropped_lines: int) -> bytes:
        return f"{self._note(dropped_lines)}\n".encode()

    def _wait(self, line: bytes) -> None:
        """Let a line wait, and see to it that the thread is there that writes it."""
        self._waiting.append(line)
        self._waiting_bytes += len(line)
        if self._thread is None or not self._thread.is_alive():  # it may not have started
            self._thread = threading.Thread(target=self._drain, name="log", daemon=True)
            with suppress(RuntimeError):  # no more threads: the next line tries again
                self._thread.start()

    def _write_some(self, data: bytes) -> bytes:
        """Write what can be written at once, and return the rest.

        Raises:
            OSError: The reader has gone, the disk is full, or the descriptor is closed.
        """
        if self._cut:
            data = b"\n" + data
        try:
            while (written_bytes := self._output.write(data)) < len(data):
                data = data[written_bytes:]
                self._cut = True
        except BlockingIOError:
            self._cut = False  # the rest comes next
            return data
        self._cut = False
        return b""

    def _drain(self) -> None:
        """Write what waits, until there is nothing more; in a thread."""
        while not self._closed.is_set():
            if not self._output.wait_ready(LOOK_SECONDS) or self._closed.is_set():
                continue
            line = self._waiting[0]  # nobody else takes one out
            rest, failed = b"", False
            try:
                rest = self._write_some(line)
            except OSError:
                failed = True
            with self._lock:
                if failed:
                    self._dropped_lines += len(self._waiting)
                    self._waiting.clear()
                    self._waiting_bytes = 0
                elif rest:
                    self._waiting[0] = rest
                    self._waiting_bytes -= len(line) - len(rest)
                else:
                    del self._waiting[0]
                    self._waiting_bytes -= len(line)
                    if self._dropped_lines and not self._waiting:
                        self._wait(self._note_of(self._dropped_lines))
                        self._dropped_lines = 0
                if not self._waiting:
                    self._thread = None
                    return

    def close(self, seconds: float | None = None) -> None:
        """Wait a moment for what waits, and write nothing more.

        The thread has ended then, since the descriptor's number may soon be another file's; only
        one that is stuck in a write is left alone.

        Args:
            seconds: How long the moment is; None for `CLOSE_SECONDS`.
        """
        seconds = CLOSE_SECONDS if seconds is None else seconds
        thread = self._thread
        if thread is not None and thread.is_alive():
            thread.join(seconds)
            self._closed.set()
            thread.join(CLOSE_SECONDS)  # it looks every `LOOK_SECONDS`


class Output:
    """A descriptor that is written to without waiting, as far as the system can do that.

    Others have it too, so it can't be told not to block. Linux doesn't for a single write, on
    pipes and sockets; elsewhere it is only asked before whether it takes something, which
    somebody else's line may be in time to take away.

    Args:
        descriptor: It stays open.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._flag = getattr(os, "RWF_NOWAIT", 0)
        self._is_file = stat.S_ISREG(os.fstat(descriptor).st_mode)

    def wait_ready(self, seconds: float) -> bool:
        """Wait until something is taken, or the time is over."""
        poll = select.poll()
        poll.register(self._descriptor, select.POLLOUT)
        return bool(poll.poll(seconds * 1000))

    def write(self, data: bytes) -> int:
        """Write no more than a pipe takes whole, and return how much was written.

        Raises:
            BlockingIOError: Nothing is taken now.
            OSError: Nothing will be.
        """
        if len(data) > PIPE_BYTES:
            data = data[:PIPE_BYTES]
        if self._is_file:  # which never makes anybody wait
            return os.write(self._descriptor, data)
        if self._flag:
            try:
                return os.pwritev(self._descriptor, [data], -1, self._flag)
            except OSError as error:
                if error.errno not in UNABLE:
                    raise
                self._flag = 0
        if not self.wait_ready(0):
            raise BlockingIOError
        return os.write(self._descriptor, data)
