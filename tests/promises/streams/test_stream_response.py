"""`StreamResponse`: answers that a function sends, and how their sending ends."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from contextvars import ContextVar
from typing import Any, TypeAlias

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from hump_trio import HttpException, Hump, Request, Response, StreamResponse, Timeouts
from hump_trio.messages.response import Send
from hump_trio.routing.layer import CallNext
from hump_trio.testing import RawConnection, connect
from tests.support import wire
from tests.support.wire import (
    HELD_BYTES,
    Answer,
    parse_answers,
    read_to_end,
    read_to_reset,
    request,
)

Caplog: TypeAlias = pytest.LogCaptureFixture
LAST = "Connection: close"


def app_of(producer: Any, status: int = 200, headers: Sequence[tuple[str, str]] = ()) -> Hump:
    """Return an app that answers with what a producer sends, and at another path without."""
    app = Hump(timeouts=Timeouts(send_grace=600))

    @app.get("/", timeout=None)
    async def index() -> Response:
        return StreamResponse(producer, status, headers)

    @app.get("/plain")
    async def plain() -> str:
        return "plain"

    return app


def sending(*parts: Any) -> Callable[[Send], Awaitable[None]]:
    """Return a producer that sends some parts, ten a second, or raises those that are errors."""

    async def produce(send: Send) -> None:
        for part in parts:
            if isinstance(part, Exception):
                raise part
            await send(part)
            await trio.sleep(0.1)

    return produce


async def ask(app: Hump, method: str = "GET") -> Answer:
    """Return the answer to a request, after which its connection has served another one."""
    async with connect(app) as raw:
        await raw.send(request(method) + request("GET", "/plain", LAST))
        answer, plain = parse_answers(await read_to_end(raw), method, "GET")
    assert plain.text == "plain"
    return answer


@pytest.mark.parametrize(
    ("parts", "kind"),
    [
        (["abc", b"d", "é"], "text/plain; charset=utf-8"),
        ([b"ab", bytearray(b"cd"), memoryview("é".encode())], "application/octet-stream"),
        (["", "abcd", b"", "é"], "text/plain; charset=utf-8"),
        ([], None),
    ],
)
async def test_every_kind(parts: list[Any], kind: str | None, autojump_clock: MockClock) -> None:
    """In chunks; the first part tells the content type, and nothing is an empty answer."""
    answer = await ask(app_of(sending(*parts)))
    assert (answer.text, answer.headers.get("content-type")) == ("abcdé" if parts else "", kind)
    assert (answer.status, answer.headers["transfer-encoding"]) == (200, "chunked")


async def test_parts_go_out_as_they_are_sent(autojump_clock: MockClock) -> None:
    """The head with the first one, which may be empty."""

    async def produce(send: Send) -> None:
        for part in ("", "first", "second"):
            await trio.sleep(10)
            await send(part)

    async with connect(app_of(produce)) as raw:
        await raw.send(request())
        for end, seconds in ((b"\r\n\r\n", 10), (b"first\r\n", 20), (b"second\r\n0\r\n\r\n", 30)):
            await wire.read_until(raw, end)
            assert trio.current_time() == seconds


@pytest.mark.parametrize("window_bytes", [999, 70_000])
async def test_several_tasks_may_send(window_bytes: int, autojump_clock: MockClock) -> None:
    """Each part goes out whole, and before the next, however slowly the client reads."""

    async def produce(send: Send) -> None:
        async with trio.open_nursery() as nursery:
            for letter in "xyz" * 4:
                nursery.start_soon(send, letter * 40_000)

    async with wire.connect_transport(app_of(produce), window_bytes) as transport:
        await transport.send_all(request("GET", "/", LAST))
        body = b"".join([part async for part in transport]).partition(b"\r\n\r\n")[2]
    assert re.fullmatch(rb"(9c40\r\n(x{40000}|y{40000}|z{40000})\r\n){12}0\r\n\r\n", body)
    assert body.count(b"x") == body.count(b"y") == body.count(b"z")


async def test_sending_waits_for_the_reader(autojump_clock: MockClock) -> None:
    """A few parts fill the wire, and no more are made until it reads on."""
    made = 0

    async def produce(send: Send) -> None:
        nonlocal made
        while True:
            await send(bytes(10_000))
            made += 1

    async with connect(app_of(produce)) as raw:
        raw.pause_reading()
        await raw.send(request())
        await trio.sleep(30)
        assert 0 < (before := made) <= HELD_BYTES // 10_000
        await raw.receive()
        raw.pause_reading()
        await wait_all_tasks_blocked()
        assert before < made <= before + 2 * HELD_BYTES // 10_000


@pytest.mark.parametrize(
    ("producer", "status", "text"),
    [
        (sending(HttpException(418, "tea")), 418, "tea"),
        (sending(ExceptionGroup("", [HttpException(418, "tea")])), 418, "tea"),
        (sending(LookupError("lost")), 404, "explained"),
        (sending(ValueError("secret")), 500, "Internal Server Error"),
        (lambda send: None, 500, "Internal Server Error"),
    ],
)
async def test_an_error_before_the_first_part_gets_a_proper_answer(
    producer: Any, status: int, text: str, autojump_clock: MockClock, caplog: Caplog
) -> None:
    """As the handler's own would; a plain function that can't be awaited is one, too."""
    app = app_of(producer)

    @app.exception_handler(LookupError)
    async def explain(request: Request, error: LookupError) -> Response:
        return Response("explained", 404)

    answer = await ask(app)
    assert (answer.status, answer.text) == (status, text)
    assert caplog.text.count("ERROR ") == (status == 500)


@pytest.mark.parametrize("error", [ValueError("broke"), HttpException(404), LookupError()])
async def test_an_error_later(error: Exception, autojump_clock: MockClock, caplog: Caplog) -> None:
    """It resets: what came doesn't look whole, and an error that nobody foresaw is logged once."""
    async with connect(app_of(sending("begun", error))) as raw:
        await raw.send(request())
        data = await read_to_reset(raw)
    [answer] = parse_answers(data, ended=False)
    assert (answer.status, answer.text, answer.whole) == (200, "begun", False)
    assert caplog.text.count("ERROR ") == (not isinstance(error, HttpException))


