"""What frameworks do is what they do elsewhere, when they are mounted: their answers."""

import gc
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import httpx2
import pytest
import trio
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route

from hump_trio import Hump
from hump_trio.asgi import Asgi
from tests.support.frameworks.contract import FRAMEWORKS, LARGE, Contract, make_app
from tests.support.frameworks.ways import WAYS, asking
from tests.support.loopback import PATIENCE_SECONDS, wait_until

SHOP = "https://shop.example"


@pytest.fixture
def contract(tmp_path: Path) -> Contract:
    """What the app and the test share."""
    (tmp_path / "tea.txt").write_text("green\n")
    return Contract(tmp_path)


@pytest.fixture(params=FRAMEWORKS)
def framework(request: pytest.FixtureRequest) -> str:
    """One after the other."""
    name: str = request.param
    return name


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> str:
    """One after the other."""
    name: str = request.param
    return name


@pytest.fixture
async def http(framework: str, way: str, contract: Contract) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of the framework's app, which is mounted at the top."""
    async with asking(mounting(framework, contract), way) as http:
        yield http


def mounting(framework: str, contract: Contract, prefix: str = "") -> Hump:
    """Return an app with that of a framework inside."""
    app = Hump("localhost", 0)
    app.mount(prefix, Asgi(make_app(framework, contract)))
    return app


async def test_a_query(http: httpx2.AsyncClient) -> None:
    """What a query says reaches the handler, escapes and all."""
    answer = await http.get("/query", params={"name": "tea & \N{TEACUP WITHOUT HANDLE}", "size": 3})
    assert answer.json() == {"name": "tea & \N{TEACUP WITHOUT HANDLE}", "size": 3}


async def test_a_long_body(http: httpx2.AsyncClient) -> None:
    """A megabyte reaches the handler whole, sent with its length or in chunks."""

    async def parts() -> AsyncIterator[bytes]:
        for _ in range(64):
            yield b"x" * 16_384

    whole = await http.post("/size", content=b"x" * 1_048_576)
    chunked = await http.post("/size", content=parts())
    assert whole.json() == chunked.json() == {"bytes": 1_048_576}


async def test_a_form_with_a_file(http: httpx2.AsyncClient) -> None:
    """A field and a file of a multipart form reach the handler."""
    upload = ("leaves.bin", b"\0\r\n" * 50_000, "application/octet-stream")
    answer = await http.post("/form", data={"title": "tea"}, files={"upload": upload})
    assert answer.json() == {"title": "tea", "filename": "leaves.bin", "bytes": 150_000}


async def test_a_streamed_answer(http: httpx2.AsyncClient, contract: Contract) -> None:
    """A part reaches the client while the app makes the next one."""
    async with http.stream("GET", "/stream") as answer:
        parts = answer.aiter_bytes()
        assert await anext(parts) == b"one"
        contract.go.set()
        assert [part async for part in parts] == [b"two"]


async def test_an_ordinary_function(http: httpx2.AsyncClient) -> None:
    """A handler that isn't async runs in a worker thread."""
    assert (await http.get("/thread")).json() == {"worker": True}


async def test_work_behind_an_answer(http: httpx2.AsyncClient, contract: Contract) -> None:
    """It begins with the answer, goes on behind it, and is over before the lifespan is."""
    answer = await http.post("/later")
    assert (answer.status_code, answer.text) == (202, "soon")
    assert (await http.get("/hello")).text == "hello"  # on the same connection
    assert "worked" not in contract.events
    contract.go.set()
    with trio.fail_after(PATIENCE_SECONDS):
        await wait_until(lambda: "worked" in contract.events)


async def test_a_static_file(framework: str, http: httpx2.AsyncClient) -> None:
    """It is sent with what a cache needs; where the framework looks at that, only once."""
    answer = await http.get("/static/tea.txt")
    assert (answer.status_code, answer.text) == (200, "green\n")
    assert answer.headers["content-type"].startswith("text/plain")
    etag = answer.headers["etag"]
    if framework == "quart":
        return  # leaves the file open otherwise
    head = await http.head("/static/tea.txt")
    assert (head.headers["content-length"], head.content) == ("6", b"")
    again = await http.get("/static/tea.txt", headers={"if-none-match": etag})
    assert again.status_code == (200 if framework == "litestar" else 304)


@pytest.mark.parametrize("framework", ["fastapi", "litestar"], indirect=True)
async def test_a_dependency_is_closed(http: httpx2.AsyncClient, contract: Contract) -> None:
    """What a dependency opens is there for the handler, and is closed behind it."""
    assert (await http.get("/dependency")).text == "a full pot"
    await wait_until(lambda: "emptied" in contract.events)
    assert contract.events == ["began", "filled", "poured", "emptied"]


