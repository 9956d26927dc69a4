"""Responses: the classes that handlers return, and what an error becomes.

A response doesn't send itself and knows nothing of framing; both belong to the protocol.
"""

from collections.abc import AsyncIterable, Awaitable, Callable, Coroutine, Iterable, Mapping
from copy import copy
from dataclasses import dataclass, field
from hashlib import blake2b
from inspect import Parameter, isasyncgenfunction, iscoroutinefunction, signature
from types import FunctionType
from typing import Any, ClassVar, Protocol, TypeAlias, Unpack

from hump_trio.content.charset import check_text_type
from hump_trio.content.json_text import json_codec
from hump_trio.facts.exceptions import BindingError, HttpException, StatusError, phrase_of
from hump_trio.messages.conditional import (
    CHANGED,
    CONTENT_FIELDS,
    READS,
    encode_etag,
    judge_preconditions,
)
from hump_trio.messages.cookies import CookieAttributes, encode_cookie, needs_secure
from hump_trio.messages.framing import may_follow_answer
from hump_trio.messages.headers import Headers
from hump_trio.messages.negotiation import prefers_json
from hump_trio.messages.reply import Speak, Spoken
from hump_trio.messages.request import Request

__all__ = [
    "BYTES_TYPE",
    "JSON_TYPE",
    "TEXT_TYPE",
    "Begin",
    "Behind",
    "Fields",
    "HtmlResponse",
    "JsonResponse",
    "Produce",
    "Producer",
    "Response",
    "Send",
    "StreamResponse",
    "checked_trailers",
    "error_response",
    "own_copy",
    "settle",
    "speaks",
    "spoken_response",
]

TEXT_TYPE = "text/plain; charset=utf-8"
BYTES_TYPE = "application/octet-stream"
JSON_TYPE = "application/json"

# Sends a part of a streamed response; waits while the client doesn't read.
Send: TypeAlias = Callable[[str | bytes], Coroutine[Any, Any, None]]
Fields: TypeAlias = Headers | Mapping[str, str] | Iterable[tuple[str, str]]
# Trailers, or what returns them when the body has ended.
Behind: TypeAlias = Fields | Callable[[], Fields]


class Begin(Protocol):
    """Begins a streamed response whose status only its producer knows (see `StreamResponse`)."""

    def __call__(self, status: int, headers: Fields = ()) -> None:
        """Decide the status and the header fields, which go out with the first part.

        The time of the handler ends here, unless its route has a time of its own.

        Args:
            status: A final status, 200 to 599.
            headers: The header fields, in place of those of that name that the response has by its
                handler or by middleware; the others stay. ``Set-Cookie``, ``Vary``, ``Link`` and
                ``Server-Timing`` are added to those that there are.

        Raises:
            RuntimeError: A part was sent, or this was called before.
            TypeError: A name or value isn't text.
            ValueError: The status isn't a final one, or a field can't be sent.
        """


# Sends a body by what it is called with, and returns the trailers, if there are any.
Produce: TypeAlias = Callable[[Send], Awaitable[Fields | None]]
# The same, for one that may begin the response by itself.
ProduceBegun: TypeAlias = Callable[[Send, Begin], Awaitable[Fields | None]]


@dataclass(frozen=True, slots=True)
class Producer:
    """A body that a function sends, where other streamed bodies are iterated.

    Args:
        produce: The function, ``async def produce(send)``; called once. It returns trailers or
            None.
        aclose: Closes the source of the body if ``produce`` is never called.
        take_headers: Takes the header fields that go out with the first part, as the argument
            of that name of `ConvertedBody` does.
        begins: Whether ``produce`` takes a `Begin`, too.
        nowait: Whether ``produce`` takes ``send_nowait(part)``, too, if the body goes out as it is.
            That sends bytes without waiting, in any task, once a part was sent and while no other
            is being sent. It returns whether all are out; else a call of ``send``, with any part,
            has to follow, which first sends the rest. It raises what ``send`` raises.
    """

    produce: Callable[..., Awaitable[Fields | None]]
    aclose: Callable[[], Awaitable[None]] | None = None
    take_headers: Callable[[Headers], None] | None = None
    begins: bool = False
    nowait: bool = False


