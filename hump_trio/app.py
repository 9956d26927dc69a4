"""The app: routes, middleware and exception handlers registered by decorators, and `serve`."""

import re
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from inspect import isasyncgenfunction, isbuiltin
from types import SimpleNamespace
from typing import (
    TYPE_CHECKING,
    Any,
    Generic,
    Protocol,
    Self,
    TypeAlias,
    TypeVar,
    TypeVarTuple,
    Unpack,
    cast,
    runtime_checkable,
)

import trio

from hump_trio.dispatch.dispatcher import Dispatcher
from hump_trio.dispatch.router import Router, layer_of, table_of
from hump_trio.facts.exceptions import BindError
from hump_trio.facts.grammar import is_integer
from hump_trio.facts.loggers import logger
from hump_trio.facts.settings import Limits, Sockets, Timeouts
from hump_trio.listening.bind import check_binds, join_bind
from hump_trio.listening.bound_socket import BoundSocket, open_binds
from hump_trio.messages.headers import check_field
from hump_trio.routing.layer import NOTHING
from hump_trio.server.server import Server, owns_signals
from hump_trio.server.state import ServerState
from hump_trio.server.statistics import ServerStatistics
from hump_trio.tasks.lifespan import check_lifespan, open_lifespan
from hump_trio.transports.transport import Transport

__all__ = ["Hump"]

A = TypeVar("A")
Ts = TypeVarTuple("Ts")

if TYPE_CHECKING:  # a default, which the typing module has from Python 3.13 on
    from typing_extensions import TypeVar as DefaultTypeVar

    S = DefaultTypeVar("S", default=Any)
else:
    S = TypeVar("S")


Lifespan: TypeAlias = (
    Callable[[A], AsyncIterator[S | None]] | Callable[[A], AbstractAsyncContextManager[S | None]]
)


@runtime_checkable
class ContextSource(Protocol):
    """What makes contexts for the connections to come, such as `TLS`."""

    def create_context(self) -> ssl.SSLContext:
        """Return a context for a server."""


