"""What is told each time that a coroutine waits."""

from collections.abc import Awaitable, Callable, Coroutine, Generator
from types import FrameType
from typing import Any

__all__ = ["Attended"]


class Attended(Generator[Any, Any, None], Awaitable[None]):
    """A coroutine whose every wait is heard of, once it has begun.

    What doesn't wait pays nothing for that. The attributes are those of a coroutine, so that Trio
    shows the line at which a task waits (`trio.lowlevel.Task.iter_await_frames`).

    Args:
        coroutine: It is run.
        hear: Is called as it waits. It raises nothing.
    """

    __slots__ = ("_coroutine", "_hear")

    def __init__(self, coroutine: Coroutine[Any, Any, None], hear: Callable[[], object]) -> None:
        self._coroutine: Any = coroutine  # that of an async function, which has more than its type
        self._hear = hear

    def __await__(self) -> Generator[Any, Any, None]:
        """Return what runs the coroutine."""
        return self

    def __next__(self) -> Any:
        """Go on; a frame of the standard library would be taken for the program's."""
        return self.send(None)

    def send(self, value: Any) -> Any:
        """Go on until the coroutine waits."""
        try:
            awaited = self._coroutine.send(value)
        finally:
            del value  # it may hold an error, whose traceback holds this frame
        self._hear()
        return awaited

    def throw(self, *error: Any) -> Any:
        """Go on with an error until the coroutine waits."""
        try:
            awaited = self._coroutine.throw(*error)
        finally:
            del error
        self._hear()
        return awaited

    @property
    def cr_frame(self) -> FrameType | None:
        """The frame of the coroutine."""
        frame: FrameType | None = self._coroutine.cr_frame
        return frame

    @property
    def cr_await(self) -> Any:
        """What the coroutine awaits."""
        return self._coroutine.cr_await
