"""Where log lines go: a descriptor, whose reader may be slow, stuck or gone."""

import logging
import os
import select
import stat

__all__ = ["LogWriter"]

# What a pipe that is ready takes without waiting (POSIX: PIPE_BUF, and a page on Linux).
PIPE_BYTES = 4096
# For a reader that is only slow. One that has stopped is waited for once.
PATIENCE_SECONDS = 0.2


class LogWriter(logging.Handler):
    """Writes lines to a descriptor, and never holds the server up.

    A reader that has stopped (a full pipe, a terminal held by Ctrl-S) would otherwise stop
    whoever writes the next line: after a moment lines are dropped, and counted, until it reads
    again. With a reader that has gone they are dropped for good.

    Args:
        descriptor: It stays open, and stays as blocking as it is: others have it too.
    """

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._dropped_lines = 0
        self._cut = False  # whether the last line has no end
        self._poll: select.poll | None = None
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode):  # a file is always ready
            self._poll = select.poll()
            self._poll.register(descriptor, select.POLLOUT)

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record's line, unless nobody reads."""
        try:
            line = self.format(record)
            if self._dropped_lines:
                self._write(self.format(note_of(self._dropped_lines)), 0)
                self._dropped_lines = 0
            self._write(line, PATIENCE_SECONDS)
        except OSError:
            self._dropped_lines += 1
        except Exception:
            self.handleError(record)

    def _write(self, line: str, patience_seconds: float) -> None:
        """Write a line, in parts that a pipe takes whole.

        Raises:
            OSError: Nobody reads, the reader has gone, or the descriptor is closed.
        """
        data = f"{line}\n".encode("utf-8", "backslashreplace")
        if self._cut:
            data = b"\n" + data
        while data:
            if self._poll is not None and not self._poll.poll(patience_seconds * 1000):
                raise BlockingIOError
            data = data[os.write(self._descriptor, data[:PIPE_BYTES]) :]
            self._cut = bool(data)


def note_of(dropped_lines: int) -> logging.LogRecord:
    """Return a record that tells of lines that were dropped."""
    values = {
        "name": "hump_trio",
        "levelno": logging.WARNING,
        "levelname": "WARNING",
        "msg": "%d log lines were dropped: nobody read them",
        "args": (dropped_lines,),
    }
    return logging.makeLogRecord(values)
