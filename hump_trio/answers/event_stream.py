"""Server-sent events: a stream that browsers read with ``EventSource``."""

import math
import re
from collections.abc import AsyncIterable, Callable
from contextlib import nullcontext
from dataclasses import dataclass
from inspect import isasyncgen
from typing import Any, ClassVar

import trio

from hump_trio.answers.feed import Feed, Offered, Published
from hump_trio.content.json_text import json_codec
from hump_trio.facts.grammar import is_integer, is_number
from hump_trio.messages.request import Request
from hump_trio.messages.response import Fields, Producer, Response, Send
from hump_trio.tasks.closing import close_body, close_source

__all__ = ["Event", "EventStream"]

# Only these end a line; `str.splitlines` takes others besides.
LINE_END = re.compile(r"\r\n|\r|\n")
# Text that comes back in a header field as it was sent.
ID = re.compile(r"(?:[!-~](?:[ -~]*[!-~])?)?")
COMMENT = ":\n\n"
END = object()
# How many texts are sent before other tasks have their turn, if nothing else is waited for.
TURN_COUNT = 16


@dataclass(frozen=True, slots=True)
class Event:
    """One event of an `EventStream`.

    Args:
        data: Text of any number of lines, or any value that has a JSON form.
        event: The type of event that the page listens for; None means ``message``.
        id: The text that the browser sends as ``Last-Event-ID`` when it reconnects: ASCII without
            blanks at its ends. Quote other text with `urllib.parse.quote`.
        retry: Milliseconds that the browser waits, from now on, before it reconnects.

    Raises:
        TypeError: The type or the id isn't text.
        ValueError: The type has more than one line, the id can't be a header's value, or ``retry``
            isn't a whole number.
    """

    data: Any
    event: str | None = None
    id: str | None = None
    retry: int | None = None

    def __post_init__(self) -> None:
        if self.event is not None:
            check_text("event", self.event)
            if LINE_END.search(self.event):
                raise ValueError(f"an event's type is one line, not {self.event!r:.80}")
        if self.id is not None:
            check_text("id", self.id)
            if not ID.fullmatch(self.id):
                raise ValueError(
                    "an event's id comes back as a header: it is ASCII without blanks at its ends,"
                    f" not {self.id!r:.80}; write urllib.parse.quote(id), and unquote() what comes"
                    " back"
                )
        check_retry(self.retry)

    def encode(self) -> str:
        """Return the event as it is sent.

        Raises:
            TypeError: The data is bytes, or has no JSON form.
        """
        text = self.data
        if isinstance(text, bytes):
            raise TypeError("an event's data is text or has a JSON form; decode these bytes")
        if not isinstance(text, str):
            text = json_codec.encode(text).decode()
        fields = "" if self.event is None else f"event: {self.event}\n"
        if self.id is not None:
            fields += f"id: {self.id}\n"
        if self.retry is not None:
            fields += f"retry: {self.retry}\n"
        lines = LINE_END.sub("\ndata: ", text)
        return f"{fields}data: {lines}\n\n"


class EventStream(Response):
    """A response of server-sent events, for as long as its client listens.

    The head is sent at once. When the client has gone, the events are closed in the handler's
    task, within `Timeouts.cleanup` seconds. When the server shuts down, the events are cancelled
    where they wait and the response ends as a whole message: the browser reconnects, and sends
    the last id that it has seen as ``Last-Event-ID``. A browser that is answered with 204 then
    stays away.

    Args:
        events: An async iterable of `Event`, text, or any values that have a JSON form.
        keep_alive: Seconds of silence after which a comment is sent, which pages don't see. 15:
            proxies commonly cut silent connections after 30 or 60. None: no comments.
        retry: Milliseconds that the browser waits before it reconnects. None: the browser
            decides.
        headers: Further header fields (see `Response`).

    Raises:
        TypeError: The events aren't async iterable.
        ValueError: ``keep_alive`` or ``retry`` is no possible time, or a field can't be sent.

    Source: HTML standard, section 9.2 (server-sent events).
    """

    __slots__ = ("_keep_alive", "_retry")
    __depends_on_request__: ClassVar[bool] = True
    media_type: ClassVar[str] = "text/event-stream"

    def __init__(
        self,
        events: AsyncIterable[Any],
        *,
        keep_alive: float | None = 15.0,
        retry: int | None = None,
        headers: Fields = (),
    ) -> None:
        if not isinstance(events, AsyncIterable):
            raise TypeError(
                f"an EventStream takes an async iterable, such as a generator's call, not"
                f" {events!r:.80}"
            )
        if keep_alive is not None and not (is_number(keep_alive) and keep_alive > 0):
            raise ValueError(f"keep_alive is a positive number of seconds, not {keep_alive!r:.80}")
        check_retry(retry)
        Response.__init__(self, events, 200, headers)
        self.headers["content-type"] = self.media_type
        self.headers.setdefault("cache-control", "no-store")
        self.headers.setdefault("x-accel-buffering", "no")  # nginx would wait for more
        self._keep_alive = math.inf if keep_alive is None else keep_alive
        self._retry = retry

    async def __resolve__(self, request: Request) -> Response:
        """Return a response whose body sends the events (see `Response.__resolve__`)."""
        opening = "" if self._retry is None else f"retry: {self._retry}\n\n"
        source = Source(self.body, request, self._keep_alive, opening)
        body = Producer(source.produce, source.aclose, nowait=True)
        return Response(body, self.status, self.headers, trailers=self.trailers)


