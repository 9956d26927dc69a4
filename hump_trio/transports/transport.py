"""The seam between the server and the bytes: what every transport is, whatever carries its bytes.

A transport adds to `trio.abc.HalfCloseableStream` what keeping time needs: how much the peer has
acknowledged, reads and writes that never wait, and a close that never waits. Sockets, TLS and what
the bytes mean aren't known here.
"""

import math
from abc import abstractmethod
from collections.abc import Awaitable, Callable
from operator import index
from typing import Any, Literal, TypeAlias

import trio

__all__ = [
    "HTTP_1_1",
    "RECEIVE_BYTES",
    "Arrivals",
    "ConflictDetector",
    "PeerState",
    "Server",
    "Transport",
    "check_max_bytes",
    "send_whole",
]

# What one read asks for: a head and most bodies. As much can be held behind a slow handler for each
# connection, so no more than a body of 64 KiB needs: with 128 KiB it isn't read any faster.
RECEIVE_BYTES = 80 * 1024
# What is spoken where nothing else was agreed on (RFC 7301 section 6).
HTTP_1_1 = "http/1.1"

PeerState: TypeAlias = Literal["open", "half_closed", "reset"]
# An address and its port, or the path of a Unix socket, which has no port.
Server: TypeAlias = tuple[str, int | None]


class Arrivals:
    """Lets a task wait for the next bytes of a transport without any coroutine of the transport.

    `Transport.receive_some` waits by way of three coroutines, each of which costs 2,000
    instructions. A caller that can't afford them writes what they do:

        arrivals = transport.arrivals
        if arrivals is not None and not arrivals.ready:
            arrivals.task = trio.lowlevel.current_task()
            await trio.lowlevel.wait_task_rescheduled(arrivals.abort_wait)
            data = transport.receive_nowait()

    The rules:

    - A transport has arrivals or not, and each `receive_some` may change that: it is called where
      `Transport.arrivals` is None, where a read may find something already, and where the read
      after a wait has found nothing. The caller looks at `Transport.arrivals` again after it.
    - Only the one task that receives may wait, and only while `ready` is False: an arrival that
      was reported before isn't reported again.
    - A transport over another one has the arrivals of that one. As long as it holds something that
      a read may return, or every read of it would raise, `ready` is True. What comes may be no
      more than a part of what it can return: the read after a wait finds nothing then.
    - Each report wakes `task` once: the code that wakes a task sets `task` to None first. A
      connection that several tasks serve may therefore put any of its tasks here that is parked in
      `trio.lowlevel.wait_task_rescheduled`, exchange it for another one, or take it away.
    - A task that is woken has been promised nothing: the read may find nothing, or raise since the
      transport was closed meanwhile.
    - Cancelled, the wait has lost nothing, and `task` is None.

    Attributes:
        ready: Whether a read may return something, so that nobody may wait for it. The transport
            writes it, and so does a transport that is over that one. A read that finds nothing
            makes it False.
        more_behind: Whether more may be behind a short read, which else proves that all was read:
            bytes behind urgent data, or an end that came with the last bytes. Such a transport
            stays ready until a read has found nothing.
        reported_at: Trio time of the latest report; before the first one, `-math.inf`.
        task: The task that waits and is to be woken by a report; None if none waits.
        hear: Called by each report while no task waits; None: nothing is. It must not wait, and
            it raises nothing.
        watched: Whether there will be reports. Once there are none, only `Transport.receive_some`
            waits.
    """

    __slots__ = ("_pausing", "hear", "more_behind", "ready", "reported_at", "task", "watched")

    def __init__(self) -> None:
        self.ready: bool = False
        self.more_behind: bool = False
        self.reported_at: float = -math.inf
        self.task: trio.lowlevel.Task | None = None
        self.hear: Callable[[], None] | None = None
        self.watched: bool = True
        self._pausing = False

    async def wait(self) -> None:
        """Wait until a read may find something. A checkpoint; nothing is lost if cancelled here.

        Raises:
            trio.BusyResourceError: Another task waits.
        """
        self._check_alone()
        self.task = trio.lowlevel.current_task()
        await trio.lowlevel.wait_task_rescheduled(self.abort_wait)

    async def pause(self) -> None:
        """Let other tasks run before a read that needn't wait. A checkpoint.

        Raises:
            trio.BusyResourceError: Another task is about to read.

        Cancellation: nothing is lost if cancelled here.
        """
        self._check_alone()
        self._pausing = True
        try:
            await trio.lowlevel.checkpoint()
        finally:
            self._pausing = False

    def wake(self) -> None:
        """Let the task that waits look again, if there is one."""
        task, self.task = self.task, None
        if task is not None:
            trio.lowlevel.reschedule(task)

    def abort_wait(self, _: object) -> trio.lowlevel.Abort:
        """Wake the task no more: the abort function of its wait."""
        self.task = None
        return trio.lowlevel.Abort.SUCCEEDED

    def _check_alone(self) -> None:
        if self._pausing or self.task is not None:
            raise trio.BusyResourceError("another task is receiving")


