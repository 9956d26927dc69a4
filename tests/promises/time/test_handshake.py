"""What comes before the first request on a connection, such as a TLS handshake: its own phase."""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from hump_trio import Hump, Request, Timeouts
from hump_trio.server.connection import Connection
from hump_trio.testing.memory_listener import MemoryListener
from hump_trio.transports.memory import WINDOW_BYTES, MemoryTransport, Pipe
from hump_trio.transports.transport import Transport
from tests.support.served import served
from tests.support.wire import parse_answers

CERTIFICATE = {"serialNumber": "1"}
REQUEST = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"


class GuardedTransport(MemoryTransport):
    """A transport that begins with a handshake.

    Args:
        incoming: From the client.
        outgoing: To the client.
        shake: What the handshake does.
    """

    needs_handshake = True
    secure = True
    client_certificate = CERTIFICATE

    def __init__(self, incoming: Pipe, outgoing: Pipe, shake: Callable[[], Awaitable[Any]]) -> None:
        super().__init__(incoming, outgoing)
        self._shake = shake

    async def handshake(self) -> None:
        """Do what the test says."""
        await super().handshake()
        await self._shake()


class GuardedListener(MemoryListener):
    """Accepts connections that begin with a handshake.

    Attributes:
        shake: What the handshake of the next connection does.
    """

    shake: Callable[[], Awaitable[Any]] = staticmethod(trio.lowlevel.checkpoint)

    def __init__(self) -> None:
        super().__init__()
        self._arrived, self._arriving = trio.open_memory_channel[Transport](10)

    async def accept(self) -> Transport:
        """Wait for a connection."""
        return await self._arriving.receive()

    def knock(self) -> MemoryTransport:
        """Return the client's end of a new connection."""
        to_client, to_server = Pipe(WINDOW_BYTES), Pipe(WINDOW_BYTES)
        self._arrived.send_nowait(GuardedTransport(to_server, to_client, self.shake))
        return MemoryTransport(to_client, to_server)


def app_of(**options: Any) -> Hump:
    """Return an app that tells how it was asked."""
    app = Hump(**options)

    @app.get("/")
    async def index(request: Request) -> list[Any]:
        return [request.scheme, request.client_certificate]

    @app.post("/")
    async def upload(request: Request) -> list[Any]:
        return [request.scheme, request.client_certificate]

    return app


@asynccontextmanager
async def guarded(app: Hump) -> AsyncIterator[GuardedListener]:
    """Serve an app to clients that begin with a handshake."""
    listener = GuardedListener()
    async with trio.open_nursery() as nursery:
        await nursery.start(partial(app.serve, listeners=[listener]))
        yield listener
        app.shutdown()


@pytest.mark.parametrize(
    "data",
    [REQUEST, b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"],
    ids=["fast", "step by step"],
)
async def test_a_request_knows_what_the_handshake_has_settled(data: bytes) -> None:
    """The scheme of a secure connection is https, and the client's certificate is there."""
    async with guarded(app_of()) as listener:
        client = listener.knock()
        await client.send_all(data)
        [answer] = parse_answers(await client.receive_some())
        assert answer.body == b'["https",{"serialNumber":"1"}]'
        await client.aclose()


async def test_a_handshake_has_its_own_time(autojump_clock: MockClock) -> None:
    """A client that doesn't come to its end in time is closed silently, whatever it has sent."""
    async with guarded(app_of(timeouts=Timeouts(handshake=3))) as listener:
        listener.shake = trio.sleep_forever
        client = listener.knock()
        await client.send_all(REQUEST)
        start = trio.current_time()
        with pytest.raises(trio.BrokenResourceError):  # for what was never read
            await client.receive_some()
        assert 3 <= trio.current_time() - start <= 3.5


async def test_the_time_of_the_head_begins_after_it(autojump_clock: MockClock) -> None:
    """A slow handshake takes nothing from the first request."""
    async with guarded(app_of(timeouts=Timeouts(handshake=3, head=2))) as listener:
        listener.shake = partial(trio.sleep, 2.5)
        client = listener.knock()
        await trio.sleep(4)
        await client.send_all(REQUEST)
        assert (await client.receive_some()).startswith(b"HTTP/1.1 200")
        client = listener.knock()
        start = trio.current_time()
        assert await client.receive_some() == b""
        assert 4.5 <= trio.current_time() - start <= 5


async def test_a_handshake_that_fails_is_the_clients_affair(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The connection is closed, and nothing is logged but for those who look for it."""

    async def fail() -> None:
        raise trio.BrokenResourceError("no cipher in common")

    async with guarded(app_of()) as listener:
        listener.shake = fail
        assert await listener.knock().receive_some() == b""
    assert not [each for each in caplog.records if each.levelno > logging.INFO]


async def test_who_has_not_finished_makes_room(autojump_clock: MockClock) -> None:
    """At the limit of connections, one that is still at its handshake is as good as idle."""
    state = served()
    transport = GuardedTransport(Pipe(1), Pipe(1), trio.sleep_forever)
    connection = Connection(transport, state)
    assert connection.clock.silent_since(trio.current_time()) is None
    await trio.sleep(state.timeouts.drain_idle)
    assert connection.clock.silent_since(trio.current_time()) is not None


async def test_a_shutdown_waits_for_a_handshake(autojump_clock: MockClock) -> None:
    """Who was let in before the shutdown is answered; who asks nothing isn't waited for."""
    async with guarded(app_of()) as listener:
        listener.shake = partial(trio.sleep, 2)
        asking, silent = listener.knock(), listener.knock()
        await asking.send_all(REQUEST)
        await trio.sleep(1)
        start = trio.current_time()
    assert trio.current_time() - start <= 2
    assert b"connection: close" in await asking.receive_some()
    assert await silent.receive_some() == b""


async def test_a_shutdown_cuts_a_handshake_that_does_not_end(autojump_clock: MockClock) -> None:
    """It holds the shutdown up no longer than a request would."""
    app = app_of(timeouts=Timeouts(handshake=100, shutdown=2))
    async with guarded(app) as listener:
        listener.shake = trio.sleep_forever
        client = listener.knock()
        await trio.sleep(1)
        assert app.statistics().connections == {"handshake": 1}
        start = trio.current_time()
    assert trio.current_time() - start <= 3
    assert await client.receive_some() == b""
