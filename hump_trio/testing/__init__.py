"""Clients of an app in memory: real bytes through the real connection code, no sockets.

``async with client(app) as http`` gives an httpx client, ``async with connect(app) as raw`` a
connection byte by byte. Both work under `AutojumpClock` and `trio.testing.MockClock`. They need
httpx (extra ``testing``).
"""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, NoReturn, TypeVar

import trio

try:
    import httpx

    from hump_trio.testing.memory_pool import PoolTransport
except ImportError as _missing:
    raise ImportError(
        "hump_trio.testing needs httpx: pip install 'hump-trio[testing]'", name=_missing.name
    ) from _missing

from hump_trio.app import Hump
from hump_trio.testing.autojump_clock import AutojumpClock
from hump_trio.testing.memory_listener import running
from hump_trio.transports.memory import MemoryTransport

__all__ = ["AutojumpClock", "RawConnection", "client", "connect"]

T = TypeVar("T", covariant=True)

if not TYPE_CHECKING:  # a checker would take it for leave to ask for anything

    def __getattr__(name: str) -> Any:
        """Say what others' test client is called here."""
        if name == "TestClient":
            raise ImportError("there is no TestClient: write `async with client(app) as http`")
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


class Opening(AbstractAsyncContextManager[T, None], Generic[T]):
    """What ``async with`` opens.

    Args:
        manager: Opens it, and closes it.
        form: How it is written.
    """

    def __init__(self, manager: AbstractAsyncContextManager[T], form: str) -> None:
        self._manager = manager
        self._form = form

    async def __aenter__(self) -> T:
        return await self._manager.__aenter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._manager.__aexit__(kind, error, traceback)

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> NoReturn:
            """Say that nothing is open yet."""
            raise AttributeError(f"{name!r} is of what `{self._form}` gives", name=name, obj=self)


def client(app: Hump[Any], **options: Any) -> AbstractAsyncContextManager[httpx.AsyncClient, None]:
    """Serve an app in memory and give an httpx client for it.

    The client has no timeouts of its own; paths are enough as URLs. With
    ``base_url="https://testserver"``, or for another URL that begins so, the app is asked over
    what it takes for TLS: ``request.scheme`` is ``https``, and the client sends secure cookies.

    Args:
        app: Not being served elsewhere.
        options: Passed to `httpx.AsyncClient`.

    Raises:
        RuntimeError: Trio isn't running, when it is entered.
    """
    return Opening(open_client(app, options), "async with client(app) as http")


@asynccontextmanager
async def open_client(app: Hump[Any], options: Any) -> AsyncIterator[httpx.AsyncClient]:
    """Serve an app while its client is open."""
    options = {"base_url": "http://testserver", "timeout": None, **options}
    async with (
        running(app) as listener,
        httpx.AsyncClient(transport=PoolTransport(listener.connect), **options) as http,
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


def connect(app: Hump[Any]) -> AbstractAsyncContextManager[RawConnection, None]:
    """Serve an app in memory and give a raw connection to it, closed at the end.

    Inside `client(app)`, or another `connect(app)`, it is one more connection to the same app.

    Raises:
        RuntimeError: Trio isn't running, when it is entered.
    """
    return Opening(open_connection(app), "async with connect(app) as raw")


@asynccontextmanager
async def open_connection(app: Hump[Any]) -> AsyncIterator[RawConnection]:
    """Serve an app while a connection to it is open."""
    async with running(app) as listener:
        transport = listener.connect(float("inf"))
        try:
            yield RawConnection(transport)
        finally:
            transport.close()
