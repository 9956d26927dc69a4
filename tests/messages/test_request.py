"""A request as a handler sees it, without a server."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import assert_checkpoints

from hump_trio import Hump
from hump_trio.content.room import Room
from hump_trio.facts.exceptions import HttpException
from hump_trio.messages.cookies import parse_cookies
from hump_trio.messages.headers import Headers
from hump_trio.messages.request import Request, build_request, joined_values
from hump_trio.messages.target import parse_target
from hump_trio.testing import client


@dataclass
class Point:
    """What a JSON body may be converted to."""

    x: int


def a_request(body: bytes = b"", content_type: str = "", query_string: str = "") -> Request:
    """Return a request with what the tests are about."""
    headers = Headers({"content-type": content_type} if content_type else {})
    return Request("POST", "/", "/", headers, query_string, body=body)


def status_of(error: pytest.ExceptionInfo[HttpException]) -> tuple[int, str]:
    """Return what a client would be told."""
    return error.value.status, error.value.detail


def test_requests_share_nothing() -> None:
    """Each has its own headers, parameters, trailers and state."""
    one, other = Request("GET", "/", "/"), Request("GET", "/", "/")
    one.state["user"] = "a"
    one.path_params["id"] = 1
    one.headers.add("a", "b")
    one.trailers.add("a", "b")
    assert (other.state, other.path_params) == ({}, {})
    assert (other.headers.items(), other.trailers.items()) == ([], [])


def test_a_received_request_has_all_that_a_made_one_has() -> None:
    """An attribute that the server leaves out is made at the first look, as by the constructor."""
    made = Request("GET", "/a?b", "/a", Headers({"x": "y"}), "b", host="c")
    received = build_request(parse_target("GET", "/a?b", "1.1"), "c", [("x", "y")], None)
    for each in fields(Request):
        if each.name not in ("received_fields", "_lines"):
            assert getattr(received, each.name) == getattr(made, each.name), each.name
    with pytest.raises(AttributeError):
        _ = made.received_fields


def test_what_nobody_looks_at_is_not_made() -> None:
    """An attribute that the server leaves out is there from the first look on."""
    request = build_request(parse_target("GET", "/", "1.1"), "c", [], None)
    with pytest.raises(AttributeError):
        object.__getattribute__(request, "state")
    request.state["a"] = 1
    assert object.__getattribute__(request, "state") == {"a": 1}


def test_a_header_that_was_sent() -> None:
    """A received field is found by its name in any case; one that wasn't sent is a KeyError."""
    request = build_request(parse_target("GET", "/", "1.1"), "c", [("x", "1"), ("x", "2")], None)
    assert request.headers["X"] == "1, 2"
    with pytest.raises(KeyError):
        _ = request.headers["y"]


def test_a_request_takes_no_stray_attributes() -> None:
    """A typing slip raises; what middleware leaves for handlers goes to ``state``."""
    with pytest.raises(AttributeError):
        setattr(Request("GET", "/", "/"), "user".lower(), "a")


def test_the_body_stays_out_of_the_log() -> None:
    """The representation names the request, not its content."""
    assert "secret" not in repr(a_request(b"secret"))
    assert "method='POST', target='/'" in repr(a_request())


def test_the_query_is_decoded_once() -> None:
    """It is a multi-map, the same one at every look."""
    request = a_request(query_string="a=1&a=%C3%BC+2&b")
    assert request.query.get_all("a") == ["1", "ü 2"]
    assert request.query["b"] == ""
    assert request.query is request.query
    assert not a_request().query


@pytest.mark.parametrize("query_string", ["a=%ff", "&" * 1000])
def test_a_query_that_cannot_be_decoded(query_string: str) -> None:
    """Not UTF-8, or more fields than any page has: 400."""
    with pytest.raises(HttpException) as caught:
        _ = a_request(query_string=query_string).query
    assert status_of(caught) == (400, "the query can't be decoded")


@pytest.mark.parametrize(
    ("field", "content_type"),
    [("", ""), ("Text/HTML", "text/html"), (" a/b ; charset=x", "a/b"), (";a", "")],
)
def test_the_content_type_is_bare(field: str, content_type: str) -> None:
    """Lower case, without blanks and parameters."""
    assert a_request(content_type=field).content_type == content_type


@pytest.mark.parametrize(
    ("content_type", "body", "text"),
    [
        ("", "ü€".encode(), "ü€"),
        ("text/plain", "ü€".encode(), "ü€"),
        ("text/plain; charset=UTF-8", "ü€".encode(), "ü€"),
        ('text/plain;charset="utf-8"', "ü€".encode(), "ü€"),
        ("text/plain; a=b;\tCHARSET=iso-8859-1; c=d", b"\xfc", "ü"),
        ("text/plain; charset=windows-1252", b"\x80", "€"),
        ("text/plain; charset=us-ascii", b"a", "a"),
        ("text/plain; notcharset=utf-16", "ü".encode(), "ü"),
        ("text/plain; charset=", "ü".encode(), "ü"),
    ],
)
def test_text_is_decoded_by_its_charset(content_type: str, body: bytes, text: str) -> None:
    """UTF-8 unless the content type says something else."""
    assert a_request(body, content_type).text == text


