"""Hearing of a shutdown and ending well: nothing that is under way then is lost."""

import logging
from collections.abc import AsyncIterator

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from hump_trio import Hump, Request, Response, Send, StreamResponse, Timeouts
from hump_trio.testing import RawConnection, client, connect
from hump_trio.testing.memory_listener import MemoryListener
from tests.support.wire import Answer, chunked, parse_answers, read_to_end, read_until, request

TIMES = Timeouts(shutdown_delay=2, shutdown=20, drain_idle=0.5, cleanup=3)
DELAY_SECONDS = TIMES.shutdown_delay


@pytest.fixture
def app() -> Hump:
    """An app with quick and slow handlers, and some that read."""
    app = Hump(timeouts=TIMES)

    @app.get("/")
    async def index() -> str:
        return "hello"

    @app.get("/slow")
    async def slow() -> str:
        await trio.sleep(8)
        return "slow"

    @app.get("/health")
    async def health() -> Response:
        return Response("going" if app.draining else "ready", 503 if app.draining else 200)

    @app.post("/")
    async def upload(request: Request) -> str:
        return f"{len(request.body)} bytes"

    @app.post("/stream", stream=True)
    async def stream(request: Request) -> str:
        return f"{sum([len(part) async for part in request.stream])} streamed"

    return app


async def shut_down(app: Hump) -> None:
    """Begin a shutdown of an app, and wait until it has come to the requests under way."""
    await wait_all_tasks_blocked()
    app.shutdown()
    await trio.sleep(DELAY_SECONDS)
    await wait_all_tasks_blocked()


async def receive_last(raw: RawConnection) -> Answer:
    """Return the answer that ends a connection, and says so."""
    [answer] = parse_answers(await read_to_end(raw))
    assert answer.whole
    assert answer.closes
    return answer


@pytest.mark.parametrize("by_request", [True, False])
async def test_waiting_ends_a_delay_later(
    app: Hump, autojump_clock: MockClock, *, by_request: bool
) -> None:
    """It lasts until `shutdown_delay` after `draining` has become true, and then never again."""
    heard = []

    @app.get("/wait")
    async def wait(request: Request) -> str:
        for _ in range(2):
            await (request if by_request else app).wait_draining()
            heard.append((app.draining, trio.current_time() - asked_at))
        return "heard"

    async with connect(app) as raw, connect(app) as other:
        for each in (raw, other):
            await each.send(request("GET", "/wait"))
        await trio.sleep(5)
        assert not app.draining
        asked_at = trio.current_time()
        app.shutdown()
        assert app.draining
        for each in (raw, other):
            assert (await receive_last(each)).text == "heard"
    assert heard == [(True, DELAY_SECONDS)] * 4


async def test_waiting_needs_a_server(app: Hump, autojump_clock: MockClock) -> None:
    """Without one there is nothing to wait for."""
    with pytest.raises(RuntimeError, match="not being served"):
        await app.wait_draining()
    async with connect(app):
        pass
    with pytest.raises(RuntimeError, match="not being served"):
        await app.wait_draining()


async def test_a_request_of_a_test_waits_forever(autojump_clock: MockClock) -> None:
    """One made by hand, which no app serves, never hears of a shutdown."""
    with trio.move_on_after(1000) as scope:
        await Request("GET", "/", "/").wait_draining()
    assert scope.cancelled_caught


async def test_waiting_is_a_checkpoint(app: Hump, autojump_clock: MockClock) -> None:
    """Before a shutdown and during it, so that a loop around it starves nobody."""
    async with connect(app) as raw:
        await raw.send(request("GET", "/slow"))
        for _ in range(2):
            with trio.CancelScope() as scope:
                scope.cancel()
                await app.wait_draining()
            assert scope.cancelled_caught
            await shut_down(app)
        with trio.testing.assert_checkpoints():
            await app.wait_draining()
        await read_to_end(raw)


