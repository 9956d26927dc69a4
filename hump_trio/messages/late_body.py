"""A body that is received when what needs the head of its request alone has let that pass.

A check of credentials or of a rate refuses a request at its head: nothing of the body is read then,
and a client that waits for a 100 is refused instead. Whatever isn't refused finds the body whole,
as on any other route.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from hump_trio.facts.exceptions import StatusError
from hump_trio.messages.request import Request

__all__ = ["LateBody", "behind_body", "behind_looks"]


class LateBody(bytes):
    """The body of a request that hasn't been received: empty, as that of a refused request.

    Args:
        receive: Receives it, as `Request.body`.

    Attributes:
        receive: Receives it, and raises an error for what is wrong with it, or once the request is
            over.
        failure: What was wrong with it, where that was found before the place to say so.
    """

    receive: Callable[[], Awaitable[None]]
    failure: StatusError | None = None

    def __new__(cls, receive: Callable[[], Awaitable[None]]) -> "LateBody":
        """Return a body to be received."""
        self = super().__new__(cls)
        self.receive = receive
        return self


def behind_body(call: Callable[[Request], Awaitable[Any]], request: Request) -> Awaitable[Any]:
    """Call something with a request whose body is there, and return what to await.

    Args:
        call: Is called at once where nothing has to be received: no coroutine is around it then.
        request: That of a choice with a late body (see `Choice.late_body`).
    """
    body = request.body
    return receive_and_call(body, call, request) if type(body) is LateBody else call(request)


def behind_looks(call: Callable[[Request], Awaitable[Any]], request: Request) -> Awaitable[Any]:
    """Do what `behind_body` does, where a middleware may have put another body in its place.

    What hasn't come, or not whole, must not look whole by that.
    """
    late = request.late_body
    if type(late) is LateBody:
        return receive_and_call(late, call, request)
    return behind_body(call, request)


async def receive_and_call(
    body: LateBody, call: Callable[[Request], Awaitable[Any]], request: Request
) -> Any:
    """Receive a body, and call something with its request.

    Raises:
        StatusError: The body can't be received.
    """
    if body.failure is not None:
        raise body.failure
    await body.receive()
    request.late_body = None
    return await call(request)
