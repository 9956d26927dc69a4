"""The environ: each variable of PEP 3333 and RFC 3875, and what must not get into it."""

import sys
from typing import Any

import pytest

from hump_trio import Headers, Hump, Request
from hump_trio.testing import client
from hump_trio.wsgi.environ import environ_of
from tests.support.wire import ask, chunked, request
from tests.support.wsgi_apps import StartResponse, mounted, typed


def environ(
    path: str = "/", prefix: str = "", headers: Any = (), **attributes: Any
) -> dict[str, Any]:
    """Return the environ of a request that nobody has sent."""
    asked = Request("GET", attributes.pop("target", path), path, Headers(headers), **attributes)
    return environ_of(asked, prefix, "token")


@pytest.mark.parametrize(
    ("path", "prefix", "script_name", "path_info"),
    [
        ("/", "", "", "/"),
        ("/a/b", "", "", "/a/b"),
        ("/old", "/old", "/old", ""),
        ("/old/", "/old", "/old", "/"),
        ("/old/a b", "/old", "/old", "/a b"),
        ("/ü/ö", "/ü", "/Ã¼", "/Ã¶"),
        ("/€", "", "", "/â\x82¬"),
    ],
)
def test_paths(path: str, prefix: str, script_name: str, path_info: str) -> None:
    """The prefix and the rest, their bytes as the characters of those numbers."""
    made = environ(path, prefix)
    assert (made["SCRIPT_NAME"], made["PATH_INFO"]) == (script_name, path_info)


def test_the_request_itself() -> None:
    """Its method, its query and its target as they were sent."""
    made = environ("/a b", target="/a%20b?c=%20d", query_string="c=%20d")
    assert made["REQUEST_METHOD"] == "GET"
    assert made["QUERY_STRING"] == "c=%20d"
    assert made["REQUEST_URI"] == "/a%20b?c=%20d"
    assert environ()["QUERY_STRING"] == ""


@pytest.mark.parametrize(
    ("version", "protocol"), [("1.0", "HTTP/1.0"), ("1.1", "HTTP/1.1"), ("2", "HTTP/2.0")]
)
def test_protocol(version: str, protocol: str) -> None:
    """Of two numbers in any case, as programs take it apart."""
    assert environ(http_version=version)["SERVER_PROTOCOL"] == protocol


@pytest.mark.parametrize(
    ("host", "scheme", "server", "found"),
    [
        ("a.example", "http", None, ("a.example", "80")),
        ("a.example", "https", None, ("a.example", "443")),
        ("a.example:8080", "http", ("::1", 1), ("a.example", "8080")),
        ("a.example:", "https", None, ("a.example", "443")),
        ("[::1]", "http", None, ("[::1]", "80")),
        ("[::1]:8080", "http", None, ("[::1]", "8080")),
        ("", "http", ("10.0.0.1", 8342), ("10.0.0.1", "8342")),
        ("", "http", ("/run/app.sock", None), ("localhost", "80")),
        ("", "https", None, ("localhost", "443")),
    ],
)
def test_server(host: str, scheme: str, server: Any, found: tuple[str, str]) -> None:
    """Name and port of what was asked for, else of the socket; neither is ever empty."""
    made = environ(host=host, scheme=scheme, server=server)
    assert (made["SERVER_NAME"], made["SERVER_PORT"]) == found
    assert made.get("HTTP_HOST", "") == host


@pytest.mark.parametrize(("peer", "address", "port"), [(("::1", 7), "::1", "7"), (None, "", "")])
def test_client(peer: Any, address: str, port: str) -> None:
    """The peer's address and port; a peer without any has empty ones."""
    made = environ(client=peer)
    assert (made["REMOTE_ADDR"], made["REMOTE_PORT"]) == (address, port)


def test_scheme() -> None:
    """TLS, or a proxy's word for it, shows in two places."""
    made = environ(scheme="https")
    assert (made["wsgi.url_scheme"], made["HTTPS"]) == ("https", "on")
    made = environ()
    assert made["wsgi.url_scheme"] == "http"
    assert "HTTPS" not in made


