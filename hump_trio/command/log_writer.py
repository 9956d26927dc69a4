"""Log records as lines for a descriptor, whose reader may be slow, stuck or gone."""

import logging
import sys
from typing import Any

from hump_trio.tasks.line_writer import LineWriter

__all__ = ["LogWriter"]


class LogWriter(logging.Handler):
    """Writes records to a descriptor, and never holds the server up (see `LineWriter`).

    Args:
        descriptor: It stays open, and stays as blocking as it is: others have it too.
    """

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._lines = LineWriter(descriptor, self._note)

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record's lines, or let them wait.

        Of a record that is wrong it is written where it was made, and what is wrong.
        """
        try:
            text = self.format(record)
        except Exception:
            place = f"{record.pathname}:{record.lineno}"
            told = record_of(logging.ERROR, "no text can be made of a record of %s", place)
            told.exc_info = sys.exc_info()
            text = self.format(told)
        self._lines.write(text)

    def _note(self, dropped_lines: int) -> str:
        text = "%d log lines were dropped: nobody read them"
        return self.format(record_of(logging.WARNING, text, dropped_lines))

    def close(self) -> None:
        """Wait a moment for a slow reader, and write nothing more."""
        super().close()
        self._lines.close()


def record_of(level: int, message: str, value: Any) -> logging.LogRecord:
    """Return a record of the server's own."""
    return logging.LogRecord("hump_trio", level, __file__, 0, message, (value,), None)
