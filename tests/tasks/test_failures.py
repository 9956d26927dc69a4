"""What is no `Exception` and yet a failure of one request: a 500, not the server's end."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from hump_trio import (
    CallNext,
    EventStream,
    Hump,
    Request,
    RequestId,
    Response,
    Send,
    StreamResponse,
    Timeouts,
)
from hump_trio.tasks.failures import comes_of, is_failure, leaves_of, split_failures
from hump_trio.testing import client, connect
from hump_trio.testing.memory_listener import MemoryListener
from tests.support.wire import parse_answers, read_to_reset, read_until, request


class PanicException(BaseException):
    """As an extension written in Rust raises it."""


KINDS = [PanicException, asyncio.CancelledError, GeneratorExit]


class Failing:
    """An app that raises one kind of error in many places.

    Args:
        kind: What is raised.
    """

    def __init__(self, kind: type[BaseException]) -> None:
        self.kind = kind
        self.app = Hump(timeouts=Timeouts(shutdown=5, cleanup=2))
        self.app.get("/whole")(self.fail)
        self.app.get("/timed", timeout=5)(self.fail)

        @self.app.get("/")
        async def index() -> str:
            return "hello"

        @self.app.get("/nursery")
        async def nursery() -> None:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(trio.sleep_forever)
                nursery.start_soon(self.fail)

        @self.app.get("/page")
        async def page() -> None:
            raise LookupError

        @self.app.exception_handler(LookupError)
        async def answer(request: Request, error: LookupError) -> None:
            await self.fail()

        @self.app.get("/generator")
        async def generator() -> AsyncIterator[str]:
            await self.fail()
            yield "never"

        @self.app.get("/begun")
        async def begun() -> AsyncIterator[str]:
            yield "part"
            await trio.sleep(1)
            await self.fail()

        @self.app.get("/producer")
        async def producer() -> Response:
            return StreamResponse(self.produce)

        @self.app.get("/events")
        async def events() -> Response:
            return EventStream(begun())

        @self.app.get("/closing")
        async def closing() -> AsyncIterator[str]:
            try:
                while True:
                    yield "part"
            finally:
                await self.fail()

        @self.app.get("/background")
        async def background() -> str:
            self.app.start_soon(self.fail)
            self.app.start_soon(nursery)
            return "begun"

    async def fail(self) -> None:
        """Raise it."""
        await trio.lowlevel.checkpoint()
        raise self.kind("of the handler's own")

    async def produce(self, send: Send) -> None:
        """Raise it before the first part."""
        await self.fail()

    async def get(self, path: str) -> int:
        """Return the status of an answer; another request follows it, on the same connection."""
        async with connect(self.app) as raw:
            await raw.send(request("GET", path))
            data = await raw.receive()
            await raw.send(request("GET", "/"))
            data += await read_until(raw, b"hello")
            answer, following = parse_answers(data, "GET", "GET", ended=False)
            assert following.text == "hello"
            assert self.app.statistics().outcomes["crash"] == 1
        return answer.status


def crashes(caplog: pytest.LogCaptureFixture) -> list[BaseException]:
    """Return what was logged with a traceback."""
    found = []
    for record in caplog.records:
        if record.exc_info is not None:
            error = record.exc_info[1]
            assert error is not None
            assert error.__traceback__ is not None
            found.append(error)
    return found


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "path", ["/whole", "/timed", "/nursery", "/page", "/generator", "/producer"]
)
async def test_it_is_a_500_with_a_logged_traceback(
    path: str, kind: type[BaseException], caplog: pytest.LogCaptureFixture
) -> None:
    """Wherever it is raised, in a task of a nursery too; the connection goes on."""
    failing = Failing(kind)
    assert await failing.get(path) == 500
    [error] = crashes(caplog)
    assert is_failure(error)
    assert failing.kind in {type(error), *(type(each) for each in getattr(error, "exceptions", ()))}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("before", [False, True])
async def test_in_middleware(
    kind: type[BaseException], caplog: pytest.LogCaptureFixture, *, before: bool
) -> None:
    """As in a handler; what stands further out and sees to errors does so."""
    failing = Failing(kind)
    failing.app.middleware(RequestId())

    @failing.app.middleware
    async def fail(request: Request, call_next: CallNext) -> Response:
        if before:
            await failing.fail()
        response = await call_next(request)
        await failing.fail()
        return response

    async with client(failing.app) as http:
        response = await http.get("/")
    assert response.status_code == 500
    assert "x-request-id" in response.headers
    [error] = crashes(caplog)
    assert type(error) is kind


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("path", ["/begun", "/events"])
async def test_an_answer_that_was_begun_is_cut(
    path: str,
    kind: type[BaseException],
    caplog: pytest.LogCaptureFixture,
    autojump_clock: MockClock,
) -> None:
    """As for any error; others are served."""
    failing = Failing(kind)
    async with connect(failing.app):
        async with connect(failing.app) as raw:
            await raw.send(request("GET", path))
            assert b"part" in await read_to_reset(raw)
        async with client(failing.app) as http:
            assert (await http.get("/")).text == "hello"
    assert len(crashes(caplog)) == 1


@pytest.mark.parametrize("kind", [PanicException, asyncio.CancelledError])
async def test_closing_a_body(
    kind: type[BaseException], caplog: pytest.LogCaptureFixture, autojump_clock: MockClock
) -> None:
    """It is logged, and the server lives."""
    failing = Failing(kind)
    async with connect(failing.app):
        async with connect(failing.app) as raw:
            await raw.send(request("GET", "/closing"))
            await raw.receive()
            raw.reset()
        await trio.sleep(1)
        async with client(failing.app) as http:
            assert (await http.get("/")).text == "hello"
    assert kind in map(type, crashes(caplog))


@pytest.mark.parametrize("kind", KINDS)
async def test_in_the_background(
    kind: type[BaseException], caplog: pytest.LogCaptureFixture, autojump_clock: MockClock
) -> None:
    """It is logged, and takes nothing down: bare, or in a group."""
    failing = Failing(kind)
    async with client(failing.app) as http:
        assert (await http.get("/background")).text == "begun"
        await trio.sleep(1)
        assert (await http.get("/")).text == "hello"
    assert caplog.text.count("background work failed") == 2


@pytest.mark.parametrize("timeout", [2, ...])
async def test_beside_a_cancellation(
    timeout: Any, caplog: pytest.LogCaptureFixture, autojump_clock: MockClock
) -> None:
    """What a handler raises while its deadline cancels it is logged, and the answer is the 503."""
    app = Hump(timeouts=Timeouts(handler=2))

    async def fail() -> None:
        try:
            await trio.sleep_forever()
        finally:
            raise PanicException

    @app.get("/", timeout=timeout)
    async def index() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(fail)
            nursery.start_soon(trio.sleep_forever)

    async with client(app) as http:
        assert (await http.get("/")).status_code == 503
    [error] = crashes(caplog)
    assert isinstance(error, BaseExceptionGroup)
    assert [type(each) for each in error.exceptions] == [PanicException]


async def test_beside_the_programs_cancellation(
    caplog: pytest.LogCaptureFixture, autojump_clock: MockClock
) -> None:
    """It is logged too when the host cancels the server, which ends as it should."""
    app = Hump()

    async def fail() -> None:
        try:
            await trio.sleep_forever()
        finally:
            raise PanicException

    @app.get("/")
    async def index() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(fail)
            nursery.start_soon(trio.sleep_forever)

    listener = MemoryListener()
    async with trio.open_nursery() as nursery:
        await nursery.start(partial(app.serve, listeners=[listener]))
        listener.connect(1000).send_nowait(request())
        await trio.sleep(1)
        nursery.cancel_scope.cancel()
    assert "a handler failed while it was cancelled" in caplog.text


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt])
@pytest.mark.parametrize(
    "path", ["/whole", "/timed", "/nursery", "/page", "/generator", "/background"]
)
async def test_what_ends_the_program_ends_it(path: str, kind: type[BaseException]) -> None:
    """Also beside another error, and from an exception handler."""
    failing = Failing(kind)
    listener = MemoryListener()
    with pytest.RaisesGroup(kind, flatten_subgroups=True):
        async with trio.open_nursery() as nursery:
            await nursery.start(partial(failing.app.serve, listeners=[listener]))
            listener.connect(1000).send_nowait(request("GET", path))


def group(*errors: BaseException) -> BaseExceptionGroup[BaseException]:
    """Return a group."""
    return BaseExceptionGroup("", errors)


PANIC, EXIT = PanicException(), SystemExit()


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        (ValueError(), True),
        (PANIC, True),
        (EXIT, False),
        (KeyboardInterrupt(), False),
        (group(PANIC, ValueError()), True),
        (group(group(PANIC), EXIT), False),
        (GeneratorExit(), False),
    ],
)
def test_a_failure(error: BaseException, *, failure: bool) -> None:
    """A group is one if all in it are; a coroutine that is closed outside of Trio hasn't failed."""
    assert is_failure(error) is failure


def test_parts_of_a_group() -> None:
    """What are failures, and what isn't, each None if there is nothing."""
    parts = split_failures(group(PANIC, group(EXIT)))
    assert [list(leaves_of(each)) for each in parts if each is not None] == [[PANIC], [EXIT]]
    assert split_failures(group(EXIT))[0] is None


def test_what_an_error_comes_of() -> None:
    """It is of that kind, or was raised from or behind one; a circle of causes ends the search."""
    origin, behind, circle = KeyError(), ValueError(), ValueError()
    behind.__context__ = origin
    circle.__cause__ = circle
    assert comes_of(origin, LookupError)
    assert comes_of(behind, LookupError)
    assert not comes_of(behind, OSError)
    assert not comes_of(circle, LookupError)
