"""Connections that wait without a task, served by a real server, of which one is struck."""

import math
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

import hump_trio.server.server
from hump_trio.server.clock import Clock
from hump_trio.server.connection import Connection
from hump_trio.server.http1.leaders import SPARE_COUNT, Leaders
from hump_trio.server.phases import Phase
from hump_trio.server.server import Listeners, Server
from hump_trio.server.state import ServerState
from hump_trio.transports.memory import MemoryTransport, memory_transport_pair
from hump_trio.transports.transport import RECEIVE_BYTES, Arrivals, Transport
from tests.support.loopback import count_tasks
from tests.support.reported import ReportedTransport
from tests.support.struck import Countdown, talk
from tests.support.struck_streams import StepsTap
from tests.support.wire import parse_answers, request

__all__ = ["STRIKES", "Moment", "Strike", "StruckTransport", "Turns", "serve_struck"]

Moment: TypeAlias = Literal["call", "step"]

# How many others there are, and how often each of them asks while the one is struck.
NEIGHBOUR_COUNT = 2
WORKING = (Phase.HANDLER, Phase.SEND)
ROUND_COUNT = 4


class StruckTransport(ReportedTransport):
    """The server's end of a connection, which strikes at its n-th call.

    Args:
        plain: What it is in place of.
        moment: Whether calls are counted.
        strike: What to do then.
    """

    def __init__(self, plain: MemoryTransport, moment: Moment, strike: Countdown) -> None:
        super().__init__(plain)
        self.sent = bytearray()
        self.closings: list[str] = []
        self._moment = moment
        self._strike = strike

    def _pass(self) -> None:
        if self._moment == "call":
            self._strike.count()

    def watch(self) -> Arrivals:
        """Begin to report."""
        arrivals = super().watch()
        self._pass()
        return arrivals

    def receive_nowait(self, max_bytes: int = RECEIVE_BYTES) -> bytes | None:
        """Receive."""
        data = super().receive_nowait(max_bytes)
        self._pass()
        return data

    def send_nowait(self, data: bytes | memoryview) -> int:
        """Send what is taken."""
        sent_bytes = super().send_nowait(data)
        self.sent += data[:sent_bytes]
        self._pass()
        return sent_bytes

    async def send_eof(self) -> None:
        """End."""
        await super().send_eof()
        self._pass()

    def close(self) -> None:
        """Close."""
        if not self.closings:
            self.closings.append("close")
        super().close()

    def reset(self) -> None:
        """Reset."""
        if not self.closings:  # or unread data makes one of a close
            self.closings.append("reset")
        super().reset()


@dataclass(slots=True)
class Turns:
    """A server, and the connection that is struck.

    Args:
        state: That of the server.
        server: Itself.
        scope: Encloses the server.
        client: The other end of the connection.
    """

    state: ServerState
    server: Server
    scope: trio.CancelScope
    client: MemoryTransport
    connections: list[Connection] = field(default_factory=list)

    @property
    def clock(self) -> Clock | None:
        """That of the connection, until it is closed."""
        clock = self.connections[0].clock
        return clock if hasattr(clock, "peer") else None


def cancel(turns: Turns) -> None:
    """Cancel the server, as the end of a program does."""
    turns.scope.cancel()


def expire(turns: Turns) -> None:
    """Let the deadline of the phase pass, as the watchdog sees it."""
    if turns.clock is not None:
        turns.clock.deadline = -math.inf
        turns.clock.expire(trio.current_time())


def evict(turns: Turns) -> None:
    """Close the connection to make room, if nothing is asked."""
    if turns.clock is not None and turns.clock.silent_since(math.inf) is not None:
        turns.clock.cut()


def break_off(turns: Turns) -> None:
    """Let the client be gone."""
    turns.client.reset()


def pass_deadline(turns: Turns) -> None:
    """Let an exact deadline pass, where there may be one."""
    clock = turns.clock
    if clock is not None and clock.request is not None and clock.phase in WORKING:
        clock.enforce(-math.inf)


def leave(turns: Turns) -> None:
    """Let the client go, and be looked for at once."""
    turns.client.reset()
    if turns.clock is not None:
        turns.clock.look_at_once(trio.current_time())


def drain(turns: Turns) -> None:
    """Begin a shutdown."""
    turns.server.shutdown()


def shut_down(turns: Turns) -> None:
    """End the time that a shutdown gives."""
    turns.server.shutdown()
    turns.state.enter_cleanup()
    if turns.clock is not None:
        turns.clock.cancel("shutdown")
    turns.scope.cancel()


Strike: TypeAlias = Callable[[Turns], None]
STRIKES: list[Strike] = [
    cancel,
    expire,
    evict,
    break_off,
    pass_deadline,
    leave,
    drain,
    shut_down,
]
# What ends the server, and with it what its other clients have asked.
ENDS_ALL = (cancel, drain, shut_down)


async def by_another(strike: Strike, turns: Turns) -> None:
    """Strike in a task of its own."""
    strike(turns)


