"""Time, phase by phase: what each wait on a peer or a handler may last, and how it ends."""

import math
from collections.abc import AsyncIterator
from dataclasses import fields
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from hump_trio import Hump, Request, Response, Timeouts
from hump_trio.testing import RawConnection, connect
from tests.support.wire import parse_answers, read_to_end, read_until, request

SWEEP_SECONDS = 0.25
# The times that may have no limit, so that a server still ends.
ENDING = {each.name for each in fields(Timeouts)} - {"deadline_header", "shutdown_delay"}
HEAD_15 = request("POST", "/", "Content-Length: 15")


def timed_app(timeouts: Timeouts | None = None) -> Hump:
    """Return an app with quick and slow handlers."""
    app = Hump(timeouts=timeouts)

    @app.route("/", methods=["GET", "POST"], body_limit=None)
    async def count(request: Request) -> str:
        return str(len(request.body))

    @app.get("/slow")
    @app.get("/brief", timeout=2)
    @app.get("/unbounded", timeout=None)
    async def slow(request: Request) -> str:
        await trio.sleep(100)
        return "slept"

    return app


async def expect_end(raw: RawConnection, seconds: float) -> bytes:
    """Return what comes until the connection ends, which must be so many seconds from now."""
    started = trio.current_time()
    data = await read_to_end(raw)
    passed = trio.current_time() - started
    assert seconds <= passed <= seconds + 2 * SWEEP_SECONDS
    return data


@pytest.mark.parametrize("blank", [b"", b"\r\n\r\n", b"\r\n\r"], ids=["nothing", "lines", "cr"])
async def test_a_connection_without_a_request_is_closed_silently(
    blank: bytes, autojump_clock: MockClock
) -> None:
    """After `head` seconds; empty lines before a request don't count as a byte of it."""
    async with connect(timed_app()) as raw:
        await raw.send(blank)
        assert await expect_end(raw, 10) == b""


@pytest.mark.parametrize("blank", [b"", b"\r\n\r\n", b"\r\n\r"], ids=["nothing", "lines", "cr"])
async def test_an_idle_connection_is_closed_silently(
    blank: bytes, autojump_clock: MockClock
) -> None:
    """After `keep_alive` seconds without a byte of another request."""
    async with connect(timed_app()) as raw:
        await raw.send(request() + blank)
        await read_until(raw, b"0")
        assert await expect_end(raw, 75) == b""


@pytest.mark.parametrize("passed", [0, 9], ids=["at-once", "late"])
async def test_a_head_that_does_not_end_is_408(passed: float, autojump_clock: MockClock) -> None:
    """`head` seconds from the accept on, however late its first byte comes."""
    async with connect(timed_app()) as raw:
        await trio.sleep(passed)
        await raw.send(b"\r\nGET / HT")
        [answer] = parse_answers(await expect_end(raw, 10 - passed))
    assert (answer.status, answer.closes) == (408, True)


async def test_a_later_head_is_timed_from_its_first_byte(autojump_clock: MockClock) -> None:
    """Idle time before it isn't held against it, and dribbling buys none."""
    async with connect(timed_app()) as raw:
        await raw.send(request())
        data = await read_until(raw, b"0")
        await trio.sleep(60)
        for byte in b"GET / HT":
            await raw.send(bytes([byte]))
            await trio.sleep(1)
        data += await expect_end(raw, 2)
    assert [each.status for each in parse_answers(data, "GET", "GET")] == [200, 408]


@pytest.mark.parametrize("sent", [b"", b"hello"], ids=["nothing", "a-burst"])
async def test_a_body_that_stalls_is_408(sent: bytes, autojump_clock: MockClock) -> None:
    """`stall_grace` seconds of silence; what came before buys hardly more."""
    async with connect(timed_app()) as raw:
        await raw.send(HEAD_15 + sent)
        [answer] = parse_answers(await expect_end(raw, 5), "POST")
    assert (answer.status, answer.closes) == (408, True)


