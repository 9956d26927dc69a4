"""The other end of an exchange without a transport: its peer, and its stream over a list."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import trio

from hump_trio.facts.exceptions import HttpParserError
from hump_trio.messages.framing import BODYLESS
from hump_trio.messages.headers import FieldLines
from hump_trio.messages.request import Request, build_request
from hump_trio.messages.target import RequestLine, parse_target
from hump_trio.server.channel import ServerChannel
from hump_trio.server.clock import Clock
from hump_trio.server.line import Line
from hump_trio.transports.transport import PeerState

__all__ = ["END", "FakePeer", "FakeStream"]

# What is sent last.
END = "end"


class FakePeer:
    """A peer that does what the test says (see `hump_trio.server.clock.Peer`).

    Attributes:
        state: What it has ended.
        sent_bytes: What was sent to it.
        acked: What it has acknowledged of that.
    """

    def __init__(self) -> None:
        self.gone: bool = False
        self.write_cut: bool = False
        self.state: PeerState = "open"
        self.sent_bytes: int = 0
        self.acked: int = 0

    def peer_state(self) -> PeerState:
        """Return what it has ended."""
        return self.state

    def acked_bytes(self) -> int:
        """Return what it has acknowledged."""
        return self.acked

    def fully_acked(self) -> bool:
        """Tell whether that is all."""
        return self.acked == self.sent_bytes

    def answer_bytes(self) -> int:
        """Return what was sent."""
        return self.sent_bytes


async def take_at_once() -> None:
    """Take what is written, without a checkpoint."""


class FakeStream:
    """A request from a list, and its answer to a list (see `HttpStream`).

    Args:
        clock: Bounds it.
        parts: What comes of the body, one after the other: bytes, seconds that are waited for the
            next, or an error that is raised.
        method: Of the request, for ``/``.
        fields: Its fields.
        content_length: What its head says of its body.
        expect: Its expectation.

    Attributes:
        asks_websocket: False.
        takes_trailers: Whether its client takes fields behind the answer's body.
        sent: What was sent: the status and the fields of each head, the parts, the fields behind
            the body in a list, and `END`.
        calls: What else was called, in order.
        trailers: What comes behind the body.
        writing: Awaited by each write; returns when the peer has taken it.
    """

    def __init__(
        self,
        clock: Clock,
        *parts: bytes | float | BaseException,
        method: str = "POST",
        fields: FieldLines | None = None,
        content_length: int = 0,
        expect: str = "",
    ) -> None:
        self.target: RequestLine = parse_target(method, "/", "1.1")
        self.content_length: int = content_length
        self.expect: str = expect
        self.body_ended: bool = not parts
        self.body_failed: bool = False
        self.trailers: FieldLines = []
        self.takes_trailers: bool = True
        self.asks_websocket: bool = False
        self.sent: list[Any] = []
        self.calls: list[str] = []
        self.writing: Callable[[], Awaitable[None]] = take_at_once
        self._clock = clock
        self._parts = list(parts)
        self._fields = [] if fields is None else fields
        self._head: list[Any] = []  # and what else goes out with the next part
        self._remaining_bytes: int | None = None
        self._sent_bytes = 0

    def check_websocket(self) -> None:
        """Find no fault."""

    def make_channel(self, opened: Callable[[int], None]) -> ServerChannel:
        """Never called: it asks for no WebSocket."""
        raise NotImplementedError

    async def switch(self, fields: FieldLines) -> Line:
        """Never called: it asks for no WebSocket."""
        raise NotImplementedError

    def build_request(self) -> Request:
        """Return a request of the method and the fields."""
        return build_request(self.target, "a", self._fields, None)

    async def receive_part(self) -> bytes:
        """Return what is next."""
        waited = False
        while self._parts and isinstance(self._parts[0], int | float):
            await trio.sleep(self._parts[0])
            del self._parts[0]
            waited = True
        if not self._parts:
            self.body_ended = True
            return b""
        part = self._parts.pop(0)
        if isinstance(part, BaseException):
            self.body_failed = isinstance(part, HttpParserError)
            if isinstance(part, trio.BrokenResourceError):
                self._clock.peer.gone = True
            raise part
        assert isinstance(part, bytes)
        if waited:
            self._clock.extend(len(part))
        return part

    def abandon_body(self) -> None:
        """Receive no more of the body."""
        self.calls.append("abandon_body")
        self.body_failed = not self.body_ended

    def decline_body(self, *, drained: bool) -> None:
        """Hear that nobody reads the body."""
        self.calls.append(f"decline_body(drained={drained})")

    async def send_informational(self, status: int, fields: FieldLines) -> None:
        """Send a head before the answer."""
        assert not self._clock.answering, "it goes before the answer"
        await self._write_now((status, dict(fields)))

    def start_answer(self) -> None:
        """Begin an answer."""
        self.calls.append("start_answer")
        assert not self._clock.answering, "nothing was sent of the one before"

    def set_head(
        self, status: int, fields: FieldLines, body_bytes: int | None, *, trailers: bool = False
    ) -> bool:
        """Set the head; the body of an answer to HEAD, or of a bodyless status, doesn't go out."""
        assert not trailers or self.takes_trailers, "trailers are for who takes them"
        headers = dict(fields)
        if body_bytes is not None:
            headers["content-length"] = str(body_bytes)
        length = headers.get("content-length")
        follows = self.target.method != "HEAD" and status not in BODYLESS
        self._remaining_bytes = int(length) if length is not None and follows else None
        self._head = [(status, headers)]
        return follows

    async def send(self, data: bytes) -> None:
        """Send a part."""
        self._count(data)
        await self._write(*([data] if data else []))

    def send_nowait(self, data: bytes) -> bool:
        """Send a part, or leave it to the next one if writing takes time."""
        if self._clock.peer.write_cut:
            raise trio.BrokenResourceError("an earlier part was cut")
        self._count(data)
        self._clock.answering = True
        self._head.append(data)
        if self.writing is not take_at_once:
            return False
        self.sent += self._head
        self._head = []
        return True

    async def finish(self, data: bytes = b"", trailers: Sequence[tuple[str, str]] = ()) -> None:
        """Send the last part, and the end."""
        self._count(data)
        if self._remaining_bytes:
            raise ValueError("a streamed body is shorter than its Content-Length")
        known = [list(trailers)] if trailers and self.takes_trailers else []
        await self._write(*([data] if data else []), *known, END)

    def count_sent(self) -> int:
        """Return the bytes of the body sent since this was last asked."""
        sent_bytes, self._sent_bytes = self._sent_bytes, 0
        return sent_bytes

    def _count(self, data: bytes) -> None:
        if self._remaining_bytes is not None:
            self._remaining_bytes -= len(data)
            if self._remaining_bytes < 0:
                raise ValueError("a streamed body is longer than its Content-Length")

    async def _write(self, *what: Any) -> None:
        head, self._head = self._head, []
        self._clock.answering = True
        await self._write_now(*head, *what)

    async def _write_now(self, *what: Any) -> None:
        clock = self._clock
        if clock.peer.write_cut:
            raise trio.BrokenResourceError("an earlier part was cut")
        clock.peer.write_cut = True
        clock.half_closed = False
        try:
            await self.writing()
        except trio.BrokenResourceError:
            clock.peer.gone = True
            clock.note("client-gone")
            raise
        clock.peer.write_cut = False
        self.sent += what
        self._sent_bytes += sum(len(each) for each in what if isinstance(each, bytes))
