"""Writing of log records to a descriptor, whose reader may be slow, stuck or gone."""

import logging
import sys
import time
from typing import Any

from hump_trio.command.log_format import JsonFormatter, TextFormatter
from hump_trio.messages.access_record import AccessRecord
from hump_trio.middleware.request_id import RequestIdFilter
from hump_trio.server.access_log import RequestHandler
from hump_trio.tasks.line_writer import LineWriter

__all__ = ["LogWriter"]


class LogWriter(RequestHandler):
    """Writes records to a descriptor without ever holding the server up (see `LineWriter`).

    Args:
        descriptor: The descriptor. It is neither closed nor made non-blocking, since other
            processes share it.
    """

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._lines = LineWriter(descriptor, self._note)

    def write_request(self, access: AccessRecord) -> bool:
        """Write the line of a request, unless a filter or a formatter of others has a say in it.

        The filter that there is only sets an attribute that such lines don't show. What is too long
        or can't be formatted is left to `emit`.
        """
        formatter = self.formatter
        filters = self.filters
        if (
            type(self) is not LogWriter
            or self.level > logging.INFO
            or len(filters) != 1
            or type(filters[0]) is not RequestIdFilter
            or not (type(formatter) is TextFormatter or type(formatter) is JsonFormatter)
        ):
            return False
        try:
            text = formatter.format_request(time.time(), access)
        except Exception:
            return False
        if text is not None:
            self._lines.write(text)
        return text is not None

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record's lines, or keep them until the reader takes more.

        If a record can't be formatted, the error and the line that has logged it are written.
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
        """Give a slow reader a moment to take the last lines, and write nothing more."""
        super().close()
        self._lines.close()


def record_of(level: int, message: str, value: Any) -> logging.LogRecord:
    """Return a record that the server itself logs."""
    return logging.LogRecord("hump_trio", level, __file__, 0, message, (value,), None)
