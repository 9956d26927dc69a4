"""One request of an HTTP/2 connection: its body as it comes, its answer as windows allow."""

from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from hump_trio import CallNext, Hump, Request, Response, Send, StreamResponse
from hump_trio.http2.failures import ErrorCode
from hump_trio.http2.frames import HEADER_BYTES
from hump_trio.messages.response import Producer
from tests.support.frames import data, reset, speak, window_update
from tests.support.lines import ask


def echoing() -> Hump:
    """Return an app that answers with what it gets."""
    app = Hump()

    @app.post("/")
    async def echo(request: Request) -> bytes:
        return request.body

    @app.get("/")
    async def index() -> str:
        return "hello"

    return app


async def test_an_answer_goes_out_as_its_window_allows(autojump_clock: MockClock) -> None:
    """Its end goes out with its last byte."""
    async with speak(echoing(), initial_window_size=3) as peer:
        await peer.send(peer.head(1))
        assert (await peer.answer(1)).text == "hel"
        assert not peer.answers[1].ended
        await peer.send(window_update(1, 2))
        assert (await peer.answer(1)).text == "hello"
        assert peer.answers[1].ended


async def test_what_is_held_of_a_body_is_given_back(autojump_clock: MockClock) -> None:
    """A body that ends short of its length was held, and isn't any more."""
    app = echoing()
    async with speak(app) as peer:
        head = peer.head(1, ("content-length", "10"), method="POST", end=False)
        await peer.send(head, data(1, b"12345", end=True))
        await peer.expect_reset(1, ErrorCode.PROTOCOL_ERROR)
        await peer.send(peer.head(3, method="POST", end=False), data(3, b"12345", end=True))
        assert (await peer.answer(3)).text == "12345"
        assert app.statistics().buffered_bytes == 0


