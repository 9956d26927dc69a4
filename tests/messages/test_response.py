"""Responses of each class, and those to errors."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import pytest

from hump_trio.answers.json_lines import JsonLines
from hump_trio.facts.exceptions import BindingError, HttpException, HttpParserError
from hump_trio.messages.headers import Headers
from hump_trio.messages.reply import Reply, Spoken
from hump_trio.messages.response import (
    HtmlResponse,
    JsonResponse,
    Response,
    Send,
    StreamResponse,
    error_response,
    own_copy,
    settle,
    spoken_response,
)


@dataclass
class Point:
    """A value with a JSON form."""

    x: int


async def parts() -> AsyncIterator[bytes]:
    """Yield a streamed body."""
    yield b"a"


STREAM = parts()


@pytest.mark.parametrize(
    ("body", "settled", "content_type"),
    [
        (None, b"", None),
        ("", b"", "text/plain; charset=utf-8"),
        ("ü", b"\xc3\xbc", "text/plain; charset=utf-8"),
        (b"a", b"a", "application/octet-stream"),
        (b"", b"", None),
        (bytearray(b"a"), b"a", "application/octet-stream"),
        (memoryview(b"abc")[1:], b"bc", "application/octet-stream"),
        (STREAM, STREAM, None),
    ],
)
def test_settling(body: Any, settled: Any, content_type: str | None) -> None:
    """A body becomes bytes or stays a stream, with a content type; doing so twice is once."""
    response = Response(body)
    for _ in range(2):
        settle(response)
        assert response.body == settled
        assert isinstance(response.body, bytes | type(STREAM))
        assert response.headers.get_all("content-type") == ([content_type] if content_type else [])


def test_a_content_type_of_ones_own() -> None:
    """What the handler says stays."""
    fields = {"Content-Type": "a/b"}
    responses = [
        Response("a", 200, fields),
        Response(b"a", 200, fields),
        Response(parts(), 200, fields),
        JsonResponse(1, 200, fields),
        HtmlResponse("a", 200, fields),
    ]
    for response in responses:
        settle(response)
        assert response.headers.get_all("content-type") == ["a/b"]


@pytest.mark.parametrize("charset", ["iso-8859-1", "ISO-8859-1", '"utf-16"', "us-ascii", "x-own"])
def test_text_in_another_charset(charset: str) -> None:
    """It goes out as UTF-8, which the type must not belie: refused where it is set, or changed.

    Bytes are sent as they are.
    """
    headers = {"content-type": f"text/plain; charset={charset}"}
    with pytest.raises(ValueError, match=r"or give bytes, as in text\.encode\('"):
        Response("größer", headers=headers)
    with pytest.raises(ValueError, match="text is sent as UTF-8"):
        HtmlResponse("größer", headers=headers)
    response = Response("größer")
    response.headers["content-type"] = headers["content-type"]
    with pytest.raises(ValueError, match="text is sent as UTF-8"):
        settle(response)
    data = "größer".encode("latin-1")
    response = Response(data, headers=headers)
    settle(response)
    assert (response.body, response.headers["content-type"]) == (data, headers["content-type"])


@pytest.mark.parametrize("charset", ["utf-8", "UTF-8", "utf8", '"utf-8"'])
def test_text_in_utf8(charset: str) -> None:
    """Its name may be written as one likes."""
    response = Response("größer", headers={"content-type": f"text/plain;charset={charset}"})
    settle(response)
    assert response.body == "größer".encode()


def test_headers_are_a_copy() -> None:
    """What a response was made of can be used again."""
    fields = Headers({"a": "1"})
    response = Response("x", headers=fields)
    response.headers["a"] = "2"
    assert fields["a"] == "1"
    assert Response().headers.items() == []


@pytest.mark.parametrize("status", [100, 199, 600, 0, -200, True, "200", None, 200.0])
def test_a_status_that_is_not_final(status: Any) -> None:
    """It raises where it is set, and again before it would be sent."""
    with pytest.raises(ValueError, match=f"from 200 to 599, not {status!r}"):
        Response("a", status)
    response = Response("a")
    response.status = status
    with pytest.raises(ValueError, match="from 200 to 599"):
        settle(response)


@pytest.mark.parametrize("status", [200, 299, 418, 599, HTTPStatus.IM_A_TEAPOT])
def test_a_final_status(status: int) -> None:
    """Any number up to 599, with or without a standard name."""
    assert Response("a", status).status == status


@pytest.mark.parametrize("body", [1, {"a": 1}, ["a"], object(), iter([b"a"])])
def test_a_body_of_another_kind(body: Any) -> None:
    """It raises where it is set and before it would be sent, and says what takes the rest."""
    with pytest.raises(TypeError, match=f"not {type(body).__name__}; JsonResponse takes the rest"):
        Response(body)
    response = Response()
    response.body = body
    with pytest.raises(TypeError, match="JsonResponse takes the rest"):
        settle(response)


def test_text_without_a_utf8_form() -> None:
    """Half a surrogate pair raises before anything is sent."""
    with pytest.raises(ValueError, match="surrogates"):
        settle(Response("\ud800"))


@pytest.mark.parametrize("value", ["a\r\nb: c", "a\n", "\0", "€"])
def test_a_header_that_breaks_the_message(value: str) -> None:
    """It raises where it is set: in the constructor or later."""
    with pytest.raises(ValueError, match="a value of x that can't be sent"):
        Response("a", headers={"x": value})
    with pytest.raises(ValueError, match="a value of x that can't be sent"):
        Response("a").headers["x"] = value


def test_json() -> None:
    """Anything with a JSON form; null for nothing."""
    assert JsonResponse({"p": Point(1)}).body == b'{"p":{"x":1}}'
    assert JsonResponse().body == b"null"
    assert JsonResponse([], 201, {"a": "b"}).status == 201
    assert JsonResponse([]).headers.items() == [("content-type", "application/json")]
    with pytest.raises(TypeError, match="object"):
        JsonResponse(object())


def test_html() -> None:
    """A page as UTF-8, with every check of a response."""
    response = HtmlResponse("<p>ü", 404)
    settle(response)
    assert (response.body, response.status) == (b"<p>\xc3\xbc", 404)
    assert response.headers.items() == [("content-type", "text/html; charset=utf-8")]
    assert HtmlResponse().body == ""
    with pytest.raises(ValueError, match="from 200 to 599"):
        HtmlResponse("", 100)


@pytest.mark.parametrize("kind", [HttpException, HttpParserError])
def test_an_error_as_text(kind: type[HttpException | HttpParserError]) -> None:
    """Its detail is the body."""
    response = error_response(kind(418, "short and stout"))
    assert (response.status, response.body) == (418, "short and stout")
    assert response.headers.items() == []


def test_a_binding_error_is_always_json() -> None:
    """Its places have no form as text, whatever the client prefers; without any it is as others."""
    response = error_response(BindingError([("query.a", "missing")]), "text/plain")
    assert response.headers["content-type"] == "application/problem+json"
    assert response.body == (
        b'{"title":"Unprocessable Content","status":422,"detail":"query.a: missing",'
        b'"errors":[{"place":"query.a","reason":"missing"}]}'
    )
    assert error_response(BindingError([])).body == "Unprocessable Content"


def test_an_error_as_json() -> None:
    """RFC 9457, for clients that prefer it; the error's own headers go along."""
    error = HttpException(409, "taken", headers={"x": "y", "content-type": "text/plain"})
    response = error_response(error, "application/json")
    assert response.status == 409
    assert response.body == b'{"title":"Conflict","status":409,"detail":"taken"}'
    assert response.headers.items() == [("x", "y"), ("content-type", "application/problem+json")]