class Source:
    """Sends the events in their handler's task, and comments from a task beside it.

    When one of the two tasks ends, the other is never cancelled within a part that it sends.

    Args:
        events: An async iterable of events.
        request: The request that is answered.
        keep_alive: Seconds of silence after which a comment is sent.
        opening: Text that is sent before the first event.
    """

    def __init__(self, events: Any, request: Request, keep_alive: float, opening: str) -> None:
        self._events = events
        self._request = request
        self._keep_alive = keep_alive
        self._opening = opening
        self._send: Send
        self._send_nowait: Callable[[bytes], bool] | None = None  # from the opening on
        self._sending = 0  # tasks that wait until something is sent
        self._turn_count = 0
        self._due = math.inf
        self._over = False
        self._waiting = False  # for an event
        self._rest = False  # whether something has begun its way that wasn't taken whole
        self._silence = trio.CancelScope()  # while the other task waits
        self._scope = trio.CancelScope()  # around all that the events leave open

    async def aclose(self) -> None:
        """Close events that were never begun."""
        await close_source(self._events)

    async def produce(self, send: Send, send_nowait: Callable[[bytes], bool] | None = None) -> None:
        """Send all events, and comments between them (see `Producer`)."""
        self._send = send
        self._due = trio.current_time() + self._keep_alive
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._fill_silence)
            try:
                with self._scope:
                    await self._send_events(send_nowait)
            except trio.Cancelled as error:
                await trio.lowlevel.checkpoint_if_cancelled()  # raises if the server has cancelled
                raise RuntimeError("a scope of the events' own cancelled their sending") from error
            self._over = True
            self._silence.cancel()

    async def _send_events(self, send_nowait: Callable[[bytes], bool] | None) -> None:
        iterator = aiter(self._events)
        feed = iterator if isinstance(iterator, Feed) and send_nowait is not None else None
        try:
            await self._put(self._opening)
            self._send_nowait = send_nowait
            while not self._over:
                self._waiting = True
                if feed is not None:
                    await feed.wait(self._take)
                begun = self._rest
                event = None if begun else await anext(iterator, END)
                self._waiting = False
                if event is END:
                    break
                await self._put("" if begun else encode(event))
        finally:
            self._waiting = False
            deadline = trio.current_time() + self._request.app.timeouts.cleanup
            await self._close(iterator, deadline)
            if iterator is not self._events:
                await self._close(self._events, deadline)

    def _take(self, published: Published) -> Offered:
        """Send an event where it is published (see `Feed.wait`): its task sleeps on.

        For each of 1,000 streams that takes a third of what it takes to wake the task.
        """
        if self._sending or self._send_nowait is None:
            return "refused"
        try:
            data = published.event
            if not data:
                data = published.event = encode(published.value).encode()
            self._rest = not self._send_nowait(data)
        except Exception:  # the task meets it again, and fails with it
            return "refused"
        self._due = trio.current_time() + self._keep_alive
        return "begun" if self._rest else "sent"

    async def _close(self, body: Any, deadline: float) -> None:
        """Close events, within the scope that encloses whatever they have left open."""
        # Events that were cancelled at shutdown have left nothing open, and get their full time to
        # close. But a generator may be suspended at an event that came at the same moment, within
        # a nursery of its own.
        apart = self._scope.cancel_called and not isasyncgen(body)
        with trio.CancelScope() if apart else nullcontext(self._scope) as scope:
            await close_body(body, deadline, scope)

    async def _fill_silence(self) -> None:
        """Send a comment after each long silence, and end the events at shutdown."""
        while not self._over:
            with trio.CancelScope(deadline=self._due) as self._silence:
                await self._request.wait_draining()
                self._over = True
                if self._waiting:
                    self._scope.cancel()
            if not self._over and trio.current_time() >= self._due:
                await self._put(COMMENT)

    async def _put(self, text: str) -> None:
        """Send text, without waiting if the client takes it: that saves a fifth of an event's time.

        Other tasks have their turn all the same after so many texts.
        """
        busy = self._sending or self._rest
        if self._send_nowait is None or busy or self._turn_count == TURN_COUNT:
            await self._send_waiting(text)
        else:
            await trio.lowlevel.checkpoint_if_cancelled()
            self._turn_count += 1
            self._rest = not self._send_nowait(text.encode())
            if self._rest:
                await self._send_waiting("")
        self._due = trio.current_time() + self._keep_alive

    async def _send_waiting(self, text: str) -> None:
        self._turn_count = 0
        self._sending += 1
        await self._send(text)
        self._sending -= 1
        self._rest = False


def encode(event: Any) -> str:
    """Return an event, or the data of one, as it is sent (see `Event.encode`)."""
    return (event if isinstance(event, Event) else Event(event)).encode()


def check_text(name: str, value: object) -> None:
    """Refuse a field of an event that isn't text.

    Raises:
        TypeError: The value is something else.
    """
    if not isinstance(value, str):
        raise TypeError(f"an event's {name} is text, not {value!r:.80}")


def check_retry(milliseconds: int | None) -> None:
    """Refuse a value that isn't a number of milliseconds.

    Raises:
        ValueError: The value isn't a whole number, or is negative.
    """
    if milliseconds is None:
        return
    if not is_integer(milliseconds) or milliseconds < 0:
        raise ValueError(f"retry is a whole number of milliseconds, not {milliseconds!r:.80}")
