"""The WebSocket clients of websockets, over asyncio and over Trio."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
import websockets
import websockets.asyncio.client
import websockets.trio.client

from tests.support.websocket_offer import Client, Offer, RefusedError

__all__ = ["connect_asyncio", "connect_trio"]


class WebsocketsClient:
    """One of websockets, over asyncio or over Trio.

    Args:
        connection: The library's.
        close: Its method that closes.
    """

    def __init__(self, connection: Any, close: Callable[[int, str], Awaitable[None]]) -> None:
        self._connection = connection
        self._close = close

    @property
    def subprotocol(self) -> str | None:
        """What the server has chosen."""
        subprotocol: str | None = self._connection.subprotocol
        return subprotocol

    @property
    def compresses(self) -> bool:
        """Whether the server has agreed on compression."""
        return bool(self._connection.protocol.extensions)

    async def send(self, message: str | bytes) -> None:
        """Send a message."""
        await self._connection.send(message)

    async def send_parts(self, parts: Sequence[str] | Sequence[bytes]) -> None:
        """Send a message in fragments."""
        await self._connection.send(parts)

    async def receive(self) -> str | bytes:
        """Return the next message."""
        message: str | bytes = await self._connection.recv()
        return message

    async def ping(self) -> None:
        """Send a ping, and wait for its pong."""
        answered = await self._connection.ping()
        await (answered.wait() if isinstance(answered, trio.Event) else answered)

    async def close(self, code: int, reason: str) -> None:
        """Close, and wait for the end."""
        await self._close(code, reason)

    async def receive_close(self) -> tuple[int, str]:
        """Return what the server's closing frame says."""
        with pytest.raises(websockets.ConnectionClosed) as raised:
            await self._connection.recv()
        closed = raised.value
        assert closed.rcvd is not None
        assert closed.sent is not None
        return closed.rcvd.code, closed.rcvd.reason


def options_of(offer: Offer) -> dict[str, Any]:
    """Return an offer as websockets takes it."""
    return {
        "ssl": offer.tls,
        "subprotocols": list(offer.subprotocols) or None,
        "additional_headers": offer.fields,
        "compression": "deflate" if offer.compress else None,
        "max_size": None,
        "proxy": None,
    }


@asynccontextmanager
async def connect_asyncio(url: str, offer: Offer) -> AsyncIterator[Client]:
    """Open a WebSocket by websockets over asyncio."""
    try:
        async with websockets.asyncio.client.connect(url, **options_of(offer)) as connection:
            yield WebsocketsClient(connection, connection.close)
    except websockets.InvalidStatus as invalid:
        raise RefusedError(invalid.response.status_code) from invalid


@asynccontextmanager
async def connect_trio(url: str, offer: Offer) -> AsyncIterator[Client]:
    """Open a WebSocket by websockets over Trio."""
    try:
        async with websockets.trio.client.connect(url, **options_of(offer)) as connection:
            yield WebsocketsClient(connection, connection.aclose)
    except* websockets.InvalidStatus as group:
        [invalid] = group.exceptions
        assert isinstance(invalid, websockets.InvalidStatus)
        raise RefusedError(invalid.response.status_code) from invalid
