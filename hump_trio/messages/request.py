"""Requests as handlers see them. How their bytes arrived is not known here."""

import math
from collections.abc import AsyncIterator, Awaitable, Callable, Container
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import MISSING, Field, dataclass, field, fields
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
from hump_trio.messages.access_record import Watching
from hump_trio.messages.channel import Channel
from hump_trio.messages.conditional import check_preconditions, encode_etag
from hump_trio.messages.cookies import parse_cookies
from hump_trio.messages.headers import FieldLines, Headers, RequestHeaders, check_field
from hump_trio.messages.session import SESSION_OPENER, Session
from hump_trio.messages.target import RequestLine, origin_form

__all__ = [
    "Request",
    "build_request",
    "field_lines",
    "inform_nobody",
    "joined_values",
    "values_of",
]

T = TypeVar("T")
# Browsers read both as a slash, and a host's name after two of them.
SLASHES = ("/", "\\")


class NoStream:
    """The stream of a request whose body was read whole before its handler started."""

    __slots__ = ()

    def __aiter__(self) -> "NoStream":
        return self

    async def __anext__(self) -> NoReturn:
        raise RuntimeError("this route reads its body whole: use request.body, or stream=True")


NO_STREAM: AsyncIterator[bytes] = NoStream()
JSON_ALONE = "application/json"  # what most bodies are said to be
NO_BOUND = Room()  # for a request that no server has received


