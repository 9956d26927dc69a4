"""One line for each request, by the logger ``hump_trio.access`` at the level INFO."""

from logging import INFO
from typing import NamedTuple

from hump_trio.facts.loggers import access_logger as logger
from hump_trio.facts.outcomes import Outcome
from hump_trio.messages.request import Request, peek

__all__ = ["AccessRecord", "is_access_logged", "log_request"]


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
        address = f"{self.client[0]}:{self.client[1]}" if self.client else "-"
        # A quote would end the field for a program that reads the line, and a backslash would hide
        # its end. Escaped, it is the same target.
        target = self.target.replace('"', "%22").replace("\\", "%5C")
        line = f"{self.method} {target}" if self.method else "-"
        return (
            f'{address} "{line}" {self.status or "-"} {self.byte_count}'
            f" {self.seconds:.4f} {self.outcome}"
        )


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
        access = AccessRecord(
            client, "", "", "", "", status, byte_count, seconds, outcome, "", "", ""
        )
    else:
        agent = referrer = ""
        for name, value in request.received_fields:
            if name == "user-agent":
                agent = value
            elif name == "referer":
                referrer = value
        access = AccessRecord(
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
    if ended is not None:
        close_code, received_count, sent_count = ended
        access = access._replace(
            close_code=close_code, received_count=received_count, sent_count=sent_count
        )
    # `logger.info` would look through the stack for this line, which is the same each time.
    logger.handle(
        logger.makeRecord(
            logger.name, INFO, __file__, 0, access, (), None, "log_request", {"access": access}
        )
    )


def request_id_of(request: Request) -> str:
    """Return the name that `RequestId` has given to a request; empty without one."""
    try:
        state = peek(request, "state")
    except AttributeError:
        return ""
    return str(state.get("request_id", ""))
