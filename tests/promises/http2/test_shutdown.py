"""The end of a server, as the streams of its connections see it."""

import logging
from collections.abc import AsyncIterator

import pytest
import trio
from hyperframe.frame import PingFrame
from trio.testing import MockClock

from hump_trio import Hump, Limits, Request, Timeouts
from hump_trio.http2.failures import ErrorCode
from hump_trio.testing.memory_listener import MemoryListener, running
from tests.support.frames import PREFACE, Peer, data, ping, settings, speak
from tests.support.transports import connect_http2

TIMES = Timeouts(shutdown=8, cleanup=2)
SWEEP_SECONDS = 0.25


def ending_app(reasons: list[str | None]) -> Hump:
    """Return an app whose handlers see their end."""
    app = Hump(timeouts=TIMES)

    @app.get("/forever")
    async def forever(request: Request) -> str:
        try:
            await trio.sleep_forever()
        finally:
            reasons.append(request.cancel_reason)

    @app.get("/parting")
    async def parting(request: Request) -> str:
        try:
            await trio.sleep_forever()
        except trio.Cancelled:
            return "farewell"

    @app.get("/slow")
    async def slow(request: Request) -> str:
        try:
            await trio.sleep_forever()
        finally:
            with trio.move_on_after(1, shield=True):
                await trio.sleep_forever()
            reasons.append(request.cancel_reason)

    @app.get("/ticks", timeout=None)
    async def ticks(request: Request) -> AsyncIterator[str]:
        try:
            while True:
                yield "tick"
                await trio.sleep(0.7)
        finally:
            reasons.append(request.cancel_reason)

    @app.get("/large")
    async def large() -> bytes:
        return bytes(200_000)

    @app.post("/")
    async def post(request: Request) -> bytes:
        return request.body

    @app.get("/")
    async def index() -> str:
        return "hello"

    @app.get("/nap")
    async def nap() -> str:
        await trio.sleep(2)
        return "rested"

    return app


