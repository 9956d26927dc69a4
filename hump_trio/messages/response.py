"""Answers: what a handler returns, and what its plain return values become.

A response doesn't send itself and knows nothing of framing; that belongs to the protocol.
"""

from collections.abc import AsyncIterable, Awaitable, Callable, Coroutine, Iterable, Mapping
from copy import copy
from dataclasses import dataclass
from http import HTTPStatus
from inspect import isasyncgenfunction, isawaitable
from typing import Any, ClassVar, TypeAlias, Unpack

from hump_trio.content.charset import check_text_type
from hump_trio.content.json_text import json_codec
from hump_trio.facts.exceptions import BindingError, HttpException, StatusError, phrase_of
from hump_trio.facts.grammar import is_integer
from hump_trio.messages.cookies import CookieAttributes, encode_cookie, needs_secure
from hump_trio.messages.headers import Headers
from hump_trio.messages.request import Request

__all__ = [
    "ACCEPT_ITEMS",
    "BYTES_TYPE",
    "JSON_TYPE",
    "TEXT_TYPE",
    "Fields",
    "HtmlResponse",
    "JsonResponse",
    "Producer",
    "Response",
    "Send",
    "StreamResponse",
    "error_response",
    "own_copy",
    "quality_of",
    "settle",
    "to_response",
]

TEXT_TYPE = "text/plain; charset=utf-8"
BYTES_TYPE = "application/octet-stream"
JSON_TYPE = "application/json"
STATUSES: frozenset[int] = frozenset(HTTPStatus)
# No client sends more media ranges, and no error answer is worth reading more.
ACCEPT_ITEMS = 32

# Sends a part of a streamed answer; waits while the client doesn't read.
Send: TypeAlias = Callable[[str | bytes], Coroutine[Any, Any, None]]


@dataclass(frozen=True, slots=True)
class Producer:
    """A body that a function sends, instead of one that is iterated.

    Args:
        produce: ``async def produce(send)``.
        aclose: Closes what it would have sent, if it is never called.
        take_headers: As of `ConvertedBody`.
    """

    produce: Callable[[Send], Awaitable[None]]
    aclose: Callable[[], Awaitable[None]] | None = None
    take_headers: Callable[[Headers], None] | None = None


Body: TypeAlias = (
    str | bytes | bytearray | memoryview | AsyncIterable[bytes | str] | Producer | None
)
Fields: TypeAlias = Headers | Mapping[str, str] | Iterable[tuple[str, str]]


