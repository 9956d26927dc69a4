"""What all connections of a server share: its settings, its load, and whether it is ending."""

import math
import time
from email.utils import formatdate
from typing import get_args

import trio

from hump_trio.access_log import is_access_logged
from hump_trio.dispatch import Dispatcher
from hump_trio.exceptions import Outcome
from hump_trio.settings import Limits, Timeouts

__all__ = ["ServerState"]


class ServerState:
    """Shared by the connections of one run of a server.

    Args:
        dispatcher: Chooses what a head may do, and answers.
        limits: Caps.
        timeouts: Seconds.
        server: The ``Server`` field's value; None for no such field.

    Attributes:
        request_count: Requests in flight.
        buffered_bytes: Of the bodies held for handlers.
        connection_count: Connections accepted so far.
        outcomes: How many requests ended how.
        access_log: Whether each request is logged.
        closing: Whether no further request is taken on a connection.
        cleanup_deadline: When clean-up must end; known once the server has begun to cancel.
    """

    def __init__(
        self, dispatcher: Dispatcher, limits: Limits, timeouts: Timeouts, server: str | None
    ) -> None:
        self.dispatcher = dispatcher
        self.limits = limits
        self.timeouts = timeouts
        self.server_line: str = "" if server is None else f"server: {server}\r\n"
        self.request_count = 0
        self.buffered_bytes = 0
        self.connection_count = 0
        self.outcomes: dict[Outcome, int] = dict.fromkeys(get_args(Outcome), 0)
        self.access_log: bool = is_access_logged()
        self.closing = False
        self.cleanup_deadline: float = math.inf
        self._date_second = 0
        self._date_line = ""

    @property
    def full(self) -> bool:
        """Whether no further request is taken."""
        limit = self.limits.requests
        return limit is not None and self.request_count >= limit

    def enter_cleanup(self) -> float:
        """Return when clean-up must end: one budget, from the first call on."""
        if self.cleanup_deadline == math.inf:
            self.cleanup_deadline = trio.current_time() + self.timeouts.cleanup
        return self.cleanup_deadline

    def date_line(self) -> str:
        """Return the ``Date`` line, made anew once a second (RFC 9110 section 6.6.1)."""
        second = int(time.time())
        if second != self._date_second:
            self._date_second = second
            self._date_line = f"date: {formatdate(second, usegmt=True)}\r\n"
        return self._date_line
