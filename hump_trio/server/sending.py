"""A response onto the wire: whole, or in chunks as an async iterable yields them."""

import math
from collections.abc import AsyncIterable
from typing import cast

import trio

from hump_trio.content.charset import check_text_type
from hump_trio.http1.head import RequestHead
from hump_trio.http1.response_head import LAST_CHUNK, ResponseHead, encode_chunk, encode_head
from hump_trio.messages.converted_body import ConvertedBody, part_bytes
from hump_trio.messages.response import BYTES_TYPE, TEXT_TYPE, Producer, Response
from hump_trio.server.connection import Connection
from hump_trio.server.phases import Phase
from hump_trio.server.state import ServerState
from hump_trio.tasks.closing import close_body
from hump_trio.tasks.task_tree import place_of_error

__all__ = ["JOINED_BYTES", "Rest", "Sender", "close_unsent"]

# Up to here head and body are joined to go out in one call; beyond, copying costs more.
JOINED_BYTES = 128 * 1024


class Sender:
    """Sends one answer.

    Args:
        connection: Where to.
        request: What is answered; None for bytes that weren't a request.
        response: A settled response.
        keep_alive: Whether the server would go on with the connection.
    """

    __slots__ = ("_connection", "_keep_alive", "_request", "_response")

    def __init__(
        self,
        connection: Connection,
        request: RequestHead | None,
        response: Response,
        *,
        keep_alive: bool,
    ) -> None:
        self._connection = connection
        self._request = request
        self._response = response
        self._keep_alive = keep_alive

    async def send(self) -> bool:
        """Send the answer, and return whether the connection stays open.

        Raises:
            trio.BrokenResourceError: The peer has gone.
            Exception: What a streamed body raised. If the connection's `begun` is still false
                then, another answer can be sent.

        Cancellation: a checkpoint only where the peer doesn't take the bytes at once, and before
            each part of a stream. Cancelled here, the answer is incomplete and its body closed.
        """
        body = self._response.body
        if isinstance(body, Producer | ConvertedBody) and body.take_headers is not None:
            body.take_headers(self._response.headers)
        if isinstance(body, Producer):
            return await self._send_produced(body)
        if not isinstance(body, bytes):
            return await self._send_stream(cast("AsyncIterable[bytes | str]", body))
        head = self.encode_head(len(body))
        if not head.body_follows:
            body = b""
        self._connection.begun = True
        if len(body) <= JOINED_BYTES:
            await self._connection.write(head.data + body)
        else:
            await self._connection.write(head.data)
            await self._connection.write(body)
        return head.keep_alive

    def encode_head(self, body_bytes: int | None) -> ResponseHead:
        """Return the head of the answer; None for a body of unknown length."""
        state = self._connection.state
        return encode_head(
            None if self._request is None else self._request.line,
            self._response.status,
            self._response.headers.items(),
            body_bytes=body_bytes,
            keep_alive=self._keep_alive,
            date=state.date_line(),
            server=state.server_line,
        )

    async def write(self, data: bytes) -> None:
        """Send bytes of the answer.

        Raises:
            trio.BrokenResourceError: The peer has gone, or an earlier write was cancelled.
        """
        if self._connection.torn:
            raise trio.BrokenResourceError("an earlier part was cut by a cancel scope")
        self._connection.begun = True
        await self._connection.write(data)

    def set_default_type(self, part: bytes | str) -> None:
        """Take the content type from the first part, if the response names none.

        Raises:
            ValueError: The part is text, and the type names another charset than UTF-8.
        """
        headers = self._response.headers
        headers.setdefault("content-type", TEXT_TYPE if isinstance(part, str) else BYTES_TYPE)
        if isinstance(part, str):
            check_text_type(headers.get("content-type", ""))

    async def _send_produced(self, producer: Producer) -> bool:
        """Have a body sent by its function, which is over when that returns."""
        head = self.encode_head(None)
        if not head.body_follows:
            try:
                await self.write(head.data)
            finally:
                await close_unsent(self._response, self._connection.state)
            return head.keep_alive
        parts = Parts(self, head)
        turn = trio.Lock()

        async def send(part: bytes | str) -> None:
            if turn.locked():
                await turn.acquire()
            else:
                turn.acquire_nowait()  # a part has its checkpoint: 4 µs less than with two
            try:
                await parts.send(part)
            finally:
                turn.release()

        try:
            await producer.produce(send)
        except (trio.Cancelled, BaseExceptionGroup) as error:
            self._connection.stood = place_of_error(error)
            raise
        finally:
            parts.over = True
        async with turn:  # a task that outlives the function may be writing a part
            await parts.finish()
        return head.keep_alive

    async def _send_stream(self, body: AsyncIterable[bytes | str]) -> bool:
        """Send a body part by part, under a scope that outlasts those the body leaves open.

        A generator may hold a nursery or a scope across its parts. Opened before them, ours ends
        after them. Theirs enclose our writing too: cancelled there, this answer breaks off and
        nothing else does.
        """
        sent = False
        cause: BaseException | None = None
        try:
            with trio.CancelScope() as scope:
                iterator = aiter(body)
                try:
                    head = self.encode_head(None)
                    if head.body_follows:
                        parts = Parts(self, head)
                        async for part in iterator:
                            await parts.send(part)
                        await parts.finish()
                        # It is whole: nobody is looked for while its body is closed.
                        self._connection.enter(Phase.DRAIN, math.inf)
                    else:
                        await self.write(head.data)
                    sent = True
                finally:
                    deadline = self._connection.state.closing_deadline()
                    await close_body(iterator, deadline, scope)
                    if iterator is not body:
                        await close_body(body, deadline, scope)
        except trio.Cancelled as error:
            cause = error
        except BaseExceptionGroup as error:
            self._connection.stood = place_of_error(error)
            raise
        if not sent:
            try:
                if cause is not None:
                    self._connection.stood = place_of_error(cause)
                await trio.lowlevel.checkpoint_if_cancelled()  # it was the server's: raised again
                self._connection.stood = ""
                raise RuntimeError(
                    "a scope of a streamed body's own cancelled its sending"
                ) from cause
            finally:
                del cause  # its traceback holds this frame
        return head.keep_alive


