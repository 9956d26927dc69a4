"""The decorator `limit` in a server: what its clients get, and when a turn is free again."""

import math
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from hump_trio import HttpException, Hump, Request, Response, Timeouts, limit, timeout
from hump_trio.testing import client, connect
from tests.support.wire import parse_answers, read_to_reset, read_until, request


class Limited:
    """An app with room for one at a time, and connections to it.

    Args:
        decorators: Of its handlers, the outermost first.
        options: Of its routes.
    """

    def __init__(self, *decorators: Callable[[Any], Any], **options: Any) -> None:
        self.app = Hump(timeouts=Timeouts(deadline_header="x-wait-ms"))

        async def slow(request: Request) -> str:
            await trio.sleep(float(request.query["seconds"]))
            return "done"

        async def ticks(request: Request) -> AsyncIterator[str]:
            for _ in range(int(request.query["seconds"])):
                yield "tick"
                await trio.sleep(1)

        for path, handler in (("/slow", slow), ("/ticks", ticks)):
            decorated: Any = handler
            for decorator in reversed(decorators):
                decorated = decorator(decorated)
            self.app.get(path, **options)(decorated)

    async def status(self, path: str, seconds: float = 1) -> int:
        """Return the status for another client."""
        async with client(self.app) as http:
            response = await http.get(f"{path}?seconds={seconds}")
        assert response.headers.get("retry-after") == ("1" if response.status_code == 503 else None)
        return response.status_code


ORDERS = {
    "alone": [limit(1)],
    "outside": [limit(1), timeout(50)],
    "inside": [timeout(50), limit(1)],
}


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("path", ["/slow", "/ticks"])
async def test_a_request_beyond_is_told_to_come_again(
    path: str, order: str, autojump_clock: MockClock
) -> None:
    """503 with Retry-After while the answer of another takes its time, a streamed one too."""
    limited = Limited(*ORDERS[order])
    async with connect(limited.app) as raw:
        await raw.send(request("GET", f"{path}?seconds=10"))
        await trio.sleep(1.5)
        assert await limited.status(path) == 503
        assert trio.current_time() == 1.5
        await read_until(raw, b"done" if path == "/slow" else b"0\r\n\r\n")
        assert trio.current_time() == 10
        assert await limited.status(path) == 200


@pytest.mark.parametrize("decorators", [[limit(1)], [limit(1), timeout(3)], [timeout(3), limit(1)]])
@pytest.mark.parametrize("path", ["/slow", "/ticks"])
async def test_a_client_that_goes_gives_its_turn_back(
    path: str, decorators: list[Callable[[Any], Any]], autojump_clock: MockClock
) -> None:
    """As soon as it is found gone."""
    limited = Limited(*decorators)
    async with connect(limited.app) as raw:
        await raw.send(request("GET", f"{path}?seconds=1000"))
        await trio.sleep(1)
        assert await limited.status(path) == 503
        raw.reset()
        await trio.sleep(0.5)
        assert await limited.status(path) == 200


@pytest.mark.parametrize("options", [{"timeout": 3}, {}], ids=["route", "decorator"])
@pytest.mark.parametrize("path", ["/slow", "/ticks"])
async def test_a_deadline_gives_its_turn_back(
    path: str, options: dict[str, Any], autojump_clock: MockClock
) -> None:
    """That of the route as that of a decorator, in an answer under way too."""
    limited = Limited(*([limit(1)] if options else [timeout(3), limit(1)]), **options)
    async with connect(limited.app) as raw:
        await raw.send(request("GET", f"{path}?seconds=1000"))
        await trio.sleep(2.75)
        assert await limited.status(path) == 503
        if path == "/slow":
            [answer] = parse_answers(await raw.receive(), ended=False)
            assert answer.status == 503
        else:
            await read_to_reset(raw)
        assert trio.current_time() == 3
        assert await limited.status(path) == 200


async def test_who_waits_may_go_or_be_late(autojump_clock: MockClock) -> None:
    """Its place is the next one's then: no turn is lost."""
    limited = Limited(limit(1, wait=math.inf))
    paths = [("1000",), ("1", "x-wait-ms: 2000"), ("2",), ("3",)]
    async with (
        connect(limited.app) as first,
        connect(limited.app) as late,
        connect(limited.app) as leaving,
        connect(limited.app) as last,
    ):
        for raw, (seconds, *lines) in zip((first, late, leaving, last), paths, strict=True):
            await raw.send(request("GET", f"/slow?seconds={seconds}", *lines))
            await wait_all_tasks_blocked()
        [answer] = parse_answers(await late.receive(), ended=False)
        assert (answer.status, trio.current_time()) == (504, 2)
        leaving.reset()
        await trio.sleep(1)
        first.reset()
        left = trio.current_time()
        await read_until(last, b"done")
        assert left + 3 <= trio.current_time() <= left + 3.25


async def test_what_is_refused_is_counted_as_shed(autojump_clock: MockClock) -> None:
    """It is no failure of the app's: an operator tells it from a crash and a deadline."""
    limited = Limited(limit(1))

    @limited.app.exception_handler(HttpException)
    async def page(request: Request, error: HttpException) -> Response:
        return Response("full", error.status, error.headers)

    async with connect(limited.app) as raw:
        await raw.send(request("GET", "/slow?seconds=10"))
        await trio.sleep(1)
        assert await limited.status("/slow") == 503
        outcomes = limited.app.statistics().outcomes
        assert outcomes["shed"] == 1
        assert outcomes["crash"] == outcomes["deadline"] == 0
