"""A connection in memory that is served to its end, and struck at its n-th call or wait."""

import math
import re
from collections.abc import Callable
from typing import Literal, Protocol, TypeAlias

import trio

from hump_trio.server.connection import Connection
from hump_trio.server.phases import Phase
from hump_trio.server.protocols import serve_connection
from hump_trio.server.state import ServerState
from hump_trio.server.watchdog import Watchdog
from hump_trio.transports.memory import MemoryTransport
from hump_trio.transports.transport import RECEIVE_BYTES, PeerState, Transport
from tests.support.transports import make_pair, watching
from tests.support.wire import parse_answers

Moment: TypeAlias = Literal["before", "after", "step"]
Strike: TypeAlias = Callable[[trio.CancelScope, Connection, MemoryTransport], None]

EARLY_HINTS = re.compile(rb"HTTP/1\.1 103 (?:[^\r]+\r\n)+\r\n")


class Countdown:
    """Does something once, at the n-th time it is counted.

    Args:
        nth: Counted from one.
    """

    def __init__(self, nth: float) -> None:
        self.left = nth
        self.act: Callable[[], None] = lambda: None

    def count(self) -> None:
        """Count once."""
        self.left -= 1
        if self.left == 0:
            self.act()


class StepTap(trio.abc.Instrument):
    """Counts each time that a task has come to wait."""

    def __init__(self, task: trio.lowlevel.Task, strike: Countdown) -> None:
        self._task = task
        self._strike = strike

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        """Count the steps of the one task."""
        if task is self._task:
            self._strike.count()


class TappedTransport(Transport):
    """A transport that notes what is done with it, and strikes at its n-th call.

    Args:
        inner: Does the work.
        moment: Whether to strike before the call or when it is done.
        strike: What to do then.
        receive_bytes: The most that is received at a time; None: what has come.
    """

    def __init__(
        self,
        inner: Transport,
        moment: Moment,
        strike: Countdown,
        receive_bytes: int | None,
    ) -> None:
        self.inner = inner
        self.needs_handshake: bool = inner.needs_handshake
        self.receive_bytes = receive_bytes
        self.sent = bytearray()
        self.closings: list[str] = []
        self._moment = moment
        self._strike = strike

    @property
    def client(self) -> tuple[str, int] | None:
        """The inner one's."""
        return self.inner.client

    async def handshake(self) -> None:
        """Shake hands by the inner one."""
        self._pass("before")
        await self.inner.handshake()
        self._pass("after")

    def _pass(self, moment: Moment) -> None:
        if moment == self._moment:
            self._strike.count()

    def receive_nowait(self, max_bytes: int = RECEIVE_BYTES) -> bytes | None:
        """Receive by the inner one."""
        self._pass("before")
        data = self.inner.receive_nowait(max_bytes)
        self._pass("after")
        return data

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Receive by the inner one, as much as is wanted at a time."""
        self._pass("before")
        data = await self.inner.receive_some(self.receive_bytes)
        self._pass("after")
        return data

    def send_nowait(self, data: bytes | memoryview) -> int:
        """Send by the inner one."""
        self._pass("before")
        sent_bytes = self.inner.send_nowait(data)
        self.sent += data[:sent_bytes]
        self._pass("after")
        return sent_bytes

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send by the inner one."""
        self._pass("before")
        await self.inner.send_all(data)
        self.sent += data
        self._pass("after")

    async def wait_send_all_might_not_block(self) -> None:
        """Wait by the inner one."""
        await self.inner.wait_send_all_might_not_block()

    async def send_eof(self) -> None:
        """End by the inner one."""
        self._pass("before")
        await self.inner.send_eof()
        self._pass("after")

    def peer_state(self) -> PeerState:
        """Ask the inner one."""
        return self.inner.peer_state()

    def acked_bytes(self) -> int:
        """Ask the inner one."""
        return self.inner.acked_bytes()

    @property
    def sent_bytes(self) -> int:
        """The inner one's."""
        return self.inner.sent_bytes

    def fully_acked(self) -> bool:
        """Ask the inner one."""
        return self.inner.fully_acked()

    def close(self) -> None:
        """Close the inner one."""
        self.closings.append("close")
        self.inner.close()

    def reset(self) -> None:
        """Reset the inner one."""
        self.closings.append("reset")
        self.inner.reset()