@pytest.mark.parametrize("value", ["a\r\nb: c", "\x00"])
def test_headers_that_are_replaced_are_checked_too(value: str) -> None:
    """A plain mapping is taken for what it says, never for bytes on the wire."""
    response = Response("a")
    replaced: Any = {"X-A": "b"}
    response.headers = replaced
    settle(response)
    assert response.headers.items()[0] == ("x-a", "b")
    replaced = {"x-a": value}
    response.headers = replaced
    with pytest.raises(ValueError, match="can't be sent"):
        settle(response)


async def send_nothing(send: Send) -> None:
    """Send an empty body."""


MADE = [
    lambda **options: Response("a", **options),
    lambda **options: JsonResponse([], **options),
    lambda **options: HtmlResponse("a", **options),
    lambda **options: StreamResponse(send_nothing, **options),
    lambda **options: JsonLines(parts(), **options),
]
each_class = pytest.mark.parametrize("make", MADE)


@each_class
def test_trailers_of_each_class(make: Callable[..., Response]) -> None:
    """They become fields of their own, whatever they were given as; a function stays one."""
    assert not make().trailers
    for given in ({"X-Sum": "7"}, [("x-sum", "7")], Headers({"X-Sum": "7"})):
        assert make(trailers=given).trailers == Headers({"x-sum": "7"})

    def checksum() -> dict[str, str]:
        raise AssertionError("the body has not ended")

    assert make(trailers=checksum).trailers is checksum


