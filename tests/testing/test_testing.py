"""The in-memory clients: httpx and raw, one app or many, errors like those of a network."""

import asyncio
import importlib
import re
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from functools import partial
from typing import Any

import httpcore
import httpx
import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from hump_trio import HttpsRedirect, Hump, Request, Response
from hump_trio.testing import client, connect
from hump_trio.testing.memory_listener import MemoryListener, running
from hump_trio.testing.memory_pool import MemoryNetworkStream
from hump_trio.transports.memory import memory_transport_pair
from tests.support.wire import read_until, request


def new_app() -> Hump:
    """Return an app that answers, streams and breaks off."""
    app = Hump()

    @app.get("/")
    async def index(request: Request) -> str:
        return request.host

    @app.post("/")
    async def echo(request: Request) -> bytes:
        return request.body

    @app.get("/ticks")
    async def ticks() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b"tick"
            await trio.sleep(10)

    @app.get("/broken")
    async def broken() -> AsyncIterator[bytes]:
        yield b"begun"
        await trio.sleep(1)
        raise ValueError

    return app


async def test_the_client_is_an_httpx_client_of_the_app(autojump_clock: MockClock) -> None:
    """Paths are enough as URLs, bodies go both ways, options are httpx's own."""
    async with client(new_app(), headers={"x-test": "yes"}) as http:
        assert (await http.get("/")).text == "testserver"
        assert (await http.post("/", content=b"abc")).content == b"abc"
        assert http.headers["x-test"] == "yes"


async def test_the_client_may_have_another_base(autojump_clock: MockClock) -> None:
    """The app sees the host that was asked for."""
    async with client(new_app(), base_url="http://example.org:8080") as http:
        assert (await http.get("/")).text == "example.org:8080"


async def test_a_response_can_be_read_as_it_comes(autojump_clock: MockClock) -> None:
    """Each part is there before the next one is made."""
    async with client(new_app()) as http, http.stream("GET", "/ticks") as response:
        seen = [(part, trio.current_time()) async for part in response.aiter_bytes()]
    assert seen == [(b"tick", 0), (b"tick", 10), (b"tick", 20)]


async def test_a_connection_is_used_again_until_the_app_closes_it(
    autojump_clock: MockClock,
) -> None:
    """As httpx does over a network: the pool sees the end of an idle connection."""
    async with client(new_app()) as http:
        for _ in range(3):
            assert (await http.get("/")).status_code == 200
            await trio.sleep(100)


async def test_an_answer_that_breaks_off_is_an_error_of_httpx(autojump_clock: MockClock) -> None:
    """The error that a real connection would bring."""
    async with client(new_app()) as http:
        with pytest.raises(httpx.ReadError):
            await http.get("/broken")


async def test_an_app_that_has_stopped_takes_no_connection(autojump_clock: MockClock) -> None:
    """An error of httpx again, and none from leaving the context."""
    app = new_app()
    async with client(app) as http:
        app.shutdown()
        await wait_all_tasks_blocked()
        with pytest.raises(httpx.ConnectError):
            await http.get("/")


async def test_writing_to_an_app_that_has_gone_is_an_error_of_httpcore() -> None:
    """The pool below httpx knows what to do with its own errors."""
    ours, theirs = memory_transport_pair()
    theirs.reset()
    stream = MemoryNetworkStream(ours)
    with pytest.raises(httpcore.WriteError):
        await stream.write(b"x")
    with pytest.raises(httpcore.ReadError):
        await stream.read(1)


async def test_clients_inside_one_another_share_the_app(autojump_clock: MockClock) -> None:
    """It is served once; the outermost one starts and stops it."""
    app = new_app()
    async with client(app) as http, connect(app) as raw, client(app) as other:
        assert app.draining is False
        await raw.send(request())
        await read_until(raw, b"\r\n\r\na")
        assert (await http.get("/")).text == (await other.get("/")).text
    with pytest.raises(RuntimeError):
        app.shutdown()


async def test_two_apps_at_a_time_are_two(autojump_clock: MockClock) -> None:
    """Each client talks to its own."""
    other = Hump()
    async with client(new_app()) as http, client(other) as nothing:
        assert (await http.get("/")).status_code == 200
        assert (await nothing.get("/")).status_code == 404


async def test_a_failed_assertion_looks_like_one(autojump_clock: MockClock) -> None:
    """Not like a group of one, which `pytest.raises` and readers would trip over."""
    with pytest.raises(AssertionError, match="plain"):
        async with client(new_app()):
            raise AssertionError("plain")


async def test_two_failures_at_once_stay_a_group(autojump_clock: MockClock) -> None:
    """The app's own and the test's: neither is lost."""

    async def fail_beside_the_app() -> None:
        async with running(new_app()) as listener:
            await listener.aclose()
            try:
                await trio.sleep_forever()
            finally:
                raise LookupError

    with pytest.raises(BaseExceptionGroup) as raised:
        await fail_beside_the_app()
    assert raised.group_contains(LookupError)
    assert raised.group_contains(trio.ClosedResourceError)


