"""The seam between a WebSocket and the protocol that it came by: bytes both ways.

A `Line` is what is left of a request's stream once its channel is open. The channel's session knows
this contract alone: over HTTP/1.1 the line is the connection, over HTTP/2 a stream (RFC 8441).
"""

from collections.abc import Callable
from typing import Protocol

__all__ = ["Line"]


class Line(Protocol):
    """The bytes of one WebSocket, both ways.

    The line tells the session when a read may find something, by the function that `listen` is
    given: at once, within `listen`, if something is there already, and from then on, from any task,
    when bytes, their end or a reset have come. Nothing more is told before a read has found
    nothing, or less than there could have been: `readable` says so. A session that doesn't read
    when it is told has to look there, too.

    Attributes:
        status: That of the answer that has opened it.
    """

    status: int

    @property
    def heard_at(self) -> float:
        """Trio's time when something came last."""

    @property
    def sent_bytes(self) -> int:
        """How many bytes in all were taken, as `Clock.peer` counts those that are acknowledged."""

    def listen(self, hear: Callable[[], None]) -> None:
        """Call a function from now on whenever a read may find something. Called once."""

    def stop(self) -> None:
        """Call that function no more, since what it belongs to is over."""

    def receive_nowait(self) -> bytes | None:
        """Return what is there, empty at the client's end, or None if nothing is there yet.

        Raises:
            trio.BrokenResourceError: The client has gone.
        """

    @property
    def readable(self) -> bool:
        """Whether the next read may find something that `listen` won't tell of any more."""

    def send_nowait(self, data: bytes) -> int:
        """Send as much as is taken at once and return its length in bytes; it may be zero.

        Raises:
            trio.BrokenResourceError: The client has gone.
        """

    async def send_all(self, data: bytes) -> None:
        """Send all of it; nothing else is sent meanwhile.

        Raises:
            trio.BrokenResourceError: The client has gone.

        Cancellation: a checkpoint; a part may have gone if cancelled here.
        """

    async def end(self, *, answered: bool = True) -> None:
        """Say that nothing follows, and wait for the client's end as long as that matters.

        What it still sends is thrown away. Called once.

        Args:
            answered: Whether the client has sent a closing frame, and so sends nothing more, not
                even a pong.

        Cancellation: a checkpoint if it waits.
        """

    def reset(self) -> None:
        """Break off: the client sees an error, and no end. Any number of calls are one."""