async def test_a_burst_buys_no_credit_beyond_the_grace(autojump_clock: MockClock) -> None:
    """Half a megabyte at once would be worth half an hour at `min_rate`."""
    async with connect(timed_app()) as raw:
        await raw.send(request("POST", "/", "Content-Length: 900000") + bytes(500_000))
        [answer] = parse_answers(await expect_end(raw, 5), "POST")
    assert answer.status == 408


async def test_a_slow_honest_upload_of_any_size_passes(autojump_clock: MockClock) -> None:
    """300 bytes a second for ten minutes, which no fixed deadline would allow."""
    async with connect(timed_app()) as raw:
        await raw.send(request("POST", "/", "Content-Length: 180000"))
        for _ in range(600):
            await trio.sleep(1)
            await raw.send(bytes(300))
        assert (await read_until(raw, b"180000")).startswith(b"HTTP/1.1 200 ")


async def test_a_dribbler_does_not(autojump_clock: MockClock) -> None:
    """A byte a second is never silent for long, and yet an attack: 408 within the grace."""
    async with connect(timed_app()) as raw:
        await raw.send(request("POST", "/", "Content-Length: 180000"))
        for _ in range(6):
            await trio.sleep(0.9)
            await raw.send(b"x")
        [answer] = parse_answers(await expect_end(raw, 0), "POST")
    assert answer.status == 408


@pytest.mark.parametrize(("path", "seconds"), [("/slow", 30), ("/brief", 2)])
async def test_a_handler_past_its_deadline_is_503_and_the_connection_goes_on(
    path: str, seconds: float, autojump_clock: MockClock
) -> None:
    """`handler` seconds, or the route's own."""
    async with connect(timed_app()) as raw:
        await raw.send(request("GET", path) + request())
        data = await read_until(raw, b"0")
        assert seconds <= trio.current_time() <= seconds + 2 * SWEEP_SECONDS
    late, served = parse_answers(data, "GET", "GET", ended=False)
    assert (late.status, late.closes, served.status) == (503, False, 200)


async def test_timeout_none_lets_a_handler_take_its_time(autojump_clock: MockClock) -> None:
    """Past `handler`, as the route says."""
    async with connect(timed_app()) as raw:
        await raw.send(request("GET", "/unbounded"))
        await read_until(raw, b"slept")
        assert trio.current_time() == 100


async def test_an_answer_to_an_error_has_a_deadline_too(autojump_clock: MockClock) -> None:
    """A handler for exceptions that hangs ends as 503; nothing is answered twice."""
    app = timed_app()

    @app.get("/broken")
    async def broken() -> AsyncIterator[bytes]:
        raise LookupError
        yield b""

    @app.exception_handler(LookupError)
    async def hang(request: Request, error: LookupError) -> str:
        assert request.deadline == trio.current_time() + 30
        await trio.sleep_forever()
        return ""

    async with connect(app) as raw:
        await raw.send(request("GET", "/broken") + request())
        data = await read_until(raw, b"0")
    late, served = parse_answers(data, "GET", "GET", ended=False)
    assert (late.status, served.status) == (503, 200)


async def test_a_streaming_handlers_clock_stands_while_it_waits_for_bytes(
    autojump_clock: MockClock,
) -> None:
    """Two minutes of upload and 20 seconds of its own are not 30; the deadline moves along."""
    app = Hump()
    deadlines: set[int] = set()

    @app.post("/", stream=True, body_limit=None)
    async def upload(request: Request) -> str:
        async for _ in request.stream:
            deadlines.add(round(request.deadline - trio.current_time()))
        await trio.sleep(20)
        return "done"

    async with connect(app) as raw:
        await raw.send(request("POST", "/", "Content-Length: 120000"))
        for _ in range(120):
            await trio.sleep(1)
            await raw.send(bytes(1000))
        await read_until(raw, b"done")
        assert trio.current_time() == 140
    assert deadlines == {30}


