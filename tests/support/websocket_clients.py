"""Other libraries' WebSocket clients, by one set of verbs."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from selectors import DefaultSelector
from typing import Any, Protocol, TypeAlias
from urllib.parse import urlsplit

import aiohttp
import pytest
import trio
import websockets
import websockets.asyncio.client
import websockets.trio.client
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

from tests.support.loopback import PATIENCE_SECONDS
from tests.support.wsproto_client import WsprotoClient, ask

__all__ = ["CLIENTS", "Client", "Offer", "RefusedError", "play"]


@dataclass(kw_only=True, slots=True)
class Offer:
    """What a client asks for in its handshake."""

    subprotocols: Sequence[str] = ()
    fields: dict[str, str] = field(default_factory=dict)
    compress: bool = False
    tls: ssl.SSLContext | None = None


class RefusedError(Exception):
    """The handshake was answered otherwise."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class Client(Protocol):
    """An open WebSocket, whichever library it is of."""

    @property
    def subprotocol(self) -> str | None:
        """What the server has chosen."""

    @property
    def compresses(self) -> bool:
        """Whether the server has agreed on compression."""

    async def send(self, message: str | bytes) -> None:
        """Send a message."""

    async def send_parts(self, parts: Sequence[str] | Sequence[bytes]) -> None:
        """Send a message in fragments, if the library can."""

    async def receive(self) -> str | bytes:
        """Return the next message."""

    async def ping(self) -> None:
        """Send a ping, and wait for its pong, which comes before any message."""

    async def close(self, code: int, reason: str) -> None:
        """Close, and wait for the end."""

    async def receive_close(self) -> tuple[int, str]:
        """Return what the server's closing frame says, which comes next; the end follows."""


Connect: TypeAlias = Callable[[str, Offer], AbstractAsyncContextManager[Client]]


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


CLIENTS: dict[str, Connect] = {
    "aiohttp": connect_aiohttp,
    "websockets": connect_asyncio,
    "websockets.trio": connect_trio,
    "wsproto": connect_by_hand,
}
OVER_TRIO = {connect_trio, connect_by_hand}


async def play(connect: Connect, part: Callable[[Connect], Awaitable[None]]) -> None:
    """Run what a client does, in the event loop that it knows: Trio's, or asyncio's in a thread.

    Args:
        connect: One of `CLIENTS`.
        part: What it does. It is given `connect`, and waits for nothing else.
    """
    if connect in OVER_TRIO:
        with trio.fail_after(PATIENCE_SECONDS):
            await part(connect)
    else:
        await trio.to_thread.run_sync(run_asyncio, part, connect)


def run_asyncio(part: Callable[[Connect], Awaitable[None]], connect: Connect) -> None:
    """Run what a client does in a loop of its own, until its sockets are closed.

    With TLS aiohttp doesn't wait for that.
    """
    selector = DefaultSelector()

    async def perform() -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await part(connect)
            # One is the loop's own; no event tells of it.
            while len(selector.get_map()) > 1:  # noqa: ASYNC110
                await asyncio.sleep(0)

    with asyncio.Runner(loop_factory=partial(asyncio.SelectorEventLoop, selector)) as runner:
        runner.run(perform())
