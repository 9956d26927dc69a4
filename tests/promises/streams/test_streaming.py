"""Streamed answers: back-pressure, errors, lengths, and that every body is closed."""

import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from hump_trio import (
    Compression,
    Event,
    HttpException,
    Hump,
    Request,
    Response,
    Send,
    StreamResponse,
    Timeouts,
)
from hump_trio.testing import connect
from tests.support.wire import (
    HELD_BYTES,
    ask,
    parse_answers,
    read_to_end,
    read_to_reset,
    read_until,
    request,
)


def app_of(body: Any, status: int = 200, **headers: str) -> Hump:
    """Return an app that answers every request with a body that a function makes."""
    app = Hump()
    fields = {name.replace("_", "-"): value for name, value in headers.items()}

    @app.route("/", methods=["GET", "POST"])
    async def handler() -> Response:
        return Response(body(), status, fields)

    return app


class Parts:
    """An async iterable, ten parts a second, that notes its steps and which task closed it."""

    def __init__(self, *parts: Any) -> None:
        self.left = list(parts)
        self.steps = 0
        self.tasks: set[Any] = set()
        self.closed_in: Any = None

    def __aiter__(self) -> "Parts":
        return self

    async def __anext__(self) -> Any:
        self.steps += 1
        if self.steps > 1:
            await trio.sleep(0.1)
        self.tasks.add(trio.lowlevel.current_task())
        if not self.left:
            raise StopAsyncIteration
        part = self.left.pop(0)
        if isinstance(part, Exception):
            raise part
        return part

    async def aclose(self) -> None:
        """Note the closing."""
        await trio.lowlevel.checkpoint()
        self.closed_in = trio.lowlevel.current_task()


@pytest.mark.parametrize(
    "parts", [["ab", "é"], [b"ab", bytearray("é", "utf-8")], [memoryview(b"ab"), "", "é"]]
)
async def test_text_and_every_kind_of_bytes_are_streamed(
    parts: list[Any], autojump_clock: MockClock
) -> None:
    """In chunks, and the connection stays; the body is closed in the task that iterated it."""
    body = Parts(*parts)
    first, second = await ask(app_of(lambda: body), request() + request(), "GET", "GET")
    assert (first.text, first.headers["transfer-encoding"]) == ("abé", "chunked")
    assert second.text == ""
    assert body.closed_in is not None
    assert body.tasks == {body.closed_in}


async def test_parts_go_out_as_they_are_made(autojump_clock: MockClock) -> None:
    """The client has the first one while the second is being waited for."""

    async def body() -> AsyncIterator[str]:
        yield "first"
        await trio.sleep(10)
        yield "second"

    async with connect(app_of(body)) as raw:
        await raw.send(request())
        await read_until(raw, b"first\r\n")
        assert trio.current_time() == 0
        await read_until(raw, b"second\r\n0\r\n\r\n")
        assert trio.current_time() == 10


async def test_an_empty_part_sends_the_head(autojump_clock: MockClock) -> None:
    """A stream of events tells its client that it is there before the first event."""

    async def body() -> AsyncIterator[bytes]:
        yield b""
        await trio.sleep(10)
        yield b"late"

    async with connect(app_of(body)) as raw:
        await raw.send(request("GET", "/", "Connection: close"))
        head = await read_until(raw, b"\r\n\r\n")
        assert trio.current_time() == 0
        [answer] = parse_answers(head + await read_to_end(raw))
    assert answer.text == "late"


async def test_a_reader_that_pauses_stalls_the_producer(autojump_clock: MockClock) -> None:
    """Memory stays flat: a few chunks fill the wire, and no more are made."""
    made = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal made
        while True:
            made += 1
            yield bytes(10_000)

    async with connect(app_of(body)) as raw:
        raw.pause_reading()
        await raw.send(request())
        await trio.sleep(30)
        assert (before := made) <= 1 + HELD_BYTES // 10_000
        await raw.receive()
        raw.pause_reading()
        await trio.sleep(1)
        assert before < made <= before + 2 * HELD_BYTES // 10_000


