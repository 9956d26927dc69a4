"""Work in the background: the app's, whose crash is logged, and the lifespan's, which ends it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextvars import ContextVar
from functools import partial
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from hump_trio import Hump, Request, Timeouts
from hump_trio.testing import connect
from hump_trio.testing.memory_listener import MemoryListener
from tests.support.wire import parse_answers, read_to_end, request

TIMES = Timeouts(shutdown=20, cleanup=3)

variable: ContextVar[str] = ContextVar("variable")


@pytest.fixture
def app() -> Hump:
    """An app whose times are those above."""
    return Hump(timeouts=TIMES)


def watch(app: Hump) -> list[str | None]:
    """Give an app handlers that never end; return the reasons that they will be cancelled for."""
    reasons: list[str | None] = []

    @app.get("/{wait}")
    async def handler(request: Request, wait: str) -> None:
        try:
            while wait == "busy":
                await trio.lowlevel.checkpoint()
            await trio.sleep_forever()
        except trio.Cancelled:
            reasons.append(request.cancel_reason)
            raise

    return reasons


def crash_in_lifespan(app: Hump) -> trio.Event:
    """Give an app a lifespan whose background task crashes when the event is set."""
    crash = trio.Event()

    async def fail() -> None:
        await crash.wait()
        raise ValueError("the lifespan's own")

    @app.lifespan
    async def lifespan(app: Hump) -> AsyncIterator[None]:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(fail)
            yield

    return crash


async def test_it_outlives_its_request(app: Hump, autojump_clock: MockClock) -> None:
    """The answer goes out at once; arguments and context variables are those of the call."""
    events = []

    async def work(name: str, *, seconds: float) -> None:
        await trio.sleep(seconds)
        events.append((name, variable.get(), trio.current_time() - started))

    @app.get("/")
    async def index() -> str:
        variable.set("a handler's")
        app.start_soon(partial(work, seconds=5), "work")
        return "begun"

    async with connect(app) as raw:
        started = trio.current_time()
        await raw.send(request("GET", "/", "Connection: close"))
        [answer] = parse_answers(await read_to_end(raw))
        assert answer.text == "begun"
        assert trio.current_time() == started
        await trio.sleep(6)
    assert events == [("work", "a handler's", 5)]


@pytest.mark.parametrize(("seconds", "event"), [(19, "finished"), (21, "cancelled")])
async def test_a_shutdown_waits_for_it(
    seconds: float, event: str, app: Hump, autojump_clock: MockClock
) -> None:
    """For `Timeouts.shutdown` seconds; what isn't done by then is cancelled, and may clean up."""
    events = []

    async def work() -> None:
        try:
            await trio.sleep(seconds)
            events.append(("finished", trio.current_time() - asked_at))
        except trio.Cancelled:
            with trio.move_on_after(2, shield=True):
                await trio.sleep(1)
            events.append(("cancelled", trio.current_time() - asked_at))
            raise

    async with connect(app):
        app.start_soon(work)
        asked_at = trio.current_time()
    assert events == [(event, seconds)]
    assert trio.current_time() - asked_at == seconds


async def test_it_has_what_the_lifespan_made(app: Hump, autojump_clock: MockClock) -> None:
    """To its last moment, even one that comes after its cancellation."""
    events = []

    @app.lifespan
    async def lifespan(app: Hump) -> AsyncIterator[None]:
        async with trio.open_nursery() as nursery:
            yield
            events.append(f"closed while {len(nursery.child_tasks)} run")

    async def work() -> None:
        try:
            await trio.sleep_forever()
        finally:
            with trio.move_on_after(2, shield=True):
                await trio.sleep(1)
            events.append("cleaned up")

    async with connect(app):
        app.start_soon(work)
    assert events == ["cleaned up", "closed while 0 run"]


async def fail() -> None:
    """Crash."""
    await trio.lowlevel.checkpoint()
    raise ValueError("out of paper")


