"""From a request to its response: routes, methods and return values, through real requests."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

import pytest

from hump_trio import HtmlResponse, Hump, JsonResponse, Request, Response
from hump_trio.testing import client, connect

SOME_UUID = "12345678-1234-5678-1234-567812345678"


@dataclass
class Point:
    """A value with a JSON form."""

    x: int


class Stream:
    """An async iterable that is no generator."""

    async def __aiter__(self) -> AsyncIterator[str | bytes]:
        """Yield text and bytes."""
        yield "a"
        yield b"b"


def returns(value: Any) -> Callable[[], Any]:
    """Return a handler that returns a value."""

    async def handler() -> Any:
        return value

    return handler


async def generate(request: Request) -> AsyncIterator[str]:
    """Be a handler that yields its body."""
    yield request.path
    yield "!"


class CallableObject:
    """Be a handler that is an object."""

    async def __call__(self, request: Request) -> str:
        """Answer with the path."""
        return request.path


async def greet(request: Request, greeting: str) -> str:
    """Answer with a greeting."""
    return f"{greeting}, {request.path}"


async def raw(app: Hump, request: bytes) -> bytes:
    """Return the bytes of the answer to a request's bytes."""
    async with connect(app) as connection:
        await connection.send(request)
        await connection.half_close()
        parts = []
        while part := await connection.receive():
            parts.append(part)
        return b"".join(parts)


@pytest.mark.parametrize(
    ("value", "status", "body", "content_type"),
    [
        ("ü", 200, "ü".encode(), "text/plain; charset=utf-8"),
        (b"a", 200, b"a", "application/octet-stream"),
        (None, 204, b"", None),
        ({"a": [1]}, 200, b'{"a":[1]}', "application/json"),
        ([1], 200, b"[1]", "application/json"),
        ((1, "b"), 200, b'[1,"b"]', "application/json"),
        (Point(1), 200, b'{"x":1}', "application/json"),
        (Stream(), 200, b"ab", "text/plain; charset=utf-8"),
        (Response("a", 201, {"x": "y"}), 201, b"a", "text/plain; charset=utf-8"),
        (JsonResponse(1, 202), 202, b"1", "application/json"),
        (HtmlResponse("<p>"), 200, b"<p>", "text/html; charset=utf-8"),
        (Response(Stream(), 200, {"content-type": "a/b"}), 200, b"ab", "a/b"),
    ],
)
async def test_return_values(value: Any, status: int, body: bytes, content_type: str) -> None:
    """What a handler returns is on the wire as it was meant, at the first request and later."""
    app = Hump()
    app.get("/")(returns(value))
    async with client(app) as http:
        for _ in range(2):
            answer = await http.get("/")
            assert (answer.status_code, answer.content) == (status, body)
            assert answer.headers.get_list("content-type") == ([content_type] if body else [])


@pytest.mark.parametrize(
    ("handler", "text"),
    [
        (generate, "/x!"),
        (CallableObject(), "/x"),
        (CallableObject().__call__, "/x"),
        (partial(greet, greeting="Hi"), "Hi, /x"),
        (partial(CallableObject()), "/x"),
        (partial(generate), "/x!"),
    ],
)
async def test_handlers_of_every_kind(handler: Callable[..., Any], text: str) -> None:
    """Generators, objects, bound methods and partials are handlers like any other."""
    app = Hump()
    app.get("/{name}")(handler)
    async with client(app) as http:
        assert (await http.get("/x")).text == text
        assert (await http.get("/x")).text == text


async def test_a_request_knows_its_app_and_its_path() -> None:
    """Parameters come by name, and are in ``path_params`` too."""
    app = Hump()

    @app.get("/{year:int}/{name}")
    async def page(request: Request, name: str) -> str:
        assert request.app is app
        assert request.path_params == {"year": 2026, "name": name}
        assert (request.method, request.target) == ("GET", "/2026/a?b=c")
        assert (request.query["b"], request.host) == ("c", "testserver")
        return name

    async with client(app) as http:
        assert (await http.get("/2026/a?b=c")).text == "a"


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/int/-7", ["int", -7]),
        ("/int/x", ["plain", "x"]),
        ("/float/1.5", ["float", 1.5]),
        ("/uuid/" + SOME_UUID, ["uuid", SOME_UUID]),
        ("/int/7/edit", ["edit", "int", "7"]),
        ("/files/a/b%2Fc/", ["rest", "a/b/c/"]),
        ("/files/", ["rest", ""]),
        ("/files/../secret", ["rest", "../secret"]),
        ("/files/%2e%2e/secret", ["rest", "../secret"]),
        ("/names/a%2Fb", ["any", "names/a/b"]),
        ("/names/a%252Fb", ["name", "a%2Fb"]),
        ("/names/%C3%BC", ["name", "ü"]),
        ("/names/a+b%20c", ["name", "a+b c"]),
        ("/names/me", ["me"]),
        ("/names/%6De", ["me"]),
        ("/%C3%BCber", ["about"]),
        ("/names/me?x=1", ["me"]),
    ],
)
async def test_paths(path: str, found: list[Any]) -> None:
    """Segments are decoded once and one by one; the most special route that fits answers."""
    app = Hump()

    def register(template: str, name: str) -> None:
        async def handler(**values: Any) -> list[Any]:
            return [name, *values.values()]

        async def without_request(*, request: Request) -> list[Any]:
            return await handler(**request.path_params)

        app.get(template)(without_request)

    register("/int/{value:int}", "int")
    register("/int/{value}", "plain")
    register("/float/{value:float}", "float")
    register("/uuid/{value:uuid}", "uuid")
    register("/{kind}/{value}/edit", "edit")
    register("/names/me", "me")
    register("/names/{name}", "name")
    register("/files/{rest:path}", "rest")
    register("/über", "about")
    register("/{rest:path}", "any")
    head = f"GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode()
    answer = await raw(app, head)
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert answer.partition(b"\r\n\r\n")[2] == JsonResponse(found).body