class Listener(trio.abc.Listener[Transport]):
    """Accepts what it is given."""

    def __init__(self) -> None:
        self.given, self._waiting = trio.open_memory_channel[Transport](math.inf)

    async def accept(self) -> Transport:
        """Wait for a connection."""
        return await self._waiting.receive()

    async def aclose(self) -> None:
        """Accept no more."""
        await self._waiting.aclose()


@asynccontextmanager
async def no_lifespan() -> AsyncIterator[None]:
    """Enclose a server in nothing."""
    yield


@contextmanager
def noted(connections: list[Connection]) -> Iterator[None]:
    """Note each connection that a server takes in."""

    def make(*args: Any) -> Connection:
        connections.append(Connection(*args))
        return connections[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hump_trio.server.server, "Connection", make)
        yield


class Neighbour:
    """A client that asks one thing after the other, and is answered whatever others do.

    Args:
        client: Its end.
        name: Its own.
    """

    def __init__(self, client: MemoryTransport, name: str) -> None:
        self._client = client
        self._name = name
        self.whole = False
        self._received = b""

    async def talk(self) -> None:
        """Ask at the same times as the other one does, and a while behind it."""
        try:
            for turn in range(ROUND_COUNT):
                self._client.send_nowait(
                    request("POST", "/", body=f"{self._name}-{turn};".encode())
                    if turn % 2 or self._name == "0"
                    else request("GET", "/wait")
                )
                await trio.sleep(0.01)
            await trio.sleep(0.9)  # as long as the connection is kept
            ending = b"%b-last;" % self._name.encode()
            self._client.send_nowait(request("POST", "/", "Connection: close", body=ending))
            while part := await self._client.receive_some():
                self._received += part
            self._client.close()
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            self._client.close()

    def judge(self, *, whole: bool) -> None:
        """Judge what has come.

        Args:
            whole: Whether nothing has ended the server.
        """
        answers = parse_answers(self._received, *["POST"] * (ROUND_COUNT + 1), ended=whole)
        bodies = [each.body for each in answers if each.whole]
        expected = [
            f"{self._name}-{turn};".encode() if turn % 2 or self._name == "0" else b"[1,2]"
            for turn in range(ROUND_COUNT)
        ] + [f"{self._name}-last;".encode()]
        assert bodies == expected[: None if whole else len(bodies)]
        assert {each.status for each in answers} <= {200}


async def serve_struck(
    state: ServerState, parts: list[bytes], moment: Moment, countdown: Countdown, strike: Strike
) -> StruckTransport:
    """Serve connections to their ends, of which one is struck when a countdown ends.

    Nothing is left of any of them, and the others are served as if nothing had happened.
    """
    with trio.fail_after(1000), trio.CancelScope() as scope:
        listener, server = Listener(), Server(state)
        leaders = state.shared(Leaders)
        client, theirs = memory_transport_pair()
        struck = StruckTransport(theirs, moment, countdown)
        turns = Turns(state, server, scope, client)
        tap = StepsTap(countdown)

        async def open_listeners() -> Listeners:
            return [listener]

        def accept(transport: ReportedTransport) -> None:
            transport.leaders = leaders
            listener.given.send_nowait(transport)

        async def serve() -> None:
            try:
                await server.serve(
                    open_listeners, lifespan=no_lifespan(), signals=False, started=started.set
                )
            finally:
                ended.set()

        async def clients() -> None:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(talk, client, parts)
                for each in neighbours:
                    nursery.start_soon(each.talk)

        started, ended = trio.Event(), trio.Event()
        neighbours: list[Neighbour] = []
        with noted(turns.connections):
            async with trio.open_nursery() as nursery:
                with trio.CancelScope(shield=True) as patience:
                    nursery.start_soon(serve)
                    await started.wait()
                    accept(struck)
                    for index in range(NEIGHBOUR_COUNT):
                        ours, theirs = memory_transport_pair()
                        neighbours.append(Neighbour(ours, str(index)))
                        accept(ReportedTransport(theirs))
                    await wait_all_tasks_blocked()
                    if moment == "call":
                        countdown.act = lambda: strike(turns)
                    else:
                        countdown.act = lambda: nursery.start_soon(by_another, strike, turns)
                    if moment == "step":
                        trio.lowlevel.add_instrument(tap)
                    with trio.move_on_after(500) as time:
                        await clients()
                    assert not time.cancelled_caught, "every client comes to an end"
                    if moment == "step":
                        trio.lowlevel.remove_instrument(tap)
                    whole = countdown.left > 0 or strike not in ENDS_ALL
                    for each in neighbours:
                        each.judge(whole=whole)
                    await wait_all_tasks_blocked()
                    if whole:
                        assert not server.statistics().connections
                        assert 0 <= count_tasks() <= SPARE_COUNT
                        assert not leaders.promised, "a lane will come, or none has to"
                        assert not leaders.ready
                    nursery.cancel_scope.cancel()
                    await ended.wait()
                    patience.cancel()
        assert not count_tasks()
        assert (state.request_count, state.buffered_bytes) == (0, 0)
    return struck
