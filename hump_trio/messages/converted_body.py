"""A streamed body whose parts are converted on their way."""

from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable
from typing import Generic, Self, TypeVar

from hump_trio.messages.headers import Headers
from hump_trio.tasks.closing import close_source

__all__ = ["ConvertedBody", "part_bytes"]

T = TypeVar("T")


class ConvertedBody(Generic[T]):
    """What an async iterable yields, part by part, each converted to bytes.

    It is no generator: closed before it was begun, it still closes what it is made of.

    Args:
        source: Iterated, and closed, in the task that does so with this.
        convert: Makes bytes of a part.
        finish: Makes what follows the last part, if anything does.
        take_headers: Is given the header fields that go out with the first part, before that is
            asked for; ``convert`` may change them until it has returned.
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
        TypeError: It is neither text nor bytes.
    """
    if isinstance(part, str):
        return part.encode()
    if isinstance(part, bytes | bytearray | memoryview):
        return bytes(part)
    raise TypeError(
        f"a streamed body yields bytes or str, not {type(part).__name__}: for events return an"
        " EventStream, and for other values JsonLines, of what yields them"
    )
