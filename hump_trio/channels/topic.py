"""A topic: each message that is published goes to every subscriber, and no slow one holds it up."""

from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any, Generic, Protocol, Self, TypeVar, get_args

import trio

from hump_trio.answers.feed import Feed, Offered, Published
from hump_trio.channels.backlog import Backlog, Publication, SlowPolicy
from hump_trio.channels.websocket import WebSocket, channel_of
from hump_trio.content.json_text import json_codec
from hump_trio.facts.exceptions import OverloadError, WebSocketClosed
from hump_trio.facts.grammar import is_integer
from hump_trio.messages.channel import Message
from hump_trio.websocket.frames import FINAL, TEXT, encode_bytes, encode_frame, encode_text

__all__ = ["Topic"]

Out = TypeVar("Out")

# How many subscribers are sent to before other tasks have their turn.
TURN_COUNT = 64
TOO_SLOW = "too slow"


class Subscriber(Protocol):
    """Who gets what is published. No method waits, and none runs a user's code."""

    def send_frame(self, frame: bytes) -> bool:
        """Send a frame at once, or tell False.

        Raises:
            WebSocketClosed: The subscriber is over.
        """
        ...

    def keep(self, publication: Publication) -> None:
        """Let a publication wait that wasn't sent at once."""
        ...

    def leave(self) -> None:
        """Get nothing any more. Any number of calls are one."""
        ...


