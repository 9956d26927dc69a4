"""The lifespan: what encloses every connection of a server, from before its address to its end."""

import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace
from typing import Any, cast

import pytest
import trio
from trio.testing import MockClock

from hump_trio import BindError, Hump, Timeouts
from hump_trio.testing import connect
from hump_trio.testing.memory_listener import MemoryListener
from tests.support.loopback import address_of, served
from tests.support.wire import ask, parse_answers, read_to_end, request

TIMES = Timeouts(shutdown=20, cleanup=3)

variable: ContextVar[str] = ContextVar("variable")


@pytest.fixture
def app() -> Hump:
    """An app that greets, and that may be served at a port of its own."""
    app = Hump("127.0.0.1", 0, timeouts=TIMES)

    @app.get("/")
    async def index() -> str:
        return "hello"

    return app


async def test_it_runs_in_the_task_of_serve(app: Hump) -> None:
    """Start and exit are in the task that called `serve`."""
    tasks = []

    @app.lifespan
    async def lifespan(app: Hump) -> AsyncIterator[None]:
        tasks.append(trio.lowlevel.current_task())
        yield
        tasks.append(trio.lowlevel.current_task())

    async def serve(task_status: trio.TaskStatus[tuple[str, ...]]) -> None:
        tasks.append(trio.lowlevel.current_task())
        await app.serve(listeners=[MemoryListener()], task_status=task_status)

    async with trio.open_nursery() as nursery:
        await nursery.start(serve)
        app.shutdown()
    assert len(tasks) == 3
    assert len(set(tasks)) == 1


async def test_nothing_listens_outside_of_it(app: Hump) -> None:
    """While it starts the address is free, after its yield nobody listens any more."""
    refused = []

    async def knock(address: tuple[str, int]) -> None:
        with pytest.raises(OSError, match="all attempts to connect"):
            await trio.open_tcp_stream(*address)
        refused.append(address)

    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = taken.getsockname()
        app.port = address[1]

        @app.lifespan
        async def lifespan(app: Hump) -> AsyncIterator[None]:
            assert app.addresses == ()
            taken.close()  # only now the server can have it
            await knock(address)
            yield
            await knock(address)

        async with served(app) as url:
            assert address_of(url) == address
            await (await trio.open_tcp_stream(*address)).aclose()
    assert refused == [address] * 2


@dataclass
class Shop:
    """What a lifespan yields."""

    name: str


async def test_what_it_yields_is_the_state() -> None:
    """`app.state` is that from the first connection to the end of the exit, and typed."""
    shop = Hump[Shop]()
    before: object = shop.state

    @shop.lifespan
    async def lifespan(app: Hump[Shop]) -> AsyncIterator[Shop]:
        assert app.state is before
        yield Shop("corner")
        assert app.state.name == "corner"

    @shop.get("/")
    async def name() -> str:
        return shop.state.name

    for _ in range(2):
        async with connect(shop) as raw:
            await raw.send(request("GET", "/", "Connection: close"))
            [answer] = parse_answers(await read_to_end(raw))
        assert answer.text == "corner"
        assert shop.state is before


async def test_without_a_state_of_its_own_there_is_room(app: Hump) -> None:
    """Each app has a namespace of its own, which a lifespan that yields nothing leaves there."""
    assert isinstance(app.state, SimpleNamespace)
    assert app.state is not Hump().state
    app.state.before = 1

    @app.lifespan
    async def lifespan(app: Hump) -> AsyncIterator[None]:
        app.state.greeting = "hi"
        yield

    @app.get("/state")
    async def state() -> str:
        return f"{app.state.before} {app.state.greeting}"

    [answer] = await ask(app, request("GET", "/state"))
    assert answer.text == "1 hi"


async def test_context_variables_enclose_connections(app: Hump) -> None:
    """What was set before the yield is seen by every handler, and by background work."""
    seen = []

    @app.lifespan
    async def lifespan(app: Hump) -> AsyncIterator[None]:
        variable.set("from the lifespan")
        yield

    async def look() -> None:
        seen.append(variable.get())

    @app.get("/look")
    async def handler() -> str:
        app.start_soon(look)
        value = variable.get()
        variable.set("from a handler")
        return value

    answers = await ask(app, request("GET", "/look") * 2, "GET", "GET")
    assert [answer.text for answer in answers] == ["from the lifespan"] * 2
    assert seen == ["from the lifespan"] * 2


