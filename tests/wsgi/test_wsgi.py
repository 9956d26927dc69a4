"""`Wsgi`: an app's threads, their number and time, and those that nobody waits for."""

import gc
import logging
import time
from collections.abc import AsyncIterator, Iterator
from contextvars import ContextVar
from threading import Event, get_ident
from typing import Any

import httpx2
import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from hump_trio import CallNext, Compression, Hump, Limits, Request, Response, Timeouts
from hump_trio.testing import AutojumpClock, client, connect
from hump_trio.testing.memory_listener import running
from hump_trio.transports.memory import WINDOW_BYTES
from hump_trio.wsgi import Wsgi
from tests.support.loopback import PATIENCE_SECONDS, wait_until
from tests.support.struck import Countdown, StepTap
from tests.support.wire import HELD_BYTES, connect_transport, parse_answers, read_until, request
from tests.support.wsgi_apps import StartResponse, hello, mounted, typed

Environ = dict[str, Any]
LOCAL: ContextVar[str] = ContextVar("LOCAL", default="none")


class Held:
    """An app that waits in its thread until it may go on, and notes what it does.

    Args:
        parts: How many parts it gives then. The first one comes before the wait if there are more
            than one.
    """

    def __init__(self, parts: int = 1) -> None:
        self.may_go = Event()
        self.events: list[str] = []
        self._parts = parts

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterator[bytes]:
        """Answer, as an app does."""
        self.events.append("called")
        start_response("200 OK", typed())
        if self._parts == 1:
            self._wait()
        return self._body()

    def _wait(self) -> None:
        assert self.may_go.wait(PATIENCE_SECONDS)
        self.events.append("went on")

    def _body(self) -> Iterator[bytes]:
        try:
            for number in range(self._parts):
                if number == 1:
                    self._wait()
                yield b"part\n"
                self.events.append("gave")
        finally:
            self.events.append("closed")

    async def wait_for(self, event: str, count: int = 1) -> None:
        """Wait until something has happened so often."""
        await wait_until(lambda: self.events.count(event) >= count)


@pytest.mark.parametrize("app", [None, "shop:app", Hump().serve])
def test_what_is_no_app(app: Any) -> None:
    """The message leads users of ASGI to `Asgi`."""
    with pytest.raises(TypeError, match=r"Wsgi takes an app\(environ, start_response\)"):
        Wsgi(app)


def test_an_app_of_asgi() -> None:
    """It may be an object that is called as an async function."""

    class Other:
        async def __call__(self, scope: Any, receive: Any, send: Any) -> None: ...

    other: Any = Other()
    with pytest.raises(TypeError, match=r"mounted as Asgi\(app\)"):
        Wsgi(other)


@pytest.mark.parametrize("threads", [0, -1, True, 1.5, "4", None])
def test_a_number_of_threads(threads: Any) -> None:
    """It is a positive integer."""
    with pytest.raises(ValueError, match="threads must be a positive integer"):
        Wsgi(hello, threads=threads)


async def test_so_many_threads() -> None:
    """A request waits for one, and gets it when another has ended."""
    held = Held()
    async with client(mounted(held, threads=2)) as http, trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(http.get, "/")
        await held.wait_for("called", 2)
        await wait_all_tasks_blocked(0.01)
        assert held.events == ["called", "called"]
        held.may_go.set()
    assert held.events.count("closed") == 3


async def test_a_thread_that_cannot_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its place is another's."""

    def refuse(*args: Any) -> None:
        raise RuntimeError("can't start new thread")

    async with client(mounted(hello, threads=1)) as http:
        with monkeypatch.context() as patch:
            patch.setattr(trio.lowlevel, "start_thread_soon", refuse)
            assert (await http.get("/")).status_code == 500
        assert (await http.get("/")).text == "hello"


async def test_other_threads_are_none_of_its() -> None:
    """A thread of Trio's own, or of another app, has no place there."""
    held = Held()
    app = mounted(held, "/held", threads=1)
    app.mount("/other", Wsgi(hello, threads=1))
    async with client(app) as http, trio.open_nursery() as nursery:
        nursery.start_soon(http.get, "/held/")
        await held.wait_for("called")
        assert (await http.get("/other/")).text == "hello"
        held.may_go.set()


