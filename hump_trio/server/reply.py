"""An answer that the app begins while it runs, on its way onto a stream (see `Reply`)."""

from collections.abc import Awaitable, Callable
from typing import Protocol, Self

import trio

from hump_trio.facts.callables import name_of
from hump_trio.facts.loggers import logger
from hump_trio.messages.headers import FieldLines, Headers
from hump_trio.messages.reply import Spoken
from hump_trio.messages.request import Request
from hump_trio.messages.response import Fields, Response
from hump_trio.server.clock import Clock
from hump_trio.server.exchange import Exchange
from hump_trio.server.sending import Sender, give_head
from hump_trio.server.stragglers import Stragglers
from hump_trio.tasks.background import log_failure

__all__ = ["ServerReply", "has_length"]

# Fields of which an answer may have several that say something together.
ADDED_FIELDS = frozenset({"set-cookie", "vary", "link", "server-timing"})
# Names of fields that were checked once, and are in lower case. An app has few; of one that makes
# them up for each answer, so many are kept.
KNOWN_NAMES: set[str] = set()
KNOWN_COUNT = 500


class Speaking(Protocol):
    """The lane of an app that speaks, as far as its reply has to do with it.

    Attributes:
        detached: Whether another lane serves what comes next.
    """

    detached: bool

    def hear_answered(self) -> None:
        """Hear that the answer is on the wire, while the app goes on."""

    def detach(self) -> None:
        """Let another lane serve what comes next, since the app works on behind its answer."""


class ServerReply:
    """What a `Spoken` body gives the answer to one exchange through (see `Reply`).

    Args:
        lane: Serves the request.
        clock: Bounds it.
        request: Its handler was called.
        response: What the handler has returned, settled, with a `Spoken` body.
        exchange: That of the request, whose answer isn't started; None where `_take_exchange`
            makes it.

    Attributes:
        begun: Whether the status is decided (see `Reply`).
        ended: Whether the answer was given to its end.
        gone: Whether the client has gone; `lose_peer` says so.
        over: Whether the app has returned.
        lane: Serves the request.
        clock: Bounds the request.
        request: The request.
        response: What its handler has returned.
        status: The status of the answer; 0 before it is begun.
        fields: The fields of the answer, checked.
    """

    __slots__ = (
        "_body",
        "_exchange",
        "_follows",
        "_headed",
        "_trailers",
        "_waiting",
        "_writing",
        "begun",
        "clock",
        "ended",
        "fields",
        "gone",
        "lane",
        "over",
        "request",
        "response",
        "status",
    )

    def __init__(
        self,
        lane: Speaking,
        clock: Clock,
        request: Request,
        response: Response,
        exchange: Exchange | None,
    ) -> None:
        self.begun: bool = False
        self.ended: bool = False
        self.gone: bool = False
        self.lane: Speaking = lane
        self.clock: Clock = clock
        self.request: Request = request
        self.response: Response = response
        self._exchange = exchange
        self.status: int = 0
        self.fields: FieldLines = []
        self._headed = False  # whether the stream has the head
        self._follows = False  # whether a body goes out
        self._trailers = False  # whether trailers follow that, besides those of the response
        self._writing = False
        self.over: bool = False
        self._waiting: trio.Event | None = None
        # Of a request that came whole; None where the exchange brings it in parts.
        in_parts = exchange is not None and exchange.in_parts
        self._body: bytes | None = None if in_parts else request.body

    @property
    def text(self) -> str:
        """What the app works at, for logs."""
        request = self.request
        where = f"route {request.route}, " if request.route else ""
        return f"{request.method} {request.target}, {where}handler {self._name}"

    @property
    def _name(self) -> str:
        body = self.response.body
        assert isinstance(body, Spoken), "a producer leaves nothing undone"
        return body.name or name_of(body.speak)

    async def speak(self, speak: Callable[[Self], Awaitable[None]]) -> None:
        """Let the app give the answer, until it returns; an error behind the answer is logged.

        Args:
            speak: Calls it; called once.

        Raises:
            RuntimeError: It has returned without an answer, or in the middle of one.
            Exception: What it raised before the answer had ended.

        Cancellation: up to the app whether it is a checkpoint.
        """
        try:
            await speak(self)
        except BaseException as error:
            if not self.ended:
                raise
            ending = self.clock.ending
            if ending is not None and ending.reason == "deadline":  # a shutdown says so by itself
                logger.warning("cut behind its answer, whose time had passed: %s", self.text)
            await log_failure(f"failed behind its answer: {self.text}", error)
        finally:
            self.over = True
            self.wake()
            if self.lane.detached:
                self.clock.state.shared(Stragglers).leave()
            elif self.ended:
                self.clock.state.shared(Stragglers).drop(self)
        if not self.ended:
            if self.gone:
                raise trio.BrokenResourceError("the client has gone")
            done = "in the middle of its answer" if self.begun else "without an answer"
            raise RuntimeError(f"{self._name} has returned {done}")

    def begin(self, status: int, fields: FieldLines, *, trailers: bool = False) -> None:
        """Decide the status and the fields (see `Reply.begin`)."""
        if self.over:
            raise closed_error()
        if self.begun:
            raise RuntimeError("the answer was begun already")
        if not isinstance(status, int) or not 200 <= status <= 599:
            raise ValueError(f"an answer needs a status from 200 to 599, not {status!r}")
        self.fields = merged_fields(checked_fields(fields), self.response.headers)
        self.status = status
        self._trailers = trailers
        self.begun = True
        if self.clock.enforced:
            self.clock.end_handler()
        self._start()

    def _start(self) -> None:
        """Go on to the answer, whose status is decided."""
        self._take_exchange().start_answer(self.status)

    async def send(self, data: bytes) -> None:
        """Send a part of the body (see `Reply.send`)."""
        self._check_open()
        await trio.lowlevel.checkpoint()
        self._check_open()
        if not self._headed:
            self._set_head(None)
        if self._follows:
            await self.write(self._take_exchange().stream.send(data))

    async def finish(self, data: bytes = b"", trailers: Fields = ()) -> None:
        """Send the last part, and the end (see `Reply.finish`)."""
        self._check_open()
        if self.clock.scope.cancel_called:
            await trio.lowlevel.checkpoint()
            self._check_open()
        stream = self._take_exchange().stream
        if not self._headed:
            self._trailers = bool(trailers)
            self._set_head(len(data))
        if self._follows:
            all_trailers = Sender(stream, self.clock, self.response).trailers(trailers)
            await self.write(stream.finish(data, all_trailers))
        else:
            await self.write(stream.finish())
        self.end()

    def receive_nowait(self) -> bytes | None:
        """Return the next part of the request's body if it is here (see `Reply.receive_nowait`)."""
        body = self._body
        if body is not None:
            self._body = b""
            return body
        return b"" if self._take_exchange().stream.body_ended else None

    async def receive(self) -> bytes:
        """Wait for the next part of the request's body (see `Reply.receive`)."""
        if self._body is not None:
            body, self._body = self._body, b""
            return body
        exchange = self._take_exchange()
        if exchange.over:
            raise closed_error()
        return await exchange.next_part()

    async def wait_over(self) -> None:
        """Wait until nobody waits for the answer any more (see `Reply.wait_over`)."""
        if self.gone or self.ended or self.over:
            return
        if self._waiting is None:
            self._waiting = trio.Event()
        await self._waiting.wait()

    def lose_peer(self) -> None:
        """Hear that the client has gone: what the app fails with from here on is no news."""
        self.gone = self.clock.peer.gone = True
        self.wake()

    def detach(self) -> None:
        """Let another lane serve what comes next (see `Straggler`)."""
        self.lane.detach()

    def set_default_type(self, kind: str) -> str:
        """Return the content type of an answer that is begun; it is this one if it has none."""
        given = [value for name, value in self.fields if name == "content-type"]
        if not given:
            self.fields.append(("content-type", kind))
        return ", ".join(given) or kind

    def end(self) -> None:
        """Note that the whole answer is on the wire; what the app does now is behind it."""
        self.ended = True
        self.lane.hear_answered()
        self.clock.state.shared(Stragglers).add(self)
        self.wake()

    def wake(self) -> None:
        """Wake the tasks in `wait_over`."""
        if self._waiting is not None:
            self._waiting.set()

    def _take_exchange(self) -> Exchange:
        """Return the exchange of the request."""
        assert self._exchange is not None, "it was there from the beginning"
        return self._exchange

    def _check_open(self) -> None:
        """Raise what keeps anything from being sent."""
        if self.ended or self.over:
            raise closed_error()
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
        stream, fields = self._take_exchange().stream, self.fields
        if (not body_bytes and stream.target.method == "HEAD") or has_length(fields):
            body_bytes = None  # the app's own word; and that it sends nothing for HEAD says nothing
        stream.start_answer()
        self._follows = give_head(
            stream,
            self.status,
            fields,
            body_bytes,
            trailers=self.response.trailers,
            more_trailers=self._trailers,
        )
        self._headed = True

    async def write(self, writing: Awaitable[None]) -> None:
        """Have a part written, the only one at a time."""
        self._writing = True
        try:
            await writing
        except trio.BrokenResourceError:
            if not self.over and self.clock.peer.gone:  # or the clock knows of no peer
                self.lose_peer()
            raise
        finally:
            self._writing = False


