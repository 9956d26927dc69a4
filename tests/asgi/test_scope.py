"""What an app of ASGI is told of a request."""

from copy import deepcopy
from typing import Any

import pytest

from hump_trio import CallNext, Hump, Request, Response, Router
from hump_trio.asgi import Asgi
from hump_trio.asgi.scope import http_scope
from hump_trio.messages.request import build_request
from hump_trio.messages.target import parse_target
from hump_trio.testing import client
from tests.support.asgi_apps import Receive, Send, answer, hump_of

EXTENSIONS: dict[str, dict[str, Any]] = {
    "http.response.early_hint": {},
    "http.response.pathsend": {},
}


class Noting:
    """An app that notes the scopes that it is called with, and changes them.

    Attributes:
        scopes: A copy of each.
    """

    def __init__(self) -> None:
        self.scopes: list[dict[str, Any]] = []

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Note the scope, change it, and answer."""
        self.scopes.append(deepcopy(scope))
        scope["state"]["left"] = "behind"
        scope["extensions"]["left"] = scope["asgi"]["left"] = {}
        scope["headers"].append((b"left", b"behind"))
        await answer(send)


def request_of(
    target: str = "/old/tea", *fields: tuple[str, str], method: str = "GET", version: str = "1.1"
) -> Request:
    """Return the request of a head."""
    line = parse_target(method, target, version)
    host = line.authority or dict(fields).get("host", "")
    client_address, server_address = ("192.0.2.1", 4000), ("192.0.2.2", 8342)
    return build_request(line, host, list(fields), client_address, server_address)


def test_all_of_it() -> None:
    """By the names and types of the specification."""
    scope = http_scope(
        request_of("/old/a%2Fb%C3%A9?q=%20&r", ("host", "tea.example"), ("x-tea", "\xff")),
        "/old",
        {"pot": 1},
    )
    assert scope == {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.5"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": "/old/a/bé",
        "raw_path": b"/old/a%2Fb%C3%A9",
        "query_string": b"q=%20&r",
        "root_path": "/old",
        "headers": [(b"host", b"tea.example"), (b"x-tea", b"\xff")],
        "client": ("192.0.2.1", 4000),
        "server": ("192.0.2.2", 8342),
        "state": {"pot": 1},
        "extensions": EXTENSIONS,
    }


@pytest.mark.parametrize(
    ("target", "raw_path", "path"),
    [
        ("/", b"/", "/"),
        ("/?", b"/", "/"),
        ("//a/./b", b"//a/./b", "//a/./b"),
        ("http://tea.example", b"/", "/"),
        ("http://tea.example?x", b"/", "/"),
        ("HTTP://tea.example/a%20b?x", b"/a%20b", "/a b"),
    ],
)
def test_the_path_as_it_was_sent(target: str, raw_path: bytes, path: str) -> None:
    """Its escapes stay, and what stands around it goes, whatever form the target has."""
    scope = http_scope(request_of(target), "", {})
    assert (scope["raw_path"], scope["path"]) == (raw_path, path)


def test_the_host_that_is_asked_for() -> None:
    """An absolute target has it instead of the field, at the start of the fields."""
    fields = [("accept", "*/*"), ("host", "field.example")]
    scope = http_scope(request_of("http://tea.example/", *fields), "", {})
    assert scope["headers"] == [(b"host", b"tea.example"), (b"accept", b"*/*")]
    assert http_scope(request_of("/", fields[0], version="1.0"), "", {})["headers"] == [
        (b"accept", b"*/*")
    ]


def test_a_method_is_as_it_was_sent() -> None:
    """One in lower case is another method, and no app is to take it for the one it knows."""
    assert http_scope(request_of(method="head"), "", {})["method"] == "head"


@pytest.mark.parametrize(
    ("fields", "version", "there"),
    [
        ([], "1.1", False),
        ([("te", "gzip")], "1.1", False),
        ([("te", "gzip"), ("te", "x, Trailers")], "1.1", True),
        ([], "2", True),
    ],
)
def test_trailers_are_offered_to_who_takes_them(
    fields: list[tuple[str, str]], version: str, there: bool
) -> None:
    """Clients of HTTP/1.1 ask for them; those of HTTP/2 needn't."""
    scope = http_scope(request_of("/", *fields, version=version), "", {})
    assert ("http.response.trailers" in scope["extensions"]) == there


async def test_each_request_has_its_own() -> None:
    """What an app changes in one is in no other."""
    noting = Noting()
    async with client(hump_of(noting)) as http:
        await http.get("/")
        await http.get("/")
    first, second = noting.scopes
    assert "left" not in str(second)
    assert first["state"] == second["state"] == {}


async def test_what_middleware_has_changed() -> None:
    """The app is told what a handler would see."""
    noting = Noting()
    app = hump_of(noting)

    @app.middleware
    async def change(request: Request, call_next: CallNext) -> Response:
        request.headers["x-user"] = "ann"
        request.scheme, request.client, request.host = "https", ("198.51.100.7", 0), "shop.example"
        return await call_next(request)

    async with client(app) as http:
        await http.get("/", headers={"x-tea": "green"})
    [scope] = noting.scopes
    assert (b"x-user", b"ann") in scope["headers"]
    assert (b"x-tea", b"green") in scope["headers"]
    assert [value for name, value in scope["headers"] if name == b"host"] == [b"shop.example"]
    assert (scope["scheme"], scope["client"]) == ("https", ("198.51.100.7", 0))


@pytest.mark.parametrize(
    ("prefix", "path", "root_path"),
    [
        ("", "/a/b", ""),
        ("/old", "/old", "/old"),
        ("/old", "/old/a", "/old"),
        ("/ö", "/%C3%B6/a", "/ö"),
    ],
)
async def test_where_it_is_mounted(prefix: str, path: str, root_path: str) -> None:
    """The path includes that."""
    noting = Noting()
    async with client(hump_of(noting, prefix)) as http:
        assert (await http.get(path)).text == "tea"
        await http.get(path)
    for scope in noting.scopes:
        assert scope["root_path"] == root_path
        assert scope["path"] == path.replace("%C3%B6", "ö")


async def test_one_app_at_several_places() -> None:
    """Each request has the prefix that it came through."""
    noting, app, shop = Noting(), Hump(), Router("/shop")
    guest = Asgi(noting, lifespan="off")
    app.mount("/a", guest)
    shop.mount("", guest)
    app.include(shop)
    async with client(app) as http:
        for path in ("/a/x", "/shop/x", "/shop"):
            await http.get(path)
    assert [scope["root_path"] for scope in noting.scopes] == ["/a", "/shop", "/shop"]