@each_class
@pytest.mark.parametrize(
    "trailers",
    [
        {"content-length": "1"},
        {"Set-Cookie": "a=b"},
        [("x-a", "1"), ("location", "/")],
        {"x-a": "1\r\nx-b: 2"},
        {"x-a": "\0"},
        {"x a": "1"},
    ],
)
def test_what_can_be_no_trailer(make: Callable[..., Response], trailers: Any) -> None:
    """It is refused where it is set (RFC 9110 section 6.5.1)."""
    with pytest.raises(ValueError, match=r"trailer|header name|can't be sent"):
        make(trailers=trailers)


def test_trailers_of_an_async_function() -> None:
    """They couldn't be awaited where they are asked for."""

    async def checksum() -> dict[str, str]:
        return {}

    with pytest.raises(TypeError, match="plain function"):
        Response("a", trailers=checksum)  # type: ignore[arg-type]


def test_trailers_that_are_replaced_are_checked_too() -> None:
    """When the response is sent, as its fields are."""
    response = Response("a")
    response.trailers = {"X-Sum": "7"}
    settle(response)
    assert response.trailers == Headers({"x-sum": "7"})
    assert isinstance(response.trailers, Headers)
    response.trailers.add("host", "a")
    with pytest.raises(ValueError, match="host has to come before the body"):
        settle(response)


def test_a_copy_has_trailers_of_its_own() -> None:
    """What is added to it isn't added to a response that is returned many times."""
    response = Response("a", trailers={"x-sum": "7"})
    other = own_copy(response)
    assert isinstance(other.trailers, Headers)
    other.trailers.add("x-more", "8")
    assert response.trailers == Headers({"x-sum": "7"})


def test_a_response_that_speaks_is_as_the_constructor_makes_it() -> None:
    """In a third of the instructions."""

    async def speak(reply: Reply) -> None:
        """Say nothing."""

    made, quick = Response(Spoken(speak, "tea")), spoken_response(speak, "tea")
    assert isinstance(made.body, Spoken)
    assert isinstance(quick.body, Spoken)
    assert (quick.body.speak, quick.body.name) == (made.body.speak, made.body.name)
    assert (quick.status, quick.headers, quick.trailers) == (
        made.status,
        made.headers,
        made.trailers,
    )


def test_classes_that_are_copied_at_once_have_nothing_more() -> None:
    """A copy of an answer has all of it: any other class is copied as `copy.copy` does it."""
    for kind in (HtmlResponse, JsonResponse, StreamResponse):
        assert (kind.__bases__, vars(kind)["__slots__"]) == ((Response,), ())

    class Marked(Response):
        mark = "none"

    marked: Any = Marked("text", 201, {"a": "b"}, trailers={"c": "d"})
    marked.mark = "one"
    copy: Any = own_copy(marked)
    assert (type(copy), copy.mark, copy.headers, copy.trailers) == (
        Marked, "one", marked.headers, Headers({"c": "d"}),
    )  # fmt: skip