def checked_fields(fields: FieldLines) -> FieldLines:
    """Return an app's fields with names in lower case; each of them can be sent.

    The look at the characters, which nearly all fields pass, takes a tenth of what the check by
    `Headers` does.

    Raises:
        TypeError: The name or value of a field isn't text.
        ValueError: A field can't be sent.
    """
    for name, value in fields:
        if (
            name not in KNOWN_NAMES
            or type(value) is not str
            or not (value.isascii() and value.isprintable())
        ):
            break
    else:
        return list(fields)
    fields = Headers(fields).items()
    if len(KNOWN_NAMES) < KNOWN_COUNT:
        KNOWN_NAMES.update([name for name, _ in fields if len(name) < 50])
    return fields


def merged_fields(fields: FieldLines, others: Headers) -> FieldLines:
    """Return the fields of an answer.

    Args:
        fields: Those of the app.
        others: Those that middleware has set. One is left out if the app has given a field of that
            name, unless it is one of `ADDED_FIELDS`.
    """
    kept = others.items()
    if not kept:
        return fields
    named = {name for name, _ in fields}.difference(ADDED_FIELDS)
    return fields + [field for field in kept if field[0] not in named]


def has_length(fields: FieldLines) -> bool:
    """Tell whether fields announce a length."""
    for name, _ in fields:  # noqa: SIM110 - in a third of the time that `any` takes
        if name == "content-length":
            return True
    return False


def closed_error() -> trio.ClosedResourceError:
    """Return the error for what comes behind the end of an answer."""
    return trio.ClosedResourceError("the answer is over")
