"""The sockets that several workers serve: opened once, and closed when nobody accepts any more."""

import os
from collections.abc import Container, Sequence

import trio

from hump_trio.facts.loggers import logger
from hump_trio.facts.settings import Sockets
from hump_trio.listening.accept_turns import Turns, open_turns
from hump_trio.listening.bound_socket import BoundSocket, open_binds

__all__ = ["SharedSockets"]


class SharedSockets:
    """The sockets, and where workers note whose turn it is to accept.

    Args:
        workers: How many serve at a time.

    Attributes:
        bound: The sockets, once they are open.
        turns: The descriptor of `open_turns`; None for a worker alone.
    """

    def __init__(self, workers: int) -> None:
        self.bound: list[BoundSocket] = []
        # For each worker, the one that replaces it, and one that is slow to end.
        self.turns: int | None = open_turns(3 * workers) if workers > 1 else None
        self._overview = None if self.turns is None else Turns(self.turns)
        self._binds: tuple[str, ...] = ()
        self._opening = trio.Lock()

    async def open(self, binds: tuple[str, ...], sockets: Sockets) -> Sequence[BoundSocket]:
        """Open what the first worker asks for, and return it to all.

        Raises:
            BindError: It can't be had.
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

        Who is last to close one resets what waits to be accepted, and a worker looks for that
        first. A file is removed when its workers are about to, and not before.

        Args:
            delay_seconds: How long the workers go on accepting.
        """
        for each in self.bound:
            if each.file is None:
                each.close()
        await trio.sleep(delay_seconds)
        self.close_sockets()

    def close_sockets(self) -> None:
        """Close the sockets and remove their files. Any number of calls are one."""
        for each in self.bound:
            each.close()

    def close(self) -> None:
        """Close everything; to be called once."""
        self.close_sockets()
        if self.turns is not None and self._overview is not None:
            self._overview.close()
            os.close(self.turns)

    def find_index(self, taken: Container[int | None]) -> int | None:
        """Return an index among `turns` that no worker has, if there is one."""
        return None if self._overview is None else self._overview.find_index(taken)

    def leave(self, index: int | None) -> None:
        """Let nobody wait for a worker that accepts no more."""
        if self._overview is not None and index is not None:
            self._overview.leave(index)
