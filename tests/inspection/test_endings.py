"""What will end a request and when, and how an operator ends one."""

import logging
import math
from collections.abc import AsyncIterator

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from hump_trio import Hump, Request, Timeouts, WebSocket, timeout
from hump_trio.app import server_of
from hump_trio.inspection.endings import end_early, ending_of
from hump_trio.server.clock import Clock
from hump_trio.testing import RawConnection, connect, websocket
from tests.support.fake_stream import FakePeer
from tests.support.served import served
from tests.support.wire import request

LATE = "it is answered with 503: the answer took too long"
ASKED = "it is answered with 504: the answer took longer than its caller waits"


def app_of() -> Hump:
    """Return an app whose requests each end for another reason."""
    app = Hump(timeouts=Timeouts(handler=30, stall_grace=5, send_grace=9, deadline_header="x-time"))

    @app.get("/slow", on_disconnect=7)
    @app.get("/endless", timeout=None)
    @app.post("/buffered")
    async def slow() -> None:
        await trio.sleep_forever()

    @app.get("/bounded")
    @timeout(12)
    async def bounded(request: Request) -> None:
        await trio.sleep_forever()

    @app.get("/ticks")
    @app.get("/timed-ticks", timeout=15)
    async def ticks() -> AsyncIterator[str]:
        while True:
            yield "tick"
            await trio.sleep(2)

    @app.get("/bounded-ticks")
    @timeout(12)
    async def bounded_ticks(request: Request) -> AsyncIterator[str]:
        async for tick in ticks():
            yield tick

    @app.post("/echo", stream=True)
    async def echo(request: Request) -> AsyncIterator[bytes]:
        async for part in request.stream:
            yield part

    @app.get("/shielded", timeout=3)
    async def shielded() -> None:
        with trio.CancelScope(shield=True):
            await trio.sleep(10)

    @app.websocket("/live")
    async def live(ws: WebSocket) -> None:
        async for _ in ws:
            pass

    return app


def found(app: Hump) -> tuple[Clock, Request]:
    """Return the only request in flight, and what bounds it."""
    [clock] = [each for each in server_of(app).watchdog.clocks if each.request is not None]
    assert clock.request is not None
    return clock, clock.request


UPLOAD = "Content-Length: 9"
CASES: dict[str, tuple[bytes, float, float, str, str]] = {
    "its route's time": (request("GET", "/slow"), 2, 28, "its route's time", LATE),
    "its caller's time": (
        request("GET", "/slow", "x-time: 5000"),
        2,
        3,
        "the time that its caller has asked for",
        ASKED,
    ),
    "nothing": (request("GET", "/endless"), 2, math.inf, "", ""),
    "its own scope": (request("GET", "/bounded"), 2, 10, "@timeout", LATE),
    "its body": (
        request("POST", "/buffered", UPLOAD) + b"some",
        2,
        3,
        "Timeouts.stall_grace",
        "it is answered with 408: the body took too long to arrive",
    ),
    "its body behind an answer": (
        request("POST", "/echo", UPLOAD) + b"some",
        2,
        3,
        "Timeouts.stall_grace",
        "it is cut",
    ),
    "nothing, since it has read all": (request("GET", "/ticks"), 2.1, math.inf, "", ""),
    "its stream's time": (
        request("GET", "/timed-ticks"),
        8.1,
        6.9,
        "its route's time",
        "it is cut",
    ),
    "its stream's own scope": (request("GET", "/bounded-ticks"), 8.1, 3.9, "@timeout", "it is cut"),
    "it is over": (
        request("GET", "/shielded"),
        5,
        -math.inf,
        "cancelled: deadline",
        "its tasks are ending",
    ),
}


@pytest.mark.parametrize("case", CASES)
async def test_what_ends_a_request_is_known_before(case: str, autojump_clock: MockClock) -> None:
    """The first of all that can, with the time that is left and what the client will see."""
    data, seconds, left_seconds, cause, consequence = CASES[case]
    async with connect(app := app_of()) as raw:
        await raw.send(data)
        await trio.sleep(seconds)
        time, *words = ending_of(*found(app))
        assert words == [cause, consequence]
        assert time - trio.current_time() == pytest.approx(left_seconds, abs=0.5)


