"""Generators around whole exchanges."""

import logging
from collections.abc import AsyncIterator, Generator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from functools import partial
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from hump_trio import (
    AccessRecord,
    CallNext,
    Ended,
    Hump,
    Request,
    Response,
    Send,
    StreamResponse,
    WebSocket,
)
from hump_trio.dispatch.dispatcher import Dispatcher
from hump_trio.dispatch.router import layer_of, table_of
from hump_trio.dispatch.watchers import Entered
from hump_trio.http1.head import parse_request_line
from hump_trio.messages.request import build_request
from hump_trio.testing import client, connect, websocket
from tests.support.endings import endings
from tests.support.wire import request

span: ContextVar[str] = ContextVar("span", default="none")


class Journal:
    """What a watcher has seen, in order.

    Args:
        app: It is watched.
        name: Stands before each entry.
    """

    def __init__(self, app: Hump, name: str = "") -> None:
        self.seen: list[Any] = []
        self._name = name
        app.watch(self.watch)

    def watch(self, request: Request) -> Generator[None, Ended, None]:
        """Note the beginning and the end of a request."""
        self.seen.append(f"{self._name}{request.method} {request.path}")
        ended = yield
        access = ended.access
        self.seen.append((access.route, access.status, access.outcome, repr(ended.error)))


@contextmanager
def spanning(name: str) -> Any:
    """Set a context variable, and set it back."""
    token = span.set(name)
    try:
        yield
    finally:
        span.reset(token)


