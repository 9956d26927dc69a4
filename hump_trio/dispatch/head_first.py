"""What of a route runs before the body of a request has come, and where the body is received.

A middleware that refuses requests by their heads says so by ``__needs_head_alone__ = True``: the
body isn't read before it. Middleware of two steps never looks at bodies. Nobody knows what any
other middleware looks at, so it finds the body received, unless the handler's gate will refuse the
request for its credentials. Then it finds an empty one, as for any other refusal.
"""

from collections.abc import Awaitable, Iterable
from typing import Any

import trio

from hump_trio.dispatch.stepped import is_stepped
from hump_trio.facts.exceptions import StatusError
from hump_trio.handlers.gate import Gate
from hump_trio.messages.late_body import LateBody
from hump_trio.messages.request import Request
from hump_trio.routing.layer import CallNext, Layer, Middleware

__all__ = ["before_looking", "begins_at_head", "first_to_look"]


def begins_at_head(layers: Iterable[Layer], gate: Gate) -> bool:
    """Tell whether a call begins before the body has come: something may refuse it by its head.

    Args:
        layers: Those around the handler, the outermost first.
        gate: The handler's.
    """
    for layer in layers:
        for each in layer.middleware:
            if needs_head_alone(each):
                return True
            if not is_stepped(each):
                return gate.takes_secrets
    return not gate.open


def first_to_look(layers: Iterable[Layer]) -> Middleware | None:
    """Return the outermost middleware that may look at the body; None if none does."""
    every = (each for layer in layers for each in layer.middleware)
    return next((each for each in every if not (needs_head_alone(each) or is_stepped(each))), None)


def needs_head_alone(middleware: Middleware) -> bool:
    """Tell whether a middleware says that it needs the head alone."""
    return bool(getattr(middleware, "__needs_head_alone__", False))


def before_looking(gate: Gate, call: CallNext, request: Request) -> Awaitable[Any]:
    """Have the body received, and call a middleware that may look at it.

    Args:
        gate: The handler's.
        call: Calls the middleware, and what is within it.
        request: Its body may be there already; then the middleware is called at once.
    """
    body = request.body
    if type(body) is not LateBody:
        return call(request)
    request.late_body = body
    if gate.refuses(request):
        return call(request)
    return receive_first(body, call, request)


async def receive_first(body: LateBody, call: CallNext, request: Request) -> Any:
    """Receive a body, and call a middleware that may look at it.

    The middleware sees the answer to what is wrong with the body: that is raised within it, where
    the handler would be called. So it does where the time for the body has passed.
    """
    try:
        await body.receive()
        request.late_body = None
    except StatusError as error:
        body.failure = error
    except BaseException as error:
        late = None if request.late is None else request.late(error)
        if late is None:
            raise
        body.failure, deadline = late
        del late  # its error will hold this frame
        with trio.CancelScope(deadline=deadline, shield=True):
            return await call(request)
        raise body.failure from None
    return await call(request)
