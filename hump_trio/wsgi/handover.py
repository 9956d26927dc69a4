"""The parts of an answer, on their way from the thread that makes them to the task that sends them.

The thread may be a little ahead, and then waits: a client that doesn't read stops it.
"""

from collections.abc import Callable
from threading import Condition
from typing import TypeAlias

import trio

from hump_trio.tasks.threads import thread_awaited

__all__ = ["HELD_BYTES", "PART_BYTES", "Handover", "Wake"]

# The thread waits while this much has not been taken. 64 KiB: the small parts that templates and
# files are made of go out many at a time.
HELD_BYTES = 64 * 1024
# What a part counts for besides its bytes, as it takes so much of memory.
PART_BYTES = 64

# Wakes a task; called in its Trio run.
Wake: TypeAlias = Callable[[], object]


class Handover:
    """One thread gives, and one task of a Trio run takes.

    Args:
        token: That of the run.
        begun: Called in the run when something has been given for the first time.

    Attributes:
        whole: Whether that was all: the whole body, or an error instead of any; None before.
        left: Whether nobody takes anything any more.
    """

    __slots__ = (
        "_changed",
        "_ended",
        "_error",
        "_held",
        "_held_bytes",
        "_token",
        "_wake",
        "left",
        "whole",
    )

    def __init__(self, token: trio.lowlevel.TrioToken, begun: Wake) -> None:
        self._token = token
        self._changed = Condition()  # guards all that follows
        self._wake: Wake | None = begun  # for what is given next, once
        self._held: list[bytes] = []
        self._held_bytes = 0
        self._ended = False
        self._error: BaseException | None = None
        self.whole: bool | None = None
        self.left: bool = False

    def give(self, part: bytes, *, last: bool = False) -> bool:
        """Give a part; called in the thread, which waits while enough is held.

        Args:
            part: The part. An empty one that isn't the last begins the answer, and no more.
            last: Whether the body ends with it.

        Returns:
            Whether anybody takes it, which isn't so behind the last one.
        """
        with self._changed:
            while not (self.left or self._ended) and self._held_bytes >= HELD_BYTES:
                self._changed.wait()
            if self.left or self._ended:
                return False
            wake = self._add([part] if part or not last else [], ended=last)
        return self._alert(wake)

    def fail(self, error: BaseException) -> bool:
        """Give an error instead of what is missing; called in the thread.

        Returns:
            Whether anybody takes it, which isn't so where the body has ended.
        """
        with self._changed:
            if self._ended or self.left:
                return False
            self._error = error
            wake = self._add([], ended=True)
        return self._alert(wake)

    def _add(self, parts: list[bytes], *, ended: bool) -> Wake | None:
        """Add parts, and return what to call for that, without the lock."""
        for part in parts:
            self._held.append(part)
            self._held_bytes += len(part) + PART_BYTES
        self._ended = ended
        if self.whole is None:
            self.whole = ended
        wake, self._wake = self._wake, None
        return wake

    def _alert(self, wake: Wake | None) -> bool:
        """Wake the task, if it waits; return whether its Trio run still goes on."""
        if wake is not None:
            try:
                self._token.run_sync_soon(wake)
            except trio.RunFinishedError:
                self.left = True
                return False
        return True

    def take_nowait(self) -> bytes | None:
        """Return all that is held; None if that is nothing. Called in the task.

        Raises:
            BaseException: The error that was given behind all that was held.
        """
        with self._changed:
            return self._take()

    async def take(self) -> bytes | None:
        """Return the next bytes of the body; None behind its end. Called in the task.

        Raises:
            BaseException: As `take_nowait` does.

        Cancellation: a checkpoint only if something has to be waited for; nothing is lost.
        """
        while True:
            with self._changed:
                data = self._take()
                if data is not None or self._ended:
                    return data
                arrived = trio.Event()
                self._wake = arrived.set
            with thread_awaited():
                await arrived.wait()

    def _take(self) -> bytes | None:
        if self._held:
            data = b"".join(self._held)
            self._held.clear()
            self._held_bytes = 0
            self._changed.notify()
            return data
        error, self._error = self._error, None
        if error is None:
            return None
        try:
            raise error
        finally:
            del error  # its traceback holds this frame

    def leave(self) -> None:
        """Take nothing any more; the thread is told so when it gives. Called in the task."""
        with self._changed:
            self.left = True
            self._held.clear()
            self._changed.notify()
