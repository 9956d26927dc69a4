"""The deadline that a caller asks for in a header: it can only shorten a handler's time."""

import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from hump_trio import HttpException, Hump, Request, Response, Timeouts
from hump_trio.testing import client, connect
from tests.support.wire import parse_answers, read_to_reset, read_until, request


class Asked:
    """An app whose callers may ask for a deadline, and what its handlers saw.

    Args:
        handler_seconds: The app's limit.
        header: The name of the field.
        options: Of the slow routes.
    """

    def __init__(
        self, handler_seconds: float = 30, header: str | None = "X-Wait-MS", **options: Any
    ) -> None:
        self.app = Hump(timeouts=Timeouts(handler=handler_seconds, deadline_header=header))
        self.seen: list[Any] = []

        @self.app.get("/slow", **options)
        async def slow(request: Request) -> str:
            self.seen.append((request.deadline, trio.current_effective_deadline()))
            try:
                await trio.sleep(float(request.query.get("seconds", "1000")))
            finally:
                self.seen.append(request.cancel_reason)
            return "slept"

        @self.app.get("/stream", **options)
        async def stream(request: Request) -> AsyncIterator[str]:
            for _ in range(int(request.query.get("parts", "0"))):
                await trio.sleep(1)
                yield "tick"
            await trio.sleep(1000)

    async def get(self, path: str = "/slow", *lines: str) -> tuple[int, float]:
        """Return the status of an answer and when it came; the connection must go on."""
        async with connect(self.app) as raw:
            await raw.send(request("GET", path, *lines))
            data = await raw.receive()
            now = trio.current_time()
            await raw.send(request())
            data += await read_until(raw, b"nothing is here")
        answer, following = parse_answers(data, "GET", "GET", ended=False)
        assert (answer.closes, following.status) == (False, 404)
        return answer.status, now


@pytest.mark.parametrize("options", [{}, {"timeout": 10}, {"timeout": None}], ids=str)
@pytest.mark.parametrize("value", ["1500", " 01500 "])
async def test_a_caller_may_ask_for_less(
    value: str, options: dict[str, Any], autojump_clock: MockClock
) -> None:
    """504 at exactly that moment, known to the handler and to Trio from its first line on."""
    asked = Asked(**options)
    assert await asked.get("/slow", f"X-Wait-MS: {value}") == (504, 1.5)
    assert asked.seen == [(1.5, 1.5), "deadline"]


@pytest.mark.parametrize("options", [{}, {"timeout": 10}, {"timeout": None}], ids=str)
@pytest.mark.parametrize("value", ["0", "000", "-0", "-1", "-1500"])
async def test_a_caller_with_nothing_left_is_answered_at_once(
    value: str, options: dict[str, Any], autojump_clock: MockClock
) -> None:
    """One that subtracts what it has used up comes to 0, or below it."""
    asked = Asked(**options)
    assert await asked.get("/slow", f"X-Wait-MS: {value}") == (504, 0)
    assert asked.seen == [(0, 0), "deadline"]


@pytest.mark.parametrize("name", ["X-Wait-MS", "x-wait-ms", "X-WAIT-ms"])
async def test_the_name_is_of_any_case(name: str, autojump_clock: MockClock) -> None:
    """In the setting as in the request."""
    assert await Asked(header=name).get("/slow", "x-Wait-mS: 20") == (504, 0.02)


@pytest.mark.parametrize(
    ("handler_seconds", "options"), [(2, {}), (30, {"timeout": 2}), (2.0, {"timeout": 2})]
)
@pytest.mark.parametrize("value", ["2000", "5000", "999999999999"])
async def test_nobody_may_ask_for_more(
    value: str, handler_seconds: float, options: dict[str, Any], autojump_clock: MockClock
) -> None:
    """What the server allows is what it answers 503 for."""
    asked = Asked(handler_seconds, **options)
    assert await asked.get("/slow", f"X-Wait-MS: {value}") == (503, 2)
    assert asked.seen[0][0] == 2