class Transport(trio.abc.HalfCloseableStream):
    """The bytes of one connection, both ways: a stream whose peer's progress can be seen.

    The contract that every implementation keeps:

    - **Owner.** A transport owns what it is made over, a socket or another
      transport, and closes that with itself. The server that adopted a transport closes it.
      `close`, `reset` and `aclose` may come at any time, from any task, and any number of times;
      the first one counts.
    - **Closed.** Every later call raises `trio.ClosedResourceError`, and so does a
      call that another task was waiting in. `peer_state`, `sent_bytes`, `acked_bytes` and
      `fully_acked` go on answering.
    - **Tasks.** One task may send while another one receives. A second task that sends,
      or receives, gets `trio.BusyResourceError`. Calls that never wait don't look for such a task:
      their caller sees to that.
    - **Cancelled.** A cancelled `receive_some` has lost nothing. A cancelled
      `send_all` may have sent a part, and nobody knows how much of it: a message that was cut so
      is ended by `reset`. A cancelled `handshake` leaves a transport that can only be closed.
    - **Peer gone.** The call that finds it raises `trio.BrokenResourceError`.
    - **Time.** Nothing here has a deadline: the caller gives one to each wait.

    Attributes:
        tells_acked: Whether the transport knows what the peer has acknowledged; else it takes all
            that was sent for acknowledged.
        needs_handshake: Whether `handshake` has to come before anything else.
        protocol: The name in ALPN of the protocol that was agreed on (RFC 7301), known once the
            handshake is over; `HTTP_1_1` where the peer hasn't negotiated one.
        secure: Whether nobody on the way can read what is sent.
        strong_cipher: Whether what TLS has agreed on, if it is there, has keys of its own for each
            connection and authenticates what it encrypts, known once the handshake is over.
        client_certificate: The certificate of a peer that has proven who it is, in the form of
            `ssl.SSLSocket.getpeercert`.
    """

    tells_acked: bool = True
    needs_handshake: bool = False
    protocol: str = HTTP_1_1
    secure: bool = False
    strong_cipher: bool = True
    client_certificate: dict[str, Any] | None = None

    @property
    @abstractmethod
    def client(self) -> tuple[str, int] | None:
        """The peer's address and port, or None where there is none."""

    @property
    def server(self) -> Server | None:
        """The address that the peer has reached, or None where there is none."""
        return None

    @property
    def arrivals(self) -> Arrivals | None:
        """What lets the task that receives wait more cheaply; None: only `receive_some` waits."""
        return None

    @property
    def watchable(self) -> bool:
        """Whether `watch` would return something."""
        return False

    def watch(self) -> Arrivals | None:
        """Return what tells of the next bytes before anything is received; None if nothing does.

        While a task waits in `receive_some`, it isn't called.
        """
        return self.arrivals

    async def handshake(self) -> None:
        """Settle with the peer what comes before the first request.

        Raises:
            trio.BrokenResourceError: The peer can't be talked to; what could be said was said.

        Cancellation: a checkpoint; the transport can only be closed if cancelled here.
        """
        await trio.lowlevel.checkpoint()

    @abstractmethod
    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Return bytes, or none at the end. A checkpoint; nothing is lost if cancelled here."""

    @abstractmethod
    def receive_nowait(self, max_bytes: int = RECEIVE_BYTES) -> bytes | None:
        """Return what is there, empty at the end, or None if nothing is there yet.

        Raises:
            trio.BrokenResourceError: The peer has reset the connection.
        """

    @abstractmethod
    def send_nowait(self, data: bytes | memoryview) -> int:
        """Send as much as is taken at once and return its length in bytes; it may be zero.

        Bytes that weren't reported as taken have to be offered again.

        Raises:
            trio.BrokenResourceError: The peer has gone.
        """

    @abstractmethod
    def peer_state(self) -> PeerState:
        """Tell whether the peer may still send, has ended its half, or has gone altogether.

        Bytes that wait to be received hide nothing where the system can tell; elsewhere they
        hide the end behind them. A closed transport answers ``"reset"``.
        """

    @property
    @abstractmethod
    def sent_bytes(self) -> int:
        """How many bytes in all were given to the system or the peer."""

    @abstractmethod
    def acked_bytes(self) -> int:
        """Return how many bytes in all the peer has acknowledged."""

    @abstractmethod
    def fully_acked(self) -> bool:
        """Tell whether the peer has acknowledged all that was sent."""

    def closes_unharmed(self) -> bool:
        """Tell whether closing at once does no harm, whose peer has said that it sends no more.

        It has sent nothing more then, and has all that was sent. If it has, what it has sent is
        lost.
        """
        try:
            more = self.receive_nowait()
        except trio.BrokenResourceError:
            return True
        return not more and self.tells_acked and self.fully_acked()

    @abstractmethod
    def close(self) -> None:
        """Close without waiting; what was sent still goes out."""

    @abstractmethod
    def reset(self) -> None:
        """Close so that the peer sees an error, never a message that looks whole."""

    async def aclose(self) -> None:
        """Close. A checkpoint; the transport is closed even if cancelled here."""
        self.close()
        await trio.lowlevel.checkpoint()


class ConflictDetector:
    """Lets one task at a time through; a second one gets an error, as with every Trio stream.

    Attributes:
        taken: Whether a task is inside.
    """

    __slots__ = ("taken",)

    def __init__(self) -> None:
        self.taken: bool = False

    def __enter__(self) -> None:
        if self.taken:
            raise trio.BusyResourceError("another task is using this direction")
        self.taken = True

    def __exit__(self, *exc_info: object) -> None:
        self.taken = False


async def send_whole(
    data: bytes | bytearray | memoryview,
    send_nowait: Callable[[memoryview], int],
    wait_room: Callable[[], Awaitable[object]],
) -> None:
    """Send all of some bytes: what `send_all` of a transport does, for one task at a time.

    Args:
        data: The bytes; they may not change until this returns.
        send_nowait: Sends what is taken at once, as `Transport.send_nowait` does.
        wait_room: Waits until more may be taken; called where something is left.

    Cancellation: a checkpoint; a part may have gone if cancelled here.
    """
    with memoryview(data) as view:
        await trio.lowlevel.checkpoint()
        start = send_nowait(view)
        while start < len(view):
            await wait_room()
            start += send_nowait(view[start:])


def check_max_bytes(max_bytes: int | None) -> int:
    """Return how much `receive_some` asks for: what its caller allows, if that is less.

    Raises:
        TypeError: It isn't a whole number.
        ValueError: It is less than 1.
    """
    if max_bytes is None:
        return RECEIVE_BYTES
    count = index(max_bytes)
    if count < 1:
        raise ValueError("max_bytes must be at least 1")
    return min(count, RECEIVE_BYTES)
