"""An app of another kind to be mounted, which notes what becomes of it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import EllipsisType
from typing import Any

from hump_trio import Request, Response, WebSocket
from hump_trio.facts.outcomes import OnDisconnect

__all__ = ["SilentGuest", "TalkingGuest"]


class SilentGuest:
    """An app without WebSockets that answers with what it was asked for.

    Args:
        name: What it is called.
        options: Its ``timeout``, ``body_limit`` and ``on_disconnect``.

    Attributes:
        life: What has become of its lifespan.
    """

    speaks: bool = False
    open: Any = None

    def __init__(self, name: str = "guest", **options: Any) -> None:
        self.name: str = name
        self.timeout: float | EllipsisType | None = options.pop("timeout", ...)
        self.body_limit: int | EllipsisType | None = options.pop("body_limit", ...)
        self.on_disconnect: OnDisconnect = options.pop("on_disconnect", "cancel")
        self.life: list[str] = []

    async def answer(self, request: Request) -> Response:
        """Answer with the app's name, the method, the route and what is below the prefix."""
        if request.query_string == "fail":
            raise ValueError(self.name)
        rest = request.path_params.get("rest", "-")
        return Response(f"{self.name} {request.method} {request.route} {rest}")

    @asynccontextmanager
    async def lifespan(self, app: Any) -> AsyncIterator[None]:
        """Note that it begins and ends."""
        self.life.append(f"begins with {type(app.state).__name__}")
        yield
        self.life.append("ends")


class TalkingGuest(SilentGuest):
    """An app with WebSockets, which it answers with a message."""

    async def open(self, websocket: WebSocket) -> None:
        """Send what was asked for."""
        await websocket.send(f"{self.name} {websocket.request.route}")
