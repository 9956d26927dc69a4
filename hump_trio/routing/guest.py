"""What can be mounted below a prefix: an app of another kind, such as one of ASGI or WSGI.

How such an app is called is not known here.
"""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from types import EllipsisType
from typing import Any, Protocol, runtime_checkable

from hump_trio.channels.websocket import Refusal, WebSocket
from hump_trio.facts.outcomes import OnDisconnect
from hump_trio.messages.request import Request
from hump_trio.messages.response import Response

__all__ = ["ANY", "ANY_WEBSOCKET", "MOUNTED", "Guest", "check_guest"]

# What the routes of a mount take instead of a method: any of HTTP, and any WebSocket. No client can
# send a method of such a name, since no token has a colon. A path's own routes go before both.
ANY = ":any"
ANY_WEBSOCKET = ":any-websocket"
MOUNTED = frozenset({ANY, ANY_WEBSOCKET})


@runtime_checkable
class Guest(Protocol):
    """An app that answers every request below the prefixes that it is mounted at.

    It finds the prefix of a request in ``request.route``, which ends with ``/{rest:path}`` unless
    the prefix itself was asked for.

    Attributes:
        name: What a person calls the app.
        speaks: Whether answers are given by a ``Spoken`` body that also reads the request's, so
            that ``answer`` is called at the head.
        on_disconnect: What happens to the app when the client of a request has gone (see `Route`).
        timeout: Seconds for a request; None for no limit, ``...`` for that of the router. A
            WebSocket has the time of any other.
        body_limit: Bytes of a body; None for no limit, ``...`` for that of the router.
    """

    name: str
    speaks: bool
    on_disconnect: OnDisconnect
    timeout: float | EllipsisType | None
    body_limit: int | EllipsisType | None

    @property
    def answer(self) -> Callable[[Request], Awaitable[Response]]:
        """What answers a request of HTTP, of whatever method."""
        ...

    @property
    def open(self) -> Callable[[WebSocket], Awaitable[Refusal | None]] | None:
        """What handles a WebSocket, as the handler of its route; None: the app takes none.

        It may return a `Refusal`, if it hasn't opened the WebSocket.
        """
        ...

    @property
    def lifespan(self) -> Callable[[Any], AbstractAsyncContextManager[None]] | None:
        """What is called with the `Hump` that is served, and entered within its lifespan.

        It is entered once, however often the app is mounted. None: nothing is.
        """
        ...


def check_guest(app: Any) -> None:
    """Refuse what can't be mounted.

    Raises:
        TypeError: With what to write instead.
    """
    if isinstance(app, type) or not isinstance(app, Guest):
        raise TypeError(
            "mount takes an app in its wrapper, as in app.mount('/old', Asgi(old)) or"
            f" Wsgi(old), of hump_trio.asgi and hump_trio.wsgi, not {app!r:.80}; a Router is"
            " included by app.include(router)"
        )