async def test_a_request_is_watched_from_before_its_middleware_to_the_end_of_its_answer() -> None:
    """Its body included, if that is streamed."""
    app = Hump()
    journal = Journal(app)

    @app.middleware
    async def note(request: Request, call_next: CallNext) -> Response:
        journal.seen.append("middleware")
        return await call_next(request)

    @app.get("/items/{number:int}")
    async def show(number: int) -> AsyncIterator[str]:
        journal.seen.append("handler")
        yield "a"
        journal.seen.append("body")

    async with client(app) as http:
        assert (await http.get("/items/7")).text == "a"
    assert journal.seen == [
        "GET /items/7", "middleware", "handler", "body",
        ("/items/{number:int}", 200, "ok", "None"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("method", "path", "ended"),
    [
        ("GET", "/nothing", ("", 404, "refused", "None")),
        ("PUT", "/", ("", 405, "refused", "None")),
        ("OPTIONS", "/", ("", 204, "ok", "None")),
        ("BREW", "/", ("", 501, "refused", "None")),
        ("GET", "/gone", ("/gone", 410, "ok", "None")),
        ("GET", "/failing", ("/failing", 500, "crash", "LookupError('tea')")),
        ("GET", "/breaking", ("/breaking", 200, "crash", "LookupError('milk')")),
        ("GET", "/unfit", ("/unfit", 500, "crash", "TypeError")),
        ("GET", "/late", ("/late", 503, "deadline", "None")),
    ],
)
async def test_each_request_ends_once(
    method: str, path: str, ended: tuple[str, int, str, str], autojump_clock: MockClock
) -> None:
    """Refused, answered with an error, failed or cut: with what its line in the log says."""
    app = Hump()
    journal = Journal(app)
    app.include(endings)
    async with connect(app) as connection:
        await connection.send(request(method, path))
        await trio.sleep(20)
    begun, (route, status, outcome, error) = journal.seen
    assert begun == f"{method} {path}"
    assert (route, status, outcome) == ended[:3]
    assert error.startswith(ended[3])


async def test_one_whose_client_leaves_before_its_body_has_come_is_watched_at_its_end(
    autojump_clock: MockClock,
) -> None:
    """Nothing of it could be watched, but it counts."""
    app = Hump()
    journal = Journal(app)

    @app.post("/")
    async def take(request: Request) -> str:
        return "taken"

    async with connect(app) as connection:
        await connection.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\ntea")
        await trio.sleep(1)
        connection.reset()
        await trio.sleep(1)
    assert journal.seen == ["POST /", ("/", 0, "client-gone", "None")]


async def test_a_websocket_ends_with_its_code() -> None:
    """It is watched while it is open."""
    app = Hump()
    codes: list[tuple[int, int]] = []

    @app.watch
    def watch(request: Request) -> Generator[None, Ended, None]:
        ended = yield
        codes.append((ended.access.status, ended.access.close_code))

    @app.websocket("/")
    async def echo(socket: WebSocket) -> None:
        async for message in socket:
            await socket.send(message)

    async with websocket(app, "/") as socket:
        await socket.send("tea")
        assert await socket.receive() == "tea"
        assert codes == []
    [(status, code)] = codes
    assert (status, code) in {(101, 1000), (200, 1000)}, "by HTTP/1.1 or HTTP/2"


async def test_context_variables_reach_all_that_a_request_runs() -> None:
    """Middleware, handler, nurseries, and a streamed body; the next request has none of them."""
    app = Hump()
    seen: list[tuple[str, str]] = []

    @app.watch
    def trace(request: Request) -> Generator[None, Ended, None]:
        before = span.get()
        with spanning(request.path):
            yield
        seen.append((before, span.get()))

    def note(place: str) -> None:
        seen.append((place, span.get()))

    @app.middleware
    async def within(request: Request, call_next: CallNext) -> Response:
        note("middleware")
        return await call_next(request)

    async def child() -> None:
        note("nursery")

    @app.get("/{name}")
    async def produce(name: str) -> StreamResponse:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(child)
        note("handler")

        async def speak(send: Send) -> None:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(child)
            await send("a")
            note("body")

        return StreamResponse(speak)

    async with client(app) as http:
        for path in ("/a", "/b"):
            assert (await http.get(path)).text == "a"
    for path in ("/a", "/b"):
        places = ["middleware", "nursery", "handler", "nursery", "body"]
        assert seen[:6] == [*((place, path) for place in places), ("none", "none")]
        del seen[:6]
    assert not seen


async def test_a_second_answer_has_the_watchers_of_the_first() -> None:
    """As where a server can't send the first one: the request is still one."""
    app = Hump()
    journal = Journal(app)
    enter = partial(Entered, [journal.watch])
    dispatcher = Dispatcher(app, table_of(app), layer_of(app), enter)
    choice, _ = dispatcher.choose("GET", "/nothing")
    asked = build_request(parse_request_line("GET /nothing HTTP/1.1", 100), "a", [], None)
    for _ in range(2):
        assert (await dispatcher.respond(choice, asked)).status == 404
    assert journal.seen == ["GET /nothing"]


async def test_watchers_stand_within_one_another() -> None:
    """The first one registered is outermost."""
    app = Hump()
    outer = Journal(app, "outer ")
    inner = Journal(app, "inner ")
    inner.seen = outer.seen

    @app.get("/")
    async def index() -> str:
        return "hello"

    async with client(app) as http:
        await http.get("/")
    assert outer.seen[:2] == ["outer GET /", "inner GET /"]
    assert len(outer.seen) == 4


async def test_a_watcher_that_another_task_ends_finds_its_own_context() -> None:
    """As where a handler works on behind its answer: what it has set can be set back."""
    seen: list[str] = []

    def trace(request: Request) -> Generator[None, Ended, None]:
        with spanning("own"):
            yield
            seen.append(span.get())
        seen.append(span.get())

    asked = Request("GET", "/", "/")
    entered = Entered([trace], asked)
    access = AccessRecord(None, "GET", "/", "1.1", "/", 200, 9, 0.5, "ok", "", "", "")

    async def end() -> None:
        entered.end(access)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(end)
    assert seen == ["own", "none"]
    assert span.get() == "none", "of the task that was watched"


def fails_at_once(request: Request) -> Generator[None, Ended, None]:
    """Raise before the request."""
    raise LookupError("at once")
    yield


def returns_at_once(request: Request) -> Generator[None, Ended, None]:
    """Return before the request."""
    if request.path == "nowhere":
        yield


class Panic(BaseException):
    """An error that isn't below `Exception`, as that of an extension is."""


def panics_at_once(request: Request) -> Generator[None, Ended, None]:
    """Panic before the request."""
    raise Panic
    yield


def panics_at_the_end(request: Request) -> Generator[None, Ended, None]:
    """Panic behind the answer."""
    yield
    raise Panic


def fails_at_the_end(request: Request) -> Generator[None, Ended, None]:
    """Raise behind the answer."""
    yield
    raise LookupError("at the end")


def goes_on(request: Request) -> Generator[None, Ended, None]:
    """Yield twice."""
    yield
    yield


def goes_on_and_fails(request: Request) -> Generator[None, Ended, None]:
    """Yield twice, and fail as it is closed."""
    yield
    try:
        yield
    finally:
        raise LookupError("as it is closed")


@pytest.mark.parametrize(
    ("watcher", "lines"),
    [
        (fails_at_once, ["the watcher fails_at_once failed"]),
        (returns_at_once, ["the watcher returns_at_once has returned without a yield"]),
        (fails_at_the_end, ["the watcher fails_at_the_end failed"]),
        (panics_at_once, ["the watcher panics_at_once failed"]),
        (panics_at_the_end, ["the watcher panics_at_the_end failed"]),
        (goes_on, ["the watcher goes_on has a second yield"]),
        (
            goes_on_and_fails,
            [
                "the watcher goes_on_and_fails has a second yield",
                "the watcher goes_on_and_fails failed",
            ],
        ),
    ],
)
async def test_the_failure_of_a_watcher_is_logged_and_changes_nothing(
    watcher: Any, lines: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    """For the client, nor for the watchers around it and within it."""
    app = Hump()
    outer = Journal(app)
    app.watch(watcher)
    inner = Journal(app)

    @app.get("/")
    async def index() -> str:
        return "hello"

    async with client(app) as http:
        assert (await http.get("/")).text == "hello"
    assert [r.getMessage() for r in caplog.records if r.levelno == logging.ERROR] == lines
    assert outer.seen == inner.seen == ["GET /", ("/", 200, "ok", "None")]


@pytest.mark.parametrize("at_once", [True, False])
async def test_what_ends_the_program_passes_through_a_watcher(at_once: bool) -> None:
    """As it does elsewhere."""

    def interrupted(request: Request) -> Generator[None, Ended, None]:
        if at_once:
            raise KeyboardInterrupt
        yield
        raise KeyboardInterrupt

    ended = AccessRecord(None, "GET", "/", "1.1", "/", 200, 0, 0.0, "ok", "", "", "")
    with pytest.raises(KeyboardInterrupt):
        Entered([interrupted], Request("GET", "/", "/")).end(ended)


async def end_twice(request: Request) -> None:
    """Be no generator."""


class Watch:
    """A watcher that is an object."""

    def __call__(self, request: Request) -> Generator[None, Ended, None]:
        """Watch."""
        yield


@pytest.mark.parametrize(
    "watcher", [end_twice, fails_at_once(Request("GET", "/", "/")), None, print]
)
def test_what_is_no_watcher_is_refused(watcher: Any) -> None:
    """Where it is registered."""
    with pytest.raises(TypeError, match="ended = yield"):
        Hump().watch(watcher)


def watch_nothing() -> Generator[None, Ended, None]:
    """Take no request."""
    yield


def watch_two(request: Request, more: int) -> Generator[None, Ended, None]:
    """Take more than a request."""
    yield


@pytest.mark.parametrize("watcher", [watch_nothing, watch_two])
def test_a_watcher_takes_the_request(watcher: Any) -> None:
    """That is said where it is registered, and not with each request."""
    with pytest.raises(TypeError, match=rf"^the watcher {watcher.__name__} must take \(request\)$"):
        Hump().watch(watcher)


async def test_an_object_can_be_a_watcher() -> None:
    """If it is called as one."""
    app = Hump()
    app.watch(Watch())
    async with client(app) as http:
        assert (await http.get("/")).status_code == 404
        with pytest.raises(RuntimeError, match="being served"):
            app.watch(Watch())


class Lived:
    """A watcher with a life of its own.

    Args:
        app: It is watched.
    """

    def __init__(self, app: Hump) -> None:
        self.seen: list[str] = []
        app.watch(self)

    def __call__(self, request: Request) -> Generator[None, Ended, None]:
        """Note a request."""
        yield
        self.seen.append(request.path)

    @asynccontextmanager
    async def lifespan(self, app: Hump) -> AsyncIterator[None]:
        """Note the serving."""
        self.seen.append("start")
        yield
        self.seen.append(f"end after {app.statistics().connection_count}")


async def test_a_watcher_may_enclose_the_serving() -> None:
    """From before the first request until the last connection has ended, with or without others."""
    app = Hump()
    lived = Lived(app)
    Journal(app)
    async with client(app) as http:
        await http.get("/tea")
    assert lived.seen == ["start", "/tea", "end after 1"]
