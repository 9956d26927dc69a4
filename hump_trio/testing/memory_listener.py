"""The listener of an app that is served in memory, and the serving of one for tests."""

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any
from weakref import WeakKeyDictionary

import trio

from hump_trio.app import Hump
from hump_trio.dispatch.router import standing_in
from hump_trio.tasks.failures import crash_listener
from hump_trio.testing.crashes import Crashes
from hump_trio.transports.memory import MemoryTransport, memory_transport_pair
from hump_trio.transports.transport import Transport

__all__ = ["MemoryListener", "running", "running_token", "single_failure"]


class MemoryListener(trio.abc.Listener[Transport]):
    """Accepts connections that are made in memory.

    Attributes:
        crashes: What goes wrong in the app.
        token: The token of the Trio run that it accepts in; None before that.
    """

    def __init__(self) -> None:
        self.crashes: Crashes = Crashes()
        self.token: trio.lowlevel.TrioToken | None = None
        self._ends, self._waiting = trio.open_memory_channel[Transport](float("inf"))

    async def accept(self) -> Transport:
        """Wait for a connection and return the server's end of it. A checkpoint."""
        return await self._waiting.receive()

    async def aclose(self) -> None:
        """Reset connections that weren't accepted, and refuse further ones. A checkpoint."""
        with suppress(trio.WouldBlock, trio.ClosedResourceError):
            while True:
                self._waiting.receive_nowait().reset()
        await self._waiting.aclose()

    def connect(self, window_bytes: float, *, secure: bool = False) -> MemoryTransport:
        """Return the client's end of a new connection.

        Args:
            window_bytes: How much the app may send before the client reads.
            secure: Whether the app takes the connection for one over TLS.

        Raises:
            trio.BrokenResourceError: The app is no longer listening.
        """
        ours, theirs = memory_transport_pair(window_bytes)
        theirs.secure = secure
        self._ends.send_nowait(theirs)
        return ours


running_apps: WeakKeyDictionary[Hump[Any], MemoryListener] = WeakKeyDictionary()


@asynccontextmanager
async def running(
    app: Hump[Any], provide: Mapping[Any, Any] | None = None
) -> AsyncIterator[MemoryListener]:
    """Serve an app in memory, and shut it down at the end.

    If the app is served in this way already, its listener is shared, and nothing is shut down.

    Args:
        app: The app.
        provide: What it gives handlers instead of what its providers give, by their types.

    Raises:
        RuntimeError: Trio isn't running, or the app gives other values already.
        TypeError: The app has no provider of a type, or a value can't be meant.
    """
    if not trio.lowlevel.in_trio_run():
        raise RuntimeError(
            "an app is tested under Trio: trio.run(test), or pytest-trio with trio_mode = true or"
            " pytest.mark.trio"
        )
    token = trio.lowlevel.current_trio_token()
    listener = running_apps.get(app)
    if listener is not None:
        if listener.token is not token:
            raise RuntimeError("the app is being served in another thread, by a blocking_client")
        if provide:
            raise RuntimeError("this app is being served already: give provide= to what opened it")
        yield listener
        return
    listener = running_apps[app] = MemoryListener()
    listener.token = token
    stopped = trio.Event()

    async def serve(task_status: trio.TaskStatus[tuple[str, ...]]) -> None:
        crash_listener.set(listener.crashes.hear)
        await app.serve(listeners=[listener], task_status=task_status)
        stopped.set()

    try:
        with single_failure(), standing_in(app, {} if provide is None else provide):
            async with trio.open_nursery() as nursery:
                await nursery.start(serve)
                yield listener
                if not stopped.is_set():
                    app.shutdown()
    finally:
        del running_apps[app]


def running_token(app: Hump[Any]) -> trio.lowlevel.TrioToken | None:
    """Return the token of the Trio run that an app is served in; None if it isn't."""
    listener = running_apps.get(app)
    return None if listener is None else listener.token


@contextmanager
def single_failure() -> Iterator[None]:
    """Raise what a group holds, if it is one: a failed assertion should look like one."""
    try:
        yield
    except BaseExceptionGroup as group:
        if len(group.exceptions) == 1:
            raise group.exceptions[0] from None
        raise