Body: TypeAlias = (
    str | bytes | bytearray | memoryview | AsyncIterable[bytes | str] | Producer | Spoken | None
)


# Bodies that need no further look.
AS_IT_IS = (bytes, Producer, Spoken)


@dataclass(slots=True, init=False, eq=False)
class Response:
    """One response: a status, header fields and a body.

    The server adds the framing, ``Date``, ``Server`` and a missing ``Content-Type`` when it sends
    the response.

    Args:
        body: Text (sent as UTF-8), bytes, an async iterable of either, or None for no body. An
            async iterable is streamed, and the server closes it however the sending ends.
        status: A final status, 200 to 599; 200 by default.
        headers: Further header fields. The ``Content-Length`` of a streamed body is sent, and
            enforced; ``Connection: close`` ends the connection after the response; other framing
            fields are dropped.
        trailers: Fields that follow the body, such as a checksum; or a function without
            parameters that is called when the body has been sent, and returns them. They reach
            every client of HTTP/2. One of HTTP/1.1 has to ask for them by ``TE: trailers``, and
            the body is then sent in chunks; for any other client they are dropped, so nothing
            that a client must know belongs here. An answer without a body has none. If the
            function raises, or returns what can't be a trailer, the answer breaks off.

    Raises:
        TypeError: The body is of another type, or trailers are made by an async function.
        ValueError: The status isn't a final one, a field can't be sent, a trailer is one that has
            to come before the body (RFC 9110 section 6.5.1), or the body is text and the content
            type names another charset than UTF-8.
    """

    body: Body
    status: int
    headers: Headers
    trailers: Behind = field(repr=False)

    # Whether the server has to call `__resolve__` for the response to send.
    __depends_on_request__: ClassVar[bool] = False
    # Media type of the body for `Hump.openapi`; empty if the class alone doesn't decide it.
    media_type: ClassVar[str] = ""

    def __init__(
        self,
        body: Body = None,
        status: int = 200,
        headers: Fields = (),
        *,
        trailers: Behind = (),
    ) -> None:
        self.body = body
        self.status = status
        self.headers = Headers(headers)
        self.trailers = trailers
        self.__check__()

    def __check__(self) -> None:
        """Raise the errors of the constructor; called again before a response is sent."""
        if not isinstance(self.status, int) or not 200 <= self.status <= 599:
            raise ValueError(f"a response needs a status from 200 to 599, not {self.status!r}")
        if not isinstance(self.headers, Headers):
            self.headers = Headers(self.headers)
        if self.trailers:
            self.trailers = checked_behind(self.trailers)
        body = self.body
        if body is None or isinstance(body, AS_IT_IS):
            return
        if isinstance(body, str):
            check_text_type(self.headers.get("content-type", ""))
            return
        if isinstance(body, bytearray | memoryview):
            self.body = bytes(body)
        elif not isinstance(body, AsyncIterable):
            raise TypeError(
                "a body is str, bytes, an async iterable or None, "
                f"not {type(body).__name__}; JsonResponse takes the rest"
            )

    def set_cookie(self, name: str, value: str, **attributes: Unpack[CookieAttributes]) -> None:
        """Add a cookie; by default scripts can't read it and forms of other sites don't send it.

        Args:
            name: Letters, digits, ``-`` and ``_`` (a token). If the name begins with ``__Host-``,
                no other host of the domain can set the cookie.
            value: ASCII without blanks, quotes, commas, semicolons and backslashes; quote other
                text with `urllib.parse.quote` first.
            attributes: ``max_age``, ``expires``, ``path``, ``domain``, ``secure``, ``http_only``,
                ``same_site`` and ``partitioned``; `CookieAttributes` says what each means.

        Raises:
            ValueError: User agents wouldn't keep the cookie as it is; the message says what to
                write instead.
        """
        self.headers.add("set-cookie", encode_cookie(name, value, **attributes))

    def delete_cookie(self, name: str, *, path: str = "/", domain: str | None = None) -> None:
        """Make user agents forget a cookie.

        Args:
            name: The cookie's name.
            path: The path that it was set with.
            domain: The domain that it was set with.

        Raises:
            ValueError: User agents keep no cookie with such a name, path or domain.
        """
        # Some prefixes of names need Secure: without it a cookie is neither set nor deleted.
        secure = bool(needs_secure(name, None, partitioned=False))
        self.set_cookie(name, "", max_age=0, path=path, domain=domain, secure=secure)

    def with_etag(self, value: str | int | None = None, *, weak: bool = False) -> "Response":
        """Return this response with an ``ETag``, by which a client needn't get it again.

        Write ``return JsonResponse(tea).with_etag(tea.version)``. A GET or HEAD of a client that
        has it already is answered with 304 and without a body, by ``If-None-Match``, or by
        ``If-Modified-Since`` if the response has a ``Last-Modified`` field; one whose ``If-Match``
        names another tag with 412. Only a response with the status 200 is compared. To compare
        before anything is changed or made, see `Request.check_etag`.

        Args:
            value: The tag without its quotes: a version, or whatever changes with the content;
                None: a digest of the body, which has to be text or bytes.
            weak: Whether two contents of that tag may differ in bytes.

        Raises:
            TypeError: There is no value, and the body is streamed; or the response finds its
                tag by itself, as a `FileResponse` does.
            ValueError: The value can't be a tag.

        Source: RFC 9110 sections 8.8.3 and 13.
        """
        if self.__depends_on_request__:
            name = type(self).__name__
            raise TypeError(f"a {name} is tagged by its headers, as in headers={{'etag': ...}}")
        if value is None:
            data = self.body or b""
            if not isinstance(data, str | bytes | bytearray | memoryview):
                raise TypeError("a streamed body has no digest yet: write with_etag(version)")
            data = data.encode() if isinstance(data, str) else data
            value = blake2b(data, digest_size=16).hexdigest()
        self.headers["etag"] = encode_etag(value, weak=weak)
        return TaggedResponse(self.body, self.status, self.headers, trailers=self.trailers)

    async def __resolve__(self, request: Request) -> "Response":
        """Return the response to send, for classes whose response depends on the request.

        It is called in the handler's task as soon as the handler has returned, so that middleware
        sees the status, headers and body that are sent. Its errors are answered as the handler's
        are.

        Args:
            request: The request that is answered.
        """
        return self


