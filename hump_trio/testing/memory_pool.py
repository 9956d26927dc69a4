"""A transport for httpx that pools connections in memory."""

import math
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

import trio

import hump_trio.testing.http_library as httpx
import hump_trio.testing.pool_library as httpcore
from hump_trio.transports.memory import WINDOW_BYTES, MemoryTransport

__all__ = ["MemoryNetworkStream", "PoolTransport"]

# Takes `window_bytes` and `secure`, as `MemoryListener.connect` does.
Connect: TypeAlias = Callable[..., MemoryTransport]


class MemoryNetworkStream(httpcore.AsyncNetworkStream):
    """A memory transport with the methods that httpcore asks of a stream."""

    def __init__(self, transport: MemoryTransport) -> None:
        self._transport = transport

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Return what has arrived, or ``b""`` at the end of the connection."""
        with trio.move_on_after(math.inf if timeout is None else timeout):
            try:
                return await self._transport.receive_some(max_bytes)
            except trio.BrokenResourceError as error:
                raise httpcore.ReadError(str(error)) from error
        raise httpcore.ReadTimeout(f"the app has sent nothing for {timeout:g} s")

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send all of a buffer; none is sent to a peer that has gone, too, as over a network."""
        if not buffer:
            return
        with trio.move_on_after(math.inf if timeout is None else timeout):
            try:
                await self._transport.send_all(buffer)
            except trio.BrokenResourceError as error:
                raise httpcore.WriteError(str(error)) from error
            return
        raise httpcore.WriteTimeout(f"the app has taken nothing for {timeout:g} s")

    async def aclose(self) -> None:
        """Close the connection."""
        await self._transport.aclose()

    def get_extra_info(self, info: str) -> Any:
        """Tell the pool whether the connection has ended or has something to read.

        A WebSocket asks for the transport itself.
        """
        if info == "transport":
            return self._transport
        return self._transport.readable() if info == "is_readable" else None


class MemoryBackend(httpcore.AsyncNetworkBackend):
    """Connects to one app, whatever address is asked for.

    Args:
        connect: Makes a connection.
        secure: Whether the app takes each connection for one over TLS.
    """

    def __init__(self, connect: Connect, *, secure: bool) -> None:
        self._connect = connect
        self._secure = secure

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Return a new connection."""
        try:
            return MemoryNetworkStream(self._connect(WINDOW_BYTES, secure=self._secure))
        except trio.BrokenResourceError as error:
            raise httpcore.ConnectError("the app has stopped") from error


class PoolTransport(httpx.AsyncBaseTransport):
    """A transport for httpx over connection pools of httpcore that connect in memory.

    There is one pool for each scheme. No handshake takes place in memory: the pool for ``https``
    is asked as if it were for ``http``, and the app takes its connections for secure ones.

    Args:
        connect: Makes a connection.
    """

    def __init__(self, connect: Connect) -> None:
        self._plain, self._secure = (
            httpcore.AsyncConnectionPool(
                max_connections=None, network_backend=MemoryBackend(connect, secure=secure)
            )
            for secure in (False, True)
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request and return the response, whose body is still to be read."""
        assert isinstance(request.stream, AsyncIterable)
        secure = request.url.scheme == "https"
        pool = self._secure if secure else self._plain
        target = httpcore.URL(
            scheme=b"http" if secure else request.url.raw_scheme,
            host=request.url.raw_host,
            port=request.url.port,
            target=request.url.raw_path,
        )
        with mapped_errors():
            response = await pool.handle_async_request(
                httpcore.Request(
                    request.method,
                    target,
                    headers=request.headers.raw,
                    content=request.stream,
                    extensions=request.extensions,
                )
            )
        return httpx.Response(
            response.status,
            headers=response.headers,
            stream=ResponseStream(response),
            extensions=response.extensions,
        )

    async def aclose(self) -> None:
        """Close every connection."""
        await self._plain.aclose()
        await self._secure.aclose()


class ResponseStream(httpx.AsyncByteStream):
    """The body of a response as it comes from the pool; closing it gives the connection back."""

    def __init__(self, response: httpcore.Response) -> None:
        self._response = response

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with mapped_errors():
            async for part in self._response.aiter_stream():
                yield part

    async def aclose(self) -> None:
        """Close the response."""
        await self._response.aclose()


@contextmanager
def mapped_errors() -> Iterator[None]:
    """Raise httpx's error of the same name for one of httpcore's."""
    try:
        yield
    except (
        httpcore.NetworkError,
        httpcore.ProtocolError,
        httpcore.TimeoutException,
    ) as error:
        raise getattr(httpx, type(error).__name__)(str(error)) from error
    except trio.ClosedResourceError as error:  # another task has closed the client
        raise httpx.ReadError(str(error)) from error
