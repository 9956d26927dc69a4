"""Compressed streams: live, in order, as patient as others, and closed."""

import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import trio
import zstandard
from trio.testing import MockClock, wait_all_tasks_blocked

from hump_trio import (
    CallNext,
    Compression,
    EventStream,
    Hump,
    Request,
    RequestId,
    Response,
    SecurityHeaders,
    Send,
    StreamResponse,
    Timeouts,
)
from hump_trio.testing import RawConnection, connect
from tests.middleware.codings import CODERS, decoder, noise
from tests.support import wire
from tests.support.wire import HELD_BYTES, parse_answers, read_to_end, read_to_reset, request


def app_of(answer: Callable[[], Any]) -> Hump:
    """Return an app whose answers are compressed."""
    app = Hump(timeouts=Timeouts(send_grace=600))
    app.middleware(Compression())

    app.get("/", timeout=None)(as_handler(answer))
    return app


def as_handler(answer: Callable[[], Any]) -> Callable[[], Awaitable[Any]]:
    """Return a handler that answers so."""

    async def handler() -> Any:
        return answer()

    return handler


def stream_of(produce: Callable[[Send], Awaitable[None]]) -> Response:
    """Return an answer that a function sends."""
    return StreamResponse(produce, headers={"content-type": "text/plain"})


def asking(name: str = "gzip") -> bytes:
    """Return a request for the front page, compressed."""
    return request("GET", "/", f"Accept-Encoding: {name}", "Connection: close")


@pytest.mark.parametrize("name", CODERS)
async def test_events_stay_live(name: str, autojump_clock: MockClock) -> None:
    """Each one and each comment reaches the page at the moment it is sent."""

    async def events() -> AsyncIterator[str]:
        for number in range(3):
            yield f"event {number}"
            await trio.sleep(10)

    reader, seen = decoder(name), []
    async with connect(app_of(lambda: EventStream(events(), keep_alive=7))) as raw:
        await raw.send(asking(name))
        head = await wire.read_until(raw, b"\r\n\r\n")
        assert b"\r\ncontent-encoding: %b\r\n" % name.encode() in head
        while part := await raw.receive():
            data = part.partition(b"\r\n")[2].removesuffix(b"\r\n")
            if not reader.eof and (text := reader.decompress(data)):
                seen.append((text, trio.current_time()))
    assert seen == [
        (b"data: event 0\n\n", 0),
        (b":\n\n", 7),
        (b"data: event 1\n\n", 10),
        (b":\n\n", 17),
        (b"data: event 2\n\n", 20),
        (b":\n\n", 27),
    ]
    assert reader.eof


@pytest.mark.parametrize("kind", ["whole", "iterated", "produced"])
async def test_streams_have_a_small_window(kind: str) -> None:
    """Thousands of open streams don't each hold what a whole body may, which is gone at once."""
    text = noise(300_000)

    async def iterate() -> AsyncIterator[str]:
        yield text

    async def produce(send: Send) -> None:
        await send(text)

    headers = {"content-type": "text/plain"}
    answers: dict[str, Callable[[], Any]] = {
        "whole": lambda: text,
        "iterated": lambda: Response(iterate(), headers=headers),
        "produced": lambda: stream_of(produce),
    }
    [answer] = await wire.ask(app_of(answers[kind]), asking("zstd"))
    assert decoder("zstd").decompress(answer.body) == text.encode()
    window_bytes = zstandard.get_frame_parameters(answer.body).window_size
    assert window_bytes == (2 * 1024 * 1024 if kind == "whole" else 64 * 1024)


async def iterate(*parts: str | bytes) -> AsyncIterator[str | bytes]:
    """Yield some parts."""
    for part in parts:
        yield part


def late_answers(*parts: str | bytes) -> dict[str, Callable[[], Any]]:
    """Return answers of every kind that name no type, with some parts."""

    async def produce(send: Send) -> None:
        for part in parts:
            await send(part)

    return {
        "returned": lambda: iterate(*parts),
        "response": lambda: Response(iterate(*parts), headers={"etag": '"x"'}),
        "produced": lambda: StreamResponse(produce),
    }


KINDS = ["returned", "response", "produced"]


