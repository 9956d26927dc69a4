"""Clients of an app that is served in memory: httpx, a raw connection, and a WebSocket."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, NoReturn, TypeVar

import hump_trio.testing.http_library as httpx
from hump_trio.app import Hump
from hump_trio.testing.crashes import RaisingTransport
from hump_trio.testing.memory_listener import running
from hump_trio.testing.memory_pool import PoolTransport
from hump_trio.testing.raw_connection import RawConnection
from hump_trio.testing.websocket_client import WebSocketClient, open_websocket

__all__ = ["Unopened", "client", "connect", "open_transport", "websocket"]

T = TypeVar("T", covariant=True)


class Unopened:
    """What isn't open yet, and says how it is opened.

    Args:
        form: The line to write.
    """

    def __init__(self, form: str) -> None:
        self._form = form

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> NoReturn:
            """Say that nothing is open yet."""
            raise AttributeError(f"{name!r} is of what `{self._form}` gives", name=name, obj=self)


class Opening(Unopened, AbstractAsyncContextManager[T, None], Generic[T]):
    """A context manager that, used without ``async with``, says how it is written.

    Args:
        manager: The context manager itself.
        form: The line to write.
    """

    def __init__(self, manager: AbstractAsyncContextManager[T], form: str) -> None:
        super().__init__(form)
        self._manager = manager

    if not TYPE_CHECKING:

        def __enter__(self) -> NoReturn:
            """Say what a function that isn't async has instead."""
            raise TypeError(
                f"write `{self._form}`, or in a function that isn't async `with"
                " blocking_client(app) as http`"
            )

        def __exit__(self, *error: object) -> None:
            """Be looked for, before `__enter__` is called."""

    async def __aenter__(self) -> T:
        return await self._manager.__aenter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._manager.__aexit__(kind, error, traceback)


def client(
    app: Hump[Any],
    *,
    provide: Mapping[Any, Any] | None = None,
    raise_errors: bool = False,
    tls: bool = False,
    **options: Any,
) -> AbstractAsyncContextManager[httpx.AsyncClient, None]:
    """Serve an app in memory and give an httpx client for it: httpx2's where that is installed.

    Write ``async with client(app) as http``, then ``await http.get("/")``. The app is shut down at
    the end, and its lifespan left. The client has no timeouts of its own, and a path is enough as a
    URL. For a URL that begins with ``https:`` the app takes the connection for one over TLS:
    ``request.scheme`` is ``https``, and the client sends secure cookies.

    With ``raise_errors`` the client raises what the log calls a crash: the error that a handler has
    raised and no exception handler of the app's has answered, but for a page for `Exception`. Where
    an answer breaks off, reading its body raises the error. What fails behind an answer, in the
    background or in a WebSocket's handler is raised when the client is left.

    Args:
        app: The app; it isn't being served elsewhere.
        provide: Values by type, as ``{Session: FakeSession()}``: what handlers are given instead of
            what the app's providers of these types give, whose functions aren't called.
        raise_errors: Whether errors of handlers are raised.
        tls: Whether a path as a URL is asked for over TLS: the base is ``https://testserver``.
        options: Keyword arguments for `httpx.AsyncClient`.

    Raises:
        RuntimeError: Trio isn't running when the ``async with`` is entered, or the app is being
            served already, and there is something to ``provide``.
        TypeError: Nothing provides a type, or its value is a function or a class.
    """
    options = {"base_url": f"http{'s' * tls}://testserver", "timeout": None, **options}
    return Opening(
        open_client(app, options, provide, raise_errors=raise_errors),
        "async with client(app) as http",
    )


@asynccontextmanager
async def open_client(
    app: Hump[Any],
    options: Any,
    provide: Mapping[Any, Any] | None,
    *,
    raise_errors: bool = False,
) -> AsyncIterator[httpx.AsyncClient]:
    """Serve an app while its client is open."""
    async with (
        open_transport(app, provide, raise_errors=raise_errors) as transport,
        httpx.AsyncClient(transport=transport, **options) as http,
    ):
        yield http


