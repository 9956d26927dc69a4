"""Work that outlives the request that started it, and takes nothing down when it fails."""

from collections.abc import Awaitable, Callable, Sequence
from inspect import isawaitable
from typing import Any

import trio

from hump_trio.facts.callables import name_of
from hump_trio.facts.loggers import logger
from hump_trio.tasks.failures import is_failure, split_failures

__all__ = ["run_in_background"]


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
    except BaseExceptionGroup as group:
        failures, rest = split_failures(group)
        if failures is not None:
            logger.error("background work failed: %s", name_of(function), exc_info=failures)
        if rest is None:
            return
        if rest.split(trio.Cancelled)[1] is not None:
            raise rest from None
        await trio.lowlevel.checkpoint_if_cancelled()
        logger.error("background work failed: %s", name_of(function), exc_info=rest)
    except BaseException as error:
        if isinstance(error, trio.Cancelled):
            # One that belongs to no scope around it would end the nursery, and the server quietly.
            await trio.lowlevel.checkpoint_if_cancelled()
        elif not is_failure(error):
            raise
        logger.error("background work failed: %s", name_of(function), exc_info=error)