@dataclass(slots=True, eq=False)
class Request:
    """One request, with its whole body when the handler starts.

    Args:
        method: The method as the client sent it; methods are case-sensitive.
        target: The request target as the client sent it, whatever form it has.
        path: The path of the target, its escapes decoded once.
        headers: The header fields in order of arrival, names in lower case. Middleware may change
            them, but not put other headers in their place.
        query_string: The query of the target, with its escapes.
        http_version: ``"2"``, ``"1.1"`` or ``"1.0"``.
        scheme: ``"http"``, or ``"https"`` over TLS.
        host: The authority that was asked for: that of an absolute target, else the ``Host``
            field. The client chooses it.
        client: The peer's address and port; None if the peer has none (a memory stream).
        server: The local address and port that the peer has reached; the path of a Unix socket,
            and None for its port; None in memory. Behind a proxy it is what the PROXY header says
            that the client has reached, and nothing that a client can choose.
        client_certificate: The certificate that the peer has proven over TLS to own, in the form
            of `ssl.SSLSocket.getpeercert`; None if none was asked for, or the peer has none.
        path_params: The values of the path template, converted.
        body: The whole body. On a route with ``stream=True``, `body`, `text`, `json` and `form`
            raise RuntimeError.
        trailers: The fields that followed the body, never mixed with ``headers``; over HTTP/1.1
            only a chunked body has any.
        stream: The body in parts as they arrive, on a route with ``stream=True``. Each step is
            a checkpoint; if it is cancelled, no bytes are lost. A step raises `HttpParserError`
            for a body that breaks off or is malformed, and `HttpException` 413 for a body that
            is longer than the route allows.
        state: A dict in which middleware leaves values for handlers.
        app: The app that serves the request.
        route: The template of the chosen route; empty if no route was found.
        outcome: How the request ends, as far as the server knows yet.
        server_deadline: Time at which the server will cancel the handler.
        own_deadlines: Times at which the scopes of `hump_trio.timeout` will cancel it.
        cancelled_for: Why the server has cancelled the handler; None if it hasn't, or if
            ``server_deadline`` has passed.
        late: Returns the error that answers the request, and the deadline for that, if an error
            is the result of the request's time having passed; None while the request has no such
            time.
        channel: The WebSocket that the request asks for, as its server sees it; None if it asks for
            none.

    Attributes:
        received_fields: The field lines of which ``headers`` are made at the first look.
        inform: Called with the request, a status and checked fields, it sends an informational
            response before the answer, or raises `trio.ClosedResourceError` if the request is
            over. None for a request that no server has received.
        watching: Hears how the request ends; None if nobody watches.
        given_name: The name that `RequestId` has given to the request, for logs; else empty.
        late_body: The body as it was before a middleware looked, if it hadn't come whole by then
            (see `LateBody`); else None.
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
    server: tuple[str, int | None] | None = None
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
    channel: Channel | None = field(default=None, repr=False)
    received_fields: list[tuple[str, str]] = field(init=False, repr=False)
    inform: "Callable[[Request, int, FieldLines], Awaitable[None]] | None" = field(
        default=None, init=False, repr=False
    )
    watching: Watching | None = field(default=None, init=False, repr=False)
    given_name: str = field(default="", init=False, repr=False)
    late_body: bytes | None = field(default=None, init=False, repr=False)
    _lines: FieldLines = field(init=False, repr=False)  # those of `headers`, made or not
    _query: MultiMap | None = field(default=None, init=False, repr=False)
    _cookies: dict[str, str] | None = field(default=None, init=False, repr=False)
    _texts: MultiMap | None = field(default=None, init=False, repr=False)  # of `typed_form`
    _room: Room = field(default=NO_BOUND, init=False, repr=False)

    def stream_body(self, stream: AsyncIterator[bytes], room: Room) -> None:
        """Let the handler read the body in parts; from now on ``body`` raises RuntimeError.

        Args:
            stream: Yields the parts.
            room: The memory and disk that a form made of the parts may take.
        """
        self.stream = stream
        self._room = room
        del self.body

    if not TYPE_CHECKING:  # a type checker would then accept any name

        def __getattr__(self, name: str) -> Any:
            """Make an attribute that the server has left out, at the first look."""
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

        The URL begins with exactly one slash, so that a client or a browser can't be led to
        another host: a second slash or a backslash there would begin a host's name, and is
        escaped. For ``OPTIONS *`` the URL is ``/``. Dot segments stay in it; most clients resolve
        them.
        """
        url = origin_form(self.target)
        return f"/%{ord(url[1]):02X}{url[2:]}" if url[1:2] in SLASHES else url

    @property
    def absolute_url(self) -> str:
        """The URL that was asked for, with scheme and host.

        The client chooses the host, as it chooses the path: check it (see `TrustedHosts`) before
        you write it into a link or a mail. The URL never has a fragment: clients send none.

        Raises:
            HttpException: 400, the client has named no host.
        """
        if not self.host:
            raise HttpException(400, "no host is named")
        return f"{self.scheme}://{self.host}{origin_form(self.target)}"

    @property
    def deadline(self) -> float:
        """Time of `trio.current_time` at which the handler will be cancelled; inf if never."""
        return min((self.server_deadline, *self.own_deadlines))

    @property
    def cancel_reason(self) -> CancelReason | None:
        """Why the server has cancelled the handler; None if it hasn't.

        ``"server-failed"`` means that the lifespan has failed, or that the program has cancelled
        `Hump.serve`.
        """
        if self.cancelled_for is None and self.deadline < math.inf:
            return "deadline" if trio.current_time() >= self.deadline else None
        return self.cancelled_for

    async def wait_draining(self) -> None:
        """Wait until the server's shutdown asks the requests under way to end.

        A long stream waits for this, as by `Hump.wait_draining`, to end well. The wait lasts
        forever if no app serves the request.

        Cancellation: a checkpoint.
        """
        if self.app is None:
            await trio.sleep_forever()
        await self.app.wait_draining()

    async def send_early_hints(self, link: str, *links: str) -> None:
        """Tell the client what the page will need, while the answer to it is still being made.

        The client can fetch that meanwhile. The hints go out as a response of their own with
        status 103; further calls send further ones, until the answer begins. Over HTTP/1.1 they
        are left out for clients that may take them for the answer: for those of HTTP/1.0, for
        browsers (which use hints over HTTP/2 alone), for what calls itself Python, and for what
        doesn't say what it is. They are left out too if no server has received the request.

        Args:
            link: The value of a ``Link`` field, such as ``</style.css>; rel=preload; as=style``.
            links: More of them.

        Raises:
            RuntimeError: The answer has begun.
            TypeError: A link isn't text.
            ValueError: A link holds a control character or one that ISO 8859-1 lacks.
            trio.BrokenResourceError: The client has gone, or an earlier write was cut.
            trio.ClosedResourceError: The request is over.

        Cancellation: a checkpoint. If it is cancelled while the client doesn't take the hints, the
            connection of HTTP/1.1 ends without an answer.

        Source: RFC 8297.
        """
        fields = [("link", value) for value in (link, *links)]
        for name, value in fields:
            check_field(name, value)
        await trio.lowlevel.checkpoint()
        if self.inform is not None:
            await self.inform(self, 103, fields)

    @property
    def query(self) -> MultiMap:
        """The fields of the query, decoded at the first look.

        Raises:
            HttpException: 400, an escape isn't UTF-8 or the query has too many fields.
        """
        if self._query is None:
            try:
                self._query = parse_urlencoded(self.query_string)
            except ValueError as error:
                raise HttpException(400, "the query can't be decoded") from error
        return self._query

    def check_etag(
        self, current: str | int | None, *, weak: bool = False, required: bool = False
    ) -> None:
        """Compare what the client knows with what is there, before it is changed or made again.

        Call it in a handler, with the tag that `Response.with_etag` gives to the same content. A
        GET or HEAD of a client that has it by ``If-None-Match`` ends with 304. A request of any
        other method ends with 412 if its ``If-Match`` names another tag, so that nobody overwrites
        what somebody else has changed meanwhile; or if its ``If-None-Match`` names this one, such
        as ``*`` where something is there already.

        What is compared and what is changed has to be one step to others: compare within the
        transaction, or under a lock. A weak tag, such as that of an answer which `Compression` has
        compressed, never fits ``If-Match``. So an answer that clients change and send back is
        marked ``Cache-Control: no-transform``.

        Args:
            current: The tag of what is there, without its quotes; None: nothing is there.
            weak: Whether it is weak.
            required: Whether a request that changes something is answered with 428 if it has
                neither of the fields.

        Raises:
            HttpException: 304, 412 or 428; the last is of RFC 6585 section 3.
            TypeError: The tag is neither a str nor an int.
            ValueError: It can't be a tag.

        Source: RFC 9110 sections 13.1.1, 13.1.2 and 13.2.2.
        """
        tag = None if current is None else encode_etag(current, weak=weak)
        check_preconditions(self.method, self.headers, tag, required=required)

    @property
    def content_type(self) -> str:
        """The media type of the body in lower case, without parameters; empty if none was sent."""
        given: str | None = None
        for name, value in self._lines:  # a fifth of what `values_of` takes
            if name == "content-type":
                given = value if given is None else f"{given}, {value}"
        if given is None or given == JSON_ALONE:
            return given or ""
        return given.partition(";")[0].strip().lower()

    @property
    def text(self) -> str:
        """The body, decoded by the charset of its content type; by default that is UTF-8.

        Raises:
            HttpException: 415 for a charset that isn't supported, 400 for bytes that don't fit
                the charset.
            RuntimeError: The route has ``stream=True``.
        """
        return decode_text(self.body, self.headers.get("content-type", ""), "body")

    @overload
    def json(self) -> Any: ...

    @overload
    def json(self, expected: type[T]) -> T: ...

    def json(self, expected: Any = Any) -> Any:
        """Return the value of a JSON body, converted to a type if one is given.

        Raises:
            HttpException: 400 for a body that isn't JSON, 422 for JSON that doesn't fit the type.
            RuntimeError: The route has ``stream=True``.
            TypeError: A type was given, and msgspec isn't installed (extra ``json``).
        """
        return json_codec.decode(self.body, expected)

    def form(self) -> MultiMap:
        """Return the fields of a urlencoded form; `multipart` reads forms with files.

        Where a form with files has been read for a handler with an `UploadFile`, its texts are
        returned, also in an exception handler: so a page can show again what was written.

        Raises:
            HttpException: 415 for another content type, 400 for a form that can't be decoded or
                has more than `Limits.form_parts` fields.
            RuntimeError: The route has ``stream=True``.
        """
        if self.content_type != "application/x-www-form-urlencoded":
            if self._texts is not None:
                return self._texts
            raise HttpException(415, "a urlencoded form is needed")
        try:
            return parse_urlencoded(self.body.decode("utf-8"), self._limits.form_parts)
        except ValueError as error:
            raise HttpException(400, "the form can't be decoded") from error

    def multipart(self) -> AbstractAsyncContextManager[Form]:
        """Return a form with files, to be opened by ``async with request.multipart() as form``.

        The route needs ``stream=True`` and a ``body_limit`` that lets the files through. The
        ``async with`` reads the body to its end before its block begins. Files that exceed 64 KiB
        together are written, in other threads, to an unnamed temporary file, which is gone when
        the block is left.

        Raises:
            HttpException: Raised where the ``async with`` begins. 415 for another content type,
                400 for a malformed form, 413 for a form past a limit (``form_parts``,
                ``form_field_bytes``, ``upload_bytes`` of `Limits`, and ``body_bytes`` for all
                text together with the names of fields and files), 503 if other requests hold too
                much (``buffered_bytes``, ``spooled_bytes``), 507 if the disk is full; and the
                errors of `stream`.
            TypeError: python-multipart isn't installed (extra ``multipart``).

        Cancellation: a checkpoint; nothing is left open or on the disk.
        """
        content_type = self.headers.get("content-type", "")
        return receive_form(content_type, self.stream, self._limits, self._room)

    @asynccontextmanager
    async def typed_form(self) -> AsyncIterator[Form]:
        """Give the form that a handler takes by its parameters, as `multipart` does.

        One without a body is empty. `form` has its texts from then on.
        """
        if not self.content_type and await anext(self.stream, b"") == b"":
            self._texts = MultiMap()
            yield Form(self._texts, MultiMap())
            return
        content_type = self.headers.get("content-type", "")
        received = receive_form(
            content_type, self.stream, self._limits, self._room, texts_stay=True
        )
        async with received as form:
            self._texts = form.fields
            yield form

    @property
    def _limits(self) -> Limits:
        return Limits() if self.app is None else self.app.limits

    @property
    def cookies(self) -> dict[str, str]:
        """The cookies that were sent, by name; parsed once, at the first look."""
        if self._cookies is None:
            self._cookies = parse_cookies(self.headers.get_all("cookie"))
        return self._cookies

    @property
    def session(self) -> Session:
        """The session of the visitor, which the next request finds again, by `Sessions`.

        Raises:
            RuntimeError: `Sessions` isn't registered around the handler, or it stands inside of the
                middleware that has refused the request.
        """
        open_session: Callable[[Request], Session] | None = self.state.get(SESSION_OPENER)
        if open_session is None:
            raise RuntimeError(
                "there is no session without its middleware:"
                " app.middleware(Sessions(secrets=[SECRET])); or Sessions stands inside of the"
                " middleware that has refused this request"
            )
        return open_session(self)