async def test_a_streaming_handlers_own_time_is_bounded(autojump_clock: MockClock) -> None:
    """What it spends between its reads adds up."""
    app = Hump()

    @app.post("/", stream=True)
    async def upload(request: Request) -> str:
        async for _ in request.stream:
            await trio.sleep(8)
        return "never"

    async with connect(app) as raw:
        await raw.send(HEAD_15)
        for _ in range(10):
            await raw.send(b"x")
            await trio.sleep(3)
        [answer] = parse_answers(await read_to_end(raw), "POST")
    assert answer.status == 503


async def test_the_stall_clock_persists_over_a_streaming_handlers_reads(
    autojump_clock: MockClock,
) -> None:
    """A dribbler that feeds each read with one byte is 408 all the same."""
    app = Hump()

    @app.post("/", stream=True)
    async def upload(request: Request) -> str:
        async for _ in request.stream:
            pass
        return "never"

    async with connect(app) as raw:
        await raw.send(request("POST", "/", "Content-Length: 1000"))
        for _ in range(6):
            await trio.sleep(0.9)
            await raw.send(b"x")
        [answer] = parse_answers(await expect_end(raw, 0), "POST")
    assert (answer.status, answer.closes) == (408, True)


async def test_a_routes_own_time_stands_while_its_answer_waits_for_bytes(
    autojump_clock: MockClock,
) -> None:
    """Ten seconds for the whole exchange are ten of the server's, not of the client's."""
    app = Hump()

    @app.post("/", stream=True, timeout=10)
    async def echo(request: Request) -> AsyncIterator[bytes]:
        async for part in request.stream:
            yield part

    async with connect(app) as raw:
        await raw.send(request("POST", "/", "Content-Length: 20000", "Connection: close"))
        for _ in range(20):
            await trio.sleep(2)
            await raw.send(bytes(1000))
        [answer] = parse_answers(await read_to_end(raw), "POST")
    assert len(answer.body) == 20_000


async def test_the_deadline_is_always_the_truth(autojump_clock: MockClock) -> None:
    """In the handler it is the route's; a stream without a timeout of its own has none."""
    app = Hump()
    seen: list[float] = []

    @app.get("/default")
    @app.get("/own", timeout=7)
    @app.get("/none", timeout=None)
    async def handler(request: Request) -> Response:
        seen.append(request.deadline - trio.current_time())

        async def body() -> AsyncIterator[bytes]:
            seen.append(request.deadline - trio.current_time())
            yield b"."

        return Response(body())

    async with connect(app) as raw:
        for path in ("/default", "/own", "/none"):
            await raw.send(request("GET", path))
            await read_until(raw, b"0\r\n\r\n")
    assert seen == [30, math.inf, 7, 7, math.inf, math.inf]


async def test_a_client_that_broke_off_is_not_waited_for(autojump_clock: MockClock) -> None:
    """A reset while the connection is idle ends it at once, before any deadline."""
    async with connect(timed_app()) as raw:
        await raw.send(request())
        await read_until(raw, b"0")
        raw.reset()
    assert trio.current_time() == 0


@pytest.mark.parametrize("name", sorted(ENDING))
async def test_any_time_may_have_no_limit(name: str, autojump_clock: MockClock) -> None:
    """A server without it serves, and ends when nothing is left to be served."""
    seconds: dict[str, Any] = {name: math.inf}
    data = request() + request("POST", body=b"body")
    with trio.fail_after(1000):
        async with connect(timed_app(Timeouts(**seconds))) as raw:
            await raw.send(data[:-1])
            await trio.sleep(1)
            await raw.send(data[-1:])
            answers = parse_answers(await read_until(raw, b"4"), "GET", "POST", ended=False)
    assert [each.text for each in answers] == ["0", "4"]
