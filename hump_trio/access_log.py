"""One line for each request, by the logger ``hump_trio.access`` at the level INFO."""

import logging

from hump_trio.exceptions import Outcome
from hump_trio.request import Request

__all__ = ["is_access_logged", "log_request"]

logger: logging.Logger = logging.getLogger("hump_trio.access")


def is_access_logged() -> bool:
    """Tell whether anyone wants the lines; asked once when a server starts."""
    return logger.isEnabledFor(logging.INFO)


def log_request(
    request: Request | None,
    status: int,
    *,
    outcome: Outcome,
    byte_count: int,
    seconds: float,
) -> None:
    """Write the line of a request that is over.

    Args:
        request: None for bytes that weren't one.
        status: Of the answer; 0 if none was begun.
        outcome: How it ended.
        byte_count: Of the answer, its head included, as given to the system.
        seconds: From the request's head to the answer's end.
    """
    client, line = None, "-"
    if request is not None:
        # A quote would end the field for whoever reads the line, and a backslash would hide its
        # end; escaped, it is the same target.
        target = request.url.replace('"', "%22").replace("\\", "%5C")
        client, line = request.client, f"{request.method} {target}"
    address = "-" if client is None else f"{client[0]}:{client[1]}"
    logger.info('%s "%s" %s %d %.4f %s', address, line, status or "-", byte_count, seconds, outcome)