class Rest:
    """The rest of an answer that was begun elsewhere.

    Args:
        connection: Where to.
        data: The rest.
        keep_alive: Whether the connection stays open.
    """

    __slots__ = ("_connection", "_data", "_keep_alive")

    def __init__(self, connection: Connection, data: bytes, *, keep_alive: bool) -> None:
        self._connection = connection
        self._data = data
        self._keep_alive = keep_alive

    async def send(self) -> bool:
        """Send it (see `Sender.send`)."""
        await self._connection.write(self._data)
        return self._keep_alive


class Parts:
    """The parts of a streamed answer on their way out.

    The head goes out with the first one, so that an error before it still gets a proper answer,
    and its kind is the content type if the response names none. An empty part sends the head
    alone. Before each part is a checkpoint: a body that never waits can't starve other
    connections, and one that swallows its cancellation writes nothing more, least of all an end.

    Args:
        sender: Sends the answer.
        head: Of the answer, with what its first part would tell still missing.

    Attributes:
        over: Whether no further part is taken.
    """

    __slots__ = ("_head", "_remaining_bytes", "_sender", "_unsent", "over")

    def __init__(self, sender: Sender, head: ResponseHead) -> None:
        self._sender = sender
        self._head = head
        self._remaining_bytes = head.content_length
        self._unsent: bytes | None = None
        self.over: bool = False

    async def send(self, part: bytes | str) -> None:
        """Send a part. A checkpoint; cancelled while it is written, the answer is cut.

        Raises:
            trio.BrokenResourceError: The peer has gone.
            trio.ClosedResourceError: The answer is over.
            TypeError: The part is neither text nor bytes.
            ValueError: The body is longer than its Content-Length, or begins with text in another
                charset than UTF-8.
        """
        data = part_bytes(part)
        await trio.lowlevel.checkpoint()
        if self.over:
            raise trio.ClosedResourceError("the answer this part belongs to is over")
        if self._unsent is None:
            self._sender.set_default_type(part)
            self._unsent = self._sender.encode_head(None).data
        if self._remaining_bytes is not None:
            self._remaining_bytes -= len(data)
            if self._remaining_bytes < 0:
                raise ValueError("a streamed body is longer than its Content-Length")
        framed = encode_chunk(data) if self._head.chunked and data else data
        unsent, self._unsent = self._unsent, b""
        await self._sender.write(unsent + framed)

    async def finish(self) -> None:
        """End the body.

        Raises:
            ValueError: It is shorter than its Content-Length.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        if self._remaining_bytes:
            raise ValueError("a streamed body is shorter than its Content-Length")
        rest = self._head.data if self._unsent is None else self._unsent
        await self._sender.write(rest + (LAST_CHUNK if self._head.chunked else b""))


async def close_unsent(response: Response, state: ServerState) -> None:
    """Close the body of a response that nothing was sent of, as `close_body` would."""
    with trio.CancelScope() as scope:
        await close_body(response.body, state.closing_deadline(), scope)