class Topic(Generic[Out]):
    """A fan-out: what is published goes to every WebSocket and every event stream that subscribes.

    A message is encoded and framed once. It is given to each subscriber without waiting for any:
    for one that doesn't keep up, messages wait in a backlog of its own. All subscribers get the
    messages in the same order, and what a handler sends goes out behind what was published before.

    A topic lives in one process and reaches the subscribers of that process alone. With several
    processes or machines, let each listen to a broker in a task of its lifespan, which publishes
    here what it hears.

    Args:
        backlog_bytes: The most that waits for one subscriber, in bytes of encoded messages. 65536:
            some seconds of most feeds, and 64 MiB if a thousand readers have stopped.
        slow: What happens to a subscriber for which more would wait. ``"close"``: a WebSocket is
            closed with 1013 and "too slow", an event stream breaks off, and either comes back when
            it likes. ``"drop-oldest"``: the oldest messages that wait are dropped. ``"latest"``:
            only the newest message ever waits, whatever its length.

    Raises:
        TypeError: ``backlog_bytes`` isn't a whole number.
        ValueError: ``backlog_bytes`` is negative, or there is no such policy.
    """

    __slots__ = ("_backlog_bytes", "_delivery", "_slow", "_subscribers", "_turn_count", "_waiting")

    def __init__(self, *, backlog_bytes: int = 65536, slow: SlowPolicy = "close") -> None:
        if not is_integer(backlog_bytes):
            raise TypeError(f"backlog_bytes is a whole number, not {backlog_bytes!r:.80}")
        if backlog_bytes < 0:
            raise ValueError(f"backlog_bytes is a number of bytes, not {backlog_bytes!r}")
        if slow not in get_args(SlowPolicy):
            raise ValueError(f"slow is one of {get_args(SlowPolicy)}, not {slow!r:.80}")
        self._backlog_bytes = backlog_bytes
        self._slow = slow
        # In the order in which they came; a set would give each publication an order of its own.
        self._subscribers: dict[Subscriber, None] = {}
        # One publication is under way at a time, and publishers wait in order.
        self._delivery: Iterator[None] | None = None
        self._waiting = trio.lowlevel.ParkingLot()
        self._turn_count = 0

    def __len__(self) -> int:
        """Return how many subscribers there are."""
        return len(self._subscribers)

    def subscribe(self, ws: WebSocket[Any, Out] | WebSocket[Any, Message]) -> "Subscription":
        """Return a context within which a WebSocket gets what is published.

        It is entered by ``async with``, which accepts a WebSocket that isn't open yet. A WebSocket
        may subscribe to any number of topics. What waits for it at the end is still sent.

        Args:
            ws: The WebSocket. Its end isn't an error here: the subscription ends with it. One with
                types sends what is published here; one without them may send anything.

        Raises:
            WebSocketClosed: When it is entered: the client has gone.
        """
        return Subscription(ws, self._subscribers, Backlog(self._backlog_bytes, self._slow))

    def listen(self) -> "Listener[Out]":
        """Return an iterator over what is published from now on, as for ``EventStream``.

        It may be iterated anywhere else too, by one task at a time.
        """
        inbox = Inbox(self._subscribers, Backlog(self._backlog_bytes, self._slow))
        return Listener(inbox)

    async def publish(self, value: Out) -> None:
        """Give a message to all subscribers that there are.

        Args:
            value: Text is sent as text, bytes as a binary message, and any other value as its JSON
                text. What listens gets the value itself, all of them the same.

        Raises:
            TypeError: The value has no JSON form.
            ValueError: A text in it has no UTF-8 form.

        Cancellation: a checkpoint if another task is publishing, and after every 64 deliveries. If
        cancelled here, the message has reached nobody; once it has reached anybody, it reaches all.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        publication = Publication(value, frame_of(value))
        if self._delivery is not None:
            await self._waiting.park()  # until the one before hands over
        self._delivery = self._deliver(publication)
        try:
            for _ in self._delivery:
                await trio.lowlevel.cancel_shielded_checkpoint()
        finally:
            if self._waiting:
                self._waiting.unpark()
            else:
                self._delivery = None

    def publish_nowait(self, value: Out) -> None:
        """Give a message to all subscribers at once, as `publish` does with turns for other tasks.

        It is for functions that can't wait, such as those called by `trio.from_thread.run_sync`.

        Args:
            value: The message, as `publish` takes it.

        Raises:
            TypeError: The value has no JSON form.
            ValueError: A text in it has no UTF-8 form.
        """
        publication = Publication(value, frame_of(value))
        for delivery in (self._delivery or (), self._deliver(publication)):
            for _ in delivery:  # the one that is under way comes first
                pass

    def _deliver(self, publication: Publication) -> Iterator[None]:
        """Give a publication to each subscriber; yield where other tasks should have their turn."""
        frame = publication.frame
        subscribers = list(self._subscribers)
        for start in range(0, len(subscribers) or 1, TURN_COUNT):
            batch = subscribers[start : start + TURN_COUNT]
            for subscriber in batch:
                send_frame = subscriber.send_frame  # to call it as a method costs 200 more
                try:
                    if not send_frame(frame):
                        subscriber.keep(publication)
                except WebSocketClosed:
                    subscriber.leave()
            self._turn_count += len(batch) or 1
            if self._turn_count >= TURN_COUNT:
                self._turn_count = 0
                yield


class Subscription:
    """A WebSocket that gets what is published to a topic (see `Topic.subscribe`).

    Args:
        ws: The WebSocket.
        subscribers: Those of the topic.
        backlog: What waits for it.
    """

    __slots__ = ("_backlog", "_channel", "_subscribers", "_ws", "send_frame")

    def __init__(
        self, ws: WebSocket[Any, Any], subscribers: dict[Subscriber, None], backlog: Backlog
    ) -> None:
        self._ws = ws
        self._channel = channel_of(ws)
        self._subscribers = subscribers
        self._backlog = backlog
        self.send_frame: Callable[[bytes], bool] = send_nowhere

    @property
    def dropped(self) -> int:
        """How many messages were dropped since the client didn't keep up."""
        return self._backlog.dropped

    async def __aenter__(self) -> Self:
        if not self._channel.opened:
            await self._ws.accept()
        # The channel's own method: a call between would cost as much as all else that is done here
        # for a subscriber that keeps up.
        self.send_frame = self._channel.send_frame_nowait
        self._subscribers[self] = None
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.leave()

    def keep(self, publication: Publication) -> None:
        """Let a publication wait until the client has read what was sent before.

        Once something waits here, nothing overtakes it: the channel takes no further frame at once
        until it has called for what waits.
        """
        calls = len(self._backlog) > 0
        if not self._backlog.add(publication):
            self._backlog.clear()
            self.leave()
            self._channel.finish(1013, TOO_SLOW)
        elif not calls:
            self._channel.call_when_sent(self._backlog.take_frames)

    def leave(self) -> None:
        """Get nothing any more, not even of a publication that is under way."""
        self._subscribers.pop(self, None)
        self.send_frame = send_nowhere


