"""What an event stream may send in the turn of whoever publishes: the contract with its source.

To wake the task of each stream for each event takes most of the time where one event goes to many.
"""

from abc import abstractmethod
from collections.abc import AsyncIterator, Callable
from typing import Any, Literal, Protocol, TypeAlias, TypeVar

__all__ = ["Feed", "Offered", "Published"]

Out = TypeVar("Out")

# What became of a value that a stream was offered. It is all ``sent``; or its sending has ``begun``
# and the stream's task has to go on with it; or it was ``refused`` and waits as any value does.
Offered: TypeAlias = Literal["sent", "begun", "refused"]


class Published(Protocol):
    """A value on its way to many streams.

    Attributes:
        value: The value.
        event: The event that each stream sends, empty until the first one of them has encoded it.
    """

    value: Any
    event: bytes


class Feed(AsyncIterator[Out]):
    """Values that an event stream takes where they are published, if its client keeps up.

    To iterate it gives the same values, but for those that were taken.
    """

    @abstractmethod
    async def wait(self, offer: Callable[[Published], Offered]) -> None:
        """Wait until there is something to do for a task: a next value, or the end, or a rest.

        Args:
            offer: Called with each value that is published while the task waits, in the turn of
                whoever publishes it, in order. It doesn't wait, and raises nothing. Where it has
                sent all, the task waits on.

        Raises:
            trio.BusyResourceError: Another task is waiting here.

        Cancellation: a checkpoint if there is nothing to do; nothing is lost if cancelled here, and
            nothing is offered from then on.
        """
