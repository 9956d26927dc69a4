"""The sockets that several workers serve: opened once, closed when no worker accepts any more."""

import os
from collections.abc import Container, Sequence

import trio

from hump_trio.facts.loggers import logger
from hump_trio.facts.settings import Sockets
from hump_trio.listening.accept_turns import Turns, open_turns
from hump_trio.listening.bound_socket import BoundSocket, open_binds

__all__ = ["SharedSockets"]


class SharedSockets:
    """The sockets, and the shared memory by which workers accept in turns.

    The memory is opened at once, and the sockets by `open`; `close` closes both.

    Args:
        workers: The number of workers that serve at a time.

    Attributes:
        bound: The sockets; empty until they are open.
        turns: The descriptor of `open_turns`; None if there is only one worker.
    """

    def __init__(self, workers: int) -> None:
        self.bound: list[BoundSocket] = []
        # Room for each worker, for the one that replaces it, and for one that is slow to end.
        self.turns: int | None = open_turns(3 * workers) if workers > 1 else None
        self._overview = None if self.turns is None else Turns(self.turns)
        self._binds: tuple[str, ...] = ()
        self._opening = trio.Lock()

    async def open(self, binds: tuple[str, ...], sockets: Sockets) -> Sequence[BoundSocket]:
        """Return the sockets. The first call opens them; later calls get the same ones.

        Args:
            binds: What to listen on. If a later call asks for other binds, that is logged.
            sockets: The options of the sockets.

        Raises:
            BindError: An address can't be listened on.
            ValueError: A text isn't a bind.

        Cancellation: a checkpoint; nothing is left open if cancelled here.
        """
        async with self._opening:
            self.bound = self.bound or await open_binds(binds, sockets)
            self._binds = self._binds or binds
        if binds != self._binds:
            logger.warning("what is listened on changes by a restart alone: %s", " ".join(binds))
        return self.bound

    async def close_when_drained(self, delay_seconds: float) -> None:
        """Close the sockets when workers that were asked to end accept no more.

        The last process to close a listening socket resets the connections in its backlog, so
        workers empty the backlog before they close. This process therefore closes TCP sockets
        first, and leaves the last close to the workers. The file of a Unix socket is removed when
        the workers stop accepting, and not before.

        Args:
            delay_seconds: Seconds for which the workers go on accepting.

        Cancellation: a checkpoint; `close` still has to be called.
        """
        for each in self.bound:
            if each.file is None:
                each.close()
        await trio.sleep(delay_seconds)
        self.close_sockets()

    def close_sockets(self) -> None:
        """Close the sockets and remove their files. Further calls do nothing."""
        for each in self.bound:
            each.close()

    def close(self) -> None:
        """Close the sockets and the shared memory. Call it once."""
        self.close_sockets()
        if self.turns is not None and self._overview is not None:
            self._overview.close()
            os.close(self.turns)

    def find_index(self, taken: Container[int | None]) -> int | None:
        """Return an index in `turns` that no worker has; None if there is none.

        Args:
            taken: The indices that workers have.
        """
        return None if self._overview is None else self._overview.find_index(taken)

    def leave(self, index: int | None) -> None:
        """Free the index of a worker that accepts no more, so that no other worker waits for it."""
        if self._overview is not None and index is not None:
            self._overview.leave(index)
