"""A client of WebSockets over HTTP/2 that others have written: streams by h2, frames by wsproto."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import h2.config
import h2.connection
import h2.events
import h2.exceptions
import h2.settings
import trio
import wsproto.connection
import wsproto.events
from trio.testing import wait_all_tasks_blocked

from hump_trio import Hump
from hump_trio.testing.memory_listener import running
from tests.support.http2_client import Patient
from tests.support.transports import connect_http2

__all__ = ["Client", "Socket", "connect_client"]

WINDOW_BYTES = 2**30


class Socket:
    """One WebSocket, or what was answered to a request for one.

    Args:
        client: Whose it is.
        stream_id: That of its stream.

    Attributes:
        status: That of the answer; 0 before it.
        fields: Those of the answer.
        body: That of an answer that opens nothing.
        page: Whether it is a page that was asked for.
        messages: What has come, whole.
        pings: The payloads of pings that have come.
        closed: Code and reason of the server's closing frame; None before it.
        ended: Whether the server has ended the stream.
        reset: The code by which the server has reset the stream; None if it hasn't.
        polite: Whether pings, closing frame and end are answered, and the window is opened.
        unsent: What windows have no room for.
        ends: Whether the client has ended the stream.
    """

    def __init__(self, client: "Client", stream_id: int) -> None:
        self.stream_id: int = stream_id
        self.status: int = 0
        self.fields: dict[str, str] = {}
        self.body: bytes = b""
        self.messages: list[str | bytes | bytearray] = []
        self.pings: list[bytes] = []
        self.closed: tuple[int, str | None] | None = None
        self.page: bool = False
        self.ended: bool = False
        self.reset: int | None = None
        self.polite: bool = True
        self.unsent: bytes = b""
        self.ends: bool = False
        self._client = client
        self._frames = wsproto.connection.Connection(wsproto.connection.ConnectionType.CLIENT)
        self._parts: list[Any] = []

    def send(self, message: str | bytes) -> None:
        """Have a message sent as windows allow; `Client.settle` does so."""
        if isinstance(message, str):
            self._put(wsproto.events.TextMessage(message))
        else:
            self._put(wsproto.events.BytesMessage(message))

    def ping(self, payload: bytes) -> None:
        """Have a ping sent."""
        self._put(wsproto.events.Ping(payload))

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Have a closing frame sent."""
        self._put(wsproto.events.CloseConnection(code, reason))

    def _put(self, event: wsproto.events.Event) -> None:
        self.unsent += self._frames.send(event)

    def receive(self, data: bytes) -> None:
        """Take in what has come."""
        if self.page or self.status != 200:
            self.body += data
            return
        if not data:  # with the end of the stream
            return
        self._frames.receive_data(data)
        for event in self._frames.events():
            if isinstance(event, wsproto.events.TextMessage | wsproto.events.BytesMessage):
                self._parts.append(event.data)
                if event.message_finished:
                    self.messages.append(type(event.data)().join(self._parts))
                    self._parts.clear()
            elif isinstance(event, wsproto.events.Ping):
                self.pings.append(bytes(event.payload))
                if self.polite:
                    self._put(event.response())
            elif isinstance(event, wsproto.events.CloseConnection):
                self.closed = event.code, event.reason
                local = self._frames.state is wsproto.connection.ConnectionState.REMOTE_CLOSING
                if self.polite and local:
                    self._put(event.response())


