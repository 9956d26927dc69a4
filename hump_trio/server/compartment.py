"""Connections side by side, so that a ruined task does no harm to the others.

A task is *ruined* when a handler has left a nursery open in it. Trio ends such a task with a
RuntimeError that nothing in the task can catch, and that error cancels every task that shares a
nursery with the ruined one.
"""

from collections.abc import Awaitable, Callable
from functools import partial

import trio

from hump_trio.facts.loggers import logger
from hump_trio.server.clock import Clock
from hump_trio.server.connection import Connection, Served, Successive
from hump_trio.server.lane import Lane
from hump_trio.server.protocols import Leaders, make_lane, serve_connection, serve_handed_over
from hump_trio.server.state import ServerState
from hump_trio.server.watchdog import Watchdog
from hump_trio.tasks.failures import is_failure, leaves_of

__all__ = ["Compartment"]


class Compartment:
    """A nursery for the tasks of connections, which takes no further one once a task is ruined.

    A ruined task waits until it is the last one in the compartment; its error cancels nobody then.
    A nursery for each connection would make the wait needless, but it takes 3.5 KB, and an eighth
    of the time of a connection with one request.

    Args:
        watchdog: Knows the connections of the server.
        leaders: Have lanes that serve connections in turn; None: each connection has a task.

    Attributes:
        sealed: Whether the compartment takes no further connection, because a task in it is
            ruined or because it was cancelled.
    """

    def __init__(self, watchdog: Watchdog, leaders: Leaders | None = None) -> None:
        self.sealed: bool = False
        self._watchdog = watchdog
        self._leaders = leaders
        self._early: list[Callable[[], Awaitable[None]]] = []
        self._nursery: trio.Nursery | None = None
        self._holder: trio.lowlevel.Task | None = None
        self._sound_count = 0  # tasks that aren't ruined
        self._emptied = trio.Event()

    async def hold(self) -> None:
        """Hold connections until the compartment is sealed and the last one has ended.

        Cancellation: handlers learn that the server has failed. They learn it in time, because
        Trio calls the abort function of this task before any task that is cancelled with it runs.
        """

        def abort(_: object) -> trio.lowlevel.Abort:
            self._holder = None
            self.sealed = True
            if self._leaders is not None:
                self._leaders.pause()  # or each lane that is cancelled would have another started
            for clock in self._watchdog.clocks:
                clock.note("server-failed")
            return trio.lowlevel.Abort.SUCCEEDED

        try:
            async with trio.open_nursery() as self._nursery:
                while self._early:
                    self._nursery.start_soon(self._early.pop(), name=serve_connection)
                self._holder = trio.lowlevel.current_task()
                await trio.lowlevel.wait_task_rescheduled(abort)
        except* Exception as group:
            logger.error("a handler left a scope or a nursery open", exc_info=group)
            if self._leaders is not None:  # it is this compartment that has failed, not the server
                self._leaders.resume()

    def start_soon(self, connection: Connection) -> None:
        """Serve a connection; the watchdog forgets it when it has ended."""
        self._start(partial(self._serve, connection))

    def _start(self, serve: Callable[[], Awaitable[None]]) -> None:
        self._sound_count += 1
        if self._nursery is None:
            self._early.append(serve)
        else:
            self._nursery.start_soon(serve, name=serve_connection)

    def serve_turns_soon(self, state: ServerState) -> None:
        """Serve, in turn, the connections that wait without a task."""
        self._start(partial(self._serve_turns, state))

    def start_lane(self, lane: Served) -> None:
        """Serve a lane of a connection; the watchdog sweeps its clock until it has ended."""
        self._watchdog.lanes.add(lane.clock)
        self._start(partial(self._serve_lane, lane))

    def hand_on(self, connection: Connection, lane: Successive, follower: Successive) -> None:
        """Let another lane serve a connection; the watchdog knows the first one until it ends.

        Args:
            connection: Its clock is that of the follower.
            lane: Has served it, and works on.
            follower: Finds the context variables that the first lane has found.
        """
        self._watchdog.lanes.add(lane.clock)
        lane.context.run(self._start, partial(self._serve, connection, follower.serve))

    async def _serve(
        self, connection: Connection, serve: Callable[[], Awaitable[None]] | None = None
    ) -> None:
        """Serve a connection, from its beginning or where another lane has handed it on."""
        clock = connection.clock
        try:
            await (serve_connection(connection) if serve is None else serve())
            if connection.handed_over:
                await serve_handed_over(connection)
        except BaseException as error:
            await self._take_failure(error)
        finally:
            self._let_go(connection, clock)
            await self._leave(trio.lowlevel.current_task().child_nurseries)

    def _let_go(self, connection: Connection, clock: Clock) -> None:
        """Forget a connection whose lane has ended, unless something else serves it or it waits.

        Args:
            connection: The connection.
            clock: That of the lane.
        """
        if connection.clock is not clock:
            self._watchdog.discard_lane(clock)
        elif clock.waiting is None:
            self._watchdog.discard(connection)
            connection.forget()

    async def _serve_turns(self, state: ServerState) -> None:
        """Serve one connection after the other, until there are lanes enough."""
        leaders = self._leaders
        assert leaders is not None
        leaders.begin()
        task = trio.lowlevel.current_task()
        try:
            while not task.child_nurseries:
                lane = make_lane(state, lambda: self.sealed)
                try:
                    await leaders.attend(lane.serve())
                    if (connection := connection_of(lane)) and connection.handed_over:
                        leaders.wake()  # the rest of the queue is for another lane
                        await serve_handed_over(connection)
                except BaseException as error:
                    await self._take_failure(error)
                    break
                finally:
                    if connection := connection_of(lane):
                        self._let_go(connection, lane.clock)
                    connection = None  # while more is awaited it isn't held
                if lane.is_home:
                    break
                if lane.is_changed(task):  # the next one begins with that of the first
                    lane.renew_context(task)
                    await trio.lowlevel.checkpoint()
        finally:
            leaders.wake()
            await self._leave(task.child_nurseries)

    async def _serve_lane(self, lane: Served) -> None:
        try:
            await lane.serve()
        except BaseException as error:
            await self._take_failure(error)
        finally:
            self._watchdog.discard_lane(lane.clock)
            del lane.clock.peer  # they would hold each other
            await self._leave(trio.lowlevel.current_task().child_nurseries)

    async def _take_failure(self, error: BaseException) -> None:
        """Log what a task has failed with, or raise it if it ends more than the task."""
        if not all(
            is_failure(each) or isinstance(each, trio.Cancelled) for each in leaves_of(error)
        ):
            raise error
        # A handler may raise the `trio.Cancelled` of another task, as a cache does that shares
        # a result which is still being made. No scope around this task would catch it, and it
        # would end the compartment.
        await trio.lowlevel.checkpoint_if_cancelled()
        logger.error("a connection failed", exc_info=error)

    def _seal(self) -> None:
        """Take no further task, and let those end that wait for their turn."""
        self.sealed = True
        if self._leaders is not None:
            self._leaders.dismiss()

    async def _leave(self, left_open: list[trio.Nursery]) -> None:
        """Let a task end; a ruined one waits for all the others before.

        A checkpoint only in a ruined task.

        Args:
            left_open: The nurseries that were left open in the task.
        """
        self._sound_count -= 1
        if left_open:
            self._seal()
        if self.sealed and not self._sound_count:
            self._emptied.set()
            if self._holder is not None:
                trio.lowlevel.reschedule(self._holder)
                self._holder = None
        if left_open:
            for nursery in left_open:
                nursery.cancel_scope.cancel()
            await self._emptied.wait()


def connection_of(lane: Lane) -> Connection | None:
    """Return the connection that a lane has served last; None if another one serves it, or none."""
    peer = lane.clock.peer
    return peer if isinstance(peer, Connection) else None
