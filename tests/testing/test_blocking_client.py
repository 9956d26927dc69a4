"""A client for plain functions: the app runs in a thread, and its errors come to the test."""

import os
import signal
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpcore2
import httpx2
import pytest
import trio

from hump_trio import Hump, Request, WebSocket
from hump_trio.tasks.failures import leaves_of
from hump_trio.testing import blocking_client, client
from tests.testing.test_clients import FakeSession, Session, provided_app
from tests.testing.test_crashes import Broken, failing_app

pytestmark = pytest.mark.http1_only("another transport, of the tests, knows no timeouts")


def shop() -> Hump[list[str]]:
    """Return an app that notes what happens to it."""
    app: Hump[list[str]] = Hump()
    notes: list[str] = []

    @app.lifespan
    async def lifespan(app: Hump[list[str]]) -> AsyncIterator[list[str]]:
        notes.append("begun")
        try:
            yield notes
        finally:
            notes.append("left")

    @app.get("/")
    async def index(request: Request) -> str:
        return request.cookies.get("user", "nobody")

    @app.post("/")
    async def echo(request: Request) -> bytes:
        return request.body

    @app.get("/notes")
    async def show() -> list[str]:
        return notes

    @app.get("/parts")
    async def count() -> AsyncIterator[bytes]:
        for number in range(3):
            yield b"%d" % number

    @app.get("/hang")
    async def hang() -> str:
        notes.append("hangs")
        try:
            await trio.sleep_forever()
        finally:
            notes.append("cut")

    @app.get("/interrupt")
    async def interrupt() -> str:
        os.kill(os.getpid(), signal.SIGINT)
        return await hang()

    @app.websocket("/ws")
    async def talk(ws: WebSocket[str]) -> None:
        async for message in ws:
            await ws.send(message.upper())

    return app


@pytest.fixture
def http() -> Iterator[httpx2.Client]:
    """A fixture as users write it."""
    with blocking_client(shop()) as http:
        yield http


def test_a_plain_function_asks(http: httpx2.Client) -> None:
    """Bodies go both ways, whole or in parts, and options are httpx's own."""
    assert http.get("/").text == "nobody"
    assert http.post("/", content=b"abc").content == b"abc"
    assert http.post("/", content=iter([b"a", b"b"])).content == b"ab"
    assert http.post("/", json={"a": 1}).json() == {"a": 1}
    with http.stream("GET", "/parts") as response:
        assert b"".join(response.iter_raw()) == b"012"
    with http.stream("GET", "/parts") as response:
        assert response.status_code == 200  # and nothing is read
    assert http.get("/nowhere").status_code == 404


def test_the_app_lives_as_long_as_the_client() -> None:
    """Its lifespan has begun when the client is there, and was left when the client is."""
    app = shop()
    with blocking_client(app, tls=True, headers={"x-test": "yes"}) as http:
        assert http.get("/notes").json() == ["begun"]
        assert http.get("/").url == "https://testserver/"
        assert http.headers["x-test"] == "yes"
    with blocking_client(app) as http:
        assert http.get("/notes").json() == ["begun", "left", "begun"]
    with pytest.raises(RuntimeError):
        app.shutdown()


def test_two_clients_of_one_app_are_two_users() -> None:
    """The app is served once, and each has cookies of its own."""
    served = shop()
    with (
        blocking_client(served, cookies={"user": "ann"}) as ann,
        blocking_client(served, cookies={"user": "bob"}) as bob,
    ):
        assert [http.get("/").text for http in (ann, bob)] == ["ann", "bob"]
        assert ann.get("/notes").json() == ["begun"]


@pytest.mark.parametrize("left", [False, True])
def test_errors_of_the_lifespan_are_raised(left: bool) -> None:
    """Where the client is entered, or where it is left."""
    app = Hump()

    @app.lifespan
    async def lifespan(app: Hump) -> AsyncIterator[None]:
        if not left:
            raise Broken("lifespan")
        yield
        raise Broken("lifespan")

    entered = False
    with pytest.raises(Broken, match="lifespan"), blocking_client(app):
        entered = True
    assert entered is left


def test_a_lifespan_that_never_begins() -> None:
    """The test fails when the time has passed, and doesn't hang."""
    app = Hump()

    @app.lifespan
    async def lifespan(app: Hump) -> AsyncIterator[None]:
        await trio.sleep_forever()
        yield

    with (
        pytest.raises(trio.TooSlowError, match=r"lifespan hasn't begun within 0\.01 s"),
        blocking_client(app, timeout=0.01),
    ):
        raise AssertionError


def test_a_trio_run_that_does_not_begin(monkeypatch: pytest.MonkeyPatch) -> None:
    """It fails where the client is entered, and nobody waits for it."""

    def run(function: object) -> None:
        raise OSError("too many open files")

    monkeypatch.setattr(trio, "run", run)
    with pytest.raises(OSError, match="too many open files"), blocking_client(shop()):
        raise AssertionError


