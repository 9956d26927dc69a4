"""From an error to its answer: by the app's handlers for it, by its own status, or as a 500."""

from collections.abc import Mapping
from typing import Any, TypeAlias

import trio

from hump_trio.facts.callables import Handler, name_of
from hump_trio.facts.exceptions import DeadlineError, HttpException, StatusError
from hump_trio.facts.hints import add_hint
from hump_trio.facts.loggers import logger
from hump_trio.messages.renderers import to_response
from hump_trio.messages.request import Request
from hump_trio.messages.response import Response, error_response, own_copy, settle
from hump_trio.routing.layer import CallNext, ExceptionHandler
from hump_trio.tasks.failures import is_failure, leaves_of, tell_crash

__all__ = [
    "Handlers",
    "answer_plainly",
    "answer_unexpected",
    "answer_within",
    "choose_handler",
    "convert_error",
    "log_crash",
    "note_error",
    "returned_by",
]

# The exception handlers of some layers, the innermost first.
Handlers: TypeAlias = tuple[Mapping[type[BaseException], ExceptionHandler], ...]


async def answer_within(endpoint: CallNext, handlers: Handlers, request: Request) -> Response:
    """Run one layer of the onion, and answer an error for which a handler is registered.

    A cancellation by the request's deadline is answered, too. Middleware that awaits something
    after that is cancelled again, and then the next layer outwards makes the answer again.
    """
    try:
        return await endpoint(request)
    except Exception as error:
        response = await convert_error(request, error, handlers)
        if response is None:
            raise
        return response
    except BaseException as error:
        late = None if request.late is None else request.late(error)
        if late is None:
            raise
        return await answer_late(request, *late, handlers)


async def answer_late(
    request: Request, late: HttpException, deadline: float, handlers: Handlers
) -> Response:
    """Answer a request whose time has passed, within the scope that was cancelled for that.

    Cancellation: shielded, so that an exception handler may await something, until a deadline
    that all layers share; after that the answer is the plain one.
    """
    passed = request.server_deadline
    with trio.CancelScope(deadline=deadline, shield=True) as scope:
        request.server_deadline = deadline
        try:
            response = await convert_error(request, late, handlers)
        finally:
            request.server_deadline = passed
    if scope.cancelled_caught:
        return await answer_plainly(request, late)
    assert response is not None  # there is a handler for every HttpException
    return response


async def convert_error(
    request: Request, error: BaseException, handlers: Handlers
) -> Response | None:
    """Return the answer of the handler for an error; None if there is no handler.

    An error that a handler raises is converted in the same way, but no handler is called twice. If
    none is left, the error is answered as an unexpected one. So it is logged where a handler for
    any error answers it with a 5xx: that handler has made a page for it, and expected it no more.
    """
    used: list[ExceptionHandler] = []
    unforeseen: BaseException | None = None
    while True:
        handler, cause = choose_handler(error, handlers, used)
        if handler is None:
            return answer_unexpected(request, error) if used else None
        used.append(handler)
        if not isinstance(cause, StatusError) and takes_any(handler, handlers):
            unforeseen = error
        note_error(request, cause)
        try:
            response = own_copy(returned_by(handler, await handler(request, cause)))
            if response.__depends_on_request__:
                response = await response.__resolve__(request)
        except BaseException as failure:
            if not is_failure(failure):
                raise
            error = failure
        else:
            if unforeseen is not None and response.status >= 500:
                log_crash(request, unforeseen)
            return response


def note_error(request: Request, error: BaseException) -> None:
    """Set the outcome of a request by the error that it is answered with, if that decides it."""
    if isinstance(error, HttpException) and error.outcome is not None:
        request.outcome = error.outcome
    if isinstance(error, DeadlineError):
        request.cancelled_for = "deadline"
        stood = error.source_line and f", it stood at {error.source_line}"
        logger.warning("%s: %s %s%s", error.detail, request.method, request.target, stood)


def choose_handler(
    error: BaseException, handlers: Handlers, used: list[ExceptionHandler]
) -> tuple[ExceptionHandler | None, BaseException]:
    """Return the handler for an error, and the error to call it with.

    For a group this is its first leaf if all leaves are `HttpException`, or have the same handler.
    """
    leaves = list(leaves_of(error))
    found = [handler_for(leaf, handlers, used) for leaf in leaves]
    alike = all(isinstance(leaf, HttpException) for leaf in leaves)
    if found[0] is not None and (alike or found.count(found[0]) == len(found)):
        return found[0], leaves[0]
    return handler_for(error, handlers, used), error


def handler_for(
    error: BaseException, handlers: Handlers, used: list[ExceptionHandler]
) -> ExceptionHandler | None:
    """Return the handler of the nearest base class; of two for one class, the innermost."""
    for kind in type(error).__mro__:
        for layer in (*handlers, PLAIN_HANDLERS):
            handler = layer.get(kind)
            if handler is not None and handler not in used:
                return handler
    return None


def takes_any(handler: ExceptionHandler, handlers: Handlers) -> bool:
    """Tell whether an exception handler is registered for errors of whatever class."""
    return any(layer.get(Exception) is handler for layer in handlers)


def returned_by(function: Handler, value: Any) -> Response:
    """Return the response for a value that middleware or an exception handler returned.

    None is refused: a forgotten ``return`` would otherwise be an empty success.

    Raises:
        TypeError: The value is None, or no answer can be made of it.
    """
    if value is None:
        raise TypeError(f"{name_of(function)} must return a response, not None")
    return to_response(value)


async def answer_plainly(request: Request, error: StatusError) -> Response:
    """Answer an error that carries its own status, where no handler was registered for it."""
    return error_response(error, request.headers.get("accept", ""))


PLAIN_HANDLERS: dict[type[BaseException], ExceptionHandler] = {
    StatusError: answer_plainly,
}


def answer_unexpected(request: Request, error: BaseException, handler: str = "") -> Response:
    """Log an error for which there is no handler; return a settled 500 that tells nothing of it.

    Args:
        request: The request.
        error: The error.
        handler: The name of the route's handler; empty if it isn't known.
    """
    log_crash(request, error, handler)
    response = error_response(HttpException(500), request.headers.get("accept", ""))
    settle(response)
    return response


def log_crash(request: Request, error: BaseException, handler: str = "") -> None:
    """Log an error of the program's with its traceback, as `answer_unexpected` does."""
    request.outcome = "crash"
    if request.watching is not None:
        request.watching.error = error
    for leaf in leaves_of(error):
        add_hint(leaf)
    where = f": route {request.route}" if request.route else ""
    where += f", handler {handler}" if handler else ""
    logger.error("%s %s failed%s", request.method, request.target, where, exc_info=error)
    tell_crash(error, request)