async def test_what_a_shutdown_cuts_is_reset_and_told(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Each stream by itself; its handler learns why, and the log says of each what it was at."""
    caplog.set_level(logging.INFO)
    reasons: list[str | None] = []
    app = ending_app(reasons)
    async with speak(app) as peer:
        paths = ["/forever", "/ticks", "/slow", "/nap"]
        await peer.send(*(peer.head(2 * n + 1, path=path) for n, path in enumerate(paths)))
        await peer.send(peer.head(9, method="POST", end=False), data(9, b"half a body"))
        await peer.frames()
        began = trio.current_time()
        app.shutdown()
        await trio.sleep(9.5)
        await peer.frames()
        assert peer.answers[7].text == "rested"
        assert [peer.answers[n].reset for n in (1, 3, 5)] == [ErrorCode.CANCEL] * 3
        assert not any(peer.answers[n].ended for n in (1, 3, 5))
        assert peer.answers[9].status == 408  # long before the shutdown's end
        await trio.sleep(1)
        await peer.frames()
        assert peer.state == "ended"
    assert trio.current_time() - began < 8 + 2 + 3 * SWEEP_SECONDS
    assert reasons == ["shutdown"] * 3
    cut = sorted(each.message for each in caplog.records if "cut" in each.message)
    assert [text.partition(",")[0] for text in cut] == [
        "cut at shutdown: GET /forever (handler)",
        "cut at shutdown: GET /slow (handler)",
        "cut at shutdown: GET /ticks (send)",
    ]
    assert all("it stands at" in text for text in cut), cut
    assert not [each for each in caplog.records if each.levelno >= logging.ERROR]


async def test_bytes_that_come_behind_the_end_keep_nobody_busy(autojump_clock: MockClock) -> None:
    """While a handler that was cut still cleans up; virtual time passes when all are at rest."""
    reasons: list[str | None] = []
    app = ending_app(reasons)
    async with speak(app) as peer:
        await peer.send(peer.head(1, path="/slow"))
        await peer.frames()
        app.shutdown()
        await trio.sleep(8.5)
        await peer.send(ping())
        await trio.sleep(2)
        await peer.frames()
        assert peer.answers[1].reset == ErrorCode.CANCEL
    assert reasons == ["shutdown"]


async def test_an_answer_that_needs_no_time_still_goes_out(autojump_clock: MockClock) -> None:
    """Of a handler that a shutdown cancels, and that has something to say."""
    app = ending_app([])
    async with speak(app) as peer:
        await peer.send(peer.head(1, path="/parting"), peer.head(3, path="/forever"))
        await peer.frames()
        app.shutdown()
        await trio.sleep(9)
        await peer.frames()
        assert (peer.answers[1].text, peer.answers[1].ended) == ("farewell", True)
        assert peer.answers[3].reset == ErrorCode.CANCEL


@pytest.mark.parametrize("count", [0, 1, 20])
async def test_idle_connections_are_not_called_cut(
    count: int, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever was served on them, and however many lanes that has taken."""
    caplog.set_level(logging.INFO)
    app = ending_app([])
    async with speak(app) as peer:
        await peer.send(*(peer.head(2 * n + 1, path="/nap") for n in range(count)))
        await trio.sleep(3)
        app.shutdown()
        await trio.sleep(TIMES.drain_idle + 2 * SWEEP_SECONDS)
        await peer.frames()
        assert [last for last, _ in peer.goaways] == [2**31 - 1, max(2 * count - 1, 0)]
        assert peer.state == "ended"
    assert not [each for each in caplog.records if "cut" in each.message]


async def test_a_client_that_knows_is_told_the_last_stream(autojump_clock: MockClock) -> None:
    """At once, when it has answered the PING; the connection ends with its last answer."""
    app = ending_app([])
    async with speak(app) as peer:
        await peer.send(peer.head(1, path="/nap"))
        await peer.frames()
        app.shutdown()
        frames = await peer.frames()
        [asked] = [each for each in frames if isinstance(each, PingFrame)]
        await peer.send(ping(asked.opaque_data, ack=True))
        await peer.frames()
        assert [last for last, _ in peer.goaways] == [2**31 - 1, 1]
        assert peer.state == "open"
        await trio.sleep(2)
        assert (await peer.answer(1)).text == "rested"
        assert peer.state == "ended"


async def test_a_connection_of_a_server_that_closes_is_told_so(autojump_clock: MockClock) -> None:
    """If it begins when that has begun."""
    app = ending_app([])
    async with running(app) as listener:
        first = connect_http2(listener, float("inf"))
        held = Peer(first)
        await held.greet()
        await held.send(held.head(1, path="/forever"))
        await held.frames()
        late = Peer(connect_http2(listener, float("inf")))
        app.shutdown()
        await late.send(PREFACE, settings(), late.head(1))
        await late.frames()
        assert late.goaways[0] == (2**31 - 1, ErrorCode.NO_ERROR)
        assert late.answers[1].text == "hello"
        first.close()
        late.transport.close()


@pytest.mark.parametrize("how", ["cancelled", "failed"])
async def test_a_server_that_fails_tells_its_handlers(how: str, autojump_clock: MockClock) -> None:
    """Why they are cancelled, whichever way it ends."""
    reasons: list[str | None] = []
    app = ending_app(reasons)

    async def fail() -> None:
        await trio.sleep(3)
        raise ValueError("on purpose")

    @app.lifespan
    async def lifespan(app: Hump) -> AsyncIterator[None]:
        async with trio.open_nursery() as nursery:
            if how == "failed":
                nursery.start_soon(fail)
            yield
            nursery.cancel_scope.cancel()

    async def serve(task_status: trio.TaskStatus[tuple[str, ...]]) -> None:
        try:
            await app.serve(listeners=[listener], task_status=task_status)
        except* ValueError:
            assert how == "failed"

    listener = MemoryListener()
    async with trio.open_nursery() as nursery:
        await nursery.start(serve)
        peer = Peer(connect_http2(listener, float("inf")))
        await peer.greet()
        await peer.send(*(peer.head(2 * n + 1, path="/forever") for n in range(3)))
        await peer.frames()
        if how == "cancelled":
            nursery.cancel_scope.cancel()
        await trio.sleep(5)
        peer.transport.close()
    assert reasons == ["server-failed"] * 3


async def test_an_idle_connection_gives_way(autojump_clock: MockClock) -> None:
    """To a new one, at once; it is told so before."""
    app = Hump(limits=Limits(connections=2))

    @app.get("/")
    async def index() -> str:
        return "hello"

    async with running(app) as listener:
        peers = [Peer(connect_http2(listener, float("inf"))) for _ in range(2)]
        for peer in peers:
            await peer.greet()
            assert (await peer.ask(1)).text == "hello"
            await trio.sleep(1)
        began = trio.current_time()
        newest = Peer(connect_http2(listener, float("inf")))
        await newest.greet()
        assert (await newest.ask(1)).text == "hello"
        assert trio.current_time() == began
        await trio.sleep(2 * SWEEP_SECONDS)
        await peers[0].frames()
        assert peers[0].goaways == [(1, ErrorCode.NO_ERROR)]
        assert peers[0].state == "ended"
        await peers[1].expect_open()
        for peer in [*peers, newest]:
            peer.transport.close()


async def test_a_connection_whose_handler_waits_gives_no_way(autojump_clock: MockClock) -> None:
    """Neither does one with a spare lane and a handler; the idle one has to go."""
    app = Hump(limits=Limits(connections=2))

    @app.get("/")
    async def index() -> str:
        await trio.sleep(10)
        return "hello"

    async with running(app) as listener:
        busy, idle = (Peer(connect_http2(listener, float("inf"))) for _ in range(2))
        await busy.send(PREFACE, settings(), busy.head(1))
        await trio.sleep(1)
        await idle.send(PREFACE, settings())
        await trio.sleep(5)
        newest = Peer(connect_http2(listener, float("inf")))
        await newest.send(PREFACE, settings(), newest.head(1))
        await trio.sleep(20)
        assert (await newest.answer(1)).text == "hello"
        assert (await busy.answer(1)).text == "hello"
        await idle.frames()
        assert idle.state == "ended"
        for peer in (busy, idle, newest):
            peer.transport.close()
