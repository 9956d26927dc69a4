"""A form with files: read from a body as it streams, within limits."""

from collections.abc import AsyncIterable, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from hump_trio.charset import decode_text
from hump_trio.exceptions import HttpException
from hump_trio.multimap import MultiMap
from hump_trio.multipart import MultipartParser, PartHead
from hump_trio.settings import Limits
from hump_trio.upload import Spool, UploadFile

__all__ = ["Form", "receive_form"]


@dataclass(frozen=True, slots=True, eq=False)
class Form:
    """The parts of a form by name, in the order of the page; repeats are kept.

    Args:
        fields: The text fields.
        files: The files. Where a page's user has chosen none, there is none.
    """

    fields: MultiMap
    files: MultiMap[UploadFile]


class FormReader:
    """Makes a form of what a parser finds.

    Args:
        limits: What may come of each.
        spool: Takes the contents of files.
    """

    def __init__(self, limits: Limits, spool: Spool) -> None:
        self._limits = limits
        self._spool = spool
        self._head = PartHead("", None, "")
        self._text = bytearray()
        self._text_bytes = 0
        self._start = 0
        self._fields: list[tuple[str, str]] = []
        self._files: list[tuple[str, UploadFile]] = []

    async def take(self, event: PartHead | bytes | None) -> None:
        """Take what a parser has found. A checkpoint where the disk is needed.

        Raises:
            HttpException: 413 past a limit, 400 or 415 for a text that can't be decoded.
        """
        if isinstance(event, PartHead):
            self._head = event
            self._start = self._spool.size_bytes
        elif event is None:
            self._end_part()
        elif self._head.filename is None:
            self._add_text(event)
        else:
            limit_bytes = self._limits.upload_bytes
            if self._spool.size_bytes + len(event) > limit_bytes:
                raise HttpException(413, f"the files are larger than {limit_bytes} bytes")
            await self._spool.append(event)

    def _add_text(self, data: bytes) -> None:
        limits = self._limits
        self._text += data
        self._text_bytes += len(data)
        if len(self._text) > limits.form_field_bytes:
            detail = f"a text of the form is larger than {limits.form_field_bytes} bytes"
            raise HttpException(413, detail)
        if self._text_bytes > limits.body_bytes:
            raise HttpException(413, f"the texts are larger than {limits.body_bytes} bytes")

    def _end_part(self) -> None:
        head = self._head
        if head.filename is None:
            text = decode_text(self._text, head.content_type, "form")
            self._fields.append((head.name, text))
            self._text = bytearray()
            return
        size_bytes = self._spool.size_bytes - self._start
        if not head.filename and not size_bytes:
            return  # what browsers send where no file was chosen
        file = UploadFile(
            head.name, head.filename, head.content_type, size_bytes, self._spool, self._start
        )
        self._files.append((head.name, file))

    async def finish(self) -> Form:
        """Return what was taken, ready to be read."""
        await self._spool.finish()
        return Form(MultiMap(self._fields), MultiMap(self._files))


@asynccontextmanager
async def receive_form(
    content_type: str, stream: AsyncIterable[bytes], limits: Limits
) -> AsyncIterator[Form]:
    """Read a form to its end, and keep its files until it is left; see `Request.multipart`."""
    parser = MultipartParser(content_type, limits.form_parts)
    spool = Spool()
    try:
        yield await read_form(stream, parser, FormReader(limits, spool))
    finally:
        await spool.aclose()


async def read_form(
    stream: AsyncIterable[bytes], parser: MultipartParser, reader: FormReader
) -> Form:
    """Read a form to its end."""
    async for data in stream:
        for event in parser.parse(data):
            await reader.take(event)
    parser.close()
    return await reader.finish()