async def leave(http: httpx2.AsyncClient, path: str) -> None:
    """Read the first part of an answer, and end the connection.

    It isn't compressed: the frameworks' own compressor complains when it is thrown away.
    """
    plain = {"accept-encoding": "identity"}
    with trio.CancelScope() as scope:
        async with http.stream("GET", path, headers=plain) as answer:
            async for part in answer.aiter_bytes():
                assert part == b"drop"
                scope.cancel()
    await http.aclose()


@pytest.mark.filterwarnings("ignore:Async generator:ResourceWarning")  # the frameworks' own
async def test_a_client_that_leaves(http: httpx2.AsyncClient, contract: Contract) -> None:
    """The stream that it has asked for is closed."""
    await leave(http, "/endless")
    await wait_until(lambda: "closed" in contract.events)
    gc.collect()


async def test_an_app_that_looks_for_its_client(way: str) -> None:
    """It sees that the client has left, before it is cancelled.

    So without Starlette's `BaseHTTPMiddleware`, whose ``receive`` always waits.
    """
    seen: list[bool] = []

    async def watch(request: Request) -> AsyncIterator[bytes]:
        yield b"drop"
        while not await request.is_disconnected():  # noqa: ASYNC110  # what users write
            await trio.sleep(0.01)
        seen.append(True)

    async def stream(request: Request) -> StreamingResponse:
        return StreamingResponse(watch(request))

    app = Hump("localhost", 0)
    app.mount("", Asgi(Starlette(routes=[Route("/", stream)])))
    async with asking(app, way) as http:
        await leave(http, "/")
        await wait_until(lambda: bool(seen))


async def test_middleware(framework: str, http: httpx2.AsyncClient) -> None:
    """The framework's own middleware is around its handlers: fields, compression, other sites."""
    plain = await http.get("/large", headers={"origin": SHOP, "accept-encoding": "identity"})
    assert (plain.text, plain.headers["x-around"]) == (LARGE, "yes")
    if framework == "quart":
        return  # brings no more of them
    assert plain.headers["access-control-allow-origin"] in (SHOP, "*")
    packed = await http.get("/large", headers={"accept-encoding": "gzip"})
    assert (packed.text, packed.headers["content-encoding"]) == (LARGE, "gzip")
    asked = await http.options(
        "/large", headers={"origin": SHOP, "access-control-request-method": "GET"}
    )
    assert asked.status_code in (200, 204)
    assert "GET" in asked.headers["access-control-allow-methods"]


async def test_the_lifespan(framework: str, way: str, contract: Contract) -> None:
    """It is entered before the first request, which finds what it has left, and ended at last."""
    async with asking(mounting(framework, contract), way) as http:
        assert contract.events == ["began"]
        assert (await http.get("/state")).text == "warm"
    assert contract.events == ["began", "ended"]


async def test_an_unknown_path(http: httpx2.AsyncClient) -> None:
    """The framework answers, since all paths are its own."""
    answer = await http.get("/coffee")
    assert answer.status_code == 404
    assert "nothing is here" not in answer.text


async def test_another_method(http: httpx2.AsyncClient) -> None:
    """The framework answers, whatever the method is."""
    assert (await http.request("PROPFIND", "/hello")).status_code == 405


async def test_a_crash(
    framework: str, http: httpx2.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    """It is a 500 of the framework's own, and is logged once."""
    answer = await http.get("/crash")
    assert answer.status_code == 500
    assert "the kettle is empty" not in answer.text
    if framework != "litestar":  # keeps it to itself unless it is asked to log
        await wait_until(lambda: "the kettle is empty" in caplog.text)
        assert caplog.text.count("ValueError: the kettle is empty") == 1
    assert (await http.get("/hello")).text == "hello"


async def test_a_redirect(http: httpx2.AsyncClient) -> None:
    """The URL that a framework builds leads where it should."""
    answer = await http.get("/redirect", follow_redirects=True)
    assert (answer.text, answer.url.path) == ("hello", "/hello")


async def test_cookies(http: httpx2.AsyncClient) -> None:
    """Each has a field of its own, and those of the request are read."""
    answer = await http.get("/cookies", headers={"cookie": "cup=blue"})
    assert answer.text == "blue"
    assert len(answer.headers.get_list("set-cookie")) == 2
    assert dict(answer.cookies) == {"tea": "green", "milk": "no"}


def below(
    framework: str, contract: Contract, way: str
) -> AbstractAsyncContextManager[httpx2.AsyncClient]:
    """Serve a framework's app below a prefix."""
    return asking(mounting(framework, contract, "/mnt"), way)


async def test_below_a_prefix(framework: str, way: str, contract: Contract) -> None:
    """An app knows the prefix that it is mounted at: for its routes, files and URLs."""
    async with below(framework, contract, way) as http:
        assert (await http.get("/mnt/hello")).text == "hello"
        assert (await http.get("/mnt/static/tea.txt")).text == "green\n"
        answer = await http.get("/mnt/redirect", follow_redirects=True)
        assert (answer.text, answer.url.path) == ("hello", "/mnt/hello")
        assert (await http.get("/hello")).status_code == 404