@pytest.mark.parametrize("name", CODERS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("parts", [("to ", "and ", "fro"), ("", "to and fro"), ("to and fro",)])
async def test_text_without_a_type_is_compressed(
    name: str, kind: str, parts: tuple[str, ...]
) -> None:
    """Its first part tells what it is, as without compression, whatever middleware is around."""
    app = Hump()
    app.middleware(RequestId())
    app.middleware(SecurityHeaders())
    app.middleware(Compression())
    app.get("/")(as_handler(late_answers(*parts)[kind]))
    [answer] = await wire.ask(app, asking(name))
    assert decoder(name).decompress(answer.body) == b"to and fro"
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert (answer.headers["content-encoding"], answer.headers["vary"]) == (name, "Accept-Encoding")
    assert answer.headers.get("etag", 'W/"x"') == 'W/"x"'


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("parts", [(b"to and fro",), (b"to ", b"and fro"), ()])
async def test_bytes_without_a_type_are_left_alone(kind: str, parts: tuple[bytes, ...]) -> None:
    """So is a stream without parts; caches hear that others may be compressed."""
    [answer] = await wire.ask(app_of(late_answers(*parts)[kind]), asking())
    assert answer.body == b"".join(parts)
    expected = "application/octet-stream" if parts else None
    assert answer.headers.get("content-type") == expected
    assert answer.headers["vary"] == "Accept-Encoding"
    assert "content-encoding" not in answer.headers


@pytest.mark.parametrize("kind", KINDS)
async def test_text_without_a_type_for_others(kind: str) -> None:
    """Who takes no coding gets it plain, and HEAD gets what is known without a part."""
    app = app_of(late_answers("text")[kind])
    [plain] = await wire.ask(app, request("GET", "/", "Connection: close"))
    assert (plain.text, plain.headers["vary"]) == ("text", "Accept-Encoding")
    data = request("HEAD", "/", "Accept-Encoding: gzip", "Connection: close")
    [head] = await wire.ask(app, data, "HEAD")
    assert (head.status, head.headers["vary"]) == (200, "Accept-Encoding")
    assert "content-encoding" not in head.headers


@pytest.mark.parametrize("kind", ["wrapped", "coded"])
async def test_what_stands_around_a_stream_without_a_type(kind: str) -> None:
    """A body of its own gets plain text, and one that is encoded isn't encoded twice."""
    app = Hump()

    @app.middleware
    async def shout(request: Request, call_next: CallNext) -> Response:
        response = await call_next(request)
        if kind == "coded":
            response.headers["content-encoding"] = "x-own"
        else:
            body: Any = response.body
            response.body = (part.upper() async for part in body)
        return response

    app.middleware(Compression())
    app.get("/")(as_handler(late_answers("to ", "and fro")["returned"]))
    [answer] = await wire.ask(app, asking())
    assert answer.text == ("TO AND FRO" if kind == "wrapped" else "to and fro")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers.get("content-encoding") == (None if kind == "wrapped" else "x-own")


class Parts:
    """A body without end that notes the tasks it is used in, and its closing."""

    def __init__(self) -> None:
        self.tasks: set[object] = set()
        self.closed: list[str] = []

    async def __aiter__(self) -> AsyncIterator[str]:
        self.tasks.add(trio.lowlevel.current_task())
        try:
            while True:
                yield noise(10_000)
        finally:
            self.tasks.add(trio.lowlevel.current_task())
            self.closed.append("iterator")

    async def aclose(self) -> None:
        """Note it, after a while."""
        await trio.sleep(1)
        self.tasks.add(trio.lowlevel.current_task())
        self.closed.append("body")


@pytest.mark.parametrize("kind", ["iterated", "events"])
async def test_a_stream_that_is_cut_is_closed(kind: str, autojump_clock: MockClock) -> None:
    """In its handler's task, and with the time that closing has."""
    parts = Parts()

    def answer() -> Response:
        parts.tasks.add(trio.lowlevel.current_task())
        if kind == "events":
            return EventStream(parts)
        return Response(parts, headers={"content-type": "text/plain"})

    async with connect(app_of(answer)) as raw:
        raw.pause_reading()
        await raw.send(asking())
        await trio.sleep(5)
        assert parts.closed == []
        raw.reset()
        await trio.sleep(5)
    assert (parts.closed, len(parts.tasks)) == (["iterator", "body"], 1)


@pytest.mark.parametrize("kind", ["iterated", "events"])
async def test_head_closes_what_is_never_begun(kind: str, autojump_clock: MockClock) -> None:
    """As without compression."""
    parts = Parts()
    headers = {"content-type": "text/plain"}
    app = app_of(lambda: EventStream(parts) if kind == "events" else Response(parts, 200, headers))
    async with connect(app) as raw:
        await raw.send(request("HEAD", "/", "Accept-Encoding: gzip", "Connection: close"))
        [answer] = parse_answers(await read_to_end(raw), "HEAD")
    assert (answer.headers["content-encoding"], parts.closed) == ("gzip", ["body"])


async def test_a_shutdown_ends_events_well(autojump_clock: MockClock) -> None:
    """With the end that decoders look for."""

    async def events() -> AsyncIterator[str]:
        yield "a"
        await trio.sleep_forever()

    app = app_of(lambda: EventStream(events()))
    async with connect(app) as raw:
        await raw.send(asking())
        await trio.sleep(1)
        app.shutdown()
        [answer] = parse_answers(await read_to_end(raw))
    assert answer.whole
    assert zlib.decompress(answer.body, 31) == b"data: a\n\n"


async def test_several_tasks_may_send(autojump_clock: MockClock) -> None:
    """Each part goes out whole, however slowly the client reads."""

    async def produce(send: Send) -> None:
        async with trio.open_nursery() as nursery:
            for letter in "xyz":
                nursery.start_soon(send, letter + noise(200_000) + letter)

    async with wire.connect_transport(app_of(lambda: stream_of(produce)), 999) as transport:
        await transport.send_all(asking())
        [answer] = parse_answers(await read_to_end(RawConnection(transport)))
    text = zlib.decompress(answer.body, 31).decode()
    parts = [letter + noise(200_000) + letter for letter in "xyz"]
    assert len(text) == sum(map(len, parts))
    assert all(part in text for part in parts)


async def test_the_end_waits_for_a_part_under_way(autojump_clock: MockClock) -> None:
    """Of a task that outlives the function."""
    app: Hump

    async def produce(send: Send) -> None:
        app.start_soon(send, noise(900_000))
        await trio.sleep(1)

    app = app_of(lambda: stream_of(produce))
    async with connect(app) as raw:
        raw.pause_reading()
        await raw.send(asking())
        await trio.sleep(5)
        [answer] = parse_answers(await read_to_end(raw))
    assert zlib.decompress(answer.body, 31).decode() == noise(900_000)


async def test_sending_waits_for_the_reader(autojump_clock: MockClock) -> None:
    """What is held for it isn't more than without compression."""
    made = 0

    async def produce(send: Send) -> None:
        nonlocal made
        while True:
            await send(noise(50_000))
            made += 1

    async with connect(app_of(lambda: stream_of(produce))) as raw:
        raw.pause_reading()
        await raw.send(asking())
        await wait_all_tasks_blocked()
        assert made * 25_000 < HELD_BYTES + 100_000


@pytest.mark.parametrize("goes_on", [False, True])
async def test_a_part_that_is_cut(goes_on: bool, autojump_clock: MockClock) -> None:
    """No further one is taken, and the answer has no end that looks whole."""
    noted = []

    async def produce(send: Send) -> None:
        await send("begun")
        with trio.move_on_after(1):
            await send(noise(900_000))
        noted.append("cut")
        if goes_on:
            with pytest.raises(trio.BrokenResourceError):
                await send("more")
            noted.append("told")

    async with wire.connect_transport(app_of(lambda: stream_of(produce)), 5000) as transport:
        await transport.send_all(asking())
        await trio.sleep(3)
        data = await read_to_reset(RawConnection(transport))
    [answer] = parse_answers(data, ended=False)
    assert (answer.whole, noted) == (False, ["cut", "told"][: 1 + goes_on])


async def test_a_part_cancelled_before_its_turn_is_not_missed(autojump_clock: MockClock) -> None:
    """At once, or while another task's is being sent: nothing of it is in the stream."""

    async def produce(send: Send) -> None:
        async with trio.open_nursery() as nursery:
            for seconds in (0, 1):
                with trio.move_on_after(seconds) as scope:
                    await send("never")
                assert scope.cancelled_caught
                if not seconds:
                    nursery.start_soon(send, noise(900_000))
                    await wait_all_tasks_blocked()
        await send("last")

    async with connect(app_of(lambda: stream_of(produce))) as raw:
        raw.pause_reading()
        await raw.send(asking())
        await trio.sleep(3)
        [answer] = parse_answers(await read_to_end(raw))
    assert zlib.decompress(answer.body, 31).decode() == noise(900_000) + "last"


async def test_a_part_of_another_type(autojump_clock: MockClock) -> None:
    """It is refused, and the stream goes on."""

    async def produce(send: Any) -> None:
        with pytest.raises(TypeError, match="yields bytes or str"):
            await send(7)
        await send("text")

    async with connect(app_of(lambda: stream_of(produce))) as raw:
        await raw.send(asking())
        [answer] = parse_answers(await read_to_end(raw))
    assert zlib.decompress(answer.body, 31) == b"text"


@pytest.mark.parametrize("fails", [False, True])
async def test_who_sends_when_it_is_over_is_told(fails: bool, autojump_clock: MockClock) -> None:
    """A task of the app's that outlives the answer, whose part would belong to nothing."""
    told = []
    app: Hump

    async def send_on(send: Send) -> None:
        await trio.sleep(5)
        with pytest.raises(trio.ClosedResourceError):
            await send("late")
        told.append(True)

    async def produce(send: Send) -> None:
        app.start_soon(send_on, send)
        await send("text")
        if fails:
            raise LookupError

    app = app_of(lambda: stream_of(produce))
    async with connect(app) as raw:
        await raw.send(asking())
        if fails:
            await read_to_reset(raw)
        else:
            assert parse_answers(await read_to_end(raw))[0].whole
        await trio.sleep(10)
    assert told == [True]
