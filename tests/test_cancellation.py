"""A connection cut at every call and every wait: by cancellation, by expiry, and by its peer.

Whatever is cut where: the transport is closed once, no request has two answers, nothing follows
half an answer, what was counted is given back, and the next connection is served.
"""

import math
from collections.abc import AsyncIterator, Callable
from itertools import count
from typing import Literal, TypeAlias

import pytest
import trio
from trio.testing import MockClock

from hump_trio import HttpException, Hump, Limits, Request, Timeouts
from hump_trio.connection import Connection
from hump_trio.dispatch import Dispatcher
from hump_trio.memory import MemoryTransport
from hump_trio.routing import Route, RouteTable
from hump_trio.server_state import ServerState
from hump_trio.serving import serve_connection
from hump_trio.transport import RECEIVE_BYTES, PeerState, Transport
from hump_trio.watchdog import Watchdog
from tests.transports import make_pair, watching
from tests.wire import chunked, parse_answers, request

Moment: TypeAlias = Literal["before", "after", "step"]
Strike: TypeAlias = Callable[[trio.CancelScope, Connection, MemoryTransport], None]

GET = request("GET", "/", "Connection: close")
SCENARIOS: dict[str, tuple[bytes, tuple[str, ...]]] = {
    "get": (GET, ("GET",)),
    "post": (request("POST", "/", "Connection: close", body=b"x" * 1000), ("POST",)),
    "chunked": (chunked(b"abc", b"d" * 500, path="/"), ("POST",)),
    "expect": (request("POST", "/", "Expect: 100-continue", "Content-Length: 5"), ("POST",)),
    "upload": (chunked(b"abc", b"d" * 500, path="/upload"), ("POST",)),
    "stream": (request("GET", "/stream"), ("GET",)),
    "both-ways": (chunked(b"abc", b"d" * 500, path="/echo"), ("POST",)),
    "large": (request("GET", "/large"), ("GET",)),
    "error": (request("GET", "/error"), ("GET",)),
    "unread": (request("POST", "/nowhere", body=b"x" * 500), ("POST",)),
    "malformed": (request("GET", "/") + b"GET\r\n\r\n", ("GET", "GET")),
    "three": (request() + request("POST", body=b"abc") + request("HEAD"), ("GET", "POST", "HEAD")),
}


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
    """

    def __init__(self, inner: Transport, moment: Moment, strike: "Countdown") -> None:
        self.inner = inner
        self.sent = bytearray()
        self.closings: list[str] = []
        self._moment = moment
        self._strike = strike

    @property
    def client(self) -> tuple[str, int] | None:
        """The inner one's."""
        return self.inner.client

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
        """Receive by the inner one, little at a time."""
        self._pass("before")
        data = bytes(await self.inner.receive_some(150))
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
    connection.deadline = -math.inf
    connection.expire(trio.current_time())


def break_off(scope: trio.CancelScope, connection: Connection, client: MemoryTransport) -> None:
    """Let the peer be gone."""
    client.reset()


async def whole(request: Request) -> bytes:
    """Answer with the body."""
    return request.body


async def large() -> bytes:
    """Answer with more than the wire holds."""
    return bytes(300_000)


async def stream() -> AsyncIterator[bytes]:
    """Answer in parts."""
    for _ in range(3):
        await trio.lowlevel.checkpoint()
        yield b"part"


async def upload(request: Request) -> str:
    """Read in parts."""
    return str(sum([len(part) async for part in request.stream]))


async def echo(request: Request) -> AsyncIterator[bytes]:
    """Answer each part as it comes."""
    async for part in request.stream:
        yield part


async def error() -> None:
    """Raise what has an answer."""
    raise HttpException(418)


def new_state() -> ServerState:
    """Return the state of a server with these handlers."""
    table = RouteTable()
    get, post = ("GET",), ("POST",)
    for route in (
        Route(template="/", methods=get + post, handler=whole),
        Route(template="/large", methods=get, handler=large),
        Route(template="/stream", methods=get, handler=stream, timeout=20),
        Route(template="/upload", methods=post, handler=upload, stream=True),
        Route(template="/echo", methods=post, handler=echo, stream=True),
        Route(template="/error", methods=get, handler=error),
    ):
        table.add(route)
    return ServerState(Dispatcher(Hump(), table), Limits(), Timeouts(), "test")


async def talk(client: MemoryTransport, data: bytes) -> None:
    """Send requests, then read until the connection ends one way or another."""
    try:
        await client.send_all(data)
        while await client.receive_some():
            pass
        await client.aclose()
    except (trio.BrokenResourceError, trio.ClosedResourceError):
        client.close()


async def serve_struck(
    state: ServerState, data: bytes, moment: Moment, countdown: Countdown, strike: Strike
) -> TappedTransport:
    """Serve one connection to its end, struck when a countdown ends."""
    with trio.fail_after(1000):
        async with watching() as readiness, trio.open_nursery() as attendants:
            client, theirs = make_pair(readiness)
            tapped = TappedTransport(theirs, moment, countdown)
            connection = Connection(tapped, state)
            watchdog = Watchdog()
            watchdog.add(connection)
            instrument = StepTap(trio.lowlevel.current_task(), countdown)
            attendants.start_soon(watchdog.sweep)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(talk, client, data)
                with trio.CancelScope() as scope:
                    countdown.act = lambda: strike(scope, connection, client)
                    if moment == "step":
                        trio.lowlevel.add_instrument(instrument)
                    await serve_connection(connection)
                if moment == "step":
                    trio.lowlevel.remove_instrument(instrument)
            attendants.cancel_scope.cancel()
    return tapped


def check(tapped: TappedTransport, methods: tuple[str, ...]) -> None:
    """Judge what was done with a transport that served requests of these methods."""
    assert len(tapped.closings) == 1
    answers = parse_answers(bytes(tapped.sent), *methods, ended=False)
    said = sum(1 + len(answer.informational) for answer in answers)
    torn = bytes(tapped.sent).count(b"HTTP/1.1 ") - said
    assert torn in (0, 1)
    if torn or not all(answer.whole for answer in answers):
        assert tapped.closings == ["reset"]


@pytest.mark.parametrize("moment", ["before", "after", "step"])
@pytest.mark.parametrize("strike", [cancel, expire, break_off])
@pytest.mark.parametrize("name", SCENARIOS)
async def test_a_connection_cut_anywhere_ends_well(
    name: str, strike: Strike, moment: Moment, autojump_clock: MockClock
) -> None:
    """See this module; each scenario is cut at its n-th call or wait, for every n."""
    data, methods = SCENARIOS[name]
    state = new_state()
    for nth in count(1):
        countdown = Countdown(nth)
        tapped = await serve_struck(state, data, moment, countdown, strike)
        check(tapped, methods)
        assert (state.request_count, state.buffered_bytes) == (0, 0)
        following = await serve_struck(state, GET, "before", Countdown(math.inf), cancel)
        assert [answer.status for answer in parse_answers(bytes(following.sent))] == [200]
        if countdown.left > 0:
            assert nth > 2
            break
