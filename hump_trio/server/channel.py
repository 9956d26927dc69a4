"""The channel of a WebSocket, as the server sees it: what its lane and its clock ask of it."""

from typing import Protocol

from hump_trio.facts.outcomes import CancelReason
from hump_trio.messages.channel import Channel

__all__ = ["ServerChannel"]


class ServerChannel(Channel, Protocol):
    """A channel that a stream has made for its exchange (see `Channel`).

    It keeps its time by itself while the clock is in `Phase.OPEN` (see `Swept`).

    Attributes:
        received_count: Messages that the handler has received.
        sent_count: Messages that were sent.
    """

    received_count: int

    @property
    def sent_count(self) -> int:
        """Messages that were sent."""

    def sweep(self, now: float) -> None:
        """End what has lasted too long (see `Swept.sweep`)."""

    def give_back(self, seconds: float) -> None:
        """Move what the peer owes (see `Swept.give_back`)."""

    def drain(self, deadline: float) -> None:
        """Hear that the server closes (see `Swept.drain`)."""

    def end(self, reason: CancelReason) -> None:
        """Hear why the handler is cancelled, and say so to the peer (see `Swept.end`).

        Any number of calls are one; none is needed if the handler has ended by itself.
        """

    async def wait_closed(self) -> None:
        """Wait until both sides have closed, after `finish` or `end`.

        Cancellation: a checkpoint if anything is awaited. What isn't sent then is cut off, so that
        no message looks whole.
        """

    def release(self) -> None:
        """Give back what is held for the handler. Called once, when all is over."""
