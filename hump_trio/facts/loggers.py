"""The loggers of the package: ``hump_trio``, and ``hump_trio.access`` for its requests."""

import logging
from sys import _getframe as caller
from typing import Any

__all__ = ["LOG_LEVELS", "access_logger", "logger"]

# Those that a person chooses from, as the lowest that is logged.
LOG_LEVELS = ("debug", "info", "warning", "error")


class Enduring:
    """A logger that a configuration which doesn't mention it can't silence.

    `logging.config.dictConfig` and `logging.config.fileConfig` disable every logger that exists,
    unless told not to: the traceback of a 500 would be nowhere. A program may still set
    ``disabled`` itself.
    """

    def __setattr__(self, name: str, value: Any) -> None:
        if name != "disabled" or caller(1).f_globals.get("__name__") != "logging.config":
            super().__setattr__(name, value)


def enduring_logger(name: str) -> logging.Logger:
    """Return a logger, of whatever class the program wants its loggers to be."""
    logger = logging.getLogger(name)
    logger.__class__ = type(type(logger).__name__, (Enduring, type(logger)), {})
    return logger


logger: logging.Logger = enduring_logger("hump_trio")
access_logger: logging.Logger = enduring_logger("hump_trio.access")
