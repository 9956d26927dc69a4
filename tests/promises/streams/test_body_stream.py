"""`request.stream`: a body read part by part, its end, its errors, and a peer that vanishes."""

import logging
from collections.abc import AsyncIterator

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from hump_trio import HttpException, HttpParserError, Hump, Request, Response
from hump_trio.testing import connect
from tests.support.wire import (
    ask,
    chunked,
    parse_answers,
    read_to_end,
    read_to_reset,
    read_until,
    request,
)

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
HEAD_9 = request("POST", "/", "Content-Length: 9")


def upper_app() -> Hump:
    """Return an app that answers with what it reads, in upper case, as it reads it."""
    app = Hump()

    @app.post("/", stream=True)
    async def upper(request: Request) -> AsyncIterator[bytes]:
        async for part in request.stream:
            yield part.upper()
        yield repr(request.trailers.items()).encode()

    return app


async def test_streaming_goes_both_ways_at_once(autojump_clock: MockClock) -> None:
    """Each part is answered before the next one is sent."""
    async with connect(upper_app()) as raw:
        await raw.send(chunked(b"first", end=False))
        await read_until(raw, b"FIRST\r\n")
        await raw.send(b"6\r\nsecond\r\n")
        await read_until(raw, b"SECOND\r\n")
        await raw.send(b"0\r\nX: y\r\n\r\n")
        await read_until(raw, b"[('x', 'y')]\r\n0\r\n\r\n")


async def test_100_comes_before_a_streamed_answer_or_not_at_all(
    autojump_clock: MockClock,
) -> None:
    """Read first, it is sent; once the answer has begun it would be in the midst of it."""
    app = upper_app()

    @app.post("/eager", stream=True)
    async def eager(request: Request) -> AsyncIterator[bytes]:
        yield b"eager"
        async for part in request.stream:
            yield part

    for path, informational in (("/", [100]), ("/eager", [])):
        async with connect(app) as raw:
            await raw.send(request("POST", path, "Expect: 100-continue", "Content-Length: 5"))
            data = await raw.receive()
            await raw.send(b"hello")
            [answer] = parse_answers(data + await read_to_end(raw), "POST")
        assert answer.informational == informational
        assert answer.whole


async def test_an_empty_body_ends_at_once(autojump_clock: MockClock) -> None:
    """Read once or twice, there is nothing."""
    app = Hump()

    @app.post("/", stream=True)
    async def twice(request: Request) -> list[list[bytes]]:
        return [[part async for part in request.stream] for _ in range(2)]

    for data in (request("POST"), chunked()):
        [answer] = await ask(app, data, "POST")
        assert answer.text.replace(" ", "") == "[[],[]]"


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (HEAD_9 + b"abc", 400),
        (chunked(b"abc", end=False), 400),
        (chunked(b"abc", end=False) + b"zz\r\n", 400),
        (chunked(bytes(2_000_000)), 413),
    ],
    ids=["broken-off", "chunks-broken-off", "malformed", "too-large"],
)
async def test_a_body_that_goes_wrong_raises_in_the_handler(
    data: bytes, status: int, autojump_clock: MockClock
) -> None:
    """At every read from then on; unhandled it is the answer, and the connection ends."""
    app = Hump()
    raised: list[Exception] = []

    @app.post("/", stream=True)
    async def handler(request: Request) -> None:
        for _ in range(2):
            try:
                async for _ in request.stream:
                    pass
            except (HttpParserError, HttpException) as error:
                raised.append(error)
        raise raised[0]

    async with connect(app) as raw:
        for at in range(0, len(data), 60_000):
            await raw.send(data[at : at + 60_000])
        await raw.half_close()
        [answer] = parse_answers(await read_to_end(raw), "POST")
    assert (answer.status, answer.closes) == (status, True)
    assert len(raised) == 2


async def test_a_handler_may_answer_as_it_likes_to_a_broken_body(
    autojump_clock: MockClock,
) -> None:
    """The connection ends nevertheless: where the next request begins can't be known."""
    app = Hump()

    @app.post("/", stream=True)
    async def handler(request: Request) -> str:
        with pytest.raises(HttpParserError):
            async for _ in request.stream:
                pass
        return "never mind"

    [answer] = await ask(app, chunked(end=False) + b"zz\r\n", "POST")
    assert (answer.text, answer.closes) == ("never mind", True)