async def test_waiting_for_a_thread_counts(mock_clock: MockClock) -> None:
    """The time of a request is that of its thread and of the wait for it."""
    held = Held()
    statuses: dict[str, int] = {}
    async with client(mounted(held, threads=1)) as http, trio.open_nursery() as nursery:

        async def get(name: str) -> None:
            statuses[name] = (await http.get("/", timeout=None)).status_code

        nursery.start_soon(get, "first")
        await held.wait_for("called")
        mock_clock.jump(20)
        nursery.start_soon(get, "second")
        await wait_all_tasks_blocked(0.01)
        mock_clock.jump(11)
        await wait_until(lambda: "first" in statuses)
        assert statuses == {"first": 503}  # its thread goes on
        mock_clock.jump(20)
        await wait_until(lambda: "second" in statuses)
        assert statuses == {"first": 503, "second": 503}
        held.may_go.set()
        await get("third")
    assert statuses["third"] == 200
    assert held.events.count("called") == 2


@pytest.mark.parametrize("own", [False, True])
async def test_a_timeout(own: bool, mock_clock: MockClock) -> None:
    """The mount's own bounds a streamed answer too, as that of a route; the app's does not."""
    held, streamed = Held(), Held(3)
    options: Any = {"timeout": 2} if own else {}
    app = mounted(held, "/held", timeouts=Timeouts(handler=2), **options)
    app.mount("/streamed", Wsgi(streamed, **options))
    ended: list[str] = []

    async def get(http: httpx2.AsyncClient, path: str) -> None:
        try:
            response = await http.get(path, timeout=None)
        except httpx2.ReadError:
            ended.append("cut")
        else:
            ended.append(str(response.status_code))

    async with client(app) as http, trio.open_nursery() as nursery:
        nursery.start_soon(get, http, "/held/")
        await held.wait_for("called")
        mock_clock.jump(2.5)
        await wait_until(lambda: ended == ["503"])
        nursery.start_soon(get, http, "/streamed/")
        await streamed.wait_for("called")
        await wait_all_tasks_blocked(0.02)
        mock_clock.jump(2.5)
        await wait_all_tasks_blocked(0.02)
        held.may_go.set()
        streamed.may_go.set()
        await streamed.wait_for("closed")
    assert ended[1:] == ["cut" if own else "200"]


async def test_the_time_has_passed(mock_clock: MockClock, caplog: pytest.LogCaptureFixture) -> None:
    """The thread's answer is nobody's then: its iterable is closed, and its error logged."""
    held = Held()

    def app(environ: Environ, start_response: StartResponse) -> Iterator[bytes]:
        if environ["QUERY_STRING"]:
            assert held.may_go.wait(PATIENCE_SECONDS)
            held.events.append("called")
            raise ValueError("late")
        return held(environ, start_response)

    async with client(mounted(app, strict=False, timeout=2)) as http:
        async with trio.open_nursery() as nursery:
            for path in ("/", "/?fail"):
                nursery.start_soon(http.get, path)
            await held.wait_for("called")
            await wait_all_tasks_blocked(0.01)
            mock_clock.jump(2.5)
        held.may_go.set()
        await held.wait_for("closed")
        await held.wait_for("called", 2)
    assert held.events.count("gave") == 0
    errors = [each.getMessage() for each in caplog.records if each.levelno == logging.ERROR]
    assert errors == ["GET /?fail: the app failed behind its answer"]


async def test_the_client_has_gone_before_the_answer(mock_clock: MockClock) -> None:
    """Its request ends, and the thread's answer is nobody's."""
    held = Held()
    async with connect(mounted(held)) as raw:
        await raw.send(request())
        await held.wait_for("called")
        raw.reset()
        for _ in range(3):
            await wait_all_tasks_blocked(0.01)
            mock_clock.jump(0.3)
        held.may_go.set()
        await held.wait_for("closed")
    assert held.events == ["called", "went on", "closed"]