def test_a_thread_that_does_not_begin(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system has no more of them, nobody waits for one."""

    def fail(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", fail)
        with pytest.raises(RuntimeError, match="new thread"), blocking_client(shop()):
            pass


def test_an_answer_that_never_comes() -> None:
    """The test fails when the time has passed, and the handler is cut."""
    app = shop()
    with blocking_client(app, timeout=0.01) as http, pytest.raises(httpx2.ReadTimeout):
        http.get("/hang")


def test_errors_of_handlers_are_raised() -> None:
    """If that is asked for, as by the async client; what fails behind is raised at the end."""
    app = failing_app()
    with blocking_client(app, raise_errors=True) as http:
        with pytest.raises(ExceptionGroup):
            http.get("/group?now")
        assert http.get("/known").status_code == 418
    with blocking_client(app) as http:
        assert http.get("/group").status_code == 500


def test_a_test_gives_what_providers_would() -> None:
    """As by the async client."""
    with blocking_client(provided_app(), provide={Session: FakeSession()}) as http:
        assert http.get("/").text == "fake"


def test_a_failed_assertion_looks_like_one() -> None:
    """And the app is cut, whatever it does."""
    app = shop()
    with pytest.raises(AssertionError, match="plain"), blocking_client(app):
        raise AssertionError("plain")


def crashing_app() -> Hump:
    """Return an app that ends when it is asked to."""
    app = Hump()
    asked = trio.Event()

    @app.lifespan
    async def lifespan(app: Hump) -> AsyncIterator[None]:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(crash)
            yield

    async def crash() -> None:
        await asked.wait()
        raise Broken("crash") from LookupError("why")

    @app.get("/")
    async def ask() -> str:
        asked.set()
        await trio.sleep_forever()
        return "never"

    return app


def test_a_crash_of_the_app_is_raised() -> None:
    """In place of the error of httpx that comes of it; later requests have nobody to ask."""

    def ask(times: int) -> None:
        with blocking_client(crashing_app()) as http:
            for _ in range(times):
                with pytest.raises(httpx2.TransportError):
                    http.get("/")
            http.get("/")

    for times in range(3):
        with pytest.raises(ExceptionGroup) as group:
            ask(times)
        assert group.group_contains(Broken, match="crash")
        assert isinstance(next(leaves_of(group.value)).__cause__, LookupError)
        assert not group.group_contains(httpx2.TransportError)


def test_a_crash_of_the_app_beside_an_error_of_the_test() -> None:
    """Neither is lost."""

    def fail_too() -> None:
        with blocking_client(crashing_app()) as http:
            try:
                http.get("/")
            except httpx2.TransportError:
                raise LookupError from None

    with pytest.raises(ExceptionGroup) as group:
        fail_too()
    assert group.group_contains(LookupError)
    assert group.group_contains(Broken)


def test_an_interrupt_ends_the_wait_and_the_app() -> None:
    """Control-C reaches the test while it waits for an answer, and nothing goes on after that."""
    app = shop()
    with blocking_client(app) as http:
        notes = app.state
    with pytest.raises(KeyboardInterrupt), blocking_client(app) as http:
        http.get("/interrupt")
    assert notes[2:] == ["begun", "hangs", "cut", "left"]


def test_an_interrupt_ends_the_wait_for_the_lifespan() -> None:
    """Control-C reaches the test there, too."""
    app = Hump()
    ended: list[str] = []

    @app.lifespan
    async def lifespan(app: Hump) -> AsyncIterator[None]:
        os.kill(os.getpid(), signal.SIGINT)
        try:
            await trio.sleep_forever()
        finally:
            ended.append("cut")
        yield

    with pytest.raises(KeyboardInterrupt), blocking_client(app):
        raise AssertionError
    assert ended == ["cut"]


def test_a_connection_that_was_closed_here(http: httpx2.Client) -> None:
    """Who has taken it from an answer gets the errors of httpcore, as of a real one."""
    with http.stream("GET", "/parts") as response:
        connection = response.extensions["network_stream"]
        connection.close()
        with pytest.raises(httpcore2.ReadError):
            connection.read(1)
        with pytest.raises(httpcore2.WriteError):
            connection.write(b"x")


def test_a_websocket_of_httpx2(http: httpx2.Client) -> None:
    """It has one of its own, which works here too."""
    if not hasattr(http, "websocket"):
        pytest.skip("httpx has no WebSockets")
    with http.websocket("/ws") as ws:
        ws.send_text("tea")
        assert ws.receive_text(timeout=10) == "TEA"


def test_a_client_that_is_not_open() -> None:
    """Who leaves ``with`` out learns of it."""
    unopened: Any = blocking_client(shop())
    with pytest.raises(AttributeError, match=r"'get' is of what `with blocking_client\(app\) as h"):
        unopened.get("/")


async def test_an_async_test_is_told_what_to_write() -> None:
    """It would block the loop that it runs in."""
    with (
        pytest.raises(RuntimeError, match=r"async with client\(app\) as http"),
        blocking_client(shop()),
    ):
        raise AssertionError


def test_an_async_client_of_an_app_in_a_thread() -> None:
    """It can't share what another Trio run serves."""
    app = shop()

    async def ask() -> None:
        async with client(app):
            raise AssertionError

    with (
        blocking_client(app),
        pytest.raises(RuntimeError, match="served in another thread, by a blocking_client"),
    ):
        trio.run(ask)


def test_clients_that_are_left_in_another_order() -> None:
    """The one that serves the app has to be the last."""
    app = shop()
    first, second = blocking_client(app), blocking_client(app)
    with first:
        http = second.__enter__()
    with pytest.raises(httpx2.ConnectError):
        http.get("/")
    with pytest.raises(RuntimeError, match="the client that has begun to serve the app was left"):
        second.__exit__(None, None, None)
