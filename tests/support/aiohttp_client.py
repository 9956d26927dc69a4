"""The WebSocket client of aiohttp."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import aiohttp

from tests.support.websocket_offer import Client, Offer, RefusedError

__all__ = ["connect_aiohttp"]


class AiohttpClient:
    """One of aiohttp.

    Args:
        connection: The library's.
    """

    def __init__(self, connection: aiohttp.ClientWebSocketResponse) -> None:
        self._connection = connection

    @property
    def subprotocol(self) -> str | None:
        """What the server has chosen."""
        return self._connection.protocol

    @property
    def compresses(self) -> bool:
        """Whether the server has agreed on compression."""
        return bool(self._connection.compress)

    async def send(self, message: str | bytes) -> None:
        """Send a message."""
        if isinstance(message, str):
            await self._connection.send_str(message)
        else:
            await self._connection.send_bytes(message)

    async def send_parts(self, parts: Sequence[str] | Sequence[bytes]) -> None:
        """Send a message whole: aiohttp makes no fragments."""
        await self.send(parts[0][:0].join(parts))  # type: ignore[arg-type]  # all of one kind

    async def _receive(self) -> aiohttp.WSMessage:
        """Return what comes next and is no ping; pings are answered."""
        while (message := await self._connection.receive()).type is aiohttp.WSMsgType.PING:
            await self._connection.pong(message.data)
        return message

    async def receive(self) -> str | bytes:
        """Return the next message."""
        message = await self._receive()
        assert message.type in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY), message
        data: str | bytes = message.data
        return data

    async def ping(self) -> None:
        """Send a ping, and wait for its pong."""
        await self._connection.ping(b"here?")
        message = await self._receive()
        assert (message.type, bytes(message.data)) == (aiohttp.WSMsgType.PONG, b"here?")

    async def close(self, code: int, reason: str) -> None:
        """Close, and wait for the end."""
        await self._connection.close(code=code, message=reason.encode())

    async def receive_close(self) -> tuple[int, str]:
        """Return what the server's closing frame says."""
        message = await self._receive()
        assert message.type is aiohttp.WSMsgType.CLOSE, message
        return message.data, str(message.extra)


@asynccontextmanager
async def connect_aiohttp(url: str, offer: Offer) -> AsyncIterator[Client]:
    """Open a WebSocket by aiohttp."""
    try:
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(
                url,
                ssl=offer.tls or True,
                protocols=offer.subprotocols,
                headers=offer.fields,
                compress=15 if offer.compress else 0,
                max_msg_size=0,
                autoping=False,
            ) as connection,
        ):
            yield AiohttpClient(connection)
    except aiohttp.WSServerHandshakeError as error:
        raise RefusedError(error.status) from error
