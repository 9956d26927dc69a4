"""An answer that is a file: all of it, a part, or that the client has it already."""

import os
import time
from secrets import token_hex
from typing import ClassVar

from hump_trio.answers.conditional import (
    Span,
    choose_spans,
    content_range,
    encode_multipart,
    judge_preconditions,
)
from hump_trio.answers.file_names import attachment, content_type_of
from hump_trio.answers.opened_file import OpenedFile, is_inner_name, open_file
from hump_trio.facts.exceptions import HttpException
from hump_trio.facts.loggers import logger
from hump_trio.messages.headers import Headers
from hump_trio.messages.http_date import encode_http_date
from hump_trio.messages.request import Request
from hump_trio.messages.response import BYTES_TYPE, Fields, Response

__all__ = ["FileResponse", "respond_with_file"]

# Up to here a file is read at once and goes out as any other short answer, a longer one in parts
# as large as this. For blocks of 128 KiB the C library asks the system for new pages each time:
# 256 KiB take twice the CPU for a file of 1 MiB, and are held for each client that reads slowly.
# `os.sendfile` would save 8 % of it for long files, 29 % at 1 MiB; but only Linux 6.5 can tell
# what is cached (cachestat), a part that is still on its way from the disk included, and newer
# ones tell only who may write to the file.
PART_BYTES = 120 * 1024
# What was changed this shortly ago may be changed again without a change of its time: some file
# systems count in two seconds. Until then its entity tag is a weak one (RFC 9110 section 8.8.1).
RECENT_SECONDS = 2.0
# Whatever packs files for a machine gives them times of its own, to be the same each time: 0 or 1
# (Nix, ostree, containers), 1980 (zip), 1985 (npm). Nothing that is served is older than HTTP.
OLDEST_TIME = 631_152_000  # 1990-01-01
# What makes a request's answer depend on what the client has.
CONDITIONS = frozenset(
    {"if-match", "if-unmodified-since", "if-none-match", "if-modified-since", "range"}
)
# Of what isn't sent with a 304 (RFC 9110 section 15.4.5).
CONTENT_FIELDS = frozenset(
    {"content-type", "content-encoding", "content-disposition", "content-language"}
)


class FileResponse(Response):
    """An answer that is a file, found when the handler has returned.

    Ranges, conditional requests and HEAD are answered for it; a file that isn't there, or isn't
    a regular one, or can't be read is a 404. Its type is that of its name.

    A name that comes from a client takes ``folder``: ``FileResponse(PICTURES / name)`` would give
    out whatever file of the machine the client asks for.

    Args:
        path: Of the file; with ``folder``, from there.
        status: As of `Response`. With any but 200 the file is always sent, and whole.
        headers: As of `Response`. An ``ETag`` or ``Last-Modified`` here counts.
        filename: What a browser is to save it as, instead of showing it.
        folder: Where the file has to be, as with `Router.static`: a name with dot segments, with
            a backslash, that begins with a slash or a dot, or that a symbolic link leads out of
            the folder is a 404. Without it, a file that isn't there is logged too, since then
            the program is wrong.

    Raises:
        TypeError: The path is none.
    """

    __slots__ = ("_folder", "_path")
    __depends_on_request__: ClassVar[bool] = True

    def __init__(
        self,
        path: str | os.PathLike[str],
        status: int = 200,
        headers: Fields = (),
        *,
        filename: str | None = None,
        folder: str | os.PathLike[str] | None = None,
    ) -> None:
        if isinstance(path, bytes):
            raise TypeError("a FileResponse takes a path; bytes are sent by Response(data)")
        Response.__init__(self, None, status, headers)
        self._path = os.fsdecode(path)
        self._folder = None if folder is None else os.fsdecode(folder)
        self.headers.setdefault("content-type", content_type_of(filename or self._path))
        if filename is not None:
            self.headers.setdefault("content-disposition", attachment(filename))

    async def __resolve__(self, request: Request) -> Response:
        """Return the answer for a request (see `respond_with_file`).

        Raises:
            HttpException: 404, there is no such file; 412 or 416, as the client has asked for.
            OverloadError: 503, there are no descriptors left.
        """
        file = None
        if self._folder is None or is_inner_name(self._path):
            file = await open_file(self._path, self._folder)
        if file is None or not file.is_regular:
            if self._folder is None:
                log_missing(request, self._path)
            raise HttpException(404, "this file is not here")
        return await respond_with_file(file, request, self.status, self.headers.items())


