"""A warning of work that ended long after its deadline, since nothing could cancel it."""

import trio

from hump_trio.facts.loggers import logger

__all__ = ["log_late"]

# Less is no more than the time until a task has its turn.
LATE_SECONDS = 0.1


def log_late(deadline: float, text: str) -> None:
    """Log that something has answered, if its deadline has passed by then.

    Args:
        deadline: When it should have been cancelled.
        text: What it is.
    """
    late_seconds = trio.current_time() - deadline
    if late_seconds >= LATE_SECONDS:
        logger.warning(
            "answered %.1f s after its deadline: %s; it has waited for a shield, or for a thread"
            " without abandon_on_cancel=True",
            late_seconds,
            text,
        )