class JsonResponse(Response):
    """A response with a JSON body.

    Args:
        body: Any value that has a JSON form; dataclasses, dates and UUIDs have one too.
        status: A final status, 200 to 599; 200 by default.
        headers: Further header fields (see `Response`). ``Content-Type`` is
            ``application/json`` if none is given.
        trailers: Fields that follow the body (see `Response`).

    Raises:
        TypeError: A value has no JSON form.
        ValueError: The status isn't a final one, or a field can't be sent.
    """

    __slots__ = ()

    media_type: ClassVar[str] = JSON_TYPE

    def __init__(
        self, body: Any = None, status: int = 200, headers: Fields = (), *, trailers: Behind = ()
    ) -> None:
        Response.__init__(self, json_codec.encode(body), status, headers, trailers=trailers)
        self.headers.setdefault("content-type", JSON_TYPE)


class HtmlResponse(Response):
    """A response with an HTML page, sent as UTF-8.

    Args:
        body: The page, of any type that `Response` takes.
        status: A final status, 200 to 599; 200 by default.
        headers: Further header fields (see `Response`). ``Content-Type`` is
            ``text/html; charset=utf-8`` if none is given.
        trailers: Fields that follow the body (see `Response`).

    Raises:
        TypeError: The body is of a type that `Response` doesn't take.
        ValueError: The status isn't a final one, or a field can't be sent.
    """

    __slots__ = ()

    media_type: ClassVar[str] = "text/html"

    def __init__(
        self, body: Body = "", status: int = 200, headers: Fields = (), *, trailers: Behind = ()
    ) -> None:
        Response.__init__(self, body, status, headers, trailers=trailers)
        self.headers.setdefault("content-type", "text/html; charset=utf-8")


