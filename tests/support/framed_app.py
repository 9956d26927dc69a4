"""An app for tests of frames, which tells what has reached its handlers."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import trio

from hump_trio import Hump, Limits, Request, Timeouts

__all__ = ["LARGE_BYTES", "Framed"]

LARGE_BYTES = 200_000


@dataclass(slots=True)
class Framed:
    """An app, and what it has seen.

    Args:
        limits: Of the app.
        timeouts: Of the app.

    Attributes:
        app: Itself.
        seen: The targets of the requests that have reached a handler.
        cancelled: The targets of those whose handler was cancelled, and why.
        running: How many handlers run.
        most_running: The most of them at any time.
    """

    limits: Limits | None = None
    timeouts: Timeouts | None = None
    app: Hump = field(init=False)
    seen: list[str] = field(default_factory=list)
    cancelled: list[tuple[str, str | None]] = field(default_factory=list)
    running: int = 0
    most_running: int = 0

    def __post_init__(self) -> None:
        app = self.app = Hump(limits=self.limits, timeouts=self.timeouts)

        @app.middleware
        async def watch(request: Request, call_next: Any) -> Any:
            self.seen.append(request.url)
            self.running += 1
            self.most_running = max(self.most_running, self.running)
            try:
                return await call_next(request)
            except trio.Cancelled:
                self.cancelled.append((request.url, request.cancel_reason))
                raise
            finally:
                self.running -= 1

        @app.get("/")
        async def index() -> str:
            return "hello"

        @app.post("/")
        async def echo(request: Request) -> dict[str, Any]:
            return {"body": request.text, "trailers": request.trailers.items()}

        @app.post("/stream", stream=True, body_limit=2**30)
        async def stream(request: Request) -> dict[str, int]:
            return {"bytes": sum([len(part) async for part in request.stream])}

        @app.route("/unread", methods=["GET", "POST"], stream=True)
        async def unread(request: Request) -> str:
            await trio.sleep_forever()
            return "never"

        @app.get("/wait", timeout=None)
        async def wait(request: Request) -> str:
            await trio.sleep_forever()
            return "never"

        @app.get("/pause")
        async def pause(request: Request) -> str:
            await trio.sleep(1)
            return "paused"

        @app.get("/large")
        async def large(request: Request) -> bytes:
            return b"x" * LARGE_BYTES

        @app.get("/endless")
        async def endless(request: Request) -> AsyncIterator[bytes]:
            while True:
                yield b"x" * 1000

        @app.get("/head")
        async def head(request: Request) -> dict[str, Any]:
            return {"headers": request.headers.items(), "host": request.host}
