"""TLS in tests: an authority that nobody else trusts, its certificates, and a client in memory."""

import math
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import cache, partial
from pathlib import Path
from typing import Any

import trio
import trustme

from hump_trio import Hump
from hump_trio.testing.memory_listener import MemoryListener
from hump_trio.transports.memory import WINDOW_BYTES, MemoryTransport, memory_transport_pair
from hump_trio.transports.tls_transport import State, TlsTransport
from tests.support.loopback import connect_to


@cache
def authority() -> trustme.CA:
    """Return the authority."""
    return trustme.CA()


@cache
def server_context() -> ssl.SSLContext:
    """Return a server's context with a certificate for localhost."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority().issue_cert("localhost").configure_cert(context)
    context.set_alpn_protocols(["h2", "http/1.1"])
    return context


def write_certificate(folder: Path, name: str = "localhost") -> None:
    """Write ``certificate.pem`` and ``key.pem``, for a certificate that was never there before."""
    certificate = authority().issue_cert(name)
    certificate.private_key_pem.write_to_path(folder / "key.pem")
    certificate.cert_chain_pems[0].write_to_path(folder / "certificate.pem")


class ClientContext(ssl.SSLContext):
    """A context whose connections are a client's, as `TlsTransport` makes them.

    Attributes:
        session: That of an earlier connection, which new ones offer to resume.
    """

    session: ssl.SSLSession | None = None

    def wrap_bio(
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLObject:
        """Return the client's end."""
        return super().wrap_bio(
            incoming, outgoing, server_hostname="localhost", session=self.session
        )


def client_context(**attributes: Any) -> ClientContext:
    """Return a context that trusts the authority.

    Args:
        attributes: To be set, such as ``maximum_version``.
    """
    context = ClientContext(ssl.PROTOCOL_TLS_CLIENT)
    authority().configure_trust(context)
    for name, value in attributes.items():
        setattr(context, name, value)
    return context


def hello_of(context: ssl.SSLContext) -> bytes:
    """Return what a client begins with that has a context."""
    outgoing = ssl.MemoryBIO()
    tls = context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="localhost")
    with suppress(ssl.SSLWantReadError):
        tls.do_handshake()
    return outgoing.read()


async def begin(tls: ssl.SSLObject, send: Callable[[], Awaitable[None]]) -> None:
    """Send what a client begins a handshake with."""
    with suppress(ssl.SSLWantReadError):
        tls.do_handshake()
    await send()


class TlsClient(TlsTransport):
    """The client's end, which shakes hands at once.

    Args:
        inner: Its end of a connection in memory.
        window_bytes: How much it acknowledges before it is read, once hands are shaken.
        protocol: What it asks for in ALPN.
    """

    def __init__(self, inner: MemoryTransport, window_bytes: float, protocol: str) -> None:
        context = client_context()
        context.set_alpn_protocols([protocol])
        super().__init__(inner, context)
        self._memory = inner
        self._window_bytes = window_bytes
        self._greeting = trio.Lock()
        self._greeted = False
        self._early = b""
        self._ends_early = False
        trio.lowlevel.spawn_system_task(self._begin)

    async def _begin(self) -> None:
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            await self.greet()

    async def greet(self) -> None:
        """Shake hands, then send what had to wait for that, unless it is done. A checkpoint."""
        async with self._greeting:
            if self._greeted:
                return
            self._memory.set_window(math.inf)
            if self._state is not State.NEW:
                raise trio.ClosedResourceError("this transport is closed")
            self._begin_handshake()
            await begin(self._tls, self._send_held)
            await self.handshake()
            while self._early:
                data, self._early = self._early, b""
                await super().send_all(data)
            self._greeted = True
            self._memory.set_window(self._window_bytes)
            if self._ends_early:
                await super().send_eof()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Receive, after the handshake."""
        await self.greet()
        return await super().receive_some(max_bytes)

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send; what comes before the handshake goes out after it."""
        if self._greeted:
            await super().send_all(data)
        else:
            self._early += data
            await trio.lowlevel.checkpoint()

    def send_nowait(self, data: bytes | memoryview) -> int:
        """Send what is taken at once, likewise."""
        if self._state in (State.NEW, State.SHAKING_HANDS):
            self._early += data
            return len(data)
        return super().send_nowait(data)

    async def send_eof(self) -> None:
        """End, likewise; who has left already needn't hear of it."""
        if not self._greeted:
            self._ends_early = True
            await trio.lowlevel.checkpoint()
            return
        with suppress(trio.BrokenResourceError):
            await super().send_eof()

    def set_window(self, window_bytes: float) -> None:
        """Change how much is acknowledged before it is read; once hands are shaken."""
        self._window_bytes = window_bytes
        if self._greeted:
            self._memory.set_window(window_bytes)

    def readable(self) -> bool:
        """Tell whether a read would return or raise at once."""
        return self._memory.readable()