class StreamResponse(Response):
    """A response whose body a function sends part by part, in the task of its handler.

    The function is an ordinary async function: unlike a generator it may open nurseries and
    cancel scopes around its sending, and every task that it starts ends with it.

    Args:
        producer: ``async def producer(send)``, where ``await send(part)`` sends text (as UTF-8)
            or bytes. ``send`` is a checkpoint and waits while the client doesn't read. Several
            tasks may call it; each part goes out whole. It raises `trio.BrokenResourceError` if
            the client has gone. If it is cancelled, the response breaks off. What it returns, if
            that isn't None, are trailers that only the end has shown; they follow those given
            here. A producer that takes two parameters, ``async def producer(send, begin)``, may
            decide the status and the header fields while it runs, as a proxy has to: see `Begin`.
            Until it calls ``begin``, or sends a part, its errors are answered as the handler's
            are, and the handler's time counts. Where no body is sent, as for HEAD, it is cancelled
            at that point.
        status: A final status, 200 to 599; 200 by default.
        headers: Further header fields (see `Response`).
        trailers: Fields that follow the body (see `Response`).

    Raises:
        TypeError: The producer isn't a function, or is a generator.
        ValueError: The status isn't a final one, or a field can't be sent.
    """

    __slots__ = ()

    def __init__(
        self,
        producer: Produce | ProduceBegun,
        status: int = 200,
        headers: Fields = (),
        *,
        trailers: Behind = (),
    ) -> None:
        if not callable(producer) or isasyncgenfunction(producer):
            raise TypeError(
                f"a producer is an `async def producer(send)` without yield, not {producer!r:.80};"
                " a Response takes text, bytes or a generator's call"
            )
        body = Producer(producer, begins=takes_two(producer))
        Response.__init__(self, body, status, headers, trailers=trailers)


class TaggedResponse(Response):
    """A response with an entity tag, which some clients have already (see `Response.with_etag`)."""

    __slots__ = ()

    __depends_on_request__: ClassVar[bool] = True

    async def __resolve__(self, request: Request) -> Response:
        """Return the response, or the news that the client has it.

        Raises:
            HttpException: 412, the client knows another one.

        Cancellation: a checkpoint only if a streamed body that isn't sent needs one to be closed.
        """
        response = Response(self.body, self.status, self.headers, trailers=self.trailers)
        if self.status != 200 or request.method not in READS:
            return response
        headers = response.headers
        tag, last_modified = headers["etag"], headers.get("last-modified", "")
        judged = judge_preconditions(request.headers, tag, last_modified)
        if judged == 200:
            return response
        aclose = getattr(self.body, "aclose", None)
        if aclose is not None:
            await aclose()
        if judged == 412:
            raise HttpException(412, CHANGED)
        for name in CONTENT_FIELDS.intersection(headers):
            del headers[name]
        return Response(None, 304, headers)


# The classes that have no attributes besides those of `Response`.
NOTHING_MORE = frozenset({Response, JsonResponse, HtmlResponse, StreamResponse})


