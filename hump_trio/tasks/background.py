"""Work that outlives the request that started it, and takes nothing down when it fails."""

from collections.abc import Awaitable, Callable, Sequence
from inspect import isawaitable
from typing import Any

import trio

from hump_trio.facts.callables import name_of
from hump_trio.facts.loggers import logger
from hump_trio.tasks.failures import is_failure, split_failures, tell_crash

__all__ = ["log_failure", "run_in_background"]


async def run_in_background(function: Callable[..., Awaitable[Any]], args: Sequence[Any]) -> None:
    """Run work that belongs to the app; its crash is logged and takes nothing down."""
    try:
        awaitable = function(*args)
        if not isawaitable(awaitable):
            raise TypeError(
                f"start_soon takes an async function, and {name_of(function)} has returned"
                f" {awaitable!r:.80}"
            )
        await awaitable
    except BaseException as error:
        await log_failure(f"background work failed: {name_of(function)}", error)


async def log_failure(text: str, error: BaseException) -> None:
    """Log what has ended some work, or raise what ends more than that.

    Args:
        text: Says which work.
        error: What it has raised.

    Cancellation: a checkpoint for nothing but a cancellation.
    """
    if isinstance(error, BaseExceptionGroup):
        failures, rest = split_failures(error)
        if failures is not None:
            logger.error(text, exc_info=failures)
            tell_crash(failures, None)
        if rest is None:
            return
        if rest.split(trio.Cancelled)[1] is not None:
            raise rest from None
        error = rest
    elif is_failure(error):
        logger.error(text, exc_info=error)
        tell_crash(error, None)
        return
    elif not isinstance(error, trio.Cancelled):
        raise error
    # One that belongs to no scope around it would end the nursery, and the server quietly.
    await trio.lowlevel.checkpoint_if_cancelled()
    logger.error(text, exc_info=error)