allocate: Callable[[type[Request]], Request] = object.__new__


def build_request(
    line: RequestLine,
    host: str,
    fields: FieldLines,
    client: tuple[str, int] | None,
    server: tuple[str, int | None] | None = None,
) -> Request:
    """Return the request of a head, still without its body, its route and its app.

    This takes a third of the instructions that the constructor takes: most attributes are left
    out, and made by `Request.__getattr__` for the few handlers that look at them.
    """
    request = allocate(Request)
    request.method = line.method
    request.target = line.target
    request.path = line.path
    request.query_string = line.query_string
    if line.query_string:
        request._query = None  # most handlers of such requests look at it
    request.http_version = line.version
    request.host = host
    request.received_fields = request._lines = fields
    request.scheme = "http"
    request.client = client
    request.server = server
    request.body = b""
    request.outcome = "ok"
    request.given_name = ""  # each line of the log has it
    return request


async def inform_nobody(request: Request, status: int, fields: FieldLines) -> NoReturn:
    """Take the place of `Request.inform` when the request is over, and holds nothing of it.

    Raises:
        trio.ClosedResourceError: Always.
    """
    raise trio.ClosedResourceError("the request is over")


def field_lines(request: Request) -> FieldLines:
    """Return the fields of a request, as they were received or as they have been changed.

    The headers of a request that has none yet aren't made: a typed POST costs 3 % less so, and an
    idle WebSocket holds less. The list isn't to be changed.
    """
    return request._lines


