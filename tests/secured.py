"""TLS in tests: an authority that nobody else trusts, its certificates, and a client in memory."""

import math
import ssl
from contextlib import suppress
from functools import cache
from typing import Any

import trio
import trustme

from hump_trio.memory import WINDOW_BYTES, MemoryTransport, memory_transport_pair
from hump_trio.tls_transport import TlsTransport

__all__ = [
    "ClientContext",
    "TlsClient",
    "authority",
    "client_context",
    "secure_pair",
    "server_context",
]


@cache
def authority() -> trustme.CA:
    """Return the authority."""
    return trustme.CA()


@cache
def server_context() -> ssl.SSLContext:
    """Return a server's context with a certificate for localhost."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority().issue_cert("localhost").configure_cert(context)
    context.set_alpn_protocols(["http/1.1"])
    return context


class ClientContext(ssl.SSLContext):
    """A context whose connections are a client's, as `TlsTransport` makes them."""

    def wrap_bio(
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLObject:
        """Return the client's end."""
        return super().wrap_bio(incoming, outgoing, server_hostname="localhost")


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


class TlsClient(TlsTransport):
    """The client's end, which shakes hands at once.

    Args:
        inner: Its end of a connection in memory.
        window_bytes: How much it acknowledges before it is read, once hands are shaken.
    """

    def __init__(self, inner: MemoryTransport, window_bytes: float) -> None:
        super().__init__(inner, client_context())
        self._memory = inner
        self._window_bytes = window_bytes
        self._greeting = trio.Lock()
        self._greeted = False
        trio.lowlevel.spawn_system_task(self._begin)

    async def _begin(self) -> None:
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            await self.greet()

    async def greet(self) -> None:
        """Shake hands, unless that is done. A checkpoint."""
        async with self._greeting:
            if not self._greeted:
                self._memory.set_window(math.inf)
                await self.handshake()
                self._greeted = True
                self._memory.set_window(self._window_bytes)

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Receive, after the handshake."""
        await self.greet()
        return await super().receive_some(max_bytes)

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send, after the handshake."""
        await self.greet()
        await super().send_all(data)

    def send_nowait(self, data: bytes | memoryview) -> int:
        """Send what is taken at once; before the handshake all is taken, to be sent after it."""
        if self._greeted:
            return super().send_nowait(data)
        trio.lowlevel.spawn_system_task(self.send_all, bytes(data))
        return len(data)

    async def send_eof(self) -> None:
        """End, after the handshake; who has left already needn't hear of it."""
        await self.greet()
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


def secure_ends(window_bytes: float = WINDOW_BYTES) -> tuple[TlsClient, TlsTransport]:
    """Return the client's and the server's end of a connection that is yet to be agreed on.

    Args:
        window_bytes: As of `memory_transport_pair`.
    """
    ours, theirs = memory_transport_pair(window_bytes)
    return TlsClient(ours, window_bytes), TlsTransport(theirs, server_context())


class End(TlsTransport):
    """One end, and what it is over.

    Args:
        inner: Carries it.
        context: A server's, or a `ClientContext`.
    """

    def __init__(self, inner: MemoryTransport, context: ssl.SSLContext) -> None:
        super().__init__(inner, context)
        self.inner: MemoryTransport = inner

    @property
    def said_goodbye(self) -> bool:
        """Whether the peer's ``close_notify`` was received."""
        with suppress(ssl.SSLWantReadError):
            return not self._tls.read(1)
        return False


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
