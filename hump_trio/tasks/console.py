"""What a server tells the person who has started it: in the log, or else on stderr."""

import sys
from collections.abc import Sequence
from contextlib import suppress
from logging import WARNING

from hump_trio.facts.loggers import logger
from hump_trio.tasks.line_writer import LineWriter

__all__ = ["Console", "reachable_url"]

# Where every interface is listened on, this one can be asked.
LOOPBACKS = {"//0.0.0.0:": "//127.0.0.1:", "//[::]:": "//[::1]:"}


class Console:
    """The stderr of a process in which nobody has configured logging, written without waiting."""

    def __init__(self) -> None:
        self._lines: LineWriter | None = None

    def greet(self, urls: Sequence[str]) -> None:
        """Say where the server is, unless the log does."""
        if urls and not logger.hasHandlers():
            where = reachable_url(urls) or " ".join(urls)
            self._write(f"hump_trio: serving at {where} (Ctrl-C stops it)")

    def report(self, text: str) -> None:
        """Say what was asked for, whatever the level of the log is."""
        if logger.hasHandlers():
            record = logger.makeRecord(logger.name, WARNING, __file__, 0, "%s", (text,), None)
            logger.handle(record)
        else:
            self._write(text)

    def _write(self, text: str) -> None:
        """Write lines to what stands for stderr now, if that can be written to."""
        stream = sys.stderr
        if stream is None:  # a program without a console
            return
        try:
            if self._lines is None:
                self._lines = LineWriter(stream.fileno(), note_of)
            self._lines.write(text)
        except (AttributeError, OSError, ValueError):  # no descriptor: nobody is waited for there
            with suppress(OSError, ValueError):
                stream.write(f"{text}\n")

    def close(self) -> None:
        """Write nothing more, not even the lines that wait for a reader."""
        if self._lines is not None:
            self._lines.close(0)


def note_of(dropped_lines: int) -> str:
    """Return the line that tells how many were dropped."""
    return f"hump_trio: {dropped_lines} lines were dropped: nobody read them"


def reachable_url(urls: Sequence[str]) -> str:
    """Return one that a browser on this machine can open; empty if there is none."""
    for url in urls:
        if url.startswith("http"):
            for every, one in LOOPBACKS.items():
                url = url.replace(every, one)
            return url
    return ""
