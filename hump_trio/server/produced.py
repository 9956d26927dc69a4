"""A `StreamResponse` whose function may begin the answer by itself, as a body that speaks."""

import trio

from hump_trio.content.charset import check_text_type
from hump_trio.messages.converted_body import part_bytes
from hump_trio.messages.framing import BODYLESS
from hump_trio.messages.headers import Headers
from hump_trio.messages.response import BYTES_TYPE, TEXT_TYPE, Fields, Producer
from hump_trio.server.reply import ServerReply

__all__ = ["speak_produced"]


async def speak_produced(producer: Producer, reply: ServerReply) -> None:
    """Have an answer given by a producer that takes ``send`` and ``begin``.

    Without a call of ``begin`` the status and the fields are those of the response.

    Args:
        producer: The producer.
        reply: What it gives the answer through.

    Cancellation: as `ServerReply.speak`.
    """
    parts = Parts(reply)
    produced = None
    with parts.scope:
        try:
            produced = await producer.produce(parts.send, parts.begin)
        finally:
            parts.over = True
    await parts.finish(produced)


class Parts:
    """The parts of an answer on their way out, and its beginning.

    Several tasks may send; each part goes out whole.

    Args:
        reply: What they go out through.

    Attributes:
        scope: Encloses the producer, and is cancelled when an answer begins that has no body.
        over: Whether no further part is taken.
    """

    __slots__ = ("_lock", "_reply", "_typed", "over", "scope")

    def __init__(self, reply: ServerReply) -> None:
        self.scope: trio.CancelScope = trio.CancelScope()
        self.over: bool = False
        self._reply = reply
        self._lock = trio.Lock()
        self._typed = False  # whether the first part has told its type

    def begin(self, status: int, headers: Fields = ()) -> None:
        """Decide the status and the header fields (see `Begin`)."""
        reply = self._reply
        if reply.begun:
            raise RuntimeError("an answer is begun once, before its first part")
        reply.begin(status, Headers(headers).items(), trailers=bool(reply.response.trailers))
        if reply.request.method == "HEAD" or reply.status in BODYLESS:
            self.scope.cancel()

    async def send(self, part: bytes | str) -> None:
        """Send a part (see `Send`)."""
        reply, lock = self._reply, self._lock
        if lock.locked():
            await lock.acquire()
        else:
            lock.acquire_nowait()  # a part has its checkpoint
        try:
            data = part_bytes(part)
            if self.over:
                await trio.lowlevel.checkpoint()
                raise trio.ClosedResourceError("the answer this part belongs to is over")
            if not reply.begun:
                self.begin(reply.response.status)
            if not self._typed:
                self._typed = True
                kind = reply.set_default_type(TEXT_TYPE if isinstance(part, str) else BYTES_TYPE)
                if isinstance(part, str):
                    check_text_type(kind)
            await reply.send(data)
        finally:
            lock.release()

    async def finish(self, produced: Fields | None) -> None:
        """End the answer.

        Args:
            produced: The trailers that its producer has returned.
        """
        async with self._lock:  # a task that outlives the producer may be writing a part
            if not self._reply.begun:
                self.begin(self._reply.response.status)
            await trio.lowlevel.checkpoint_if_cancelled()
            await self._reply.finish(b"", () if produced is None else produced)
