"""Time while an answer goes out: the peer's acknowledgements, and a route's own timeout."""

import logging
from collections.abc import AsyncIterator

import pytest
import trio
from trio.testing import MockClock

from hump_trio import Hump, Request, Response, Timeouts
from hump_trio.testing import RawConnection, connect
from tests.support.wire import (
    connect_transport,
    parse_answers,
    read_to_end,
    read_to_reset,
    read_until,
    request,
)

SIZE = 300_000


def large_app(timeouts: Timeouts | None = None) -> Hump:
    """Return an app whose answers are larger than what the wire holds."""
    app = Hump(timeouts=timeouts)

    @app.get("/")
    async def whole() -> bytes:
        return bytes(SIZE)

    @app.get("/stream")
    async def stream() -> AsyncIterator[bytes]:
        for _ in range(SIZE // 10_000):
            yield bytes(10_000)

    @app.get("/ticks")
    @app.get("/timed", timeout=10)
    async def ticks() -> AsyncIterator[bytes]:
        for _ in range(5):
            yield b"tick"
            await trio.sleep(200)

    return app


@pytest.mark.parametrize("path", ["/", "/stream"])
async def test_a_reader_that_stopped_is_reset(path: str, autojump_clock: MockClock) -> None:
    """After `send_grace` seconds without an acknowledgement; what came doesn't look whole."""
    async with connect(large_app()) as raw:
        raw.pause_reading()
        await raw.send(request("GET", path))
        await trio.sleep(59)
        await raw.send(b"")
        await trio.sleep(2)
        await read_to_reset(raw)


@pytest.mark.parametrize("path", ["/", "/stream"])
async def test_a_reader_that_stops_between_is_reset_too(
    path: str, autojump_clock: MockClock
) -> None:
    """The grace begins anew with its progress, and ends."""
    async with connect_transport(large_app(), 20_000) as transport:
        await transport.send_all(request("GET", path))
        await trio.sleep(50)
        data = await transport.receive_some()
        transport.set_window(20_000)
        await trio.sleep(50)
        transport.send_nowait(b"")
        await trio.sleep(12)
        data += await read_to_reset(RawConnection(transport))
    [answer] = parse_answers(data, ended=False)
    assert not answer.whole


@pytest.mark.parametrize("path", ["/", "/stream"])
async def test_a_slow_reader_passes(path: str, autojump_clock: MockClock) -> None:
    """A buffer's worth every fifty seconds is a slow line, not an attack."""
    async with connect(large_app()) as raw:
        await raw.send(request("GET", path, "Connection: close"))
        data = b""
        raw.pause_reading()
        await trio.sleep(50)
        while part := await raw.receive(60_000):
            data += part
            raw.pause_reading()
            await trio.sleep(50)
    [answer] = parse_answers(data)
    assert len(answer.body) == SIZE
    assert trio.current_time() > 200


@pytest.mark.memory_only("a few bytes are acknowledged each second")
@pytest.mark.parametrize(("rate", "passes"), [(300, True), (60, False)])
async def test_acknowledgements_are_held_to_the_minimal_rate(
    rate: int, passes: bool, autojump_clock: MockClock
) -> None:
    """A peer that acknowledges a few bytes each second isn't silent, and still an attack."""
    async with connect_transport(large_app(), rate) as transport:
        await transport.send_all(request("GET", "/", "Connection: close"))
        received = 0
        try:
            while part := await transport.receive_some():
                received += len(part)
                await trio.sleep(1)
        except trio.BrokenResourceError:
            assert not passes
            assert 60 < trio.current_time() < 60 / (1 - rate / 240) + 10
        else:
            assert passes
            assert received > SIZE


async def test_the_clock_runs_only_while_something_is_unacknowledged(
    autojump_clock: MockClock,
) -> None:
    """A stream that says nothing for minutes, to a client that took all, goes on."""
    async with connect(large_app()) as raw:
        await raw.send(request("GET", "/ticks", "Connection: close"))
        [answer] = parse_answers(await read_to_end(raw))
    assert answer.text == "tick" * 5
    assert trio.current_time() == 1000


async def test_a_routes_timeout_that_cuts_a_stream_resets(autojump_clock: MockClock) -> None:
    """It covers the whole exchange; a message cut short never looks whole."""
    async with connect(large_app()) as raw:
        await raw.send(request("GET", "/timed"))
        data = await read_to_reset(raw)
        assert 10 <= trio.current_time() <= 10.5
    [answer] = parse_answers(data, ended=False)
    assert (answer.status, answer.body, answer.whole) == (200, b"tick", False)


class Swallow:
    """A streamed body that makes nothing of its cancellation."""

    def __init__(self, parts: int) -> None:
        self._left = parts

    def __aiter__(self) -> "Swallow":
        return self

    async def __anext__(self) -> bytes:
        if self._left:
            self._left -= 1
            return b"part"
        with trio.CancelScope(shield=True):
            await trio.sleep(100)
        raise StopAsyncIteration


@pytest.mark.parametrize("parts", [0, 1])
async def test_a_cut_stream_that_ends_as_if_nothing_was_is_not_made_whole(
    parts: int, autojump_clock: MockClock
) -> None:
    """Nothing more of it is written, least of all its end; before its first part it is 503."""
    app = Hump()

    @app.get("/", timeout=10)
    async def handler() -> Response:
        return Response(Swallow(parts))

    async with connect(app) as raw:
        await raw.send(request())
        if parts:
            [answer] = parse_answers(await read_to_reset(raw), ended=False)
            assert (answer.status, answer.whole) == (200, False)
        else:
            data = await read_until(raw, b"too long")
            [answer] = parse_answers(data, ended=False)
            assert (answer.status, answer.whole) == (503, True)


async def test_a_deadline_before_the_first_part_is_a_proper_503(
    autojump_clock: MockClock,
) -> None:
    """Nothing is on the wire yet, so the connection stays usable."""
    app = Hump()

    @app.get("/", timeout=3)
    async def late() -> AsyncIterator[bytes]:
        await trio.sleep(100)
        yield b"never"

    async with connect(app) as raw:
        await raw.send(request() + request("HEAD", "/", "Connection: close"))
        late_get, head = parse_answers(await read_to_end(raw), "GET", "HEAD")
    assert (late_get.status, late_get.whole, late_get.closes) == (503, True, False)
    assert head.status == 200


class SlowToClose:
    """A streamed body whose closing takes two seconds."""

    def __aiter__(self) -> "SlowToClose":
        return self

    async def __anext__(self) -> bytes:
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """Take two seconds."""
        await trio.sleep(2)


async def test_a_deadline_after_the_answer_is_out_adds_no_second_answer(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """While a body is being closed its answer is whole: the next request is served."""
    app = Hump()

    @app.get("/", timeout=1)
    async def handler() -> Response:
        return Response(SlowToClose())

    @app.get("/next")
    async def following() -> str:
        return "next"

    async with connect(app) as raw:
        await raw.send(request() + request("GET", "/next", "Connection: close"))
        first, second = parse_answers(await read_to_end(raw), "GET", "GET")
    assert (first.status, second.text) == (200, "next")
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


async def test_a_late_answer_of_a_handler_that_swallowed_its_cancellation_is_sent_once(
    autojump_clock: MockClock,
) -> None:
    """It is whole and written under a fresh scope; no 503 beside it."""
    app = Hump()

    @app.get("/", timeout=1)
    async def handler(request: Request) -> str:
        with trio.CancelScope(shield=True):
            await trio.sleep(5)
        return "late"

    async with connect(app) as raw:
        await raw.send(request("GET", "/", "Connection: close"))
        [answer] = parse_answers(await read_to_end(raw))
    assert answer.text == "late"