@pytest.mark.parametrize("error", [ValueError("secret"), HttpException(418, "tea")])
async def test_an_error_before_the_first_part_gets_a_proper_answer(
    error: Exception, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """As the handler's own would, and the connection stays usable."""
    body = Parts(error)
    first, second = await ask(app_of(lambda: body), request() * 2, "GET", "GET")
    expected = error.status if isinstance(error, HttpException) else 500
    assert (first.status, first.closes, second.status) == (expected, False, 200)
    assert "secret" not in first.text
    assert body.closed_in is not None
    logged = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert len(logged) == (expected == 500)


@pytest.mark.parametrize("part", [12, None, ["list"], Event("data")])
async def test_a_part_that_is_neither_text_nor_bytes_is_a_500(
    part: Any, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """With the type in the log, and what takes such parts."""
    [answer] = await ask(app_of(lambda: Parts(part)), request())
    assert answer.status == 500
    assert f"not {type(part).__name__}: for events return an EventStream" in caplog.text


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("kind", ["iterated", "produced"])
async def test_text_in_another_charset_is_a_500(
    kind: str, compressed: bool, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """It would go out as UTF-8, which the type belies; bytes of it are sent as they are."""
    app, headers = Hump(), {"content-type": "text/plain; charset=iso-8859-1"}
    if compressed:
        app.middleware(Compression())

    async def parts(*of: str | bytes) -> AsyncIterator[str | bytes]:
        for part in of:
            yield part

    @app.get("/{what}")
    async def index(what: str) -> Response:
        part: str | bytes = "größer" if what == "text" else "größer".encode("latin-1")

        async def produce(send: Send) -> None:
            await send(part)

        if kind == "produced":
            return StreamResponse(produce, headers=headers)
        return Response(parts(part), headers=headers)

    asking = ("Accept-Encoding: gzip",)
    [text] = await ask(app, request("GET", "/text", *asking))
    [data] = await ask(app, request("GET", "/bytes", *asking))
    assert (text.status, data.status) == (500, 200)
    assert data.body == "größer".encode("latin-1")
    assert "text is sent as UTF-8, not as iso-8859-1" in caplog.text


async def test_an_error_after_the_first_part_resets_and_is_logged_once(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """The status is gone out already; the message must not look whole."""
    body = Parts("begun", ValueError("broke"))
    async with connect(app_of(lambda: body)) as raw:
        await raw.send(request())
        [answer] = parse_answers(await read_to_reset(raw), ended=False)
    assert (answer.status, answer.text, answer.whole) == (200, "begun", False)
    assert body.closed_in is not None
    [record] = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], ValueError)


async def test_an_error_handlers_stream_that_fails_is_a_plain_500(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Handlers for errors aren't asked a second time, and the error is logged."""
    app = app_of(lambda: Parts(LookupError()))

    @app.exception_handler(LookupError)
    async def explain(request: Request, error: LookupError) -> Response:
        return Response(Parts(LookupError("again")), 404)

    first, second = await ask(app, request() * 2, "GET", "GET")
    assert (first.status, second.status) == (500, 500)
    assert "again" in caplog.text


async def test_an_error_handlers_stream_may_refuse_in_its_turn(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Its HttpException is the answer, and no error of the server's."""
    app = app_of(lambda: Parts(LookupError()))

    @app.exception_handler(LookupError)
    async def explain(request: Request, error: LookupError) -> Response:
        return Response(Parts(HttpException(410)), 404)

    answers = await ask(app, request() * 2, "GET", "GET")
    assert [answer.status for answer in answers] == [410, 410]
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


async def test_an_endless_stream_that_never_sleeps_starves_nobody_and_dies_with_its_client(
    autojump_clock: MockClock,
) -> None:
    """Each part is a checkpoint, and writing to a client that has gone raises."""
    closed = trio.Event()

    async def body() -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"x"
        finally:
            closed.set()

    app = app_of(body)

    @app.get("/other")
    async def other() -> str:
        return "other"

    async with connect(app) as raw:
        await raw.send(request())
        await raw.receive()
        [answer] = await ask(app, request("GET", "/other"))
        assert answer.text == "other"
        raw.reset()
        await closed.wait()


@pytest.mark.parametrize("method", ["HEAD", "GET"])
async def test_a_body_that_is_not_sent_is_closed_and_never_iterated(
    method: str, autojump_clock: MockClock
) -> None:
    """HEAD and 204 have no body (RFC 9110 sections 9.3.2 and 15.3.5)."""
    body = Parts("never")
    app = app_of(lambda: body, status=200 if method == "HEAD" else 204)
    [answer] = await ask(app, request(method), method)
    assert (answer.body, body.steps) == (b"", 0)
    assert body.closed_in is not None


async def test_http10_gets_a_stream_without_chunks_and_a_close(autojump_clock: MockClock) -> None:
    """It knows no chunks; the end of the connection is the end of the body."""
    data = request("GET", "/", "Connection: keep-alive", version="1.0")
    [answer] = await ask(app_of(lambda: Parts("a", "b")), data * 2, "GET", "GET")
    assert (answer.text, answer.closes, "transfer-encoding" in answer.headers) == (
        "ab",
        True,
        False,
    )


@pytest.mark.parametrize("version", ["1.1", "1.0"])
async def test_a_length_of_the_handlers_own_frames_a_stream(
    version: str, autojump_clock: MockClock
) -> None:
    """Then no chunks are needed, and HTTP/1.0 may stay open too."""
    data = request("GET", "/", "Connection: keep-alive", version=version)
    app = app_of(lambda: Parts("ab", "c"), content_length="3")
    for answer in await ask(app, data * 2, "GET", "GET"):
        assert (answer.text, answer.closes) == ("abc", False)
        assert "transfer-encoding" not in answer.headers


@pytest.mark.parametrize(
    ("parts", "begun"), [(["abcd"], False), (["ab", "cd"], True), ([], False), (["ab"], True)]
)
async def test_a_length_that_is_wrong_never_reaches_the_next_answer(
    parts: list[str], begun: bool, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Too long or too short: 500 if nothing is out yet, else a reset; never a byte too many."""
    body = Parts(*parts)
    async with connect(app_of(lambda: body, content_length="3")) as raw:
        await raw.send(request("GET", "/", "Connection: close"))
        data = await (read_to_reset(raw) if begun else read_to_end(raw))
    [answer] = parse_answers(data, ended=not begun)
    assert (answer.status, answer.whole) == ((200, False) if begun else (500, True))
    assert "Content-Length" in caplog.text
    assert body.closed_in is not None


async def test_a_length_that_is_none_is_a_500_and_the_body_closed(
    autojump_clock: MockClock,
) -> None:
    """A body whose head can't be sent is closed like any other."""
    body = Parts("abc")
    [answer] = await ask(app_of(lambda: body, content_length="three"), request())
    assert (answer.status, body.steps) == (500, 0)
    assert body.closed_in is not None


async def test_a_generator_may_hold_a_nursery_across_its_parts(autojump_clock: MockClock) -> None:
    """It is iterated whole under one scope and closed in the same task, so Trio is content."""
    ended: list[str] = []

    async def tick(send: trio.MemorySendChannel[bytes]) -> None:
        try:
            while True:
                await send.send(b"tick")
                await trio.sleep(1)
        finally:
            ended.append("task")

    async def body() -> AsyncIterator[bytes]:
        send, receive = trio.open_memory_channel[bytes](0)
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(tick, send)
                async for part in receive:
                    yield part
        finally:
            with trio.move_on_after(1, shield=True):
                await trio.sleep(0.5)
                ended.append("body")

    async with connect(app_of(body)) as raw:
        await raw.send(request())
        await read_until(raw, b"tick\r\n")
        raw.reset()
    assert ended == ["task", "body"]


class Clinging(Parts):
    """A body whose closing goes wrong in one way or another."""

    def __init__(self, way: str) -> None:
        super().__init__("part")
        self.way = way

    async def aclose(self) -> None:
        """Fail, hang, or fail in one of two tasks while being cancelled."""
        if self.way == "fails":
            raise ValueError("closing failed")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever)
            try:
                await trio.sleep_forever()
            finally:
                if self.way == "fails-late":
                    raise ValueError("closing failed")


@pytest.mark.parametrize(
    ("way", "message", "seconds"),
    [
        ("fails", "closing a streamed body failed", 0),
        ("hangs", "took too long", 5),
        ("fails-late", "closing a streamed body failed", 5),
    ],
)
async def test_a_body_that_can_not_be_closed_is_logged_and_bounded(
    way: str,
    message: str,
    seconds: float,
    autojump_clock: MockClock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """`Timeouts.cleanup` is what closing may take; the answer is whole all the same."""
    app = app_of(lambda: Clinging(way))
    app.timeouts = Timeouts(cleanup=5)
    answers = await ask(app, request() * 2, "GET", "GET")
    assert [answer.text for answer in answers] == ["part", "part"]
    assert caplog.text.count(message) == 2
    assert trio.current_time() == pytest.approx(2 * (0.1 + seconds))


async def test_an_iterator_without_aclose_is_fine(autojump_clock: MockClock) -> None:
    """There is nothing to close."""

    class Bare:
        def __aiter__(self) -> AsyncIterator[str]:
            return self

        async def __anext__(self) -> str:
            raise StopAsyncIteration

    [answer] = await ask(app_of(Bare), request())
    assert (answer.status, answer.whole) == (200, True)


async def test_a_large_answer_goes_out_whole(autojump_clock: MockClock) -> None:
    """Head and body apart, so that nothing large is copied."""
    [answer] = await ask(app_of(lambda: bytes(100_000)), request())
    assert len(answer.body) == 100_000


async def test_a_client_that_left_mid_answer_is_no_error(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Its connection ends, and the log keeps quiet about it."""
    async with connect(app_of(lambda: bytes(500_000))) as raw:
        raw.pause_reading()
        await raw.send(request())
        await wait_all_tasks_blocked()
        raw.reset()
        await wait_all_tasks_blocked()
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]