@pytest.mark.parametrize(("version", "length"), [("1.1", "3"), ("1.0", "3"), ("1.0", "")])
async def test_no_chunks_are_needed(version: str, length: str, autojump_clock: MockClock) -> None:
    """With a length of its own; and HTTP/1.0 knows none, so without one a close is the end."""
    app = app_of(sending("ab", "c"), headers=[("content-length", length)] if length else [])
    async with connect(app) as raw:
        await raw.send(request("GET", "/", "Connection: keep-alive", version=version))
        await raw.send(request("GET", "/", LAST))
        answers = parse_answers(await read_to_end(raw), "GET", "GET")
    assert [answer.text for answer in answers] == ["abc"] * (2 if length else 1)
    assert all("transfer-encoding" not in answer.headers for answer in answers)


@pytest.mark.parametrize("swallows", [False, True])
@pytest.mark.parametrize("parts", [["abcd"], ["ab", "cd"], [], ["ab"]])
async def test_a_wrong_length_never_reaches_the_next_answer(
    parts: list[str], swallows: bool, autojump_clock: MockClock, caplog: Caplog
) -> None:
    """500 if nothing is out yet, else a reset, even if the producer doesn't care."""

    async def produce(send: Send) -> None:
        with suppress(ValueError if swallows else LookupError):
            await sending(*parts)(send)

    begun = "ab" in parts
    async with connect(app_of(produce, headers=[("content-length", "3")])) as raw:
        await raw.send(request("GET", "/", LAST))
        data = await (read_to_reset(raw) if begun else read_to_end(raw))
    [answer] = parse_answers(data, ended=not begun)
    assert (answer.status, answer.whole) == ((200, False) if begun else (500, True))
    assert "Content-Length" in caplog.text


@pytest.mark.parametrize(("method", "status"), [("GET", 207), ("HEAD", 200), ("GET", 304)])
async def test_status_and_headers(method: str, status: int, autojump_clock: MockClock) -> None:
    """They are the response's. Where there is no body, no producer runs."""
    part = "a,b" if status == 207 else ValueError("has run")
    answer = await ask(app_of(sending(part), status, [("content-type", "text/csv")]), method)
    assert (answer.status, answer.text) == (status, "a,b" if status == 207 else "")
    assert answer.headers["content-type"] == "text/csv"


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("steps", range(6))
async def test_a_part_too_late(steps: int, fails: bool, autojump_clock: MockClock) -> None:
    """It goes nowhere, and who kept `send` is told, at whatever step of it the end has come."""
    told = []

    async def send_on(send: Send) -> None:
        try:
            while True:
                await send("part")
        except trio.ClosedResourceError:
            told.append(True)

    async def produce(send: Send) -> None:
        app.start_soon(send_on, send)
        for _ in range(steps):
            await trio.lowlevel.checkpoint()
        if fails:
            raise HttpException(418, "tea")

    app = app_of(produce)
    async with connect(app):
        try:
            answer = await ask(app)
            assert answer.text.replace("part", "") == ("tea" if fails else "")
        except trio.BrokenResourceError:
            assert fails  # when a part had gone out already
        await wait_all_tasks_blocked()
        assert told == [True]