async def test_background_work_ends_when_it_hears(app: Hump, autojump_clock: MockClock) -> None:
    """The lifespan's as well as the app's own, before anything is cancelled."""
    events: list[tuple[str, float]] = []

    async def work(name: str) -> None:
        await started.wait()
        await app.wait_draining()
        await trio.sleep(1)
        events.append((name, trio.current_time() - asked_at))

    @app.lifespan
    async def lifespan(app: Hump) -> AsyncIterator[None]:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(work, "the lifespan's")
            yield

    started = trio.Event()
    async with connect(app):
        app.start_soon(work, "the app's")
        started.set()
        await wait_all_tasks_blocked()
        asked_at = trio.current_time()
    assert sorted(events) == [
        ("the app's", DELAY_SECONDS + 1),
        ("the lifespan's", DELAY_SECONDS + 1),
    ]


async def count_until_goodbye(request: Request) -> AsyncIterator[str]:
    """Yield numbers until the server ends."""
    number = 0
    draining = False
    while not draining:
        yield f"{number} "
        number += 1
        with trio.move_on_after(1) as scope:
            await request.wait_draining()
        draining = not scope.cancelled_caught
    yield "goodbye"


async def produce_until_goodbye(request: Request, send: Send) -> None:
    """Send numbers until the server ends; two tasks, as no generator could have them."""

    async def count() -> None:
        number = 0
        while True:
            await send(f"{number} ")
            number += 1
            await trio.sleep(1)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(count)
        await request.wait_draining()
        nursery.cancel_scope.cancel()
    await send("goodbye")


@pytest.mark.parametrize("produced", [True, False])
async def test_a_stream_says_goodbye(
    app: Hump,
    autojump_clock: MockClock,
    caplog: pytest.LogCaptureFixture,
    *,
    produced: bool,
) -> None:
    """One that waits for the shutdown ends as it likes, and is whole."""
    caplog.set_level(logging.WARNING, "hump_trio")

    @app.get("/count")
    async def count(request: Request) -> Response:
        if produced:
            return StreamResponse(lambda send: produce_until_goodbye(request, send))
        return Response(count_until_goodbye(request))

    async with connect(app) as raw:
        await raw.send(request("GET", "/count"))
        await trio.sleep(3.5)
        started = trio.current_time()
        app.shutdown()
        data = await read_until(raw, b"0\r\n\r\n")
        assert trio.current_time() - started == DELAY_SECONDS
        [answer] = parse_answers(data + await read_to_end(raw))
    assert answer.whole
    assert answer.text == "0 1 2 3 4 5 goodbye"
    assert caplog.messages == []


async def test_a_health_route_turns_red_first(app: Hump, autojump_clock: MockClock) -> None:
    """During the delay it says so on new connections too, which are accepted and kept."""
    async with client(app) as http, connect(app) as raw:
        assert (await http.get("/health")).status_code == 200
        app.shutdown()
        await trio.sleep(DELAY_SECONDS - 0.01)
        async with client(app) as other:
            for each in (http, other):
                answer = await each.get("/health")
                assert (answer.status_code, answer.text) == (503, "going")
                assert "connection" not in answer.headers
        await raw.send(request())
        assert (await read_until(raw, b"hello")).lower().count(b"connection") == 0


@pytest.mark.parametrize(
    ("first", "rest", "text"),
    [
        (request("GET", "/slow"), b"", "slow"),
        (b"G", b"ET /slow HTTP/1.1\r\nHost: a\r\n\r\n", "slow"),
        (request()[:-1], b"\n", "hello"),
        (request("POST", "/", body=b"12345")[:-3], b"345", "5 bytes"),
        (request("POST", "/stream", body=b"12345")[:-3], b"345", "5 streamed"),
        (chunked(b"12", end=False), b"3\r\n345\r\n0\r\n\r\n", "5 bytes"),
        (chunked(b"12", path="/stream", end=False), b"3\r\n345\r\n0\r\n\r\n", "5 streamed"),
        (b"", request(), "hello"),
    ],
)
@pytest.mark.parametrize("was_used", [True, False])
async def test_a_request_under_way_is_answered(
    first: bytes, rest: bytes, text: str, app: Hump, autojump_clock: MockClock, *, was_used: bool
) -> None:
    """However much of it has arrived when the shutdown comes to it; that ends its connection."""
    async with connect(app) as raw:
        if was_used:
            await raw.send(request())
            await read_until(raw, b"hello")
        await raw.send(first)
        await shut_down(app)
        await trio.sleep(2 if first else TIMES.drain_idle * 0.9)
        await raw.send(rest)
        assert (await receive_last(raw)).text == text


