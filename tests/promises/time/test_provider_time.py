"""The time of a handler is that of its providers, and who cancels one cancels both."""

from collections.abc import AsyncIterator
from contextlib import suppress
from contextvars import ContextVar
from typing import Any

import httpx2
import pytest
import trio
from trio.testing import MockClock

from hump_trio import CallNext, HttpException, Hump, Request, Response, Router, WebSocket, timeout
from hump_trio.testing import client, connect, websocket
from tests.support.wire import request as encode_request


class Session:
    """What a handler needs."""


class Scene:
    """An app with a provider that notes what becomes of it.

    Args:
        enter: The seconds that it takes to begin.
        leave: The seconds that it takes to end.
        options: Those of the app.
    """

    def __init__(self, *, enter: float = 0, leave: float = 0, **options: Any) -> None:
        self.app = Hump(**options)
        self.events: list[str] = []
        self.deadlines: list[float] = []

        @self.app.provide
        async def session(request: Request) -> AsyncIterator[Session]:
            self.deadlines.append(request.deadline)
            await trio.sleep(enter)
            try:
                yield Session()
                await trio.sleep(leave)
            except BaseException as error:
                self.events.append(f"undone for {type(error).__name__}")
                raise
            self.events.append("kept")


@pytest.mark.parametrize(("enter", "work", "leave"), [(3, 0, 0), (0, 3, 0), (0, 0, 3), (1, 1, 1)])
async def test_a_deadline_is_for_both(
    enter: float, work: float, leave: float, autojump_clock: MockClock
) -> None:
    """Whichever of them takes long; the client gets the 503 of any handler."""
    scene = Scene(enter=enter, leave=leave)

    @scene.app.get("/", timeout=2)
    async def index(session: Session, request: Request) -> str:
        assert [request.deadline] == scene.deadlines
        await trio.sleep(work)
        return "done"

    async with client(scene.app) as http:
        begun = trio.current_time()
        response = await http.get("/")
        assert (response.status_code, trio.current_time() - begun) == (503, 2)
    assert scene.deadlines == [begun + 2]
    assert scene.events == ([] if enter == 3 else ["undone for Cancelled"])


async def test_a_client_that_goes_cancels_both(autojump_clock: MockClock) -> None:
    """As soon as that is noticed; and neither, where the handler may finish."""
    scene = Scene()

    async def index(session: Session) -> str:
        await trio.sleep(10)
        return "done"

    scene.app.get("/")(index)
    scene.app.get("/finish", on_disconnect="finish")(index)
    async with connect(scene.app) as raw:
        await raw.send(encode_request("GET", "/"))
        await trio.sleep(1)
        raw.reset()
        await trio.sleep(2)
        assert scene.events == ["undone for Cancelled"]
    async with connect(scene.app) as raw:
        await raw.send(encode_request("GET", "/finish"))
        await trio.sleep(1)
        raw.reset()
        await trio.sleep(20)
        assert scene.events[1:] == ["kept"]


async def test_a_decorators_time_is_the_handlers_alone(autojump_clock: MockClock) -> None:
    """Of a handler with a bound; its 503 passes through the providers."""
    scene = Scene(enter=5, leave=5)

    @scene.app.get("/")
    @timeout(2)
    async def index(session: Session, seconds: int) -> str:
        await trio.sleep(seconds)
        return "done"

    async with client(scene.app) as http:
        assert (await http.get("/?seconds=1")).text == "done"
        assert (await http.get("/?seconds=3")).status_code == 503
    assert scene.events == ["kept", "undone for DeadlineError"]


async def test_a_stream_cut_in_mid_answer_is_undone(autojump_clock: MockClock) -> None:
    """By its client, which gets no whole answer; and by an error of its own."""
    scene = Scene()

    @scene.app.get("/")
    async def ticks(session: Session, fails: bool = False) -> AsyncIterator[str]:
        for _ in range(3):
            yield "tick"
            await trio.sleep(10)
            if fails:
                raise LookupError

    async with client(scene.app) as http:
        assert (await http.get("/")).text == "tick" * 3
        with pytest.raises(httpx2.TransportError):
            await http.get("/?fails=1")
    async with connect(scene.app) as raw:
        await raw.send(encode_request("GET", "/"))
        await trio.sleep(1)
        raw.reset()
        await trio.sleep(20)
    assert scene.events == ["kept", "undone for LookupError", "undone for Cancelled"]


async def test_a_stream_that_cannot_begin_is_an_error_of_its_handler(
    autojump_clock: MockClock,
) -> None:
    """As long as no part of it was sent, what a provider raises is answered."""
    app = Hump()

    @app.provide
    async def session(number: int) -> AsyncIterator[Session]:
        if number == 1:
            raise HttpException(409)
        yield Session()

    @app.get("/")
    async def ticks(session: Session) -> AsyncIterator[str]:
        yield "tick"

    async with client(app) as http:
        assert (await http.get("/?number=1")).status_code == 409
        assert (await http.get("/?number=2")).text == "tick"
        assert (await http.head("/?number=2")).status_code == 200