class Manager:
    """A lifespan written as a class.

    Args:
        app: The app.
    """

    def __init__(self, app: Hump) -> None:
        self._app = app

    async def __aenter__(self) -> SimpleNamespace:
        return SimpleNamespace(app=self._app, name="class")

    async def __aexit__(self, *exc_info: object) -> None:
        await trio.lowlevel.checkpoint()


@asynccontextmanager
async def decorated(app: Hump) -> AsyncIterator[SimpleNamespace]:
    """Be a lifespan that is a context manager already."""
    yield SimpleNamespace(app=app, name="decorated")


def returning(app: Hump) -> AbstractAsyncContextManager[SimpleNamespace]:
    """Return a lifespan."""
    return decorated(app)


@pytest.mark.parametrize("lifespan", [Manager, decorated, returning, partial(decorated)])
async def test_a_context_manager_will_do(app: Hump, lifespan: Callable[[Hump], Any]) -> None:
    """Whatever takes the app and returns an async context manager, whoever made it."""
    assert app.lifespan(lifespan) is lifespan
    async with connect(app):
        assert app.state.app is app
        assert app.state.name in {"class", "decorated"}


async def test_it_runs_for_each_serve(app: Hump) -> None:
    """An app that is served again starts anew, whatever another app in the same run does."""
    events: list[str] = []
    other = Hump()

    def enclose(app: Hump, name: str) -> None:
        @app.lifespan
        async def lifespan(app: Hump) -> AsyncIterator[SimpleNamespace]:
            events.append(f"{name} in")
            yield SimpleNamespace(name=name)
            events.append(f"{name} out")

    enclose(app, "one")
    enclose(other, "two")
    async with connect(app):
        async with connect(other):
            assert (app.state.name, other.state.name) == ("one", "two")
        assert app.state.name == "one"
    async with connect(other):
        pass
    assert events == ["one in", "two in", "two out", "one out", "two in", "two out"]


class StartError(Exception):
    """What keeps a lifespan from starting, or from ending well."""


@pytest.mark.parametrize("given", [True, False])
async def test_a_start_that_fails(app: Hump, *, given: bool) -> None:
    """Its error comes out of `serve` as it is, nothing is bound, given listeners are closed."""
    failing = True

    @app.lifespan
    async def lifespan(app: Hump) -> AsyncIterator[None]:
        await trio.lowlevel.checkpoint()
        if failing:
            raise StartError("no database")
        yield

    for _ in range(2):
        listener = MemoryListener()
        serve = partial(app.serve, listeners=[listener] if given else None)
        with pytest.raises(StartError, match="no database"):
            await serve()
        async with trio.open_nursery() as nursery:
            with pytest.raises(StartError, match="no database"):
                await nursery.start(serve)
        assert app.addresses == ()
        if given:
            with pytest.raises(trio.BrokenResourceError):
                listener.connect(1)
    failing = False
    [answer] = await ask(app, request())
    assert answer.text == "hello"


async def test_an_address_that_is_taken(app: Hump) -> None:
    """`BindError` is thrown into the lifespan, whose exit runs, and comes out as it is."""
    events = []

    @app.lifespan
    async def lifespan(app: Hump) -> AsyncIterator[None]:
        try:
            yield
        except BindError as error:
            events.append(error.address)
            raise
        finally:
            await trio.lowlevel.checkpoint()
            events.append("left")

    with socket.create_server(("127.0.0.1", 0)) as taken:
        app.port = taken.getsockname()[1]
        with pytest.raises(BindError):
            await app.serve()
    assert events == [f"127.0.0.1:{app.port}", "left"]


async def test_an_address_is_an_error_that_it_may_take(app: Hump) -> None:
    """A lifespan that doesn't raise the error again has dealt with it."""

    @app.lifespan
    async def lifespan(app: Hump) -> AsyncIterator[None]:
        with pytest.raises(BindError):
            yield

    with socket.create_server(("127.0.0.1", 0)) as taken:
        app.port = taken.getsockname()[1]
        await app.serve()