async def leave_badly() -> None:
    """Crash when it is cancelled."""
    try:
        await trio.sleep_forever()
    finally:
        raise ValueError("out of paper")


async def fail_together() -> None:
    """Crash as a group."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(fail)
        nursery.start_soon(fail)


async def leave_together() -> None:
    """Crash when it is cancelled, in one task of two."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.sleep_forever)
        nursery.start_soon(leave_badly)


@pytest.mark.parametrize("function", [fail, fail_together, partial(fail)])
async def test_a_crash_is_logged(
    function: Callable[[], Awaitable[None]],
    app: Hump,
    autojump_clock: MockClock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """With its name and traceback; the server goes on, and so does other and later work."""
    events = []

    async def work() -> None:
        await trio.sleep(1)
        events.append("done")

    @app.get("/")
    async def index() -> str:
        app.start_soon(work)
        app.start_soon(function)
        return "hello"

    async with connect(app) as raw:
        for _ in range(2):
            await raw.send(request())
            assert (await raw.receive()).endswith(b"hello")
            await trio.sleep(0.5)
    assert len(events) == len(caplog.records) == 2
    assert all("background work failed: fail" in each for each in caplog.messages)
    assert "ValueError: out of paper" in caplog.text


async def test_a_crash_at_its_cancellation_is_logged(
    app: Hump, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Alone, or in a group with cancelled tasks: a shutdown is none the worse for it."""
    async with connect(app):
        app.start_soon(leave_badly)
        app.start_soon(leave_together)
    failed = [each for each in caplog.messages if "background work failed: leave_" in each]
    assert len(failed) == 2


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("grouped", [True, False])
async def test_what_ends_the_program_is_raised(
    kind: type[BaseException], app: Hump, *, grouped: bool
) -> None:
    """An interrupt or exit in background work isn't logged away; it ends the server."""

    async def stop() -> None:
        raise kind

    async def stop_together() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(stop)
            nursery.start_soon(fail)

    @app.get("/")
    async def index() -> str:
        app.start_soon(stop_together if grouped else stop)
        return "hello"

    listener = MemoryListener()
    listener.connect(1).send_nowait(request())
    with pytest.RaisesGroup(kind, flatten_subgroups=True):  # and nothing else
        await app.serve(listeners=[listener])


@pytest.mark.parametrize("cut", [True, False])
async def test_it_needs_a_server(app: Hump, *, cut: bool) -> None:
    """Before one has begun and after it has ended or was cut, a lifespan's nursery will do."""

    def refuse(words: str) -> None:
        with pytest.raises(RuntimeError, match=words):
            app.start_soon(fail)

    @app.lifespan
    async def lifespan(app: Hump) -> AsyncIterator[Any]:
        refuse("in a lifespan, open a nursery")
        with trio.CancelScope() as scope:
            yield scope
        refuse("in a lifespan, open a nursery")

    refuse("this app is not being served")
    async with trio.open_nursery() as nursery:
        await nursery.start(partial(app.serve, listeners=[MemoryListener()]))
        scope: Any = app.state
        end = scope.cancel if cut else app.shutdown
        end()
    refuse("this app is not being served")


async def test_it_can_begin_during_a_shutdown(app: Hump, autojump_clock: MockClock) -> None:
    """As long as a handler or other background work is under way, and is awaited like theirs."""
    events = []

    async def work(more: int) -> None:
        await trio.sleep(2)
        events.append(trio.current_time() - asked_at)
        if more:
            app.start_soon(work, more - 1)

    @app.get("/")
    async def index() -> str:
        await app.wait_draining()
        await trio.sleep(1)
        app.start_soon(work, 1)
        return "hello"

    async with connect(app) as raw:
        await raw.send(request())
        await wait_all_tasks_blocked()
        asked_at = trio.current_time()
        app.shutdown()
        [answer] = parse_answers(await read_to_end(raw))
        assert answer.text == "hello"
    assert events == [3, 5]


async def visit(app: Hump, listener: MemoryListener, paths: list[str], end: trio.Event) -> None:
    """Ask for some paths, wait until all are being handled, and see that the end is cut short."""
    idle = listener.connect(1)
    clients = [listener.connect(1) for _ in paths]
    await wait_all_tasks_blocked()
    for client, path in zip(clients, paths, strict=True):
        client.send_nowait(request("GET", path))
    while app.statistics().connections["handler"] < len(clients):
        await trio.lowlevel.checkpoint()
    end.set()
    for client in clients:
        with pytest.raises(trio.BrokenResourceError):
            await client.receive_some()
    assert await idle.receive_some() == b""


@pytest.mark.parametrize("repeat", range(10))
async def test_a_crash_in_the_lifespan_ends_the_server(app: Hump, repeat: int) -> None:
    """Its background task's error cancels handlers, closes all, and is raised as it raises it."""
    reasons = watch(app)
    crash = crash_in_lifespan(app)
    listener = MemoryListener()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(visit, app, listener, ["/waiting", "/busy"] * 2, crash)
        with pytest.RaisesGroup(pytest.RaisesExc(ValueError, match=r"^the lifespan's own$")):
            await app.serve(listeners=[listener])
    assert reasons == ["server-failed"] * 4
    with pytest.raises(trio.BrokenResourceError):
        listener.connect(1)


@pytest.mark.parametrize("repeat", range(10))
async def test_a_request_that_comes_with_the_crash(app: Hump, repeat: int) -> None:
    """A handler that starts just when its server fails learns the reason too, if it starts."""
    reasons = watch(app)
    crash = crash_in_lifespan(app)
    listener = MemoryListener()

    async def knock() -> None:
        clients = [listener.connect(1) for _ in range(5)]
        await wait_all_tasks_blocked()
        for client in clients:
            client.send_nowait(request("GET", "/waiting"))
        crash.set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(knock)
        with pytest.RaisesGroup(ValueError):
            await app.serve(listeners=[listener])
    assert set(reasons) <= {"server-failed"}


@pytest.mark.parametrize("by_host", [True, False])
async def test_a_cancelled_scope_ends_the_server(app: Hump, *, by_host: bool) -> None:
    """One around `serve`, or one of the lifespan's own: quietly, and handlers know why."""
    reasons = watch(app)
    outer, inner, end = trio.CancelScope(), trio.CancelScope(), trio.Event()
    events = []

    @app.lifespan
    async def lifespan(app: Hump) -> AsyncIterator[None]:
        with inner:
            yield
        await trio.lowlevel.checkpoint()
        events.append("after the scope")

    async def cancel() -> None:
        await end.wait()
        (outer if by_host else inner).cancel()

    listener = MemoryListener()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(visit, app, listener, ["/waiting", "/busy"], end)
        nursery.start_soon(cancel)
        with outer:
            await app.serve(listeners=[listener])
    assert reasons == ["server-failed"] * 2
    assert (outer.cancelled_caught, inner.cancelled_caught) == (by_host, not by_host)
    assert events == ([] if by_host else ["after the scope"])


async def test_a_crash_while_a_crash_is_cleaned_up(
    app: Hump, caplog: pytest.LogCaptureFixture
) -> None:
    """What handlers and the app's work raise when the lifespan's crash cancels them is logged."""
    crash = crash_in_lifespan(app)

    @app.get("/")
    async def index() -> None:
        app.start_soon(leave_badly)
        await leave_badly()

    async def knock() -> None:
        listener.connect(1).send_nowait(request())
        await wait_all_tasks_blocked()
        crash.set()

    listener = MemoryListener()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(knock)
        with pytest.RaisesGroup(pytest.RaisesExc(ValueError, match=r"^the lifespan's own$")):
            await app.serve(listeners=[listener])
    assert caplog.text.count("ValueError: out of paper") == 2