async def test_middleware_sees_what_a_provider_has_made_of_an_answer(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A 500, where what the handler did couldn't be kept; and it stands around providers."""
    app, router = Hump(), Router()
    seen: list[Any] = []

    @app.middleware
    async def see(request: Request, call_next: CallNext) -> Response:
        seen.append("enters")
        response = await call_next(request)
        seen.append(response.status)
        return response

    @router.exception_handler(LookupError)
    async def explain(request: Request, error: LookupError) -> Response:
        return Response("not kept", 507)

    @router.provide
    async def session(kind: str) -> AsyncIterator[Session]:
        seen.append("opens")
        yield Session()
        raise LookupError if kind == "known" else ValueError

    @router.get("/")
    async def index(session: Session) -> str:
        return "done"

    app.include(router)
    async with client(app) as http:
        assert (await http.get("/?kind=known")).text == "not kept"
        assert (await http.get("/?kind=other")).status_code == 500
    assert seen == ["enters", "opens", 507, "enters", "opens"]
    assert "ValueError" in caplog.text


async def test_a_task_of_a_provider_that_fails_cancels_the_handler() -> None:
    """And its error is answered as any of the handler's: nothing else waits for it."""
    app = Hump()

    @app.provide
    async def session() -> AsyncIterator[trio.Nursery]:
        async with trio.open_nursery() as nursery:
            yield nursery

    async def fail() -> None:
        raise HttpException(418)

    @app.get("/")
    async def index(nursery: trio.Nursery) -> None:
        nursery.start_soon(fail)
        await trio.sleep_forever()

    async with client(app) as http:
        assert (await http.get("/")).status_code == 418


@pytest.mark.parametrize("kind", ["scope", "failure"])
async def test_a_provider_swallows_nothing(
    kind: str, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """A handler that was cut has no answer; who has cut it, a scope or a ``suppress``, says one."""
    app = Hump()

    @app.provide
    async def session(is_told: bool = False) -> AsyncIterator[Session]:
        if kind == "scope":
            with trio.move_on_after(2) as scope:
                yield Session()
            if is_told and scope.cancelled_caught:
                raise HttpException(504)
        else:
            with suppress(LookupError):
                yield Session()
            if is_told:
                raise HttpException(504)

    @app.get("/")
    async def index(session: Session) -> None:
        if kind == "failure":
            raise LookupError
        await trio.sleep_forever()

    async with client(app) as http:
        assert (await http.get("/?is_told=1")).status_code == 504
        assert not caplog.records or "ERROR" not in caplog.text
        assert (await http.get("/")).status_code == 500
    cause = {"scope": "Cancelled", "failure": "LookupError"}[kind]
    said = (
        f"RuntimeError: the provider session has swallowed what its handler was ended by, {cause}"
    )
    assert said in caplog.text


async def test_what_python_ends_loops_by_passes_through_providers() -> None:
    """Although no generator may raise it."""
    app = Hump()

    @app.provide
    async def session() -> AsyncIterator[Session]:
        yield Session()

    @app.exception_handler(StopAsyncIteration)
    async def explain(request: Request, error: StopAsyncIteration) -> str:
        return f"over: {error}"

    @app.get("/")
    async def index(session: Session) -> None:
        raise StopAsyncIteration("at the end")

    async with client(app) as http:
        assert (await http.get("/")).text == "over: at the end"


async def test_a_websocket_ends_before_its_providers(autojump_clock: MockClock) -> None:
    """An error of theirs is that of the handler, which closes with 1011; before it, an answer."""
    scene = Scene(leave=1)
    variable = ContextVar[str]("variable")

    @scene.app.provide
    async def name(request: Request, session: Session) -> AsyncIterator[Name]:
        if "refused" in request.query:
            raise HttpException(403)
        token = variable.set("set")
        yield Name()
        variable.reset(token)
        raise LookupError

    @scene.app.websocket("/")
    async def chat(ws: WebSocket, name: Name) -> None:
        await ws.send(variable.get())

    @scene.app.websocket("/talk")
    async def talk(ws: WebSocket, session: Session) -> None:
        async for message in ws:
            await ws.send(message)

    async with client(scene.app) as http:
        headers = {"upgrade": "websocket", "connection": "upgrade"}
        headers |= {"sec-websocket-version": "13", "sec-websocket-key": "AAAAAAAAAAAAAAAAAAAAAA=="}
        assert (await http.get("/?refused=yes", headers=headers)).status_code == 403
    async with websocket(scene.app, "/") as ws:
        assert await ws.receive() == "set"
        await ws.wait_closed()
        assert ws.close_code == 1011
    assert scene.events == ["undone for HttpException", "undone for LookupError"]
    async with websocket(scene.app, "/talk") as ws:
        await ws.send("hello")
        assert await ws.receive() == "hello"
    async with websocket(scene.app, "/talk") as ws:
        await ws.send("hello")
        ws.reset()
        await trio.sleep(10)
    assert scene.events[2:3] == ["kept"]
    assert len(scene.events) == 4


class Name:
    """What another handler needs."""
