"""A request as a handler sees it. How its bytes came is not known here."""

import math
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar, overload

import trio

from hump_trio.content.charset import decode_text
from hump_trio.content.form import Form, receive_form
from hump_trio.content.json_text import json_codec
from hump_trio.content.multimap import MultiMap, parse_urlencoded
from hump_trio.content.room import Room
from hump_trio.facts.exceptions import HttpException
from hump_trio.facts.hints import OF_REQUEST, hint_of
from hump_trio.facts.outcomes import CancelReason, Outcome
from hump_trio.facts.settings import Limits
from hump_trio.messages.cookies import parse_cookies
from hump_trio.messages.headers import FieldLines, Headers, RequestHeaders
from hump_trio.messages.target import RequestLine, origin_form

__all__ = ["Request", "build_request"]

T = TypeVar("T")
# What browsers take for a slash, and a host's name after two of them.
SLASHES = ("/", "\\")


class NoStream:
    """The stream of a request whose body is there already."""

    __slots__ = ()

    def __aiter__(self) -> "NoStream":
        return self

    async def __anext__(self) -> NoReturn:
        raise RuntimeError("this route reads its body whole: use request.body, or stream=True")


NO_STREAM: AsyncIterator[bytes] = NoStream()
NO_BOUND = Room()  # of a request that no server has received


