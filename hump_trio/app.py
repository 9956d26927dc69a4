"""The app, in which the web tower and the wire tower meet: registrations, and `serve`.

How a request is answered and how its bytes arrive are not known here.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import replace
from functools import partial
from importlib import import_module
from inspect import isasyncgenfunction, isbuiltin
from types import SimpleNamespace
from typing import (
    TYPE_CHECKING,
    Any,
    Generic,
    Never,
    Self,
    TypeAlias,
    TypeVar,
    TypeVarTuple,
    Unpack,
    cast,
)

import trio

from hump_trio.content.json_text import typed_codec
from hump_trio.dispatch.dispatcher import Dispatcher
from hump_trio.dispatch.router import Router, layer_of, table_of
from hump_trio.facts.exceptions import BindError, UnresolvedError
from hump_trio.facts.hints import OF_HUMP, hint_of
from hump_trio.facts.loggers import logger
from hump_trio.facts.settings import Limits, Sockets, Timeouts
from hump_trio.listening.bind import check_binds, check_host, check_port, join_bind
from hump_trio.messages.choice import WEBSOCKET
from hump_trio.messages.headers import check_field
from hump_trio.routing.guest import ANY_WEBSOCKET
from hump_trio.routing.layer import NOTHING
from hump_trio.routing.route import RouterOptions
from hump_trio.tasks.lifespan import check_lifespan, open_lifespan
from hump_trio.tasks.threads import check_thread
from hump_trio.transports.tls_source import TlsSource, check_tls_source, load_credentials

__all__ = ["Hump", "server_of", "silence", "watchers_of"]

# What a route is for that has WebSockets.
WEBSOCKETS = {WEBSOCKET, ANY_WEBSOCKET}

A = TypeVar("A")
Ts = TypeVarTuple("Ts")
W = TypeVar("W", bound="Watcher")

if TYPE_CHECKING:
    # With a default, which the typing module has from Python 3.13 on.
    from typing_extensions import TypeVar as DefaultTypeVar

    from hump_trio.dispatch.watchers import Watcher
    from hump_trio.listening.bound_socket import BoundSocket
    from hump_trio.messages.access_record import Watching
    from hump_trio.messages.request import Request
    from hump_trio.server.server import Listeners, Server
    from hump_trio.server.statistics import ServerStatistics
    from hump_trio.transports.transport import Transport

    S = DefaultTypeVar("S", default=Any)
else:
    S = TypeVar("S")


Lifespan: TypeAlias = (
    Callable[[A], AsyncIterator[S | None]] | Callable[[A], AbstractAsyncContextManager[S | None]]
)


class Hump(Router, Generic[S]):
    """A web app: routes, middleware and exception handlers, and the address to serve them at.

    Register handlers with decorators, as in ``@app.get("/")``, and start the server with
    ``trio.run(app.serve)``. Creating an app binds no address: `serve` does.

    ``Hump[State]("", 8342)`` tells type checkers the type of `state`.

    Args:
        host: A name or an address; empty for every interface, IPv4 and IPv6.
        port: A port; 0 for a free one, which `addresses` tells.
        binds: What to listen on, instead of a host and a port, e.g. ``["127.0.0.1:8000",
            "[::1]:8000", "unix:/run/app.sock"]``; also ``fd://3``, a listening socket that the
            program was given, and ``systemd``, every socket that a service manager has opened.
        sockets: Options of the listening sockets; None: the defaults of `Sockets`.
        tls: The certificate for HTTPS, as a `TLS` or an `ssl.SSLContext`; None: plain HTTP. Binds
            that begin with ``http://`` stay plain.
        limits: The most that clients may send and use; None: the defaults of `Limits`.
        timeouts: How long the server waits for clients and handlers; None: the defaults of
            `Timeouts`.
        server: The value of the ``Server`` field of each response; None: no such field.
        origins: The origins of pages whose browsers may open WebSockets (see `websocket`), unless a
            route or router says otherwise; None: those from the host that is asked for.
        http2: Whether HTTP/2 is spoken beside HTTP/1.1: over TLS with clients that ask for it by
            ALPN, and in plain text with those that begin with it (RFC 9113 section 3.3). An
            `ssl.SSLContext` of the program's decides by itself what it agrees on.
        unknown: Options that other frameworks' apps take; they are refused.

    Raises:
        TypeError: An option isn't known or has the wrong type, or there are binds beside a host or
            a port.
        ValueError: The host, the port, a bind or the ``Server`` field can't be one.

    Attributes:
        host: The host, as given.
        port: The port, as given.
        addresses: The URLs that the app is served at; empty while it isn't served.
        sockets: The options of the listening sockets.
        tls: The certificate for HTTPS, as given.
        limits: The limits on clients.
        timeouts: The timeouts of the server.
        http2: Whether HTTP/2 is spoken.
        state: The value that the lifespan has yielded, for handlers to use. Without a lifespan, or
            if it yields nothing, a namespace that takes any attribute.
    """

    def __init__(
        self,
        host: str = "",
        port: int = 8000,
        *,
        binds: Sequence[str] | None = None,
        sockets: Sockets | None = None,
        tls: TlsSource | None = None,
        limits: Limits | None = None,
        timeouts: Timeouts | None = None,
        server: str | None = "hump_trio",
        http2: bool = True,
        origins: Collection[str] | None = None,
        **unknown: Never,
    ) -> None:
        for name in unknown:
            raise TypeError(f"Hump has no option {name!r}{hint_of(OF_HUMP, [name])}")
        check_host(host)
        check_port(port)
        if binds is not None and (host, port) != ("", 8000):
            raise TypeError("an app has either a host and a port, or binds")
        if server is not None:
            check_field("server", server)
        options: RouterOptions = {} if origins is None else {"origins": origins}
        super().__init__("", **options)
        self._may_follow = (UnresolvedError,)  # nothing includes an app
        self.host = host
        self.port = port
        self._binds: tuple[str, ...] | None = None if binds is None else check_binds(binds)
        if not isinstance(limits, Limits | None) or not isinstance(timeouts, Timeouts | None):
            raise TypeError("write limits=Limits(...) and timeouts=Timeouts(...)")
        if not isinstance(sockets, Sockets | None):
            raise TypeError("write sockets=Sockets(...)")
        if not isinstance(http2, bool):
            raise TypeError(f"http2 is True or False, not {http2!r}")
        check_tls_source(tls)
        self.tls: TlsSource | None = tls
        self._credentials: Any = None
        self.sockets: Sockets = sockets or Sockets()
        self.limits: Limits = limits or Limits()
        self.timeouts: Timeouts = timeouts or Timeouts()
        self.http2: bool = http2
        self.addresses: tuple[str, ...] = ()
        self.state: S = cast("S", SimpleNamespace())
        self._server_field = server
        self._silent = False
        self._lifespan: Lifespan[Any, S] | None = None
        self._watchers: list[Watcher] = []
        self._enter_watchers: Callable[[Request], Watching] | None = None
        self._server: Server | None = None

    @property
    def binds(self) -> tuple[str, ...]:
        """The binds that the app listens on, as given; a host and a port are one bind."""
        return self._binds or (join_bind(self.host, self.port),)

    @binds.setter
    def binds(self, binds: Sequence[str]) -> None:
        self._binds = check_binds(binds)

    def lifespan(self, function: Lifespan[Self, S] = NOTHING) -> Lifespan[Self, S]:
        """Register an async function with one ``yield``, to run around the whole serving.

        The part before the ``yield`` runs before the address is bound, the part after it when the
        last connection has ended. Both run in the task of `serve`: a nursery or a cancel scope
        opened around the ``yield``, or a context variable set before it, encloses every
        connection. If a task in that nursery crashes, the server stops at once and `serve` raises
        the error. The part after the ``yield`` has `Timeouts.cleanup` seconds.

        Args:
            function: Takes the app. The value that it yields becomes `state`. A function that
                returns an async context manager will do as well.

        Raises:
            RuntimeError: The app has a lifespan already, or is being served.
            TypeError: The function isn't async, has no ``yield``, or doesn't take the app alone.
        """
        self._check_open()
        if self._lifespan is not None:
            raise RuntimeError("an app has one lifespan: in it, `async with` takes further ones")
        check_lifespan(function)
        self._lifespan = function
        return function

    def watch(self, watcher: W) -> W:
        """Register a plain function with one ``yield`` around each exchange, to measure or trace.

        It is entered in the handler's task, before middleware and handler; context variables that
        it sets reach both, the nurseries that they open, and a streamed body. Where a body is
        received for the handler, that comes before. The ``yield`` returns an `Ended` when the last
        byte of the answer was given to the system, or when the request has failed; each request
        has one, those that were refused or whose client left among them. Bytes that are no
        request have none.

        A watcher can't wait. What it raises is logged, and changes nothing for the client.

        Args:
            watcher: Takes the `Request`. If it is an object that has a ``lifespan``, that takes the
                app, and returns an async context manager that is entered around the serving.

        Raises:
            RuntimeError: The app is being served.
            TypeError: It isn't a plain function with a ``yield``, or doesn't take the request.
        """
        # Few programs have one, and no other need load the module.
        from hump_trio.dispatch.watchers import Entered, check_watcher

        self._check_open()
        check_watcher(watcher)
        self._watchers.append(watcher)
        self._enter_watchers = partial(Entered, self._watchers)
        return watcher

    @asynccontextmanager
    async def _entered_lifespan(self) -> AsyncIterator[None]:
        """Enter the lifespan, if there is one, and set `state` to the value that it yields.

        Those of watchers and mounted apps are entered within it.
        """
        if self._lifespan is None:
            async with self._entered_others():
                yield
            return
        before = self.state
        try:
            async with open_lifespan(self._lifespan, self) as state:
                if state is not None:
                    self.state = state
                async with self._entered_others():
                    yield
        finally:
            self.state = before

    @asynccontextmanager
    async def _entered_others(self) -> AsyncIterator[None]:
        """Enter the lifespans of watchers, then of mounted apps, as they were registered."""
        guests = {id(each.guest): each.guest for each in table_of(self).routes}
        lifespans = [getattr(each, "lifespan", None) for each in self._watchers]
        lifespans += [each.lifespan for each in guests.values() if each is not None]
        async with AsyncExitStack() as stack:
            for lifespan in lifespans:
                if lifespan is not None:
                    await stack.enter_async_context(lifespan(self))
            yield

    def start_soon(self, function: Callable[[Unpack[Ts]], Awaitable[Any]], *args: *Ts) -> None:
        """Run ``await function(*args)`` in the background; it may outlive the request.

        At shutdown the server waits for it, `Timeouts.shutdown` seconds at most, and then cancels
        it. If it raises, the error is logged, and nothing else ends. Not a checkpoint.

        Args:
            function: An async function.
            args: Its positional arguments.

        Raises:
            RuntimeError: The app isn't being served (in a lifespan, open a nursery instead), or
                this is another thread than Trio's.
            TypeError: The function isn't async, or is a generator.
        """
        # A plain Python function may return an awaitable, which shows only when it is called.
        if not callable(function) or isasyncgenfunction(function) or isbuiltin(function):
            raise TypeError(
                "start_soon takes an async function and its arguments, as in"
                f" app.start_soon(work, 1), not {function!r:.80}"
            )
        server = self._running()
        check_thread("app.start_soon, work")
        server.start_soon(function, *args)

    def url_for(self, name: str, /, **values: Any) -> str:
        """Return the path of a route with values for its parameters, e.g. ``/users/7``.

        Args:
            name: The route's ``name``, or its handler's name if only one path has that handler.
                For a route that was included with ``include(router, name="shop")`` it is
                ``shop.NAME``; ``NAME`` will do while no other path has it.
            values: A value for each parameter of the path. It is escaped; it must be one that the
                parameter takes, and have no segment ``.`` or ``..``, which clients would resolve.

        Raises:
            RouteError: No route has the name, or several have it.
            TypeError: The values aren't those that the path takes.
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
        """Serve an OpenAPI document of all routes, and a page that shows it.

        The document holds routes that are registered later, too. Routes with ``hidden=True``, and
        those of a router with it, are left out.

        Args:
            title: The API's name.
            version: The API's version, e.g. ``"1.0"``.
            description: A text about the API, shown at the top of the page.
            tags: A description for each tag of routes and routers, by its name. The page shows
                tags in this order.
            path: The path of the document.
            docs: The path of the page; None: no page.

        Raises:
            RouteError: Another route has one of the paths.
            RuntimeError: The app is being served already.
            TypeError: msgspec isn't installed, or a text isn't a str.
        """
        typed_codec()  # the module needs msgspec, too
        # Few programs ask for a document, and the module takes 5 ms to load.
        from hump_trio.openapi.documentation import Documentation

        documentation = Documentation(table_of(self), title, version, description, tags or {})
        self.get(path)(documentation.openapi_document)
        if docs is not None:
            self.get(docs)(documentation.openapi_page)

    def statistics(self) -> "ServerStatistics":
        """Return counts of what the server is doing now and has done since it started.

        Raises:
            RuntimeError: The app isn't being served.
        """
        return self._running().statistics()

    def _running(self) -> "Server":
        if self._server is None:
            raise RuntimeError(
                "this app is not being served: call this from a handler,"
                " or after `await nursery.start(app.serve)`"
            )
        return self._server

    def _seal(self) -> None:
        """Refuse to be included in a router: lifespan, limits and timeouts would be lost.

        Raises:
            TypeError: Always.
        """
        raise TypeError("an app can't be included: put its routes into a Router")

    def _check_open(self) -> None:
        """Refuse a change while the app is served: the server took its routes over at the start.

        Raises:
            RuntimeError: The app is being served.
        """
        if self._server is not None:
            raise RuntimeError("an app can't be changed while it is being served")

    @property
    def draining(self) -> bool:
        """Whether the app is being served and its shutdown has begun; for readiness checks."""
        return self._server is not None and self._server.draining

    async def wait_draining(self) -> None:
        """Wait until a shutdown asks running requests to end.

        That is `Timeouts.shutdown_delay` seconds after `draining` has become true, and at once in a
        worker that is replaced. Endless streams and background work wait for it in order to end
        well. A checkpoint.

        Raises:
            RuntimeError: The app isn't being served.
        """
        await self._running().wait_draining()

    def shutdown(self) -> None:
        """Begin a graceful shutdown, after which `serve` returns.

        Call it from any task of the same Trio run. Calling it again changes nothing.

        Raises:
            RuntimeError: The app isn't being served, or this is another thread than Trio's.
        """
        server = self._running()
        check_thread("app.shutdown")
        server.shutdown()

    def reload_tls(self) -> None:
        """Read the certificate and the key again, for new connections.

        Open connections stay as they are. Where the server handles signals, SIGHUP does the same.

        Raises:
            RuntimeError: The app isn't being served over TLS, or was given an `ssl.SSLContext`.
            TlsError: A file can't be used; the old certificate stays in use.
        """
        if self._credentials is None:
            raise RuntimeError("this app is not being served over TLS")
        self._credentials.reload()

    async def serve(
        self,
        *,
        listeners: "Sequence[trio.abc.Listener[Transport]] | None" = None,
        sockets: "Sequence[BoundSocket] | None" = None,
        signals: bool | None = None,
        task_status: trio.TaskStatus[tuple[str, ...]] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Serve the app until a graceful shutdown is complete.

        ``trio.run(app.serve)`` handles SIGTERM and SIGINT: the first one begins the shutdown, a
        second one ends the process. Where the program has configured no logging, it also writes
        to stderr where it serves.

        ``await nursery.start(app.serve)`` returns the bound URLs as a tuple, and leaves signals to
        the program that called it.

        Args:
            listeners: Where connections come from, instead of the app's address. They are closed
                at the end.
            sockets: Listening sockets that were opened elsewhere, instead of the app's address.
                They are closed at the end, and the files of Unix sockets left in place.
            signals: Whether to handle signals. None: if this is the main task of `trio.run`.
            task_status: Reports the bound URLs once connections are accepted.

        Raises:
            BindError: An address can't be listened on.
            RouteError: A name in a handler's annotations isn't defined.
            RuntimeError: The app is being served already.
            TlsError: The certificate or its key can't be used.

        Cancellation: handlers are cancelled, connections reset and listeners closed.
        """
        if not trio.lowlevel.in_trio_task():
            raise RuntimeError(
                "hump_trio runs on Trio, not on asyncio: write trio.run(app.serve), without await"
            )
        if self._server is not None:
            raise RuntimeError("this app is being served already")
        # An app that is only looked at, for its routes or its OpenAPI document, has no server: that
        # takes a third of the time of `import hump_trio`.
        from hump_trio.server.protocols import protocol_names
        from hump_trio.server.server import Server
        from hump_trio.server.signals import owns_signals
        from hump_trio.server.state import ServerState

        if not WEBSOCKETS.isdisjoint(table_of(self).methods):  # an app without any needs none of it
            import_module("hump_trio.server.websocket.session")
        dispatcher = Dispatcher(self, table_of(self), layer_of(self), self._enter_watchers)
        state = ServerState(
            dispatcher,
            self.limits,
            self.timeouts,
            self._server_field,
            http2=self.http2,
            access_log=not self._silent,
        )
        server = self._server = Server(state)
        is_main = owns_signals()
        unused = AsyncExitStack()  # closes what the server has not taken, should the start fail
        for listener in listeners or ():
            unused.push_async_callback(trio.aclose_forcefully, listener)
        handed = None if sockets is None else [replace(each, file=None) for each in sockets]
        for bound in handed or ():
            unused.callback(bound.close)
        try:
            async with unused:
                self._credentials = load_credentials(
                    self.tls, self.binds, protocol_names(http2=self.http2)
                )
                await server.serve(
                    partial(self._open_listeners, server, listeners, handed, unused),
                    lifespan=self._entered_lifespan(),
                    signals=is_main if signals is None else signals,
                    started=partial(self._announce, server, is_main, task_status),
                    reload=None if self.tls is None else self.reload_tls,
                )
        finally:
            server.console.close()
            self._server = self._credentials = None
            self.addresses = ()

    async def _open_listeners(
        self,
        server: "Server",
        listeners: "Listeners | None",
        sockets: "list[BoundSocket] | None",
        unused: AsyncExitStack,
    ) -> "Listeners":
        """Return what a server accepts from, and owns from here on.

        Args:
            server: The server.
            listeners: Listeners that `serve` was given.
            sockets: Sockets that `serve` was given. If there is neither, `binds` are opened.
            unused: Closes each of them until the server owns it.
        """
        from hump_trio.listening.bound_socket import open_binds

        bound = sockets or []
        if listeners is None and sockets is None:
            bound = await open_binds(self.binds, self.sockets)
            for each in bound:
                unused.callback(each.close)
        self._check_named(bound)
        secure = None if self._credentials is None else self._credentials.secure
        opened = server.listen(bound, self.sockets, secure)
        self.addresses = tuple(listener.url for listener in opened)
        unused.pop_all()
        return [*(listeners or ()), *opened]

    def _check_named(self, bound: "Sequence[BoundSocket]") -> None:
        """Refuse a Unix socket whose clients all were one to a middleware that counts by address.

        Raises:
            BindError: With what to write instead.
        """
        unix = next((each for each in bound if not each.over_tcp), None)
        if unix is None or "unix" in self.sockets.proxy_protocol:
            return
        # Few apps are served there, and the others are loaded sooner so.
        from hump_trio.dispatch.nameless import counting_nameless

        name = counting_nameless(layer_of(self), table_of(self).routes)
        if name:
            raise BindError(
                unix.url(),
                f"{name} counts by the client's address, and clients of a Unix socket have none:"
                " before it, register Forwarded(proxies=['unix'], fields=[...]) for the proxy in"
                " front; or let the proxy send PROXY headers, with"
                " Sockets(proxy_protocol=['unix']); or give a by= of your own",
            )

    def _announce(
        self, server: "Server", is_main: bool, task_status: trio.TaskStatus[tuple[str, ...]]
    ) -> None:
        """Tell where the app is served: the log, the terminal and the task that has started it."""
        if not self._silent:
            logger.info("serving at %s", " ".join(self.addresses) or "the listeners given")
        if is_main:  # what was started is this server, not a program that has one
            server.console.greet(self.addresses)
        task_status.started(self.addresses)


def silence(app: Hump[Any]) -> None:
    """Have an app log neither where it is served nor its requests: it is a part of another one."""
    app._silent = True


def watchers_of(app: Hump[Any]) -> "Sequence[Watcher]":
    """Return the watchers of an app, in the order in which they were registered."""
    return tuple(app._watchers)


NO_ASGI = (
    "a Hump app is a server of its own, not an app of ASGI or WSGI: start it with"
    " `hump-trio module:app`, or with trio.run(app.serve)"
)


async def refuse_asgi(scope: Any, receive: Any, send: Any) -> None:
    """Tell an ASGI server, which takes the app for an ASGI app, how the app is served.

    The message goes out in that server's own protocol, so that the server shows it and ends,
    instead of answering each request with a 500.
    """
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.failed", "message": NO_ASGI})
    else:
        raise TypeError(NO_ASGI)


class Refusal(partial[Any]):
    """Tells a server of WSGI apps the same; to one of ASGI apps it is the async function it holds.

    A WSGI app is called with two arguments and awaited by nobody, so it is told by the call.
    """

    def __call__(self, /, *arguments: Any) -> Any:
        if len(arguments) == 2:
            raise TypeError(NO_ASGI)
        return super().__call__(*arguments)


if not TYPE_CHECKING:  # a checker is right that an app can't be called
    Hump.__call__ = staticmethod(Refusal(refuse_asgi))


def server_of(app: Hump[Any]) -> "Server":
    """Return what serves an app.

    Raises:
        RuntimeError: The app isn't being served.
    """
    return app._running()
