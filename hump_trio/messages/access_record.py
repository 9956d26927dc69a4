"""What is known of a request that is over, and who hears of that."""

from typing import NamedTuple, Protocol

from hump_trio.facts.outcomes import Outcome

__all__ = ["AccessRecord", "Ended", "Watching"]


class AccessRecord(NamedTuple):
    """The facts about a request that is over: the attribute ``access`` of its log record.

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


class Ended(NamedTuple):
    """How an exchange has ended: what a watcher's ``yield`` returns (see `Hump.watch`).

    Args:
        access: What the access log says of the request.
        error: What the program has failed with, where ``access.outcome`` is ``"crash"``; else None.
            It holds the frames of the handler, so keep what you need of it, not the error.
    """

    access: AccessRecord
    error: BaseException | None


class Watching(Protocol):
    """What hears how a request ends.

    Attributes:
        error: What the program has failed with, for `Ended.error`.
    """

    error: BaseException | None

    def end(self, access: AccessRecord) -> None:
        """Hear that the request is over; called once. It raises nothing but the program's end."""