async def test_a_raw_connection_reads_no_more_than_asked_for(autojump_clock: MockClock) -> None:
    """For tests of what comes when."""
    async with connect(new_app()) as raw:
        await raw.send(request())
        assert await raw.receive(4) == b"HTTP"
        assert await raw.receive(1) == b"/"


def test_without_httpx_its_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A newcomer learns what to install, not the name of a library beneath."""
    monkeypatch.setitem(sys.modules, "httpcore", None)
    monkeypatch.delitem(sys.modules, "hump_trio.testing")
    monkeypatch.delitem(sys.modules, "hump_trio.testing.clients")
    monkeypatch.delitem(sys.modules, "hump_trio.testing.memory_pool")
    with pytest.raises(ImportError, match=r"needs httpx: pip install 'hump-trio\[testing\]'"):
        importlib.import_module("hump_trio.testing")


async def test_a_listener_in_memory_leaves_nobody_waiting(autojump_clock: MockClock) -> None:
    """Who connected and wasn't accepted before the end sees the connection end."""
    app = Hump()
    listener = MemoryListener()
    async with trio.open_nursery() as nursery:
        await nursery.start(partial(app.serve, listeners=[listener]))
        await wait_all_tasks_blocked()
        clients = [listener.connect(1000) for _ in range(4)]
        app.shutdown()
        with trio.fail_after(100):
            for client in clients:
                with suppress(trio.BrokenResourceError):
                    assert await client.receive_some() == b""


async def test_a_raw_connection_trickles(autojump_clock: MockClock) -> None:
    """A client that sends a byte a second is cut as any slow one, in no time."""
    async with connect(Hump()) as raw:
        await raw.trickle(request(), pause=0.1)
        assert (await raw.receive()).startswith(b"HTTP/1.1 404 ")
        started = trio.current_time()
        with pytest.raises(trio.BrokenResourceError):
            await raw.trickle(request(), pause=1)
        assert 10 <= trio.current_time() - started <= 17
        assert (await raw.receive()).startswith(b"HTTP/1.1 408 ")


def session_app() -> Hump:
    """Return an app whose session is for HTTPS alone."""
    app = Hump()
    app.middleware(HttpsRedirect())

    @app.get("/login")
    async def login(request: Request) -> Response:
        response = Response(request.scheme)
        response.set_cookie("session", "ann", secure=True)
        return response

    @app.get("/me")
    async def me(request: Request) -> str:
        return request.cookies.get("session", "nobody")

    return app


@pytest.mark.memory_only("what stands for TLS there is only said")
async def test_the_client_asks_over_https(autojump_clock: MockClock) -> None:
    """By its base, by a URL, and where it is sent: secure cookies come back, and there alone."""
    async with client(session_app(), base_url="https://testserver") as http:
        assert (await http.get("/login")).text == "https"
        assert (await http.get("/me")).text == "ann"
        # The other scheme is another connection, and leads back.
        plain = await http.get("http://testserver/me", follow_redirects=True)
        assert (plain.text, str(plain.url)) == ("ann", "https://testserver/me")
        assert (await http.get("http://testserver/login")).status_code == 308
    async with client(session_app()) as http:
        login = await http.get("/login", follow_redirects=True)
        assert (login.text, str(login.url)) == ("https", "https://testserver/login")


async def test_other_schemes_are_none(autojump_clock: MockClock) -> None:
    """As httpx says."""
    async with client(new_app()) as http:
        with pytest.raises((httpx.UnsupportedProtocol, httpcore.UnsupportedProtocol)):
            await http.get("ftp://testserver/")


@pytest.mark.parametrize("opening", [client, connect])
def test_another_event_loop_is_told_to_be_trio(opening: Any) -> None:
    """A test for asyncio's runner says how it is run."""

    async def test() -> None:
        async with opening(new_app()):
            raise AssertionError

    with pytest.raises(RuntimeError, match=r"an app is tested under Trio: trio\.run\(test\)"):
        asyncio.run(test())


@pytest.mark.parametrize(
    ("opening", "form"),
    [(client, "async with client(app) as http"), (connect, "async with connect(app) as raw")],
)
def test_a_client_that_is_not_open(opening: Any, form: str) -> None:
    """Who leaves ``async with`` out learns of it."""
    with pytest.raises(AttributeError, match=re.escape(f"'get' is of what `{form}` gives")):
        opening(new_app()).get("/")


def test_what_others_call_a_test_client() -> None:
    """It says what it is called here; any other name is just none."""
    module: Any = importlib.import_module("hump_trio.testing")
    with pytest.raises(ImportError, match=r"write `async with client\(app\) as http`"):
        from hump_trio.testing import TestClient  # type: ignore[attr-defined]  # noqa: F401
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = module.nothing
