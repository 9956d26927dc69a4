"""A client for tests that are plain functions: the app is served by a Trio run in a thread."""

import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from types import TracebackType
from typing import Any, TypeVar

import trio

import hump_trio.testing.http_library as httpx
import hump_trio.testing.pool_library as httpcore
from hump_trio.app import Hump
from hump_trio.tasks.closing import close_source
from hump_trio.testing.clients import Unopened, open_transport
from hump_trio.testing.memory_listener import running_token

__all__ = ["blocking_client"]

T = TypeVar("T")


class Opening(Unopened, AbstractContextManager[httpx.Client, None]):
    """A context manager that, used without ``with``, says how it is written.

    Args:
        manager: The context manager itself.
    """

    def __init__(self, manager: AbstractContextManager[httpx.Client]) -> None:
        super().__init__("with blocking_client(app) as http")
        self._manager = manager

    def __enter__(self) -> httpx.Client:
        return self._manager.__enter__()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._manager.__exit__(kind, error, traceback)


def blocking_client(
    app: Hump[Any],
    *,
    provide: Mapping[Any, Any] | None = None,
    raise_errors: bool = False,
    tls: bool = False,
    timeout: float | None = 60.0,
    **options: Any,
) -> AbstractContextManager[httpx.Client, None]:
    """Serve an app in a thread, and give a client for functions that aren't async.

    Write ``with blocking_client(app) as http``, then ``http.get("/")``; or yield it from a fixture.
    The app is served in a Trio run of its own, whose time is real. It is shut down at the end, and
    its lifespan left. Errors of the lifespan are raised where the client is entered or left. Inside
    another `blocking_client(app)` it is one more client of the same app. The body of a request is
    read whole before it is sent.

    Args:
        app: The app; it isn't being served elsewhere.
        provide: What handlers get instead of what providers would make (see `client`).
        raise_errors: Whether errors of handlers are raised (see `client`).
        tls: Whether a path as a URL is asked for over TLS.
        timeout: The seconds that the client waits for the lifespan to begin, and for each part of
            an answer, so that a test which would wait for ever fails. None: no limit.
        options: Keyword arguments for `httpx.Client`.

    Raises:
        BaseExceptionGroup: The test and the app have failed, both.
        RuntimeError: Trio is running here already: an async test has `client`.
        trio.TooSlowError: The lifespan hasn't begun in time.
    """
    options = {"base_url": f"http{'s' * tls}://testserver", "timeout": timeout, **options}
    return Opening(
        open_client(BlockingRun(app, provide, raise_errors=raise_errors), timeout, options)
    )


@contextmanager
def open_client(run: "BlockingRun", timeout: float | None, options: Any) -> Iterator[httpx.Client]:
    """Serve an app while its client is open."""
    if trio.lowlevel.in_trio_run():
        raise RuntimeError("an async test doesn't block: async with client(app) as http")
    run.start(timeout)
    try:
        with httpx.Client(transport=BlockingTransport(run), **options) as http:
            yield http
    except BaseException as error:
        run.stop(cancel=True)
        if run.error is None or not isinstance(error, Exception):
            raise
        if not isinstance(error, httpx.TransportError):  # which the app's error has brought about
            both = [error, run.error]
            raise BaseExceptionGroup("the test and the app have failed", both) from None
    else:
        run.stop(cancel=False)
    if run.error is not None:
        raise run.error