async def test_two_tasks_reading_is_an_error_of_the_second(autojump_clock: MockClock) -> None:
    """As with every Trio stream; the first one goes on."""
    app = Hump()

    @app.post("/", stream=True)
    async def handler(request: Request) -> str:
        outcomes: list[str] = []

        async def read() -> None:
            try:
                outcomes.append((await anext(request.stream)).decode())
            except trio.BusyResourceError:
                outcomes.append("busy")

        async with trio.open_nursery() as nursery:
            nursery.start_soon(read)
            nursery.start_soon(read)
        return " ".join(outcomes)

    async with connect(app) as raw:
        await raw.send(HEAD_9)
        await trio.sleep(1)
        await raw.send(b"123456789")
        await read_until(raw, b"busy 123456789")


async def test_a_body_is_dead_after_its_exchange(autojump_clock: MockClock) -> None:
    """A task that outlives the request reads nothing of the next one, nor keeps on waiting."""
    app = Hump()
    outcomes: list[str] = []
    kept: list[Request] = []

    async def read(request: Request) -> None:
        try:
            outcomes.append((await anext(request.stream)).decode())
        except trio.ClosedResourceError:
            outcomes.append("closed")

    async with trio.open_nursery() as nursery:

        @app.post("/", stream=True)
        async def handler(request: Request) -> str:
            kept.append(request)
            nursery.start_soon(read, request)
            await trio.sleep(1)
            return "answered"

        async with connect(app) as raw:
            await raw.send(HEAD_9)
            data = await read_until(raw, b"answered")
            await wait_all_tasks_blocked()
            assert outcomes == ["closed"]
            await raw.send(b"123456789" + request("POST", "/", body=b"secret"))
            data += await read_until(raw, b"answered")
        with pytest.raises(trio.ClosedResourceError):
            await anext(kept[0].stream)
    assert outcomes == ["closed", "secret"]
    answers = parse_answers(data, "POST", "POST", ended=False)
    assert [answer.text for answer in answers] == ["answered", "answered"]


async def test_a_reader_of_before_does_not_disturb_the_answer(autojump_clock: MockClock) -> None:
    """A read that ends while the answer goes out leaves the answer's deadlines alone."""
    app = Hump()
    parts: list[bytes] = []

    async def read(request: Request) -> None:
        parts.append(await anext(request.stream))

    async with trio.open_nursery() as nursery:

        @app.post("/", stream=True)
        async def handler(request: Request) -> Response:
            nursery.start_soon(read, request)
            await trio.sleep(1)
            return Response(tick())

        async def tick() -> AsyncIterator[bytes]:
            for _ in range(10):
                yield b"."
                await trio.sleep(10)

        async with connect(app) as raw:
            await raw.send(HEAD_9)
            await trio.sleep(2)
            await raw.send(b"123456789")
            await read_until(raw, b"0\r\n\r\n")
    assert parts == [b"123456789"]


@pytest.mark.parametrize("shielded", [False, True])
async def test_a_peer_that_vanishes_while_it_is_read_from_cancels_the_handler(
    shielded: bool, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Ordinary cancellation: clean-up runs, nothing is written, the log has one quiet line."""
    app = Hump()
    seen: list[str] = []

    @app.post("/", stream=True)
    async def handler(request: Request) -> str:
        try:
            with trio.CancelScope(shield=shielded):
                await anext(request.stream)
        except trio.Cancelled:
            seen.append("cancelled")
            with trio.move_on_after(1, shield=True):
                await trio.sleep(0.5)
            seen.append("cleaned up")
            raise
        except trio.BrokenResourceError:
            seen.append("broken")
        return "for nobody"

    async with connect(app) as raw:
        await raw.send(HEAD_9)
        await wait_all_tasks_blocked()
        raw.reset()
        await trio.sleep(2)
    assert seen == (["broken"] if shielded else ["cancelled", "cleaned up"])
    assert "the peer has gone" in caplog.text or not caplog.records
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


async def test_a_handler_that_fails_while_its_vanished_peer_cancels_it_is_quiet(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody is there to be answered, and a broken connection is no error of the app's."""
    app = Hump()

    @app.post("/", stream=True)
    async def handler(request: Request) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(fail_when_cancelled)
            await anext(request.stream)

    async def fail_when_cancelled() -> None:
        try:
            await trio.sleep_forever()
        finally:
            raise ValueError("failed")

    async with connect(app) as raw:
        await raw.send(HEAD_9)
        await wait_all_tasks_blocked()
        raw.reset()
        await wait_all_tasks_blocked()
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


async def test_a_client_can_not_write_tracebacks_into_the_log(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """A body that turns out malformed while it is echoed resets the answer, and is no error."""
    app = Hump()

    @app.post("/", stream=True)
    async def echo(request: Request) -> AsyncIterator[bytes]:
        async for part in request.stream:
            yield part

    async with connect(app) as raw:
        await raw.send(chunked(b"a", end=False) + b"zz\r\n")
        await read_to_reset(raw)
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]