def takes_two(producer: Callable[..., Any]) -> bool:
    """Tell whether a producer needs two positional arguments.

    A signature takes twenty times as long to make as a look into the code of a plain function.
    """
    if type(producer) is FunctionType and not hasattr(producer, "__wrapped__"):
        return producer.__code__.co_argcount - len(producer.__defaults__ or ()) == 2
    try:
        parameters = signature(producer).parameters.values()
    except ValueError:  # of one that is written in C
        return False
    positional = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
    needed = [each for each in parameters if each.kind in positional]
    return sum(each.default is Parameter.empty for each in needed) == 2


def speaks(body: Body) -> bool:
    """Tell whether a body gives the answer by itself, the status included."""
    return isinstance(body, Spoken) or (isinstance(body, Producer) and body.begins)


def settle(response: Response) -> None:
    """Turn a body of text or None into bytes, and give bytes a content type if they have none.

    A streamed body gets its content type when it is sent, by its first part. A response that is
    settled already stays as it is, so that a handler can return the same one again and again.

    Raises:
        TypeError: The body was changed to another type.
        ValueError: The text has no UTF-8 form, or the status was changed to an invalid one.
    """
    response.__check__()
    body = response.body
    if body is None:
        response.body = b""
    elif isinstance(body, str):
        response.body = body.encode()
        response.headers.setdefault("content-type", TEXT_TYPE)
    elif isinstance(body, bytes) and body:
        response.headers.setdefault("content-type", BYTES_TYPE)


def spoken_response(speak: Speak, name: str) -> Response:
    """Return a response with a `Spoken` body, which takes a third of what the constructor does.

    Args:
        speak: What gives the answer.
        name: What logs call it.
    """
    response = Response.__new__(Response)
    response.body = Spoken(speak, name)
    response.status = 200
    response.headers = Headers.received([])
    response.trailers = ()
    return response


def checked_trailers(fields: Fields) -> Headers:
    """Return trailers of their own, each of which may follow a body.

    Raises:
        TypeError: A name or value isn't text.
        ValueError: A field can't be sent, or not behind a body.
    """
    trailers = Headers(fields)
    for name in trailers:
        if not may_follow_answer(name):
            raise ValueError(f"{name} has to come before the body, and can't be a trailer")
    return trailers


def checked_behind(trailers: Behind) -> Behind:
    """Return what a response has behind its body, checked as far as it is known.

    Raises:
        TypeError: A name or value isn't text, or the function is async.
        ValueError: A field can't be sent, or not behind a body.
    """
    if not callable(trailers):
        return checked_trailers(trailers)
    if iscoroutinefunction(trailers):
        raise TypeError(f"trailers come of a plain function, not of an async one: {trailers!r:.80}")
    return trailers


def own_copy(response: Response) -> Response:
    """Return a copy with fields of its own, as one response may be returned many times."""
    kind = type(response)
    if kind in NOTHING_MORE:
        # What `copy.copy` does for them takes ten times as long.
        own = kind.__new__(kind)
        own.body = response.body
        own.status = response.status
        own.trailers = response.trailers
    else:
        own = copy(response)
    own.headers = Headers(response.headers)
    if own.trailers:
        own.trailers = checked_behind(own.trailers)
    return own


def error_response(error: StatusError, accept: str = "") -> Response:
    """Return the response to an error: plain text, or RFC 9457 JSON if the client prefers that.

    Args:
        error: The error, with a status and a detail.
        accept: The client's ``Accept`` field; empty if it sent none.
    """
    headers = error.headers if isinstance(error, HttpException) else ()
    if error.status == 304:
        return Response(None, 304, headers)
    places = error.places if isinstance(error, BindingError) else ()
    if places or prefers_json(accept):
        problem: dict[str, Any] = {
            "title": phrase_of(error.status),
            "status": error.status,
            "detail": error.detail,
        }
        if places:
            problem["errors"] = [{"place": place, "reason": reason} for place, reason in places]
        response = JsonResponse(problem, error.status, headers)
        response.headers["content-type"] = "application/problem+json"
        return response
    return Response(error.detail, error.status, headers)
