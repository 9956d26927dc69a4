"""The decorator `timeout` and what else may end a handler: whose deadline or cancellation it is."""

from contextlib import suppress

import pytest
import trio
from trio.testing import MockClock

from hump_trio import CallNext, HttpException, Hump, Request, Response, Timeouts, timeout
from hump_trio.testing import client, connect
from tests.support.wire import request


async def slow(request: Request | None = None) -> str:
    """Take too long."""
    await trio.sleep(1000)
    return "late"


async def test_the_soonest_deadline_is_the_requests(autojump_clock: MockClock) -> None:
    """As long as the decorated function runs, and however it ends; then the one before holds."""
    asked = Request("GET", "/", "/")
    asked.server_deadline = 30
    seen: list[float] = []

    async def note(request: Request, *, fails: bool = False) -> None:
        seen.append(request.deadline)
        if fails:
            raise LookupError

    async def outer(request: Request) -> None:
        await timeout(2)(note)(request)
        seen.append(request.deadline)
        await timeout(50)(note)(request=request)
        seen.append(request.deadline)
        with pytest.raises(LookupError):
            await timeout(1)(note)(request, fails=True)
        seen.append(request.deadline)
        with pytest.raises(HttpException):
            await timeout(1)(slow)(request)
        seen.append(request.deadline)

    await timeout(5)(outer)(asked)
    assert seen == [2, 5, 5, 5, 1, 5, 5]
    await timeout(50)(note)(asked)
    assert (seen[-1], asked.deadline) == (30, 30)


async def test_deadlines_of_tasks_side_by_side(autojump_clock: MockClock) -> None:
    """Each counts until its own task is done, in whatever order they end; none stays behind."""
    app = Hump()
    seen: list[tuple[float, str | None]] = []

    async def work(request: Request, seconds: float) -> None:
        await trio.sleep(seconds)

    @app.get("/")
    async def handler(request: Request) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(timeout(2)(work), request, 1)
            await trio.sleep(0.5)
            nursery.start_soon(timeout(5)(work), request, 4)
            for _ in range(2):
                await trio.sleep(0.25)
                seen.append((request.deadline, request.cancel_reason))
                await trio.sleep(2)
        seen.append((request.deadline, request.cancel_reason))

    async with client(app) as http:
        assert (await http.get("/")).status_code == 204
    assert seen == [(2, None), (5.5, None), (30, None)]


@pytest.mark.parametrize("seconds", [(1, 2), (2, 1)])
async def test_the_sooner_of_two_wins(
    seconds: tuple[float, float], autojump_clock: MockClock
) -> None:
    """Whichever is outside; so it is with the server's own."""
    app = Hump()
    outer, inner = seconds
    app.get("/own")(timeout(outer)(timeout(inner)(slow)))
    app.get("/route", timeout=outer)(timeout(inner)(slow))
    async with client(app) as http:
        for number, path in enumerate(("/own", "/route"), 1):
            response = await http.get(path)
            assert (response.status_code, trio.current_time()) == (503, number)


async def test_the_limit_of_the_app_holds_as_well(autojump_clock: MockClock) -> None:
    """A decorator can't lengthen what the server allows."""
    app = Hump(timeouts=Timeouts(handler=3))
    app.get("/")(timeout(10)(slow))
    async with client(app) as http:
        response = await http.get("/")
        assert (response.status_code, trio.current_time()) == (503, 3)


async def test_the_reason_is_told_to_clean_up_and_middleware(autojump_clock: MockClock) -> None:
    """It stays the reason when the time is that of the server again."""
    app = Hump()
    seen: list[str | float | None] = []

    @app.middleware
    async def watch(request: Request, call_next: CallNext) -> Response:
        response = await call_next(request)
        seen.extend([request.cancel_reason, request.deadline, response.status])
        return response

    @app.get("/")
    @timeout(2)
    async def handler(request: Request) -> None:
        try:
            await trio.sleep(1000)
        finally:
            with trio.move_on_after(9, shield=True):
                await trio.sleep(1.5)
            seen.append(request.cancel_reason)

    async with client(app) as http:
        await http.get("/")
    assert seen == ["deadline", "deadline", 30, 503]
    assert trio.current_time() == 3.5


async def test_a_deadline_that_a_handler_deals_with_is_none_of_the_requests(
    autojump_clock: MockClock,
) -> None:
    """A part of its work may be bounded, and left out."""
    app = Hump()
    seen: list[str | None] = []

    @app.get("/")
    async def handler(request: Request) -> str:
        with suppress(HttpException):
            await timeout(2)(slow)(request)
        seen.append(request.cancel_reason)
        return "without it"

    async with client(app) as http:
        assert (await http.get("/")).text == "without it"
    assert seen == [None]


async def test_a_deadline_in_a_nursery_is_a_503_too(autojump_clock: MockClock) -> None:
    """Raised in a group, since it was a task of the handler's own that took too long."""
    app = Hump()

    @app.get("/")
    async def handler() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(timeout(2)(slow))

    async with client(app) as http:
        assert (await http.get("/")).status_code == 503


@pytest.mark.parametrize("caught", [True, False])
async def test_a_timeout_of_the_handlers_own_is_its_own(
    caught: bool, autojump_clock: MockClock
) -> None:
    """`trio.fail_after` raises what it always does: dealt with inside, or a 500."""
    app = Hump()

    @app.get("/")
    @timeout(5)
    async def handler() -> str:
        try:
            with trio.fail_after(1):
                await trio.sleep(1000)
        except trio.TooSlowError:
            if not caught:
                raise
        return "done"

    async with client(app) as http:
        response = await http.get("/")
        assert (response.status_code, trio.current_time()) == (200 if caught else 500, 1)


async def test_another_cancellation_passes_through(autojump_clock: MockClock) -> None:
    """By whom it was meant for; also if the deadline comes while that is cleaned up for."""
    seen: list[float] = []

    @timeout(2)
    async def work(clean_up_seconds: float) -> None:
        try:
            await trio.sleep(1000)
        finally:
            with trio.CancelScope(shield=True):
                await trio.sleep(clean_up_seconds)
            seen.append(trio.current_time())

    for clean_up_seconds in (0, 5):
        with trio.move_on_after(1) as scope:
            await work(clean_up_seconds)
        assert scope.cancelled_caught
    assert seen == [1, 7]


async def test_a_client_that_has_gone_is_no_deadline(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing is answered then, and the reason is the true one."""
    app = Hump()
    seen: list[str | None] = []

    @app.get("/")
    @timeout(5)
    async def handler(request: Request) -> None:
        try:
            await trio.sleep(1000)
        finally:
            with trio.move_on_after(9, shield=True):
                await trio.sleep(0.5)
            seen.append(request.cancel_reason)

    async with connect(app) as raw:
        await raw.send(request())
        await trio.sleep(1)
        raw.reset()
        await trio.sleep(20)
    assert seen == ["client-gone"]
    assert not caplog.records


@pytest.mark.parametrize("work", ["swallows", "overlaps"])
async def test_an_answer_in_spite_of_it_is_taken(work: str, autojump_clock: MockClock) -> None:
    """It is there, so why waste it: a handler need not be cancelled, or may make nothing of it."""

    @timeout(2)
    async def handler() -> str:
        with suppress(trio.Cancelled), trio.CancelScope(shield=work == "overlaps"):
            await trio.sleep(3)
        return "worked"

    assert await handler() == "worked"
