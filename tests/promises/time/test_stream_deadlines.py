"""Deadlines and streams: they stand while a body is waited for, and may cut an answer."""

import math
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Any, Literal, TypeAlias

import pytest
import trio
from trio.testing import MockClock

from hump_trio import Hump, Request, Response, Send, StreamResponse, Timeouts
from hump_trio.testing import client, connect
from tests.support.wire import parse_answers, read_to_reset, read_until, request

Kind: TypeAlias = Literal["generator", "producer", "iterable"]


@pytest.mark.parametrize("options", [{"timeout": 5}, {}], ids=["route", "app"])
async def test_the_clock_stands_while_a_stream_is_waited_for(
    options: dict[str, Any], autojump_clock: MockClock
) -> None:
    """The deadline moves by what each wait has taken, the request's and the enforced one alike."""
    app = Hump(timeouts=Timeouts(handler=5, stall_grace=60))
    seen: list[tuple[float, float]] = []

    @app.post("/", stream=True, **options)
    async def upload(request: Request) -> None:
        async for _ in request.stream:
            await trio.sleep(0.5)
            seen.append((request.deadline, trio.current_effective_deadline()))
        await trio.sleep(1000)

    async with connect(app) as raw:
        await raw.send(request("POST", "/", "Content-Length: 3"))
        for _ in range(3):
            await trio.sleep(4)
            await raw.send(b"x")
        data = await raw.receive()
        assert trio.current_time() == 16
    [answer] = parse_answers(data, "POST", ended=False)
    assert answer.status == 503
    assert seen == [(9, 9), (12.5, 12.5), (16, 16)]


async def test_nothing_is_enforced_while_a_stream_is_waited_for(autojump_clock: MockClock) -> None:
    """What else the handler does then isn't cut, and is told of no deadline."""
    app = Hump()
    seen: list[tuple[float, str | None, float]] = []

    @app.post("/", stream=True, timeout=2)
    async def upload(request: Request) -> str:
        async def watch() -> None:
            await trio.sleep(3)
            deadline = trio.current_effective_deadline()
            seen.append((request.deadline, request.cancel_reason, deadline))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(watch)
            async for _ in request.stream:
                pass
        return "whole"

    async with connect(app) as raw:
        await raw.send(request("POST", "/", "Content-Length: 1"))
        await trio.sleep(4)
        await raw.send(b"x")
        await read_until(raw, b"whole")
    assert seen == [(math.inf, None, math.inf)]


@pytest.mark.parametrize("end", ["client-gone", "shutdown"])
async def test_what_ends_a_long_wait_for_bytes_is_named(
    end: str, autojump_clock: MockClock
) -> None:
    """Not the deadline, which has moved along though it would have passed."""
    app = Hump(timeouts=Timeouts(shutdown=0))
    seen: list[str | None] = []

    @app.post("/", stream=True, timeout=2)
    async def upload(request: Request) -> None:
        try:
            async for _ in request.stream:
                pass
        finally:
            seen.append(request.cancel_reason)

    async with connect(app) as raw:
        await raw.send(request("POST", "/", "Content-Length: 5"))
        await trio.sleep(3)
        if end == "shutdown":
            app.shutdown()
        else:
            raw.reset()
        await trio.sleep(3)
    assert seen == [end]


def streaming_app(kind: Kind, first_seconds: float, **options: Any) -> Hump:
    """Return an app with a stream of one part a second.

    Args:
        kind: Of its handler.
        first_seconds: Before the first part.
        options: Of its route.
    """
    app = Hump()

    async def ticks() -> AsyncIterator[str]:
        await trio.sleep(first_seconds)
        for _ in range(10):
            yield "tick"
            await trio.sleep(1)

    async def produced() -> Response:
        async def produce(send: Send) -> None:
            async for part in ticks():
                await send(part)

        return StreamResponse(produce)

    async def iterated() -> Response:
        return Response(ticks())

    handlers: dict[str, Callable[[], AsyncIterator[str] | Awaitable[Response]]]
    handlers = {"generator": ticks, "producer": produced, "iterable": iterated}
    app.get("/ticks", **options)(handlers[kind])

    @app.get("/")
    async def index() -> str:
        return "quick"

    return app


@pytest.mark.parametrize("kind", ["generator", "producer", "iterable"])
async def test_a_routes_timeout_covers_a_streamed_answer(
    kind: Kind, autojump_clock: MockClock
) -> None:
    """Cut at that moment and reset, so that half of it never looks whole."""
    async with connect(streaming_app(kind, 0, timeout=3.5)) as raw:
        await raw.send(request("GET", "/ticks"))
        data = await read_to_reset(raw)
        assert trio.current_time() == 3.5
    [answer] = parse_answers(data, ended=False)
    assert (answer.status, answer.text, answer.whole) == (200, "tick" * 4, False)


@pytest.mark.parametrize("kind", ["generator", "producer", "iterable"])
async def test_before_its_first_part_a_stream_can_still_be_a_503(
    kind: Kind, autojump_clock: MockClock
) -> None:
    """Nothing has gone out, so that the connection goes on."""
    async with connect(streaming_app(kind, 10, timeout=3.5)) as raw:
        await raw.send(request("GET", "/ticks"))
        data = await raw.receive()
        assert trio.current_time() == 3.5
        await raw.send(request())
        data += await read_until(raw, b"quick")
    late, served = parse_answers(data, "GET", "GET", ended=False)
    assert (late.status, late.closes, served.status) == (503, False, 200)


@pytest.mark.parametrize("kind", ["generator", "producer", "iterable"])
async def test_other_streams_take_the_time_they_need(kind: Kind, autojump_clock: MockClock) -> None:
    """The app's limit ends with the handler's return, and what follows is timed anew."""
    app = streaming_app(kind, 40)
    async with client(app) as http:
        response = await http.get("/ticks")
        assert (response.text, trio.current_time()) == ("tick" * 10, 50)
        assert (await http.get("/")).text == "quick"


async def test_a_stream_returned_in_spite_of_the_deadline_is_not(autojump_clock: MockClock) -> None:
    """A route's timeout covers it as well, and has passed."""
    app = Hump()

    @app.get("/work", timeout=2)
    async def working() -> Response:
        with suppress(trio.Cancelled):
            await trio.sleep(1000)

        async def parts() -> AsyncIterator[str]:
            yield "late"

        return Response(parts())

    async with connect(app) as raw:
        await raw.send(request("GET", "/work"))
        [answer] = parse_answers(await raw.receive(), ended=False)
        assert (answer.status, trio.current_time()) == (503, 2)
