"""The client's end of a WebSocket by wsproto, event by event."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Protocol

from wsproto import ConnectionType, WSConnection
from wsproto.connection import ConnectionState
from wsproto.events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    Event,
    Ping,
    RejectConnection,
    RejectData,
    Request,
    TextMessage,
)
from wsproto.extensions import Extension

from hump_trio import Hump
from hump_trio.testing import connect

__all__ = ["WsprotoClient", "ask", "opened"]


class Bytes(Protocol):
    """A connection, byte by byte."""

    async def send(self, data: bytes) -> None:
        """Send bytes."""

    async def receive(self) -> bytes:
        """Return what comes; nothing at the end."""


class WsprotoClient:
    """A WebSocket to an app, as wsproto understands it.

    Args:
        raw: The connection to the app.
    """

    def __init__(self, raw: Bytes) -> None:
        self.raw = raw
        self._protocol = WSConnection(ConnectionType.CLIENT)
        self._events = self._protocol.events()

    async def send(self, *events: Event) -> None:
        """Send events, in one piece."""
        await self.raw.send(b"".join(map(self._protocol.send, events)))

    async def receive(self) -> Event:
        """Return the next event."""
        while (event := next(self._events, None)) is None:
            self._protocol.receive_data(await self.raw.receive() or None)
            self._events = self._protocol.events()
        return event

    async def receive_message(self) -> str | bytes:
        """Return the next message, whole; pings are answered."""
        parts: list[str | bytes] = []
        while True:
            event = await self.receive()
            if isinstance(event, Ping):
                await self.send(event.response())
                continue
            assert isinstance(event, TextMessage | BytesMessage), event
            parts.append(bytes(event.data) if isinstance(event, BytesMessage) else event.data)
            if event.message_finished:
                return parts[0][:0].join(parts)  # type: ignore[arg-type]  # all of one kind

    async def receive_close(self) -> tuple[int, str | None]:
        """Return what the app's closing frame says, which comes next, and answer that.

        A ping that comes before it is left unanswered.
        """
        while isinstance(event := await self.receive(), Ping):
            pass
        assert isinstance(event, CloseConnection), event
        if self._protocol.state is not ConnectionState.CLOSED:
            await self.send(event.response())
        return event.code, event.reason


async def ask(
    client: WsprotoClient,
    path: str,
    *,
    host: str,
    extensions: Sequence[Extension] = (),
    subprotocols: Sequence[str] = (),
    fields: Sequence[tuple[bytes, bytes]] = (),
) -> AcceptConnection | tuple[int, bytes]:
    """Ask for a WebSocket, and return that it was accepted, or another answer's status and body.

    Args:
        client: Has a connection on which nothing was sent.
        path: The request target.
        host: Who is asked.
        extensions: What is offered.
        subprotocols: What is offered.
        fields: Further fields of the handshake.
    """
    request = Request(
        host=host,
        target=path,
        extensions=list(extensions),
        subprotocols=list(subprotocols),
        extra_headers=list(fields),
    )
    await client.send(request)
    event = await client.receive()
    if isinstance(event, AcceptConnection):
        return event
    assert isinstance(event, RejectConnection), event
    body = b""
    while event.has_body:
        data = await client.receive()
        assert isinstance(data, RejectData), data
        body += data.data
        if data.body_finished:
            break
    return event.status_code, body


@asynccontextmanager
async def opened(
    app: Hump, path: str, *, extensions: Sequence[Extension] = ()
) -> AsyncIterator[WsprotoClient]:
    """Open a WebSocket to an app in memory.

    Args:
        app: The app, which is served as long as the context is open.
        path: The request target.
        extensions: What is offered.
    """
    async with connect(app) as raw:
        client = WsprotoClient(raw)
        answer = await ask(client, path, host="testserver", extensions=extensions)
        assert isinstance(answer, AcceptConnection), answer
        yield client
