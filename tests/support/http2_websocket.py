"""A WebSocket on a stream of HTTP/2, as the client of `hump_trio.testing` takes it (RFC 8441).

The client asks as over HTTP/1.1; what it says is translated, and so is what it is answered. The
stream then has the verbs of a connection: it ends by END_STREAM, and breaks off by RST_STREAM.
"""

from typing import Any, Protocol

import h2.exceptions
import httpcore2
import httpx2
import trio
from wsproto.utilities import generate_accept_token

__all__ = ["Opened", "connect_fields", "opened_response"]


class Exchange(Protocol):
    """What is known of a stream."""

    ended: bool
    error: httpx2.TransportError | None

    def fail(self, error: httpx2.TransportError) -> None:
        """Note why nothing more comes."""


class Connection(Protocol):
    """What a WebSocket needs of the connection that its stream is on."""

    async def receive_part(self, exchange: Any) -> bytes:
        """Return what comes, none at the end."""

    async def send_part(self, part: bytes, exchange: Any) -> None:
        """Send all of it, unless the stream breaks."""

    def end(self, exchange: Any) -> None:
        """End the client's direction."""

    def leave(self, exchange: Any) -> None:
        """Reset the stream, unless it is over."""


class Opened(httpcore2.AsyncNetworkStream):
    """The stream of a WebSocket, with what is asked of a connection in memory.

    Args:
        connection: What the stream is on.
        exchange: The stream.
    """

    def __init__(self, connection: Connection, exchange: Exchange) -> None:
        self._connection = connection
        self._exchange = exchange
        self._closed = False

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Return what comes, none at the end; what is returned is acknowledged."""
        await trio.lowlevel.checkpoint()
        try:
            return await self._connection.receive_part(self._exchange)
        except httpx2.TransportError as error:
            if self._closed:
                raise trio.ClosedResourceError from error
            raise httpcore2.ReadError(str(error)) from error

    async def send_all(self, data: bytes) -> None:
        """Send as the windows allow."""
        await trio.lowlevel.checkpoint()
        if self._closed:
            raise trio.ClosedResourceError
        try:
            await self._connection.send_part(data, self._exchange)
        except h2.exceptions.ProtocolError as error:
            raise trio.BrokenResourceError("the stream is over") from error
        if self._exchange.error is not None:
            raise trio.BrokenResourceError("the stream was reset") from self._exchange.error

    async def send_eof(self) -> None:
        """End the client's direction."""
        await trio.lowlevel.checkpoint()
        try:
            self._connection.end(self._exchange)
        except h2.exceptions.ProtocolError as error:
            raise trio.BrokenResourceError("the stream is over") from error

    def set_window(self, window_bytes: float) -> None:
        """Do nothing: what isn't read isn't acknowledged, and a window is 64 KiB."""

    def reset(self) -> None:
        """Reset the stream."""
        self._closed = True
        self._connection.leave(self._exchange)
        self._exchange.fail(httpx2.ReadError("reset here"))

    def close(self) -> None:
        """Reset the stream, unless it is over."""
        self.reset()

    async def aclose(self) -> None:
        """Close."""
        self.close()

    def get_extra_info(self, info: str) -> Any:
        """Return the transport: this."""
        return self if info == "transport" else None


def connect_fields(fields: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Return the head of an extended CONNECT for that of a GET with an ``Upgrade``."""
    taken = [(name, value) for name, value in fields if name != b"sec-websocket-key"]
    assert taken[0] == (b":method", b"GET")
    return [(b":method", b"CONNECT"), (b":protocol", b"websocket"), *taken[1:]]


def opened_response(
    request: httpx2.Request, fields: list[tuple[bytes, bytes]], opened: Opened, stream: Any
) -> httpx2.Response:
    """Return the answer of HTTP/1.1 that stands for a 200 of HTTP/2."""
    key = request.headers["sec-websocket-key"].encode()
    upgraded = [
        (b"upgrade", b"websocket"),
        (b"connection", b"upgrade"),
        (b"sec-websocket-accept", generate_accept_token(key)),
    ]
    return httpx2.Response(
        101,
        headers=fields + upgraded,
        stream=stream,
        extensions={"http_version": b"HTTP/2", "network_stream": opened},
    )
