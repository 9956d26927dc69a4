"""A group of routes with what they have in common: a prefix, options, middleware, handlers."""

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from inspect import formatannotation, isroutine
from typing import TYPE_CHECKING, Any, TypeVar, Unpack, overload

from hump_trio.answers.static_files import StaticFiles
from hump_trio.dispatch.registration import (
    Registration,
    check_options,
    check_prefix,
    join_options,
    mounts_of,
    websocket_at,
)
from hump_trio.facts.callables import Handler
from hump_trio.facts.exceptions import RouteError, UnprovidedError, UnresolvedError
from hump_trio.facts.hints import OF_APP, hint_of
from hump_trio.handlers.async_functions import check_layer
from hump_trio.handlers.decorated import DECORATED, MOMENTS
from hump_trio.handlers.endpoint import endpoint_of
from hump_trio.routing.guest import Guest, check_guest
from hump_trio.routing.layer import NEVER_GIVEN, NOTHING, Layer, Provider
from hump_trio.routing.origins import parse_origins
from hump_trio.routing.route import RouteOptions, RouterOptions, WebSocketOptions
from hump_trio.routing.table import RouteTable

__all__ = ["Router", "layer_of", "standing_in", "table_of"]

H = TypeVar("H", bound=Callable[..., Any])


class Router:
    """A group of routes, written in a module of its own and included in an app or a router.

    Args:
        prefix: The beginning of the routes' paths, e.g. ``/shop`` or ``/users/{user}``; it may be
            empty. A route's path is appended as it is, so the path ``""`` is the prefix itself.
        options: Defaults for the options of each route (see `route`), e.g. ``timeout``. The
            ``raises`` and ``tags`` of a route are added to these instead of replacing them. Only
            ``origins`` and ``on_disconnect`` are those of WebSockets, too (see `websocket`).

    Raises:
        RouteError: The prefix can't begin a path, or an option has a wrong value.
        TypeError: An option isn't known.
    """

    def __init__(self, prefix: str = "", **options: Unpack[RouterOptions]) -> None:
        check_prefix(prefix)
        check_options(options, RouterOptions)
        if "origins" in options:
            parse_origins(options["origins"])
        self.prefix: str = prefix
        self._included: bool = False
        self._layer: Layer = Layer()
        # What a handler may lack at its registration: a class that is defined further down, and
        # the providers of what the router will be included in.
        self._may_follow: tuple[type[RouteError], ...] = (UnresolvedError, UnprovidedError)
        self._table: RouteTable = RouteTable()
        self._options = options
        self._registrations: list[Registration] = []

    if not TYPE_CHECKING:  # a checker would take it for leave to ask for anything

        def __getattr__(self, name: str) -> Any:
            """Say in the error what another framework's name is called here."""
            if name in OF_APP:
                text = f"{type(self).__name__} has no {name!r}{hint_of(OF_APP, [name])}"
                raise AttributeError(text, name=name, obj=self)
            return object.__getattribute__(self, name)  # its error, or that of a property

    def _seal(self) -> None:
        """Take no more registrations, since another router has taken over those made so far."""
        self._included = True

    def _check_open(self) -> None:
        """Refuse a change that would have no effect.

        Raises:
            RuntimeError: The router is included already.
        """
        if self._included:
            raise RuntimeError("register everything with a router before it is included")

    def route(
        self,
        path: str,
        *,
        methods: Iterable[str],
        **options: Unpack[RouteOptions],
    ) -> Callable[[H], H]:
        """Return a decorator that registers a handler for a path and methods.

        Args:
            path: Segments after slashes. A segment is static or a parameter: ``{name}``,
                ``{name:int}``, ``{name:float}``, ``{name:uuid}``, and as the last one
                ``{rest:path}``, which takes all segments that are left. The handler gets
                parameters by name. A GET route also answers HEAD, and every path OPTIONS.
            methods: The names of the methods; they are case-sensitive.
            timeout: Seconds for the handler, from the complete request to its return; None: no
                limit. By default `Timeouts.handler`.
            body_limit: The most bytes of a request's body; None: no limit. By default
                `Limits.body_bytes`.
            stream: Whether to call the handler before the body has arrived, so that it reads the
                body from ``request.stream``. By default False.
            on_disconnect: What happens to the handler when its client has gone: ``"cancel"`` (the
                default), ``"finish"``, or a number of seconds until it is cancelled.
            name: The route's name for `Hump.url_for`. By default the handler's name.
            returns: The type of the answer, or types by status, for `Hump.openapi`. Where one
                status is a success, what the handler returns is answered with that status, and
                its type decides which fields go out. By default 200 and the handler's annotation.
            raises: The statuses of errors that the handler raises, for `Hump.openapi`.
            tags: The tags under which `Hump.openapi` lists the route.
            hidden: Whether `Hump.openapi` leaves the route out. By default False.

        Raises:
            RouteError: The path, an option or the handler's parameters make no sense, or another
                route has this path and method. A name in the handler's annotations may be defined
                further down; if it never is, `Hump.serve` raises this.
            RuntimeError: The app is being served already.
            TypeError: The handler isn't async, the path is missing, or an option isn't known.
        """
        if not isinstance(path, str):
            raise TypeError(f"a path comes first, as in @app.get('/'), not {path!r}")

        def register(handler: H) -> H:
            self.add_route(path, handler, methods=methods, **options)
            if isroutine(handler):
                DECORATED[handler] = next(MOMENTS)
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
        """Register a handler for a path and methods, as the decorator of `route` does.

        Args:
            path: The path, as for `route`.
            handler: An async function.
            methods: The names of the methods.
            options: The options of `route`, e.g. ``timeout``.

        Raises:
            RouteError: The path, an option or the handler's parameters make no sense, or another
                route has this path and method.
            RuntimeError: The app is being served already.
            TypeError: The handler isn't async, or an option isn't known.
        """
        self._check_open()
        if isinstance(methods, str):
            raise TypeError(f"methods is a list of names: [{methods!r}]")
        check_options(options, RouteOptions)
        given = join_options(self._options, options)
        self._add(Registration(self.prefix + path, tuple(methods), handler, given))

    def _add(self, registration: Registration) -> None:
        route = registration.build(self._layer)
        with suppress(*self._may_follow):  # serving begins with another look
            endpoint_of(route)
        self._table.add(route)
        self._registrations.append(registration)

    def include(self, router: "Router", *, name: str = "") -> None:
        """Take over the routes of another router, below the prefix of this one.

        The other router's middleware and exception handlers stay around its routes, within those
        of this one.

        Args:
            router: The other router. It takes no more registrations from now on.
            name: A name that goes, with a dot, before the names of the routes for `Hump.url_for`.
                Thus the routes of a router that is included twice have two names each.

        Raises:
            RouteError: A route has a path and method that are taken here, or doesn't fit below
                the prefix.
            RuntimeError: This router is included already, or the app is being served.
            TypeError: The argument isn't a router, or is an app.
        """
        self._check_open()
        if not isinstance(router, Router) or router is self:
            raise TypeError(f"include takes another Router, not {router!r:.80}")
        if not isinstance(name, str):
            raise TypeError(f"a name is text, not {name!r:.80}")
        router._seal()
        for registration in router._registrations:
            space = f"{name}." if name else ""
            for each in registration.below(self.prefix, self._options, router._layer, space):
                self._add(each)
        self._layer.included.append(router._layer)

    def mount(self, prefix: str, app: Guest, *, name: str = "") -> None:
        """Hand every request below a prefix over to an app of another kind, of whatever method.

        A route for the same path goes before the mount, whichever is registered first. So does a
        route or a mount whose path has more static segments in front. Thus the routes of an old app
        can move one by one. A request reaches the app past no route by another spelling, neither by
        ``//`` or an escaped slash for a slash, nor by ``get`` for ``GET``. Middleware and exception
        handlers stand around the app as around any handler. The app's own lifespan, if it has one,
        runs within that of the `Hump`.

        Args:
            prefix: The beginning of the paths, e.g. ``/old``; empty for all paths that nothing else
                takes. The path ``/old`` itself reaches the app, too.
            app: The app in its wrapper: ``Asgi(app)`` of ``hump_trio.asgi``, or ``Wsgi(app)`` of
                ``hump_trio.wsgi``.
            name: The mount's name for `Hump.url_for`, whose parameter ``rest`` is the path below
                the prefix.

        Raises:
            RouteError: The prefix can't begin a path, has a parameter, or another app is mounted
                there.
            RuntimeError: The app is being served already.
            TypeError: The app has no wrapper.
        """
        self._check_open()
        check_prefix(prefix)
        check_guest(app)
        for registration in mounts_of(self.prefix + prefix, app, self._options, name):
            self._add(registration)

    def static(
        self,
        prefix: str,
        folder: str | os.PathLike[str],
        *,
        index: bool = False,
        dot_files: bool = False,
        precompressed: bool = False,
        cache_control: str | None = None,
        name: str = "",
    ) -> None:
        """Serve the files of a folder, and of folders in it, to GET and HEAD.

        No file outside the folder can be reached, by whatever spelling of a path or symbolic link;
        links to files within the folder are followed. A path that isn't a readable regular file is
        answered with a 404.

        Args:
            prefix: The beginning of the files' paths, e.g. ``/assets``; empty for all paths that
                no other route takes.
            folder: The folder. If it is a symbolic link, the link is followed at each request, so
                that it can be set to the next version.
            index: Whether a folder's path is answered with its ``index.html``, and a path that
                lacks the slash at its end with a redirect.
            dot_files: Whether to serve files and folders whose names begin with a dot.
            precompressed: Whether a client that accepts it gets ``app.js.br``, ``app.js.zst`` or
                ``app.js.gz`` for ``app.js``, if there is such a file.
            cache_control: The ``Cache-Control`` field of the files; None: no such field.
            name: The route's name for `Hump.url_for`, whose parameter ``rest`` is a file's path.

        Raises:
            RouteError: The folder isn't there, the prefix can't begin a path, or a route has it.
            RuntimeError: The app is being served already.
            ValueError: ``cache_control`` can't be sent.
        """
        check_prefix(prefix)
        files = StaticFiles(
            folder,
            index=index,
            dot_files=dot_files,
            precompressed=precompressed,
            cache_control=cache_control,
        )
        self.add_route(f"{prefix}/{{rest:path}}", files, methods=["GET"], name=name)
        if index and self.prefix + prefix:
            self.add_route(prefix, files.redirect, methods=["GET"])

    def get(self, path: str, **options: Unpack[RouteOptions]) -> Callable[[H], H]:
        """Return a decorator that registers a handler for GET and HEAD; see `route` for options."""
        return self.route(path, methods=["GET"], **options)

    def head(self, path: str, **options: Unpack[RouteOptions]) -> Callable[[H], H]:
        """Return a decorator that registers a handler for HEAD; see `route` for options."""
        return self.route(path, methods=["HEAD"], **options)

    def options(self, path: str, **options: Unpack[RouteOptions]) -> Callable[[H], H]:
        """Return a decorator that registers a handler for OPTIONS; see `route` for options."""
        return self.route(path, methods=["OPTIONS"], **options)

    def post(self, path: str, **options: Unpack[RouteOptions]) -> Callable[[H], H]:
        """Return a decorator that registers a handler for POST; see `route` for options."""
        return self.route(path, methods=["POST"], **options)

    def put(self, path: str, **options: Unpack[RouteOptions]) -> Callable[[H], H]:
        """Return a decorator that registers a handler for PUT; see `route` for options."""
        return self.route(path, methods=["PUT"], **options)

    def patch(self, path: str, **options: Unpack[RouteOptions]) -> Callable[[H], H]:
        """Return a decorator that registers a handler for PATCH; see `route` for options."""
        return self.route(path, methods=["PATCH"], **options)

    def delete(self, path: str, **options: Unpack[RouteOptions]) -> Callable[[H], H]:
        """Return a decorator that registers a handler for DELETE; see `route` for options."""
        return self.route(path, methods=["DELETE"], **options)

    def websocket(self, path: str, **options: Unpack[WebSocketOptions]) -> Callable[[H], H]:
        """Return a decorator that registers a handler for the WebSockets of a path.

        The handler takes a `WebSocket`, and whatever else a handler of HTTP takes of the head of a
        request. Middleware and exception handlers stand around it. A path may have a WebSocket
        beside its other methods.

        Args:
            path: The path, as for `route`.
            origins: The origins of pages whose browsers may open the WebSocket, such as
                ``https://shop.example``; ``["*"]`` lets all in. By default a page has to be from
                the host and port that the request asks for. Programs that send no ``Origin`` are
                let in. Others are answered with 403.
            subprotocols: The subprotocols that the handler speaks, the preferred one first. A
                client that offers only others is answered with 400.
            compress: Whether messages may be compressed (RFC 7692), if the client offers that. By
                default False: each connection holds more memory then, and a secret beside another's
                text can be guessed by the length.
            message_limit: The most bytes of a message that the client sends; None: no limit. By
                default `Limits.message_bytes`.
            binary: Whether the JSON of ``WebSocket[In, Out]`` goes in binary messages instead of
                text. By default False.
            timeout: Seconds for the handler, and so for the WebSocket; None: no limit. By default
                `Timeouts.handler` until the WebSocket is open, and no limit then.
            on_disconnect: What happens to the handler when its client has closed or gone:
                ``"cancel"``, ``"finish"``, or a number of seconds until it is cancelled; by default
                5.
            name: The route's name for `Hump.url_for`. By default the handler's name.

        Raises:
            RouteError: The path, an option or the handler's parameters make no sense, or another
                WebSocket has this path.
            RuntimeError: The app is being served already.
            TypeError: The handler isn't async, the path is missing, or an option isn't known.

        Source: RFC 6455, and RFC 8441 over HTTP/2.
        """
        if not isinstance(path, str):
            raise TypeError(f"a path comes first, as in @app.websocket('/chat'), not {path!r}")

        def register(handler: H) -> H:
            self.add_websocket(path, handler, **options)
            if isroutine(handler):
                DECORATED[handler] = next(MOMENTS)
            return handler

        return register

    def add_websocket(
        self, path: str, handler: Handler, **options: Unpack[WebSocketOptions]
    ) -> None:
        """Register a handler for the WebSockets of a path, as the decorator of `websocket` does.

        Args:
            path: The path, as for `route`.
            handler: An async function.
            options: The options of `websocket`, e.g. ``origins``.

        Raises:
            RouteError: The path, an option or the handler's parameters make no sense, or another
                WebSocket has this path.
            RuntimeError: The app is being served already.
            TypeError: The handler isn't async, or an option isn't known.
        """
        self._check_open()
        check_options(options, WebSocketOptions)
        self._add(websocket_at(self.prefix + path, handler, self._options, options))

    def middleware(self, function: H = NOTHING) -> H:
        """Register middleware: ``async def function(request, call_next) -> Response``.

        It runs around every handler of this app or router; an app's also runs around answers such
        as 404. The one that is registered first is the outermost. Write ``@app.middleware`` above a
        function, or ``app.middleware(Cors(...))``.

        Args:
            function: The middleware. It returns a response, most often that of ``await
                call_next(request)``, which runs the handler within all further middleware.

        Raises:
            RuntimeError: The app is being served already.
            TypeError: The middleware isn't async, or takes other parameters.
        """
        self._check_open()
        if function is None or isinstance(function, str):
            raise TypeError("middleware is registered with @app.middleware, without parentheses")
        check_layer(function, "middleware", "request", "call_next")
        self._layer.middleware.append(function)
        return function

    @overload
    def provide(self, function: H, *, raises: Collection[int] = ()) -> H: ...

    @overload
    def provide(self, *, raises: Collection[int]) -> Callable[[H], H]: ...

    def provide(self, function: Any = NOTHING, *, raises: Collection[int] = ()) -> Any:
        """Register a function that gives handlers a value for each request.

        A handler of this app or router, or of one that it includes, takes the value by a parameter
        that is annotated with the type which the function returns, or yields. If several give one
        type, the one of the innermost router counts. The function's own parameters are those that
        a handler may have, and values of other such functions. It is called once for a request,
        when all that the request brings has been found to be right. Write it above the handlers.

        A function with one ``yield`` encloses the handler, in its task: a nursery or a cancel scope
        around the ``yield``, and a context variable set before it, are the handler's, too. The part
        after the ``yield`` runs when the handler has returned, before the answer is sent: an error
        there is answered as one of the handler's. An error of the handler is raised at the
        ``yield``, and has to be raised again, or another one. Around a handler with ``yield``, and
        the handler of a WebSocket, it stays open as long as these run.

        Args:
            function: ``async def session() -> Session``, or with a ``yield`` ``async def session()
                -> AsyncIterator[Session]``. No text of a request may be a value of the type.
            raises: The statuses of its errors, which `Hump.openapi` lists for each route that takes
                the value, as in ``@app.provide(raises=[404])``; or descriptions by status.

        Raises:
            RouteError: The type can't be one that is given, or something gives it here already, or
                a handler above takes it.
            RuntimeError: The router is included already, or the app is being served.
            TypeError: The function isn't async.
        """
        self._check_open()
        if function is NOTHING:
            return partial(self.provide, raises=raises)
        # Many a program has no providers.
        from hump_trio.handlers.providers import check_above, parse_provider

        provider = parse_provider(function, raises)
        providers = self._layer.providers
        check_above(provider, providers, self._table.routes)
        providers[provider.key] = provider
        return function

    def exception_handler(self, kind: type[Exception]) -> Callable[[H], H]:
        """Return a decorator for ``async def handler(request, error)``, which answers errors.

        If several handlers fit an error, that of the nearest base class answers it. An exception
        group is answered if one handler fits all exceptions in it; the handler gets the first one.

        A handler for `Exception` is a page for what nobody has foreseen: where it answers an error
        that has no status of its own with a 5xx, that is a crash, and the log has the traceback.

        Args:
            kind: The class of the errors, a subclass of `Exception`.

        Raises:
            RuntimeError: The app is being served already.
            TypeError: The handler isn't async or takes other parameters, or the class isn't a
                subclass of `Exception`.
        """
        if not (isinstance(kind, type) and issubclass(kind, Exception)):
            raise TypeError(
                f"an exception handler is for a subclass of Exception, not {kind!r}:"
                " write @app.exception_handler(LookupError), or HttpException for 404 and the like"
            )

        def register(handler: H) -> H:
            self._check_open()
            check_layer(handler, "exception handler", "request", "error")
            self._layer.exception_handlers[kind] = handler
            return handler

        return register