@pytest.mark.parametrize("charset", ["utf-16", "utf-7", "rot13", "idna", "zlib", "nothing"])
def test_a_charset_not_taken(charset: str) -> None:
    """415 for codecs that don't exist, can be made slow, or aren't text."""
    with pytest.raises(HttpException) as caught:
        _ = a_request(b"a", f"text/plain; charset={charset}").text
    assert status_of(caught) == (415, "this charset is not taken here")


def test_text_that_does_not_fit_its_charset() -> None:
    """400, with the charset's name."""
    with pytest.raises(HttpException) as caught:
        _ = a_request(b"\xff").text
    assert status_of(caught) == (400, "the body is not utf-8")
    with pytest.raises(HttpException) as caught:
        _ = a_request(b"\x81", "text/plain; charset=windows-1252").text
    assert status_of(caught) == (400, "the body is not windows-1252")


@given(body=st.binary(), content_type=st.text(st.characters(min_codepoint=32, max_codepoint=126)))
def test_any_body_is_text_or_refused(body: bytes, content_type: str) -> None:
    """Whatever a client sends, reading it as text is a value, a 400 or a 415."""
    request = a_request(body, content_type)
    try:
        found: object = request.text
    except HttpException as error:
        found = error.status
    assert isinstance(found, str) or found in (400, 415)


def test_json() -> None:
    """A value, or one of a type."""
    assert a_request(b'{"x": 1}').json() == {"x": 1}
    assert a_request(b'{"x": 1}').json(Point) == Point(1)


@pytest.mark.parametrize(("body", "status"), [(b"{", 400), (b'{"x": "1"}', 422)])
def test_json_of_another_kind(body: bytes, status: int) -> None:
    """400 for what isn't JSON, 422 for JSON of another type."""
    with pytest.raises(HttpException) as caught:
        a_request(body).json(Point)
    assert caught.value.status == status


FORM = "application/x-www-form-urlencoded"


def test_a_form() -> None:
    """Its fields, decoded, repeats included."""
    form = a_request(b"a=1&a=%C3%BC+2&b=", f"{FORM}; charset=utf-8").form()
    assert form.pairs() == (("a", "1"), ("a", "ü 2"), ("b", ""))
    assert not a_request(b"", FORM).form()


@pytest.mark.parametrize("body", [b"a=%ff", b"a=\xff", b"&" * 1000])
def test_a_form_that_cannot_be_decoded(body: bytes) -> None:
    """Not UTF-8, or more fields than any page has: 400."""
    with pytest.raises(HttpException) as caught:
        a_request(body, FORM).form()
    assert status_of(caught) == (400, "the form can't be decoded")


@pytest.mark.parametrize("content_type", ["", "application/json", "multipart/form-data"])
def test_a_form_of_another_kind(content_type: str) -> None:
    """415: nothing is read as a form that doesn't say it is one."""
    with pytest.raises(HttpException) as caught:
        a_request(b"a=1", content_type).form()
    assert status_of(caught) == (415, "a urlencoded form is needed")


def test_cookies() -> None:
    """Those of every Cookie field."""
    request = Request("GET", "/", "/", Headers([("cookie", "a=1; b=2"), ("cookie", "c=3")]))
    assert request.cookies == {"a": "1", "b": "2", "c": "3"}