class Client:
    """A client with one connection.

    Args:
        transport: Its end.

    Attributes:
        h2: What it knows of the connection.
        sockets: Those that it has asked for, by their streams.
        over: Whether the connection has ended.
        goaway_ids: The last streams that the server has named.
    """

    def __init__(self, transport: Any) -> None:
        self.h2: h2.connection.H2Connection = h2.connection.H2Connection(
            h2.config.H2Configuration(client_side=True, header_encoding="utf-8")
        )
        self.h2.state_machine = Patient()
        self.transport: Any = transport
        self.sockets: dict[int, Socket] = {}
        self.over: bool = False
        self.goaway_ids: list[int] = []
        self._out = b""

    async def begin(self, window_bytes: int) -> None:
        """Send the preface. A checkpoint."""
        self.h2.initiate_connection()
        self.h2.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: window_bytes})
        self.h2.increment_flow_control_window(WINDOW_BYTES)
        await self.settle()
        assert self.h2.remote_settings.enable_connect_protocol == 1

    def ask(self, path: str = "/", *fields: tuple[str, str], **pseudo: str) -> Socket:
        """Ask for a WebSocket (RFC 8441 section 5.1)."""
        stream_id = self.h2.get_next_available_stream_id()
        values = {"method": "CONNECT", "protocol": "websocket", "scheme": "http", "path": path}
        head = [(f":{name}", value) for name, value in (values | pseudo).items()]
        self.h2.send_headers(
            stream_id,
            [*head, (":authority", "a"), ("sec-websocket-version", "13"), *fields],
        )
        socket = self.sockets[stream_id] = Socket(self, stream_id)
        return socket

    def get(self, path: str) -> Socket:
        """Ask for a page, whose body the answer has."""
        stream_id = self.h2.get_next_available_stream_id()
        head = [(":method", "GET"), (":scheme", "http"), (":authority", "a"), (":path", path)]
        self.h2.send_headers(stream_id, head, end_stream=True)
        socket = self.sockets[stream_id] = Socket(self, stream_id)
        socket.page = socket.ends = True
        return socket

    async def open(self, path: str = "/", *fields: tuple[str, str]) -> Socket:
        """Return an open WebSocket. A checkpoint."""
        socket = self.ask(path, *fields)
        await self.settle()
        assert (socket.status, socket.ended, socket.reset) == (200, False, None)
        return socket

    async def settle(self) -> None:
        """Send and receive until both sides are at rest."""
        changed = True
        while changed:
            changed = False
            for socket in self.sockets.values():
                changed |= self._push(socket)
            self._out += self.h2.data_to_send()
            if self._out and not self.over:
                with suppress(trio.BrokenResourceError):
                    count = self.transport.send_nowait(self._out)
                    self._out = self._out[count:]
                    changed |= count > 0
            await wait_all_tasks_blocked()
            changed |= self._pull()

    def _push(self, socket: Socket) -> bool:
        """Send what the windows of a stream allow; tell if that is anything."""
        if self.over or socket.reset is not None:
            return False
        pushed = False
        with suppress(h2.exceptions.StreamClosedError):
            while socket.unsent:
                room = self.h2.local_flow_control_window(socket.stream_id)
                count = min(room, self.h2.max_outbound_frame_size, len(socket.unsent))
                if count <= 0:
                    return pushed
                self.h2.send_data(socket.stream_id, socket.unsent[:count])
                socket.unsent = socket.unsent[count:]
                pushed = True
            if socket.ended and socket.polite and not socket.ends:
                socket.ends = pushed = True
                self.h2.end_stream(socket.stream_id)
        return pushed

    def _pull(self) -> bool:
        """Receive what is there; tell if that is anything."""
        pulled = False
        with suppress(trio.BrokenResourceError):
            while not self.over and (data := self.transport.receive_nowait()) is not None:
                pulled = True
                self.over = not data
                for event in self.h2.receive_data(data):
                    self._note(event)
            return pulled
        self.over = True
        return True

    def _note(self, event: h2.events.Event) -> None:
        """Note what has come."""
        if isinstance(event, h2.events.ConnectionTerminated):
            self.goaway_ids.append(event.last_stream_id or 0)
        socket = self.sockets.get(getattr(event, "stream_id", 0) or 0)
        if socket is None:
            return
        if isinstance(event, h2.events.ResponseReceived):
            fields = {str(name): str(value) for name, value in event.headers or []}
            socket.status = int(fields.pop(":status"))
            socket.fields = fields
        elif isinstance(event, h2.events.DataReceived):
            socket.receive(event.data or b"")
            if event.flow_controlled_length and event.stream_ended is None and socket.polite:
                self.h2.acknowledge_received_data(event.flow_controlled_length, socket.stream_id)
        elif isinstance(event, h2.events.StreamEnded):
            socket.ended = True
        elif isinstance(event, h2.events.StreamReset):
            socket.reset = int(event.error_code or 0)

    def reset(self, socket: Socket) -> None:
        """Have the stream of a WebSocket reset."""
        socket.unsent = b""
        self.h2.reset_stream(socket.stream_id, 8)


@asynccontextmanager
async def connect_client(app: Hump, *, window_bytes: int = 65_535) -> AsyncIterator[Client]:
    """Serve an app, and give a client of it.

    Args:
        app: It may be served already.
        window_bytes: What the server may send on a stream before the client has read it.
    """
    async with running(app) as listener:
        transport = connect_http2(listener, float("inf"))
        try:
            client = Client(transport)
            await client.begin(window_bytes)
            yield client
        finally:
            transport.close()