@contextmanager
def standing_in(router: Router, values: Mapping[Any, Any]) -> Iterator[None]:
    """Have a router give values of its caller's instead of what its providers give, for a while.

    Args:
        router: The router, whose routes are looked at anew meanwhile.
        values: The values, by the keys of the providers.

    Raises:
        TypeError: There is no provider for a key, or a value is a function or a class; or these
            are no mapping.
    """
    if not isinstance(values, Mapping):
        raise TypeError(
            f"provide= is a dict of values by type, as {{User: a_user}}, not {values!r:.80}"
        )
    keys = {each.key for each in router._layer.find_providers()}
    for key, value in values.items():
        shown = formatannotation(key)
        if key not in keys:
            known = ", ".join(sorted(map(formatannotation, keys))) or "nothing"
            raise TypeError(f"nothing provides {shown}: what is provided is {known}")
        if (isroutine(value) or isinstance(value, type)) and "__call__" not in dir(key):
            raise TypeError(f"{shown} is given a value, not {value!r:.80}: call that, and pass it")
        if isinstance(value, NEVER_GIVEN):
            raise TypeError(f"{shown} is given a value, and {value!r:.80} never is one")
    stand_ins = router._layer.stand_ins
    stand_ins.update({key: constant_provider(key, value) for key, value in values.items()})
    try:
        yield
    finally:
        stand_ins.clear()


def constant_provider(key: Any, value: Any) -> Provider:
    """Return a provider that gives one value."""

    async def stand_in() -> Any:
        return value

    return Provider(stand_in, key, encloses=False)


def layer_of(router: Router) -> Layer:
    """Return the middleware and exception handlers of a router."""
    return router._layer


def table_of(router: Router) -> RouteTable:
    """Return the routes of a router."""
    return router._table