@pytest.mark.parametrize("path", ["/plain", "/some", "/large", "/parts", "/left"])
async def test_all_frames_of_an_answer_are_counted(
    path: str, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """The access log tells of heads, parts and trailers, also where the client leaves amid a part.

    A frame that resets a stream is no part of an answer.
    """
    app = Hump()

    @app.get("/plain")
    async def plain() -> bytes:
        return bytes(10_000)

    @app.get("/some")
    async def some() -> bytes:
        return bytes(50_000)

    @app.get("/large")
    @app.get("/left")
    async def large() -> bytes:
        return bytes(100_000)

    @app.get("/parts")
    async def parts() -> Response:
        async def generate() -> AsyncIterator[bytes]:
            for size in (1, 20_000):
                yield bytes(size)

        return Response(generate(), trailers={"x-sum": "20001"})

    caplog.set_level("INFO", "hump_trio.access")
    window_bytes = 50_000 if path == "/left" else 1_000_000
    async with speak(app, initial_window_size=window_bytes) as peer:
        await peer.send(window_update(0, 1_000_000), peer.head(1, path=path))
        frames = await peer.frames()
        if path == "/left":
            await peer.send(reset(1))
            frames += await peer.frames()
        sizes = [HEADER_BYTES + each.body_len for each in frames if each.stream_id == 1]
        assert len(sizes) >= 2
        assert [record.access.byte_count for record in caplog.records] == [sum(sizes)]  # type: ignore[attr-defined]


LINK = "</style.css>; rel=preload"


def streaming() -> Hump:
    """Return an app whose answers are written part by part, each in a way of its own."""
    app = Hump()

    def route(
        path: str, produce: Callable[[Request, Send], Awaitable[None]], **fields: str
    ) -> None:
        @app.get(path)
        async def answer(request: Request) -> StreamResponse:
            return StreamResponse(partial(produce, request), headers=fields)

    async def hint(request: Request, send: Send) -> None:
        await request.send_early_hints(LINK)
        await send("a")
        await send("")
        await send("b")

    async def cut(request: Request, send: Send) -> None:
        with trio.move_on_after(1):
            await send("a" * 100)
        await send("b")

    async def two(request: Request, send: Send) -> None:
        await send("a")
        await send("b")

    route("/hint", hint)
    route("/cut", cut)
    route("/short", two, **{"content-length": "3"})
    route("/long", two, **{"content-length": "1"})
    return app


async def test_hints_and_empty_parts_of_a_streamed_answer(autojump_clock: MockClock) -> None:
    """Hints go out before the head, and a part without bytes changes nothing."""
    async with speak(streaming()) as peer:
        await peer.send(peer.head(1, path="/hint"))
        answer = await peer.answer(1)
        assert answer.informational == [103]
        assert (answer.status, answer.text, answer.ended) == (200, "ab", True)


@pytest.mark.parametrize("path", ["/short", "/long"])
async def test_a_streamed_answer_of_another_length_than_announced(
    path: str, autojump_clock: MockClock
) -> None:
    """Its stream is reset, so that it doesn't look whole; the connection goes on."""
    async with speak(streaming()) as peer:
        await peer.send(peer.head(1, path=path))
        await peer.expect_reset(1, ErrorCode.INTERNAL_ERROR)
        await peer.expect_open()


async def test_nothing_follows_a_part_that_was_cut(autojump_clock: MockClock) -> None:
    """A handler's own scope ended it while its window was shut: the rest would follow a gap."""
    async with speak(streaming(), initial_window_size=10) as peer:
        await peer.send(peer.head(1, path="/cut"))
        await trio.sleep(2)
        await peer.send(window_update(1, 1000))
        await peer.expect_reset(1, ErrorCode.INTERNAL_ERROR)
        await peer.expect_open()
        assert peer.answers[1].text == "a" * 10


@pytest.mark.memory_only("there it is known how much is taken before anybody reads")
async def test_hints_wait_for_a_client_that_reads(autojump_clock: MockClock) -> None:
    """A handler that sends many is held up, so that no more of them is held than of answers."""
    app = Hump()
    sent = 0

    @app.get("/")
    async def index(request: Request) -> str:
        nonlocal sent
        for _ in range(10_000):
            await request.send_early_hints("</style.css>; rel=preload; as=style")
            sent += 1
        return "page"

    async with speak(app) as peer:
        peer.transport.set_window(0)
        await peer.send(peer.head(1))
        await trio.sleep(1)
        assert 1000 < sent < 9000
        peer.transport.set_window(10**7)
        answer = await peer.answer(1)
    assert (len(answer.informational), answer.text) == (10_000, "page")


async def test_no_answer_opens_what_nobody_serves(autojump_clock: MockClock) -> None:
    """A client would take a 200 of a middleware for an open WebSocket (RFC 8441 section 5)."""
    app = Hump()

    @app.middleware
    async def answer(request: Request, call_next: CallNext) -> Response:
        return Response("all is well")

    async with speak(app) as peer:
        await peer.send(ask(peer, 1), data(1, bytes(1000)))
        opened = await peer.answer(1)
        assert (opened.status, opened.ended, opened.reset) == (403, True, ErrorCode.NO_ERROR)
        assert (await peer.ask(3)).status == 200


async def test_what_was_sent_without_waiting_goes_out_before_the_end(
    autojump_clock: MockClock,
) -> None:
    """Its window holds the rest of it back, and then the end."""
    app = Hump()

    async def produce(send: Any, send_nowait: Callable[[bytes], bool]) -> None:
        await send(b"one ")
        assert not send_nowait(b"two three")

    @app.get("/")
    async def index() -> Response:
        return Response(Producer(produce, trio.lowlevel.checkpoint, nowait=True))

    async with speak(app, initial_window_size=10) as peer:
        await peer.send(peer.head(1))
        await trio.sleep(1)
        assert (await peer.answer(1)).text == "one two th"
        assert not peer.answers[1].ended
        await peer.send(window_update(1, 1000))
        assert (await peer.answer(1)).text == "one two three"
        assert peer.answers[1].ended