def secure_ends(
    window_bytes: float = WINDOW_BYTES, protocol: str = "http/1.1"
) -> tuple[TlsClient, TlsTransport]:
    """Return the client's and the server's end of a connection that is yet to be agreed on.

    Args:
        window_bytes: As of `memory_transport_pair`.
        protocol: What the client asks for in ALPN.
    """
    ours, theirs = memory_transport_pair(window_bytes)
    server = TlsTransport(theirs, server_context(), x25519=server_context())
    return TlsClient(ours, window_bytes, protocol), server


class End(TlsTransport):
    """One end, and what it is over.

    Args:
        inner: Carries it.
        context: A server's, or a `ClientContext`.
    """

    def __init__(self, inner: MemoryTransport, context: ssl.SSLContext) -> None:
        super().__init__(inner, context)
        self.inner: MemoryTransport = inner
        self._begins = isinstance(context, ClientContext)

    async def handshake(self) -> None:
        """Shake hands; a client begins."""
        if self._begins:
            self._begin_handshake()
            await begin(self._tls, self._send_held)
        await super().handshake()

    def end_openssl(self) -> None:
        """Let OpenSSL end its half."""
        with suppress(ssl.SSLWantReadError):
            self._tls.unwrap()

    @property
    def said_goodbye(self) -> bool:
        """Whether the peer's ``close_notify`` was received."""
        with suppress(ssl.SSLWantReadError):
            return not self._tls.read(1)
        return False


class Dribbler(MemoryTransport):
    """An end that sends byte by byte."""

    def __init__(self, inner: MemoryTransport, pause: float) -> None:
        self.__dict__.update(inner.__dict__)
        self._pause = pause

    def send_nowait(self, data: bytes | memoryview) -> int:
        """Send a byte."""
        return super().send_nowait(data[:1])

    async def wait_send_all_might_not_block(self) -> None:
        """Wait a while."""
        await trio.sleep(self._pause)


async def secure_pair(window_bytes: float = WINDOW_BYTES, **attributes: Any) -> tuple[End, End]:
    """Return the client's and the server's end of a connection in memory that is agreed on.

    Args:
        window_bytes: As of `memory_transport_pair`.
        attributes: Of the client's context.
    """
    ours, theirs = memory_transport_pair(window_bytes)
    client = End(ours, client_context(**attributes))
    server = End(theirs, server_context())
    async with trio.open_nursery() as nursery:
        nursery.start_soon(client.handshake)
        nursery.start_soon(server.handshake)
    client.receive_nowait()  # tickets: who closes with something unread resets
    return client, server


class Door(MemoryListener):
    """Accepts connections in memory that begin with a TLS handshake; nobody shakes for a client.

    Args:
        context: The server's.
    """

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        super().__init__()
        self._context = context or server_context()

    def connect(
        self, window_bytes: float = WINDOW_BYTES, *, secure: bool = True
    ) -> MemoryTransport:
        """Return the client's end, below TLS."""
        ours, theirs = memory_transport_pair(window_bytes)
        self._ends.send_nowait(TlsTransport(theirs, self._context))
        return ours

    async def greet(self, context: ssl.SSLContext | None = None) -> End:
        """Return the client's end of a connection that is agreed on."""
        client = End(self.connect(), context or client_context())
        await client.handshake()
        return client


@asynccontextmanager
async def behind_door(app: Hump, context: ssl.SSLContext | None = None) -> AsyncIterator[Door]:
    """Serve an app in memory, over TLS.

    Args:
        app: The app.
        context: The server's.
    """
    door = Door(context)
    async with trio.open_nursery() as nursery:
        await nursery.start(partial(app.serve, listeners=[door]))
        yield door
        app.shutdown()


async def connect_secure(app: Hump, context: ssl.SSLContext | None = None) -> trio.SSLStream[Any]:
    """Return a connection to an app's first address, by Trio's own TLS.

    Args:
        app: The app.
        context: The client's.
    """
    stream = trio.SSLStream(
        await connect_to(app), context or plain_client_context(), server_hostname="localhost"
    )
    await stream.do_handshake()
    return stream


def plain_client_context(**attributes: Any) -> ssl.SSLContext:
    """Return a context that trusts the authority, as any program has it.

    Args:
        attributes: To be set, such as ``maximum_version``.
    """
    context = ssl.create_default_context()
    authority().configure_trust(context)
    for name, value in attributes.items():
        setattr(context, name, value)
    return context
