"""One line for each request, by the logger ``hump_trio.access`` at the level INFO."""

from logging import INFO, Handler, Logger, LogRecord, getLogRecordFactory, root
from typing import NamedTuple

from hump_trio.facts.loggers import access_logger as logger
from hump_trio.facts.loggers import logger as outer_logger
from hump_trio.facts.outcomes import Outcome
from hump_trio.messages.request import Request, peek

__all__ = ["AccessRecord", "RequestHandler", "is_access_logged", "log_request"]

# A close code, and how many messages were received and sent: those of a request without messages.
NO_WEBSOCKET = (0, 0, 0)
# What `logging` does between a logger and its handlers.
METHODS = Logger.makeRecord, Logger.handle, Logger.filter, Logger.callHandlers


class AccessRecord(NamedTuple):
    """What is known of a request that is over: the attribute ``access`` of its log record.

    A formatter or a handler needs to parse nothing. It may keep the record, which holds nothing
    of the request. What the client has sent is as it was received.

    Args:
        client: The client's address and port; None where there is none (a Unix socket).
        method: The method. For bytes that weren't a request it is empty, and so are target,
            version, route and fields.
        target: The request target.
        http_version: ``"2"``, ``"1.1"`` or ``"1.0"``.
        route: The template of the route; empty if there is none.
        status: The status of the answer; 0 if no answer was begun.
        byte_count: Bytes of the answer, its head included, that were given to the system.
        seconds: From the request's head to the answer's end. Of bytes that were no request: since
            the last answer on the connection, or since it was accepted.
        outcome: How the request has ended.
        request_id: The name that `RequestId` has given to the request; else empty.
        user_agent: The request's field ``User-Agent``; empty without one.
        referrer: The request's field ``Referer``; empty without one.
        close_code: The code that has ended a WebSocket (RFC 6455 section 7.4): 1006 if no closing
            frame came or went. 0 for any other request.
        received_count: Messages that a WebSocket's handler has received.
        sent_count: Messages that it has sent.
    """

    client: tuple[str, int] | None
    method: str
    target: str
    http_version: str
    route: str
    status: int
    byte_count: int
    seconds: float
    outcome: Outcome
    request_id: str
    user_agent: str
    referrer: str
    close_code: int = 0
    received_count: int = 0
    sent_count: int = 0

    def __str__(self) -> str:
        """Return the message, which a handler may never ask for."""
        client, method, target, _, _, status, byte_count, seconds, outcome, _, _, _, _, _, _ = self
        address = f"{client[0]}:{client[1]}" if client else "-"
        if '"' in target or "\\" in target:
            # A quote would end the field for a program that reads the line, and a backslash would
            # hide its end. Escaped, it is the same target.
            target = target.replace('"', "%22").replace("\\", "%5C")
        line = f"{method} {target}" if method else "-"
        return f'{address} "{line}" {status or "-"} {byte_count} {seconds:.4f} {outcome}'


class RequestHandler(Handler):
    """A handler that may need no log record for the line of a request.

    Making the record, and handing it on, is more than half of what a line costs.
    """

    def write_request(self, access: AccessRecord) -> bool:
        """Write what `logging.Handler.handle` would for the record of a request, if it can.

        Returns:
            Whether it was done. If it wasn't, the caller makes a record.
        """
        return False


def is_access_logged() -> bool:
    """Tell whether the lines go anywhere; asked once when a server starts."""
    return logger.isEnabledFor(INFO)


def log_request(
    request: Request | None,
    status: int,
    *,
    outcome: Outcome,
    byte_count: int,
    seconds: float,
    client: tuple[str, int] | None = None,
    ended: tuple[int, int, int] | None = None,
) -> None:
    """Write the line of a request that is over.

    Args:
        request: The request; None for bytes that weren't one.
        status: The status of the answer; 0 if no answer was begun.
        outcome: How the request has ended.
        byte_count: Bytes of the answer.
        seconds: From the request's head to the answer's end. Of bytes that were no request: since
            the last answer on the connection, or since it was accepted.
        client: The client's address and port, where there is no request that knows it.
        ended: What is known of a WebSocket: the code that has ended it, and how many messages were
            received and sent.
    """
    if request is None:
        facts = (client, "", "", "", "", status, byte_count, seconds, outcome, "", "", "")
    else:
        agent = referrer = ""
        for name, value in request.received_fields:
            if name == "user-agent":
                agent = value
            elif name == "referer":
                referrer = value
        facts = (
            request.client,
            request.method,
            request.target,
            request.http_version,
            request.route,
            status,
            byte_count,
            seconds,
            outcome,
            request_id_of(request),
            agent,
            referrer,
        )
    # The constructor would take its arguments apart again: 0.2 µs of a line's 4.
    access = tuple.__new__(AccessRecord, facts + (NO_WEBSOCKET if ended is None else ended))
    handler = only_handler()
    if handler is None or not handler.write_request(access):
        # `logger.info` would look through the stack for this line, which is the same each time.
        logger.handle(
            logger.makeRecord(
                logger.name, INFO, __file__, 0, access, (), None, "log_request", {"access": access}
            )
        )


def only_handler() -> RequestHandler | None:
    """Return the root's handler, if nobody else would see the record of a request.

    This looks where `logging` would, at each line, so that any change has its effect at once. None
    if there is another handler, a filter, a factory of records, or if loggers do more than those
    of `logging`. (A loop over loggers of several classes would take four times as long.)
    """
    kind = type(logger)
    if (
        logger.disabled
        or logger.filters
        or (kind.makeRecord, kind.handle, kind.filter, kind.callHandlers) != METHODS
        or getLogRecordFactory() is not LogRecord
        or logger.handlers
        or not logger.propagate
        or logger.parent is not outer_logger
        or outer_logger.handlers
        or not outer_logger.propagate
        or outer_logger.parent is not root
        or len(root.handlers) != 1
    ):
        return None
    [handler] = root.handlers
    return handler if isinstance(handler, RequestHandler) else None


def request_id_of(request: Request) -> str:
    """Return the name that `RequestId` has given to a request; empty without one."""
    try:
        state = peek(request, "state")
    except AttributeError:
        return ""
    return str(state.get("request_id", ""))
