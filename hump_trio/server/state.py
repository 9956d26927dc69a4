"""What all connections of a server share: its settings, its load, and its life."""

import math
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, get_args

import trio

from hump_trio.content.room import DiskRoom
from hump_trio.facts.outcomes import Outcome
from hump_trio.facts.settings import Limits, Timeouts
from hump_trio.messages.choice import Application
from hump_trio.server.access_log import is_access_logged
from hump_trio.server.life import Life

__all__ = ["ServerState"]

T = TypeVar("T")


class ServerState:
    """Shared by the connections of one run of a server.

    Args:
        application: Decides what may happen with requests, and answers them.
        limits: Caps.
        timeouts: Seconds.
        server: The ``Server`` field's value; None for no such field.
        http2: Whether a connection in plain text may begin with HTTP/2.
        access_log: Whether a line is logged for each request, if the log takes it.

    Attributes:
        request_count: Requests in flight on all connections.
        request_limit: How many requests may be in flight; infinite without a limit.
        stream_count: HTTP/2 streams that are open on all connections.
        websocket_count: WebSockets on all connections that are open, or that a handler may open:
            many handshakes at one time could go past the limit else.
        websocket_limit: How many WebSockets may be open; infinite without a limit.
        start_attendant: Starts a task that runs until the server ends, beside all connections. It
            is set before the first connection is accepted.
        buffered_bytes: Bytes of bodies that are held for handlers, and of forms in memory.
        disk: The room for uploads on the disk.
        connection_count: Connections accepted so far.
        outcomes: How many requests have ended in which way.
        access_log: Whether a line is logged for each request.
        told: Whether somebody hears of each request that is over: the log, or who watches.
        life: How far the server's life has come; changed by `advance` and `enter_cleanup`.
        cleanup_deadline: When clean-up must end; infinite before `Life.CLEANUP`.
    """

    def __init__(
        self,
        application: Application,
        limits: Limits,
        timeouts: Timeouts,
        server: str | None,
        *,
        http2: bool = True,
        access_log: bool = True,
    ) -> None:
        self.application = application
        self.limits = limits
        self.timeouts = timeouts
        self.server = server
        self.http2 = http2
        self.request_count: int = 0
        self.request_limit: float = math.inf if limits.requests is None else limits.requests
        self.stream_count: int = 0
        self.websocket_count: int = 0
        self.websocket_limit: float = math.inf if limits.websockets is None else limits.websockets
        self.start_attendant: Callable[[Callable[[], Awaitable[None]]], None]
        self.buffered_bytes = 0
        self.disk: DiskRoom = DiskRoom(limits.spooled_bytes)
        self.connection_count = 0
        self.outcomes: dict[Outcome, int] = dict.fromkeys(get_args(Outcome), 0)
        self.access_log: bool = access_log and is_access_logged()
        self.told: bool = self.access_log or application.watched
        self.life: Life = Life.STARTING
        self.cleanup_deadline: float = math.inf
        self._reached = {life: trio.Event() for life in Life}
        self._shared: dict[Any, Any] = {}

    def count_in(self) -> None:
        """Count a request that is in flight from now on."""
        self.request_count += 1

    def count_out(self, outcome: Outcome) -> None:
        """Count a request that is over."""
        self.request_count -= 1
        self.outcomes[outcome] += 1

    def shared(self, make: Callable[["ServerState"], T]) -> T:
        """Return what the connections of one protocol share, which the first one makes."""
        if make not in self._shared:
            self._shared[make] = make(self)
        found: T = self._shared[make]
        return found

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
