"""The wrapper in which an app of ASGI is mounted."""

import inspect
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from types import EllipsisType
from typing import Any

from hump_trio.asgi.http import speak_app
from hump_trio.asgi.lifespan import LIFESPAN_MODES, LifespanMode, entered_lifespan
from hump_trio.asgi.scope import AsgiApp, http_scope, websocket_scope
from hump_trio.asgi.websocket import WebSocketCall
from hump_trio.channels.websocket import Refusal, WebSocket
from hump_trio.facts.outcomes import OnDisconnect
from hump_trio.messages.choice import prefix_of
from hump_trio.messages.request import Request
from hump_trio.messages.response import Response, spoken_response

__all__ = ["Asgi"]


class Asgi:
    """An app of ASGI in a form that can be mounted: ``app.mount("/old", Asgi(old))``.

    The app is called in the task of the request, and so within its time, its context variables and
    its cancellation: it has to be one that runs on Trio, as those of Starlette, FastAPI and
    Litestar do.

    Args:
        app: The app, ``async def app(scope, receive, send)``, or an object that is called so.
        on_disconnect: What happens to the app when the client of a request has gone. In any case
            ``receive`` gives ``http.disconnect`` then, and ``send`` raises an `OSError`.
            ``"cancel"``, the default, cancels the app a moment later, with a WebSocket 5 seconds
            later as any handler of one; ``"finish"`` never does; a number is the seconds until
            then. Work behind an answer is left alone.
        timeout: Seconds for a request and its answer; None: no limit. By default
            `Timeouts.handler` until the answer starts, and no limit then.
        body_limit: The most bytes of a request's body; None, the default: no limit, since the app
            reads it in parts.
        lifespan: Whether the app has a lifespan: ``"auto"``, the default, goes on without one if
            the app raises an error when it is asked; ``"on"`` ends `Hump.serve` then; ``"off"``
            doesn't ask.

    Raises:
        TypeError: The app isn't an app of ASGI 3.
        ValueError: There is no such lifespan.

    Attributes:
        name: What logs call the app.

    Source: the ASGI specification 3.0.
    """

    speaks: bool = True

    def __init__(
        self,
        app: AsgiApp,
        *,
        on_disconnect: OnDisconnect = "cancel",
        timeout: float | EllipsisType | None = ...,
        body_limit: int | EllipsisType | None = None,
        lifespan: LifespanMode = "auto",
    ) -> None:
        check_app(app)
        if lifespan not in LIFESPAN_MODES:
            raise ValueError(f"lifespan is 'auto', 'on' or 'off', not {lifespan!r:.80}")
        named: Any = app if inspect.isroutine(app) else type(app)
        self.name: str = f"ASGI app {named.__module__}.{named.__qualname__}"
        self.on_disconnect: OnDisconnect = on_disconnect
        self.timeout: float | EllipsisType | None = timeout
        self.body_limit: int | EllipsisType | None = body_limit
        self._app = app
        self._mode = lifespan
        self._state: dict[str, Any] = {}
        self._root_paths: dict[str, str] = {}  # by the routes of requests

    async def answer(self, request: Request) -> Response:
        """Return the response whose body calls the app."""
        root_path = self._root_paths.get(request.route)
        if root_path is None:
            root_path = self._root_path_of(request)
        scope = http_scope(request, root_path, self._state)
        speak = partial(speak_app, self._app, scope, request, self.name)
        return spoken_response(speak, self.name)

    async def open(self, websocket: WebSocket) -> Refusal | None:
        """Call the app for a WebSocket, and return what it refuses the handshake with."""
        request = websocket.request
        scope = websocket_scope(request, self._root_path_of(request), self._state)
        return await WebSocketCall(self.name, websocket).run(self._app, scope)

    @property
    def lifespan(self) -> Callable[[Any], AbstractAsyncContextManager[None]] | None:
        """What is entered around serving; None if the app isn't to be asked for a lifespan."""
        return None if self._mode == "off" else self._entered

    def _entered(self, server: Any) -> AbstractAsyncContextManager[None]:
        self._state = {}
        required = self._mode == "on"
        return entered_lifespan(self._app, self.name, self._state, required=required)

    def _root_path_of(self, request: Request) -> str:
        """Return the prefix that the app is mounted at."""
        root_path = self._root_paths[request.route] = prefix_of(request.route)
        return root_path


def check_app(app: Any) -> None:
    """Refuse what can't be called as an app of ASGI 3.

    Raises:
        TypeError: With what to write instead.
    """
    if not callable(app) or isinstance(app, type):
        raise TypeError(f"an ASGI app is `async def app(scope, receive, send)`, not {app!r:.80}")
    try:
        signature = inspect.signature(app)
    except ValueError:  # one written in C has none
        return
    try:
        signature.bind({}, None, None)
    except TypeError:
        raise TypeError(
            f"an ASGI app takes (scope, receive, send), not {signature}: one of WSGI, which takes"
            " (environ, start_response), is a Wsgi(app) of hump_trio.wsgi"
        ) from None
