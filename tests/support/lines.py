"""An app whose requests for a WebSocket over HTTP/2 get their line as it is, without a session."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import trio

from hump_trio import Hump
from hump_trio.channels.websocket import WebSocket, channel_of
from hump_trio.facts.outcomes import CancelReason
from hump_trio.http2.frames import FRAME_BYTES
from hump_trio.server.http2.line import Http2Line
from hump_trio.server.http2.stream import Http2Stream
from tests.support.channels import FakeChannel
from tests.support.frames import Peer, data, speak

__all__ = ["Use", "app_of_lines", "ask", "echo", "in_frames", "listening", "speak_lines"]

Use = Callable[[Http2Line], Awaitable[None]]


class LineChannel(FakeChannel):
    """A channel whose handler uses the line itself; it has no time of its own.

    Args:
        stream: The stream that becomes the line.
        opened: Hears of that.
    """

    def __init__(self, stream: Http2Stream, opened: Callable[[int], None]) -> None:
        super().__init__()
        self.received_count: int = 0
        self.sent_count: int = 0
        self._stream = stream
        self._tell_opened = opened

    async def open(self) -> Http2Line:
        """Answer, and return the line."""
        line = await self._stream.switch([("x-line", "1"), ("content-length", "5")])
        assert isinstance(line, Http2Line)
        self.opened = True
        self._tell_opened(line.status)
        return line

    def sweep(self, now: float) -> None:
        """Let time pass."""

    def give_back(self, seconds: float) -> None:
        """Let time pass."""

    def drain(self, deadline: float) -> None:
        """Go on."""

    def end(self, reason: CancelReason) -> None:  # type: ignore[override]
        """Say nothing."""

    async def wait_closed(self) -> None:
        """Wait for nothing: the function has used the line up to its end, or it is cut."""

    def release(self) -> None:
        """Hold nothing."""


@contextmanager
def app_of_lines(use: Use, **options: Any) -> Iterator[Hump]:
    """Give an app that lets a function use each line, and that answers plain requests."""
    app = Hump(**options)

    @app.get("/")
    async def index() -> str:
        return "hello"

    @app.get("/large")
    async def large() -> bytes:
        return bytes(1_000_000)

    @app.websocket("/", on_disconnect="finish")
    async def serve_line(ws: WebSocket) -> None:
        assert (ws.request.method, ws.request.path) == ("GET", "/")
        channel = channel_of(ws)
        assert isinstance(channel, LineChannel)
        await use(await channel.open())

    make_channel = Http2Stream.make_channel
    Http2Stream.make_channel = lambda stream, opened: LineChannel(stream, opened)  # type: ignore[assignment, method-assign]
    try:
        yield app
    finally:
        Http2Stream.make_channel = make_channel  # type: ignore[method-assign]


def listening(line: Http2Line) -> trio.Event:
    """Return an event that is set when the line tells of something; for one wait."""
    event = trio.Event()
    line.stop()
    line.listen(event.set)
    return event


async def receive(line: Http2Line) -> bytes:
    """Return what comes next, none at the end. A checkpoint if nothing is there yet."""
    while True:
        if (part := line.receive_nowait()) is not None:
            return part
        await listening(line).wait()


async def echo(line: Http2Line) -> None:
    """Send back what comes until it ends, and end then."""
    while part := await receive(line):
        sent_bytes = line.send_nowait(part)
        if sent_bytes < len(part):
            await line.send_all(part[sent_bytes:])
    await line.end()


def ask(peer: Peer, stream_id: int, *fields: tuple[str, str], end: bool = False) -> bytes:
    """Return the head of a request for a WebSocket."""
    pseudo = [(":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "http")]
    pseudo += [(":authority", "a"), (":path", "/"), ("sec-websocket-version", "13")]
    return peer.heads(stream_id, peer.encoder.encode([*pseudo, *fields]), end=end)


def in_frames(stream_id: int, payload: bytes) -> list[bytes]:
    """Return bytes as frames of DATA."""
    starts = range(0, len(payload), FRAME_BYTES)
    return [data(stream_id, payload[start : start + FRAME_BYTES]) for start in starts]


@asynccontextmanager
async def speak_lines(use: Use, **values: Any) -> AsyncIterator[Peer]:
    """Serve an app of lines, and give a connection to it (see `speak`)."""
    with app_of_lines(use) as app:
        async with speak(app, **values) as peer:
            yield peer
