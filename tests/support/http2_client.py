"""Lets httpx speak HTTP/2 to an app in memory, by h2: a stranger's reading of RFC 9113.

It is what the tests' client is replaced by with ``--protocol=h2``. All requests of one client share
a connection, as a browser's do, and each is a stream. What httpx makes of HTTP/1.1 is translated:
``Host`` becomes ``:authority``, and the fields of a connection are left out. A request that is
given up is reset, and one that was answered early is not sent on. One for a WebSocket becomes an
extended CONNECT.
"""

from collections import deque
from collections.abc import AsyncIterable, AsyncIterator
from contextlib import aclosing
from typing import Any, Protocol

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import httpx2
import trio
from h2.connection import ConnectionInputs, ConnectionState, H2ConnectionStateMachine

from hump_trio.testing.memory_listener import MemoryListener
from tests.support.http2_websocket import Opened, connect_fields, opened_response
from tests.support.transports import connect_http2

__all__ = ["Connection", "Http2Transport", "NotBegunError", "Patient"]

# Fields that belong to a connection of HTTP/1.1 (RFC 9113 section 8.2.2), and what replaces one.
LEFT_OUT = frozenset({b"host", b"connection", b"keep-alive", b"transfer-encoding", b"upgrade"})
# A stream's window holds back the app; the connection's must not, or one stream would hold up all.
CONNECTION_WINDOW_BYTES = 2**30


class Patient(H2ConnectionStateMachine):
    """Knows that streams go on after a GOAWAY (RFC 9113 section 6.8), where h2 takes no more."""

    _transitions = H2ConnectionStateMachine._transitions | {
        (ConnectionState.CLIENT_OPEN, ConnectionInputs.RECV_GOAWAY): (
            None,
            ConnectionState.CLIENT_OPEN,
        )
    }


class NotBegunError(httpx2.ReadError):
    """The server hasn't begun with a request, which can be sent again (RFC 9113 section 8.7)."""


class Wire(Protocol):
    """The bytes of a connection, as `hump_trio.transports.transport.Transport` has them."""

    async def receive_some(self) -> bytes:
        """Return what has come, nothing at the end."""
        ...

    async def send_all(self, data: bytes) -> None:
        """Send."""
        ...

    def close(self) -> None:
        """Close at once."""

    async def aclose(self) -> None:
        """Close."""


class Exchange:
    """A request and what has come of its answer.

    Args:
        stream_id: Of its stream.
    """

    def __init__(self, stream_id: int) -> None:
        self.stream_id: int = stream_id
        self.status: int = 0
        self.fields: list[tuple[bytes, bytes]] = []
        self.parts: deque[tuple[bytes, int]] = deque()  # with what each takes of the window
        self.ended: bool = False
        self.error: httpx2.TransportError | None = None
        self.opened: bool = False  # as a WebSocket

    def fail(self, error: httpx2.TransportError) -> None:
        """Note why nothing more comes, unless all has come."""
        if not self.ended and self.error is None:
            self.error = error

    @property
    def wants_more(self) -> bool:
        """Whether what is sent on it may be wanted: not of a request that was answered early."""
        return self.error is None and (self.opened or not self.ended)

    @property
    def over(self) -> bool:
        """Whether nothing more comes."""
        return self.ended or self.error is not None


