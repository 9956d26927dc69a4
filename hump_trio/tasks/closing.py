"""Closing of streamed bodies: in the task that iterated them, and within a time."""

from typing import Any

import trio

from hump_trio.facts.loggers import logger
from hump_trio.tasks.failures import is_failure, leaves_of

__all__ = ["close_body", "close_source"]


async def close_source(source: Any) -> None:
    """Close an async iterable, if it is one that can be closed, such as a generator."""
    aclose = getattr(source, "aclose", None)
    if aclose is not None:
        await aclose()


async def close_body(body: object, deadline: float, scope: trio.CancelScope) -> None:
    """Close an async iterator in the task that iterated it, within the time for clean-up.

    Args:
        body: The iterator.
        deadline: When that has to be done.
        scope: Encloses every scope that the iterator has left open.

    Cancellation: shielded until the deadline.
    """
    if not hasattr(body, "aclose"):
        return
    scope.deadline = deadline
    scope.shield = True
    cut = False
    try:
        await close_source(body)
    except BaseException as error:
        cut = any(isinstance(leaf, trio.Cancelled) for leaf in leaves_of(error))
        failures = unforeseen(error)
        if failures is not None:
            if not is_failure(failures):
                raise failures from None
            logger.error("closing a streamed body failed", exc_info=failures)
    if cut and trio.current_time() >= deadline:
        logger.error("closing a streamed body took too long and was cancelled: %r", body)


def unforeseen(error: BaseException) -> BaseException | None:
    """Return what is left of an error without what closing itself throws into a body."""
    closing = (trio.Cancelled, GeneratorExit)
    if isinstance(error, BaseExceptionGroup):
        return error.split(closing)[1]
    return None if isinstance(error, closing) else error
