"""A channel without a server: what its handler does is written down, and the test is its client."""

from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, Literal

import trio

from hump_trio import Hump, Request, Response
from hump_trio.dispatch.dispatcher import Dispatcher
from hump_trio.dispatch.router import layer_of, table_of
from hump_trio.facts.exceptions import WebSocketClosed
from hump_trio.messages.channel import Message, MessageRules
from hump_trio.messages.choice import WEBSOCKET
from hump_trio.messages.request import build_request
from hump_trio.messages.target import parse_target

__all__ = ["FakeChannel", "open_websocket", "websocket_request"]


class FakeChannel:
    """A `Channel` whose client is the test, which takes what is sent at once unless it is paused.

    Attributes:
        rules: What `accept` was called with.
        fields: The further fields of the answer.
        subprotocol: That of the answer.
        sent: What the client has got: messages, frames, and the parts of a message in pairs with
            whether each was the last one.
        closed_with: The code and the reason of the server's close; None before.
    """

    def __init__(self) -> None:
        self.opened: bool = False
        self.close_code: int | None = None
        self.close_reason: str = ""
        self.latency_seconds: float | None = None
        self.rules: MessageRules = MessageRules()
        self.fields: list[tuple[str, str]] = []
        self.subprotocol: str | None = None
        self.accept_count: int = 0
        self.streaming: bool = False
        self.sent: list[Any] = []
        self.closed_with: tuple[int, str] | None = None
        self._by: Literal["client", "server", "lost"] = "client"
        self._incoming: deque[tuple[Message, bool]] = deque()
        self._waiting: deque[tuple[Any, Callable[[], Any]]] = deque()
        self._paused = False
        self._receiving = False
        self._changed = trio.Event()

    # What the test does.

    def give(self, message: Message, *, last: bool = True) -> None:
        """Let the client send a message, or a part of one."""
        self._incoming.append((message, last))
        self._wake()

    def end(self, code: int = 1000, reason: str = "") -> None:
        """Let the client close."""
        self._end(code, reason, "client")

    def lose(self) -> None:
        """Let the client go without a word."""
        self._end(1006, "", "lost")

    def pause(self) -> None:
        """Let the client take nothing."""
        self._paused = True

    def resume(self) -> None:
        """Let the client take what waits, and what comes."""
        self._paused = False
        while self._waiting and not self._paused:
            event, take = self._waiting.popleft()
            self.sent.extend(take())
            event.set()

    def _end(self, code: int, reason: str, by: Literal["client", "server", "lost"]) -> None:
        if self.close_code is None:
            self.close_code, self.close_reason, self._by = code, reason, by
            for event, _ in self._waiting:
                event.set()
            self._waiting.clear()
            self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = trio.Event()

    def _error(self) -> WebSocketClosed:
        assert self.close_code is not None
        return WebSocketClosed(self.close_code, self.close_reason, self._by)

    def _check_open(self) -> None:
        if self.close_code is not None:
            raise self._error()
        assert self.opened, "nothing is sent before it is accepted"

    # What the handler does.

    @property
    def unsent_bytes(self) -> int:
        """What the client hasn't taken."""
        return sum(len(part) for _, take in self._waiting for part in take() if part)

    async def accept(
        self,
        rules: MessageRules,
        fields: Iterable[tuple[str, str]] = (),
        subprotocol: str | None = None,
        *,
        streaming: bool = False,
    ) -> None:
        """Answer the handshake (see `Channel.accept`)."""
        self.accept_count += 1
        self.streaming = streaming
        await trio.lowlevel.checkpoint()
        if self.close_code is not None:
            raise self._error()
        self.rules, self.fields, self.subprotocol = rules, list(fields), subprotocol
        self.opened = True

    async def receive(self, *, iterating: bool = False) -> Any:
        """Return the next message (see `Channel.receive`)."""
        try:
            message, _ = await self.receive_part()
        except WebSocketClosed as closed:
            if iterating and closed.by != "lost":
                raise StopAsyncIteration from None
            raise
        return message if self.rules.decode is None else self.rules.decode(message)

    async def wait_over(self) -> None:
        """Nothing comes of its client."""

    async def receive_part(self) -> tuple[Message, bool]:
        """Return the next part of a message (see `Channel.receive_part`)."""
        if self._receiving:
            raise trio.BusyResourceError("another task receives")
        assert self.opened, "nothing is received before it is accepted"
        self._receiving = True
        try:
            while not self._incoming:
                if self.close_code is not None:
                    raise self._error()
                await self._changed.wait()
            return self._incoming.popleft()
        finally:
            self._receiving = False

    async def _send(self, data: Any) -> None:
        self._check_open()
        if self.send_now(data):
            return
        event = trio.Event()
        self._waiting.append((event, lambda: [data]))
        await event.wait()
        if self.close_code is not None:
            raise self._error()

    def send_now(self, data: Any) -> bool:
        """Let the client have something, unless it is paused."""
        self._check_open()
        if self._paused or self._waiting:
            return False
        self.sent.append(data)
        return True

    async def send(self, message: Message) -> None:
        """Send a message (see `Channel.send`)."""
        await self._send(message)

    async def send_part(
        self,
        part: Message,
        *,
        first: bool,
        last: bool,
        begun: Callable[[], None] | None = None,
    ) -> None:
        """Send a fragment (see `Channel.send_part`)."""
        self._check_open()
        if begun is not None:
            begun()  # what waits here isn't taken back
        await self._send((part, last))

    def send_nowait(self, message: Message) -> bool:
        """Send a message if nothing waits (see `Channel.send_nowait`)."""
        return self.send_now(message)

    def send_frame_nowait(self, frame: bytes) -> bool:
        """Send a frame if nothing waits (see `Channel.send_frame_nowait`)."""
        return self.send_now(frame)

    def call_when_sent(self, function: Callable[[], bytes]) -> None:
        """Send what a function returns then (see `Channel.call_when_sent`)."""
        self._waiting.append((trio.Event(), lambda: [function()]))
        if not self._paused:
            self.resume()

    async def close(self, code: int, reason: str) -> None:
        """Close it (see `Channel.close`)."""
        await trio.lowlevel.checkpoint()
        self.finish(code, reason)

    def finish(self, code: int, reason: str = "") -> None:
        """Close it without waiting (see `Channel.finish`)."""
        if self.close_code is None:
            self.closed_with = code, reason
            self._end(code, reason, "server")


def websocket_request(*fields: tuple[str, str], path: str = "/") -> tuple[Request, FakeChannel]:
    """Return a request for a WebSocket, and its channel."""
    request = Request("GET", path, path, host="shop.example")
    for name, value in fields:
        request.headers.add(name, value)
    request.channel = channel = FakeChannel()
    return request, channel


async def open_websocket(
    app: Hump,
    path: str = "/",
    *fields: tuple[str, str],
    client: Callable[[FakeChannel], None] | None = None,
) -> tuple[Response, FakeChannel, Request]:
    """Return what an app makes of a request for a WebSocket: the answer, the channel, the request.

    Args:
        app: The app.
        path: The path and the query that are asked for.
        fields: The fields of the request.
        client: Does to the channel what the client does before the handler starts.
    """
    application = Dispatcher(app, table_of(app), layer_of(app))
    line = parse_target("GET", path, "1.1")
    request = build_request(line, "shop.example", list(fields), ("127.0.0.1", 1))
    request.app = app
    request.channel = channel = FakeChannel()
    if client is not None:
        client(channel)
    choice, request.path_params = application.choose(WEBSOCKET, line.raw_path)
    request.route = choice.route
    return await application.respond(choice, request), channel, request
