"""Forms with files, read from a body while it arrives, within limits."""

from collections.abc import AsyncIterable, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from sys import getsizeof

from hump_trio.content.charset import decode_text
from hump_trio.content.multimap import MultiMap
from hump_trio.content.multipart import MultipartParser, PartHead
from hump_trio.content.room import Room
from hump_trio.content.upload import Spool, UploadFile
from hump_trio.facts.exceptions import HttpException
from hump_trio.facts.settings import Limits

__all__ = ["Form", "receive_form"]

# Memory of a part besides its texts: its pair, its entries in a list and in a dict, and for a file
# its `UploadFile`.
PART_BYTES = 120


@dataclass(frozen=True, slots=True, eq=False)
class Form:
    """The fields and files of a form by name, in the order of the page; repeated names are kept.

    Args:
        fields: The text fields.
        files: The files. An input of the page for which no file was chosen has none here.
    """

    fields: MultiMap
    files: MultiMap[UploadFile]


class FormBuilder:
    """Makes a form of the events of a parser.

    Args:
        limits: The caps for texts and files.
        room: Counts the memory that the form takes.
        spool: Stores the contents of the files.
    """

    def __init__(self, limits: Limits, room: Room, spool: Spool) -> None:
        self._limits = limits
        self._room = room
        self._spool = spool
        self._held_bytes = 0
        self._head = PartHead("", None, "", 0)
        self._text = bytearray()
        self._text_bytes = 0
        self._start = 0
        self._fields: list[tuple[str, str]] = []
        self._files: list[tuple[str, UploadFile]] = []

    async def take(self, event: PartHead | bytes | None) -> None:
        """Take one event of the parser.

        Raises:
            HttpException: 413 for a form past a limit, 400 or 415 for a text that can't be
                decoded.
            OverloadError: 503 or 507, there is no room for the form.

        Cancellation: a checkpoint only if the disk is needed.
        """
        if isinstance(event, PartHead):
            self._begin_part(event)
        elif event is None:
            self._end_part()
        elif self._head.filename is None:
            self._add_text(event)
        else:
            limit_bytes = self._limits.upload_bytes
            if self._spool.size_bytes + len(event) > limit_bytes:
                raise HttpException(413, f"the files are larger than {limit_bytes} bytes")
            await self._spool.append(event)

    def _hold(self, byte_count: int) -> None:
        """Count bytes in memory."""
        self._held_bytes += byte_count
        self._room.hold(byte_count)

    def release(self) -> None:
        """Count off all the memory that was counted."""
        self._hold(-self._held_bytes)

    def _begin_part(self, head: PartHead) -> None:
        self._head = head
        self._start = self._spool.size_bytes
        self._count_text(head.size_bytes)
        texts = (head.name, head.filename or "", head.content_type)
        self._hold(PART_BYTES + sum(map(getsizeof, texts)))

    def _count_text(self, byte_count: int) -> None:
        limit_bytes = self._limits.body_bytes
        self._text_bytes += byte_count
        if self._text_bytes > limit_bytes:
            raise HttpException(413, f"the texts and names are larger than {limit_bytes} bytes")

    def _add_text(self, data: bytes) -> None:
        limit_bytes = self._limits.form_field_bytes
        self._text += data
        if len(self._text) > limit_bytes:
            raise HttpException(413, f"a text of the form is larger than {limit_bytes} bytes")
        self._count_text(len(data))
        self._hold(len(data))

    def _end_part(self) -> None:
        head = self._head
        if head.filename is None:
            text = decode_text(self._text, head.content_type, "form")
            self._hold(getsizeof(text) - len(self._text))  # up to four bytes for a character
            self._fields.append((head.name, text))
            self._text = bytearray()
            return
        size_bytes = self._spool.size_bytes - self._start
        if not head.filename and not size_bytes:
            return  # browsers send such a part if no file was chosen
        file = UploadFile(
            head.name, head.filename, head.content_type, size_bytes, self._spool, self._start
        )
        self._files.append((head.name, file))

    async def finish(self) -> Form:
        """Return the form of all events, with files that can be read."""
        await self._spool.finish()
        return Form(MultiMap(self._fields), MultiMap(self._files))


@asynccontextmanager
async def receive_form(
    content_type: str,
    stream: AsyncIterable[bytes],
    limits: Limits,
    room: Room,
    *,
    texts_stay: bool = False,
) -> AsyncIterator[Form]:
    """Read a form to its end, and keep its files until the block ends (see `Request.multipart`).

    With ``texts_stay`` the texts outlast the block: they are counted until the request is over.
    """
    parser = MultipartParser(content_type, limits.form_parts)
    spool = Spool(room)
    builder = FormBuilder(limits, room, spool)
    try:
        yield await read_form(stream, parser, builder)
    finally:
        if not texts_stay:
            builder.release()
        await spool.aclose()


async def read_form(
    stream: AsyncIterable[bytes], parser: MultipartParser, builder: FormBuilder
) -> Form:
    """Read a form to its end."""
    async for data in stream:
        for event in parser.parse(data):
            await builder.take(event)
    parser.close()
    return await builder.finish()
