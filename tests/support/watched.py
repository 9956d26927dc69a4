"""Connections whose server's end may be watched by a readiness, for tests of what comes when."""

import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import trio
import trio.testing

from hump_trio.transports.readiness import Readiness
from hump_trio.transports.sockets import SocketTransport
from tests.support.loopback import PATIENCE_SECONDS, socket_pair


class Wire:
    """Makes connections whose server's end is a transport, and closes them all.

    Attributes:
        readiness: What watches the transports; None: Trio does.
    """

    def __init__(self, readiness: Readiness | None) -> None:
        self.readiness = readiness
        self._open: list[socket.socket | SocketTransport] = []

    def connect(self) -> tuple[socket.socket, SocketTransport]:
        """Return the two ends of a new connection, the client's first."""
        client, server = socket_pair()
        client.setblocking(False)
        return client, self.adopt(client, server)

    def adopt(self, client: socket.socket, server: socket.socket) -> SocketTransport:
        """Return the transport over a server's end."""
        transport = SocketTransport(server, readiness=self.readiness)
        self._open += [client, transport]
        return transport

    def close(self) -> None:
        """Close every end."""
        for each in self._open:
            each.close()


@asynccontextmanager
async def open_wire(*, watched: bool = True) -> AsyncIterator[Wire]:
    """Yield a wire, and close it; what takes too long is an error."""
    with trio.fail_after(PATIENCE_SECONDS):
        async with trio.open_nursery() as nursery:
            readiness = Readiness() if watched else None
            if readiness is not None:
                nursery.start_soon(readiness.watch)
                await trio.testing.wait_all_tasks_blocked()
            wire = Wire(readiness)
            try:
                yield wire
            finally:
                wire.close()
            nursery.cancel_scope.cancel()


class Meddler(trio.abc.Instrument):
    """Does something right before a task goes on, once.

    Args:
        task: Which.
        act: What.
    """

    def __init__(self, task: trio.lowlevel.Task, act: Callable[[], object]) -> None:
        self._task = task
        self._act = act

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        """Act, if it is the task."""
        if task is self._task:
            trio.lowlevel.remove_instrument(self)
            self._act()


async def receive_after(act: Callable[[], object], transport: SocketTransport) -> bytes:
    """Receive; something happens between the report that bytes are there and their read."""
    trio.lowlevel.add_instrument(Meddler(trio.lowlevel.current_task(), act))
    return await transport.receive_some()


def end(client: socket.socket) -> None:
    """Say that nothing follows."""
    client.shutdown(socket.SHUT_WR)


def reset(client: socket.socket) -> None:
    """Close with an RST."""
    SocketTransport(client).reset()
