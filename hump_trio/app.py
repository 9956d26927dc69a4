"""The app: routes, middleware and exception handlers registered by decorators, and `serve`."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar, Unpack

import trio

from hump_trio.calling import bind_handler, check_layer
from hump_trio.dispatch import Dispatcher, ExceptionHandler, Middleware
from hump_trio.headers import check_field
from hump_trio.routing import Handler, Route, RouteOptions, RouteTable
from hump_trio.server import Server, owns_signals
from hump_trio.server_state import ServerState
from hump_trio.settings import Limits, Timeouts
from hump_trio.transport import Transport

__all__ = ["Hump"]

H = TypeVar("H", bound=Callable[..., Any])


class Hump:
    """A web app and the address it is served at. Creating one binds nothing.

    Args:
        host: A name or address; empty for every interface, IPv4 and IPv6.
        port: 0 for an ephemeral one (see `addresses`).
        limits: How much is taken from clients.
        timeouts: How long is waited for them.
        server: The value of the ``Server`` field; None for no such field.
    """

    def __init__(
        self,
        host: str = "",
        port: int = 8000,
        *,
        limits: Limits | None = None,
        timeouts: Timeouts | None = None,
        server: str | None = "hump_trio",
    ) -> None:
        if not isinstance(host, str):
            raise ValueError(f"a host is a str and comes first, as in Hump('', 8342), not {host!r}")
        if isinstance(port, bool) or not isinstance(port, int) or not 0 <= port <= 0xFFFF:
            raise ValueError(f"a port is a number from 0 to 65535, not {port!r}")
        if server is not None:
            check_field("server", server)
        self.host = host
        self.port = port
        self.limits: Limits = limits or Limits()
        self.timeouts: Timeouts = timeouts or Timeouts()
        self.addresses: tuple[str, ...] = ()
        self._server_field = server
        self._table = RouteTable()
        self._middleware: list[Middleware] = []
        self._exception_handlers: dict[type[BaseException], ExceptionHandler] = {}
        self._server: Server | None = None

    def route(
        self,
        path: str,
        *,
        methods: Iterable[str],
        **options: Unpack[RouteOptions],
    ) -> Callable[[H], H]:
        """Return a decorator that registers a handler for a path and methods.

        Args:
            path: Static segments, and parameters as whole segments: ``{name}``, ``{name:int}``,
                ``{name:float}``, ``{name:uuid}``, and last of all ``{rest:path}``. They are passed
                by name. A GET route answers HEAD too, and OPTIONS is answered for every path.
            methods: Their names; they are case-sensitive.
            options: ``timeout``, seconds for the handler, None for no limit, `Timeouts.handler`
                by default; ``body_limit``, bytes, None for no limit, `Limits.body_bytes` by
                default; ``stream``, to call the handler at the head, so that it reads the body
                from ``request.stream``; ``on_disconnect``, whether to ``"cancel"`` (default) or
                ``"finish"`` the handler when its client has gone, or the seconds it has left.

        Raises:
            RouteError: The path or the handler's parameters don't fit, or the route is taken.
            RuntimeError: The app is being served already.
            TypeError: The handler isn't async, or the path is missing.
        """
        if not isinstance(path, str):
            raise TypeError(f"a path comes first, as in @app.get('/'), not {path!r}")

        def register(handler: H) -> H:
            self.add_route(path, handler, methods=methods, **options)
            return handler

        return register

    def add_route(
        self,
        path: str,
        handler: Handler,
        *,
        methods: Iterable[str],
        **options: Unpack[RouteOptions],
    ) -> None:
        """Register a handler; `route` without decorating."""
        self._check_idle()
        if isinstance(methods, str):
            raise TypeError(f"methods is a list of names: [{methods!r}]")
        unknown = options.keys() - RouteOptions.__annotations__.keys()
        if unknown:
            known = ", ".join(RouteOptions.__annotations__)
            raise TypeError(f"a route has the options {known}, not {', '.join(sorted(unknown))}")
        route = Route(template=path, methods=tuple(methods), handler=handler, **options)
        bind_handler(handler, route.parameters)
        self._table.add(route)

    def get(self, path: str, **options: Unpack[RouteOptions]) -> Callable[[H], H]:
        """Return a decorator for GET, and HEAD; options are those of `route`."""
        return self.route(path, methods=["GET"], **options)

    def head(self, path: str, **options: Unpack[RouteOptions]) -> Callable[[H], H]:
        """Return a decorator for HEAD; options are those of `route`."""
        return self.route(path, methods=["HEAD"], **options)

    def options(self, path: str, **options: Unpack[RouteOptions]) -> Callable[[H], H]:
        """Return a decorator for OPTIONS; options are those of `route`."""
        return self.route(path, methods=["OPTIONS"], **options)

    def post(self, path: str, **options: Unpack[RouteOptions]) -> Callable[[H], H]:
        """Return a decorator for POST; options are those of `route`."""
        return self.route(path, methods=["POST"], **options)

    def put(self, path: str, **options: Unpack[RouteOptions]) -> Callable[[H], H]:
        """Return a decorator for PUT; options are those of `route`."""
        return self.route(path, methods=["PUT"], **options)

    def patch(self, path: str, **options: Unpack[RouteOptions]) -> Callable[[H], H]:
        """Return a decorator for PATCH; options are those of `route`."""
        return self.route(path, methods=["PATCH"], **options)

    def delete(self, path: str, **options: Unpack[RouteOptions]) -> Callable[[H], H]:
        """Return a decorator for DELETE; options are those of `route`."""
        return self.route(path, methods=["DELETE"], **options)

    def middleware(self, function: H) -> H:
        """Register ``async def mw(request, call_next) -> Response``; the first is outermost.

        Raises:
            RuntimeError: The app is being served already.
            TypeError: It isn't async, or takes other parameters.
        """
        self._check_idle()
        check_layer(function, "middleware", "request", "call_next")
        self._middleware.append(function)
        return function

    def exception_handler(self, kind: type[Exception]) -> Callable[[H], H]:
        """Return a decorator for ``async def handler(request, error)`` answering a type of error.

        The handler of the nearest base class counts. In an exception group, one handler that
        fits every leaf answers the first of them.

        Raises:
            RuntimeError: The app is being served already.
            TypeError: It isn't async or takes other parameters, or the type isn't a subclass of
                Exception.
        """
        if not (isinstance(kind, type) and issubclass(kind, Exception)):
            raise TypeError(
                f"an exception handler is for a subclass of Exception, not {kind!r}:"
                " write @app.exception_handler(LookupError)"
            )

        def register(handler: H) -> H:
            self._check_idle()
            check_layer(handler, "exception handler", "request", "error")
            self._exception_handlers[kind] = handler
            return handler

        return register

    def _check_idle(self) -> None:
        """Refuse what a running server would never notice: its routes are settled at the start."""
        if self._server is not None:
            raise RuntimeError("an app can't be changed while it is being served")

    @property
    def draining(self) -> bool:
        """Whether the app is served and its shutdown has begun; for readiness checks."""
        return self._server is not None and self._server.draining

    def shutdown(self) -> None:
        """Begin a graceful shutdown of `serve`, from any task of the same Trio run.

        Raises:
            RuntimeError: The app isn't being served.
        """
        if self._server is None:
            raise RuntimeError("this app is not being served")
        self._server.shutdown()

    async def serve(
        self,
        *,
        listeners: Sequence[trio.abc.Listener[Transport]] | None = None,
        signals: bool | None = None,
        task_status: trio.TaskStatus[tuple[str, ...]] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Serve the app until a graceful shutdown is complete.

        ``trio.run(app.serve)`` obeys SIGTERM and SIGINT: the first one begins the shutdown, a
        second one ends the process. ``await nursery.start(app.serve)`` returns the bound URLs
        and leaves signals to the host.

        Args:
            listeners: Where connections come from, instead of the app's address.
            signals: Whether to obey signals; by default, if this is the main task of `trio.run`.
            task_status: Reports the bound URLs.

        Raises:
            BindError: The address can't be listened on.
            RuntimeError: The app is being served already.

        Cancellation: handlers are cancelled, connections reset, listeners closed.
        """
        if self._server is not None:
            raise RuntimeError("this app is being served already")
        dispatcher = Dispatcher(self, self._table, self._middleware, self._exception_handlers)
        state = ServerState(dispatcher, self.limits, self.timeouts, self._server_field)
        server = self._server = Server(state)
        try:
            if listeners is None:
                opened = await server.open(self.host, self.port)
                self.addresses = tuple(listener.url for listener in opened)
                listeners = opened
            await server.serve(
                listeners,
                signals=owns_signals() if signals is None else signals,
                addresses=self.addresses,
                task_status=task_status,
            )
        finally:
            self._server = None
            self.addresses = ()