async def test_the_client_has_gone_within_the_answer(
    mock_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """The iterable is asked for nothing more, and closed; that is no error."""
    held = Held(9)
    async with connect(mounted(held)) as raw:
        await raw.send(request())
        await read_until(raw, b"part\n\r\n")
        raw.reset()
        for _ in range(3):
            await wait_all_tasks_blocked(0.01)
            mock_clock.jump(0.3)
        held.may_go.set()
        await held.wait_for("closed")
    assert held.events == ["called", "gave", "went on", "closed"]
    assert [each for each in caplog.records if each.levelno >= logging.ERROR] == []


@pytest.mark.parametrize("survives", [False, True])
async def test_write_to_a_client_that_has_gone(
    survives: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """It raises an error of the system's kind, which may end the app."""
    raised: list[str] = []

    def app(environ: Environ, start_response: StartResponse) -> list[bytes]:
        write = start_response("200 OK", typed())
        try:
            while True:
                write(bytes(1000))
        except OSError as error:
            raised.append(str(error))
            if not survives:
                raise LookupError from error
        return [b"more"]

    async with connect(mounted(app, strict=False)) as raw:
        await raw.send(request())
        await raw.receive()
        raw.reset()
        await wait_until(lambda: bool(raised))
    assert raised == ["the client has gone"]
    assert [each for each in caplog.records if each.levelno >= logging.ERROR] == []


async def test_a_client_that_does_not_read() -> None:
    """It stops the iterable, which goes on when it reads."""
    given = 0

    def app(environ: Environ, start_response: StartResponse) -> Iterator[bytes]:
        nonlocal given
        start_response("200 OK", typed())
        for _ in range(300):
            given += 1
            yield bytes(16 * 1024)

    async with connect_transport(mounted(app), WINDOW_BYTES) as transport:
        await transport.send_all(request("GET", "/", "Connection: close"))
        await wait_all_tasks_blocked(0.05)
        stopped_at = given
        assert 0 < stopped_at * 16 * 1024 < HELD_BYTES + 256 * 1024
        await wait_all_tasks_blocked(0.05)
        assert given == stopped_at
        data = b""
        while part := await transport.receive_some():
            data += part
    [answer] = parse_answers(data)
    assert (len(answer.body), answer.whole, given) == (300 * 16 * 1024, True, 300)


async def test_one_thread_for_all_of_it() -> None:
    """From the call to the close: connections of databases belong to a thread."""
    threads: list[int] = []

    class Parts:
        def __iter__(self) -> Iterator[bytes]:
            for _ in range(3):
                threads.append(get_ident())
                yield b"part"

        def close(self) -> None:
            threads.append(get_ident())

    def app(environ: Environ, start_response: StartResponse) -> Any:
        threads.append(get_ident())
        start_response("200 OK", typed())
        return Parts()

    async with client(mounted(app)) as http:
        await http.get("/")
    assert len(threads) == 5
    assert len(set(threads)) == 1
    assert threads[0] != get_ident()


@pytest.mark.parametrize("nth", range(1, 7))
async def test_cancelled_at_any_wait(nth: int) -> None:
    """The iterable is closed, if there is one, and the thread is another request's."""
    held = Held(3)
    held.may_go.set()
    guest = Wsgi(held, threads=1)
    asked = Request("GET", "/", "/", route="/{rest:path}")
    with trio.CancelScope() as scope:
        countdown = Countdown(nth)
        countdown.act = scope.cancel
        tap = StepTap(trio.lowlevel.current_task(), countdown)
        trio.lowlevel.add_instrument(tap)
        try:
            await trio.lowlevel.checkpoint()
            body: Any = (await guest.answer(asked)).body
            try:
                async for _ in body:
                    await trio.lowlevel.checkpoint()
            finally:
                await body.aclose()
        finally:
            trio.lowlevel.remove_instrument(tap)
    with trio.fail_after(PATIENCE_SECONDS):
        await guest.answer(asked)
    calls = held.events.count("called")
    await held.wait_for("closed", calls - 1)
    assert calls in (1, 2)


async def test_no_client_waits_for_the_close() -> None:
    """What an app does there comes behind its answer, and keeps the thread."""
    may_close = Event()

    class Parts(list[bytes]):
        def close(self) -> None:
            assert may_close.wait(PATIENCE_SECONDS)

    def app(environ: Environ, start_response: StartResponse) -> list[bytes]:
        start_response("200 OK", typed())
        return Parts([b"whole"])

    async with client(mounted(app, strict=False, threads=1)) as http:
        assert (await http.get("/")).text == "whole"
        async with trio.open_nursery() as nursery:
            nursery.start_soon(http.get, "/")
            await wait_all_tasks_blocked(0.01)
            may_close.set()


async def test_context_variables() -> None:
    """Those that middleware has set are there, in the whole iterable too."""

    def app(environ: Environ, start_response: StartResponse) -> Iterator[bytes]:
        start_response("200 OK", typed())
        yield LOCAL.get().encode()
        LOCAL.set("its own")
        yield LOCAL.get().encode()

    host = mounted(app)

    @host.middleware
    async def set_local(request: Request, call_next: CallNext) -> Response:
        LOCAL.set("set ")
        return await call_next(request)

    async with client(host) as http:
        assert (await http.get("/")).text == "set its own"


async def test_trio_from_the_thread() -> None:
    """The app reaches Trio by its functions for that, and the request by the environ."""

    async def ask_trio(name: str) -> bytes:
        await trio.lowlevel.checkpoint()
        return name.encode()

    def app(environ: Environ, start_response: StartResponse) -> Iterator[bytes]:
        asked = environ["hump_trio.request"]
        start_response("200 OK", typed())
        token = environ["hump_trio.token"]
        yield trio.from_thread.run(ask_trio, asked.path, trio_token=token)
        yield trio.from_thread.run(ask_trio, asked.app.state, trio_token=token)

    host = mounted(app)

    @host.lifespan
    async def lifespan(app: Any) -> AsyncIterator[str]:
        yield " of the app"

    async with client(host) as http:
        assert (await http.get("/")).text == "/ of the app"


async def test_middleware_sees_the_answer() -> None:
    """Its status and fields are there before the body is; a stream is coded as any other."""
    seen: list[int] = []

    def app(environ: Environ, start_response: StartResponse) -> Iterator[bytes]:
        start_response("201 Created", typed(("X-App", "1")))
        yield b"a" * 10_000
        yield b"b"

    host = mounted(app)

    @host.middleware
    async def watch(request: Request, call_next: CallNext) -> Response:
        response = await call_next(request)
        seen.append(response.status)
        response.headers["x-host"] = response.headers["x-app"]
        return response

    host.middleware(Compression())
    async with client(host) as http:
        response = await http.get("/", headers={"accept-encoding": "gzip"})
    assert (seen, response.status_code, response.headers["x-host"]) == ([201], 201, "1")
    assert response.headers["content-encoding"] == "gzip"
    assert response.content == b"a" * 10_000 + b"b"


async def test_middleware_drops_the_answer() -> None:
    """Its iterable is closed all the same."""
    held = Held(3)
    host = mounted(held)

    @host.middleware
    async def drop(request: Request, call_next: CallNext) -> Response:
        await call_next(request)
        return Response("other")

    async with client(host) as http:
        assert (await http.get("/")).text == "other"
        gc.collect()
        held.may_go.set()
        await held.wait_for("closed")
    assert held.events == ["called", "gave", "went on", "closed"]


@pytest.mark.parametrize(
    ("options", "accepted_bytes"),
    [
        ({}, 30_000),
        ({"body_limit": 5_000}, 5_000),
        ({"body_limit": 50_000}, 50_000),
        ({"body_limit": None}, None),
    ],
    ids=str,
)
async def test_the_size_of_a_body(options: Any, accepted_bytes: int | None) -> None:
    """By default as large as an upload may be, since forms with files come to any path."""
    sizes: list[int] = []

    def app(environ: Environ, start_response: StartResponse) -> list[bytes]:
        sizes.append(len(environ["wsgi.input"].read(100_000)))
        return hello(environ, start_response)

    limits = Limits(body_bytes=10_000, upload_bytes=30_000)
    async with client(mounted(app, limits=limits, **options)) as http:
        response = await http.post("/", content=bytes(accepted_bytes or 100_000))
        assert response.status_code == 200
        if accepted_bytes is not None:
            response = await http.post("/", content=bytes(accepted_bytes + 1))
            assert response.status_code == 413
    assert sizes == [accepted_bytes or 100_000]


def test_virtual_time() -> None:
    """A part that a thread is making is waited for by no deadline, as a call in a thread is."""

    def app(environ: Environ, start_response: StartResponse) -> Iterator[bytes]:
        start_response("200 OK", typed())
        yield b"a"
        time.sleep(0.02)
        yield b"b"

    async def main() -> None:
        async with client(mounted(app)) as http:
            began = trio.current_time()
            assert (await http.get("/")).text == "ab"
            assert trio.current_time() - began < 1

    trio.run(main, clock=AutojumpClock())


async def test_work_behind_an_answer_at_shutdown() -> None:
    """The server waits for its thread, if that ends in time."""
    closing, may_close, closed = Event(), Event(), Event()

    class Parts(list[bytes]):
        def close(self) -> None:
            closing.set()
            assert may_close.wait(PATIENCE_SECONDS)
            closed.set()

    def app(environ: Environ, start_response: StartResponse) -> list[bytes]:
        start_response("200 OK", typed())
        return Parts([b"whole"])

    host, stopped = mounted(app, strict=False), trio.Event()

    async def use() -> None:
        async with client(host) as http:
            await http.get("/")
        stopped.set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(use)
        await wait_until(closing.is_set)
        await wait_all_tasks_blocked(0.02)
        assert not stopped.is_set()
        may_close.set()
    assert closed.is_set()


@pytest.mark.parametrize("parts", [1, 3])
async def test_a_thread_that_outlives_the_shutdown(
    parts: int, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """It is named in the log, with the line that it stands at; half of the clean-up has passed."""
    held = Held(parts)
    host = mounted(held, timeouts=Timeouts(shutdown=10, cleanup=4), timeout=None)
    async with running(host) as listener:
        transport = listener.connect(WINDOW_BYTES)
        await transport.send_all(request("GET", "/slow"))
        await held.wait_for("called")
        await wait_all_tasks_blocked(0.02)
        began = trio.current_time()
    assert 12 <= trio.current_time() - began < 14
    [error] = [each.getMessage() for each in caplog.records if each.levelno == logging.ERROR]
    assert error.startswith("the thread of GET /slow can't be stopped; it stands in\n")
    assert "self.may_go.wait(PATIENCE_SECONDS)" in error
    assert "to_thread" not in error
    held.may_go.set()
    await held.wait_for("closed")
    transport.close()


def test_a_thread_that_outlives_the_program() -> None:
    """It ends by itself, and says nothing."""
    held = Held(9)

    async def main() -> None:
        async with running(mounted(held, timeouts=Timeouts(shutdown=10, cleanup=4))) as listener:
            transport = listener.connect(WINDOW_BYTES)
            await transport.send_all(request())
            await held.wait_for("called")
        transport.close()

    trio.run(main, clock=MockClock(autojump_threshold=0))
    held.may_go.set()
    deadline = time.monotonic() + PATIENCE_SECONDS
    while "closed" not in held.events:
        assert time.monotonic() < deadline


async def test_a_server_that_fails(caplog: pytest.LogCaptureFixture) -> None:
    """Its threads are named as well, though there is no time to wait for them."""
    held = Held()
    with trio.CancelScope() as scope:
        async with client(mounted(held)) as http, trio.open_nursery() as nursery:
            nursery.start_soon(http.get, "/")
            await held.wait_for("called")
            scope.cancel()
    assert "the thread of GET / can't be stopped" in caplog.text
    held.may_go.set()
    await held.wait_for("closed")
