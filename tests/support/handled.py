"""An app with one WebSocket, whose handler is the test's own, and what became of the handler."""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

import pytest
import trio

from hump_trio import Hump, Limits, Timeouts, WebSocket
from hump_trio.transports.memory import MemoryTransport
from tests.support.wire import connect_transport, request

__all__ = ["HANDSHAKE", "SWEEP_SECONDS", "Handled", "echo", "open_transport", "outcomes"]

Handler: TypeAlias = Callable[[WebSocket], Awaitable[None]]

# What is late is found by the next sweep of the watchdog.
SWEEP_SECONDS = 0.25

HANDSHAKE = request(
    "GET",
    "/",
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
)


async def echo(ws: WebSocket) -> None:
    """Answer each message by itself."""
    async for message in ws:
        await ws.send(message)


class Handled:
    """An app that serves WebSockets at ``/``, and notes how each handler ends.

    Args:
        handler: The handler.
        timeouts: Those of the app.
        limits: Those of the app.
        options: Those of the route.

    Attributes:
        ends: For each handler that is over, Trio's time, ``"returned"`` or the name of what was
            raised, and ``request.cancel_reason``.
    """

    def __init__(
        self,
        handler: Handler = echo,
        *,
        timeouts: Timeouts | None = None,
        limits: Limits | None = None,
        **options: Any,
    ) -> None:
        self.app: Hump = Hump(timeouts=timeouts, limits=limits)
        self.ends: list[tuple[float, str, str | None]] = []

        @self.app.websocket("/", **options)
        async def serve(ws: WebSocket) -> None:
            how = "returned"
            try:
                await handler(ws)
            except BaseException as error:
                how = type(error).__name__
                raise
            finally:
                self.ends.append((trio.current_time(), how, ws.request.cancel_reason))


@asynccontextmanager
async def open_transport(app: Hump, window_bytes: float) -> AsyncIterator[MemoryTransport]:
    """Open a WebSocket at ``/`` by hand, and give its connection.

    Args:
        app: The app.
        window_bytes: How much is acknowledged before it is read, and what is read of the answer.
    """
    async with connect_transport(app, window_bytes) as transport:
        await transport.send_all(HANDSHAKE)
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += await transport.receive_some(1)
        assert head.startswith(b"HTTP/1.1 101 ")
        yield transport


def outcomes(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return the outcome of each line in the access log."""
    return [
        record.getMessage().split()[-1]
        for record in caplog.records
        if record.name == "hump_trio.access" and record.levelno == logging.INFO
    ]
