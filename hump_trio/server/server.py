"""A server from its first connection to its last: accepting, sweeping, shutting down."""

import signal
import threading
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from functools import partial
from traceback import StackSummary
from typing import Any, TypeAlias

import trio

from hump_trio.content.open_files import OPEN_FILES
from hump_trio.facts.callables import name_of
from hump_trio.facts.exceptions import HumpError
from hump_trio.facts.loggers import logger
from hump_trio.facts.settings import Sockets
from hump_trio.listening.accept_turns import Turns
from hump_trio.listening.bound_socket import BoundSocket
from hump_trio.listening.listeners import SocketListener, raise_descriptor_limit
from hump_trio.listening.service_manager import notify, reloading
from hump_trio.server.compartment import Compartment
from hump_trio.server.connection import Connection
from hump_trio.server.life import Life
from hump_trio.server.state import ServerState
from hump_trio.server.statistics import ServerStatistics, collect_statistics, report
from hump_trio.server.watchdog import SWEEP_SECONDS, Watchdog
from hump_trio.tasks.background import run_in_background
from hump_trio.tasks.console import Console
from hump_trio.tasks.task_tree import innermost_tasks, place_of, place_of_error
from hump_trio.transports.readiness import open_readiness
from hump_trio.transports.transport import Transport

__all__ = ["Listeners", "Server", "owns_signals"]

Listeners: TypeAlias = Sequence[trio.abc.Listener[Transport]]

SHUTDOWN_SIGNALS = (signal.SIGTERM, signal.SIGINT)
# What there is of them: not every system has it.
REPORT_SIGNALS = tuple(each for each in signal.Signals if each.name == "SIGUSR1")
RELOAD_SIGNALS = tuple(each for each in signal.Signals if each.name == "SIGHUP")

EXIT_CUT = (
    "the lifespan's exit took too long and was cancelled: a nursery waits for its tasks, so cancel"
    " its scope after the yield%s"
)


