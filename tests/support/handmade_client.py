"""A WebSocket client that is made by hand with wsproto."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import trio
from wsproto.events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    Message,
    Ping,
    Pong,
    TextMessage,
)
from wsproto.extensions import PerMessageDeflate

from tests.support.websocket_offer import Client, Offer, RefusedError
from tests.support.wsproto_client import WsprotoClient, ask

__all__ = ["Connected", "connect_by_hand"]


class HandMadeClient:
    """One made by hand with wsproto.

    Args:
        client: The events of the WebSocket.
        accepted: How the server has answered the handshake.
    """

    def __init__(self, client: WsprotoClient, accepted: AcceptConnection) -> None:
        self._client = client
        self.subprotocol: str | None = accepted.subprotocol
        self.compresses: bool = bool(accepted.extensions)

    async def send(self, message: str | bytes) -> None:
        """Send a message."""
        await self.send_parts((message,))  # type: ignore[arg-type]  # all of one kind

    async def send_parts(self, parts: Sequence[str] | Sequence[bytes]) -> None:
        """Send a message in fragments."""
        for number, part in enumerate(parts, 1):
            kind: type[Message[Any]] = TextMessage if isinstance(part, str) else BytesMessage
            await self._client.send(kind(data=part, message_finished=number == len(parts)))

    async def receive(self) -> str | bytes:
        """Return the next message."""
        return await self._client.receive_message()

    async def ping(self) -> None:
        """Send a ping, and wait for its pong."""
        await self._client.send(Ping(payload=b"here?"))
        while isinstance(event := await self._client.receive(), Ping):
            await self._client.send(event.response())
        assert isinstance(event, Pong), event
        assert event.payload == b"here?"

    async def close(self, code: int, reason: str) -> None:
        """Close, and wait for the end."""
        await self._client.send(CloseConnection(code=code, reason=reason))
        answered, _ = await self._client.receive_close()
        assert answered == code
        assert await self._client.raw.receive() == b""

    async def receive_close(self) -> tuple[int, str]:
        """Return what the server's closing frame says."""
        code, reason = await self._client.receive_close()
        assert await self._client.raw.receive() == b""
        return code, reason or ""


class Connected:
    """A stream by the names that `RawConnection` has."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self.send = stream.send_all
        self._stream = stream

    async def receive(self) -> bytes:
        """Return what comes; nothing at the end."""
        return bytes(await self._stream.receive_some())


@asynccontextmanager
async def connect_by_hand(url: str, offer: Offer) -> AsyncIterator[Client]:
    """Open a WebSocket by wsproto, which knows no sockets."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    stream: trio.abc.Stream = await trio.open_tcp_stream(parts.hostname, parts.port)
    if offer.tls is not None:
        stream = trio.SSLStream(
            stream, offer.tls, server_hostname=parts.hostname, https_compatible=True
        )
    async with stream:
        client = WsprotoClient(Connected(stream))
        answer = await ask(
            client,
            parts.path,
            host=parts.netloc,
            extensions=[PerMessageDeflate()] * offer.compress,
            subprotocols=offer.subprotocols,
            fields=[(name.encode(), value.encode()) for name, value in offer.fields.items()],
        )
        if not isinstance(answer, AcceptConnection):
            raise RefusedError(answer[0])
        yield HandMadeClient(client, answer)