def test_fields() -> None:
    """Upper-case names with underscores, repeated fields joined, cookies by semicolons."""
    made = environ(
        headers=[
            ("Accept-Language", "de"),
            ("x-a", "1"),
            ("X-A", "2"),
            ("cookie", "a=1"),
            ("cookie", "b=2"),
            ("content-type", "text/plain"),
        ]
    )
    assert made["HTTP_ACCEPT_LANGUAGE"] == "de"
    assert made["HTTP_X_A"] == "1, 2"
    assert made["HTTP_COOKIE"] == "a=1; b=2"
    assert made["CONTENT_TYPE"] == "text/plain"
    assert "HTTP_CONTENT_TYPE" not in made


@pytest.mark.parametrize(
    "name",
    ["x_forwarded_for", "Content_Length", "x-a_b", "proxy", "transfer-encoding", "content-length"],
)
def test_fields_left_out(name: str) -> None:
    """A name with an underscore would be taken for another, and ``Proxy`` for a setting."""
    made = environ(headers=[("x-forwarded-for", "10.0.0.1"), (name, "evil")])
    assert made["HTTP_X_FORWARDED_FOR"] == "10.0.0.1"
    assert not [key for key, value in made.items() if value == "evil"]


def test_no_body() -> None:
    """Without one, and without a length that was sent, there are no variables of it."""
    made = environ()
    assert not {"CONTENT_TYPE", "CONTENT_LENGTH"} & made.keys()
    assert made["wsgi.input"].read() == b""


@pytest.mark.parametrize("length", [{"content-length": "0"}, {"content-length": "3"}])
def test_body(length: dict[str, str]) -> None:
    """The input ends where the body does, and its length is that of the input."""
    body = b"abc"[: int(length["content-length"])]
    made = environ(headers=length, body=body)
    assert made["CONTENT_LENGTH"] == length["content-length"]
    assert made["wsgi.input"].read(10) == body
    assert made["wsgi.input"].read(10) == b""


def test_what_the_server_says_of_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads and processes run the app at a time; errors go to where `print` writes them."""
    stream = object()
    monkeypatch.setattr(sys, "stderr", stream)
    made = environ()
    assert made["wsgi.version"] == (1, 0)
    assert made["wsgi.multithread"] is True
    assert made["wsgi.multiprocess"] is True
    assert made["wsgi.run_once"] is False
    assert made["wsgi.errors"] is stream
    assert callable(made["wsgi.file_wrapper"])
    assert isinstance(made["hump_trio.request"], Request)
    assert made["hump_trio.token"] == "token"


def app_that_shows(*keys: str) -> Hump:
    """Return an app that answers with some of its environ, and with its input."""

    def show(environ: dict[str, Any], start_response: StartResponse) -> list[bytes]:
        found = [str(environ.get(key)) for key in keys]
        start_response("200 OK", typed())
        return [",".join(found).encode("latin-1"), environ["wsgi.input"].read(100)]

    return mounted(show, "/old")


async def test_on_the_wire() -> None:
    """Bytes that a client sends come as they are, and a chunked body with its length."""
    app = app_that_shows("SCRIPT_NAME", "PATH_INFO", "HTTP_X", "CONTENT_LENGTH", "HTTP_HOST")
    data = request("POST", "/old/%C3%BC", "X: \xfc", body=b"+body")
    [answer] = await ask(app, data, "POST")
    assert answer.body == "/old,/ü,".encode() + b"\xfc,5,a+body"
    [answer] = await ask(app, chunked(b"+", b"abc", path="/old"), "POST")
    assert answer.body == b"/old,,None,4,a+abc"


async def test_by_any_protocol() -> None:
    """The host of HTTP/2 has no field of that name; the app sees it all the same."""
    app = app_that_shows("HTTP_HOST", "HTTP_COOKIE", "SERVER_NAME")
    async with client(app) as http:
        response = await http.get("/old/", headers={"cookie": "a=1; b=2"})
    assert response.text == "testserver,a=1; b=2,testserver"
