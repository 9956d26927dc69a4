"""One line for each request, by the logger ``hump_trio.access`` at the level INFO."""

from logging import INFO, Handler, Logger, LogRecord, getLogRecordFactory, root

from hump_trio.facts.loggers import access_logger as logger
from hump_trio.facts.loggers import logger as outer_logger
from hump_trio.facts.outcomes import Outcome
from hump_trio.messages.access_record import AccessRecord
from hump_trio.messages.request import Request

__all__ = ["RequestHandler", "access_of", "is_access_logged", "log_access"]

# A close code, and how many messages were received and sent: those of a request without messages.
NO_WEBSOCKET = (0, 0, 0)
# What `logging` does between a logger and its handlers.
METHODS = Logger.makeRecord, Logger.handle, Logger.filter, Logger.callHandlers


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


def access_of(
    request: Request | None,
    status: int,
    *,
    outcome: Outcome,
    byte_count: int,
    seconds: float,
    client: tuple[str, int] | None = None,
    ended: tuple[int, int, int] | None = None,
) -> AccessRecord:
    """Return what is known of a request that is over.

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
            request.given_name,
            agent,
            referrer,
        )
    # The constructor would take its arguments apart again: 0.2 µs of a line's 4.
    return tuple.__new__(AccessRecord, facts + (NO_WEBSOCKET if ended is None else ended))


def log_access(access: AccessRecord) -> None:
    """Write the line of a request that is over."""
    handler = only_handler()
    if handler is None or not handler.write_request(access):
        # `logger.info` would look through the stack for this line, which is the same each time.
        logger.handle(
            logger.makeRecord(
                logger.name, INFO, __file__, 0, access, (), None, "log_access", {"access": access}
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