def log_missing(request: Request, path: str) -> None:
    """Tell of a file that the program has named itself, and where it was looked for."""
    where = os.path.abspath(path)
    what = "%s %s: there is no file %r that can be read"
    logger.warning(what, request.method, request.target, where)


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
        return await read_piece(self._file, piece[:PART_BYTES])

    async def aclose(self) -> None:
        """Close the file."""
        self._file.close()


async def respond_with_file(
    file: OpenedFile,
    request: Request,
    status: int,
    fields: list[tuple[str, str]],
    *,
    mark: str = "",
) -> Response:
    """Return the answer that an open file is to a request. A short one is read at once.

    Args:
        file: A regular one; the answer's from now on.
        request: What is answered.
        status: Of the whole file.
        fields: Of the whole file, checked, names in lower case; they become the answer's.
        mark: Tells the entity tags of two forms of one file apart.

    Raises:
        EOFError: The file has become shorter.
        HttpException: 412, a precondition fails; 416, nothing of it is asked for.
        OSError: It can't be read.

    Cancellation: a checkpoint only if a disk has to be waited for; the file is closed then.
    """
    try:
        etag, last_modified = describe(file.status, fields, mark)
        response = Response(None, status)
        response.headers = Headers.received(fields)
        pieces = choose_pieces(file.status.st_size, request, response, etag, last_modified)
        byte_count = sum(map(len, pieces))
        if request.method == "HEAD":
            response.headers["content-length"] = str(byte_count)
        elif byte_count > PART_BYTES:
            response.headers["content-length"] = str(byte_count)
            response.body = FileBody(file, pieces)
            return response
        else:
            response.body = b"".join([await read_piece(file, piece) for piece in pieces])
    except BaseException:
        file.close()
        raise
    file.close()
    return response


async def read_piece(file: OpenedFile, piece: bytes | Span) -> bytes:
    """Return a piece of a body (see `OpenedFile.read`)."""
    return piece if isinstance(piece, bytes) else await file.read(piece)


def describe(status: os.stat_result, fields: list[tuple[str, str]], mark: str) -> tuple[str, str]:
    """Say of a file what a client needs to ask for it again; return its tag and its date.

    A time that was made up for the file is that of another content, too: there is no date then,
    and a weak tag of when the file came to be here, if that is known.
    """
    given = dict(fields)
    now = time.time()
    etag, last_modified = given.get("etag", ""), given.get("last-modified", "")
    true = status.st_mtime >= OLDEST_TIME
    changed_ns = status.st_mtime_ns if true else status.st_ctime_ns
    if not etag and changed_ns >= OLDEST_TIME * 10**9:
        weak = not true or now - status.st_mtime < RECENT_SECONDS
        etag = f'{"W/" if weak else ""}"{changed_ns:x}-{status.st_size:x}{mark}"'
        fields.append(("etag", etag))
    if not last_modified and true:
        # Never later than now (RFC 9110 section 8.8.2.1).
        last_modified = encode_http_date(int(min(status.st_mtime, now)))
        fields.append(("last-modified", last_modified))
    if "accept-ranges" not in given:
        fields.append(("accept-ranges", "bytes"))
    return etag, last_modified


def choose_pieces(
    size_bytes: int, request: Request, response: Response, etag: str, last_modified: str
) -> list[bytes | Span]:
    """Return what is to be sent of so many bytes, and let the response say so."""
    whole: list[bytes | Span] = [range(size_bytes)]
    conditional = response.status == 200 and request.method in ("GET", "HEAD")
    if not conditional or CONDITIONS.isdisjoint(request.headers):
        return whole
    judged = judge_preconditions(request.headers, etag, last_modified)
    if judged == 412:
        raise HttpException(412, "this is not what you have")
    if judged == 304:
        response.status = 304
        for name in CONTENT_FIELDS.intersection(response.headers):
            del response.headers[name]
        return []
    if request.method == "HEAD":
        return whole
    spans = choose_spans(request.headers, size_bytes, etag, last_modified)
    if spans is None:
        return whole
    if not spans:
        unsatisfied = {"content-range": f"bytes */{size_bytes}"}
        raise HttpException(416, "nothing is there", headers=unsatisfied)
    response.status = 206
    return set_spans(spans, size_bytes, response.headers)


def set_spans(spans: list[Span], size_bytes: int, headers: Headers) -> list[bytes | Span]:
    """Return the body of an answer with parts of a file, and say so in its headers."""
    if len(spans) == 1:
        headers["content-range"] = content_range(spans[0], size_bytes)
        return [spans[0]]
    boundary = token_hex(16)
    content_type = headers.get("content-type", BYTES_TYPE)
    headers["content-type"] = f"multipart/byteranges; boundary={boundary}"
    return encode_multipart(spans, size_bytes, content_type, boundary)
