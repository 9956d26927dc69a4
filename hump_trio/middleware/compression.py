"""Compression of answers, for clients that accept it."""

import math
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Any

from hump_trio.content.charset import other_charset
from hump_trio.dispatch.stepped import Stepped
from hump_trio.messages.headers import Headers
from hump_trio.messages.negotiation import add_vary, rank_codings
from hump_trio.messages.request import Request
from hump_trio.messages.response import Response, settle, speaks
from hump_trio.middleware.coding import Coder, LateCoder, gzip_coder, load_zstd, zstd_coder
from hump_trio.middleware.option_checks import check_flag, check_number

__all__ = ["Compression"]

# Content types whose bytes aren't compressed already.
PLAIN_KINDS = re.compile(
    r"text/.+|.+\+(?:json|xml|text)|image/(?:bmp|x-icon|vnd\.microsoft\.icon)|font/(?:otf|ttf)"
    r"|application/(?:json|jsonl|x-ndjson|javascript|xml|wasm|x-javascript|yaml|toml|sql)"
)
# Fields that describe the very bytes of a body, which compression would replace.
BYTE_FIELDS = frozenset({"content-encoding", "content-range", "content-digest", "repr-digest"})


class Compression(Stepped):
    """Compresses answers with zstd or gzip, as the client prefers; zstd if it has no preference.

    Register it first, as in ``app.middleware(Compression())``, so that it sees cookies that other
    middleware sets. zstd needs Python 3.14 or the extra ``zstd``.

    Text, JSON and similar types are compressed, whole or streamed. A client can read each part of
    a stream as soon as that part was sent; for this up to 300 KiB of memory are held while the
    stream is open (80 KiB if it sends only small events). A stream without a content type is
    compressed if its first part is a str. Answers are left alone if they are small, partial,
    encoded already, of an unknown type, marked ``Cache-Control: no-transform``, or begun by their
    producer (see `StreamResponse`). ETags become weak, since the bytes change.

    Args:
        minimum_bytes: Smaller bodies are left alone. 1024: such a body fits in one packet anyway.
        level: The level of gzip, 1 to 9. 4: each further level takes a quarter more time and
            saves 2 %.
        with_cookies: Whether answers that set cookies are compressed, too. False: an attacker who
            makes a visitor's browser send requests, and sees the size of the answers, could guess
            a secret that stands beside text of the attacker's (the BREACH attack).

    Raises:
        TypeError: ``with_cookies`` isn't a bool.
        ValueError: A number is out of its range.

    Cancellation: a thread that is compressing is waited for, 1 MiB at most.

    Source: RFC 9110 sections 8.4 and 12.5.3.
    """

    def __init__(
        self, *, minimum_bytes: int = 1024, level: int = 4, with_cookies: bool = False
    ) -> None:
        check_number("minimum_bytes", minimum_bytes, 0, math.inf)
        check_number("level", level, 1, 9)
        check_flag("with_cookies", with_cookies)
        self._minimum_bytes = minimum_bytes
        self._with_cookies = with_cookies
        zstd = load_zstd()
        self._codings: dict[str, Callable[..., Coder]] = {"gzip": partial(gzip_coder, level)}
        if zstd is not None:
            self._codings = {"zstd": partial(zstd_coder, zstd), **self._codings}

    def __finish__(
        self, request: Request, response: Response, begun: Any
    ) -> Response | Awaitable[Response]:
        """Compress the answer if its type allows that and the client accepts it."""
        settle(response)
        headers = response.headers
        if response.status == 304:
            self._agree(request, headers)  # with the fields of the 200 that it confirms
        elif response.status == 206:
            add_vary(headers, "Accept-Encoding")  # as the 200 does (RFC 9110 section 15.3.7)
        elif self._suits(request, response):
            coding = self._agree(request, headers)
            if coding is not None:
                return self._compress(request, response, coding)
        return response

    async def _compress(self, request: Request, response: Response, coding: str) -> Response:
        headers = response.headers
        late = "content-type" not in headers  # the first part tells the type
        if not late:
            headers["content-encoding"] = coding
        for name in ("content-length", "accept-ranges"):
            if name in headers:
                del headers[name]
        if request.method == "HEAD" and isinstance(response.body, bytes):
            response.body = nothing()
        streamed = not isinstance(response.body, bytes)
        make = partial(self._codings[coding], streamed=streamed)
        if late:
            response.body = LateCoder(make, coding).convert(response.body)
        else:
            response.body = await make().convert(response.body)
        return response

    def _suits(self, request: Request, response: Response) -> bool:
        """Tell whether an answer would be compressed for a client that takes all codings."""
        headers, body = response.headers, response.body
        if isinstance(body, bytes) and 0 < len(body) < self._minimum_bytes:
            return False
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        length = headers.get("content-length", "")
        if isinstance(body, bytes) and (body or request.method != "HEAD"):
            length = str(len(body))
        if speaks(body):  # nobody knows yet what it is
            return False
        streamed = not isinstance(body, bytes)
        late = "content-type" not in headers and streamed and not length
        if streamed and other_charset(headers.get("content-type", "")):
            return False  # the server refuses text in a charset other than UTF-8
        return (
            response.status not in {204, 205}
            and (late or PLAIN_KINDS.fullmatch(kind) is not None)
            and BYTE_FIELDS.isdisjoint(field_names(response))
            and "no-transform" not in headers.get("cache-control", "").lower()
            and (self._with_cookies or "set-cookie" not in headers)
            and not (length.isdecimal() and int(length) < self._minimum_bytes)
        )

    def _agree(self, request: Request, headers: Headers) -> str | None:
        """Return the coding to use, if any, and tell caches that it depends on the client.

        Args:
            request: The request, which says what the client accepts.
            headers: The answer's header fields: ``Vary`` is set, and an ETag becomes weak.
        """
        add_vary(headers, "Accept-Encoding")
        ranked = rank_codings(request.headers.get("accept-encoding", ""), self._codings)
        coding = ranked[0] if ranked else None
        tag = headers.get("etag", "W/")
        if coding is not None and not tag.startswith("W/"):
            headers["etag"] = f"W/{tag}"
        return coding


def field_names(response: Response) -> set[str]:
    """Return the names of an answer's fields, with those of its trailers that are known."""
    headers, trailers = response.headers, response.trailers
    announced = headers.get("trailer", "").lower().split(",")
    names = {*headers, *(name.strip() for name in announced)}
    return names.union(trailers) if isinstance(trailers, Headers) else names


async def nothing() -> AsyncIterator[bytes]:
    """Yield nothing: a body of unknown length, as the answer to HEAD is not compressed."""
    return
    yield