async def test_a_send_cancelled_before_it_writes_loses_nothing(autojump_clock: MockClock) -> None:
    """At once, or while it waits for another task's turn: the stream goes on."""

    async def produce(send: Send) -> None:
        async with trio.open_nursery() as nursery:
            for seconds in (0, 1):
                with trio.move_on_after(seconds) as scope:
                    await send("never")
                assert scope.cancelled_caught
                if not seconds:
                    nursery.start_soon(send, "x" * 500_000)
                    await wait_all_tasks_blocked()

    async with connect(app_of(produce)) as raw:
        raw.pause_reading()
        await raw.send(request("GET", "/", LAST))
        await trio.sleep(2)
        [answer] = parse_answers(await read_to_end(raw))
    assert answer.text == "x" * 500_000


@pytest.mark.parametrize("goes_on", [False, True])
async def test_a_send_that_is_cut(goes_on: bool, autojump_clock: MockClock) -> None:
    """In the midst of a write: the next one raises, and the answer never ends as if whole."""
    events = []

    async def produce(send: Send) -> None:
        await send("begun")
        with trio.move_on_after(1):
            await send("x" * 500_000)
        events.append("cancelled")
        if goes_on:
            with pytest.raises(trio.BrokenResourceError):
                await send("more")
            events.append("told")

    async with wire.connect_transport(app_of(produce), 5000) as transport:
        await transport.send_all(request() + request("GET", "/plain"))
        data = await transport.receive_some()
        await trio.sleep(2)
        data += await read_to_reset(RawConnection(transport))
    [answer] = parse_answers(data, ended=False)
    assert (answer.whole, events) == (False, ["cancelled", "told"][: 1 + goes_on])


@pytest.mark.parametrize("seconds", [0, 50])
async def test_a_producer_ends_with_its_client(
    seconds: float, autojump_clock: MockClock, caplog: Caplog
) -> None:
    """Stuck in a part or between two, it is cancelled and may clean up."""
    events = []

    async def produce(send: Send) -> None:
        try:
            while True:
                await send(bytes(30_000))
                await trio.sleep(seconds)
        finally:
            with trio.move_on_after(3, shield=True):
                await trio.sleep(1)
                events.append("cleaned up")

    async with connect(app_of(produce)) as raw:
        raw.pause_reading()
        await raw.send(request())
        await trio.sleep(10)
        raw.reset()
        await trio.sleep(2)
        assert events == ["cleaned up"]
    assert "ERROR " not in caplog.text


async def test_it_runs_in_the_task_of_its_handler(autojump_clock: MockClock) -> None:
    """With the context variables that the handler has set."""
    variable = ContextVar("variable", default="")
    tasks = []
    app = Hump()

    async def produce(send: Send) -> None:
        tasks.append(trio.lowlevel.current_task())
        await send(variable.get())

    @app.get("/")
    async def index() -> Response:
        tasks.append(trio.lowlevel.current_task())
        variable.set("set by the handler")
        return StreamResponse(produce)

    [answer] = await wire.ask(app, request())
    assert (answer.text, len(set(tasks))) == ("set by the handler", 1)


async def test_middleware_may_send_something_else(autojump_clock: MockClock) -> None:
    """Then the producer never runs."""
    app = app_of(sending(ValueError("has run")))

    @app.middleware
    async def replace(request: Request, call_next: CallNext) -> Response:
        response = await call_next(request)
        return response if request.path == "/plain" else StreamResponse(sending("instead"))

    assert (await ask(app)).text == "instead"


def test_what_is_no_producer_is_refused() -> None:
    """Where the response is made, with what one looks like."""

    async def generate(send: Send) -> AsyncIterator[str]:
        yield "part"

    producer: Any
    for producer in (None, "text", b"bytes", generate):
        with pytest.raises(TypeError, match=r"`async def producer\(send\)` without yield"):
            StreamResponse(producer)


async def test_a_body_that_is_never_begun_is_closed(autojump_clock: MockClock) -> None:
    """One that a handler has returned when its connection had ended already."""
    closed = []

    class Body:
        async def __aiter__(self) -> AsyncIterator[str]:
            yield "never asked for"

        async def aclose(self) -> None:
            await trio.sleep(1)
            closed.append(trio.current_time())

    app = Hump()

    @app.get("/")
    async def index() -> Body:
        with suppress(trio.Cancelled):
            await trio.sleep(20)
        return Body()

    async with connect(app) as raw:
        await raw.send(request())
        await wait_all_tasks_blocked()
        raw.reset()
        await trio.sleep(3)
    assert closed == [pytest.approx(1, abs=0.5)]
