"""The decorator `timeout`: an exact scope around a handler, wherever it is called."""

import functools
import math
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from hump_trio import (
    CallNext,
    EventStream,
    HttpException,
    Hump,
    HumpError,
    Request,
    Response,
    Send,
    StreamResponse,
    limit,
    timeout,
)
from hump_trio.testing import client, connect
from tests.support.wire import parse_answers, read_to_reset, read_until, request


def traced(handler: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """Return a handler as many a decorator does."""

    @functools.wraps(handler)
    async def call(*args: Any, **kwargs: Any) -> Any:
        return await handler(*args, **kwargs)

    return call


ORDERS: dict[str, list[Callable[[Any], Any]]] = {
    "alone": [timeout(2)],
    "outside": [timeout(2), limit(9), traced],
    "between": [traced, timeout(2), limit(9)],
    "inside": [limit(9), traced, timeout(2)],
    "twice": [timeout(5), traced, timeout(2), timeout(5)],
}


def decorate(handler: Any, decorators: list[Callable[[Any], Any]]) -> Any:
    """Return a handler under some decorators, the outermost first."""
    for decorator in reversed(decorators):
        handler = decorator(handler)
    return handler


async def plain() -> str:
    """Take no argument."""
    await trio.sleep(1000)
    return "late"


async def asking(request: Request) -> str:
    """Take the request."""
    assert request.deadline == trio.current_effective_deadline() == trio.current_time() + 2
    await trio.sleep(1000)
    return "late"


async def named(number: int, name: str) -> str:
    """Take what the path has, and no request."""
    assert (number, name) == (7, "anna")
    await trio.sleep(1000)
    return "late"


async def asking_last(name: str, number: int, asked: Request) -> str:
    """Take what the path has, and the request by name."""
    assert (number, name, asked.path_params["name"]) == (7, "anna", "anna")
    return await asking(asked)


async def asking_by_keyword(*, number: int, request: Request, name: str) -> str:
    """Take everything by name."""
    return await asking_last(name, number, request)


class Resource:
    """A handler that is an object."""

    async def __call__(self, request: Request) -> str:
        """Take the request."""
        return await asking(request)

    async def method(self, request: Request) -> str:
        """Take the request too."""
        return await asking(request)


async def partial_of(seconds: float, request: Request) -> str:
    """Take something beforehand."""
    assert seconds == 1000
    return await asking(request)


async def generating(request: Request) -> AsyncIterator[str]:
    """Yield too late."""
    yield await asking(request)


HANDLERS: list[Any] = [
    plain,
    asking,
    named,
    asking_last,
    asking_by_keyword,
    Resource(),
    Resource().method,
    functools.partial(partial_of, 1000),
]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("handler", HANDLERS, ids=lambda each: getattr(each, "__name__", "object"))
async def test_any_handler_in_any_order(
    handler: Any, order: str, autojump_clock: MockClock
) -> None:
    """503 at that moment, with its parameters bound as without it; the connection goes on."""
    app = Hump()
    app.get("/{number:int}/{name}")(decorate(handler, ORDERS[order]))
    async with connect(app) as raw:
        await raw.send(request("GET", "/7/anna"))
        data = await raw.receive()
        assert trio.current_time() == 2
        await raw.send(request("GET", "/7/anna"))
        data += await raw.receive()
        assert trio.current_time() == 4
    answers = parse_answers(data, "GET", "GET", ended=False)
    assert [(each.status, each.text, each.closes) for each in answers] == [
        (503, "the answer took too long", False)
    ] * 2


@pytest.mark.parametrize(
    "decorators", [[timeout(2)], [timeout(2), limit(9)], [limit(9), timeout(2)]]
)
async def test_a_generator_is_bounded_whole(
    decorators: list[Callable[[Any], Any]], autojump_clock: MockClock
) -> None:
    """503 before its first part, reset after it; what ends in time is whole."""
    app = Hump()
    closed: list[float] = []

    async def ticks(request: Request, count: int) -> AsyncIterator[str]:
        assert request.deadline == trio.current_effective_deadline() == trio.current_time() + 2
        try:
            await trio.sleep(0.75)
            for _ in range(count):
                yield "tick"
                await trio.sleep(0.75)
            if count != 1:
                await trio.sleep(1000)
        finally:
            closed.append(trio.current_time())
            assert request.cancel_reason == (None if count == 1 else "deadline")

    app.get("/{count:int}")(decorate(ticks, decorators))
    async with connect(app) as raw:
        await raw.send(request("GET", "/0"))
        data = await raw.receive()
        assert trio.current_time() == 2
        await raw.send(request("GET", "/1"))
        data += await read_until(raw, b"0\r\n\r\n")
        assert trio.current_time() == 3.5
        await raw.send(request("GET", "/9"))
        data += await read_to_reset(raw)
        assert trio.current_time() == 5.5
    late, whole, cut = parse_answers(data, *["GET"] * 3, ended=False)
    assert (late.status, late.closes) == (503, False)
    assert (whole.text, whole.whole) == ("tick", True)
    assert (cut.text, cut.whole) == ("ticktick", False)
    assert closed == [2, 3.5, 5.5]


async def test_a_generator_that_swallows_its_cancellation_has_no_end(
    autojump_clock: MockClock,
) -> None:
    """Half an answer never looks whole, whatever the handler makes of being cancelled."""
    app = Hump()

    @app.get("/")
    @timeout(2)
    async def ticks() -> AsyncIterator[str]:
        yield "tick"
        with suppress(trio.Cancelled):
            await trio.sleep(1000)

    async with connect(app) as raw:
        await raw.send(request())
        [answer] = parse_answers(await read_to_reset(raw), ended=False)
    assert (answer.text, answer.whole) == ("tick", False)


async def test_a_generator_is_called_for_its_parts_alone(autojump_clock: MockClock) -> None:
    """A HEAD has none of them."""
    app = Hump()

    @app.get("/")
    @timeout(2)
    async def never() -> AsyncIterator[str]:
        raise AssertionError
        yield ""

    async with client(app) as http:
        assert (await http.head("/")).status_code == 200


async def test_a_producer_has_what_is_left_of_the_time(autojump_clock: MockClock) -> None:
    """Also if the same response is returned again and again."""
    app = Hump()
    seen = []

    async def produce(send: Send) -> None:
        seen.append(trio.current_effective_deadline() - trio.current_time())
        await trio.sleep(0.5 if len(seen) == 1 else 40)
        await send("done")

    response = StreamResponse(produce)

    @app.get("/")
    @timeout(2)
    async def handler() -> Response:
        await trio.sleep(1)
        return response

    async with client(app) as http:
        assert (await http.get("/")).text == "done"
        late = await http.get("/")
        assert (late.status_code, trio.current_time()) == (503, 1.5 + 2)
        assert (await http.head("/")).status_code == 200
    assert seen == [1, 1]


async def test_a_bounded_layer_keeps_what_closes_events(autojump_clock: MockClock) -> None:
    """Those that HEAD never begins."""
    sending, receiving = trio.open_memory_channel[str](0)
    app = Hump()

    @app.middleware
    @timeout(5)
    async def bound(request: Request, call_next: CallNext) -> Response:
        return await call_next(request)

    @app.get("/")
    async def index() -> EventStream:
        return EventStream(receiving)

    async with client(app) as http:
        assert (await http.head("/")).status_code == 200
    assert receiving.statistics().open_receive_channels == 0
    sending.close()


async def test_it_works_without_a_server(autojump_clock: MockClock) -> None:
    """For any async function of a program: its value, or an exception of the HumpError tree."""

    @timeout(2)
    async def work(seconds: float) -> str:
        await trio.sleep(seconds)
        return "done"

    assert await work(1) == "done"
    with pytest.raises(HttpException, match=r"^503 the answer took too long$") as caught:
        await work(seconds=3)
    assert trio.current_time() == 1 + 2
    assert isinstance(caught.value, HumpError)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("seconds", [0, -1, math.nan, -math.inf, True, False, "1", None, 1j])
def test_what_is_no_time_is_refused(seconds: Any) -> None:
    """When the program starts."""
    with pytest.raises(
        ValueError, match=r"^a timeout is a positive number of seconds, as in @timeout\(3\), not "
    ):
        timeout(seconds)


def test_what_is_not_async_is_refused() -> None:
    """With the way to write it."""
    nothing: Any = None
    with pytest.raises(TypeError, match=r"must be async: write `async def blocking"):
        timeout(1)(blocking)
    with pytest.raises(TypeError, match=r"the handler must be an async function, .*, not None"):
        timeout(1)(nothing)


def blocking() -> None:
    """Do what can't be cancelled."""


@pytest.mark.parametrize("bound", [timeout, limit])
def test_a_bound_above_the_verb_is_refused(bound: Callable[[int], Callable[[Any], Any]]) -> None:
    """It would bound nothing: the function that is registered goes on without it."""
    app = Hump()
    message = f"@{bound.__name__} stands above the decorator that has registered index, which goes"
    with pytest.raises(TypeError, match=message):

        @bound(3)
        @app.get("/")
        async def index() -> str:
            return "a"

    @app.get("/below")
    @bound(3)
    async def below() -> str:
        return "b"

    async def both() -> str:
        return "c"

    app.get("/without")(both)
    app.get("/with")(bound(3)(both))
    bound(3)(app.get("/object")(Index()))


class Index:
    """A handler that is an object."""

    async def __call__(self) -> str:
        """Answer."""
        return "c"