class Server:
    """One run of a server.

    Args:
        state: What its connections share.

    Attributes:
        console: For whoever has started the program.
    """

    def __init__(self, state: ServerState) -> None:
        self.state = state
        self.console: Console = Console()
        self._watchdog = Watchdog(state.timeouts.disconnect_poll, self._connection_limit)
        self._asked = trio.Event()
        self._readiness = open_readiness()
        self._notifies = False  # whether the service manager hears of this process from here
        self._descriptor_count = raise_descriptor_limit()
        self._accepting: trio.CancelScope | None = None
        self._connections: trio.Nursery | None = None
        self._compartment: Compartment | None = None
        self._background: trio.Nursery | None = None
        self._task = trio.lowlevel.current_task()

    @property
    def draining(self) -> bool:
        """Whether a shutdown was asked for."""
        return self._asked.is_set()

    def shutdown(self) -> None:
        """Begin a graceful shutdown; any number of calls are one."""
        self._asked.set()

    async def wait_draining(self) -> None:
        """Wait until requests under way are to end. A checkpoint."""
        await self.state.wait_life(Life.CLOSING)

    def listen(
        self,
        bound: Iterable[BoundSocket],
        sockets: Sockets,
        secure: Callable[[Transport], Transport] | None = None,
    ) -> list[SocketListener]:
        """Return listeners on some sockets, which they own.

        Args:
            bound: The sockets.
            sockets: How they are used.
            secure: As of `SocketListener`, for those where TLS is spoken.
        """
        return [
            SocketListener(
                each,
                self._watchdog.wait_room
                if each.turns is None
                else partial(self._wait_turn, each.turns),
                self._adopt,
                self._watchdog.make_room,
                self._readiness,
                sockets.proxy_protocol,
                secure if each.over_tcp and each.bind.scheme != "http" else None,
            )
            for each in bound
        ]

    async def _wait_turn(self, turns: Turns) -> int:
        """Wait as long as other processes are first and there is no room; return how much is."""
        welcome = await turns.wait(len(self._watchdog.connections))
        return min(await self._watchdog.wait_room(), welcome)

    def _connection_limit(self) -> int:
        """Return how many connections there may be: each open file has the descriptor of one."""
        left_count = self._descriptor_count - OPEN_FILES.count
        return max(int(min(self.state.limits.connections, left_count)), 1)

    def start_soon(self, function: Callable[..., Awaitable[Any]], *args: Any) -> None:
        """Run a function in the background, until it ends or a shutdown has waited long enough.

        Raises:
            RuntimeError: The server isn't accepting yet, or has ended.
        """
        if self._background is None:
            raise RuntimeError(
                "background work needs a server that has started; in a lifespan, open a nursery"
            )
        name = name_of(function)
        self._background.start_soon(run_in_background, function, args, name=name)

    async def serve(
        self,
        open_listeners: Callable[[], Awaitable[Listeners]],
        *,
        lifespan: AbstractAsyncContextManager[None],
        signals: bool,
        started: Callable[[], None],
        reload: Callable[[], None] | None = None,
    ) -> None:
        """Serve until a shutdown is complete.

        Args:
            open_listeners: Called within the lifespan; the server closes what it returns.
            lifespan: Encloses every connection; entered in this task.
            signals: Whether SIGTERM and SIGINT ask for a shutdown, and SIGUSR1 for a report; and
                whether a service manager is told of the start and the end.
            started: Called once connections are accepted.
            reload: Called at SIGHUP, if signals are obeyed; None: that is left alone.

        Cancellation: handlers are cancelled, connections reset, everything is closed.
        """
        failure: Exception | None = None
        stood = ""
        self._notifies = signals
        async with trio.open_nursery() as attendants:
            if signals:
                await attendants.start(self._obey_signals, reload)
            try:
                with trio.CancelScope() as leaving:
                    attendants.start_soon(self._shut_down, leaving)
                    try:
                        async with lifespan:
                            self.state.advance(Life.OPENING)
                            try:
                                await self._serve_within(open_listeners, started)
                            except Exception as error:
                                failure = error  # should the exit be cut before it is raised again
                                raise
                            finally:
                                self._background = None
                                leaving.deadline = self.state.enter_cleanup()
                    except (trio.Cancelled, BaseExceptionGroup) as error:
                        stood = place_of_error(error)
                        raise
                    failure = None  # the lifespan has dealt with it
                if leaving.cancelled_caught and trio.current_time() >= leaving.deadline:
                    logger.error(EXIT_CUT, stood and f"; it stood at {stood}")
            except Exception as error:
                failure = error  # raised below, where the nursery doesn't put it into a group
                # Cancelled next, so it waits for nobody; a host's cancellation can't displace it.
                attendants.cancel_scope.shield = True
            attendants.cancel_scope.cancel()
        if failure is not None:
            try:
                raise failure
            finally:
                del failure  # its traceback holds this frame

    async def _serve_within(
        self, open_listeners: Callable[[], Awaitable[Listeners]], started: Callable[[], None]
    ) -> None:
        """Accept and serve until the last connection and all background work has ended."""
        listeners = await open_listeners()
        async with trio.open_nursery() as attendants:
            attendants.start_soon(self._watchdog.sweep)
            if self._readiness is not None:
                attendants.start_soon(self._readiness.watch)
            async with (
                trio.open_nursery() as self._background,
                trio.open_nursery() as self._connections,
            ):
                async with trio.open_nursery() as acceptors:
                    self._accepting = acceptors.cancel_scope
                    for listener in listeners:  # each is sure to be closed from here on
                        acceptors.start_soon(self._accept, listener)
                    await trio.lowlevel.checkpoint()
                    started()
                    self._notify("READY=1")
                    self.state.advance(Life.SERVING)
                await self._watchdog.wait_none()
                self._connections.cancel_scope.cancel()
            attendants.cancel_scope.cancel()

    async def _accept(self, listener: trio.abc.Listener[Transport]) -> None:
        """Take in what a listener accepts, until cancelled; it is closed then."""
        async with listener:
            while True:
                self._adopt(await listener.accept())

    def _adopt(self, transport: Transport) -> None:
        """Take in a connection."""
        assert self._connections is not None
        if self._compartment is None or self._compartment.sealed:
            self._compartment = Compartment(self._watchdog)
            self._connections.start_soon(self._compartment.hold)
        connection = Connection(transport, self.state)
        self.state.connection_count += 1
        self._watchdog.add(connection)
        self._compartment.start_soon(connection)

    def statistics(self) -> ServerStatistics:
        """Return what is going on."""
        return collect_statistics(self.state, self._watchdog.connections)

    async def _shut_down(self, starting: trio.CancelScope) -> None:
        """Wait to be asked, then end everything in order; a lifespan that still starts, at once."""
        timeouts = self.state.timeouts
        await self._asked.wait()
        logger.info("shutting down")
        self._notify("STOPPING=1")
        if self.state.life is Life.STARTING:
            starting.cancel()
        await self.state.wait_life(Life.SERVING)
        self.state.advance(Life.DRAINING)
        await trio.sleep(timeouts.shutdown_delay)
        self.state.advance(Life.CLOSING)
        self._watchdog.drain()
        if self._accepting is not None:
            self._accepting.cancel()
        await trio.sleep(timeouts.shutdown)
        self.state.enter_cleanup()
        for connection in self._watchdog.connections:
            tasks = [] if connection.task is None else [connection.task]
            log_cut(connection.describe(), tasks)
            connection.cancel("shutdown")
        for task in self._background.child_tasks if self._background is not None else ():
            log_cut(f"background work {task.name}", [task])
        for nursery in self._nurseries():
            nursery.cancel_scope.cancel()
        await trio.sleep(timeouts.cleanup + SWEEP_SECONDS)  # what is cancelled then has left
        stuck = [task for nursery in self._nurseries() for task in innermost_tasks(nursery)]
        for task in stuck or [self._task]:
            stack = StackSummary.extract(task.iter_await_frames())
            logger.error("can't be cancelled; it waits in\n%s", "".join(stack.format()))

    def _notify(self, text: str) -> None:
        if self._notifies:
            notify(text)

    def _nurseries(self) -> list[trio.Nursery]:
        """Return the nurseries that have to empty before the lifespan can be left."""
        return [each for each in (self._connections, self._background) if each is not None]

    async def _obey_signals(
        self, reload: Callable[[], None] | None, task_status: trio.TaskStatus[None]
    ) -> None:
        """Shut down at the first signal, after which a second one ends the process at once.

        SIGUSR1 asks for a report, SIGHUP reloads what can be.
        """
        numbers = SHUTDOWN_SIGNALS + REPORT_SIGNALS + (() if reload is None else RELOAD_SIGNALS)
        with trio.open_signal_receiver(*numbers) as received:
            task_status.started()
            async for number in received:
                if number in RELOAD_SIGNALS and reload is not None:
                    self._reload(reload)
                    continue
                if number in REPORT_SIGNALS:
                    self.console.report(report(self._watchdog.connections, self._background))
                    continue
                for each in SHUTDOWN_SIGNALS:
                    signal.signal(each, signal.SIG_DFL)
                self.shutdown()

    def _reload(self, reload: Callable[[], None]) -> None:
        """Reload, or log why nothing has changed."""
        telling = self.state.life is Life.SERVING  # before and after, it isn't ready
        if telling:
            self._notify(reloading())
        try:
            reload()
        except (HumpError, RuntimeError) as error:
            logger.error("nothing was reloaded: %s", error)
        except Exception as error:  # the program's own: what is served now is no worse for it
            logger.error("nothing was reloaded", exc_info=error)
        if telling:
            self._notify("READY=1")


def log_cut(text: str, tasks: Iterable[trio.lowlevel.Task]) -> None:
    """Log what a shutdown has cut, and where it stands."""
    stands = "".join(f", it stands at {place}" for place in map(place_of, tasks) if place)
    logger.warning("cut at shutdown: %s%s", text, stands)


def owns_signals() -> bool:
    """Tell whether this task is the main one of `trio.run` in the main thread."""
    nursery = trio.lowlevel.current_task().parent_nursery
    return (
        threading.current_thread() is threading.main_thread()
        and nursery is not None
        and nursery.parent_task is trio.lowlevel.current_root_task()
    )
