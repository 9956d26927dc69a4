"""Bounds for single handlers: how long one may take, how many may run at a time."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from copy import copy
from dataclasses import replace
from functools import partial, wraps
from inspect import isroutine
from typing import Any, TypeAlias, TypeVar, cast

import trio

from hump_trio.channels.websocket import WebSocket
from hump_trio.facts.callables import Handler, name_of
from hump_trio.facts.exceptions import DeadlineError, OverloadError
from hump_trio.facts.grammar import is_integer, is_number
from hump_trio.handlers.async_functions import check_async, is_generator
from hump_trio.handlers.decorated import DECORATED, MOMENTS
from hump_trio.messages.request import Request
from hump_trio.messages.response import (
    Fields,
    Producer,
    Response,
    Send,
    StreamResponse,
)
from hump_trio.tasks.lateness import log_late
from hump_trio.tasks.task_tree import source_line_of_error

__all__ = ["check_below", "limit", "permits_of", "timeout"]

H = TypeVar("H", bound=Callable[..., Any])
# Returns the context that encloses one part of a call: the handler, or the producer it returns.
Bound: TypeAlias = Callable[[], AbstractAsyncContextManager[None]]


def timeout(seconds: float) -> Callable[[H], H]:
    """Return a decorator that cancels a handler after some seconds, counted from its call.

    Write ``@hump_trio.timeout(3)`` below a verb decorator such as ``@app.get``, before or after
    other decorators. It also works in a program without a server. When the time has passed, the
    decorated function raises an `HttpException` with status 503. A cancellation by another scope
    passes through, and so does a `trio.TooSlowError` of the handler's own.

    `Request.deadline` and `trio.current_effective_deadline` include this deadline; the soonest
    deadline wins. A producer that the handler returns has the rest of the time. A generator becomes
    a function that returns a `StreamResponse`.

    Args:
        seconds: Seconds for the handler. Unlike a route's ``timeout=``, they also run while the
            handler of a ``stream=True`` route waits for the body.

    Raises:
        TypeError: The decorated object isn't an async function, or a verb decorator below has
            registered it already.
        ValueError: The seconds aren't a positive number.
    """
    if not is_number(seconds) or not seconds > 0:
        raise ValueError(
            f"a timeout is a positive number of seconds, as in @timeout(3), not {seconds!r:.80}"
        )
    made = next(MOMENTS)

    def decorate(handler: H) -> H:
        check_below("timeout", handler, made)

        def bound_of(arguments: tuple[Any, ...]) -> Bound:
            request = next(filter(None, map(request_of, arguments)), None)
            return partial(expiring, handler, trio.current_time() + seconds, request)

        return enclose(handler, bound_of)

    return decorate


def request_of(argument: Any) -> Request | None:
    """Return the request that an argument of a handler is, or belongs to."""
    if isinstance(argument, WebSocket):
        argument = argument.request
    return argument if isinstance(argument, Request) else None


def limit(count: int, *, wait: float = 0.0) -> Callable[[H], H]:
    """Return a decorator that lets a handler run only so many times at once.

    Write ``@hump_trio.limit(5)`` below a verb decorator such as ``@app.get``. A further call waits;
    calls that wait go on in the order of their arrival. If a call has waited for too long, it
    raises an `HttpException` with status 503 and ``Retry-After``. A call counts until its handler
    returns; the producer of a streamed response then counts as a call of its own. A generator
    becomes a function that returns a `StreamResponse`.

    Args:
        count: How many calls may run at once, at least one. Each use of the decorator counts by
            itself.
        wait: Seconds that a call may wait. 0: a further call fails at once.

    Raises:
        TypeError: The decorated object isn't an async function, or a verb decorator below has
            registered it already.
        ValueError: The count isn't a positive integer, or ``wait`` isn't a number of seconds.
    """
    if not is_integer(count) or count < 1:
        raise ValueError(f"a limit is a positive integer, as in @limit(3), not {count!r:.80}")
    if not is_number(wait) or not wait >= 0:
        raise ValueError(f"wait is a number of seconds, not {wait!r:.80}")
    made = next(MOMENTS)

    def decorate(handler: H) -> H:
        check_below("limit", handler, made)
        permits = trio.Semaphore(count)
        bound = partial(permit_of, permits, wait)
        enclosed = enclose(handler, lambda arguments: bound)
        enclosed.__permits__ = (count, permits)  # type: ignore[attr-defined]  # see `permits_of`
        return enclosed

    return decorate


def permits_of(handler: Any) -> Iterator[tuple[int, trio.Semaphore]]:
    """Yield how many calls each `limit` around a handler allows, and what holds the permits.

    A decorator that keeps what it wraps, as `functools.wraps` does, is looked through.
    """
    found: trio.Semaphore | None = None
    while handler is not None:
        count, permits = getattr(handler, "__permits__", (0, None))
        if permits is not None and permits is not found:  # wrapping hands the attribute outwards
            found = permits
            yield count, permits
        handler = getattr(handler, "__wrapped__", None)


def check_below(name: str, handler: Any, made: int) -> None:
    """Refuse a handler that isn't async, or that a verb decorator has registered already.

    Args:
        name: The decorator's name.
        handler: The handler that the decorator is called with.
        made: The moment at which the decorator was made. Decorators are made from above to below,
            and called from below.

    Raises:
        TypeError: With the line to write instead.
    """
    check_async(handler, "handler")
    if isroutine(handler) and DECORATED.get(handler, made) > made:
        raise TypeError(
            f"@{name} stands above the decorator that has registered {name_of(handler)}, which goes"
            f" on without it: write @{name} below that"
        )


def enclose(handler: H, bound_of: Callable[[tuple[Any, ...]], Bound]) -> H:
    """Return a handler each of whose calls runs within a bound of its own."""

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
            result = copy(result)  # the handler may return this one again
            result.body = replace(body, produce=partial(produce_within, bound, body.produce))
        return result

    return cast("H", enclosed)


async def send_parts(generate: Callable[[], Any], send: Send) -> None:
    """Send the parts that a generator yields."""
    async with aclosing(generate()) as parts:
        async for part in parts:
            await send(part)


async def produce_within(
    bound: Bound, produce: Callable[..., Awaitable[Fields | None]], *given: Any
) -> Fields | None:
    """Run a producer within a bound, and return its trailers.

    Args:
        bound: The bound.
        produce: The producer.
        given: What it is called with.
    """
    async with bound():
        trailers = await produce(*given)
        # The answer of a producer that swallows its cancellation must not look whole.
        await trio.lowlevel.checkpoint_if_cancelled()
    return trailers


@asynccontextmanager
async def expiring(
    handler: Handler, deadline: float, request: Request | None
) -> AsyncIterator[None]:
    """Cancel the block at a deadline, which the request knows meanwhile.

    Raises:
        DeadlineError: The deadline has cut the block.
    """
    source_line = ""
    with trio.CancelScope(deadline=deadline) as scope:
        if request is not None:
            request.own_deadlines = (*request.own_deadlines, deadline)
        try:
            yield
        except (trio.Cancelled, BaseExceptionGroup) as error:
            source_line = source_line_of_error(error)
            raise
        finally:
            if request is not None:
                left = list(request.own_deadlines)
                left.remove(deadline)
                request.own_deadlines = tuple(left)
    if scope.cancelled_caught:
        raise DeadlineError(source_line)
    log_late(deadline, name_of(handler))


@asynccontextmanager
async def permit_of(permits: trio.Semaphore, seconds: float) -> AsyncIterator[None]:
    """Hold a permit of a semaphore.

    Args:
        permits: The semaphore.
        seconds: Seconds to wait for a permit.

    Raises:
        OverloadError: No permit became free in this time.
    """
    try:
        permits.acquire_nowait()
    except trio.WouldBlock:
        with trio.move_on_after(seconds) as scope:
            await permits.acquire()
        if scope.cancelled_caught:
            raise OverloadError("too many at a time") from None
    try:
        yield
    finally:
        permits.release()