@dataclass(slots=True, init=False, eq=False)
class Response:
    """One answer. Framing, ``Date``, ``Server`` and a ``Content-Type`` are added when it is sent.

    Args:
        body: Text (UTF-8), bytes, an async iterable of either (streamed, and closed by the
            server however its sending ends), or None.
        status: A final status, 200 to 599; 200 by default.
        headers: Further fields. ``Content-Length`` of a streamed body is honoured and enforced;
            ``Connection: close`` ends the connection after the answer; other framing is dropped.

    Raises:
        TypeError: The body is something else.
        ValueError: The status is not a final one, a field can't be sent, or the body is text and
            the content type names another charset than UTF-8.
    """

    body: Body
    status: int
    headers: Headers

    # Whether `__resolve__` has to be asked for the answer itself.
    __depends_on_request__: ClassVar[bool] = False
    # What `Hump.openapi` says of the body, by the class alone; empty if that doesn't tell.
    media_type: ClassVar[str] = ""

    def __init__(self, body: Body = None, status: int = 200, headers: Fields = ()) -> None:
        self.body = body
        self.status = status
        self.headers = Headers(headers)
        self.__check__()

    def __check__(self) -> None:
        """Raise what the constructor raises; used again before a changed response is sent."""
        if not isinstance(self.status, int) or not 200 <= self.status <= 599:
            raise ValueError(f"a response needs a status from 200 to 599, not {self.status!r}")
        if not isinstance(self.headers, Headers):
            self.headers = Headers(self.headers)
        body = self.body
        if body is None or isinstance(body, bytes):
            return
        if isinstance(body, str):
            check_text_type(self.headers.get("content-type", ""))
            return
        if isinstance(body, bytearray | memoryview):
            self.body = bytes(body)
        elif not isinstance(body, AsyncIterable | Producer):
            raise TypeError(
                "a body is str, bytes, an async iterable or None, "
                f"not {type(body).__name__}; JsonResponse takes the rest"
            )

    def set_cookie(self, name: str, value: str, **attributes: Unpack[CookieAttributes]) -> None:
        """Add a cookie that scripts can't read and that no form of another site brings along.

        Args:
            name: Letters, digits, ``-`` and ``_`` (a token). With ``__Host-`` in front no other
                host of the domain can set it.
            value: ASCII without blanks, quotes, commas, semicolons and backslashes; anything else
                goes through `urllib.parse.quote` first.
            attributes: ``max_age``, ``expires``, ``path``, ``domain``, ``secure``, ``http_only``,
                ``same_site`` and ``partitioned``, as of `CookieAttributes`.

        Raises:
            ValueError: User agents wouldn't keep the cookie as it is; with what to write instead.
        """
        self.headers.add("set-cookie", encode_cookie(name, value, **attributes))

    def delete_cookie(self, name: str, *, path: str = "/", domain: str | None = None) -> None:
        """Make user agents forget a cookie; path and domain are those that it was set with.

        Raises:
            ValueError: As of `set_cookie`.
        """
        # With a prefix that asks for it, a cookie is neither set nor ended without Secure.
        secure = bool(needs_secure(name, None, partitioned=False))
        self.set_cookie(name, "", max_age=0, path=path, domain=domain, secure=secure)

    async def __resolve__(self, request: Request) -> "Response":
        """Return the answer itself, where it depends on the request, as a file's does.

        Called in the handler's task as soon as the handler has returned, so that middleware sees
        the status, headers and body that are sent. What it raises is answered as a handler's.

        Args:
            request: What is answered.
        """
        return self


class JsonResponse(Response):
    """An answer with a JSON body.

    Args:
        body: Anything JSON has a form for; dataclasses, dates and UUIDs included.
        status: As of `Response`.
        headers: As of `Response`.

    Raises:
        TypeError: A value has no JSON form.
    """

    __slots__ = ()

    media_type: ClassVar[str] = JSON_TYPE

    def __init__(self, body: Any = None, status: int = 200, headers: Fields = ()) -> None:
        Response.__init__(self, json_codec.encode(body), status, headers)
        self.headers.setdefault("content-type", JSON_TYPE)


class HtmlResponse(Response):
    """An answer with an HTML page as UTF-8; arguments are those of `Response`."""

    __slots__ = ()

    media_type: ClassVar[str] = "text/html"

    def __init__(self, body: Body = "", status: int = 200, headers: Fields = ()) -> None:
        Response.__init__(self, body, status, headers)
        self.headers.setdefault("content-type", "text/html; charset=utf-8")


class StreamResponse(Response):
    """An answer whose body is sent part by part by a function, in the task of its handler.

    The function is an ordinary one: unlike a generator it may open nurseries and cancel scopes
    around what it sends, and what it starts ends with it.

    Args:
        producer: ``async def producer(send)``, where ``await send(part)`` sends text (UTF-8) or
            bytes. ``send`` is a checkpoint, waits while the client doesn't read, may be called by
            several tasks (each part goes out whole), and raises `trio.BrokenResourceError` if the
            client has gone. Cancelled in it, the answer breaks off.
        status: As of `Response`.
        headers: As of `Response`.

    Raises:
        TypeError: The producer isn't a function, or is a generator.
    """

    __slots__ = ()

    def __init__(
        self,
        producer: Callable[[Send], Awaitable[None]],
        status: int = 200,
        headers: Fields = (),
    ) -> None:
        if not callable(producer) or isasyncgenfunction(producer):
            raise TypeError(
                f"a producer is an `async def producer(send)` without yield, not {producer!r:.80};"
                " a Response takes text, bytes or a generator's call"
            )
        Response.__init__(self, Producer(producer), status, headers)


