"""Messages in parts, as they come and as they go: for those that are too large to be held whole."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Self, TypeAlias

import trio

from hump_trio.messages.channel import Channel, Message

__all__ = ["Parts", "SendPart", "write_parts"]

SendPart: TypeAlias = Callable[[str | bytes], Awaitable[None]]


class Parts:
    """The parts of one message, as they come.

    This is no generator: one that isn't run to its end would have to be closed.

    Args:
        receive_part: Returns the next part, and whether it is the last one.
    """

    __slots__ = ("_receive_part", "_whole")

    def __init__(self, receive_part: Callable[[], Awaitable[tuple[Message, bool]]]) -> None:
        self._receive_part = receive_part
        self._whole = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        if self._whole:
            raise StopAsyncIteration
        part, self._whole = await self._receive_part()
        return part


@asynccontextmanager
async def write_parts(
    channel: Channel, open_channel: Callable[[], Awaitable[None]]
) -> AsyncIterator[SendPart]:
    """Give what sends the parts of a message, which ends with the block.

    Args:
        channel: It is closed if the block breaks off within the message.
        open_channel: Opens it, unless it is open.

    Raises:
        RuntimeError: The message has ended with its block.
        TypeError: A part is of another type than str or bytes, or than the part before it.
        WebSocketClosed: The channel takes nothing any more.
        trio.BusyResourceError: Another task sends a part.
    """
    kind: type[Any] | None = None  # that of the parts, while a part of the message is out
    over = False
    sending = False

    def begin(of_part: type[Any] | None) -> None:
        nonlocal kind
        kind = of_part

    async def send(part: str | bytes) -> None:
        nonlocal sending
        if not isinstance(part, str | bytes) or (kind is not None and not isinstance(part, kind)):
            wanted = "str or bytes" if kind is None else kind.__name__
            raise TypeError(f"a part of this message is {wanted}, not {type(part).__name__}")
        if over:
            raise RuntimeError("the message has ended with its block")
        check_idle()
        sending = True
        try:
            await open_channel()
            begun = partial(begin, str if isinstance(part, str) else bytes)
            await channel.send_part(part, first=kind is None, last=False, begun=begun)
        finally:
            sending = False

    def check_idle() -> None:
        if sending:
            raise trio.BusyResourceError("another task sends a part of this message")

    try:
        yield send
        check_idle()
        over = True
        if kind is not None:
            await channel.send_part(kind(), first=False, last=True, begun=partial(begin, None))
    except BaseException:
        if kind is not None:
            channel.finish(1011, "a message broke off")
        raise
    finally:
        over = True
