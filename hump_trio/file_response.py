"""An answer that is a file: all of it, a part, or that the client has it already."""

import os
import re
import time
from mimetypes import MimeTypes
from os.path import basename, splitext
from secrets import token_hex
from typing import ClassVar
from urllib.parse import quote

from hump_trio.conditional import (
    Span,
    choose_spans,
    content_range,
    encode_multipart,
    judge_preconditions,
)
from hump_trio.exceptions import HttpException
from hump_trio.headers import Headers
from hump_trio.http_date import encode_http_date
from hump_trio.opened_file import OpenedFile, open_file
from hump_trio.request import Request
from hump_trio.response import BYTES_TYPE, Fields, Response

__all__ = ["FileResponse", "content_type_of", "respond_with_file"]

# Up to here a file is read at once and goes out as any other short answer.
WHOLE_BYTES = 64 * 1024
# A part of a longer one: more would be no faster and is held for each connection.
PART_BYTES = 256 * 1024
# What was changed this shortly ago may be changed again without a change of its time: some file
# systems count in two seconds. Until then its entity tag is a weak one (RFC 9110 section 8.8.1).
RECENT_SECONDS = 2.0
# What makes a request's answer depend on what the client has.
CONDITIONS = frozenset(
    {"if-match", "if-unmodified-since", "if-none-match", "if-modified-since", "range"}
)
# Of what isn't sent with a 304 (RFC 9110 section 15.4.5).
CONTENT_FIELDS = ("content-type", "content-encoding", "content-disposition", "content-language")

# The same on every machine, whatever it has in /etc; and what older versions of Python don't know.
KNOWN = MimeTypes().types_map
TYPES = {
    **KNOWN[False],
    **KNOWN[True],
    ".7z": "application/x-7z-compressed",
    ".avif": "image/avif",
    ".br": BYTES_TYPE,
    ".bz2": "application/x-bzip2",
    ".gz": "application/gzip",
    ".js": "text/javascript",
    ".md": "text/markdown",
    ".mjs": "text/javascript",
    ".otf": "font/otf",
    ".ttf": "font/ttf",
    ".webp": "image/webp",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
    ".xz": "application/x-xz",
    ".zst": "application/zstd",
}
# RFC 6266 appendix D: escapes and quotes are read differently, and not every client reads them.
PLAIN_NAME = re.compile(r"[A-Za-z0-9 !#$&'()+,\-.;=@\[\]^_`{}~]+")


class FileResponse(Response):
    """An answer that is a file, found when the handler has returned.

    Ranges, conditional requests and HEAD are answered for it; a file that isn't there, or isn't
    a regular one, or can't be read is a 404. Its type is that of its name.

    Args:
        path: Of the file. Where a client has a say in it, see `Router.static`.
        status: As of `Response`. With any but 200 the file is always sent, and whole.
        headers: As of `Response`. An ``ETag`` or ``Last-Modified`` here counts.
        filename: What a browser is to save it as, instead of showing it.

    Raises:
        TypeError: The path is none.
    """

    __slots__ = ("_path",)
    depends_on_request: ClassVar[bool] = True

    def __init__(
        self,
        path: str | os.PathLike[str],
        status: int = 200,
        headers: Fields = (),
        *,
        filename: str | None = None,
    ) -> None:
        Response.__init__(self, None, status, headers)
        self._path = os.fsdecode(path)
        self.headers.setdefault("content-type", content_type_of(filename or self._path))
        if filename is not None:
            self.headers.setdefault("content-disposition", attachment(filename))

    async def resolve(self, request: Request) -> Response:
        """Return the answer for a request (see `respond_with_file`).

        Raises:
            HttpException: 404, there is no such file; 412 or 416, as the client has asked for.
            OverloadError: 503, there are no descriptors left.
        """
        file = await open_file(self._path)
        if file is None or not file.is_regular:
            raise HttpException(404, "this file is not here")
        return await respond_with_file(file, request, self.status, Headers(self.headers))


class FileBody:
    """A body that is made of parts of a file; it closes the file.

    Args:
        file: Its own from now on.
        pieces: Parts of the file, and bytes between them.
    """

    __slots__ = ("_file", "_pieces")

    def __init__(self, file: OpenedFile, pieces: list[bytes | Span]) -> None:
        self._file = file
        self._pieces = pieces

    def __aiter__(self) -> "FileBody":
        return self

    async def __anext__(self) -> bytes:
        if not self._pieces:
            raise StopAsyncIteration
        piece = self._pieces[0]
        self._pieces[:1] = [piece[PART_BYTES:]] if len(piece) > PART_BYTES else []
        piece = piece[:PART_BYTES]
        return piece if isinstance(piece, bytes) else await self._file.read(piece)

    async def aclose(self) -> None:
        """Close the file."""
        self._file.close()