class Connection:
    """A connection, read and written by two tasks of its own.

    Args:
        transport: The client's end.
    """

    def __init__(self, transport: Wire) -> None:
        self._transport = transport
        self._h2 = h2.connection.H2Connection(
            h2.config.H2Configuration(client_side=True, header_encoding=None)
        )
        self._h2.state_machine = Patient()
        self._kept = bytearray()  # to be sent; h2 would forget it at a GOAWAY
        self._exchanges: dict[int, Exchange] = {}
        self._changed = trio.lowlevel.ParkingLot()
        self._unsent = trio.lowlevel.ParkingLot()
        self._leaving = False  # whether the server takes no further stream
        self._ended = False

    def open(self) -> None:
        """Send the preface, and begin to read and to write."""
        self._h2.initiate_connection()
        self._h2.increment_flow_control_window(CONNECTION_WINDOW_BYTES)
        trio.lowlevel.spawn_system_task(self._read)
        trio.lowlevel.spawn_system_task(self._write)

    @property
    def takes_more(self) -> bool:
        """Whether another request may be sent."""
        room = self._h2.remote_settings.max_concurrent_streams
        return not (self._leaving or self._ended) and self._h2.open_outbound_streams < room

    async def _read(self) -> None:
        """Take what comes until the connection ends."""
        error: httpx2.TransportError = httpx2.RemoteProtocolError("the connection was closed")
        try:
            while data := await self._transport.receive_some():
                self._kept += self._h2.data_to_send()
                for event in self._h2.receive_data(data):
                    self._note(event)
                self._wake()
        except (trio.BrokenResourceError, trio.ClosedResourceError) as broken:
            error = httpx2.ReadError(str(broken))
        except h2.exceptions.ProtocolError as wrong:
            error = httpx2.RemoteProtocolError(repr(wrong))
        for exchange in self._exchanges.values():
            exchange.fail(error)
        self._ended = True
        self._wake()
        self._transport.close()

    async def _write(self) -> None:
        """Send what is to be sent until the connection ends."""
        try:
            while not self._ended:
                self._kept += self._h2.data_to_send()
                if data := bytes(self._kept):
                    self._kept.clear()
                    await self._transport.send_all(data)
                else:
                    await self._unsent.park()
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass  # who reads finds out

    def _wake(self) -> None:
        """Let all look what has changed, and what is to be sent go out."""
        self._changed.unpark_all()
        self._unsent.unpark_all()

    def _note(self, event: h2.events.Event) -> None:
        """Note what has come."""
        if isinstance(event, h2.events.ConnectionTerminated):
            self._leaving = True
            for exchange in self._exchanges.values():
                if exchange.stream_id > (event.last_stream_id or 0):
                    exchange.fail(NotBegunError(repr(event)))
            return
        exchange_of = self._exchanges.get(getattr(event, "stream_id", 0) or 0)
        if exchange_of is None:
            return
        if isinstance(event, h2.events.ResponseReceived):
            (_, status), *exchange_of.fields = event.headers or [(b":status", b"0")]
            exchange_of.status = int(status)
        elif isinstance(event, h2.events.DataReceived):
            exchange_of.parts.append((event.data or b"", event.flow_controlled_length or 0))
        elif isinstance(event, h2.events.StreamEnded):
            exchange_of.ended = True
        elif isinstance(event, h2.events.StreamReset):
            refused = event.error_code == h2.errors.ErrorCodes.REFUSED_STREAM
            kind = NotBegunError if refused else httpx2.ReadError
            exchange_of.fail(kind(f"the stream was reset: {event.error_code!r}"))

    async def ask(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request, and return its answer when the head has come. A checkpoint."""
        fields = fields_of(request)
        opens = request.headers.get("upgrade") == "websocket"
        if opens:
            fields = connect_fields(fields)
            while not (self._h2.remote_settings.enable_connect_protocol or self._ended):
                await self._changed.park()
        exchange = Exchange(self._h2.get_next_available_stream_id())
        self._exchanges[exchange.stream_id] = exchange
        length = request.headers.get("content-length", "0")
        has_body = length != "0" or "transfer-encoding" in request.headers
        ends = not (has_body or opens)
        try:
            self._h2.send_headers(exchange.stream_id, fields, end_stream=ends)
            self._wake()
            if has_body:
                await self._send_body(request, exchange)
            while not exchange.status:
                if exchange.error is not None:
                    raise exchange.error
                await self._changed.park()
        except BaseException:
            self.leave(exchange)
            raise
        if opens and exchange.status == 200:
            exchange.opened = True
            opened = Opened(self, exchange)
            return opened_response(request, exchange.fields, opened, Body(self, exchange))
        return httpx2.Response(
            exchange.status,
            headers=exchange.fields,
            stream=Body(self, exchange),
            extensions={"http_version": b"HTTP/2", "stream_id": exchange.stream_id},
        )

    async def _send_body(self, request: httpx2.Request, exchange: Exchange) -> None:
        """Send a body as far as it is wanted."""
        assert isinstance(request.stream, AsyncIterable)
        parts: Any = aiter(request.stream)
        async with aclosing(parts):
            async for part in parts:
                if exchange.over:
                    return
                await self.send_part(part, exchange)
        if not exchange.over:
            self.end(exchange)

    def end(self, exchange: Exchange) -> None:
        """End the client's direction of a stream."""
        self._h2.end_stream(exchange.stream_id)
        self._wake()

    async def send_part(self, part: bytes, exchange: Exchange) -> None:
        """Send a part of a body as the windows allow."""
        stream_id = exchange.stream_id
        while part and exchange.wants_more:
            room = self._h2.local_flow_control_window(stream_id)
            if room > 0:
                room = min(room, self._h2.max_outbound_frame_size)
                self._h2.send_data(stream_id, part[:room])
                part = part[room:]
                self._wake()
            else:
                await self._changed.park()

    async def receive_part(self, exchange: Exchange) -> bytes:
        """Return the next part of a body, none at its end; it is acknowledged by that."""
        while not exchange.parts:
            if exchange.error is not None:
                raise exchange.error
            if exchange.ended:
                return b""
            await self._changed.park()
        data, window_bytes = exchange.parts.popleft()
        if window_bytes and not exchange.over:
            self._h2.acknowledge_received_data(window_bytes, exchange.stream_id)
            self._wake()
        return data

    def leave(self, exchange: Exchange) -> None:
        """Want no more of an exchange; one that isn't over is reset."""
        if self._exchanges.pop(exchange.stream_id, None) is None or self._ended:
            return
        try:
            self._h2.reset_stream(exchange.stream_id, h2.errors.ErrorCodes.CANCEL)
        except h2.exceptions.StreamClosedError:
            return
        self._wake()

    async def aclose(self) -> None:
        """Close. A checkpoint."""
        await self._transport.aclose()
        self._wake()


def fields_of(request: httpx2.Request) -> list[tuple[bytes, bytes]]:
    """Return the head of a request as HTTP/2 has it."""
    pseudo = [
        (b":method", request.method.encode("ascii")),
        (b":scheme", request.url.raw_scheme),
        (b":authority", request.headers["host"].encode("ascii")),
        (b":path", request.url.raw_path),
    ]
    fields = ((name.lower(), value) for name, value in request.headers.raw)
    return pseudo + [(name, value) for name, value in fields if name not in LEFT_OUT]


class Body(httpx2.AsyncByteStream):
    """The body of an answer as it comes; closing it resets the stream unless all has come.

    Args:
        connection: Brings it.
        exchange: Whose it is.
    """

    def __init__(self, connection: Connection, exchange: Exchange) -> None:
        self._connection = connection
        self._exchange = exchange

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while not (self._exchange.ended and not self._exchange.parts):
            if part := await self._connection.receive_part(self._exchange):
                yield part

    async def aclose(self) -> None:
        """Close."""
        self._connection.leave(self._exchange)


class Http2Transport(httpx2.AsyncBaseTransport):
    """A transport for httpx over connections of HTTP/2, one for each scheme unless it is full.

    Args:
        connect: Of the listener that it connects to.
    """

    def __init__(self, connect: Any) -> None:
        self._listener: MemoryListener = connect.__self__
        self._current: dict[bool, Connection] = {}
        self._connections: list[Connection] = []

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request and return the response, whose body is still to be read."""
        secure = request.url.scheme == "https"
        connection = self._current.get(secure)
        if connection is None or not connection.takes_more:
            connection = self._current[secure] = self._open(secure=secure)
        return await connection.ask(request)

    def _open(self, *, secure: bool) -> Connection:
        try:
            transport = connect_http2(self._listener, float("inf"), secure=secure)
        except trio.BrokenResourceError as error:
            raise httpx2.ConnectError("the app has stopped") from error
        connection = Connection(transport)
        connection.open()
        self._connections.append(connection)
        return connection

    async def aclose(self) -> None:
        """Close every connection."""
        for connection in self._connections:
            await connection.aclose()
