"""Clients of an app in memory: real bytes through the real connection code, no sockets.

Works under `trio.testing.MockClock`. `client` needs httpx (extra ``testing``).
"""

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any
from weakref import WeakKeyDictionary

import trio

try:
    import httpcore
    import httpx
except ImportError as _missing:
    raise ImportError(
        "hump_trio.testing needs httpx: pip install 'hump-trio[testing]'", name=_missing.name
    ) from _missing

from hump_trio.app import Hump
from hump_trio.memory import WINDOW_BYTES, MemoryTransport, memory_transport_pair
from hump_trio.transport import Transport

__all__ = ["RawConnection", "client", "connect"]


class MemoryListener(trio.abc.Listener[Transport]):
    """Accepts connections that are made in memory."""

    def __init__(self) -> None:
        self._ends, self._waiting = trio.open_memory_channel[Transport](float("inf"))

    async def accept(self) -> Transport:
        """Wait for a connection. A checkpoint."""
        return await self._waiting.receive()

    async def aclose(self) -> None:
        """Break off what wasn't accepted, refuse what comes. A checkpoint."""
        with suppress(trio.WouldBlock, trio.ClosedResourceError):
            while True:
                self._waiting.receive_nowait().reset()
        await self._waiting.aclose()

    def connect(self, window_bytes: float) -> MemoryTransport:
        """Return the client's end of a new connection.

        Raises:
            trio.BrokenResourceError: The app is no longer listening.
        """
        ours, theirs = memory_transport_pair(window_bytes)
        self._ends.send_nowait(theirs)
        return ours


running_apps: WeakKeyDictionary[Hump[Any], MemoryListener] = WeakKeyDictionary()


@asynccontextmanager
async def running(app: Hump[Any]) -> AsyncIterator[MemoryListener]:
    """Serve an app in memory; whoever comes second shares what is running."""
    listener = running_apps.get(app)
    if listener is not None:
        yield listener
        return
    listener = running_apps[app] = MemoryListener()
    stopped = trio.Event()

    async def serve(task_status: trio.TaskStatus[tuple[str, ...]]) -> None:
        await app.serve(listeners=[listener], task_status=task_status)
        stopped.set()

    try:
        async with trio.open_nursery() as nursery:
            await nursery.start(serve)
            yield listener
            if not stopped.is_set():
                app.shutdown()
    except BaseExceptionGroup as group:
        if len(group.exceptions) == 1:
            raise group.exceptions[0] from None  # a failed assertion should look like one
        raise
    finally:
        del running_apps[app]


@asynccontextmanager
async def client(app: Hump[Any], **options: Any) -> AsyncIterator[httpx.AsyncClient]:
    """Serve an app in memory and give an httpx client for it.

    The client has no timeouts of its own; paths are enough as URLs.

    Args:
        app: Not being served elsewhere.
        options: Passed to `httpx.AsyncClient`.
    """
    options = {"base_url": "http://testserver", "timeout": None, **options}
    async with (
        running(app) as listener,
        httpx.AsyncClient(transport=PoolTransport(listener), **options) as http,
    ):
        yield http


class RawConnection:
    """A connection to an app, byte by byte; what the app sends is acknowledged at once.

    Args:
        transport: The client's end.
    """

    def __init__(self, transport: MemoryTransport) -> None:
        self._transport = transport

    async def send(self, data: bytes) -> None:
        """Send bytes. A checkpoint; waits while the app doesn't read.

        Raises:
            trio.BrokenResourceError: The app has closed or reset the connection.
        """
        await self._transport.send_all(data)

    async def trickle(self, data: bytes, *, pause: float) -> None:
        """Send bytes one by one.

        Args:
            data: What to send.
            pause: Seconds after each byte.

        Raises:
            trio.BrokenResourceError: The app has closed or reset the connection.
        """
        for byte in data:
            await self.send(bytes([byte]))
            await trio.sleep(pause)

    async def receive(self, max_bytes: int | None = None) -> bytes:
        """Return what the app has sent, or nothing at the end. A checkpoint.

        Raises:
            trio.BrokenResourceError: The app has reset the connection.
        """
        self._transport.set_window(float("inf"))
        return await self._transport.receive_some(max_bytes)

    async def half_close(self) -> None:
        """Say that nothing more will be sent; receiving goes on. A checkpoint."""
        await self._transport.send_eof()

    def reset(self) -> None:
        """Break the connection off."""
        self._transport.reset()

    def pause_reading(self) -> None:
        """Acknowledge nothing more until the next `receive`."""
        self._transport.set_window(0)


@asynccontextmanager
async def connect(app: Hump[Any]) -> AsyncIterator[RawConnection]:
    """Serve an app in memory and give a raw connection to it, closed at the end.

    Inside `client(app)`, or another `connect(app)`, it is one more connection to the same app.
    """
    async with running(app) as listener:
        transport = listener.connect(float("inf"))
        try:
            yield RawConnection(transport)
        finally:
            transport.close()


class MemoryNetworkStream(httpcore.AsyncNetworkStream):
    """A memory transport as httpcore wants its streams."""

    def __init__(self, transport: MemoryTransport) -> None:
        self._transport = transport

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Return what is there, or nothing at the end."""
        try:
            return await self._transport.receive_some(max_bytes)
        except trio.BrokenResourceError as error:
            raise httpcore.ReadError(str(error)) from error

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send all of it."""
        try:
            await self._transport.send_all(buffer)
        except trio.BrokenResourceError as error:
            raise httpcore.WriteError(str(error)) from error

    async def aclose(self) -> None:
        """Close the connection."""
        await self._transport.aclose()

    def get_extra_info(self, info: str) -> Any:
        """Tell whether the connection has ended or has something to read, for its pool."""
        return self._transport.readable() if info == "is_readable" else None


class MemoryBackend(httpcore.AsyncNetworkBackend):
    """Connects to an app's listener, whatever address is asked for."""

    def __init__(self, listener: MemoryListener) -> None:
        self._listener = listener

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
            return MemoryNetworkStream(self._listener.connect(WINDOW_BYTES))
        except trio.BrokenResourceError as error:
            raise httpcore.ConnectError("the app has stopped") from error


class PoolTransport(httpx.AsyncBaseTransport):
    """httpx over a connection pool of httpcore's that connects in memory."""

    def __init__(self, listener: MemoryListener) -> None:
        self._pool = httpcore.AsyncConnectionPool(
            max_connections=None, network_backend=MemoryBackend(listener)
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request and return the response with its body still to be read."""
        assert isinstance(request.stream, AsyncIterable)
        target = httpcore.URL(
            scheme=request.url.raw_scheme,
            host=request.url.raw_host,
            port=request.url.port,
            target=request.url.raw_path,
        )
        with mapped_errors():
            response = await self._pool.handle_async_request(
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
        await self._pool.aclose()


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
    except (httpcore.NetworkError, httpcore.ProtocolError) as error:
        raise getattr(httpx, type(error).__name__)(str(error)) from error
