"""Bounds for single handlers: how long one may take, how many may run at a time."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from copy import copy
from dataclasses import replace
from functools import partial, wraps
from inspect import isroutine
from typing import Any, TypeAlias, TypeVar, cast

import trio

from hump_trio.facts.callables import Handler, name_of
from hump_trio.facts.exceptions import DeadlineError, OverloadError
from hump_trio.facts.grammar import is_integer, is_number
from hump_trio.handlers.async_functions import check_async, is_generator
from hump_trio.handlers.decorated import DECORATED, MOMENTS
from hump_trio.messages.request import Request
from hump_trio.messages.response import Producer, Response, Send, StreamResponse
from hump_trio.tasks.lateness import log_late
from hump_trio.tasks.task_tree import place_of_error

__all__ = ["limit", "timeout"]

H = TypeVar("H", bound=Callable[..., Any])
# Gives what encloses each part of one call: the handler, and the producer that it returns.
Bound: TypeAlias = Callable[[], AbstractAsyncContextManager[None]]


def timeout(seconds: float) -> Callable[[H], H]:
    """Return a decorator that cancels a handler after some seconds, counted from its call.

    An exact scope, below a verb decorator and in any order with others, or in a program without a
    server. `Request.deadline` and `trio.current_effective_deadline` know of it; the soonest
    deadline wins. A producer that the handler returns has what is left of the time. A generator
    becomes a function that returns a `StreamResponse`.

    Args:
        seconds: They run while a body is waited for, too; those of a route's ``timeout=`` don't.

    Raises:
        TypeError: What is decorated isn't an async function, or a verb below has registered it.
        ValueError: The seconds aren't a positive number.

    The decorated function raises `HttpException` 503 when its time has passed; a cancellation or
    a `trio.TooSlowError` of its own passes through.
    """
    if not is_number(seconds) or not seconds > 0:
        raise ValueError(
            f"a timeout is a positive number of seconds, as in @timeout(3), not {seconds!r:.80}"
        )
    made = next(MOMENTS)

    def decorate(handler: H) -> H:
        check_below("timeout", handler, made)

        def bound_of(arguments: tuple[Any, ...]) -> Bound:
            request = next((each for each in arguments if isinstance(each, Request)), None)
            return partial(expiring, handler, trio.current_time() + seconds, request)

        return enclose(handler, bound_of)

    return decorate


def limit(count: int, *, wait: float = 0.0) -> Callable[[H], H]:
    """Return a decorator that lets a handler run only so many times at once.

    What comes beyond is answered 503 with ``Retry-After``, at once or when it has waited for its
    turn in vain; turns are given in the order of arrival. A handler has its turn until it returns,
    and its producer takes one for itself. A generator becomes a function that returns a
    `StreamResponse`.

    Args:
        count: How many, at least one. Each use of the decorator counts by itself.
        wait: Seconds that a call may wait for its turn.

    Raises:
        TypeError: What is decorated isn't an async function, or a verb below has registered it.
        ValueError: The count isn't a positive integer, or the seconds are no number.

    The decorated function raises `HttpException` 503 where there is no room.
    """
    if not is_integer(count) or count < 1:
        raise ValueError(f"a limit is a positive integer, as in @limit(3), not {count!r:.80}")
    if not is_number(wait) or not wait >= 0:
        raise ValueError(f"wait is a number of seconds, not {wait!r:.80}")
    made = next(MOMENTS)

    def decorate(handler: H) -> H:
        check_below("limit", handler, made)
        bound = partial(turn_of, trio.Semaphore(count), wait)
        return enclose(handler, lambda arguments: bound)

    return decorate


def check_below(name: str, handler: Any, made: int) -> None:
    """Refuse what a decorator can't bound: no async function, or one that is a route's already.

    Args:
        name: The decorator's.
        handler: What it is called with.
        made: When it was made: decorators are made from above to below, and called from below.

    Raises:
        TypeError: With what to write instead.
    """
    check_async(handler, "handler")
    if isroutine(handler) and DECORATED.get(handler, made) > made:
        raise TypeError(
            f"@{name} stands above the decorator that has registered {name_of(handler)}, which goes"
            f" on without it: write @{name} below that"
        )


def enclose(handler: H, bound_of: Callable[[tuple[Any, ...]], Bound]) -> H:
    """Return a handler whose every call is enclosed by a bound of its own."""

    @wraps(handler)
    async def enclosed(*args: Any, **kwargs: Any) -> Any:
        bound = bound_of((*args, *kwargs.values()))
        if is_generator(handler):
            generate = partial(handler, *args, **kwargs)
            return StreamResponse(partial(produce_within, bound, partial(send_parts, generate)))
        async with bound():
            result = await handler(*args, **kwargs)
        if isinstance(result, Response) and isinstance(result.body, Producer):
            body = result.body
            result = copy(result)  # it may be returned again
            result.body = replace(body, produce=partial(produce_within, bound, body.produce))
        return result

    return cast("H", enclosed)


async def send_parts(generate: Callable[[], Any], send: Send) -> None:
    """Send what a generator yields."""
    async with aclosing(generate()) as parts:
        async for part in parts:
            await send(part)


async def produce_within(
    bound: Bound, produce: Callable[[Send], Awaitable[None]], send: Send
) -> None:
    """Run a producer within a bound."""
    async with bound():
        await produce(send)
        # One that swallows its cancellation has no end that looks whole.
        await trio.lowlevel.checkpoint_if_cancelled()


@asynccontextmanager
async def expiring(
    handler: Handler, deadline: float, request: Request | None
) -> AsyncIterator[None]:
    """Raise `DeadlineError` for what goes on at a deadline, of which the request is told."""
    place = ""
    with trio.CancelScope(deadline=deadline) as scope:
        if request is not None:
            request.own_deadlines = (*request.own_deadlines, deadline)
        try:
            yield
        except (trio.Cancelled, BaseExceptionGroup) as error:
            place = place_of_error(error)
            raise
        finally:
            if request is not None:
                left = list(request.own_deadlines)
                left.remove(deadline)
                request.own_deadlines = tuple(left)
    if scope.cancelled_caught:
        raise DeadlineError(place)
    log_late(deadline, name_of(handler))


@asynccontextmanager
async def turn_of(turns: trio.Semaphore, seconds: float) -> AsyncIterator[None]:
    """Take a turn and give it back.

    Raises:
        OverloadError: There was none in this time.
    """
    try:
        turns.acquire_nowait()
    except trio.WouldBlock:
        with trio.move_on_after(seconds) as scope:
            await turns.acquire()
        if scope.cancelled_caught:
            raise OverloadError("too many at a time") from None
    try:
        yield
    finally:
        turns.release()