@pytest.mark.parametrize("path", ["/a/", "//a", "/A", "/b/../a", "/./a", "/a%2F", "/%61/", "/a%20"])
async def test_paths_that_are_others(path: str) -> None:
    """A trailing slash, case and dot segments count; nothing is redirected or repaired."""
    app = Hump()
    app.get("/a")(returns("a"))
    head = f"GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode()
    assert (await raw(app, head)).startswith(b"HTTP/1.1 404 Not Found\r\n")
    assert (await raw(app, head.replace(path.encode(), b"/%61"))).startswith(b"HTTP/1.1 200 OK")


@pytest.mark.parametrize("path", ["/%ff", "/%C3", "/%zz", "/a%"])
async def test_escapes_that_are_not_utf8(path: str) -> None:
    """They are no text: 400, whatever routes there are."""
    app = Hump()
    app.get("/{name}")(returns("a"))
    head = f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode()
    assert (await raw(app, head)).startswith(b"HTTP/1.1 400 Bad Request\r\n")


async def test_unknown_paths_methods_and_both() -> None:
    """404, 405 with ``Allow``, and 501 for a method that nothing here knows."""
    app = Hump()
    app.get("/a")(returns("a"))
    app.post("/a")(returns("a"))
    app.route("/b", methods=["PURGE"])(returns("b"))
    async with client(app) as http:
        missing = await http.get("/x")
        assert (missing.status_code, missing.text) == (404, "nothing is here")
        wrong = await http.delete("/a")
        assert (wrong.status_code, wrong.headers["allow"]) == (405, "GET, HEAD, OPTIONS, POST")
        assert wrong.text == "this path takes GET, HEAD, OPTIONS, POST"
        other = await http.request("PURGE", "/a")
        assert other.status_code == 405
        assert (await http.get("/b")).headers["allow"] == "OPTIONS, PURGE"
        unknown = await http.request("BREW", "/a")
        assert (unknown.status_code, "allow" in unknown.headers) == (501, False)
        assert (await http.request("BREW", "/x")).status_code == 501


@pytest.mark.parametrize("line", [b"CONNECT a:1", b"get /"])
async def test_methods_that_are_not_implemented(line: bytes) -> None:
    """This is no proxy, and methods are case-sensitive."""
    app = Hump()
    app.get("/")(returns("a"))
    answer = await raw(app, line + b" HTTP/1.1\r\nHost: a:1\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 501 Not Implemented\r\n")


async def test_options_are_answered() -> None:
    """With ``Allow`` and no content for any known path, unless the path has a route for it."""
    app = Hump()
    app.get("/a")(returns("a"))
    app.options("/b")(returns("own"))
    async with client(app) as http:
        answer = await http.options("/a")
        assert (answer.status_code, answer.content) == (204, b"")
        assert answer.headers["allow"] == "GET, HEAD, OPTIONS"
        assert (await http.options("/b")).text == "own"
        assert (await http.options("/x")).status_code == 404


async def test_options_of_the_server_as_a_whole() -> None:
    """``OPTIONS *`` tells every method that some path takes."""
    app = Hump()
    app.route("/", methods=["PURGE"])(returns("a"))
    answer = await raw(app, b"OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 204 No Content\r\n")
    assert b"\r\nallow: DELETE, GET, HEAD, OPTIONS, PATCH, POST, PURGE, PUT\r\n" in answer


@pytest.mark.parametrize("value", ["ü", b"", {"a": 1}, None, Response("a", 404, {"x": "y"})])
async def test_head_is_get_without_a_body(value: Any) -> None:
    """The same status and headers, length included; nothing after them."""
    app = Hump()
    app.get("/")(returns(value))
    app.get("/{name}")(returns(value))
    async with client(app) as http:
        for path in ("/", "/x"):
            get, head = await http.get(path), await http.head(path)
            assert head.content == b""
            assert head.status_code == get.status_code
            assert {**head.headers, "date": ""} == {**get.headers, "date": ""}


async def test_head_of_a_route_of_its_own() -> None:
    """It needn't make the body."""
    app = Hump()
    app.get("/")(returns("get"))

    @app.head("/")
    async def head() -> Response:
        return Response(None, headers={"content-length": "3", "x-own": "yes"})

    async with client(app) as http:
        answer = await http.head("/")
        assert (answer.headers["content-length"], answer.headers["x-own"]) == ("3", "yes")
        assert "x-own" not in (await http.get("/")).headers


async def test_head_of_a_stream() -> None:
    """The head of the streamed answer; the body isn't sent."""
    app = Hump()
    app.get("/")(generate)
    async with client(app) as http:
        assert (await http.head("/")).content == b""
        assert (await http.get("/")).text == "/!"


async def test_parameters_are_converted() -> None:
    """A handler gets numbers and UUIDs, not text."""
    app = Hump()
    seen: list[Any] = []

    @app.get("/{a:int}/{b:float}/{c:uuid}/{d}/{e:path}")
    async def handler(a: int, b: float, c: UUID, d: str, e: str) -> None:
        seen.extend((a, b, c, d, e))

    async with client(app) as http:
        assert (await http.get(f"/1/2/{SOME_UUID}/x/y/z")).status_code == 204
    assert seen == [1, 2.0, UUID(SOME_UUID), "x", "y/z"]
    assert [type(value) for value in seen] == [int, float, UUID, str, str]
