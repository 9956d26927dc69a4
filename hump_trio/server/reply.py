"""An answer that the app begins while it runs, on its way onto a stream (see `Reply`)."""

from collections.abc import Awaitable, Callable, Sequence
from copy import copy
from inspect import isawaitable

import trio

from hump_trio.facts.callables import name_of
from hump_trio.messages.headers import FieldLines, Headers
from hump_trio.messages.reply import Reply, Spoken
from hump_trio.messages.response import Response, checked_trailers
from hump_trio.server.exchange import Exchange
from hump_trio.server.sending import Sender
from hump_trio.tasks.background import log_failure

__all__ = ["ServerReply"]

# Fields of which an answer may have several that say something together.
ADDED_FIELDS = frozenset({"set-cookie", "vary", "link", "server-timing"})


class ServerReply:
    """What a `Spoken` body gives the answer to one exchange through (see `Reply`).

    Args:
        exchange: Its handler was called; its answer isn't started.
        response: What the handler has returned, settled, with a `Spoken` body.
        answered: Called when the answer is on the wire to its end.

    Attributes:
        begun: Whether the status is decided (see `Reply`).
        ended: Whether the answer was given to its end.
        gone: Whether the client has gone; `lose_peer` says so.
    """

    __slots__ = (
        "_answered",
        "_behind",
        "_body",
        "_exchange",
        "_follows",
        "_over",
        "_response",
        "_sender",
        "_waiting",
        "_writing",
        "begun",
        "ended",
        "gone",
    )

    def __init__(
        self, exchange: Exchange, response: Response, answered: Callable[[], None]
    ) -> None:
        self.begun: bool = False
        self.ended: bool = False
        self.gone: bool = False
        self._exchange = exchange
        self._response = response
        self._answered = answered
        self._sender: Sender | None = None  # once the head is known to the stream
        self._follows = False  # whether a body goes out
        self._behind = False  # whether trailers do
        self._writing = False
        self._over = False  # whether the app has returned
        self._waiting: trio.Event | None = None
        # Of a request that came whole; None where the exchange brings it in parts.
        self._body: bytes | None = None if exchange.in_parts else exchange.request.body

    @property
    def text(self) -> str:
        """What the app works at, for logs."""
        request, spoken = self._exchange.request, self._response.body
        assert isinstance(spoken, Spoken)
        name = spoken.name or name_of(spoken.speak)
        where = f"route {request.route}, handler {name}" if request.route else f"handler {name}"
        return f"{request.method} {request.target}, {where}"

    async def speak(self) -> None:
        """Let the app give the answer, until it returns; an error behind the answer is logged.

        Raises:
            RuntimeError: It has returned without an answer, or in the middle of one.
            Exception: What it raised before the answer had ended.

        Cancellation: up to the app whether it is a checkpoint.
        """
        spoken = self._response.body
        assert isinstance(spoken, Spoken)
        reply: Reply = self
        try:
            speaking = spoken.speak(reply)
            if not isawaitable(speaking):
                raise TypeError(f"an answer is given by an async function, not by {speaking!r:.80}")
            await speaking
        except BaseException as error:
            if not self.ended:
                raise
            await log_failure(f"failed behind its answer: {self.text}", error)
        finally:
            self._over = True
            self._wake()
        if not self.ended:
            if self.gone:
                raise trio.BrokenResourceError("the client has gone")
            done = "in the middle of its answer" if self.begun else "without an answer"
            raise RuntimeError(f"{spoken.name or name_of(spoken.speak)} has returned {done}")

    def begin(self, status: int, fields: FieldLines, *, trailers: bool = False) -> None:
        """Decide the status and the fields (see `Reply.begin`)."""
        if self._over:
            raise over()
        if self.begun:
            raise RuntimeError("the answer was begun already")
        exchange = self._exchange
        self._response = begun_response(self._response, status, fields)
        self._behind = trailers
        self.begun = True
        if exchange.clock.enforced:
            exchange.clock.end_handler()
        exchange.start_answer(status)

    async def send(self, data: bytes) -> None:
        """Send a part of the body (see `Reply.send`)."""
        self._check_open()
        await trio.lowlevel.checkpoint()
        self._check_open()
        if self._sender is None:
            self._set_head(None)
        if self._follows:
            await self._write(self._exchange.stream.send(data))

    async def finish(self, data: bytes = b"", trailers: Sequence[tuple[str, str]] = ()) -> None:
        """Send the last part, and the end (see `Reply.finish`)."""
        self._check_open()
        exchange = self._exchange
        if exchange.clock.scope.cancel_called:
            await trio.lowlevel.checkpoint()
            self._check_open()
        behind = checked_trailers(trailers).items() if trailers else []
        if self._sender is None:
            self._behind = bool(behind)
            self._set_head(len(data))
        stream = exchange.stream
        assert self._sender is not None
        if self._follows:
            behind += self._sender.trailers()
            await self._write(stream.finish(data, behind))
        else:
            await self._write(stream.finish())
        self.ended = True
        self._answered()
        self._wake()

    def receive_nowait(self) -> bytes | None:
        """Return the next part of the request's body if it is here (see `Reply.receive_nowait`)."""
        body = self._body
        if body is not None:
            self._body = b""
            return body
        return b"" if self._exchange.stream.body_ended else None

    async def receive(self) -> bytes:
        """Wait for the next part of the request's body (see `Reply.receive`)."""
        if self._body is not None:
            body, self._body = self._body, b""
            return body
        if self._exchange.over:
            raise over()
        return await self._exchange.next_part()

    async def wait_over(self) -> None:
        """Wait until nobody waits for the answer any more (see `Reply.wait_over`)."""
        if self.gone or self.ended or self._over:
            return
        if self._waiting is None:
            self._waiting = trio.Event()
        await self._waiting.wait()

    def lose_peer(self) -> None:
        """Hear that the client has gone."""
        self.gone = True
        self._wake()

    def _wake(self) -> None:
        if self._waiting is not None:
            self._waiting.set()

    def _check_open(self) -> None:
        """Raise what keeps anything from being sent."""
        if self.ended or self._over:
            raise over()
        if not self.begun:
            raise RuntimeError("the answer has to be begun before anything is sent")
        if self.gone:
            raise trio.BrokenResourceError("the client has gone")
        if self._writing:
            raise trio.BusyResourceError("another task is sending a part of this answer")

    def _set_head(self, body_bytes: int | None) -> None:
        """Give the head to the stream.

        Args:
            body_bytes: The length of a body that is given at once; None for any other.
        """
        exchange, response = self._exchange, self._response
        if "content-length" in response.headers or (
            not body_bytes and exchange.stream.target.method == "HEAD"
        ):
            body_bytes = None  # the app's own word, and that it sends nothing for HEAD says nothing
        exchange.stream.start_answer()
        sender = Sender(exchange.stream, exchange.clock, response)
        self._follows = sender.set_head(body_bytes, trailers=self._behind)
        self._sender = sender

    async def _write(self, writing: Awaitable[None]) -> None:
        self._writing = True
        try:
            await writing
        except trio.BrokenResourceError:
            if self._exchange.clock.peer.gone:
                self.lose_peer()
            raise
        finally:
            self._writing = False


def begun_response(response: Response, status: int, fields: FieldLines) -> Response:
    """Return a response as it goes out, of what middleware has seen and what its app begins with.

    Args:
        response: What middleware has seen.
        status: A final status.
        fields: Those of the app, which count for more, unless both add up.

    Raises:
        TypeError: The name or value of a field isn't text.
        ValueError: A field can't be sent, or the status isn't a final one.
    """
    given = Headers(fields)
    begun = copy(response)
    begun.status = status
    begun.headers = Headers.received(given.items())
    for name, value in response.headers.items():
        if name in ADDED_FIELDS or name not in given:
            begun.headers.add(name, value)
    begun.__check__()
    return begun


def over() -> trio.ClosedResourceError:
    """Return the error for what comes behind the end of an answer."""
    return trio.ClosedResourceError("the answer is over")