class Inbox:
    """What waits for a listener; it is part of the topic, and the listener is not.

    So a listener that nobody has any more is collected, and takes its inbox with it.

    Args:
        subscribers: Those of the topic.
        backlog: What waits.

    Attributes:
        backlog: What waits.
        readers: The task that waits for it, if there is one.
        over: Whether nothing more comes.
        late: Whether that is for too much having waited.
        offer: Takes a publication while that task waits, instead of waking it; None: it is woken.
    """

    __slots__ = ("_subscribers", "backlog", "late", "offer", "over", "readers")

    def __init__(self, subscribers: dict[Subscriber, None], backlog: Backlog) -> None:
        self._subscribers = subscribers
        self.backlog: Backlog = backlog
        self.readers: trio.lowlevel.ParkingLot = trio.lowlevel.ParkingLot()
        self.over: bool = False
        self.late: bool = False
        self.offer: Callable[[Published], Offered] | None = None
        subscribers[self] = None

    def send_frame(self, frame: bytes) -> bool:
        """Send nothing at once: a listener comes for it."""
        return self.over

    def keep(self, publication: Publication) -> None:
        """Let a publication wait until the listener comes for it, unless it is taken at once."""
        offer = self.offer
        taken = "refused" if offer is None or not self.readers else offer(publication)
        if taken == "sent":
            return
        if taken == "refused" and not self.backlog.add(publication):
            self.late = True
            self.leave()
        self.readers.unpark()

    async def wait(self) -> None:
        """Wait for a publication that isn't taken at once, or for the end. A checkpoint.

        Raises:
            trio.BusyResourceError: Another task is waiting.
        """
        if self.readers:
            raise trio.BusyResourceError("another task is waiting for this listener's messages")
        await self.readers.park()

    def leave(self) -> None:
        """Get nothing any more, and forget what waits."""
        self._subscribers.pop(self, None)
        self.over = True
        self.backlog.clear()
        self.readers.unpark_all()


class Listener(Feed[Out]):
    """An iterator over what is published to a topic (see `Topic.listen`).

    It ends when it is closed. One that is dropped unclosed is forgotten by its topic too.

    Args:
        inbox: Where publications wait for it.
    """

    __slots__ = ("_inbox",)

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox

    @property
    def dropped(self) -> int:
        """How many messages were dropped since nobody came for them in time."""
        return self._inbox.backlog.dropped

    async def __anext__(self) -> Out:
        """Return the next message.

        Raises:
            OverloadError: More waited than may, and none may be dropped; all of it was forgotten.
            trio.BusyResourceError: Another task is waiting here.

        Cancellation: a checkpoint if nothing waits; nothing is lost if cancelled here.
        """
        inbox = self._inbox
        while not inbox.backlog:
            if inbox.late:
                raise OverloadError(f"{TOO_SLOW}: more was published than is kept")
            if inbox.over:
                raise StopAsyncIteration
            try:
                await inbox.wait()
            except trio.Cancelled:
                del self  # the error's traceback would keep a listener that nobody has any more
                raise
        value: Out = inbox.backlog.take().value
        return value

    async def wait(self, offer: Callable[[Published], Offered]) -> None:
        """Wait for what has to be done by a task (see `Feed.wait`)."""
        inbox = self._inbox
        if inbox.backlog or inbox.over:
            return
        inbox.offer = offer
        try:
            await inbox.wait()
        finally:
            inbox.offer = None

    async def aclose(self) -> None:
        """Get nothing any more. Any number of calls are one.

        Cancellation: no checkpoint.
        """
        self._inbox.leave()

    def __del__(self) -> None:
        self._inbox.leave()


def frame_of(value: Any) -> bytes:
    """Return a value as a whole message that a WebSocket sends.

    Raises:
        TypeError: The value has no JSON form.
        ValueError: A text in it has no UTF-8 form.
    """
    if isinstance(value, str):
        return encode_text(value)
    if isinstance(value, bytes):
        return encode_bytes(value)
    return encode_frame(FINAL | TEXT, json_codec.encode(value))


def send_nowhere(frame: bytes) -> bool:
    """Take a frame for a subscriber that has left while a publication is under way."""
    return True