@dataclass(slots=True, eq=False)
class Request:
    """One request; the body is there already when the handler starts.

    Args:
        method: As sent; methods are case-sensitive.
        target: The request target as received, whatever form it has.
        path: The target's path, its escapes decoded once.
        headers: The fields in order, names in lower case.
        query_string: The target's query, escapes and all.
        http_version: ``"1.1"`` or ``"1.0"``.
        scheme: ``"http"``, or ``"https"`` over TLS.
        host: The authority asked for: of an absolute target, else the ``Host`` field.
        client: The peer's address and port; None where there is none (a memory stream).
        client_certificate: The one that the peer has proven over TLS to own, as of
            `ssl.SSLSocket.getpeercert`; None if it wasn't asked for, or has none.
        path_params: The values of the path template, converted.
        body: The whole body. On a route with ``stream=True`` it raises RuntimeError, and so
            do `text`, `json` and `form`.
        trailers: Fields that came after a chunked body, never mixed with ``headers``.
        stream: The body in parts as they arrive, on a route with ``stream=True``. Each step is
            a checkpoint; cancelled, nothing is lost. It raises `HttpParserError` for a body that
            breaks off or is malformed, and `HttpException` 413 past the limit.
        state: Room for middleware to leave things for handlers.
        app: The app that serves the request.
        route: The template of the route that was chosen; empty if none was.
        outcome: How the request ends, as far as that is known yet.
        server_deadline: When the server will cancel the handler.
        own_deadlines: When scopes of `hump_trio.timeout` will.
        cancelled_for: Why the server has cancelled the handler, where it wasn't the clock.
        late: Tells what answers the request if an error comes of its time having passed; None
            while the server knows of no such time.

    Attributes:
        received_fields: What ``headers`` are made of when they are first looked at.
    """

    method: str
    target: str
    path: str
    headers: Headers = field(default_factory=Headers)
    query_string: str = ""
    http_version: str = "1.1"
    scheme: str = "http"
    host: str = ""
    client: tuple[str, int] | None = None
    client_certificate: dict[str, Any] | None = field(default=None, repr=False)
    path_params: dict[str, Any] = field(default_factory=dict)
    body: bytes = field(default=b"", repr=False)
    trailers: Headers = field(default_factory=Headers, repr=False)
    stream: AsyncIterator[bytes] = field(default=NO_STREAM, repr=False)
    state: dict[str, Any] = field(default_factory=dict, repr=False)
    app: Any = field(default=None, repr=False)
    route: str = ""
    outcome: Outcome = field(default="ok", repr=False)
    server_deadline: float = field(default=math.inf, repr=False)
    own_deadlines: tuple[float, ...] = field(default=(), repr=False)
    cancelled_for: CancelReason | None = field(default=None, repr=False)
    late: Callable[[BaseException], tuple[HttpException, float] | None] | None = field(
        default=None, repr=False
    )
    received_fields: list[tuple[str, str]] = field(init=False, repr=False)
    _query: MultiMap | None = field(default=None, init=False, repr=False)
    _cookies: dict[str, str] | None = field(default=None, init=False, repr=False)
    _room: Room = field(default=NO_BOUND, init=False, repr=False)

    def stream_body(self, stream: AsyncIterator[bytes], room: Room) -> None:
        """Give the body in parts; asking for it as a whole raises a RuntimeError from now on.

        Args:
            stream: Yields them.
            room: For what is made of it.
        """
        self.stream = stream
        self._room = room
        del self.body

    if not TYPE_CHECKING:  # a checker would take it for leave to ask for anything

        def __getattr__(self, name: str) -> Any:
            """Make what the server has left out, when it is first looked at."""
            make = MADE_LATER.get(name)
            if make is not None:
                value = make(self)
                setattr(self, name, value)
                return value
            if name == "body":
                raise RuntimeError(
                    "this route streams its body: read request.stream, or leave out stream=True"
                )
            hint = hint_of(OF_REQUEST, [name])
            raise AttributeError(f"a request has no {name!r}{hint}", name=name, obj=self)

    @property
    def url(self) -> str:
        """The path and the query with their escapes, whatever form the target has.

        It begins with one slash, so that it stays with the host that a client or a browser is
        told: a second slash or a backslash there is escaped, since a host's name would follow it.
        It is ``/`` for ``OPTIONS *``. Dot segments stay in it; most clients resolve them.
        """
        url = origin_form(self.target)
        return f"/%{ord(url[1]):02X}{url[2:]}" if url[1:2] in SLASHES else url

    @property
    def absolute_url(self) -> str:
        """The URL that was asked for, with scheme and host.

        The host is the client's choice, as the path is: check it (see `TrustedHosts`) before you
        write it into a link or a mail. A fragment is never sent.

        Raises:
            HttpException: 400, the client has named no host.
        """
        if not self.host:
            raise HttpException(400, "no host is named")
        return f"{self.scheme}://{self.host}{origin_form(self.target)}"

    @property
    def deadline(self) -> float:
        """When the handler will be cancelled, in the time of `trio.current_time`."""
        return min((self.server_deadline, *self.own_deadlines))

    @property
    def cancel_reason(self) -> CancelReason | None:
        """Why the server has cancelled the handler; None if it hasn't.

        ``"server-failed"``: the lifespan has, or the program has cancelled `Hump.serve`.
        """
        if self.cancelled_for is None and self.deadline < math.inf:
            return "deadline" if trio.current_time() >= self.deadline else None
        return self.cancelled_for

    async def wait_draining(self) -> None:
        """Wait until the server's shutdown has come to the requests under way.

        `Hump.wait_draining`, so that a stream can end well; forever if no app serves the request.
        A checkpoint.
        """
        if self.app is None:
            await trio.sleep_forever()
        await self.app.wait_draining()

    @property
    def query(self) -> MultiMap:
        """The decoded query.

        Raises:
            HttpException: 400, an escape isn't UTF-8 or there are too many fields.
        """
        if self._query is None:
            try:
                self._query = parse_urlencoded(self.query_string)
            except ValueError as error:
                raise HttpException(400, "the query can't be decoded") from error
        return self._query

    @property
    def content_type(self) -> str:
        """The media type of the body, in lower case and without parameters; may be empty."""
        try:
            fields = HEADERS.__get__(self).items()
        except AttributeError:  # none made yet: a typed POST costs 3 % less if they stay so
            fields = self.received_fields
        values = [value for name, value in fields if name == "content-type"]
        return ", ".join(values).partition(";")[0].strip().lower()

    @property
    def text(self) -> str:
        """The body decoded by the charset of its content type, UTF-8 by default.

        Raises:
            HttpException: 415 for a charset not taken here, 400 for bytes that don't fit it.
        """
        return decode_text(self.body, self.headers.get("content-type", ""), "body")

    @overload
    def json(self) -> Any: ...

    @overload
    def json(self, expected: type[T]) -> T: ...

    def json(self, expected: Any = Any) -> Any:
        """Return the value of a JSON body, converted to a type if one is given.

        Raises:
            HttpException: 400 for what isn't JSON, 422 for JSON of another type.
            TypeError: A type was given and msgspec isn't installed (extra ``json``).
        """
        return json_codec.decode(self.body, expected)

    def form(self) -> MultiMap:
        """Return the fields of a urlencoded form; `multipart` is for those with files.

        Raises:
            HttpException: 415 for another content type, 400 for what can't be decoded, or has
                more than `Limits.form_parts` fields.
        """
        if self.content_type != "application/x-www-form-urlencoded":
            raise HttpException(415, "a urlencoded form is needed")
        try:
            return parse_urlencoded(self.body.decode("utf-8"), self._limits.form_parts)
        except ValueError as error:
            raise HttpException(400, "the form can't be decoded") from error

    def multipart(self) -> AbstractAsyncContextManager[Form]:
        """Return a form with files: ``async with request.multipart() as form``.

        On a route with ``stream=True``, whose ``body_limit`` has to let the files through. The
        body is read to its end when the ``async with`` is entered; files past 64 KiB are written
        to an unnamed temporary file, in other threads, which is gone when it is left.

        Raises:
            TypeError: python-multipart isn't installed (extra ``multipart``).

        Entering it raises `HttpException` 415 for another content type, 400 for a form that is
        malformed, 413 past a limit (``form_parts``, ``form_field_bytes``, ``upload_bytes`` of
        `Limits`, and ``body_bytes`` for all text together, with the names of fields and files),
        503 where other requests hold too much (``buffered_bytes``, ``spooled_bytes``), 507 where
        the disk is full, and what `stream` raises.

        Cancellation: a checkpoint; nothing is left open or on the disk.
        """
        content_type = self.headers.get("content-type", "")
        return receive_form(content_type, self.stream, self._limits, self._room)

    @property
    def _limits(self) -> Limits:
        return Limits() if self.app is None else self.app.limits

    @property
    def cookies(self) -> dict[str, str]:
        """The cookies sent, by name. They are parsed once, when they are first looked at."""
        if self._cookies is None:
            self._cookies = parse_cookies(self.headers.get_all("cookie"))
        return self._cookies


