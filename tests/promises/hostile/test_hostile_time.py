"""Clients that play with time: what they send can't end, hold or blame what isn't theirs."""

import logging
from collections.abc import AsyncIterator

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from hump_trio import HttpParserError, Hump, Request, Send, StreamResponse, Timeouts
from hump_trio.testing import connect
from tests.support.wire import ask, read_until, request


@pytest.mark.parametrize("zeros", [1, 5000])
async def test_zeros_before_a_deadline_mean_nothing(zeros: int, autojump_clock: MockClock) -> None:
    """However many they are: Python refuses to convert thousands of digits."""
    app = Hump(timeouts=Timeouts(deadline_header="x-ms"))

    @app.get("/")
    async def index() -> None:
        await trio.sleep(60)

    async with connect(app) as raw:
        await raw.send(request("GET", "/", f"X-Ms: {'0' * zeros}1500"))
        assert (await raw.receive()).startswith(b"HTTP/1.1 504 ")
        assert trio.current_time() == 1.5


@pytest.mark.parametrize("leave", ["reset", "half_close"])
async def test_a_producer_that_hides_a_broken_send_ends_with_its_client(
    leave: str, autojump_clock: MockClock
) -> None:
    """What one of its tasks has caught doesn't keep the others alive."""
    app = Hump()
    ended: list[float] = []

    @app.get("/")
    async def endless() -> StreamResponse:
        async def beat(send: Send) -> None:
            try:
                while True:
                    await trio.sleep(0.05)
                    await send("beat")
            except trio.BrokenResourceError:
                pass

        async def produce(send: Send) -> None:
            try:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(beat, send)
                    await trio.sleep_forever()
            finally:
                ended.append(trio.current_time())

        return StreamResponse(produce)

    async with connect(app) as raw:
        await raw.send(request())
        await read_until(raw, b"beat\r\n")
        if leave == "half_close":
            await raw.half_close()
            await trio.sleep(1)
            assert not ended  # its parts come quickly, and somebody may read them
        raw.reset()
        await trio.sleep(1)
        assert len(ended) == 1


@pytest.mark.parametrize(
    "size",
    [pytest.param(1000, marks=pytest.mark.memory_only("nothing is acknowledged")), 100_000],
)
async def test_a_reader_stalls_whatever_it_sends(size: int, autojump_clock: MockClock) -> None:
    """A client that reads nothing is cut, though it dribbles a body that is read beside it."""
    app = Hump(timeouts=Timeouts(send_grace=3))
    ended: list[float] = []

    @app.post("/", stream=True, body_limit=None, timeout=None)
    async def both(request: Request) -> StreamResponse:
        async def read() -> None:
            async for _ in request.stream:
                pass

        async def produce(send: Send) -> None:
            try:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(read)
                    while True:
                        await send("x" * size)
                        await trio.sleep(0.3)
            finally:
                ended.append(trio.current_time())

        return StreamResponse(produce)

    async with connect(app) as raw:
        raw.pause_reading()
        await raw.send(request("POST", "/", "Content-Length: 1000000"))
        with trio.move_on_after(30):
            while not ended:
                await raw.send(b"x" * 50)
                await trio.sleep(0.1)
    assert 3 <= ended[0] <= 4


@pytest.mark.parametrize("grouped", [False, True])
async def test_a_malformed_body_is_no_crash_of_the_producer_that_reads_it(
    grouped: bool, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Also if a nursery has put the error into a group: a client can't fill the log with it."""
    caplog.set_level(logging.INFO)
    app = Hump()

    @app.post("/", stream=True)
    async def echo(request: Request) -> StreamResponse:
        async def read(send: Send) -> None:
            async for part in request.stream:
                await send(part)

        async def produce(send: Send) -> None:
            if not grouped:
                await read(send)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(read, send)

        return StreamResponse(produce)

    async with connect(app) as raw:
        await raw.send(request("POST", "/", "Transfer-Encoding: chunked") + b"3\r\nabc\r\n")
        await read_until(raw, b"abc\r\n")
        await raw.send(b"zz\r\n")
        with pytest.raises(trio.BrokenResourceError):
            await raw.receive()
        await wait_all_tasks_blocked()
        assert app.statistics().outcomes["refused"] == 1
    assert not [record for record in caplog.records if record.levelno > logging.INFO]


@pytest.mark.parametrize("leave", ["reset", "half_close"])
async def test_a_route_that_finishes_does_so_while_it_reads_its_body(
    leave: str, autojump_clock: MockClock
) -> None:
    """Whichever way its client goes, the body breaks off, and the handler goes on."""
    app = Hump()
    finished: list[str | None] = []

    @app.post("/", stream=True, on_disconnect="finish")
    async def pay(request: Request) -> str:
        try:
            async for _ in request.stream:
                pass
        except HttpParserError:
            await trio.sleep(5)
            finished.append(request.cancel_reason)
        return "paid"

    async with connect(app) as raw:
        await raw.send(request("POST", "/", "Content-Length: 100") + b"abc")
        await wait_all_tasks_blocked()
        if leave == "reset":
            raw.reset()
        else:
            await raw.half_close()
        await trio.sleep(6)
    assert finished == [None]


async def test_a_generator_that_ends_well_is_no_error_without_clean_up_time(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """`Timeouts.cleanup` may be zero; on a real clock that has passed at once."""
    app = Hump(timeouts=Timeouts(cleanup=0))

    @app.get("/")
    async def parts() -> AsyncIterator[str]:
        yield "a"

    [answer] = await ask(app, request())
    assert answer.text == "a"
    assert caplog.records == []


async def test_who_sends_on_after_a_last_request_and_stays_is_let_go_without_a_word(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Its answer is whole by then: that it is waited for in vain is no failure of the server's."""
    app = Hump()

    @app.get("/")
    async def index() -> None:
        await trio.sleep(0.1)

    for _ in range(2):  # by the fast path the second time, which knows the names of fields then
        async with connect(app) as raw:
            await raw.send(request("GET", "/", "Connection: close"))
            await wait_all_tasks_blocked()
            await raw.send(b"more")
            await read_until(raw, b"\r\n\r\n")
            await trio.sleep(6)
            assert not app.statistics().connections
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]
