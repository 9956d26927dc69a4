"""The lifespan of an app of ASGI."""

import logging
from collections.abc import AsyncIterator
from contextvars import ContextVar
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from hump_trio import Hump, StartupError, Timeouts
from hump_trio.asgi import Asgi
from hump_trio.asgi.lifespan import LifespanMode
from hump_trio.testing import client
from tests.support.asgi_apps import App, Receive, Send, answer

COMPLETE, FAILED = {"type": "lifespan.startup.complete"}, {"type": "lifespan.startup.failed"}
ENDED = {"type": "lifespan.shutdown.complete"}
colour: ContextVar[str] = ContextVar("colour")


def records_of(caplog: pytest.LogCaptureFixture, level: int) -> list[str]:
    """Return what was logged of a level."""
    return [each.getMessage() for each in caplog.records if each.levelno == level]


def hump_with(app: App, lifespan: LifespanMode = "auto", **options: Any) -> Hump:
    """Return an app in which one of ASGI is mounted."""
    hump = Hump(**options)
    hump.mount("", Asgi(app, lifespan=lifespan))
    return hump


class Waiting(trio.abc.Listener[Any]):
    """A listener that nobody comes to."""

    async def accept(self) -> Any:
        """Wait."""
        await trio.sleep_forever()

    async def aclose(self) -> None:
        """Do nothing."""


class Failing(Waiting):
    """A listener that breaks."""

    async def accept(self) -> Any:
        """Raise what no listener should."""
        raise OSError("broken")


