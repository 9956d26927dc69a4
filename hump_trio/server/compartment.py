"""Connections side by side, each of which may ruin its task without harm to the others.

Trio ends a task that a handler has left a nursery open in with a RuntimeError. Nothing within the
task can catch it, and it cancels whatever shares a nursery with the task.
"""

import trio

from hump_trio.facts.loggers import logger
from hump_trio.server.connection import Connection
from hump_trio.server.protocols import serve_connection
from hump_trio.server.watchdog import Watchdog
from hump_trio.tasks.failures import is_failure, leaves_of

__all__ = ["Compartment"]


class Compartment:
    """A nursery for connections, which takes no further one once a task in it is ruined.

    Such a task waits until no other is left there, and then its error cancels nobody. A nursery
    for each connection would do without that, but takes 3.5 KB, and an eighth of the time of a
    connection with one request.

    Args:
        watchdog: Knows the connections of the server.

    Attributes:
        sealed: Whether no further connection belongs in it: a task is ruined, or it was cancelled.
    """

    def __init__(self, watchdog: Watchdog) -> None:
        self.sealed: bool = False
        self._watchdog = watchdog
        self._early: list[Connection] = []
        self._nursery: trio.Nursery | None = None
        self._holder: trio.lowlevel.Task | None = None
        self._sound_count = 0  # tasks that aren't ruined
        self._emptied = trio.Event()

    async def hold(self) -> None:
        """Hold connections until it is sealed and the last one has ended, or until cancelled.

        Handlers that are cancelled from around their connections are told why. The abort function
        is called when the cancellation reaches this task, which is before any task that it reaches
        can run.
        """

        def abort(_: object) -> trio.lowlevel.Abort:
            self._holder = None
            self.sealed = True
            for connection in self._watchdog.connections:
                connection.note("server-failed")
            return trio.lowlevel.Abort.SUCCEEDED

        try:
            async with trio.open_nursery() as self._nursery:
                while self._early:
                    connection = self._early.pop()
                    self._nursery.start_soon(self._serve, connection, name=serve_connection)
                self._holder = trio.lowlevel.current_task()
                await trio.lowlevel.wait_task_rescheduled(abort)
        except* Exception as group:
            logger.error("a handler left a scope or a nursery open", exc_info=group)

    def start_soon(self, connection: Connection) -> None:
        """Serve a connection; the watchdog forgets it when it has ended."""
        self._sound_count += 1
        if self._nursery is None:
            self._early.append(connection)
        else:
            self._nursery.start_soon(self._serve, connection, name=serve_connection)

    async def _serve(self, connection: Connection) -> None:
        try:
            await serve_connection(connection)
        except BaseException as error:
            if not all(
                is_failure(each) or isinstance(each, trio.Cancelled) for each in leaves_of(error)
            ):
                raise
            # A cancellation of no scope around it, kept from another task as caches of results
            # under way do, would end the compartment.
            await trio.lowlevel.checkpoint_if_cancelled()
            logger.error("a connection failed", exc_info=error)
        finally:
            self._watchdog.discard(connection)
            await self._leave(trio.lowlevel.current_task().child_nurseries)

    async def _leave(self, left_open: list[trio.Nursery]) -> None:
        """Let a task end, or wait if it is ruined; a checkpoint only then."""
        self._sound_count -= 1
        self.sealed = self.sealed or bool(left_open)
        if self.sealed and not self._sound_count:
            self._emptied.set()
            if self._holder is not None:
                trio.lowlevel.reschedule(self._holder)
                self._holder = None
        if left_open:
            for nursery in left_open:
                nursery.cancel_scope.cancel()
            await self._emptied.wait()