async def respond_with_file(
    file: OpenedFile, request: Request, status: int, headers: Headers, *, mark: str = ""
) -> Response:
    """Return the answer that an open file is to a request. A short one is read at once.

    Args:
        file: A regular one; the answer's from now on.
        request: What is answered.
        status: Of the whole file.
        headers: Of the whole file; they become the answer's.
        mark: Tells the entity tags of two forms of one file apart.

    Raises:
        EOFError: The file has become shorter.
        HttpException: 412, a precondition fails; 416, nothing of it is asked for.
        OSError: It can't be read.

    Cancellation: a checkpoint only if a disk has to be waited for; the file is closed then.
    """
    try:
        response = choose_answer(file, request, status, headers, mark)
        body = response.body
        if isinstance(body, FileBody) and int(headers["content-length"]) <= WHOLE_BYTES:
            response.body = b"".join([part async for part in body])
    except BaseException:
        file.close()
        raise
    if not isinstance(response.body, FileBody):
        file.close()
    return response


def choose_answer(
    file: OpenedFile, request: Request, status: int, headers: Headers, mark: str
) -> Response:
    """Return the answer, with the file as its body if that is to be sent."""
    size_bytes = file.status.st_size
    describe(file.status, headers, mark)
    pieces: list[bytes | Span] = [range(size_bytes)]
    conditional = status == 200 and request.method in ("GET", "HEAD")
    if conditional and not CONDITIONS.isdisjoint(request.headers):
        etag, last_modified = headers["etag"], headers["last-modified"]
        judged = judge_preconditions(request.headers, etag, last_modified)
        if judged == 304:
            kept = [field for field in headers.items() if field[0] not in CONTENT_FIELDS]
            return Response(None, 304, kept)
        if judged == 412:
            raise HttpException(412, "this is not what you have")
        spans = None
        if request.method == "GET":
            spans = choose_spans(request.headers, size_bytes, etag, last_modified)
        if spans is not None:
            if not spans:
                unsatisfied = {"content-range": f"bytes */{size_bytes}"}
                raise HttpException(416, "nothing is there", headers=unsatisfied)
            status = 206
            pieces = set_spans(spans, size_bytes, headers)
    headers["content-length"] = str(sum(map(len, pieces)))
    body = None if request.method == "HEAD" else FileBody(file, pieces)
    return Response(body, status, headers)


def describe(status: os.stat_result, headers: Headers, mark: str) -> None:
    """Say of a file what a client needs to ask for it again."""
    now = time.time()
    recent = now - status.st_mtime < RECENT_SECONDS
    etag = f'{"W/" if recent else ""}"{status.st_mtime_ns:x}-{status.st_size:x}{mark}"'
    headers.setdefault("etag", etag)
    # Never later than now (RFC 9110 section 8.8.2.1).
    headers.setdefault("last-modified", encode_http_date(min(status.st_mtime, now)))
    headers.setdefault("accept-ranges", "bytes")


def set_spans(spans: list[Span], size_bytes: int, headers: Headers) -> list[bytes | Span]:
    """Return the body of an answer with parts of a file, and say so in its headers."""
    if len(spans) == 1:
        headers["content-range"] = content_range(spans[0], size_bytes)
        return [spans[0]]
    boundary = token_hex(16)
    content_type = headers.get("content-type", BYTES_TYPE)
    headers["content-type"] = f"multipart/byteranges; boundary={boundary}"
    return encode_multipart(spans, size_bytes, content_type, boundary)


def content_type_of(name: str) -> str:
    """Return the type of a file by the end of its name; text is taken for UTF-8."""
    kind = TYPES.get(splitext(name)[1].lower(), BYTES_TYPE)
    return f"{kind}; charset=utf-8" if kind.startswith("text/") else kind


def attachment(filename: str) -> str:
    """Return the ``Content-Disposition`` for saving something under a name.

    Source: RFC 6266 sections 4.2 and 4.3, RFC 8187 section 3.2.
    """
    name = basename(filename)
    if not name:
        return "attachment"
    if PLAIN_NAME.fullmatch(name):
        return f'attachment; filename="{name}"'
    return f"attachment; filename*=UTF-8''{quote(name, safe='!#$&+-.^_`|~', errors='replace')}"