@asynccontextmanager
async def open_transport(
    app: Hump[Any], provide: Mapping[Any, Any] | None, *, raise_errors: bool
) -> AsyncIterator[httpx.AsyncBaseTransport]:
    """Serve an app while the transport of a client is open."""
    async with running(app, provide) as listener:
        begin = len(listener.crashes.behind)
        transport = PoolTransport(listener.connect)
        yield RaisingTransport(transport, listener.crashes) if raise_errors else transport
    if raise_errors:
        listener.crashes.raise_behind(begin)


def connect(
    app: Hump[Any], *, provide: Mapping[Any, Any] | None = None
) -> AbstractAsyncContextManager[RawConnection, None]:
    """Serve an app in memory and give a raw connection to it.

    Write ``async with connect(app) as raw``, then ``await raw.send(...)``. The connection is closed
    at the end. Inside `client(app)`, or another `connect(app)`, it is one more connection to the
    same app.

    Args:
        app: The app; it isn't being served elsewhere.
        provide: As for `client`.

    Raises:
        RuntimeError: As for `client`.
        TypeError: As for `client`.
    """
    return Opening(open_connection(app, provide), "async with connect(app) as raw")


@asynccontextmanager
async def open_connection(
    app: Hump[Any], provide: Mapping[Any, Any] | None
) -> AsyncIterator[RawConnection]:
    """Serve an app while a connection to it is open."""
    async with running(app, provide) as listener:
        transport = listener.connect(float("inf"))
        try:
            yield RawConnection(transport)
        finally:
            transport.close()


def websocket(
    app: Hump[Any],
    url: str,
    *,
    subprotocols: Sequence[str] = (),
    origin: str | None = None,
    headers: Mapping[str, str] | None = None,
    cookies: Any = None,
    timeout: float | None = 60.0,
    provide: Mapping[Any, Any] | None = None,
) -> AbstractAsyncContextManager[WebSocketClient, None]:
    """Serve an app in memory and open a WebSocket to it.

    Write ``async with websocket(app, "/rooms/tea") as ws``, then ``await ws.send("hello")`` and
    ``await ws.receive()``. The WebSocket is closed with 1000 at the end, unless it has ended or the
    test has kept it from that. Inside `client(app)`, or another `websocket(app, ...)`, it is one
    more connection to the same app.

    Args:
        app: The app; it isn't being served elsewhere.
        url: The path, with a query if there is one. A URL that begins with ``wss:`` says another
            host than ``testserver``, and the app takes the connection for one over TLS.
        subprotocols: What is offered, the best one first.
        origin: The page that a browser would ask from; None, as of a program, for none.
        headers: Further fields of the handshake.
        cookies: A dict of cookies, or the ``cookies`` of an httpx client.
        timeout: The seconds that the methods of the WebSocket wait for the app at most, so that a
            test which would wait for ever fails. 60: less than tests of anything but silence need.
            None: no limit.
        provide: As for `client`.

    Raises:
        AssertionError: The app breaks a rule of RFC 6455.
        Refused: The app answers the handshake otherwise than by a WebSocket.
        RuntimeError: As for `client`.
        TypeError: As for `client`.
    """
    fields = dict(headers or {})
    if subprotocols:
        fields["Sec-WebSocket-Protocol"] = ", ".join(subprotocols)
    if origin is not None:
        fields["Origin"] = origin
    return Opening(
        open_websocket_of(app, url, fields, cookies, timeout, provide),
        "async with websocket(app, ...) as ws",
    )


@asynccontextmanager
async def open_websocket_of(
    app: Hump[Any],
    url: str,
    fields: dict[str, str],
    cookies: Any,
    timeout: float | None,
    provide: Mapping[Any, Any] | None,
) -> AsyncIterator[WebSocketClient]:
    """Serve an app while a WebSocket to it is open."""
    scheme, colon, rest = url.partition("://")
    http_url = f"{scheme.replace('ws', 'http')}://{rest}" if colon and "/" not in scheme else url
    async with (
        client(app, provide=provide, cookies=cookies) as http,
        open_websocket(http, http_url, fields, timeout) as ws,
    ):
        yield ws