def settle(response: Response) -> None:
    """Make the body bytes or an async iterable and give bytes a content type, if there are any.

    What an async iterable yields first tells its type when it is sent.
    Settling twice is settling once, so that a response can be returned again and again.

    Raises:
        TypeError: The body was changed to something else.
        ValueError: The text has no UTF-8 form, or the status was changed to none.
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


def own_copy(response: Response) -> Response:
    """Return a copy with header fields of its own: a handler may return one answer many times."""
    response = copy(response)
    response.headers = Headers(response.headers)
    return response


def to_response(value: Any) -> Response:
    """Return a handler's return value as a response.

    Raises:
        TypeError: The value is nothing an answer can be made of; with what to write instead.
    """
    if isinstance(value, Response):
        return value
    if value is None:
        return Response(None, HTTPStatus.NO_CONTENT)
    if isinstance(value, str):
        return text_response(value)
    if isinstance(value, bytes):
        return Response(value)
    if isinstance(value, dict | list | tuple):
        if isinstance(value, tuple):
            check_no_status(value)
        return JsonResponse(value)
    if hasattr(type(value), "__dataclass_fields__") or hasattr(type(value), "__struct_fields__"):
        return JsonResponse(value)  # the latter is a msgspec.Struct
    if isinstance(value, bytearray | memoryview | AsyncIterable):
        return Response(value)
    hint = "return str, bytes, a dict, list or dataclass, an async iterable, None or a Response"
    if isawaitable(value):
        hint = "is an await missing?"
    elif isinstance(value, BaseException):
        hint = "raise it"
    raise TypeError(f"no answer can be made of type {type(value).__name__}, {value!r:.80}: {hint}")


def check_no_status(value: tuple[Any, ...]) -> None:
    """Refuse what would be a 200 with a list, and is meant to be a body and its status.

    Raises:
        TypeError: With what to write instead.
    """
    if len(value) != 2:
        return
    body, status = value
    if not is_integer(status) or status not in STATUSES or isinstance(body, int | float):
        return
    kind = "Response" if isinstance(body, str | bytes | None) else "JsonResponse"
    raise TypeError(
        f"a {type(body).__name__} and {int(status)} are no body and its status: return"
        f" {kind}(..., {int(status)}); for a pair, annotate it, as in `-> tuple[...]`"
    )


def text_response(text: str) -> Response:
    """Return what ``Response(text)`` is when it is settled, without checks: 0.7 µs less."""
    response = Response.__new__(Response)
    response.body = text.encode()
    response.status = 200
    response.headers = Headers.received([("content-type", TEXT_TYPE)])
    return response


def error_response(error: StatusError, accept: str = "") -> Response:
    """Return the answer for an error: plain text, or RFC 9457 JSON if the client prefers that.

    Args:
        error: What was raised.
        accept: The client's ``Accept`` field.
    """
    headers = error.headers if isinstance(error, HttpException) else ()
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


def prefers_json(accept: str) -> bool:
    """Tell whether an ``Accept`` field names JSON, and not after a text type.

    Source: RFC 9110 section 12.5.1. A wildcard alone is no preference.
    """
    json_rank = text_rank = (0.0, 0)
    for index, item in enumerate(accept.lower().split(",", ACCEPT_ITEMS)[:ACCEPT_ITEMS]):
        media_type, _, parameters = item.partition(";")
        media_type = media_type.strip()
        rank = (quality_of(parameters), -index)
        if media_type == "application/json" or media_type.endswith("+json"):
            json_rank = max(json_rank, rank)
        elif media_type.startswith("text/"):
            text_rank = max(text_rank, rank)
    return json_rank[0] > 0 and json_rank > text_rank


def quality_of(parameters: str) -> float:
    """Return the ``q`` of a media range, 1 where it has none and 0 where it is malformed."""
    for parameter in parameters.split(";"):
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return min(max(0.0, float(value)), 1.0)
            except ValueError:
                return 0.0
    return 1.0