class Hump(Router, Generic[S]):
    """A web app and the address it is served at: a router that can be served.

    Creating one binds nothing.

    ``Hump[State]("", 8342)`` tells type checkers what `state` holds.

    Args:
        host: A name or address; empty for every interface, IPv4 and IPv6.
        port: 0 for an ephemeral one (see `addresses`).
        binds: What to listen on instead of a host and a port, e.g. ``["127.0.0.1:8000",
            "[::1]:8000", "unix:/run/app.sock"]``; also ``fd://3``, a descriptor that listens, and
            ``systemd``, all that a service manager has opened.
        sockets: How they are opened.
        tls: The certificate that connections over TCP are secured with, or a context that is ready;
            None: plain text. Binds that begin with ``http://`` stay in plain text.
        limits: How much is taken from clients.
        timeouts: How long is waited for them.
        server: The value of the ``Server`` field; None for no such field.

    Attributes:
        addresses: The URLs it is served at.
        state: What the lifespan has yielded; without one, or if it yields nothing, a namespace
            to put things in.
    """

    def __init__(
        self,
        host: str = "",
        port: int = 8000,
        *,
        binds: Sequence[str] | None = None,
        sockets: Sockets | None = None,
        tls: ContextSource | ssl.SSLContext | None = None,
        limits: Limits | None = None,
        timeouts: Timeouts | None = None,
        server: str | None = "hump_trio",
    ) -> None:
        if not isinstance(host, str):
            raise ValueError(f"a host is a str and comes first, as in Hump('', 8342), not {host!r}")
        if host.startswith("__"):
            raise ValueError(f"an app needs no name: Hump() or Hump('', 8342), not {host!r}")
        if re.search(r"[/\[\]]|^[^:]*:[^:]*$", host):
            raise ValueError(
                "a host is a name or an address alone, and its port comes second, as in"
                f" Hump('127.0.0.1', 8342), not {host!r}; binds=[...] takes other forms"
            )
        if not is_integer(port) or not 0 <= port <= 0xFFFF:
            raise ValueError(f"a port is a number from 0 to 65535, not {port!r}")
        if binds is not None and (host, port) != ("", 8000):
            raise TypeError("an app has either a host and a port, or binds")
        if server is not None:
            check_field("server", server)
        super().__init__()
        self.host = host
        self.port = port
        self._binds: tuple[str, ...] | None = None if binds is None else check_binds(binds)
        if not isinstance(limits, Limits | None) or not isinstance(timeouts, Timeouts | None):
            raise TypeError("write limits=Limits(...) and timeouts=Timeouts(...)")
        if not isinstance(sockets, Sockets | None):
            raise TypeError("write sockets=Sockets(...)")
        if not isinstance(tls, ContextSource | ssl.SSLContext | None):
            raise TypeError(f"write tls=TLS(certificate, key), or a context, not {tls!r:.80}")
        if isinstance(tls, ssl.SSLContext) and tls.protocol == ssl.PROTOCOL_TLS_CLIENT:
            raise ValueError("tls takes a server's context, and this one is a client's")
        self.tls: ContextSource | ssl.SSLContext | None = tls
        self._credentials: Any = None
        self.sockets: Sockets = sockets or Sockets()
        self.limits: Limits = limits or Limits()
        self.timeouts: Timeouts = timeouts or Timeouts()
        self.addresses: tuple[str, ...] = ()
        self.state: S = cast("S", SimpleNamespace())
        self._server_field = server
        self._lifespan: Lifespan[Any, S] | None = None
        self._server: Server | None = None

    @property
    def binds(self) -> tuple[str, ...]:
        """What it listens on, as given; a host and a port are one bind."""
        return self._binds or (join_bind(self.host, self.port),)

    @binds.setter
    def binds(self, binds: Sequence[str]) -> None:
        self._binds = check_binds(binds)

    def lifespan(self, function: Lifespan[Self, S] = NOTHING) -> Lifespan[Self, S]:
        """Register what encloses the life of the server: ``async def`` with the app and one yield.

        What stands before the ``yield`` runs before the address is bound, what stands after it
        when the last connection has ended. It is entered in the task of `serve`: a nursery or
        cancel scope opened around the ``yield``, or a context variable set before it, encloses
        every connection. A crash there ends the server at once and is raised by `serve`. The
        exit has `Timeouts.cleanup` seconds. What is yielded becomes `state`. A function that
        returns an async context manager will do as well.

        Raises:
            RuntimeError: The app has a lifespan already, or is being served.
            TypeError: It isn't such a function, or doesn't take the app alone.
        """
        self._check_open()
        if self._lifespan is not None:
            raise RuntimeError("an app has one lifespan: in it, `async with` takes further ones")
        check_lifespan(function)
        self._lifespan = function
        return function

    @asynccontextmanager
    async def _live(self) -> AsyncIterator[None]:
        """Enclose what is done by the lifespan, if there is one."""
        if self._lifespan is None:
            yield
            return
        before = self.state
        try:
            async with open_lifespan(self._lifespan, self) as state:
                if state is not None:
                    self.state = state
                yield
        finally:
            self.state = before

    def start_soon(self, function: Callable[[Unpack[Ts]], Awaitable[Any]], *args: *Ts) -> None:
        """Run ``await function(*args)`` as background work of the app; it outlives the request.

        At shutdown it is awaited within `Timeouts.shutdown` seconds, then cancelled. If it
        raises, that is logged and takes nothing down.

        Raises:
            RuntimeError: The app isn't being served (in a lifespan, open a nursery instead), or
                this is another thread.
            TypeError: The function isn't async, or is a generator.
        """
        # A function of Python's may return what can be awaited; that shows when it is called.
        if not callable(function) or isasyncgenfunction(function) or isbuiltin(function):
            raise TypeError(
                "start_soon takes an async function and its arguments, as in"
                f" app.start_soon(work, 1), not {function!r:.80}"
            )
        server = self._running()
        check_thread("start_soon, work")
        server.start_soon(function, *args)

    def url_for(self, name: str, /, **values: Any) -> str:
        """Return the path of a route, with the values of its parameters, e.g. ``/users/7``.

        Args:
            name: The route's ``name``, or the name of its handler if only one path has that; with
                what `include` was told to put before it, which may be left out where one path
                alone has the rest.
            values: Of the path's parameters; they are escaped, and must be such as it takes, and
                without the segments ``.`` and ``..``, which clients resolve.

        Raises:
            RouteError: No route has the name, or several have.
            TypeError: The values aren't those of the path.
        """
        return table_of(self).url_for(name, values)

    def openapi(
        self,
        *,
        title: str,
        version: str,
        description: str = "",
        tags: Mapping[str, str] | None = None,
        path: str = "/openapi.json",
        docs: str | None = "/docs",
    ) -> None:
        """Answer with the OpenAPI document of all routes, and with a page that shows it.

        Routes that are registered later count too; those with ``hidden=True``, or in a router
        with it, are left out.

        Args:
            title: The API's name.
            version: Of the API.
            description: Of the API.
            tags: What the tags of routes and routers mean, by name. Readers see them in this order.
            path: The document's path.
            docs: The page's path; None for no page.

        Raises:
            RouteError: A path is taken.
            TypeError: msgspec isn't installed, or a text is none.
        """
        # Few programs ask for it, and it takes 5 ms to load.
        from hump_trio.openapi.documentation import Documentation

        documentation = Documentation(table_of(self), title, version, description, tags or {})
        self.get(path)(documentation.openapi_document)
        if docs is not None:
            self.get(docs)(documentation.openapi_page)

    def statistics(self) -> ServerStatistics:
        """Return what the server is doing and has done.

        Raises:
            RuntimeError: The app isn't being served.
        """
        return self._running().statistics()

    def _running(self) -> Server:
        if self._server is None:
            raise RuntimeError(
                "this app is not being served: call this from a handler,"
                " or after `await nursery.start(app.serve)`"
            )
        return self._server

    def _seal(self) -> None:
        """Refuse to be included: the lifespan, limits and timeouts would be lost.

        Raises:
            TypeError: Always.
        """
        raise TypeError("an app can't be included: put its routes into a Router")

    def _check_open(self) -> None:
        """Refuse what a running server would never notice: its routes are settled at the start.

        Raises:
            RuntimeError: The app is being served.
        """
        if self._server is not None:
            raise RuntimeError("an app can't be changed while it is being served")

    @property
    def draining(self) -> bool:
        """Whether the app is served and its shutdown has begun; for readiness checks."""
        return self._server is not None and self._server.draining

    async def wait_draining(self) -> None:
        """Wait until requests under way are to end: `Timeouts.shutdown_delay` after `draining`.

        For streams and background work without end, which can end well then. A checkpoint.

        Raises:
            RuntimeError: The app isn't being served.
        """
        await self._running().wait_draining()

    def shutdown(self) -> None:
        """Begin a graceful shutdown of `serve`, from any task of the same Trio run.

        Raises:
            RuntimeError: The app isn't being served, or this is another thread.
        """
        server = self._running()
        check_thread("shutdown")
        server.shutdown()

    def reload_tls(self) -> None:
        """Read the certificate and the key anew, for the connections to come.

        SIGHUP does the same, where signals are obeyed. Open connections stay as they are.

        Raises:
            RuntimeError: The app isn't being served over TLS, or was given a context.
            TlsError: A file can't be used; the old certificate stays.
        """
        if self._credentials is None:
            raise RuntimeError("this app is not being served over TLS")
        self._credentials.reload()

    def _load_credentials(self) -> Any:
        """Return what connections are secured with, if they are.

        Raises:
            BindError: One of them has to be, and there is nothing for it.
            TlsError: The certificate or its key can't be used.
        """
        if self.tls is None:
            for bind in self.binds:
                if bind.startswith("https://"):
                    raise BindError(bind, "HTTPS takes tls=TLS(certificate, key)")
            return None
        # Few programs need it.
        from hump_trio.transports.certificates import Credentials

        return Credentials(self.tls)

    async def serve(
        self,
        *,
        listeners: Sequence[trio.abc.Listener[Transport]] | None = None,
        sockets: Sequence[BoundSocket] | None = None,
        signals: bool | None = None,
        task_status: trio.TaskStatus[tuple[str, ...]] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Serve the app until a graceful shutdown is complete.

        ``trio.run(app.serve)`` obeys SIGTERM and SIGINT: the first one begins the shutdown, a
        second one ends the process. ``await nursery.start(app.serve)`` returns the bound URLs
        and leaves signals to the host. Where nobody has configured logging, the former says on
        stderr where it serves.

        Args:
            listeners: Where connections come from, instead of the app's address.
            sockets: Likewise, opened elsewhere; closed at the end, and their files left alone.
            signals: Whether to obey signals; by default, if this is the main task of `trio.run`.
            task_status: Reports the bound URLs.

        Raises:
            BindError: The address can't be listened on.
            RouteError: A name in a handler's annotations isn't defined.
            RuntimeError: The app is being served already.
            TlsError: The certificate or its key can't be used.

        Cancellation: handlers are cancelled, connections reset, listeners closed.
        """
        if not trio.lowlevel.in_trio_task():
            raise RuntimeError(
                "hump_trio runs on Trio, not on asyncio: write trio.run(app.serve), without await"
            )
        if self._server is not None:
            raise RuntimeError("this app is being served already")
        dispatcher = Dispatcher(self, table_of(self), layer_of(self))
        state = ServerState(dispatcher, self.limits, self.timeouts, self._server_field)
        server = self._server = Server(state)
        given = list(listeners or ())
        handed = [replace(each, file=None) for each in sockets or ()]

        async def open_listeners() -> list[Any]:
            if listeners is None and sockets is None:
                handed.extend(await open_binds(self.binds, self.sockets))
            secure = None if self._credentials is None else self._credentials.secure
            opened = server.listen(handed, self.sockets, secure)
            self.addresses = tuple(listener.url for listener in opened)
            taken = [*given, *opened]
            given.clear()
            handed.clear()
            return taken

        is_main = owns_signals()

        def started() -> None:
            logger.info("serving at %s", " ".join(self.addresses) or "the listeners given")
            if is_main:  # what was started is this server, not a program that has one
                server.console.greet(self.addresses)
            task_status.started(self.addresses)

        try:
            self._credentials = self._load_credentials()
            await server.serve(
                open_listeners,
                lifespan=self._live(),
                signals=is_main if signals is None else signals,
                started=started,
                reload=None if self.tls is None else self.reload_tls,
            )
        finally:
            server.console.close()
            self._server = self._credentials = None
            self.addresses = ()
            for bound in handed:  # the start has failed before they were needed
                bound.close()
            for listener in given:
                await trio.aclose_forcefully(listener)


NO_ASGI = (
    "a Hump app is a server of its own, not an ASGI app: start it with `hump-trio module:app`,"
    " or with trio.run(app.serve)"
)


async def refuse_asgi(app: Hump[Any], scope: Any, receive: Any, send: Any) -> None:
    """Say to a server that takes an app for an ASGI one how it is served.

    It is said in that protocol, so that such a server ends and shows it instead of every request's
    being a 500.
    """
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.failed", "message": NO_ASGI})
    else:
        raise TypeError(NO_ASGI)


if not TYPE_CHECKING:  # a checker is right that an app can't be called
    Hump.__call__ = refuse_asgi


def check_thread(call: str) -> None:
    """Refuse another thread than that of Trio, which would fail somewhere below.

    Args:
        call: The method, and what it is given.

    Raises:
        RuntimeError: With what to write.
    """
    if not trio.lowlevel.in_trio_run():
        raise RuntimeError(
            f"from another thread, write trio.from_thread.run_sync(app.{call}), with trio_token="
            " where Trio hasn't started that thread"
        )
