"""What a server gives the handler of a WebSocket: the second seam between the towers.

The first one is `choice`. A request that asks for a WebSocket carries its channel, closed, as
``request.channel``; what a handler knows as a WebSocket is made of it. The channel is the same
thing whatever protocol the request came by.
"""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from types import EllipsisType
from typing import Any, Literal, Protocol, TypeAlias

__all__ = ["Channel", "Message", "MessageRules"]

Message: TypeAlias = str | bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageRules:
    """What a channel takes from its client.

    Args:
        limit_bytes: The most that a message may have, decompressed; None: no limit, ``...``: the
            server's. A longer one ends the channel with 1009.
        kind: The kind of messages that the handler takes; one of the other kind ends the channel
            with 1003. None: both.
        decode: Makes of a message what `Channel.receive` returns; None: the message itself. What it
            raises is raised there, and the channel stays open.
        compress: Whether messages may be compressed, if the client offers it (RFC 7692).
    """

    limit_bytes: int | EllipsisType | None = ...
    kind: Literal["text", "binary"] | None = None
    decode: Callable[[Message], Any] | None = None
    compress: bool = False


class Channel(Protocol):
    """A WebSocket as its server sees it.

    It is used by the handler of its request and by whatever tasks that has started. One task
    receives at a time, and any number may send. It is closed by the server once the handler is
    over; nothing has to be closed here.

    Every method but `accept`, `finish` and `call_when_sent` raises `WebSocketClosed` once nothing
    more can be received, or sent: the client has closed or gone, or the channel was closed here.

    Attributes:
        opened: Whether it was accepted: the handshake's answer is out.
        close_code: The code of the closing frame that has ended it: the client's, or the one that
            was sent first; 1006 if the client has gone without a word; None while it is open.
        close_reason: The reason of that frame.
        latency_seconds: How long the last ping took to be answered; None before the first answer.
        unsent_bytes: What was framed and the system hasn't taken.
    """

    opened: bool
    close_code: int | None
    close_reason: str

    @property
    def latency_seconds(self) -> float | None:
        """How long the last ping took to be answered; None before the first answer."""

    @property
    def unsent_bytes(self) -> int:
        """What was framed and the system hasn't taken."""

    async def accept(
        self,
        rules: MessageRules,
        fields: Iterable[tuple[str, str]] = (),
        subprotocol: str | None = None,
        *,
        streaming: bool = False,
    ) -> None:
        """Answer the handshake; from then on messages come and go. Called once.

        Args:
            rules: What is taken from the client.
            fields: Further fields of the answer, checked.
            subprotocol: One of those that the client has offered; None for none.
            streaming: Whether the first message is received in parts (see `receive_part`).

        Raises:
            WebSocketClosed: The client has gone.

        Cancellation: a checkpoint only if the client doesn't take it; the channel is lost then.
        """

    def receive(self, *, iterating: bool = False) -> Awaitable[Any]:
        """Return the next message, as `MessageRules.decode` makes it.

        Messages that came before the client closed, or before it has gone, are returned first.

        Args:
            iterating: Whether an orderly end raises `StopAsyncIteration` instead.

        Raises:
            WebSocketClosed: There is none, and there will be none.
            trio.BusyResourceError: Another task receives.

        Cancellation: a checkpoint if there is none yet, and now and then; nothing is lost if
        cancelled here.
        """

    def receive_part(self) -> Awaitable[tuple[Message, bool]]:
        """Return the next part of a message as it comes, and whether it is the last one.

        Its limit doesn't apply to the messages that are received so, up to the next `receive`.

        Raises:
            WebSocketClosed: There is none, and there will be none.
            trio.BusyResourceError: Another task receives.

        Cancellation: a checkpoint; nothing is lost if cancelled here.
        """

    def send(self, message: Message) -> Awaitable[None]:
        """Send a whole message, behind all that was sent before; wait until the system has it.

        Raises:
            WebSocketClosed: The channel takes nothing any more.

        Cancellation: a checkpoint where it isn't taken at once, and now and then. The message goes
        out whole even if cancelled here, or not at all if it hasn't begun its way.
        """

    def send_part(
        self,
        part: Message,
        *,
        first: bool,
        last: bool,
        begun: Callable[[], None] | None = None,
    ) -> Awaitable[None]:
        """Send a fragment of a message; other tasks' messages wait for its last one.

        Args:
            part: What it holds.
            first: Whether the message begins with it.
            last: Whether the message ends with it.
            begun: Called when the fragment has begun its way, before that is waited for.

        Raises:
            WebSocketClosed: The channel takes nothing any more.

        Cancellation: as `send`.
        """

    def send_nowait(self, message: Message) -> bool:
        """Send a message if nothing waits to be sent before it; tell whether it was.

        Raises:
            WebSocketClosed: The channel takes nothing any more.
        """

    def send_frame_nowait(self, frame: bytes) -> bool:
        """Send an encoded frame of a whole message, as `send_nowait` sends a message."""

    def call_when_sent(self, function: Callable[[], bytes]) -> None:
        """Have a function called once, as soon as nothing waits to be sent before it.

        The frames that it returns are sent then; whole, encoded and joined, or none at all. It has
        its place among those who wait to send: until it was called, a later `send` or closing frame
        waits behind it, and nothing is sent at once. It must not wait, and it raises nothing. It is
        never called if the channel takes nothing more before that.
        """

    def close(self, code: int, reason: str) -> Awaitable[None]:
        """Send a closing frame behind all that was sent before, unless one was sent already.

        Cancellation: as `send`.
        """

    async def wait_over(self) -> None:
        """Wait until nothing more comes of the client, which has closed or gone.

        Raises:
            trio.BusyResourceError: Another task receives, or waits so.

        Cancellation: a checkpoint, unless that is so already.
        """

    def finish(self, code: int, reason: str = "") -> None:
        """Have a closing frame sent, unless one was; nothing is waited for, and nothing raised.

        A reason that the frame has no room for is cut.
        If the client reads so little that it isn't sent within `Timeouts.close`, it is cut.
        """