allocate: Callable[[type[Request]], Request] = object.__new__


def build_request(
    line: RequestLine, host: str, fields: FieldLines, client: tuple[str, int] | None
) -> Request:
    """Return the request of a head; its body, its route and its app are still to come.

    A third of the instructions that the constructor takes.
    """
    request = allocate(Request)
    request.method = line.method
    request.target = line.target
    request.path = line.path
    request.query_string = line.query_string
    request.http_version = line.version
    request.host = host
    request.received_fields = fields
    request.client = client
    request.body = b""
    request.outcome = "ok"
    request.server_deadline = math.inf
    return request


# Read by this, headers that aren't there yet aren't made.
HEADERS: Any = Request.__dict__["headers"]
# What few handlers look at. The server leaves it out of the requests it makes: 6,000 instructions
# less for each.
MADE_LATER: dict[str, Callable[[Request], Any]] = {
    "headers": lambda request: RequestHeaders.received(request.received_fields),
    "trailers": lambda request: Headers(),
    "path_params": lambda request: {},
    "state": lambda request: {},
    "stream": lambda request: NO_STREAM,
    "scheme": lambda request: "http",
    "client_certificate": lambda request: None,
    "route": lambda request: "",
    "app": lambda request: None,
    "own_deadlines": lambda request: (),
    "cancelled_for": lambda request: None,
    "late": lambda request: None,
    "_query": lambda request: None,
    "_cookies": lambda request: None,
    "_room": lambda request: NO_BOUND,
}
