"""A response onto the wire, whatever the protocol: whole, or part by part as its body yields."""

import math
from collections.abc import AsyncIterable, Iterable
from typing import cast

import trio

from hump_trio.content.charset import check_text_type
from hump_trio.messages.converted_body import ConvertedBody, part_bytes
from hump_trio.messages.framing import BODYLESS
from hump_trio.messages.headers import FieldLines, Headers
from hump_trio.messages.response import (
    BYTES_TYPE,
    TEXT_TYPE,
    Behind,
    Fields,
    Producer,
    Response,
    checked_trailers,
)
from hump_trio.server.clock import Clock
from hump_trio.server.phases import Phase
from hump_trio.server.stream import HttpStream
from hump_trio.tasks.closing import close_body

__all__ = ["Sender", "close_unsent", "give_head"]


class Sender:
    """Sends one answer.

    Args:
        stream: Where to.
        clock: Bounds it.
        response: A settled response.
    """

    __slots__ = ("_clock", "_response", "_stream")

    def __init__(self, stream: HttpStream, clock: Clock, response: Response) -> None:
        self._stream = stream
        self._clock = clock
        self._response = response

    async def send(self) -> None:
        """Send the answer.

        Raises:
            trio.BrokenResourceError: The peer has gone.
            Exception: What a streamed body raised. If the clock isn't `answering` then, another
                answer can be sent.

        Cancellation: a checkpoint only where the peer doesn't take the bytes at once, and before
            each part of a stream. Cancelled here, the answer is incomplete and its body closed.
        """
        body = self._response.body
        if isinstance(body, Producer | ConvertedBody) and body.take_headers is not None:
            body.take_headers(self._response.headers)
        if isinstance(body, Producer):
            await self._send_produced(body)
        elif isinstance(body, bytes):
            if self.set_head(len(body)):
                await self._stream.finish(body, self.trailers())
            else:
                await self._stream.finish()
        else:
            await self._send_stream(cast("AsyncIterable[bytes | str]", body))

    def set_head(self, body_bytes: int | None) -> bool:
        """Set the head, and return whether a body follows.

        Args:
            body_bytes: None for a body of unknown length.
        """
        response = self._response
        return give_head(
            self._stream,
            response.status,
            response.headers.items(),
            body_bytes,
            trailers=response.trailers,
        )

    def trailers(self, produced: Fields | None = None) -> FieldLines:
        """Return the fields that follow the body, whether the client takes them or not.

        So a program learns of its mistakes from any client.

        Args:
            produced: What a producer has returned.

        Raises:
            Exception: What the function raised that makes them.
            TypeError: They aren't fields.
            ValueError: A field can't be sent, or not behind a body.
        """
        given = self._response.trailers
        fields = checked_trailers(given() if callable(given) else given).items() if given else []
        if produced is not None:
            if not isinstance(produced, Iterable):
                raise TypeError(f"a producer returns trailers or None, not {produced!r:.80}")
            fields += checked_trailers(produced).items()
        return fields

    def set_default_type(self, part: bytes | str) -> None:
        """Take the content type from the first part, if the response names none.

        Raises:
            ValueError: The part is text, and the type names another charset than UTF-8.
        """
        headers = self._response.headers
        headers.setdefault("content-type", TEXT_TYPE if isinstance(part, str) else BYTES_TYPE)
        if isinstance(part, str):
            check_text_type(headers.get("content-type", ""))

    async def _send_produced(self, producer: Producer) -> None:
        """Have a body sent by its function, which is over when that returns."""
        if not self._has_body():
            try:
                await self._stream.finish()
            finally:
                await close_unsent(self._response, self._clock)
            return
        parts = Parts(self, self._stream)
        lock = trio.Lock()

        async def send(part: bytes | str) -> None:
            if lock.locked():
                await lock.acquire()
            else:
                lock.acquire_nowait()  # a part has its checkpoint: 4 µs less than with two
            try:
                await parts.send(part)
            finally:
                lock.release()

        try:
            nowait = (self._stream.send_nowait,) if producer.nowait else ()
            produced = await producer.produce(send, *nowait)
        finally:
            parts.over = True
        async with lock:  # a task that outlives the function may be writing a part
            await parts.finish(produced)

    async def _send_stream(self, body: AsyncIterable[bytes | str]) -> None:
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
                    await self._send_parts(iterator)
                    sent = True
                finally:
                    deadline = self._clock.state.closing_deadline()
                    await close_body(iterator, deadline, scope)
                    if iterator is not body:
                        await close_body(body, deadline, scope)
        except trio.Cancelled as error:
            cause = error
        if not sent:
            try:
                if cause is not None and trio.current_effective_deadline() == -math.inf:
                    raise cause  # it was the server's
                # The scope has taken that too, if closing the body took too long.
                await trio.lowlevel.checkpoint_if_cancelled()
                raise RuntimeError(
                    "a scope of a streamed body's own cancelled its sending"
                ) from cause
            finally:
                del cause  # its traceback holds this frame

    async def _send_parts(self, iterator: AsyncIterable[bytes | str]) -> None:
        if self._has_body():
            parts = Parts(self, self._stream)
            async for part in iterator:
                await parts.send(part)
            await parts.finish()
            # The answer is whole: nobody is looked for while its body is closed.
            self._clock.enter(Phase.CLOSE_BODY, math.inf)
        else:
            await self._stream.finish()

    def _has_body(self) -> bool:
        """Tell whether a body follows, before anything of it is made.

        The head is set where none follows, or where it may be refused. Else its first part may
        change it: to set it twice would take 7 % of the instructions of such an answer.

        Raises:
            ValueError: The length that the response announces is none.
        """
        response = self._response
        bodyless = response.status in BODYLESS or self._stream.target.method == "HEAD"
        if bodyless or "content-length" in response.headers:
            return self.set_head(None)
        return True