class BlockingRun:
    """The serving of an app for a function that blocks: by a Trio run in a thread.

    Where another client has begun such a run, it is a task of that.

    Attributes:
        error: What the app has failed of.
        token: The token of the Trio run.
        transport: What an async client would send by.

    Args:
        app: The app.
        provide: What it gives handlers instead of what its providers give.
        raise_errors: Whether the transport raises what handlers raise.
    """

    def __init__(
        self, app: Hump[Any], provide: Mapping[Any, Any] | None, *, raise_errors: bool
    ) -> None:
        self.error: BaseException | None = None
        self.token: trio.lowlevel.TrioToken
        self.transport: httpx.AsyncBaseTransport
        self._app = app
        self._provide = provide
        self._raise_errors = raise_errors
        self._scope = trio.CancelScope()
        self._leaving = trio.Event()
        self._begun = threading.Event()
        self._ready = threading.Event()
        self._over = threading.Event()

    def start(self, timeout: float | None) -> None:
        """Serve, and wait until the app is ready, so many seconds at most.

        Raises:
            BaseException: What the app has failed of.
            RuntimeError: There can be no more threads.
            trio.TooSlowError: It isn't ready in time.
        """
        token = running_token(self._app)
        thread = threading.Thread(target=self._run, daemon=True)
        try:
            if token is None:
                thread.start()
            else:
                token.run_sync_soon(trio.lowlevel.spawn_system_task, self._serve)
            self._begun.wait()
            ready = self._ready.wait(timeout)
        except BaseException:  # Control-C may come before the thread's start has returned
            if token is not None or thread.ident is not None:
                self.stop(cancel=True)
            raise
        if not ready:
            self.stop(cancel=True)
            raise trio.TooSlowError(f"the lifespan hasn't begun within {timeout:g} s")
        if self.error is not None:
            raise self.error

    def stop(self, *, cancel: bool) -> None:
        """Shut the app down and wait for that; or cancel it, where the test has failed."""
        self._begun.wait()
        with suppress(trio.RunFinishedError):
            self.token.run_sync_soon(self._scope.cancel if cancel else self._leaving.set)
        self._over.wait()

    def _run(self) -> None:
        """Run Trio in this thread; nothing is raised here, and nobody waits for ever."""
        try:
            trio.run(self._serve)
        except BaseException as error:
            self.error = error
        finally:
            for event in (self._begun, self._ready, self._over):
                event.set()

    async def _serve(self) -> None:
        """Serve the app; nothing is raised here."""
        self.token = trio.lowlevel.current_trio_token()
        self._begun.set()
        try:
            with self._scope:
                async with open_transport(
                    self._app, self._provide, raise_errors=self._raise_errors
                ) as self.transport:
                    self._ready.set()
                    await self._leaving.wait()
        except BaseException as error:
            self.error = error
            if isinstance(error, trio.Cancelled):
                self.error = RuntimeError("the client that has begun to serve the app was left")
        finally:
            self._ready.set()
            self._over.set()

    def call(self, function: Callable[..., Awaitable[T]], *args: Any) -> T:
        """Run an async function in the Trio run, and return what it returns.

        Raises:
            httpx.ConnectError: The app is served no more.
        """
        try:
            return trio.from_thread.run(function, *args, trio_token=self.token)
        except (trio.RunFinishedError, trio.Cancelled) as error:
            raise httpx.ConnectError("the app has stopped") from error


class BlockingTransport(httpx.BaseTransport):
    """A transport for httpx by that of an async client.

    Args:
        run: Has that transport.
    """

    def __init__(self, run: BlockingRun) -> None:
        self._run = run

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request and return the response, whose body is still to be read."""
        request.read()  # a stream that blocks is none for the other side
        response = self._run.call(self._run.transport.handle_async_request, request)
        connection: Any = response.extensions.get("network_stream")
        response.extensions["network_stream"] = BlockingNetworkStream(self._run, connection)
        response.stream = BlockingStream(self._run, response.stream)
        return response

    def close(self) -> None:
        """Close every connection."""
        with suppress(httpx.ConnectError):
            self._run.call(self._run.transport.aclose)


class BlockingStream(httpx.SyncByteStream):
    """The body of an answer, whose parts come from the Trio run.

    Args:
        run: The Trio run.
        stream: The body there.
    """

    def __init__(self, run: BlockingRun, stream: Any) -> None:
        self._run = run
        self._stream = stream

    def __iter__(self) -> Iterator[bytes]:
        parts = aiter(self._stream)
        try:
            while (part := self._run.call(next_part, parts)) is not None:
                yield part
        finally:
            with suppress(httpx.ConnectError):
                self._run.call(close_source, parts)

    def close(self) -> None:
        """Close the body."""
        with suppress(httpx.ConnectError):
            self._run.call(self._stream.aclose)


async def next_part(parts: Any) -> bytes | None:
    """Return the next part of a body; None at its end."""
    part: bytes | None = await anext(parts, None)
    return part


class BlockingNetworkStream(httpcore.NetworkStream):
    """A connection that was handed over, as for a WebSocket, whose bytes come from the Trio run.

    Args:
        run: The Trio run.
        stream: The connection there.
    """

    def __init__(self, run: BlockingRun, stream: httpcore.AsyncNetworkStream) -> None:
        self._run = run
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Return what has arrived, or ``b""`` at the end of the connection."""
        try:
            return self._run.call(self._stream.read, max_bytes, timeout)
        except (trio.ClosedResourceError, httpx.ConnectError) as error:
            raise httpcore.ReadError(str(error)) from error

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send all of a buffer."""
        try:
            self._run.call(self._stream.write, buffer, timeout)
        except (trio.ClosedResourceError, httpx.ConnectError) as error:
            raise httpcore.WriteError(str(error)) from error

    def close(self) -> None:
        """Close the connection."""
        with suppress(httpx.ConnectError):
            self._run.call(self._stream.aclose)
