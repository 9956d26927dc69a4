"""Checks of a handler that need the head of a request alone: they run before all else of it."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from hump_trio.facts.callables import Handler
from hump_trio.messages.request import Request

__all__ = ["Check", "call_checked", "checks_of"]

# Lets a request pass, or raises an `HttpException`. It looks at the head alone.
Check: TypeAlias = Callable[[Request], Awaitable[None]]


def checks_of(handler: Handler) -> tuple[Check, ...]:
    """Return the checks that decorators have given to a handler, in the order in which they run.

    A decorator sets them as ``__head_checks__`` of the function that it returns, its own one before
    those of the function that it was given; `functools.wraps` passes them on outwards.
    """
    checks: tuple[Check, ...] = getattr(handler, "__head_checks__", ())
    return checks


async def call_checked(
    checks: tuple[Check, ...], call: Callable[[Request], Awaitable[Any]], request: Request
) -> Any:
    """Run the checks of a handler, then call it.

    Raises:
        HttpException: A check has refused the request.
    """
    for check in checks:
        await check(request)
    return await call(request)
