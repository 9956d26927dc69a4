"""Apps of ASGI for tests: functions without a framework, and what is mounted of them."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from hump_trio import Hump, Limits, Timeouts
from hump_trio.asgi import Asgi

__all__ = ["App", "Message", "Receive", "Scope", "Send", "answer", "hump_of", "part", "start"]

Message: TypeAlias = dict[str, Any]
Scope: TypeAlias = dict[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
App: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]


def hump_of(
    app: App,
    prefix: str = "",
    *,
    timeouts: Timeouts | None = None,
    limits: Limits | None = None,
    **options: Any,
) -> Hump:
    """Return an app in which one of ASGI is mounted; it isn't asked for a lifespan.

    Args:
        app: The app of ASGI.
        prefix: Where it is mounted.
        timeouts: Those of the app around it.
        limits: Those of the app around it.
        options: Those of `Asgi`.
    """
    hump = Hump(timeouts=timeouts, limits=limits)
    hump.mount(prefix, Asgi(app, **{"lifespan": "off", **options}))
    return hump


def start(status: Any = 200, *headers: tuple[bytes, bytes], **more: Any) -> Message:
    """Return the message that starts an answer."""
    return {"type": "http.response.start", "status": status, "headers": list(headers), **more}


def part(body: Any = b"", *, more: bool = False) -> Message:
    """Return a message with a part of an answer's body."""
    return {"type": "http.response.body", "body": body, "more_body": more}


async def answer(send: Send, body: bytes = b"tea", *headers: tuple[bytes, bytes]) -> None:
    """Give a whole answer."""
    await send(start(200, *headers))
    await send(part(body))
