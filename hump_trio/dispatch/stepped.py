"""Middleware that works in two steps, before and behind what it stands around.

Since the steps are apart, a `Fold` runs those of several middlewares in one coroutine.
"""

from collections.abc import Awaitable
from types import CoroutineType
from typing import Any, ClassVar

from hump_trio.dispatch.errors import answer_unexpected
from hump_trio.messages.request import Request
from hump_trio.messages.response import Response, own_copy
from hump_trio.routing.layer import CallNext, Middleware
from hump_trio.tasks.failures import is_failure

__all__ = ["Stepped", "is_stepped"]


class Stepped:
    """A middleware whose work is in `__begin__` and `__finish__`; a subclass has one, or both.

    Neither step looks at the body of the request, which may not have come.

    Called as any middleware, it is one layer of the onion. Beside others of its kind it is a part
    of a `Fold`, which does the same.
    """

    __slots__ = ()

    # Whether an exception that no handler is registered for becomes a 500 here, as it would further
    # out, so that this answer gets its second step, too.
    __answers_errors__: ClassVar[bool] = False

    async def __call__(self, request: Request, call_next: CallNext) -> Response:
        """Take the first step, let the request pass unless that has answered it, and the second."""
        begun = self.__begin__(request)
        if type(begun) is CoroutineType:
            begun = await begun
        if isinstance(begun, Response):
            return begun
        if type(self).__finish__ is Stepped.__finish__:
            return await call_next(request)
        try:
            response = await call_next(request)
        except BaseException as error:
            if not (self.__answers_errors__ and is_failure(error)):
                raise
            response = answer_unexpected(request, error)
        finished = self.__finish__(request, own_copy(response), begun)
        return finished if isinstance(finished, Response) else await finished

    def __begin__(self, request: Request) -> Any:
        """Do what comes before the request passes.

        Returns:
            What the second step needs. If it is a response, the request passes no further, and
            this is its answer, without a second step. Where that takes longer, a coroutine which
            returns the same.

        Raises:
            HttpException: The request is refused.
        """

    def __finish__(
        self, request: Request, response: Response, begun: Any
    ) -> Response | Awaitable[Response]:
        """Return the answer, changed.

        Args:
            request: The request.
            response: The answer from below, as a copy of the caller's own.
            begun: What the first step has returned.

        Returns:
            The answer; where that takes longer, what it is awaited of.
        """
        return response


def is_stepped(middleware: Middleware) -> bool:
    """Tell whether a `Fold` may take the steps of a middleware.

    What a subclass changes in the call as a whole is not known, so it is called.
    """
    kind = type(middleware)
    return kind.__bases__ == (Stepped,) and kind.__call__ is Stepped.__call__
