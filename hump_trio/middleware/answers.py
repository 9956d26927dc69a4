"""What several of the middleware do with the answers that they get."""

from hump_trio.dispatch.dispatcher import answer_unexpected
from hump_trio.messages.headers import Headers
from hump_trio.messages.request import Request
from hump_trio.messages.response import Response, own_copy
from hump_trio.routing.layer import CallNext
from hump_trio.tasks.failures import is_failure

__all__ = ["add_vary", "answer_to"]


async def answer_to(request: Request, call_next: CallNext) -> Response:
    """Return what is answered below, whatever that is, for the caller to change.

    An error that nobody foresaw becomes the 500 that it would become further out, so that this
    one has the caller's header fields too.
    """
    try:
        response = await call_next(request)
    except BaseException as error:
        if not is_failure(error):
            raise
        response = answer_unexpected(request, error)
    return own_copy(response)


def add_vary(headers: Headers, name: str) -> None:
    """Say that an answer depends on a field of its request (RFC 9110 section 12.5.5).

    Args:
        headers: Of the answer.
        name: Of the request's field.
    """
    present = headers.get("vary", "")
    names = [each.strip().lower() for each in present.split(",")]
    if "*" not in names and name.lower() not in names:
        headers["vary"] = f"{present}, {name}" if present else name
