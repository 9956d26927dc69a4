"""A handler's deadline: when it comes, who knows of it, and what goes out when it has passed."""

import logging
import math
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Literal

import pytest
import trio
from trio.testing import MockClock

from hump_trio import Hump, Request, Timeouts
from hump_trio.testing import RawConnection, client, connect
from tests.support.wire import parse_answers, read_to_end, read_until, request

SWEEP_SECONDS = 0.25
Kind = Literal["generator", "producer", "iterable"]


class Timed:
    """An app whose handlers take their time, and what they saw.

    Args:
        timeouts: Of the app.
        options: Of the slow routes.
    """

    def __init__(self, timeouts: Timeouts | None = None, **options: Any) -> None:
        self.app = Hump(timeouts=timeouts)
        self.seen: list[Any] = []

        @self.app.get("/")
        async def index() -> str:
            return "quick"

        @self.app.post("/whole", **options)
        @self.app.get("/slow", **options)
        async def slow(request: Request) -> str:
            self.note(request)
            await trio.sleep(float(request.query.get("seconds", "1000")))
            self.note(request)
            return "slept"

    def note(self, request: Request) -> None:
        """Note what the handler is told of its deadline, by the request and by Trio."""
        self.seen.append((request.deadline, trio.current_effective_deadline()))


async def expect_503(raw: RawConnection) -> None:
    """Receive a 503 that leaves the connection open, and have the next request answered."""
    data = await raw.receive()
    await raw.send(request())
    late, served = parse_answers(data + await read_until(raw, b"quick"), "GET", "GET", ended=False)
    assert (late.status, late.text, late.closes) == (503, "the answer took too long", False)
    assert (served.status, served.text) == (200, "quick")


@pytest.mark.parametrize("start", [0, 0.1, 1.2])
@pytest.mark.parametrize("seconds", [0.01, 0.3, 2])
async def test_a_routes_timeout_is_exact(
    seconds: float, start: float, autojump_clock: MockClock
) -> None:
    """503 at that moment and not a sweep later; then the connection goes on."""
    timed = Timed(timeout=seconds)
    async with connect(timed.app) as raw:
        await trio.sleep(start)
        started = trio.current_time()
        await raw.send(request("GET", "/slow"))
        await expect_503(raw)
        assert trio.current_time() == started + seconds
    assert timed.seen == [(started + seconds, started + seconds)]


async def test_each_request_of_a_connection_has_its_own_time(autojump_clock: MockClock) -> None:
    """What one has used up isn't held against the next, nor does its scope bound it."""
    timed = Timed(timeout=2)
    async with connect(timed.app) as raw:
        for number in range(3):
            await raw.send(request("GET", "/slow?seconds=1.5"))
            await read_until(raw, b"slept")
            assert trio.current_time() == 1.5 * (number + 1)
        await raw.send(request("GET", "/slow"))
        await expect_503(raw)
        assert trio.current_time() == 4.5 + 2
        await raw.send(request("GET", "/slow?seconds=1.5"))
        await read_until(raw, b"slept")
        assert trio.current_time() == 6.5 + 1.5


async def test_timeout_none_is_no_limit(autojump_clock: MockClock) -> None:
    """However short the app's own is, and however often a sweep has looked."""
    timed = Timed(Timeouts(handler=0.1), timeout=None)
    async with client(timed.app) as http:
        response = await http.get("/slow?seconds=500")
    assert (response.status_code, trio.current_time()) == (200, 500)
    assert timed.seen == [(math.inf, math.inf)] * 2


@pytest.mark.parametrize("start", [0, 1.1])
async def test_the_apps_limit_is_exact_once_a_sweep_has_seen_the_request(
    start: float, autojump_clock: MockClock
) -> None:
    """The request knows of it from its first line on, Trio from the first sweep on."""
    timed = Timed(Timeouts(handler=5))

    @timed.app.get("/watching")
    async def watching(request: Request) -> None:
        for seconds in (SWEEP_SECONDS + 0.01, 1000):
            timed.note(request)
            await trio.sleep(seconds)

    async with connect(timed.app) as raw:
        await trio.sleep(start)
        await raw.send(request("GET", "/watching"))
        await expect_503(raw)
        assert trio.current_time() == start + 5
    assert timed.seen == [(start + 5, math.inf), (start + 5, start + 5)]


@pytest.mark.parametrize("start", [0, 0.1, 0.2])
async def test_an_app_limit_shorter_than_a_sweep(start: float, autojump_clock: MockClock) -> None:
    """It is kept by the first sweep that comes."""
    timed = Timed(Timeouts(handler=0.02))
    async with connect(timed.app) as raw:
        await trio.sleep(start)
        await raw.send(request("GET", "/slow"))
        await expect_503(raw)
        assert trio.current_time() == SWEEP_SECONDS


