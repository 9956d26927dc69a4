"""What a server asks of an app: the one seam between routing and the wire.

A server receives, waits, cancels and writes. An app decides what may happen with a request, and
answers it. Neither knows how the other does that: whatever protocol a request comes by, and
whatever it ends up in, they speak of a `Choice`.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import EllipsisType
from typing import Any, Protocol, TypeAlias

from hump_trio.facts.exceptions import StatusError
from hump_trio.messages.renderers import Renderer, to_response
from hump_trio.messages.request import Request
from hump_trio.messages.response import Response

__all__ = ["BELOW", "WEBSOCKET", "Application", "Call", "Choice", "prefix_of"]

# What a request for a WebSocket asks a path for, instead of its method: no client can send a method
# of this name, since no token has a colon.
WEBSOCKET = ":websocket"
# How the route of a mounted app ends, but for the one of the prefix itself.
BELOW = "/{rest:path}"

# Starts a handler for a request that has its route, its values of the path and its body.
Call: TypeAlias = Callable[[Request], Awaitable[Any]]


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """What may happen with a request, decided before any of its body is read.

    One choice serves any number of requests at the same time.

    Args:
        call: ``await call(request)`` is a value that an answer is made of. What it raises is for
            `Application.answer_error`.
        renderers: By the very class of such a value: how it becomes an answer of status 200.
        render: Makes a response of any value, those of `renderers` included, and raises TypeError
            for what no answer can be made of.
        body_limit_bytes: The most that the body may have; None: no limit, ``...``: the server's.
        timeout: Seconds for the call; None: no limit, ``...``: the server's.
        stream: Whether the call reads the body itself, and so begins before it has come.
        late_body: Whether the call begins before the body has come, and has it received (see
            `LateBody`) when all that needs the head alone has let the request pass.
        speaks: Whether the call's answer has a `Spoken` body, which reads the body of the request
            through its `Reply`. The call begins before that has come, as with ``stream``.
        refused: Whether the answer needs no body: the server reads none before the call, and
            need not read it at all. The request's outcome is set by the call.
        fixed: Whether the value is one of a few settled responses that never change, so that a
            server may keep what it has made of them.
        disconnect_grace: Seconds that the call has left when its client has gone.
        route: The template of the route; empty if there is none.
        websocket: Whether the call opens the request's channel (see `Request.channel`). It then has
            ended that channel too, as far as it lies with the app, and its answer isn't sent; a
            call that has opened none gives an ordinary answer.

    Attributes:
        plain: Whether the request may be answered at once when it has come whole. A server then
            may do by itself what `Application.respond` does: ``call`` the handler, look into
            ``renderers`` and else ``render``, and give what is raised to
            `Application.answer_error`. What ``fixed`` promises needs neither.
    """

    call: Call
    renderers: Mapping[type, Renderer]
    render: Callable[[Any], Response] = to_response
    body_limit_bytes: int | EllipsisType | None = ...
    timeout: float | EllipsisType | None = ...
    stream: bool = False
    refused: bool = False
    fixed: bool = False
    disconnect_grace: float = 0.0
    route: str = ""
    websocket: bool = False
    speaks: bool = False
    late_body: bool = False
    plain: bool = field(init=False)

    def __post_init__(self) -> None:
        plain = self.timeout is ... and not self.stream and not self.websocket
        object.__setattr__(self, "plain", plain)


class Application(Protocol):
    """An app as a server sees it. It doesn't change while it is served.

    The order of calls for one request: `choose` or `refuse`, as soon as its head is known; then
    `respond` once, when the body has come or the choice needs none. A server that can't begin
    the response, or fails while it is written, may ask `answer_error` for another one. All of
    them run in the task that serves the request.

    Attributes:
        app: What each request carries as ``request.app``. The server sets it before all else.
        static_paths: The method and path of each route without parameters: what most requests
            ask for, so that a server can look them up before any has come.
        watched: Whether requests are watched: the server tells `Request.watching` how each ends.
    """

    app: Any
    static_paths: Sequence[tuple[str, str]]
    watched: bool

    def choose(self, method: str, path: str) -> tuple[Choice, dict[str, Any]]:
        """Return what may happen with a request, and the values of its path template.

        It is asked for any method, and refuses by the choice that it returns: it raises nothing.
        The same question has the same answer.

        Args:
            method: As sent, whatever the protocol; `WEBSOCKET` for a request that asks for one.
            path: The path with its escapes, which are known to be UTF-8; ``"*"`` for the server
                as a whole, empty for a CONNECT to elsewhere.
        """
        ...

    def refuse(self, error: StatusError) -> Choice:
        """Return the choice to answer with an error of the server's own. It raises nothing.

        Args:
            error: Its class and ``args`` tell it from any other, and repeat nothing of the input,
                so that there are few of them. It isn't raised, nor given to anyone.
        """
        ...

    async def respond(self, choice: Choice, request: Request) -> Response:
        """Return the settled answer to a request that the server has made by `build_request`.

        Everything the app has around a handler has seen it by then, and what was raised has
        become an answer. A streamed body hasn't begun; who takes the response closes that, sent
        or not.

        Raises:
            BaseException: What `is_failure` lets through: the program's end, or a cancellation,
                perhaps in a group with others.

        Cancellation: up to the handler whether it is a checkpoint. Cancelled here there is no
        answer and nothing that has to be closed; another one may be asked for.
        """
        ...

    def watch(self, request: Request) -> None:
        """Set `Request.watching` for a request that ends before it was answered in any way.

        For each other one that is done where its answer is made. It raises nothing.
        """
        ...

    async def answer_error(self, request: Request, error: BaseException) -> Response:
        """Return the settled answer for a failure, for which the log and the outcome are set.

        Raises:
            BaseException: As `respond` does.

        Cancellation: as `respond`; an exception handler of the app's may wait.
        """
        ...


def prefix_of(route: str) -> str:
    """Return the prefix that an app is mounted at.

    Args:
        route: The route that was chosen for a request of the app, or is registered for it.
    """
    return route.removesuffix(BELOW)
