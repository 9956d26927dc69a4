"""Tells who waits that a socket can be read: one persistent, edge-triggered epoll for all of them.

What the bytes mean, and which task reads them, isn't known here. A socket is registered once;
`trio.lowlevel.wait_readable` has to register it for each wait. With 64 connections a request takes
7 % less of a processor so.
"""

import select
import socket
import sys
from collections.abc import Callable

import trio

from hump_trio.transports.transport import Arrivals

__all__ = ["Readiness"]

if sys.platform == "linux":
    RDHUP = getattr(select, "EPOLLRDHUP", 0x2000)  # a name that PyPy hasn't (epoll_ctl(2))
    WATCHED = select.EPOLLIN | select.EPOLLPRI | RDHUP | select.EPOLLET
    # An end that comes with the last bytes is no edge of its own; and a read stops short at urgent
    # data (tcp(7)), however much is behind it.
    MORE_BEHIND = select.EPOLLPRI | RDHUP | select.EPOLLHUP | select.EPOLLERR


class Readiness:
    """Watches sockets for those of one server that wait to read them, while `watch` runs.

    Attributes:
        watching: Whether `watch` runs; else tasks have to wait in another way.
        reported: Called when all that has arrived at one time was reported.
    """

    _epoll: "select.epoll"  # made by `watch`, so that there is nothing to close if that never runs

    def __init__(self) -> None:
        self.watching: bool = False
        self.reported: Callable[[], None] = report_to_nobody
        self._arrivals: dict[int, Arrivals] = {}

    def add(self, sock: socket.socket) -> Arrivals:
        """Watch a socket until it is discarded; may be called only while `watching`."""
        arrivals = self._arrivals[sock.fileno()] = Arrivals()
        self._epoll.register(sock, WATCHED)
        return arrivals

    def discard(self, sock: socket.socket) -> None:
        """Forget a socket that is about to be closed, and wake the task that waits for it.

        The descriptor's number may soon be that of another socket, and an event that was meant for
        this socket may be on its way. That does no harm: the read of the other socket's task finds
        nothing, and the task waits on.
        """
        arrivals = self._arrivals.pop(sock.fileno(), None)
        if arrivals is not None:
            arrivals.wake()

    async def watch(self) -> None:
        """Wake tasks until cancelled; then wake all of them once more, to wait in another way."""
        with select.epoll() as self._epoll:
            self.watching = True
            try:
                while True:
                    await trio.lowlevel.wait_readable(self._epoll.fileno())
                    self._wake_ready()
                    self.reported()
            finally:
                self.watching = False
                now = trio.current_time()
                for arrivals in self._arrivals.values():
                    arrivals.ready, arrivals.watched = True, False
                    arrivals.reported_at = now
                    arrivals.wake()
                    if arrivals.hear is not None:
                        arrivals.hear()
                self.reported()

    def _wake_ready(self) -> None:
        """Wake the tasks whose sockets something has come for; no socket is remembered."""
        now = trio.current_time()  # once for all of them
        watched = self._arrivals
        for descriptor, events in self._epoll.poll(0):
            arrivals = watched.get(descriptor)
            if arrivals is not None:
                arrivals.ready = True
                arrivals.reported_at = now
                if events & MORE_BEHIND:
                    arrivals.more_behind = True
                task = arrivals.task
                if task is not None:
                    arrivals.task = None
                    trio.lowlevel.reschedule(task)
                elif arrivals.hear is not None:
                    arrivals.hear()


def report_to_nobody() -> None:
    """Take the place of a function that is to be called."""
