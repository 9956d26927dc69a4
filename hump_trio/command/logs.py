"""Logs of the command line: standard `logging`, with one handler at the root."""

import logging
import math
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from hump_trio.command.log_format import LINE_BYTES, JsonFormatter, TextFormatter
from hump_trio.command.log_writer import LogWriter
from hump_trio.command.options import Options
from hump_trio.middleware.request_id import RequestIdFilter

__all__ = ["is_coloured", "logging_to"]


@contextmanager
def logging_to(descriptor: int, options: Options, environment: Mapping[str, str]) -> Iterator[None]:
    """Write log records to a descriptor while the block runs.

    Python's warnings are logged, too. A program that configures logging itself when it is imported
    has the last word.

    Args:
        descriptor: The descriptor of stderr.
        options: Say which records are written, and in which form.
        environment: The environment, with ``NO_COLOR`` and ``TERM``.
    """
    root, access = logging.getLogger(), logging.getLogger("hump_trio.access")
    before = root.level, access.level
    root.setLevel(options.log_level.upper())
    if not options.access_log:
        access.setLevel(logging.WARNING)
    handler: logging.Handler = logging.NullHandler()
    if sys.stderr is not None:  # if there is no stderr, its number may be another file's
        handler = LogWriter(descriptor)
    handler.addFilter(RequestIdFilter())
    # Only where several processes write may a line be no longer than a pipe takes whole.
    line_bytes = LINE_BYTES if options.workers > 1 or options.reload else math.inf
    coloured = is_coloured(descriptor, environment)
    handler.setFormatter(
        JsonFormatter(line_bytes=line_bytes)
        if options.log_format == "json"
        else TextFormatter(coloured=coloured, line_bytes=line_bytes)
    )
    root.addHandler(handler)
    logging.captureWarnings(True)
    try:
        yield
    finally:
        logging.captureWarnings(False)
        root.removeHandler(handler)
        handler.close()
        root.setLevel(before[0])
        access.setLevel(before[1])


def is_coloured(descriptor: int, environment: Mapping[str, str]) -> bool:
    """Tell whether a descriptor is a terminal with colours whose user wants them (NO_COLOR)."""
    wanted = not environment.get("NO_COLOR") and environment.get("TERM") != "dumb"
    return wanted and os.isatty(descriptor)