async def test_a_handler_that_is_quicker_than_a_sweep_may_pass_a_shorter_limit(
    autojump_clock: MockClock,
) -> None:
    """A limit of the app's is coarse: nobody looks in between, and nothing is left behind."""
    timed = Timed(Timeouts(handler=0.02))
    async with client(timed.app) as http:
        response = await http.get("/slow?seconds=0.2")
        assert (response.status_code, trio.current_time()) == (200, 0.2)
        await trio.sleep(5)
        assert (await http.get("/")).text == "quick"


@pytest.mark.parametrize("options", [{"timeout": 2}, {}], ids=["route", "app"])
async def test_the_clock_starts_when_the_body_is_there(
    options: dict[str, Any], autojump_clock: MockClock
) -> None:
    """Ten seconds of upload are the client's, the two after it the handler's."""
    timed = Timed(Timeouts(handler=2, stall_grace=60), **options)
    async with connect(timed.app) as raw:
        await raw.send(request("POST", "/whole", "Content-Length: 10"))
        for _ in range(10):
            await trio.sleep(1)
            await raw.send(b"x")
        data = await raw.receive()
        assert trio.current_time() == 10 + 2
    [answer] = parse_answers(data, "POST", ended=False)
    assert answer.status == 503
    assert timed.seen[0][0] == 10 + 2


@pytest.mark.parametrize("options", [{"timeout": 2}, {}], ids=["route", "app"])
async def test_clean_up_is_waited_for(options: dict[str, Any], autojump_clock: MockClock) -> None:
    """What a handler shields comes to its end, then the 503 goes out; middleware knows why."""
    timed = Timed(Timeouts(handler=2))

    @timed.app.get("/clean", **options)
    async def clean(request: Request) -> None:
        try:
            await trio.sleep(1000)
        finally:
            timed.seen.append((request.cancel_reason, trio.current_time()))
            with trio.move_on_after(5, shield=True):
                await trio.sleep(1.5)
            timed.seen.append((request.cancel_reason, trio.current_time()))

    async with connect(timed.app) as raw:
        await raw.send(request("GET", "/clean"))
        await expect_503(raw)
        assert trio.current_time() == 3.5
    assert timed.seen == [("deadline", 2), ("deadline", 3.5)]


async def swallow() -> None:
    """Wait too long and make nothing of being cancelled."""
    with suppress(trio.Cancelled):
        await trio.sleep(1000)


async def overlap() -> None:
    """Come to an end just when the deadline does, without having been cancelled."""
    with trio.CancelScope(shield=True):
        await trio.sleep(2)


@pytest.mark.parametrize("options", [{"timeout": 2}, {}], ids=["route", "app"])
@pytest.mark.parametrize("work", [swallow, overlap])
async def test_an_answer_that_comes_in_spite_of_the_deadline_is_sent(
    work: Callable[[], Awaitable[None]], options: dict[str, Any], autojump_clock: MockClock
) -> None:
    """It is there, so why waste it; the next request is served, and the end is in good order."""
    timed = Timed(Timeouts(handler=2))

    @timed.app.get("/work", **options)
    async def working() -> str:
        await work()
        return "worked"

    async with connect(timed.app) as raw:
        await raw.send(request("GET", "/work") * 2 + request("GET", "/work", "Connection: close"))
        answers = parse_answers(await read_to_end(raw), *["GET"] * 3)
        assert trio.current_time() == 6
    assert [(each.status, each.text, each.whole) for each in answers] == [(200, "worked", True)] * 3


@pytest.mark.parametrize("size", [10, 1_000_000], ids=["little", "much"])
@pytest.mark.parametrize("options", [{"timeout": 2}, {}], ids=["route", "app"])
async def test_a_late_answer_is_not_destroyed(
    options: dict[str, Any], size: int, autojump_clock: MockClock
) -> None:
    """What its client still sends is read away, so that no reset overtakes it (RFC 9112, 9.6)."""
    timed = Timed(Timeouts(handler=2))

    @timed.app.post("/", stream=True, body_limit=None, **options)
    async def working() -> str:
        await swallow()
        return "worked"

    async with connect(timed.app) as raw:
        await raw.send(request("POST", "/", f"Content-Length: {size}") + b"first")
        await trio.sleep(2.5)
        await raw.send(b"later")
        [answer] = parse_answers(await raw.receive(), "POST", ended=False)
    assert (answer.status, answer.text, answer.whole) == (200, "worked", True)


async def test_a_clean_up_that_fails_is_logged(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """As the crash that it is: a 500 with its traceback, and nothing looks like a deadline."""
    timed = Timed()

    @timed.app.get("/work", timeout=2)
    async def working() -> None:
        try:
            await trio.sleep(1000)
        finally:
            raise LookupError("clean-up")

    async with client(timed.app) as http:
        response = await http.get("/work")
    assert response.status_code == 500
    [record] = [each for each in caplog.records if each.levelno >= logging.WARNING]
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], LookupError)
