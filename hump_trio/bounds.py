"""Bounds for single handlers, as decorators: how long one may take, how many may run at a time."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing, asynccontextmanager, contextmanager
from functools import wraps
from typing import Any, TypeVar, cast

import trio

from hump_trio.calling import check_async, is_generator
from hump_trio.exceptions import DeadlineError, OverloadError
from hump_trio.request import Request
from hump_trio.response import Producer, Response, Send, StreamResponse
from hump_trio.task_tree import place_of_error

__all__ = ["limit", "timeout"]

H = TypeVar("H", bound=Callable[..., Any])


class BoundedStream(StreamResponse):
    """A generator's answer under `timeout`: the generator runs when it is sent."""

    __slots__ = ()


def timeout(seconds: float) -> Callable[[H], H]:
    """Return a decorator that cancels a handler after some seconds, from its call to its return.

    An exact scope around the call, wherever that is: under a verb decorator, in any order with
    others, or in a program of its own. While it runs, `Request.deadline` and
    `trio.current_effective_deadline` know of it; the soonest deadline wins. A generator becomes a
    function that returns a `StreamResponse`, and the time covers the whole answer.

    Args:
        seconds: Counted while a body is waited for, too; unlike ``timeout=`` of a route, which
            also covers a streamed answer.

    Raises:
        TypeError: What is decorated isn't an async function.
        ValueError: The seconds aren't a positive number.

    The decorated function raises `HttpException` 503 when its time has passed; a cancellation or
    a `trio.TooSlowError` of its own passes through.
    """
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not seconds > 0:
        raise ValueError(f"a timeout is a positive number of seconds, not {seconds!r}")

    def decorate(handler: H) -> H:
        check_async(handler, "handler")

        @wraps(handler)
        async def bounded(*args: Any, **kwargs: Any) -> Any:
            with expiring(seconds, args, kwargs):
                return await handler(*args, **kwargs)

        @wraps(handler)
        async def bounded_stream(*args: Any, **kwargs: Any) -> Response:
            async def produce(send: Send) -> None:
                with expiring(seconds, args, kwargs):
                    async with aclosing(handler(*args, **kwargs)) as parts:
                        async for part in parts:
                            await send(part)
                    # One that swallows its cancellation has no end that looks whole.
                    await trio.lowlevel.checkpoint_if_cancelled()

            return BoundedStream(produce)

        return cast("H", bounded_stream if is_generator(handler) else bounded)

    return decorate


@contextmanager
def expiring(seconds: float, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Iterator[None]:
    """Raise `DeadlineError` for what takes longer, known to the request if it is an argument."""
    values = (*args, *kwargs.values())
    request = next((value for value in values if isinstance(value, Request)), None)
    place = ""
    with trio.move_on_after(seconds) as scope:
        if request is not None:
            request.own_deadlines = (*request.own_deadlines, scope.deadline)
        try:
            yield
        except (trio.Cancelled, BaseExceptionGroup) as error:
            place = place_of_error(error)
            raise
        finally:
            if request is not None:
                left = list(request.own_deadlines)
                left.remove(scope.deadline)
                request.own_deadlines = tuple(left)
    if scope.cancelled_caught:
        raise DeadlineError(place)


def limit(count: int, *, wait: float = 0.0) -> Callable[[H], H]:
    """Return a decorator that lets a handler run only so many times at once.

    What comes beyond is answered 503 with ``Retry-After``, at once or when it has waited for its
    turn in vain; turns are given in the order of arrival. A generator has its turn until it is
    closed, any other handler until it returns.

    Args:
        count: How many, at least one. Each use of the decorator counts by itself.
        wait: Seconds that a call may wait for its turn.

    Raises:
        TypeError: What is decorated isn't an async function.
        ValueError: The count isn't a positive integer, or the seconds are no number.

    The decorated function raises `HttpException` 503 where there is no room.
    """
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise ValueError(f"a limit is a positive integer, not {count!r}")
    if isinstance(wait, bool) or not isinstance(wait, int | float) or not wait >= 0:
        raise ValueError(f"wait is a number of seconds, not {wait!r}")

    def decorate(handler: H) -> H:
        check_async(handler, "handler")
        turns = trio.Semaphore(count)

        @wraps(handler)
        async def limited(*args: Any, **kwargs: Any) -> Any:
            async with turn_of(turns, wait):
                response = await handler(*args, **kwargs)
            if not isinstance(response, BoundedStream):
                return response
            assert isinstance(response.body, Producer)
            produce = response.body.produce

            async def produce_in_turn(send: Send) -> None:
                async with turn_of(turns, wait):
                    await produce(send)

            return BoundedStream(produce_in_turn)

        @wraps(handler)
        async def limited_stream(*args: Any, **kwargs: Any) -> AsyncIterator[Any]:
            async with turn_of(turns, wait), aclosing(handler(*args, **kwargs)) as parts:
                async for part in parts:
                    yield part

        return cast("H", limited_stream if is_generator(handler) else limited)

    return decorate


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
