"""Files as responses: the whole file, parts of it, or the news that the client has it already."""

import os
import time
from os import urandom
from typing import ClassVar

from hump_trio.answers.file_names import attachment, content_type_of
from hump_trio.answers.opened_file import OpenedFile, is_inner_name, open_file
from hump_trio.facts.exceptions import HttpException
from hump_trio.facts.loggers import logger
from hump_trio.messages.conditional import (
    CHANGED,
    CONTENT_FIELDS,
    READS,
    Span,
    choose_spans,
    content_range,
    encode_multipart,
    judge_preconditions,
)
from hump_trio.messages.headers import Headers
from hump_trio.messages.http_date import encode_http_date
from hump_trio.messages.request import Request
from hump_trio.messages.response import BYTES_TYPE, Fields, Response

__all__ = ["FileResponse", "respond_with_file"]

# A file of up to this size is read at once and sent as any other short response, a longer one in
# parts of this size. For blocks of 128 KiB and more the C library asks the system for new pages
# each time: parts of 256 KiB take twice the CPU for a file of 1 MiB, and are held for each client
# that reads slowly. `os.sendfile` would save 8 % of the CPU for long files, 29 % at 1 MiB. But it
# waits for the disk, and the one call that tells what is cached (cachestat, Linux 6.5) counts parts
# that are still on their way from the disk; newer versions answer it only to users who may write to
# the file.
PART_BYTES = 120 * 1024
# A file that was changed this shortly ago may change again without a change of its time: some file
# systems count in steps of two seconds. Until then its entity tag is weak (RFC 9110 section 8.8.1).
RECENT_SECONDS = 2.0
# Tools that pack files give them made-up times, so that packages are reproducible: 0 or 1 (Nix,
# ostree, containers), 1980 (zip), 1985 (npm). No file that is served is older than HTTP.
OLDEST_TIME = 631_152_000  # 1990-01-01
# Fields that make the response depend on the client's copy, or ask for parts.
CONDITIONS = frozenset(
    {"if-match", "if-unmodified-since", "if-none-match", "if-modified-since", "range"}
)


class FileResponse(Response):
    """A response with a file, which is opened when the handler has returned.

    Ranges, conditional requests and HEAD are answered as HTTP demands. A file that isn't there,
    isn't a regular file or can't be read is answered with 404. The content type is taken from the
    file's name.

    A name that comes from a client needs ``folder``: ``FileResponse(PICTURES / name)`` would give
    out any file of the machine that the client asks for.

    Args:
        path: The path of the file; with ``folder``, a path relative to the folder.
        status: A final status, 200 to 599; 200 by default. With any other status than 200 the
            whole file is sent, whatever the client's conditions and ranges.
        headers: Further header fields (see `Response`). An ``ETag`` or ``Last-Modified`` given
            here replaces the file's own, in conditions too.
        filename: The name that a browser saves the file under, instead of showing it.
        folder: The folder that the file has to be in, as with `Router.static`. A path is answered
            with 404 if it has dot segments or a backslash, begins with a slash or a dot, or leads
            out of the folder by a symbolic link. Without ``folder``, a file that isn't there is
            logged too, since then the program has named it.

    Raises:
        TypeError: The path isn't one.
        ValueError: The status isn't a final one, or a field can't be sent.
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
        """Return the response to a request (see `respond_with_file`).

        Raises:
            HttpException: 404, there is no such file; 412 or 416, a condition or a range of the
                request can't be met.
            OverloadError: 503, there are no descriptors left.
        """
        file = None
        if self._folder is None or is_inner_name(self._path):
            file = await open_file(self._path, self._folder)
        if file is None or not file.is_regular:
            if self._folder is None:
                log_missing(request, self._path)
            raise HttpException(404, "this file is not here")
        response = await respond_with_file(file, request, self.status, self.headers.items())
        response.trailers = self.trailers
        return response


def log_missing(request: Request, path: str) -> None:
    """Log that a file isn't there which the program itself has named."""
    where = os.path.abspath(path)
    what = "%s %s: there is no file %r that can be read"
    logger.warning(what, request.method, request.target, where)


class FileBody:
    """A streamed body made of parts of a file.

    Args:
        file: The file, which the body closes from now on.
        pieces: Spans of the file, and bytes that stand between them.
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
    """Return the response with an open file to a request. A short file is read at once.

    Args:
        file: A regular file. The response, or this function if it fails, closes it.
        request: The request that is answered.
        status: The status of a response with the whole file.
        fields: The header fields of such a response, checked, names in lower case; the response
            takes the list over.
        mark: Text at the end of the entity tag, which differs for the coded forms of one file.

    Raises:
        EOFError: The file has become shorter since it was opened.
        HttpException: 412, a precondition fails; 416, no range that is asked for is in the file.
        OSError: The file can't be read.

    Cancellation: a checkpoint only if a disk has to be waited for; the file is closed then.
    """
    assert file.is_regular
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
    """Add the fields by which a client can ask again; return the entity tag and the date.

    A made-up time of change may be that of another content too. The file then gets no date, and a
    weak tag made of the time at which it came to this machine, if that is known.
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
        # The date must not be later than now (RFC 9110 section 8.8.2.1).
        last_modified = encode_http_date(int(min(status.st_mtime, now)))
        fields.append(("last-modified", last_modified))
    if "accept-ranges" not in given:
        fields.append(("accept-ranges", "bytes"))
    return etag, last_modified


def choose_pieces(
    size_bytes: int, request: Request, response: Response, etag: str, last_modified: str
) -> list[bytes | Span]:
    """Return the pieces of a file to send, and set the response's status and fields to fit.

    Raises:
        HttpException: 412, a precondition fails; 416, no range that is asked for is in the file.
    """
    whole: list[bytes | Span] = [range(size_bytes)]
    conditional = response.status == 200 and request.method in READS
    if not conditional or CONDITIONS.isdisjoint(request.headers):
        return whole
    judged = judge_preconditions(request.headers, etag, last_modified)
    if judged == 412:
        raise HttpException(412, CHANGED)
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
    """Return the pieces of a partial response, and describe them in its headers."""
    if len(spans) == 1:
        headers["content-range"] = content_range(spans[0], size_bytes)
        return [spans[0]]
    boundary = urandom(16).hex()
    content_type = headers.get("content-type", BYTES_TYPE)
    headers["content-type"] = f"multipart/byteranges; boundary={boundary}"
    return encode_multipart(spans, size_bytes, content_type, boundary)
