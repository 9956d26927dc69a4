"""An HTTP/1.1 connection that was switched to another protocol: bytes both ways, and no messages.

Source: RFC 9110 section 7.8.
"""

from collections.abc import Callable

import trio
from trio.lowlevel import Abort, Task, checkpoint, current_task, reschedule, wait_task_rescheduled

from hump_trio.server.attendant import Attendant
from hump_trio.server.connection import Connection

__all__ = ["Http1Line"]

# What may be on its way when the connection is closed: a closing frame. The system still sends
# that, and the end behind it.
CLOSING_BYTES = 127


class Http1Line:
    """What is left of a connection behind a 101 (see `Line`).

    Where the transport tells of what arrives, the line hears that in the task which watches all
    sockets. Elsewhere a task of its own, the *pump*, waits for bytes, and reads on once they are
    taken.

    Args:
        connection: Nothing follows on it but what the line sends.
        received: What was read from it already.
    """

    __slots__ = (
        "_arrivals",
        "_connection",
        "_ended",
        "_hear",
        "_heard_at",
        "_pump",
        "_pump_task",
        "_received",
        "_waiting",
        "send_nowait",
        "status",
    )

    def __init__(self, connection: Connection, received: bytes) -> None:
        self.status: int = 101
        self._connection = connection
        self._arrivals = connection.transport.watch()
        self._received: bytes | None = received or None
        self._heard_at = trio.current_time()
        self._hear: Callable[[], None] = hear_nothing
        self._pump: Attendant | None = None
        self._pump_task: Task | None = None  # while it waits until its bytes are taken
        self._ended = False  # the pump has come to the peer's end, or the connection is broken
        self._waiting: Task | None = None
        self.send_nowait: Callable[[bytes], int] = connection.transport.send_nowait

    @property
    def heard_at(self) -> float:
        """Trio's time when something came last."""
        if self._arrivals is None:
            return self._heard_at
        return max(self._arrivals.reported_at, self._heard_at)

    @property
    def sent_bytes(self) -> int:
        """How many bytes in all were taken."""
        return self._connection.transport.sent_bytes

    def listen(self, hear: Callable[[], None]) -> None:
        """Call a function whenever a read may find something (see `Line.listen`)."""
        self._listen_to(hear)
        if self._arrivals is None:
            self._pump = Attendant(self._connection, self._run_pump)
        if self.readable:
            hear()

    def _listen_to(self, hear: Callable[[], None]) -> None:
        self._hear = hear
        if self._arrivals is not None:
            self._arrivals.hear = hear

    def stop(self) -> None:
        """Call that function no more."""
        self._listen_to(hear_nothing)
        if self._pump is not None:
            self._pump.stop()

    @property
    def readable(self) -> bool:
        """Whether a read may find something that nobody will be told of."""
        if self._received is not None:
            return True
        return self._arrivals.ready if self._arrivals is not None else self._ended

    def receive_nowait(self) -> bytes | None:
        """Return what is there (see `Line.receive_nowait`)."""
        received = self._received
        if received is not None:
            self._received = None
            task, self._pump_task = self._pump_task, None
            if task is not None:
                reschedule(task)
            return received
        if self._pump is None:
            return self._connection.transport.receive_nowait()
        if self._ended and self._connection.gone:
            raise trio.BrokenResourceError("the peer has gone")
        return b"" if self._ended else None

    async def _run_pump(self) -> None:
        """Receive, and wait each time until that is taken; ends with the peer's end."""
        transport = self._connection.transport
        try:
            while True:
                if self._received is not None:
                    self._pump_task = current_task()
                    await wait_task_rescheduled(self._abort_pump)
                data = await transport.receive_some()
                if not data:
                    break
                self._heard_at = trio.current_time()
                self._received = data
                self._hear()
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            self._connection.gone = True
        self._ended = True
        self._hear()

    def _abort_pump(self, _: object) -> Abort:
        self._pump_task = None
        return Abort.SUCCEEDED

    async def send_all(self, data: bytes) -> None:
        """Send all of it (see `Line.send_all`)."""
        await self._connection.transport.send_all(data)

    async def end(self, *, answered: bool = True) -> None:
        """Let the peer read all that was sent (see `Line.end`).

        If it has all but a closing frame and sends nothing more, closing at once does no harm. Else
        closing would reset the connection, and destroy what is on its way (RFC 9112 section 9.6).
        """
        transport = self._connection.transport
        if (
            answered
            and not self.readable
            and transport.tells_acked
            # A client that has asked for the end acknowledges the closing frame with its own end:
            # to wait for that takes a tenth of the time of a WebSocket that has no messages.
            and transport.sent_bytes - transport.acked_bytes() <= CLOSING_BYTES
        ):
            return
        try:
            await transport.send_eof()
            self._listen_to(self._wake)
            while not self._ended:
                if self.readable:
                    self._ended = self.receive_nowait() == b""
                    await checkpoint()
                else:
                    self._waiting = current_task()
                    await wait_task_rescheduled(self._abort)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            self._connection.gone = True

    def _abort(self, _: object) -> Abort:
        self._waiting = None
        return Abort.SUCCEEDED

    def _wake(self) -> None:
        """Wake the task that waits for the peer's end."""
        task, self._waiting = self._waiting, None
        if task is not None:
            reschedule(task)

    def reset(self) -> None:
        """Break off (see `Line.reset`)."""
        self._connection.transport.reset()


def hear_nothing() -> None:
    """Take the place of a function that is called no more."""
