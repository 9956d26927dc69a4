"""A task that does something for a connection beside the tasks that serve it."""

from collections.abc import Awaitable, Callable

from hump_trio.server.clock import Clock
from hump_trio.server.connection import Connection

__all__ = ["Attendant"]


class Attendant:
    """Runs a function beside the lanes of a connection (see `Served`); it is no request's.

    So it goes on when the handler that needs it is cancelled. It must end with the connection.

    Args:
        connection: The connection, which is told to start it.
        run: The function. It raises nothing but a cancellation.

    Attributes:
        clock: It bounds nothing: a shutdown cancels its scope.
    """

    __slots__ = ("_run", "clock")

    def __init__(self, connection: Connection, run: Callable[[], Awaitable[None]]) -> None:
        self._run = run
        self.clock: Clock = Clock(connection.state, connection)
        self.clock.enter_spare()
        connection.start_lane(self)

    async def serve(self) -> None:
        """Run the function. Called once.

        Cancellation: by `stop`, and with the server.
        """
        try:
            with self.clock.scope:
                await self._run()
        finally:
            del self._run  # what it belongs to may hold this object

    def stop(self) -> None:
        """End it. Any number of calls are one."""
        self.clock.scope.cancel()