class Parts:
    """The parts of a streamed answer on their way out.

    The head goes out with the first one, so that an error before it still gets a proper answer,
    and its kind is the content type if the response names none. An empty part sends the head
    alone. Before each part is a checkpoint: a body that never waits can't starve other
    connections, and one that swallows its cancellation writes nothing more, least of all an end.

    Args:
        sender: Sends the answer.
        stream: Where to.

    Attributes:
        over: Whether no further part is taken.
    """

    __slots__ = ("_begun", "_sender", "_stream", "over")

    def __init__(self, sender: Sender, stream: HttpStream) -> None:
        self._sender = sender
        self._stream = stream
        self._begun = False
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
        if not self._begun:
            self._sender.set_default_type(part)
            self._sender.set_head(None)
            self._begun = True
        await self._stream.send(data)

    async def finish(self, produced: Fields | None = None) -> None:
        """End the body.

        Args:
            produced: The trailers that its producer has returned.

        Raises:
            TypeError: The trailers aren't fields.
            ValueError: The body is shorter than its Content-Length, or a trailer can't be sent.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        if not self._begun:
            self._sender.set_head(None)
        await self._stream.finish(b"", self._sender.trailers(produced))


def give_head(
    stream: HttpStream,
    status: int,
    fields: FieldLines,
    body_bytes: int | None,
    *,
    trailers: Behind,
    more_trailers: bool = False,
) -> bool:
    """Give the head of an answer to its stream, and return whether a body follows.

    Args:
        stream: That of the answer.
        status: That of the answer.
        fields: Checked; those that announce trailers are added.
        body_bytes: None for a body of unknown length.
        trailers: Those of the response.
        more_trailers: Whether others, which nobody knows yet, are to follow the body, too.
    """
    if not (trailers or more_trailers):
        return stream.set_head(status, fields, body_bytes)
    follow = stream.takes_trailers and status not in BODYLESS and stream.target.method != "HEAD"
    if follow and isinstance(trailers, Headers) and "trailer" not in [name for name, _ in fields]:
        fields = [*fields, ("trailer", ", ".join(trailers))]  # RFC 9110 section 6.6.2
    return stream.set_head(status, fields, body_bytes, trailers=follow)


async def close_unsent(response: Response, clock: Clock) -> None:
    """Close the body of a response that nothing was sent of, as `close_body` would."""
    with trio.CancelScope() as scope:
        await close_body(response.body, clock.state.closing_deadline(), scope)
