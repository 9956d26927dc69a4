"""Which errors are failures of a program's own, to be answered and logged.

A class below `BaseException` needn't be below `Exception`: a panic in an extension written in Rust
is none, `asyncio.CancelledError` neither. One request that raises it must not end the server.
"""

from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import TypeAlias

import trio

__all__ = [
    "comes_of",
    "crash_listener",
    "is_failure",
    "leaves_of",
    "split_failures",
    "tell_crash",
]

# Takes an error, and the request that has failed of it; None for work in the background.
CrashListener: TypeAlias = Callable[[BaseException, object], None]

# Who else is told what the log calls a crash, among what runs in this context; tests are.
crash_listener: ContextVar[CrashListener] = ContextVar("crash_listener")

# What goes on through a handler: it ends the program, or what a scope has cancelled.
PASSING = (SystemExit, KeyboardInterrupt, trio.Cancelled)


def leaves_of(error: BaseException) -> Iterator[BaseException]:
    """Yield the exceptions of a group, or a single one."""
    if isinstance(error, BaseExceptionGroup):
        for part in error.exceptions:
            yield from leaves_of(part)
    else:
        yield error


def comes_of(error: BaseException, kind: type[BaseException]) -> bool:
    """Tell whether an error is of a kind, or was raised while one of that kind was handled."""
    seen: set[int] = set()  # causes can be set so that they lead back to where they began
    each: BaseException | None = error
    while each is not None and id(each) not in seen:
        if isinstance(each, kind):
            return True
        seen.add(id(each))
        each = each.__cause__ or each.__context__
    return False


def is_failure(error: BaseException) -> bool:
    """Tell whether an error is a failure, a group of nothing but failures included.

    Not so where the program is to end or was cancelled, nor where Python closes a coroutine that
    nobody runs any more.
    """
    if isinstance(error, Exception):
        return True
    if isinstance(error, BaseExceptionGroup):
        return all(map(is_failure, error.exceptions))
    if isinstance(error, GeneratorExit):
        return trio.lowlevel.in_trio_task()
    return not isinstance(error, PASSING)


def split_failures(
    group: BaseExceptionGroup[BaseException],
) -> tuple[BaseException | None, BaseExceptionGroup[BaseException] | None]:
    """Return what of a group are failures, and what isn't; None for nothing."""
    return group.split(is_failure)


def tell_crash(error: BaseException, request: object) -> None:
    """Tell of an error that nobody has handled and that was logged, if anybody listens.

    Args:
        error: The error.
        request: The request that has failed of it; None for work in the background.
    """
    listener = crash_listener.get(None)
    if listener is not None:
        listener(error, request)
