"""A server from its first connection to its last: accepting, sweeping, shutting down."""

import logging
import signal
import threading
from collections.abc import Iterator, Sequence
from functools import partial
from traceback import StackSummary

import trio

from hump_trio.connection import Connection
from hump_trio.listeners import SocketListener, open_listeners, raise_descriptor_limit
from hump_trio.server_state import ServerState
from hump_trio.serving import serve_connection
from hump_trio.transport import Transport
from hump_trio.watchdog import SWEEP_SECONDS, Watchdog

__all__ = ["Server", "owns_signals"]

logger: logging.Logger = logging.getLogger("hump_trio")

SHUTDOWN_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Server:
    """One run of a server.

    Args:
        state: What its connections share.

    Attributes:
        draining: Whether a shutdown was asked for.
    """

    def __init__(self, state: ServerState) -> None:
        self.state = state
        self.draining: bool = False
        self._watchdog = Watchdog(state.timeouts.disconnect_poll)
        self._asked = trio.Event()
        self._limit = raise_descriptor_limit(state.limits.connections)
        self._connections: trio.Nursery | None = None

    def shutdown(self) -> None:
        """Begin a graceful shutdown; any number of calls are one."""
        self.draining = True
        self._asked.set()

    async def open(self, host: str, port: int) -> list[SocketListener]:
        """Open the listeners of an address.

        Raises:
            BindError: It can't be listened on.
        """
        wait_room = partial(self._watchdog.wait_room, self._limit)
        return await open_listeners(host, port, wait_room=wait_room, adopt=self._adopt)

    async def serve(
        self,
        listeners: Sequence[trio.abc.Listener[Transport]],
        *,
        signals: bool,
        addresses: tuple[str, ...],
        task_status: trio.TaskStatus[tuple[str, ...]],
    ) -> None:
        """Serve until a shutdown is complete.

        Args:
            listeners: Where connections come from; closed by the server.
            signals: Whether SIGTERM and SIGINT ask for a shutdown.
            addresses: Reported once connections are accepted.
            task_status: Where to report them.

        Cancellation: handlers are cancelled, connections reset, everything is closed.
        """
        async with trio.open_nursery() as attendants:
            attendants.start_soon(self._watchdog.sweep)
            async with trio.open_nursery() as connections:
                self._connections = connections
                serve_listeners = partial(trio.serve_listeners, handler_nursery=connections)
                async with trio.open_nursery() as acceptors:
                    # First of all, because from here on the listeners are sure to be closed.
                    await acceptors.start(serve_listeners, self._serve_transport, listeners)
                    if signals:
                        await attendants.start(self._obey_signals)
                    logger.info("serving at %s", " ".join(addresses) or "the listeners given")
                    task_status.started(addresses)
                    # A shutdown that was asked for meanwhile doesn't keep the start from ending.
                    attendants.start_soon(self._shut_down, acceptors.cancel_scope, connections)
            attendants.cancel_scope.cancel()

    async def _serve_transport(self, transport: Transport) -> None:
        """Serve one connection; the task of its own that each has."""
        connection = Connection(transport, self.state)
        self._watchdog.add(connection)
        try:
            # A task that a handler has left a nursery open in ends with a RuntimeError of Trio's
            # that nothing within it can catch; the task is one deeper so that it can be caught.
            async with trio.open_nursery() as nursery:
                nursery.start_soon(serve_connection, connection)
        except ExceptionGroup as group:
            logger.error("a handler left a scope or a nursery open", exc_info=group)
        finally:
            self._watchdog.discard(connection)

    def _adopt(self, transport: Transport) -> None:
        assert self._connections is not None
        self._connections.start_soon(self._serve_transport, transport)

    async def _shut_down(self, accepting: trio.CancelScope, connections: trio.Nursery) -> None:
        """Wait to be asked, then end everything in order."""
        timeouts = self.state.timeouts
        await self._asked.wait()
        logger.info("shutting down")
        await trio.sleep(timeouts.shutdown_delay)
        self.state.closing = True
        self._watchdog.hasten_idle(timeouts.drain_idle)
        accepting.cancel()
        await trio.sleep(timeouts.shutdown)
        self.state.cleanup_deadline = trio.current_time() + timeouts.cleanup
        for connection in self._watchdog.connections:
            logger.warning("cut at shutdown: %s", connection.describe())
            connection.cancel("shutdown")
        connections.cancel_scope.cancel()
        await trio.sleep(max(timeouts.cleanup, SWEEP_SECONDS))  # time to leave, if none to clean up
        for task in innermost_tasks(connections):
            stack = StackSummary.extract(task.iter_await_frames())
            logger.error("can't be cancelled; it waits in\n%s", "".join(stack.format()))

    async def _obey_signals(self, task_status: trio.TaskStatus[None]) -> None:
        """Shut down at the first signal; a second one ends the process at once."""
        with trio.open_signal_receiver(*SHUTDOWN_SIGNALS) as received:
            task_status.started()
            async for _ in received:
                for each in SHUTDOWN_SIGNALS:
                    signal.signal(each, signal.SIG_DFL)
                self.shutdown()


def innermost_tasks(nursery: trio.Nursery) -> Iterator[trio.lowlevel.Task]:
    """Yield the tasks of a nursery that wait for no task of their own."""
    for task in nursery.child_tasks:
        below = [each for inner in task.child_nurseries for each in innermost_tasks(inner)]
        yield from below or (task,)


def owns_signals() -> bool:
    """Tell whether this task is the main one of `trio.run` in the main thread."""
    nursery = trio.lowlevel.current_task().parent_nursery
    return (
        threading.current_thread() is threading.main_thread()
        and nursery is not None
        and nursery.parent_task is trio.lowlevel.current_root_task()
    )