@pytest.mark.parametrize(
    "lines",
    [
        *([f"X-Wait-MS: {value}"] for value in ("", "abc", "-", "--5", "- 5", "+5", "1.5", "1e3")),
        *([f"X-Wait-MS: {value}"] for value in ("9" * 20, "5, 6", "5 6", "0x10", "1_000", "\xb2")),
        ["X-Wait-MS: 5", "X-Wait-MS: 5"],
        ["X-Wait-MS: 5", "x-wait-ms: "],
    ],
    ids=str,
)
async def test_what_makes_no_sense_is_ignored(
    lines: list[str], autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """And logged; the handler has the time that it would have had."""
    caplog.set_level(logging.INFO)
    asked = Asked(timeout=2)
    assert await asked.get("/slow", *lines) == (503, 2)
    [record] = [each for each in caplog.records if "caller" in each.message]
    assert record.levelno == logging.INFO
    assert record.message.startswith("a caller's deadline was ignored: X-Wait-MS: '")
    assert record.message.endswith("' of GET /slow")


async def test_a_long_value_is_logged_in_part(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """A caller can't fill the log."""
    caplog.set_level(logging.INFO)
    assert await Asked(2).get("/slow", "X-Wait-MS: " + "9" * 5000) == (503, 2)
    [record] = [each for each in caplog.records if "caller" in each.message]
    assert len(record.message) < 200


async def test_nobody_is_asked_by_default(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """A browser can send such a field too."""
    caplog.set_level(logging.INFO)
    asked = Asked(header=None)
    assert Timeouts().deadline_header is None
    async with client(asked.app) as http:
        response = await http.get("/slow?seconds=3", headers={"x-wait-ms": "5"})
        assert response.text == "slept"
        await http.get("/slow?seconds=3", headers={"x-wait-ms": "abc"})
    assert not [each for each in caplog.records if "caller" in each.message]


async def test_a_handler_that_is_quick_enough_is_not_disturbed(autojump_clock: MockClock) -> None:
    """Nor is the next request on the connection, which asks for nothing."""
    asked = Asked()
    async with client(asked.app) as http:
        assert (await http.get("/slow?seconds=1", headers={"x-wait-ms": "1500"})).text == "slept"
        assert (await http.get("/slow?seconds=20")).text == "slept"
    assert trio.current_time() == 21


async def test_a_streamed_answer_has_the_routes_full_time(autojump_clock: MockClock) -> None:
    """Who asked for two seconds has an answer under way by then; the route's ten end it."""
    asked = Asked(timeout=10)
    async with connect(asked.app) as raw:
        await raw.send(request("GET", "/stream?parts=50", "X-Wait-MS: 2000"))
        data = await read_to_reset(raw)
        assert trio.current_time() == 10
    [answer] = parse_answers(data, ended=False)
    assert answer.whole is False
    assert answer.text in ("tick" * 9, "tick" * 10)


async def test_a_streamed_answer_without_a_timeout_is_not_bounded(
    autojump_clock: MockClock,
) -> None:
    """A caller's deadline ends with the handler's return, as the app's does."""
    asked = Asked()
    async with connect(asked.app) as raw:
        await raw.send(request("GET", "/stream?parts=50", "X-Wait-MS: 2000"))
        await read_until(raw, b"tick\r\n" + b"4\r\ntick\r\n" * 49)
        assert trio.current_time() == 50


async def test_a_stream_that_overstays_the_routes_time_is_503(autojump_clock: MockClock) -> None:
    """It is the server's own deadline that has passed, whatever its caller asked for."""
    assert await Asked(timeout=10).get("/stream", "X-Wait-MS: 2000") == (503, 10)


async def test_it_stands_while_a_stream_is_waited_for(autojump_clock: MockClock) -> None:
    """As any other deadline of a handler: the time is the server's."""
    asked = Asked()

    @asked.app.post("/", stream=True)
    async def upload(request: Request) -> None:
        async for _ in request.stream:
            asked.seen.append((request.deadline, trio.current_effective_deadline()))
        await trio.sleep(1000)

    async with connect(asked.app) as raw:
        await raw.send(request("POST", "/", "Content-Length: 2", "X-Wait-MS: 1000"))
        for _ in range(2):
            await trio.sleep(2)
            await raw.send(b"x")
        [answer] = parse_answers(await raw.receive(), "POST", ended=False)
        assert (answer.status, trio.current_time()) == (504, 5)
    assert asked.seen == [(3, 3), (5, 5)]


@pytest.mark.parametrize("options", [{}, {"timeout": 10}], ids=str)
async def test_the_page_for_it_is_given_time(
    options: dict[str, Any], autojump_clock: MockClock
) -> None:
    """A handler's time of its own, and the connection goes on; what it says goes out."""
    asked = Asked(3, **options)

    @asked.app.exception_handler(HttpException)
    async def page(request: Request, error: HttpException) -> Response:
        if error.status == 504:
            asked.seen.append((request.deadline, request.cancel_reason))
            await trio.sleep(2.9)
        return Response(error.detail, error.status)

    assert await asked.get("/slow", "X-Wait-MS: 1000") == (504, 3.9)
    assert asked.seen[1:] == ["deadline", (4, "deadline")]
