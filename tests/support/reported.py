"""Connections in memory whose arrivals are reported as a readiness reports those of sockets.

A server lets such a connection wait without a task. What a client does is reported at once.
"""

from typing import Any

import pytest
import trio

import hump_trio.server.server
import hump_trio.testing.memory_listener
from hump_trio.server.http1.leaders import Leaders
from hump_trio.server.server import Listeners, Server
from hump_trio.testing.memory_listener import MemoryListener
from hump_trio.transports.memory import MemoryTransport
from hump_trio.transports.transport import RECEIVE_BYTES, Arrivals, check_max_bytes

__all__ = ["ReportedListener", "ReportedTransport", "report_arrivals"]


class ReportedTransport(MemoryTransport):
    """The server's end of a connection, which tells of what arrives.

    Args:
        plain: What it is in place of.
    """

    def __init__(self, plain: MemoryTransport) -> None:
        super().__init__(plain._incoming, plain._outgoing)
        self.secure: bool = plain.secure
        self.leaders: Leaders | None = None
        self._reports: Arrivals | None = None
        changed: Any = self
        self._changed = self._incoming.changed
        self._incoming.changed = changed

    async def park(self) -> None:
        """Wait for a change, as `ParkingLot.park` does."""
        await self._changed.park()

    def unpark_all(self) -> None:
        """Hear of a change, as `ParkingLot.unpark_all` does, and report what has arrived."""
        self._changed.unpark_all()
        reports = self._reports
        if reports is None or reports.ready or self._closed or not self.readable():
            return
        reports.ready = True
        reports.reported_at = trio.current_time()
        if reports.task is not None:
            reports.wake()
        elif reports.hear is not None:
            reports.hear()
            assert self.leaders is not None
            # Once for all that has come at one time, as by a readiness.
            wake = self.leaders.wake
            trio.lowlevel.current_trio_token().run_sync_soon(wake, idempotent=True)

    @property
    def arrivals(self) -> Arrivals | None:
        """What is reported, once somebody has asked for it."""
        return self._reports

    @property
    def watchable(self) -> bool:
        """Whether there is a server that hears of it."""
        return self.leaders is not None

    def watch(self) -> Arrivals:
        """Begin to report."""
        if self._reports is None:
            self._reports = Arrivals()
            self._reports.ready = self.readable()
        return self._reports

    def receive_nowait(self, max_bytes: int = RECEIVE_BYTES) -> bytes | None:
        """Receive, and see whether more is there."""
        data = super().receive_nowait(max_bytes)
        if self._reports is not None:
            self._reports.ready = data is not None and self.readable()
        return data

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Receive, as a watched socket does."""
        count, reports = check_max_bytes(max_bytes), self.watch()
        if reports.ready:
            await reports.pause()
        while True:
            if not reports.ready:
                await reports.wait()
            data = self.receive_nowait(count)
            if data is not None:
                return data

    def close(self) -> None:
        """Close, and wake who waits."""
        super().close()
        self._end_reports()

    def reset(self) -> None:
        """Reset, and wake who waits."""
        super().reset()
        self._end_reports()

    def _end_reports(self) -> None:
        reports, self._reports = self._reports, None
        if reports is not None:
            reports.ready = True
            reports.wake()


class ReportedListener(MemoryListener):
    """Accepts connections in memory whose arrivals are reported to a server."""

    leaders: Leaders | None = None

    async def accept(self) -> ReportedTransport:
        """Wait for a connection, and return the server's end of it."""
        plain = await super().accept()
        assert isinstance(plain, MemoryTransport)
        transport = ReportedTransport(plain)
        transport.leaders = self.leaders
        return transport


class ReportedServer(Server):
    """A server that hears what such listeners report."""

    async def serve(self, open_listeners: Any, **options: Any) -> None:
        """Serve (see `Server.serve`)."""

        async def open_reported() -> Listeners:
            listeners: Listeners = await open_listeners()
            for each in listeners:
                if isinstance(each, ReportedListener):
                    each.leaders = self.state.shared(Leaders)
            return listeners

        await super().serve(open_reported, **options)


def report_arrivals(patch: pytest.MonkeyPatch) -> None:
    """Have connections in memory wait without a task, until the patch is undone."""
    patch.setattr(hump_trio.testing.memory_listener, "MemoryListener", ReportedListener)
    patch.setattr(hump_trio.server.server, "Server", ReportedServer)
