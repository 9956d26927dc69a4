"""Several middlewares of two steps around an endpoint, run in one coroutine.

A layer of the onion is three coroutines, if it is called as any middleware is: its own, one that
calls it, and one that answers errors. That is more than most such middleware has to do.
"""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from types import CoroutineType
from typing import Any, NoReturn

from hump_trio.dispatch.errors import Handlers, answer_unexpected, answer_within
from hump_trio.dispatch.stepped import Stepped
from hump_trio.messages.request import Request
from hump_trio.messages.response import Response, own_copy
from hump_trio.tasks.failures import is_failure

__all__ = ["Fold"]


class Fold:
    """Does what a chain of ``answer_within(run_middleware(...))`` does, in one coroutine.

    A depth counts the layers: 0 is the outermost middleware, and the endpoint is as deep as there
    are middlewares. At each depth, what is raised there is answered, if a handler is registered for
    it; else the middleware around it gets the error. `Stepped.__call__` is the plain form of what
    happens here; tests compare both.

    Args:
        middleware: The middlewares, the outermost first.
        call: The endpoint.
        render: Makes a response of what the endpoint returns; None if that is a response already,
            and nobody's own.
        handlers: The exception handlers of the router, and of those around it.
        answered: Whether the endpoint has answered its exceptions already, by the same handlers.
    """

    def __init__(
        self,
        middleware: Sequence[Stepped],
        call: Callable[[Request], Awaitable[Any]],
        render: Callable[[Any], Response] | None,
        handlers: Handlers,
        *,
        answered: bool,
    ) -> None:
        self._middleware = middleware
        self._call = call
        self._render = render
        self._handlers = handlers
        self._answered = answered
        self._depth = len(middleware)
        self._begins = [
            (depth, each.__begin__)
            for depth, each in enumerate(middleware)
            if type(each).__begin__ is not Stepped.__begin__
        ]
        self._finishes = [
            (depth, each.__finish__)
            for depth, each in reversed(list(enumerate(middleware)))
            if type(each).__finish__ is not Stepped.__finish__
        ]

    async def run(self, request: Request) -> Response:
        """Return the answer to a request.

        Raises:
            BaseException: No middleware and no handler answers it.

        Cancellation: as the endpoint.
        """
        begun: list[Any] = [None] * self._depth
        depth, own = 0, False
        try:
            for depth, begin in self._begins:
                value = begin(request)
                if value is not None:
                    if type(value) is CoroutineType:
                        value = await value
                    if isinstance(value, Response):
                        response = value
                        break
                    begun[depth] = value
            else:
                depth = self._depth
                value = await self._call(request)
                # copy of call_apart()
                if self._render is None:
                    response = value
                else:
                    response = self._render(value)
                    if response is value:
                        response = own_copy(response)
                    if response.__depends_on_request__:
                        response = await response.__resolve__(request)
                    else:
                        own = True
        except BaseException as error:
            response, depth = await self._answer(request, error, depth)
        while True:
            try:
                for above, finish in self._finishes:
                    if above < depth:
                        depth = above
                        if not own:
                            response, own = own_copy(response), True
                        finished = finish(request, response, begun[depth])
                        response = finished if isinstance(finished, Response) else await finished
                return response
            except BaseException as error:
                response, depth = await self._answer(request, error, depth)
                own = False

    async def _answer(
        self, request: Request, error: BaseException, depth: int
    ) -> tuple[Response, int]:
        """Return the answer to an error that was raised at a depth, and the depth it comes from.

        Raises:
            BaseException: It has no answer.
        """
        within = not self._answered or depth < self._depth
        try:
            while True:
                if within:
                    try:
                        raised = partial(raise_again, [error])
                        return await answer_within(raised, self._handlers, request), depth
                    except BaseException as passed:
                        error = passed
                within = True
                if depth == 0:
                    raise error
                depth -= 1
                if self._middleware[depth].__answers_errors__ and is_failure(error):
                    return answer_unexpected(request, error), depth + 1
        finally:
            del error  # its traceback holds this frame


async def raise_again(errors: list[BaseException], request: Request) -> NoReturn:
    """Raise an error, in place of the endpoint that has raised it.

    Args:
        errors: Holds the error until it is raised, since its traceback holds who calls this.
        request: The request.
    """
    raise errors.pop()
