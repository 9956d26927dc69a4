"""A group of routes with what they have in common: a prefix, options, middleware, handlers."""

import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from inspect import isroutine
from typing import TYPE_CHECKING, Any, TypeVar, Unpack

from hump_trio.answers.static_files import StaticFiles
from hump_trio.dispatch.registration import (
    Registration,
    check_options,
    check_prefix,
    join_options,
)
from hump_trio.facts.callables import Handler
from hump_trio.facts.exceptions import UnresolvedError
from hump_trio.facts.hints import OF_APP, hint_of
from hump_trio.handlers.async_functions import check_layer
from hump_trio.handlers.decorated import DECORATED, MOMENTS
from hump_trio.handlers.endpoint import endpoint_of
from hump_trio.routing.layer import NOTHING, Layer
from hump_trio.routing.route import RouteOptions, RouterOptions
from hump_trio.routing.table import RouteTable

__all__ = ["Router", "layer_of", "table_of"]

H = TypeVar("H", bound=Callable[..., Any])


class Router:
    """A group of routes, written in a module of its own and included in an app or a router.

    Args:
        prefix: What their paths begin with, e.g. ``/shop`` or ``/users/{user}``; it may be empty.
            A route's path is added as it is, so that ``""`` is the prefix itself.
        options: Of every route that doesn't say otherwise (see `route`), e.g. ``timeout``. What
            ``raises`` and ``tags`` say of routes is added to what these say.

    Raises:
        RouteError: The prefix can't begin a path.
    """

    def __init__(self, prefix: str = "", **options: Unpack[RouterOptions]) -> None:
        check_prefix(prefix)
        check_options(options, RouterOptions)
        self.prefix: str = prefix
        self._included: bool = False
        self._layer: Layer = Layer()
        self._table: RouteTable = RouteTable()
        self._options = options
        self._registrations: list[Registration] = []

    if not TYPE_CHECKING:  # a checker would take it for leave to ask for anything

        def __getattr__(self, name: str) -> Any:
            """Say what something is called here that there isn't."""
            if name in OF_APP:
                text = f"{type(self).__name__} has no {name!r}{hint_of(OF_APP, [name])}"
                raise AttributeError(text, name=name, obj=self)
            return object.__getattribute__(self, name)  # its error, or that of a property

    def _seal(self) -> None:
        """Take no more registrations, since another router has taken over what there is."""
        self._included = True

    def _check_open(self) -> None:
        """Refuse a change that nobody would notice.

        Raises:
            RuntimeError: It is included already.
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
            path: Static segments, and parameters as whole segments: ``{name}``, ``{name:int}``,
                ``{name:float}``, ``{name:uuid}``, and last of all ``{rest:path}``. They are passed
                by name. A GET route answers HEAD too, and OPTIONS is answered for every path.
            methods: Their names; they are case-sensitive.
            options: ``timeout``, seconds for the handler, None for no limit, `Timeouts.handler`
                by default; ``body_limit``, bytes, None for no limit, `Limits.body_bytes` by
                default; ``stream``, to call the handler at the head, so that it reads the body
                from ``request.stream``; ``on_disconnect``, whether to ``"cancel"`` (default) or
                ``"finish"`` the handler when its client has gone, or the seconds it has left;
                ``name``, for `Hump.url_for`; and for `Hump.openapi` ``returns``, whose type of
                200 decides what goes out, too, ``raises``, ``tags``, and ``hidden`` to leave it
                out.

        Raises:
            RouteError: The path or the handler's parameters don't fit, or the route is taken. A
                name in its annotations may be defined below it; where it isn't, `Hump.serve`
                raises this.
            RuntimeError: The app is being served already.
            TypeError: The handler isn't async, or the path is missing.
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
        """Register a handler; `route` without decorating."""
        self._check_open()
        if isinstance(methods, str):
            raise TypeError(f"methods is a list of names: [{methods!r}]")
        check_options(options, RouteOptions)
        given = join_options(self._options, options)
        self._add(Registration(self.prefix + path, tuple(methods), handler, given))

    def _add(self, registration: Registration) -> None:
        route = registration.build()
        with suppress(UnresolvedError):  # a class may follow: serving begins with another look
            endpoint_of(route)
        self._table.add(route)
        self._registrations.append(registration)

    def include(self, router: "Router", *, name: str = "") -> None:
        """Take over the routes of a router, below the prefix of this one.

        Its middleware and exception handlers go with them, within those of this one.

        Args:
            router: Takes no more registrations from now on.
            name: What its routes' names begin with here, and a dot, for `Hump.url_for`: so that
                a router which is included in two places has two URLs for each.

        Raises:
            RouteError: A route of it is taken here, or doesn't fit below the prefix.
            RuntimeError: This router is included itself, or the app is being served.
            TypeError: It isn't a router, or is an app.
        """
        self._check_open()
        if not isinstance(router, Router) or router is self:
            raise TypeError(f"include takes another Router, not {router!r:.80}")
        if not isinstance(name, str):
            raise TypeError(f"a name is text, not {name!r:.80}")
        router._seal()
        for registration in router._registrations:
            below = registration.below(
                self.prefix, self._options, router._layer, f"{name}." if name else ""
            )
            self._add(below)

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
        """Serve the files of a folder, and of those in it, to GET and HEAD.

        Nothing outside of it is reached, by no spelling of a path and no symbolic link; links to
        what is within it are followed. What isn't a readable regular file is a 404.

        Args:
            prefix: What their paths begin with, e.g. ``/assets``; empty for all paths that no
                other route takes.
            folder: Where they are. A link to it is followed at each request, so that it can be
                set to the next version.
            index: Whether a folder's path is answered with its ``index.html``; without the slash
                at its end, with a redirect to that.
            dot_files: Whether names that begin with a dot are served.
            precompressed: Whether a client that takes it gets ``app.js.br``, ``.zst`` or ``.gz``
                for ``app.js``, as far as they are there.
            cache_control: The ``Cache-Control`` of the files.
            name: As of `route`; the path parameter is ``rest``.

        Raises:
            RouteError: The folder isn't there, the prefix can't begin a path, or it is taken.
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

    def middleware(self, function: H = NOTHING) -> H:
        """Register ``async def mw(request, call_next) -> Response``; the first is outermost.

        Raises:
            RuntimeError: The app is being served already.
            TypeError: It isn't async, or takes other parameters.
        """
        self._check_open()
        if function is None or isinstance(function, str):
            raise TypeError("middleware is registered with @app.middleware, without parentheses")
        check_layer(function, "middleware", "request", "call_next")
        self._layer.middleware.append(function)
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
                " write @app.exception_handler(LookupError), or HttpException for 404 and the like"
            )

        def register(handler: H) -> H:
            self._check_open()
            check_layer(handler, "exception handler", "request", "error")
            self._layer.exception_handlers[kind] = handler
            return handler

        return register


def layer_of(router: Router) -> Layer:
    """Return the middleware and exception handlers of a router."""
    return router._layer


def table_of(router: Router) -> RouteTable:
    """Return the routes of a router."""
    return router._table