async def test_a_client_that_has_gone_leaves_the_handler_its_grace(
    autojump_clock: MockClock,
) -> None:
    """Which is sooner than its time."""
    async with connect(app := app_of()) as raw:
        await raw.send(request("GET", "/slow"))
        await wait_all_tasks_blocked()
        raw.reset()
        await trio.sleep(2)
        time, *words = ending_of(*found(app))
        assert words == ["its client has gone", "it is cancelled"]
        assert 4.5 < time - trio.current_time() < 6


async def test_a_client_that_does_not_read_ends_its_answer(autojump_clock: MockClock) -> None:
    """By its silence, from the first look on that finds it so."""
    peer = FakePeer()
    clock = Clock(served(timeouts=Timeouts(send_grace=9)), peer)
    asked = Request("GET", "/", "/")
    clock.begin_exchange(asked)
    clock.enter_send()
    peer.sent_bytes = 100
    clock.expire(trio.current_time())
    await trio.sleep(2)
    assert ending_of(clock, asked) == (9, "Timeouts.send_grace", "it is cut")
    peer.acked = 100
    assert ending_of(clock, asked) == (math.inf, "", "")


async def test_a_websocket_ends_by_its_client(autojump_clock: MockClock) -> None:
    """Nothing else limits it, unless its route has a time."""
    app = app_of()
    async with websocket(app, "/live"):
        assert ending_of(*found(app)) == (math.inf, "", "")


async def receive_until(raw: RawConnection, end: bytes) -> bytes:
    """Return what comes until some bytes have come, or a reset."""
    received = b""
    while end not in received:
        try:
            received += await raw.receive()
        except trio.BrokenResourceError:
            received += b"(reset)"
    return received


@pytest.mark.parametrize(
    ("data", "status", "end", "outcome"),
    [
        (request("GET", "/slow"), b"503", b"the answer took too long", "deadline"),
        (request("GET", "/endless"), b"503", b"the answer took too long", "deadline"),
        (request("POST", "/buffered", UPLOAD), b"408", b"took too long to arrive", "stalled"),
        (request("GET", "/ticks"), b"200", b"(reset)", "deadline"),
    ],
)
async def test_a_request_is_ended_as_if_its_time_had_passed(
    data: bytes,
    status: bytes,
    end: bytes,
    outcome: str,
    autojump_clock: MockClock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """At once: by the answer of that, or a cut where an answer was begun."""
    caplog.set_level(logging.INFO)
    async with connect(app := app_of()) as raw:
        await raw.send(data)
        await trio.sleep(1)
        received = await raw.receive() if status == b"200" else b""
        started = trio.current_time()
        end_early(*found(app))
        received += await receive_until(raw, end)
        assert trio.current_time() == started
        await wait_all_tasks_blocked()
    assert received.startswith(b"HTTP/1.1 " + status)
    assert end in received
    [line] = [each for each in caplog.records if each.name == "hump_trio.access"]
    assert line.getMessage().endswith(outcome)


async def test_a_websocket_is_ended_with_a_word(autojump_clock: MockClock) -> None:
    """Its client is told as by the time of its route."""
    app = app_of()
    async with websocket(app, "/live") as ws:
        end_early(*found(app))
        with pytest.raises(Exception, match="1001"):
            await ws.receive()


async def test_a_sweep_does_not_give_the_time_back(autojump_clock: MockClock) -> None:
    """Of a handler that is ended, wherever the sweep comes in."""
    async with connect(app := app_of()) as raw:
        await raw.send(request("GET", "/slow"))
        await wait_all_tasks_blocked()
        clock, asked = found(app)
        end_early(clock, asked)
        clock.expire(trio.current_time())
        assert asked.cancel_reason == "deadline"
        assert (await raw.receive()).startswith(b"HTTP/1.1 503")
