"""A client of an app in memory is an httpx client, with errors like those of a network."""

import asyncio
import re
from functools import partial
from typing import Annotated, Any

import httpcore2
import httpx2
import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from hump_trio import (
    Header,
    HttpException,
    HttpsRedirect,
    Hump,
    Request,
    Response,
    Router,
    WebSocket,
)
from hump_trio.testing import client, connect, websocket
from tests.testing.apps import new_app


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


async def test_an_answer_that_breaks_off_is_an_error_of_httpx(autojump_clock: MockClock) -> None:
    """The error that a real connection would bring."""
    async with client(new_app()) as http:
        with pytest.raises(httpx2.ReadError):
            await http.get("/broken")


async def test_an_app_that_has_stopped_takes_no_connection(autojump_clock: MockClock) -> None:
    """An error of httpx again, and none from leaving the context."""
    app = new_app()
    async with client(app) as http:
        app.shutdown()
        await wait_all_tasks_blocked()
        with pytest.raises(httpx2.ConnectError):
            await http.get("/")


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


@pytest.mark.http1_only("another transport, of the tests, says otherwise")
async def test_other_schemes_are_none(autojump_clock: MockClock) -> None:
    """As httpx says."""
    async with client(new_app()) as http:
        with pytest.raises((httpx2.UnsupportedProtocol, httpcore2.UnsupportedProtocol)):
            await http.get("ftp://testserver/")


async def asked_for(url: str, **options: Any) -> dict[str, str]:
    """Return what an app sees of a handshake."""
    app = Hump()

    @app.websocket("/{path:path}", origins=["*"])
    async def look(ws: WebSocket[dict[str, str]]) -> None:
        await ws.send({**dict(ws.request.headers.items()), "url": ws.request.absolute_url})

    async with websocket(app, url, **options) as ws:
        return await ws.receive(dict[str, str])


async def test_a_handshake_says_what_it_is_told(autojump_clock: MockClock) -> None:
    """A path is enough, and nothing is said by default that only browsers say."""
    found = await asked_for("/room?x=http://a")
    assert found["url"].endswith("://testserver/room?x=http://a")
    assert not {"origin", "cookie", "sec-websocket-protocol"} & set(found)
    found = await asked_for(
        "ws://example.org:81/room",
        subprotocols=["chat.v2", "chat.v1"],
        origin="https://shop.example",
        headers={"X-Test": "yes"},
        cookies={"session": "ann"},
    )
    assert found["url"].endswith("://example.org:81/room")
    assert found["sec-websocket-protocol"] == "chat.v2, chat.v1"
    assert found["origin"] == "https://shop.example"
    assert (found["x-test"], found["cookie"]) == ("yes", "session=ann")


@pytest.mark.memory_only("what stands for TLS there is only said")
async def test_a_handshake_is_made_over_https(autojump_clock: MockClock) -> None:
    """For a URL that says so."""
    assert (await asked_for("wss://example.org/room"))["url"] == "https://example.org/room"


@pytest.mark.parametrize("opening", [client, connect, partial(websocket, url="/")])
def test_another_event_loop_is_told_to_be_trio(opening: Any) -> None:
    """A test for asyncio's runner says how it is run."""

    async def test() -> None:
        async with opening(new_app()):
            raise AssertionError

    with pytest.raises(RuntimeError, match=r"an app is tested under Trio: trio\.run\(test\)"):
        asyncio.run(test())


@pytest.mark.parametrize(
    ("opening", "form"),
    [
        (client, "async with client(app) as http"),
        (connect, "async with connect(app) as raw"),
        (partial(websocket, url="/"), "async with websocket(app, ...) as ws"),
    ],
)
def test_a_client_that_is_not_open(opening: Any, form: str) -> None:
    """Who leaves ``async with`` out learns of it."""
    with pytest.raises(AttributeError, match=re.escape(f"'get' is of what `{form}` gives")):
        opening(new_app()).get("/")


class Session:
    """What a handler needs."""

    name = "real"


class FakeSession(Session):
    """What a test gives it."""

    name = "fake"


def provided_app() -> Hump:
    """Return an app whose handlers need a session, whose providers aren't called in tests."""
    app, router = Hump(), Router("/inner")

    @app.provide
    async def session(x_token: Annotated[str, Header()]) -> Session:
        return Session()

    @router.provide
    async def inner() -> Session:
        raise AssertionError

    @router.provide
    async def name(session: Session) -> Name:
        return Name(session.name)

    @router.get("/")
    async def show(session: Session, name: Name) -> str:
        return f"{session.name} {name}"

    @app.websocket("/chat")
    async def chat(ws: WebSocket, session: Session) -> None:
        await ws.send(session.name)

    @app.get("/")
    async def index(session: Session) -> str:
        return session.name

    app.include(router)
    return app


class Name(str):
    """A name, and no other text."""

    __slots__ = ()


@pytest.mark.parametrize("opening", [client(Hump()), connect(Hump()), websocket(Hump(), "/")])
def test_with_instead_of_async_with(opening: Any) -> None:
    """A function that isn't async is told of its own client."""
    with pytest.raises(TypeError, match=r"isn't async `with blocking_client\(app\) as http`"):
        opening.__enter__()
    with pytest.raises(TypeError, match=r"^write `async with .*, or in a function"), opening:
        pass


async def test_a_test_gives_what_providers_would() -> None:
    """To all handlers, and to other providers; afterwards all is as before."""
    app = provided_app()
    fakes = {Session: FakeSession()}
    async with client(app, provide=fakes) as http:
        assert (await http.get("/")).text == "fake"
        assert (await http.get("/inner/")).text == "fake fake"
    async with websocket(app, "/chat", provide=fakes) as ws:
        assert await ws.receive() == "fake"
    async with connect(app, provide=fakes) as raw:
        await raw.send(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        assert (await raw.receive()).endswith(b"fake")
    async with client(app) as http:
        assert (await http.get("/")).status_code == 422
        assert (await http.get("/", headers={"x-token": "a"})).text == "real"


async def test_what_a_test_gives_has_to_be_provided() -> None:
    """As a value. The clients of one app have what the first one gives."""
    app = provided_app()
    with pytest.raises(TypeError, match=r"nothing provides int: what is provided is .*Name, .*Ses"):
        async with client(app, provide={int: 3}):
            raise AssertionError
    fakes: Any = [FakeSession()]
    with pytest.raises(TypeError, match=r"^provide= is a dict of values by type, as .*, not \["):
        async with client(app, provide=fakes):
            pass
    with pytest.raises(TypeError, match="nothing provides int: what is provided is nothing"):
        async with client(Hump(), provide={int: 3}):
            raise AssertionError
    for value in (FakeSession, provided_app):
        with pytest.raises(TypeError, match=r"Session is given a value, not .*: call that, and"):
            async with client(app, provide={Session: value}):
                raise AssertionError
    for error in (HttpException(403), Response("no", 403)):
        with pytest.raises(TypeError, match=r"Session is given a value, and .* never is one"):
            async with client(app, provide={Session: error}):
                raise AssertionError
    async with client(app, provide={Session: FakeSession()}):
        async with client(app) as http:
            assert (await http.get("/")).text == "fake"
        with pytest.raises(RuntimeError, match="give provide= to what opened it"):
            async with client(app, provide={Session: FakeSession()}):
                raise AssertionError