def cancel(scope: trio.CancelScope, connection: Connection, client: MemoryTransport) -> None:
    """Cancel the task that serves the connection, as a shutdown does."""
    scope.cancel()


def expire(scope: trio.CancelScope, connection: Connection, client: MemoryTransport) -> None:
    """Let the phase's deadline pass, as the watchdog sees it."""
    connection.clock.deadline = -math.inf
    connection.clock.expire(trio.current_time())


def break_off(scope: trio.CancelScope, connection: Connection, client: MemoryTransport) -> None:
    """Let the peer be gone."""
    client.reset()


def pass_deadline(scope: trio.CancelScope, connection: Connection, client: MemoryTransport) -> None:
    """Let an exact deadline pass, where there may be one."""
    if connection.clock.request is not None and connection.clock.phase in (
        Phase.HANDLER,
        Phase.SEND,
    ):
        connection.clock.enforce(-math.inf)


def leave(scope: trio.CancelScope, connection: Connection, client: MemoryTransport) -> None:
    """Let the client go, and be looked for at once."""
    client.reset()
    if connection.clock.phase in (Phase.HANDLER, Phase.SEND):
        connection.clock.look_for_peer(trio.current_time())


def shut_down(scope: trio.CancelScope, connection: Connection, client: MemoryTransport) -> None:
    """End the time that a shutdown gives."""
    connection.drain()
    connection.state.enter_cleanup()
    connection.clock.cancel("shutdown")
    scope.cancel()


STRIKES = [cancel, expire, break_off, pass_deadline, leave, shut_down]


async def talk(client: MemoryTransport, parts: list[bytes]) -> None:
    """Send requests, then read until the connection ends one way or another."""
    try:
        for part in parts:
            await client.send_all(part)
            await trio.sleep(0.01)
        while await client.receive_some():
            pass
        await client.aclose()
    except (trio.BrokenResourceError, trio.ClosedResourceError):
        client.close()


async def serve_struck(
    state: ServerState,
    parts: list[bytes],
    moment: Moment,
    countdown: Countdown,
    strike: Strike,
    receive_bytes: int | None,
) -> TappedTransport:
    """Serve one connection to its end, struck when a countdown ends."""
    with trio.fail_after(1000):
        async with watching() as readiness, trio.open_nursery() as attendants:
            client, theirs = make_pair(readiness)
            tapped = TappedTransport(theirs, moment, countdown, receive_bytes)
            connection = Connection(tapped, state)
            state.start_attendant = attendants.start_soon
            watchdog = Watchdog()
            watchdog.add(connection)
            instrument = StepTap(trio.lowlevel.current_task(), countdown)
            attendants.start_soon(watchdog.sweep)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(talk, client, parts)
                with trio.CancelScope() as scope:
                    countdown.act = lambda: strike(scope, connection, client)
                    if moment == "step":
                        trio.lowlevel.add_instrument(instrument)
                    await serve_connection(connection)
                if moment == "step":
                    trio.lowlevel.remove_instrument(instrument)
            attendants.cancel_scope.cancel()
    return tapped


class Noted(Protocol):
    """What is known of what was done with a transport.

    Attributes:
        sent: What was sent.
        closings: How it was closed.
    """

    sent: bytearray
    closings: list[str]


def check(tapped: Noted, methods: tuple[str, ...]) -> None:
    """Judge what was done with a transport that served requests of these methods."""
    assert len(tapped.closings) == 1
    sent = EARLY_HINTS.sub(b"", tapped.sent)  # any number of them, with an answer or without one
    answers = parse_answers(sent, *methods, ended=False)
    said = sum(1 + len(answer.informational) for answer in answers)
    torn = sent.count(b"HTTP/1.1 ") - said
    assert torn in (0, 1)
    if torn or not all(answer.whole for answer in answers):
        assert tapped.closings == ["reset"]