async def test_an_exit_that_fails(app: Hump, autojump_clock: MockClock) -> None:
    """Its error comes out of `serve` as it is, after all were served."""

    @app.lifespan
    async def lifespan(app: Hump) -> AsyncIterator[None]:
        yield
        raise StartError("the last page is missing")

    @app.get("/stop")
    async def stop() -> str:
        app.shutdown()
        return "stopping"

    listener = MemoryListener()
    client = listener.connect(1000)
    await client.send_all(request("GET", "/stop"))
    with pytest.raises(StartError, match="the last page is missing"):
        await app.serve(listeners=[listener])
    assert (await client.receive_some()).endswith(b"stopping")


@pytest.mark.parametrize("given", [True, False])
async def test_a_shutdown_while_it_starts(
    app: Hump, autojump_clock: MockClock, *, given: bool
) -> None:
    """The start is cancelled, and `serve` returns at once without having bound anything."""
    events = []

    @app.lifespan
    async def lifespan(app: Hump) -> AsyncIterator[None]:
        try:
            await trio.sleep(1000)
            yield
        finally:
            events.append(trio.current_time() - started)

    started = trio.current_time()
    listener = MemoryListener()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(partial(app.serve, listeners=[listener] if given else None))
        await trio.sleep(1)
        app.shutdown()
    assert events == [1]
    assert trio.current_time() - started == 1
    with pytest.raises(RuntimeError, match="not being served"):
        app.shutdown()
    if given:
        with pytest.raises(trio.BrokenResourceError):
            listener.connect(1)


async def test_an_app_has_one(app: Hump) -> None:
    """A second one is refused, with how to have more; so is one that would come too late."""
    async with connect(app):
        with pytest.raises(RuntimeError, match="while it is being served"):
            app.lifespan(decorated)
    app.lifespan(decorated)
    with pytest.raises(RuntimeError, match=r"an app has one lifespan: in it, `async with`"):
        app.lifespan(Manager)


async def without_yield(app: Hump) -> None:
    """Forget the yield."""


async def without_app() -> AsyncIterator[None]:
    """Forget the app."""
    yield


async def with_more(app: Hump, other: object) -> AsyncIterator[None]:
    """Ask for more."""
    yield


def sync(app: Hump) -> Iterator[None]:
    """Forget the async."""
    yield


def empty(app: Hump) -> None:
    """Return nothing that could be entered."""


@pytest.mark.parametrize(
    ("lifespan", "words"),
    [
        (sync, r"the lifespan sync must be async: write an `async def lifespan\(app\)` with one"),
        (contextmanager(sync), r"the lifespan sync must be async: write an `async def lifespan"),
        (None, "write @app.lifespan without parentheses"),
        (without_yield, "a lifespan is an `async def lifespan.app.` with one `yield`, not "),
        ("lifespan", "a lifespan is an `async def lifespan.app.` with one `yield`, not 'lifespan'"),
        (without_app, r"the lifespan without_app must take \(app\): `async def"),
        (with_more, r"the lifespan with_more must take \(app\): `async def"),
    ],
)
def test_what_cant_be_one_is_refused(app: Hump, lifespan: Any, words: str) -> None:
    """At registration, with what to write."""
    with pytest.raises(TypeError, match=words):
        app.lifespan(lifespan)
    app.lifespan(decorated)  # nothing is left of it


async def test_one_that_gives_nothing_to_enter(app: Hump) -> None:
    """It is refused with its name, when it is called; nothing was bound."""
    app.lifespan(cast("Any", empty))
    with pytest.raises(TypeError, match="the lifespan empty returned None, which `async with`"):
        await app.serve()


def test_parentheses(app: Hump) -> None:
    """A decorator that was called says how it is written."""
    with pytest.raises(TypeError, match=r"write @app\.lifespan without parentheses"):
        app.lifespan()
    with pytest.raises(TypeError, match=r"with @app\.middleware, without parentheses"):
        app.middleware()


async def test_an_exit_that_waits_for_a_nursery_is_told_so(
    app: Hump, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """With the line that it stood at, and what to do."""

    async def tick() -> None:
        await trio.sleep_forever()

    @app.lifespan
    async def lifespan(app: Hump) -> AsyncIterator[None]:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(tick)
            yield

    async with connect(app):
        pass
    [record] = [each for each in caplog.records if "the lifespan's exit" in each.message]
    assert "cancel its scope after the yield" in record.message
    line = tick.__code__.co_firstlineno + 1
    assert record.message.endswith(f"it stood at {__file__}:{line} in {tick.__qualname__}")
