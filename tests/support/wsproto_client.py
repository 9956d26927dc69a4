"""The client's end of a WebSocket by wsproto, event by event."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from wsproto import ConnectionType, WSConnection
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
from hump_trio.testing import RawConnection, connect

__all__ = ["WsprotoClient", "opened"]


class WsprotoClient:
    """A WebSocket to an app, as wsproto understands it.

    Args:
        raw: The connection to the app.
    """

    def __init__(self, raw: RawConnection) -> None:
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
        """Return what the app's closing frame says, which comes next, and answer that."""
        event = await self.receive()
        assert isinstance(event, CloseConnection), event
        if self._protocol.state.name != "CLOSED":
            await self.send(event.response())
        return event.code, event.reason


@asynccontextmanager
async def opened(
    app: Hump,
    path: str,
    *,
    extensions: Sequence[Extension] = (),
    subprotocols: Sequence[str] = (),
    fields: Sequence[tuple[bytes, bytes]] = (),
) -> AsyncIterator[tuple[WsprotoClient, AcceptConnection | tuple[int, bytes]]]:
    """Ask an app for a WebSocket.

    Args:
        app: The app, which is served as long as the context is open.
        path: The request target.
        extensions: What is offered.
        subprotocols: What is offered.
        fields: Further fields of the handshake.

    Yields:
        The client, and what it got: that the app has accepted, or the status and body of another
        answer.
    """
    async with connect(app) as raw:
        client = WsprotoClient(raw)
        await client.send(
            Request(
                host="testserver",
                target=path,
                extensions=list(extensions),
                subprotocols=list(subprotocols),
                extra_headers=list(fields),
            )
        )
        event = await client.receive()
        if isinstance(event, AcceptConnection):
            yield client, event
            return
        assert isinstance(event, RejectConnection), event
        body = b""
        while not isinstance(data := await client.receive(), RejectData) or not data.body_finished:
            body += data.data if isinstance(data, RejectData) else b""
        yield client, (event.status_code, body + data.data)
