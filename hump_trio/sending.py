"""A response onto the wire: whole, or in chunks as an async iterable yields them."""

import logging
from collections.abc import AsyncIterable, AsyncIterator
from typing import cast

import trio

from hump_trio.connection import Connection
from hump_trio.http1.head import RequestHead
from hump_trio.http1.response_head import (
    LAST_CHUNK,
    ResponseHead,
    encode_chunk,
    encode_head,
)
from hump_trio.response import Response
from hump_trio.server_state import ServerState

__all__ = ["Sender", "close_body"]

logger: logging.Logger = logging.getLogger("hump_trio")

# Up to here head and body are joined to go out in one call; beyond, copying costs more.
JOINED_BYTES = 64 * 1024


class Sender:
    """Sends one answer.

    Args:
        connection: Where to.
        request: What is answered; None for bytes that weren't a request.
        response: A settled response.
        keep_alive: Whether the server would go on with the connection.

    Attributes:
        begun: Whether any of the answer may be on the wire.
        done: Whether all of it is.
    """

    __slots__ = ("_connection", "_head", "_keep_alive", "_request", "begun", "done", "response")

    def __init__(
        self,
        connection: Connection,
        request: RequestHead | None,
        response: Response,
        *,
        keep_alive: bool,
    ) -> None:
        self.response: Response = response
        self.begun: bool = False
        self.done: bool = False
        self._connection = connection
        self._request = request
        self._keep_alive = keep_alive

    async def send(self) -> bool:
        """Send the answer, and return whether the connection stays open.

        Raises:
            trio.BrokenResourceError: The peer has gone.
            Exception: What a streamed body raised. If `begun` is still false then, another
                answer can be sent.

        Cancellation: a checkpoint only where the peer doesn't take the bytes at once. Cancelled
            here, the answer is incomplete unless `done`, and its body is closed.
        """
        body = self.response.body
        head = self._encode_head(len(body) if isinstance(body, bytes) else None)
        if isinstance(body, bytes):
            await self._send_whole(head, body)
        else:
            await self._send_stream(head, cast("AsyncIterable[bytes | str]", body))
        self.done = True
        return head.keep_alive

    def _encode_head(self, body_bytes: int | None) -> ResponseHead:
        state = self._connection.state
        return encode_head(
            self._request,
            self.response.status,
            self.response.headers.items(),
            body_bytes=body_bytes,
            keep_alive=self._keep_alive,
            date=state.date_line(),
            server=state.server_line,
        )

    async def _send_whole(self, head: ResponseHead, body: bytes) -> None:
        self.begun = True
        if not head.body_follows:
            body = b""
        if len(body) <= JOINED_BYTES:
            await self._connection.write(head.data + body)
        else:
            await self._connection.write(head.data)
            await self._connection.write(body)

    async def _send_stream(self, head: ResponseHead, body: AsyncIterable[bytes | str]) -> None:
        iterator = aiter(body)
        try:
            if head.body_follows:
                await self._send_parts(head, iterator)
            else:
                self.begun = True
                await self._connection.write(head.data)
        finally:
            await close_body(iterator, self._connection.state)

    async def _send_parts(self, head: ResponseHead, parts: AsyncIterator[bytes | str]) -> None:
        """Send each part as it is yielded; the head goes out with the first one.

        So an error before it still gets a proper answer. An empty part sends the head alone.
        Each part is a checkpoint: a body that never waits can't starve other connections.
        """
        unsent = head.data
        remaining_bytes = head.content_length
        async for part in parts:
            data = part_bytes(part)
            if remaining_bytes is not None:
                remaining_bytes -= len(data)
                if remaining_bytes < 0:
                    raise ValueError("a streamed body is longer than its Content-Length")
            self.begun = True
            await self._connection.write(
                unsent + (encode_chunk(data) if head.chunked and data else data)
            )
            unsent = b""
            await trio.lowlevel.checkpoint()
        if remaining_bytes:
            raise ValueError("a streamed body is shorter than its Content-Length")
        self.begun = True
        await self._connection.write(unsent + (LAST_CHUNK if head.chunked else b""))


def part_bytes(part: bytes | str) -> bytes:
    """Return a part of a streamed body as bytes.

    Raises:
        TypeError: It is neither text nor bytes.
    """
    if isinstance(part, str):
        return part.encode()
    if isinstance(part, bytes | bytearray | memoryview):
        return bytes(part)
    raise TypeError(f"a streamed body yields bytes or str, not {type(part).__name__}")


async def close_body(body: object, state: ServerState) -> None:
    """Close an async iterator in the task that iterated it, within the time for clean-up.

    Cancellation: shielded for `Timeouts.cleanup` seconds, or what is left of them at shutdown.
    """
    aclose = getattr(body, "aclose", None)
    if aclose is None:
        return
    deadline = min(trio.current_time() + state.timeouts.cleanup, state.cleanup_deadline)
    with trio.CancelScope(deadline=deadline, shield=True) as scope:
        try:
            await aclose()
        except Exception:
            logger.exception("closing a streamed body failed")
    if scope.cancelled_caught:
        logger.error("closing a streamed body took too long and was cancelled: %r", body)
