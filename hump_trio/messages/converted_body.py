"""Streamed bodies whose parts are converted to bytes when they are sent."""

from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable
from typing import Generic, Self, TypeVar

from hump_trio.messages.headers import Headers
from hump_trio.tasks.closing import close_source

__all__ = ["ConvertedBody", "part_bytes"]

T = TypeVar("T")


class ConvertedBody(Generic[T]):
    """An async iterable that converts each part of another one to bytes.

    This isn't a generator: if it is closed before its first step, it still closes its source.

    Args:
        source: The other async iterable. It is iterated and closed in the task that iterates and
            closes this one.
        convert: Converts a part to bytes.
        finish: Makes the bytes that follow the last part; empty bytes if none do.
        take_headers: Takes the header fields that are sent with the first part, before that part
            is asked for. ``convert`` may change the fields until it first returns.
    """

    def __init__(
        self,
        source: AsyncIterable[T],
        convert: Callable[[T], Awaitable[bytes | str]],
        finish: Callable[[], Awaitable[bytes]] | None = None,
        take_headers: Callable[[Headers], None] | None = None,
    ) -> None:
        self.take_headers = take_headers
        self._source = source
        self._iterator: AsyncIterator[T] = aiter(source)
        self._convert = convert
        self._finish = finish

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes | str:
        try:
            part = await anext(self._iterator)
        except StopAsyncIteration:
            if self._finish is None:
                raise
            finish, self._finish = self._finish, None
            rest = await finish()
            if not rest:
                raise
            return rest
        return await self._convert(part)

    async def aclose(self) -> None:
        """Close the source, and its iterator if that is another object."""
        try:
            await close_source(self._iterator)
        finally:
            if self._iterator is not self._source:
                await close_source(self._source)


def part_bytes(part: bytes | str) -> bytes:
    """Return a part of a streamed body as bytes.

    Raises:
        TypeError: The part is neither text nor bytes.
    """
    if isinstance(part, str):
        return part.encode()
    if isinstance(part, bytes | bytearray | memoryview):
        return bytes(part)
    raise TypeError(
        f"a streamed body yields bytes or str, not {type(part).__name__}: for events return an"
        " EventStream, and for other values JsonLines, of what yields them"
    )
