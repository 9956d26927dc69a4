"""A server from its first connection to its last: starting, accepting, sweeping."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from contextvars import copy_context
from functools import partial
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
from hump_trio.server.connection import Connection, Served, Successive
from hump_trio.server.life import Life
from hump_trio.server.protocols import Leaders, may_wait, open_turns
from hump_trio.server.shutdown import shut_down
from hump_trio.server.signals import obey_signals
from hump_trio.server.state import ServerState
from hump_trio.server.statistics import ServerStatistics, collect_statistics, describe, report
from hump_trio.server.watchdog import Watchdog
from hump_trio.tasks.background import run_in_background
from hump_trio.tasks.console import Console
from hump_trio.tasks.task_tree import source_line_of_error
from hump_trio.transports.system import SYSTEM, System
from hump_trio.transports.transport import Transport

__all__ = ["Listeners", "Server"]

Listeners: TypeAlias = Sequence[trio.abc.Listener[Transport]]

EXIT_CUT = (
    "the lifespan's exit took too long and was cancelled: a nursery waits for its tasks, so cancel"
    " its scope after the yield%s"
)


class Server:
    """One run of a server.

    Args:
        state: What its connections share.
        system: What can be known of their sockets.

    Attributes:
        started: When serving began, by `trio.current_time`.
        console: Tells a person at the terminal what the log doesn't.
    """

    def __init__(self, state: ServerState, system: System = SYSTEM) -> None:
        self.state = state
        self.console: Console = Console()
        self._watchdog = Watchdog(state.timeouts.disconnect_poll, self._connection_limit)
        self._asked = trio.Event()
        self._delay_seconds = state.timeouts.shutdown_delay
        self._system = system
        self._readiness = system.make_readiness()
        self._leaders: Leaders | None = None
        self._no_scope = trio.CancelScope()
        self._notifies = False  # whether systemd is told of this process's start and end
        self._descriptor_count = raise_descriptor_limit()
        self._accepting = trio.CancelScope()
        self._leaving = trio.CancelScope()  # the lifespan; its deadline is that of its exit
        self._failure: Exception | None = None  # on its way through the lifespan's exit
        self._connections: trio.Nursery | None = None
        self._compartment: Compartment | None = None
        self._background: trio.Nursery | None = None
        self._task = trio.lowlevel.current_task()
        self.started: float = trio.current_time()
        self._context = copy_context()
        # Made once: for each connection they would take 128 bytes.
        self._lane_starters: tuple[
            Callable[[Served], None], Callable[[Connection, Successive, Successive], None]
        ]

    @property
    def watchdog(self) -> Watchdog:
        """What knows every open connection."""
        return self._watchdog

    @property
    def background(self) -> trio.Nursery | None:
        """The tasks of background work; None if there can be none."""
        return self._background

    @property
    def task(self) -> trio.lowlevel.Task:
        """The task that the lifespan is entered in."""
        return self._task

    @property
    def draining(self) -> bool:
        """Whether a shutdown was asked for."""
        return self._asked.is_set()

    def shutdown(self, *, delayed: bool = True) -> None:
        """Begin a graceful shutdown; of any number of calls the first one counts.

        Args:
            delayed: Whether to go on accepting for `Timeouts.shutdown_delay`. It is no help where
                another process accepts from the same sockets, and answers that it is ready.
        """
        if not delayed and not self.draining:
            self._delay_seconds = 0.0
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
            secure: Secures a connection, where TLS is spoken; None: it is spoken nowhere.
        """
        return [
            SocketListener(
                each,
                self._watchdog.wait_room
                if each.turns is None
                else partial(self._wait_turn, each.turns),
                self._adopt,
                make_room=self._watchdog.make_room,
                system=self._system,
                readiness=self._readiness,
                proxies=sockets.proxy_protocol,
                secure=secure if each.over_tcp and each.bind.scheme != "http" else None,
            )
            for each in bound
        ]

    async def _wait_turn(self, turns: Turns) -> int:
        """Wait until it is this process's turn to accept, and there is room; return how much."""
        # One connection of a proxy's may carry the work of many.
        load = len(self._watchdog.connections) + self.state.stream_count
        welcome = await turns.wait(load)
        return min(await self._watchdog.wait_room(), welcome)

    def _connection_limit(self) -> int:
        """Return how many connections there may be; each open file takes the place of one."""
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
            reload: Called at SIGHUP, if signals are obeyed; None: SIGHUP asks for a shutdown, if it
                would have ended the process.

        Cancellation: handlers are cancelled, connections reset, everything is closed.
        """
        self._notifies = signals
        async with trio.open_nursery() as attendants:
            if signals:
                action = None if reload is None else partial(self._reload, reload)
                await attendants.start(obey_signals, self.shutdown, self._report, action)
            attendants.start_soon(self._shut_down)
            failure = await self._serve_and_leave(open_listeners, lifespan, started)
            # A failure isn't displaced by a cancellation from outside: nobody is waited for here.
            attendants.cancel_scope.shield = failure is not None
            attendants.cancel_scope.cancel()
        if failure is not None:
            try:
                raise failure  # outside the nursery, which would put it into a group
            finally:
                del failure  # its traceback holds this frame

    async def _serve_and_leave(
        self,
        open_listeners: Callable[[], Awaitable[Listeners]],
        lifespan: AbstractAsyncContextManager[None],
        started: Callable[[], None],
    ) -> Exception | None:
        """Serve within the lifespan and leave it; return the error that has ended that, if any."""
        source_line = ""
        try:
            with self._leaving:
                try:
                    await self._serve_within(open_listeners, lifespan, started)
                except (trio.Cancelled, BaseExceptionGroup) as error:
                    source_line = source_line_of_error(error)
                    raise
        except Exception as error:
            self._failure = error
        else:
            if self._leaving.cancelled_caught and trio.current_time() >= self._leaving.deadline:
                logger.error(EXIT_CUT, source_line and f"; it stood at {source_line}")
        failure, self._failure = self._failure, None  # or its traceback would hold itself
        return failure

    async def _serve_within(
        self,
        open_listeners: Callable[[], Awaitable[Listeners]],
        lifespan: AbstractAsyncContextManager[None],
        started: Callable[[], None],
    ) -> None:
        """Enter the lifespan, serve, and leave it within the time for clean-up."""
        async with lifespan:
            self.state.advance(Life.OPENING)
            try:
                await self._serve_connections(await open_listeners(), started)
            except Exception as error:
                self._failure = error  # which is lost if the lifespan's exit is cut
                raise
            finally:
                self._background = None
                self._leaving.deadline = self.state.enter_cleanup()
        self._failure = None  # the lifespan has dealt with it

    async def _serve_connections(self, listeners: Listeners, started: Callable[[], None]) -> None:
        """Accept and serve until the last connection and all background work has ended."""
        async with trio.open_nursery() as attendants:
            self.state.start_attendant = attendants.start_soon
            self._context = copy_context()  # what the lifespan has set is in it
            self._lane_starters = self._start_lane, self._hand_on
            attendants.start_soon(self._watchdog.sweep)
            if self._readiness is not None:
                self._leaders = open_turns(
                    self.state, start=self._start_turns, discard=self._discard
                )
                self._readiness.reported = self._leaders.wake
                attendants.start_soon(self._readiness.watch)
            try:
                async with (
                    trio.open_nursery() as self._background,
                    trio.open_nursery() as self._connections,
                ):
                    with self._accepting:
                        await self._accept_all(listeners, started)
                    await self._watchdog.wait_none()
                    self._connections.cancel_scope.cancel()
            finally:
                self._close_waiting()
                del self._lane_starters  # they hold the server
            attendants.cancel_scope.cancel()

    async def _accept_all(self, listeners: Listeners, started: Callable[[], None]) -> None:
        """Accept from all listeners until cancelled, and say when that has begun."""
        async with trio.open_nursery() as acceptors:
            for listener in listeners:  # each is sure to be closed from here on
                acceptors.start_soon(self._accept, listener)
            await trio.lowlevel.checkpoint()
            started()
            self._notify("READY=1")
            self.state.advance(Life.SERVING)

    async def _accept(self, listener: trio.abc.Listener[Transport]) -> None:
        """Take in what a listener accepts, until cancelled; it is closed then."""
        async with listener:
            while True:
                self._adopt(await listener.accept())

    def _adopt(self, transport: Transport) -> None:
        """Take in a connection."""
        waits = self._leaders is not None and may_wait(transport)
        connection = Connection(transport, self.state, self._no_scope if waits else None)
        connection.start_lane, connection.hand_on = self._lane_starters
        self.state.connection_count += 1
        self._watchdog.add(connection)
        if self._leaders is not None and waits:
            self._leaders.adopt(connection)
        else:
            self._open_compartment().start_soon(connection)

    def _open_compartment(self) -> Compartment:
        """Return the compartment that new tasks of connections are started in."""
        assert self._connections is not None
        if self._compartment is None or self._compartment.sealed:
            self._compartment = Compartment(self._watchdog, self._leaders)
            self._connections.start_soon(self._compartment.hold)
        return self._compartment

    def _start_lane(self, lane: Served) -> None:
        """Start a lane beside the task of a connection (see `Connection.start_lane`)."""
        self._open_compartment().start_lane(lane)

    def _hand_on(self, connection: Connection, lane: Successive, follower: Successive) -> None:
        """Let another lane serve a connection (see `Connection.hand_on`)."""
        self._open_compartment().hand_on(connection, lane, follower)

    def _start_turns(self) -> None:
        """Start a task that serves, in turn, the connections that have none.

        This may be called by a lane whose handler has set context variables.
        """
        self._context.run(lambda: self._open_compartment().serve_turns_soon(self.state))

    def _discard(self, connection: Connection) -> None:
        """Forget a connection that was closed."""
        self._watchdog.discard(connection)
        connection.forget()

    def _close_waiting(self) -> None:
        """Close the connections that no task has closed."""
        if self._leaders is not None:
            self._leaders.stop()
        for connection in list(self._watchdog.connections):
            if connection.clock.waiting is not None:
                connection.clock.waiting.close()
        if self._leaders is not None:
            self._leaders.drop()

    def statistics(self) -> ServerStatistics:
        """Return what is going on."""
        return collect_statistics(self.state, self._watchdog.connections, self._watchdog.clocks)

    async def _shut_down(self) -> None:
        """Wait until a shutdown is asked for, and do it; the lifespan's start is cut for that."""
        await self._asked.wait()
        logger.info("shutting down")
        self._notify("STOPPING=1")
        if self.state.life is Life.STARTING:
            self._leaving.cancel()
        await self.state.wait_life(Life.SERVING)
        await shut_down(
            self.state,
            self._watchdog,
            self._accepting,
            delay_seconds=self._delay_seconds,
            connections=self._connections,
            background=self._background,
            main_task=self._task,
        )

    def _notify(self, text: str) -> None:
        if self._notifies:
            notify(text)

    def _report(self) -> None:
        """Write a report of what is going on."""
        text = report(self._watchdog.clocks, self._background)
        self.console.report(f"{text}\n{describe(self.statistics())}")

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