async def test_silence_is_no_request(app: Hump, autojump_clock: MockClock) -> None:
    """A connection on which nothing comes within `drain_idle` is closed in good order."""
    async with connect(app) as raw, connect(app) as other:
        await raw.send(request())
        await read_until(raw, b"hello")
        await shut_down(app)
        started = trio.current_time()
        for each in (raw, other):
            assert await each.receive() == b""
        assert trio.current_time() - started <= TIMES.drain_idle + 0.25


async def test_pipelined_requests_before_the_shutdown(app: Hump, autojump_clock: MockClock) -> None:
    """The last of many that were sent at once, the one under way, is answered as the others."""
    async with connect(app) as raw:
        await raw.send(request() * 2 + request("GET", "/slow"))
        await shut_down(app)
        answers = parse_answers(await read_to_end(raw), "GET", "GET", "GET")
    assert [(each.text, each.closes) for each in answers] == [
        ("hello", False),
        ("hello", False),
        ("slow", True),
    ]


async def test_what_is_pipelined_behind_the_last_answer(
    app: Hump, autojump_clock: MockClock
) -> None:
    """It isn't begun: the client reads "close" on a whole answer, and knows what to ask again."""
    handled = []

    @app.post("/order")
    async def order() -> str:
        handled.append("order")
        return "ordered"

    async with connect(app) as raw:
        await raw.send(request("GET", "/slow") + request("POST", "/order"))
        await shut_down(app)
        assert (await receive_last(raw)).text == "slow"
    assert handled == []


async def test_each_of_many_is_answered(app: Hump, autojump_clock: MockClock) -> None:
    """Clients that ask again and again get an answer for each request that they could send."""
    counts = []

    async def ask_again(number: int) -> None:
        async with connect(app) as raw:
            while True:
                await trio.sleep(number / 100)
                await raw.send(request("GET", "/slow" if number % 7 == 0 else "/"))
                data = await read_until(raw, b"slow" if number % 7 == 0 else b"hello")
                [answer] = parse_answers(data, ended=False)
                assert answer.whole
                if answer.closes:
                    assert await raw.receive() == b""
                    counts.append(number)
                    return

    async with connect(app), trio.open_nursery() as nursery:
        for number in range(1, 40):
            nursery.start_soon(ask_again, number)
        await trio.sleep(10)
        app.shutdown()
    assert sorted(counts) == list(range(1, 40))


async def test_the_lifespan_is_left_last(app: Hump, autojump_clock: MockClock) -> None:
    """The exit comes after the last connection and all background work, its own things whole."""
    events = []

    @app.lifespan
    async def lifespan(app: Hump) -> AsyncIterator[None]:
        events.append("entered")
        app.state.open = True
        yield
        app.state.open = False
        events.append("left")

    async def work() -> None:
        await trio.sleep(3)
        assert app.state.open
        events.append("worked")

    @app.get("/work")
    async def handler() -> str:
        app.start_soon(work)
        await trio.sleep(2)
        assert app.state.open
        events.append("answered")
        return "answer"

    async with connect(app) as raw:
        assert events == ["entered"]
        await raw.send(request("GET", "/work"))
        await wait_all_tasks_blocked()
        app.shutdown()
        [answer] = parse_answers(await read_to_end(raw))
        assert answer.whole
    assert events == ["entered", "answered", "worked", "left"]


async def test_a_lifespan_that_asks_for_the_end(app: Hump, autojump_clock: MockClock) -> None:
    """A lifespan that asks for the end itself, and starts none the less, is left in order."""
    events = []

    @app.lifespan
    async def lifespan(app: Hump) -> AsyncIterator[None]:
        app.shutdown()
        assert app.draining
        yield
        await trio.sleep(1)
        events.append("left")

    await app.serve(listeners=[MemoryListener()])
    assert events == ["left"]