def test_cookies_are_parsed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many parameters of a handler are cookies: there may be thousands of them."""
    parsed: list[Iterable[str]] = []

    def parse(values: Iterable[str]) -> dict[str, str]:
        parsed.append(values)
        return parse_cookies(values)

    monkeypatch.setattr("hump_trio.messages.request.parse_cookies", parse)
    request = Request("GET", "/", "/", Headers([("cookie", "a=1; b=2")]))
    assert (request.cookies["a"], request.cookies["b"]) == ("1", "2")
    assert parsed == [["a=1; b=2"]]


async def test_a_buffered_route_has_no_stream() -> None:
    """Iterating says what to write instead of waiting for ever."""
    with pytest.raises(RuntimeError, match=r"use request\.body, or stream=True"):
        await anext(aiter(a_request(b"a").stream))


def test_a_streamed_body_is_not_there_as_a_whole() -> None:
    """Asking for it says what to do; nothing is taken for an empty body."""
    request = Request("POST", "/", "/", body=b"x")
    assert request.body == b"x"
    request.stream_body(request.stream, Room())
    for ask in (lambda: request.body, lambda: request.text, request.json):
        with pytest.raises(RuntimeError, match=r"read request\.stream, or leave out stream=True"):
            ask()
    assert "POST" in repr(request)
    with pytest.raises(AttributeError, match="a request has no 'bodies'"):
        getattr(request, "bod" + "ies")


@pytest.mark.parametrize(
    ("target", "url"),
    [
        ("/", "/"),
        ("/a%2Fb/%C3%BC?c=%20&d=//e", "/a%2Fb/%C3%BC?c=%20&d=//e"),
        ("/?", "/?"),
        ("http://evil.example:9300/secret?a=b", "/secret?a=b"),
        ("HTTPS://evil.example", "/"),
        ("http://evil.example?a=/b", "/?a=/b"),
        ("//evil.example/x", "/%2Fevil.example/x"),
        ("///evil.example/x", "/%2F/evil.example/x"),
        ("/\\evil.example/x", "/%5Cevil.example/x"),
        ("http://a//evil.example/x", "/%2Fevil.example/x"),
        ("http://a/\\evil.example/x", "/%5Cevil.example/x"),
        ("*", "/"),
        ("evil.example:443", "/"),
    ],
)
def test_the_url_stays_with_the_host_that_a_client_is_told(target: str, url: str) -> None:
    """Whatever form the target has: for a client with a base URL, and as a relative reference."""
    request = Request("GET", target, "/")
    assert request.url == url
    for base in ("http://127.0.0.1:9200", "http://127.0.0.1:9200/deep/er?x"):
        assert urlsplit(urljoin(base, request.url)).netloc == "127.0.0.1:9200"
        sent = httpx2.AsyncClient(base_url=base).build_request("GET", request.url).url
        assert sent.netloc == b"127.0.0.1:9200"
        assert sent.raw_path.decode().endswith(url)


@pytest.mark.parametrize(
    ("target", "host", "url"),
    [
        ("/a%20b?c", "shop.example:8443", "https://shop.example:8443/a%20b?c"),
        ("http://shop.example//x", "shop.example", "https://shop.example//x"),
        ("*", "shop.example", "https://shop.example/"),
    ],
)
def test_the_absolute_url_has_the_host_and_the_scheme(target: str, host: str, url: str) -> None:
    """Those of the request, not of its target: a proxy may have told others."""
    assert Request("GET", target, "/", scheme="https", host=host).absolute_url == url


def test_there_is_no_absolute_url_without_a_host() -> None:
    """It would begin with ``http:///``, where browsers take the path for the host."""
    with pytest.raises(HttpException) as caught:
        _ = Request("GET", "/evil.example/", "/evil.example/").absolute_url
    assert status_of(caught) == (400, "no host is named")


@pytest.mark.parametrize(
    ("read", "said"),
    [
        (lambda request: request.query["x"], "the field 'x' is missing"),
        (lambda request: request.headers["x"], "the header 'x' is missing"),
        (lambda request: request.cookies["x"], "the cookie 'x' is missing"),
    ],
)
async def test_what_a_client_left_out_is_its_fault(
    read: Callable[[Request], str], said: str
) -> None:
    """A 400 that says what is missing; for code that asks, it is a KeyError."""
    app, kinds = Hump(), list[type]()

    @app.get("/")
    async def index(request: Request) -> str:
        try:
            return read(request)
        except KeyError as error:
            kinds.append(type(error))
            raise

    async with client(app) as http:
        answer = await http.get("/")
    assert (answer.status_code, answer.text) == (400, said)
    assert issubclass(kinds[0], HttpException)


@pytest.mark.parametrize(
    ("links", "error"),
    [
        (["</a>\r\nx-b: 1"], ValueError),
        (["</a>", "\0"], ValueError),
        (["</€>"], ValueError),
        ([["</a>"]], TypeError),
        ([], TypeError),
    ],
)
async def test_hints_that_cannot_be_sent(links: list[Any], error: type[Exception]) -> None:
    """They are refused where they are given, whoever would get them."""
    with pytest.raises(error):
        await Request("GET", "/", "/").send_early_hints(*links)


async def test_hints_for_a_request_that_no_server_has_received() -> None:
    """Nobody gets them; a test of a handler needs no server."""
    with assert_checkpoints():
        await Request("GET", "/", "/").send_early_hints("</a>; rel=preload")


@given(st.lists(st.tuples(st.sampled_from("abc"), st.text("xy, ", max_size=3))))
def test_some_fields_at_one_look(fields: list[tuple[str, str]]) -> None:
    """Are what a look for each would give, and only those that there are."""
    request = Request("GET", "/", "/", headers=Headers(fields))
    wanted = {name: request.headers.get(name) for name in "ab"}
    found = joined_values(request, {"a", "b"})
    assert found == {name: value for name, value in wanted.items() if value is not None}
