"""What stands around the handler of a WebSocket: who may open it, and how it is closed.

What is raised before the WebSocket is open is answered as in any other handler. What is raised
after that becomes the code of its close.
"""

from hump_trio.channels.websocket import Refusal
from hump_trio.dispatch.errors import log_crash, note_error
from hump_trio.facts.exceptions import (
    BindingError,
    DeadlineError,
    HttpException,
    WebSocketClosed,
)
from hump_trio.facts.loggers import logger
from hump_trio.handlers.calling import Call
from hump_trio.messages.channel import Channel
from hump_trio.messages.request import Request, values_of
from hump_trio.messages.response import Response
from hump_trio.routing.channel_options import ChannelOptions
from hump_trio.routing.origins import is_let_in
from hump_trio.tasks.failures import is_failure, leaves_of

__all__ = ["serve_websocket"]


class OpenedResponse(Response):
    """What middleware sees of a WebSocket that was open: the status 101, sent long ago."""

    __slots__ = ()

    def __check__(self) -> None:
        """Let the status pass, which no handler can answer with."""
        self.status = 101


async def serve_websocket(
    call: Call, options: ChannelOptions, handler: str, request: Request
) -> Response:
    """Call the handler of a WebSocket, and have the WebSocket closed by what becomes of it.

    Args:
        call: Starts the handler (see `bind_websocket`).
        options: Those of the route.
        handler: The name of the handler.
        request: The request, with its channel.

    Raises:
        HttpException: The WebSocket isn't open: 403 for a page of another site, 400 for other
            subprotocols, 422 for parameters, and whatever the handler raises.

    Cancellation: up to the handler. The channel is left as it is; the server ends it.
    """
    channel = request.channel
    assert channel is not None, "the server has found that it asks for a WebSocket"
    if options.checked:
        check_origin(request, options)
    code, reason = 1000, ""
    try:
        websocket, handling = call(request)
        result = await handling
        if isinstance(result, Refusal) and not channel.opened:
            return result
        if result is not None:
            raise TypeError(
                f"{handler} handles a WebSocket and has returned {result!r:.80}, which nobody gets:"
                " `await websocket.send(...)`"
            )
        if not channel.opened:
            await websocket.accept()
    except BaseException as error:
        if isinstance(error, BaseExceptionGroup) and not is_failure(error):
            _, rest = error.split(WebSocketClosed)
            assert rest is not None, "an end is a failure by itself"
            raise rest from None  # a task that was cancelled has still tried to send
        if not is_failure(error):
            raise
        others = [leaf for leaf in leaves_of(error) if not isinstance(leaf, WebSocketClosed)]
        if others and not channel.opened:
            raise
        told = [leaf for leaf in others if isinstance(leaf, HttpException)]
        if len(told) < len(others):
            log_crash(request, error, handler)
            code = 1011
        elif told:
            note_error(request, told[0])
            code, reason = closing_of(told[0])
        elif request.outcome == "ok" and has_left(channel, error):
            request.outcome = "client-gone"
    if not channel.opened:
        return Response(None, 400)  # to nobody: the client has gone
    channel.finish(code, reason)
    return OpenedResponse()


def has_left(channel: Channel, error: BaseException) -> bool:
    """Tell whether the client has closed or gone, by the errors that say that a WebSocket is over.

    Args:
        channel: The client's. One of the errors may be of another's, which the handler used too.
        error: One `WebSocketClosed`, or a group of them.
    """
    is_over = channel.close_code is not None or not channel.opened
    return is_over and all(getattr(leaf, "by", "") != "server" for leaf in leaves_of(error))


def closing_of(error: HttpException) -> tuple[int, str]:
    """Return the code and the reason of the close for an error that tells the client what is wrong.

    Source: RFC 6455 section 7.4.1.
    """
    if isinstance(error, DeadlineError):
        return 1001, "time limit"
    code = 1007 if isinstance(error, BindingError) else 1008
    return code, error.detail


def check_origin(request: Request, options: ChannelOptions) -> None:
    """Refuse a page that may not open the WebSocket.

    Raises:
        HttpException: 403.
    """
    values = values_of(request, "origin")
    if not is_let_in(values, request.host, options.let_in):
        logger.info("%s was refused for its origin, %.80r", request.target, ", ".join(values))
        request.outcome = "refused"
        raise HttpException(403, "pages of this origin may not open this WebSocket")
