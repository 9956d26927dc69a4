"""What all connections of a server share: its settings, its load, and its life."""

import math
import time
from types import EllipsisType
from typing import Any, TypeAlias, get_args

import trio

from hump_trio.content.room import DiskRoom
from hump_trio.facts.exceptions import HttpParserError
from hump_trio.facts.outcomes import Outcome
from hump_trio.facts.settings import Limits, Timeouts
from hump_trio.http1.head import parse_request_line
from hump_trio.http1.response_head import begin_head
from hump_trio.messages.choice import Application, Choice
from hump_trio.messages.http_date import encode_http_date
from hump_trio.messages.response import JSON_TYPE, TEXT_TYPE, Response
from hump_trio.messages.target import RequestLine
from hump_trio.server.access_log import is_access_logged
from hump_trio.server.life import Life

__all__ = ["DRAIN_BYTES", "ChosenRoute", "ServerState"]

# What is read of a body that nobody wants to keep a connection; more costs more than a new one.
DRAIN_BYTES = 64 * 1024
# What is asked for, what may happen with it, and the values of the path template.
ChosenRoute: TypeAlias = tuple[RequestLine, Choice, dict[str, Any]]


class ServerState:
    """Shared by the connections of one run of a server.

    Args:
        application: Decides what may happen with requests, and answers them.
        limits: Caps.
        timeouts: Seconds.
        server: The ``Server`` field's value; None for no such field.

    Attributes:
        request_count: Requests in flight on all connections.
        request_limit: How many requests may be in flight; infinite without a limit.
        buffered_bytes: Bytes of bodies that are held for handlers, and of forms in memory.
        disk: The room for uploads on the disk.
        connection_count: Connections accepted so far.
        outcomes: How many requests have ended in which way.
        access_log: Whether a line is logged for each request.
        life: How far the server's life has come; changed by `advance` and `enter_cleanup`.
        cleanup_deadline: When clean-up must end; infinite before `Life.CLEANUP`.
        whole_lines: What `choose_whole` returns for the request line of each static route.
        stamps: The encoded start of a 200 answer, up to ``content-length: ``, by content type.
        stamp_until: Until when the stamps are valid.
        fixed_answers: The encoded answers of fixed choices on connections that go on, until then.
    """

    def __init__(
        self, application: Application, limits: Limits, timeouts: Timeouts, server: str | None
    ) -> None:
        self.application = application
        self.limits = limits
        self.timeouts = timeouts
        self.server_line: str = "" if server is None else f"server: {server}\r\n"
        self.request_count: int = 0
        self.request_limit: float = math.inf if limits.requests is None else limits.requests
        self.buffered_bytes = 0
        self.disk: DiskRoom = DiskRoom(limits.spooled_bytes)
        self.connection_count = 0
        self.outcomes: dict[Outcome, int] = dict.fromkeys(get_args(Outcome), 0)
        self.access_log: bool = is_access_logged()
        self.life: Life = Life.STARTING
        self.cleanup_deadline: float = math.inf
        self._reached = {life: trio.Event() for life in Life}
        self.stamps: dict[str, bytes] = {}
        self.fixed_answers: dict[Response, bytes] = {}
        self.stamp_until: float = -math.inf
        self.whole_lines: dict[bytes, ChosenRoute] = {}
        for method, path in application.static_paths:
            text = f"{method} {path} HTTP/1.1".encode()
            chosen = self.choose_whole(text)
            if chosen is not None:
                self.whole_lines[text] = chosen
        self._date_second = 0
        self._date_line = ""

    def choose_whole(self, text: bytes) -> ChosenRoute | None:
        """Return what a request line asks for; None if the fast path can't serve that."""
        try:
            line = parse_request_line(text.decode("latin-1"), self.limits.target_bytes)
        except HttpParserError:
            return None
        if line.version != "1.1" or line.authority is not None or line.method == "HEAD":
            return None
        choice, path_params = self.application.choose(line.method, line.raw_path)
        if not choice.plain or self.timeouts.deadline_header is not None:
            return None
        return line, choice, path_params

    def has_room(self, body: bytes, choice: Choice, *, keep_alive: bool) -> bool:
        """Tell whether the fast path may hold a body for a handler, or drop one that nobody wants.

        Where the connection ends with the answer, a body that nobody wants isn't dropped here.
        """
        if choice.refused:
            return keep_alive and len(body) <= DRAIN_BYTES
        limit = choice.body_limit_bytes
        if isinstance(limit, EllipsisType):
            limit = self.limits.body_bytes
        fits = limit is None or len(body) <= limit
        return fits and self.buffered_bytes + len(body) <= self.limits.buffered_bytes

    def count_in(self) -> None:
        """Count a request that is in flight from now on."""
        self.request_count += 1

    def count_out(self, outcome: Outcome) -> None:
        """Count a request that is over."""
        self.request_count -= 1
        self.outcomes[outcome] += 1

    def advance(self, life: Life) -> None:
        """Go forward to a state of the server's life; nothing happens if it has come further.

        Only `enter_cleanup` goes to the last one, since that has a deadline.
        """
        self.life = max(life, self.life)
        for each in Life:
            if each <= life:
                self._reached[each].set()

    async def wait_life(self, life: Life) -> None:
        """Wait until the server's life has come to a state, or past it. A checkpoint."""
        await self._reached[life].wait()

    def enter_cleanup(self) -> float:
        """Go to `Life.CLEANUP` and return its deadline, which is that of the first call."""
        if self.life < Life.CLEANUP:
            self.cleanup_deadline = trio.current_time() + self.timeouts.cleanup
            self.advance(Life.CLEANUP)
        return self.cleanup_deadline

    def closing_deadline(self) -> float:
        """Return until when a body may take that is closed now.

        It has `Timeouts.cleanup` seconds; at the end of the server, no more than all clean-up has.
        """
        return min(trio.current_time() + self.timeouts.cleanup, self.cleanup_deadline)

    def stamp_anew(self, now: float) -> None:
        """Make the stamps that are valid for the rest of this second, whose ``Date`` they have."""
        lines = f"{self.date_line()}{self.server_line}content-length: ".encode("latin-1")
        self.stamps = {kind: begin_head(200, kind) + lines for kind in (TEXT_TYPE, JSON_TYPE)}
        self.fixed_answers = {}
        self.stamp_until = now + 1 - time.time() % 1

    def date_line(self) -> str:
        """Return the ``Date`` line, made anew once a second (RFC 9110 section 6.6.1)."""
        second = int(time.time())
        if second != self._date_second:
            self._date_second = second
            self._date_line = f"date: {encode_http_date(second)}\r\n"
        return self._date_line