class Living:
    """An app with a lifespan, which notes what becomes of it.

    Attributes:
        life: What it has received, and what it has been called for.
        scope: That of its lifespan.
    """

    def __init__(self) -> None:
        self.life: list[str] = []
        self.scope: dict[str, Any] = {}

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Live, or answer with the state and a context variable."""
        self.life.append(scope["type"])
        if scope["type"] == "http":
            scope["state"]["mine"] = "alone"
            await answer(send, f"{scope['state']} {colour.get('none')}".encode())
            return
        self.scope = scope
        self.life.append((await receive())["type"])
        scope["state"]["tea"] = "green"
        colour.set("red")
        await send(COMPLETE)
        colour.set("too late")
        self.life.append((await receive())["type"])
        await send(ENDED)
        self.life.append("over")


async def test_a_whole_life() -> None:
    """Startup before the first request, shutdown behind the last one; requests have the state."""
    living = Living()
    app = hump_with(living)
    for _ in range(2):
        async with client(app) as http:
            for _ in range(2):
                text = (await http.get("/")).text
                assert text == "{'tea': 'green', 'mine': 'alone'} red"
    asgi = {"version": "3.0", "spec_version": "2.0"}
    assert living.scope == {"type": "lifespan", "asgi": asgi, "state": {"tea": "green"}}
    once = ["lifespan", "lifespan.startup", "http", "http", "lifespan.shutdown", "over"]
    assert living.life == once * 2
    assert colour.get("none") == "none"


async def test_within_the_lifespan_of_the_app_around_it() -> None:
    """That one begins before it, and ends behind it."""
    living = Living()
    app = hump_with(living)

    @app.lifespan
    async def lifespan(app: Hump) -> AsyncIterator[None]:
        living.life.append("begins")
        yield
        living.life.append("ends")

    async with client(app):
        pass
    assert living.life[0] == "begins"
    assert living.life[-2:] == ["over", "ends"]


async def http_alone(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """Know nothing of lifespans."""
    assert scope["type"] == "http"
    await answer(send)


async def returning(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """Return at once for a lifespan."""
    if scope["type"] == "http":
        await answer(send)


async def deaf(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """Receive, and say nothing."""
    if scope["type"] == "http":
        await answer(send)
    else:
        while True:
            await receive()


@pytest.mark.parametrize("app", [http_alone, returning, deaf])
@pytest.mark.parametrize("mode", ["auto", "on", "off"])
async def test_an_app_without_one(
    app: App, mode: LifespanMode, caplog: pytest.LogCaptureFixture
) -> None:
    """It is served all the same, unless a lifespan is needed."""
    caplog.set_level(logging.INFO)
    said = f"ASGI app tests.asgi.test_lifespan.{app.__name__} has no lifespan"
    if mode == "on":
        with pytest.raises(StartupError, match="has failed to start: there is no lifespan"):
            await hump_with(app, mode).serve(listeners=[])
        return
    async with client(hump_with(app, mode)) as http:
        assert (await http.get("/")).text == "tea"
    told = [each for each in records_of(caplog, logging.INFO) if each.startswith(said)]
    assert len(told) == (mode == "auto")


@pytest.mark.parametrize("raises", [True, False])
@pytest.mark.parametrize(
    ("message", "line"),
    [
        (None, "ASGI app tests.asgi.test_lifespan.{name} has failed to start"),
        ("Traceback:\n  here\nno tea\n", "{name} has failed to start: no tea"),
    ],
)
async def test_a_startup_that_fails(
    raises: bool, message: str | None, line: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Serving ends with the message of the app, in one line, before any address is bound."""
    bound = False

    async def app(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        await receive()
        await send(FAILED if message is None else {**FAILED, "message": message})
        if raises:
            raise ValueError("what was in the message")

    def started(value: object = None) -> None:
        nonlocal bound
        bound = True

    with pytest.raises(StartupError) as caught:
        await hump_with(app).serve(listeners=[])
    name = "test_a_startup_that_fails.<locals>.app"
    assert str(caught.value).endswith(line.format(name=name))
    assert "\n" not in str(caught.value)
    assert caught.value.message == (message or "")
    assert not bound
    assert records_of(caplog, logging.ERROR) == []


async def test_others_that_live_already_end_well() -> None:
    """An app whose startup fails ends those that were mounted before it."""

    async def failing(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        await send(FAILED)

    living, hump = Living(), Hump()
    hump.mount("/living", Asgi(living))
    hump.mount("/failing", Asgi(failing))
    with pytest.raises(StartupError):
        await hump.serve(listeners=[])
    assert living.life[-1] == "over"


@pytest.mark.parametrize("raises", [True, False])
async def test_a_shutdown_that_fails(raises: bool, caplog: pytest.LogCaptureFixture) -> None:
    """It is logged once."""

    async def app(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        await receive()
        await send(COMPLETE)
        await receive()
        await send({"type": "lifespan.shutdown.failed", "message": "the pot is stuck"})
        if raises:
            raise ValueError("what was in the message")

    async with client(hump_with(app)):
        pass
    [line] = records_of(caplog, logging.ERROR)
    assert line.endswith("has failed to shut down: the pot is stuck")


@pytest.mark.parametrize("late", [True, False])
async def test_an_error_behind_the_startup(late: bool, caplog: pytest.LogCaptureFixture) -> None:
    """It is logged with its traceback, and ends nothing else."""

    async def app(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await answer(send)
            return
        await receive()
        await send(COMPLETE)
        if late:
            await receive()
        raise ValueError("no tea")

    async with client(hump_with(app)) as http:
        assert (await http.get("/")).text == "tea"
    [record] = [each for each in caplog.records if each.levelno == logging.ERROR]
    assert record.getMessage().startswith("the lifespan of ASGI app")
    assert record.exc_info is not None
    assert str(record.exc_info[1]) == "no tea"


async def test_an_app_that_waits_for_more(autojump_clock: MockClock) -> None:
    """Behind the shutdown there is nothing to wait for, and it is let go."""
    life = []

    async def app(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        try:
            for message in (COMPLETE, ENDED):
                await receive()
                await send(message)
            await receive()
        except trio.Cancelled:
            life.append("cancelled")
            raise

    async with client(hump_with(app)):
        pass
    assert life == ["cancelled"]
    assert trio.current_time() < 1


async def test_work_behind_the_last_message(autojump_clock: MockClock) -> None:
    """The app has the time for cleanup until it has returned."""
    life = []

    async def app(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        for message in (COMPLETE, ENDED):
            await receive()
            await send(message)
        await trio.sleep(2)
        life.append("cleaned up")

    async with client(hump_with(app)):
        pass
    assert life == ["cleaned up"]


async def test_a_shutdown_that_takes_too_long(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """The time for cleanup ends it, as that of any lifespan."""

    async def app(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        await receive()
        await send(COMPLETE)
        await receive()
        await trio.sleep_forever()

    async with client(hump_with(app, timeouts=Timeouts(cleanup=3))):
        pass
    assert any("exit took too long" in line for line in records_of(caplog, logging.ERROR))


MISTAKES: list[Any] = [
    {},
    "lifespan.startup.complete",
    {"type": "http.response.start"},
    {"type": "lifespan.shutdown.complete"},
]


@pytest.mark.parametrize("message", MISTAKES)
async def test_messages_that_make_no_sense(message: Any) -> None:
    """The app is told at once."""
    raised: list[type[BaseException]] = []

    async def app(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        await receive()
        for each in (message, COMPLETE, COMPLETE):
            try:
                await send(each)
            except (RuntimeError, TypeError) as error:
                raised.append(type(error))

    async with client(hump_with(app)):
        pass
    assert raised == [
        RuntimeError if isinstance(message, dict) and message else TypeError,
        RuntimeError,
    ]


async def test_a_cancelled_startup(autojump_clock: MockClock) -> None:
    """Serving ends, and the app with it."""
    life = []

    async def app(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        try:
            await trio.sleep_forever()
        finally:
            life.append("cancelled")

    with trio.move_on_after(1) as scope:
        await hump_with(app).serve(listeners=[])
    assert scope.cancelled_caught
    assert life == ["cancelled"]


async def test_a_cancelled_server(autojump_clock: MockClock) -> None:
    """The app is cancelled where it waits for its shutdown."""
    living = Living()
    with trio.move_on_after(1) as scope:
        await hump_with(living).serve(listeners=[Waiting()])
    assert scope.cancelled_caught
    assert living.life == ["lifespan", "lifespan.startup"]


@pytest.mark.parametrize("cancelled", [False, True])
async def test_a_failure_that_no_shutdown_was_asked_for(
    cancelled: bool, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged as what the app says, and not at all where the app was only cancelled."""

    async def app(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        await receive()
        await send(COMPLETE)
        try:
            if cancelled:
                await receive()
            await trio.sleep(0.5)
            raise LookupError("the cache")
        except BaseException:
            await send({"type": "lifespan.shutdown.failed", "message": "no more tea"})
            raise

    with trio.move_on_after(1):
        await hump_with(app).serve(listeners=[Waiting()])
    told = [each for each in records_of(caplog, logging.ERROR) if "failed" in each]
    assert told == ([] if cancelled else [told[0]])
    assert cancelled or told[0].endswith("has failed to shut down: no more tea")


async def test_an_error_of_the_server_is_no_group() -> None:
    """What ends serving comes out as it would without a lifespan; the app ends well."""
    living = Living()
    kinds = []
    for app in (Hump(), hump_with(living)):
        with pytest.raises(BaseException) as caught:  # noqa: PT011 # the same for both
            await app.serve(listeners=[Failing()])
        kinds.append(repr(caught.value))
    assert kinds[0] == kinds[1]
    assert living.life[-1] == "over"


@pytest.mark.parametrize("late", [False, True])
async def test_an_error_while_it_is_cancelled(
    late: bool, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged, and hides neither the reason of a startup that has failed nor a good end."""

    async def fail_at_the_end() -> None:
        try:
            await trio.sleep_forever()
        finally:
            raise ValueError("spilled")

    async def app(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        await receive()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(fail_at_the_end)
            await trio.sleep(1)
            await send(COMPLETE if late else {**FAILED, "message": "no tea"})
            await receive()
            await send(ENDED)
            await receive()

    if late:
        async with client(hump_with(app)):
            pass
    else:
        with pytest.raises(StartupError, match="no tea"):
            await hump_with(app).serve(listeners=[Waiting()])
    [text] = records_of(caplog, logging.ERROR)
    assert text.startswith("the lifespan of ASGI app tests.asgi.")


@pytest.mark.parametrize("started", [False, True])
async def test_the_cancellation_of_another_task(
    started: bool, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """An app that raises it again has failed, as with any error, and ends nothing else."""

    async def app(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await answer(send, b"tea")
            return
        await receive()
        if started:
            await send(COMPLETE)
        with trio.CancelScope() as scope_of_another:
            scope_of_another.cancel()
            try:
                await trio.lowlevel.checkpoint()
            except trio.Cancelled as error:
                kept = error
                raise
        raise kept

    async with client(hump_with(app)) as user:
        await trio.sleep(1)
        assert (await user.get("/")).text == "tea"
    [text] = records_of(caplog, logging.ERROR)
    assert text.endswith("has failed")
