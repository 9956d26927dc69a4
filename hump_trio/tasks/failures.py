"""Which errors are failures of a program's own, to be answered and logged.

A class below `BaseException` needn't be below `Exception`: a panic in an extension written in Rust
is none, `asyncio.CancelledError` neither. One request that raises it must not end the server.
"""

from collections.abc import Iterator

import trio

__all__ = ["comes_of", "is_failure", "leaves_of", "split_failures"]

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
