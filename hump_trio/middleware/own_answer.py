"""The answer from below as a middleware's own, which it may change."""

from hump_trio.dispatch.errors import answer_unexpected
from hump_trio.messages.request import Request
from hump_trio.messages.response import Response, own_copy
from hump_trio.routing.layer import CallNext
from hump_trio.tasks.failures import is_failure

__all__ = ["own_answer"]


async def own_answer(request: Request, call_next: CallNext) -> Response:
    """Return the answer from below as a copy of the caller's own, which it may change.

    An exception that no handler is registered for becomes a 500 here, as it would further out, so
    that this answer has the caller's header fields, too.

    Args:
        request: The request.
        call_next: Calls the next middleware, or the handler.

    Raises:
        BaseException: An exception that ends the task, such as `trio.Cancelled`, is raised on.
    """
    try:
        response = await call_next(request)
    except BaseException as error:
        if not is_failure(error):
            raise
        response = answer_unexpected(request, error)
    return own_copy(response)
