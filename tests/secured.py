"""TLS in tests: an authority that nobody else trusts, its certificates, and a client in memory."""

import math
import ssl
from functools import cache
from typing import Any

import trio
import trustme

from hump_trio.memory import WINDOW_BYTES, memory_transport_pair
from hump_trio.tls_transport import TlsTransport
from hump_trio.transport import Transport

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
    """The client's end, which shakes hands when it first has to."""

    def __init__(self, inner: Transport, context: ssl.SSLContext | None = None) -> None:
        super().__init__(inner, client_context() if context is None else context)
        self.inner: Any = inner
        self._greeting = trio.Lock()
        self._greeted = False
        self._window_bytes: float | None = None

    async def greet(self) -> None:
        """Shake hands, unless that is done. A checkpoint."""
        async with self._greeting:
            if not self._greeted:
                self.inner.set_window(math.inf)
                await self.handshake()
                self._greeted = True
                if self._window_bytes is not None:
                    self.inner.set_window(self._window_bytes)

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Receive, after the handshake."""
        await self.greet()
        return await super().receive_some(max_bytes)

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send, after the handshake."""
        await self.greet()
        await super().send_all(data)

    async def send_eof(self) -> None:
        """End, after the handshake."""
        await self.greet()
        await super().send_eof()

    def set_window(self, window_bytes: float) -> None:
        """Change how much is acknowledged before it is read; once hands are shaken."""
        self._window_bytes = window_bytes
        if self._greeted:
            self.inner.set_window(window_bytes)

    def readable(self) -> bool:
        """Tell whether a read would return or raise at once."""
        return bool(self.inner.readable())


def secure_ends(window_bytes: float = WINDOW_BYTES) -> tuple[TlsClient, TlsTransport]:
    """Return the client's and the server's end of a connection that is yet to be agreed on.

    Args:
        window_bytes: As of `memory_transport_pair`.
    """
    ours, theirs = memory_transport_pair(window_bytes)
    return TlsClient(ours), TlsTransport(theirs, server_context())


async def secure_pair(
    window_bytes: float = WINDOW_BYTES, **attributes: Any
) -> tuple[TlsTransport, TlsTransport]:
    """Return the client's and the server's end of a connection in memory that is agreed on.

    Args:
        window_bytes: As of `memory_transport_pair`.
        attributes: Of the client's context.
    """
    ours, theirs = memory_transport_pair(window_bytes)
    client = TlsTransport(ours, client_context(**attributes))
    server = TlsTransport(theirs, server_context())
    async with trio.open_nursery() as nursery:
        nursery.start_soon(client.handshake)
        nursery.start_soon(server.handshake)
    client.receive_nowait()  # tickets: who closes with something unread resets
    return client, server