def values_of(request: Request, name: str) -> list[str]:
    """Return the values of a field (see `field_lines`)."""
    return [value for present, value in request._lines if present == name]


def joined_values(request: Request, names: Container[str]) -> dict[str, str]:
    """Return those of some fields that a request has, as `Headers.get` would, by one look at all.

    Args:
        request: The request.
        names: The names in lower case.
    """
    found: dict[str, str] = {}
    for name, value in request._lines:
        if name in names:
            found[name] = f"{found[name]}, {value}" if name in found else value
    return found


def default_maker(each: "Field[Any]") -> Callable[[Request], Any]:
    """Return a function that makes the default value of a field of `Request`."""
    factory, default = each.default_factory, each.default
    return (lambda request: default) if factory is MISSING else (lambda request: factory())


def make_headers(request: Request) -> Headers:
    """Return the headers of a received request, over fields of their own.

    Requests of one connection may share the fields that were received, and headers change.
    """
    fields = request._lines = request.received_fields.copy()
    return RequestHeaders.received(fields)


# Makes each attribute that may be left out, as the constructor would. A missing body isn't left
# out: the handler reads it in parts.
MADE_LATER = {
    each.name: default_maker(each)
    for each in fields(Request)
    if each.name != "body" and (each.default, each.default_factory) != (MISSING, MISSING)
}
MADE_LATER["headers"] = make_headers
MADE_LATER["_lines"] = lambda request: request.headers.items()  # no server has received it
