"""The time of one stream: what is late is ended alone, and its neighbours go on."""

import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from hump_trio import Hump, Request, Timeouts
from hump_trio.http2.failures import ErrorCode
from tests.support.frames import PING, data, frame, ping, settings, speak, window_update

SWEEP_SECONDS = 0.25


def timed_app(**timeouts: Any) -> Hump:
    """Return an app whose handlers take their time."""
    app = Hump(timeouts=Timeouts(**timeouts))

    @app.get("/late", timeout=1)
    async def late() -> None:
        await trio.sleep_forever()

    @app.get("/nap")
    async def nap() -> str:
        await trio.sleep(2)
        return "rested"

    @app.get("/forever")
    async def forever() -> None:
        await trio.sleep_forever()

    @app.get("/")
    async def index() -> str:
        return "hello"

    @app.get("/half", timeout=1)
    async def half() -> AsyncIterator[str]:
        yield "a half"
        await trio.sleep_forever()

    @app.post("/")
    async def post(request: Request) -> str:
        return str(len(request.body))

    @app.get("/large")
    async def large() -> bytes:
        return bytes(100_000)

    @app.get("/ticks", timeout=None)
    async def ticks() -> AsyncIterator[str]:
        for _ in range(3):
            yield "tick"
            await trio.sleep(10)

    return app


async def test_a_late_handler_is_answered_alone(autojump_clock: MockClock) -> None:
    """With 503 on its stream, exactly then; what runs beside it is answered when it is ready."""
    async with speak(timed_app()) as peer:
        await peer.send(peer.head(1, path="/late"), peer.head(3, path="/nap"))
        await trio.sleep(0.99)
        assert (await peer.answer(1)).status == 0
        await trio.sleep(0.02)
        assert (await peer.answer(1)).status == 503
        assert peer.answers[1].ended
        await trio.sleep(1)
        assert (await peer.answer(3)).text == "rested"
        await peer.expect_open()


@pytest.mark.parametrize("beside", [0, 3])
async def test_a_handler_without_a_time_of_its_own_has_that_of_all(
    beside: int, autojump_clock: MockClock
) -> None:
    """Whether its head was read alone, or together with others."""
    async with speak(timed_app(handler=5)) as peer:
        ids = range(1, 2 * beside + 2, 2)
        await peer.send(*(peer.head(stream_id, path="/forever") for stream_id in ids))
        await trio.sleep(4.9)
        await peer.frames()
        assert {peer.answers[stream_id].status for stream_id in ids} == {0}
        await trio.sleep(0.2)
        await peer.frames()
        assert {peer.answers[stream_id].status for stream_id in ids} == {503}
        assert (await peer.ask(2 * beside + 3)).text == "hello"


async def test_a_late_answer_is_never_ended(autojump_clock: MockClock) -> None:
    """Its stream is reset, so that a half doesn't look whole."""
    async with speak(timed_app()) as peer:
        await peer.send(peer.head(1, path="/half"), peer.head(3, path="/nap"))
        await trio.sleep(1.5)
        answer = await peer.answer(1)
        assert (answer.status, answer.text, answer.ended) == (200, "a half", False)
        assert answer.reset == ErrorCode.CANCEL
        await trio.sleep(1)
        assert (await peer.answer(3)).text == "rested"


async def test_a_body_that_stalls_is_answered(autojump_clock: MockClock) -> None:
    """With 408 after 5 seconds, and nobody wants the rest of it; the connection goes on."""
    async with speak(timed_app()) as peer:
        await peer.send(peer.head(1, method="POST", end=False), data(1, b"abc"))
        await trio.sleep(4.9)
        assert (await peer.answer(1)).status == 0
        await trio.sleep(0.2 + SWEEP_SECONDS)
        answer = await peer.answer(1)
        assert (answer.status, answer.ended) == (408, True)
        assert answer.reset == ErrorCode.NO_ERROR
        await peer.send(data(1, b"late", end=True))
        assert (await peer.ask(3)).text == "hello"


async def test_a_body_that_dribbles_comes_through(autojump_clock: MockClock) -> None:
    """At the least rate, however long it takes."""
    async with speak(timed_app()) as peer:
        await peer.send(peer.head(1, method="POST", end=False))
        for _ in range(60):
            await peer.send(data(1, bytes(240)))
            await trio.sleep(1)
        await peer.send(data(1, end=True))
        assert (await peer.answer(1)).text == str(60 * 240)


async def test_a_reader_that_takes_nothing_loses_its_stream(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """After `Timeouts.send_grace`; the other streams of its connection go on."""
    caplog.set_level(logging.INFO)
    async with speak(timed_app(), initial_window_size=0) as peer:
        await peer.send(peer.head(1, path="/large"))
        await trio.sleep(59)
        for stream_id in range(3, 21, 2):
            await peer.send(peer.head(stream_id), window_update(stream_id, 100))
            assert (await peer.answer(stream_id)).text == "hello"
        assert peer.answers[1].reset is None
        await trio.sleep(1 + 2 * SWEEP_SECONDS)
        await peer.expect_reset(1, ErrorCode.CANCEL)
        await peer.send(peer.head(21), window_update(21, 100))
        assert (await peer.answer(21)).text == "hello"
    assert "GET /large (send), its time has passed" in caplog.text


@pytest.mark.memory_only(
    "a system acknowledges late for virtual time: all of the connection stalls"
)
@pytest.mark.parametrize(("rate", "survives"), [(240, True), (100, False)])
@pytest.mark.parametrize("shared", [False, True], ids=["stream", "connection"])
async def test_windows_that_open_slowly(
    rate: int, survives: bool, shared: bool, autojump_clock: MockClock
) -> None:
    """By less than the least rate: the stream is reset, whichever window it waits for."""
    window_bytes = 2**20 if shared else 0
    async with speak(timed_app(), initial_window_size=window_bytes) as peer:
        await peer.send(peer.head(1, path="/large"))
        for _ in range(150):
            await peer.send(window_update(0 if shared else 1, rate))
            await trio.sleep(1)
            await peer.frames()
            if peer.answers[1].reset is not None:
                break
        assert (peer.answers[1].reset is None) == survives
        assert peer.state == "open"


@pytest.mark.parametrize(
    "shared",
    [
        pytest.param(False, marks=pytest.mark.memory_only("a system acknowledges in lumps")),
        pytest.param(True),
    ],
    ids=["transport", "window"],
)
async def test_waiting_for_what_is_more_urgent_is_no_stall(
    shared: bool, autojump_clock: MockClock
) -> None:
    """However long that takes, and whatever it takes it from: bandwidth, or the window of all."""
    window_bytes = float("inf") if shared else 1000
    app = timed_app()
    async with speak(app, window_bytes=window_bytes, initial_window_size=2**20) as peer:
        if not shared:
            await peer.send(window_update(0, 2**30))
        await peer.send(
            *(peer.head(n, ("priority", "u=1"), path="/large") for n in range(1, 7, 2)),
            peer.head(7, ("priority", "u=5"), path="/large"),
        )
        for _ in range(100):
            await trio.sleep(1)
            if shared:
                await peer.send(window_update(0, 1000))
                await peer.frames()
            else:
                peer.transport.receive_nowait(1000)
        assert app.statistics().outcomes["stalled"] == 0
        assert [each.phase for each in app.statistics().requests].count("send") >= 2


async def test_a_transport_that_takes_nothing_is_reset(autojump_clock: MockClock) -> None:
    """After `Timeouts.send_grace`, with all of its streams: no frame can be sent any more."""
    async with speak(timed_app(), window_bytes=0, greeted=False) as peer:
        await peer.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", settings(initial_window_size=2**20))
        await peer.send(settings(), window_update(0, 2**20))
        await peer.send(*(peer.head(n, path="/large") for n in range(1, 20, 2)))
        await trio.sleep(59)
        assert peer.transport.peer_state() == "open"
        for _ in range(180):  # a system may have taken more meanwhile, and more than once
            if peer.transport.peer_state() == "open":
                await trio.sleep(1)
        assert peer.transport.peer_state() == "reset"


@pytest.mark.parametrize("seconds", [50, 61, 70])
async def test_silence_between_requests_takes_nothing_from_the_next(
    seconds: float, autojump_clock: MockClock
) -> None:
    """An answer that isn't acknowledged at once has all of its time."""
    async with speak(timed_app(), initial_window_size=2**20) as peer:
        await peer.send(peer.head(1, path="/nap"))
        await trio.sleep(3)
        assert (await peer.answer(1)).text == "rested"
        await trio.sleep(seconds)
        peer.transport.set_window(0)
        await peer.send(peer.head(3, path="/nap"))
        await trio.sleep(20)
        assert peer.transport.peer_state() == "open"
        peer.transport.set_window(float("inf"))
        assert (await peer.answer(3)).text == "rested"


@pytest.mark.parametrize("pieces", [1, 2, 3])
async def test_an_idle_connection_is_ended(pieces: int, autojump_clock: MockClock) -> None:
    """After `Timeouts.keep_alive`, in order; PINGs don't help, in one piece or in several."""
    async with speak(timed_app()) as peer:
        assert (await peer.ask(1)).text == "hello"
        started = trio.current_time()
        whole = ping()
        step = -(-len(whole) // pieces)
        while peer.state == "open":
            assert trio.current_time() - started < 80
            for begin in range(0, len(whole), step):
                await peer.send(whole[begin : begin + step])
                await trio.sleep(1)
                await peer.frames()
        assert trio.current_time() - started >= 75
        assert [code for _, code in peer.goaways] == [ErrorCode.NO_ERROR]


async def test_a_request_in_a_read_with_half_a_ping_counts(autojump_clock: MockClock) -> None:
    """A connection isn't idle that is asked something every minute, however that is cut."""
    async with speak(timed_app()) as peer:
        rest = b""
        for stream_id in range(1, 21, 2):
            await peer.send(rest + peer.head(stream_id) + ping()[:4])
            assert (await peer.answer(stream_id)).text == "hello"
            await trio.sleep(1)
            await peer.send(ping()[4:])
            rest = b""
            await trio.sleep(49)
        await peer.expect_open()


@pytest.mark.parametrize("begun", [b"", b"\0\0\x04", frame(PING)[:5]])
async def test_a_connection_whose_handler_waits_is_not_idle(
    begun: bytes, autojump_clock: MockClock
) -> None:
    """However long that takes."""
    app = Hump()

    @app.get("/", timeout=None)
    async def index() -> str:
        await trio.sleep(300)
        return "at last"

    async with speak(app) as peer:
        await peer.send(peer.head(1), begun)
        await trio.sleep(1)
        assert dict(app.statistics().connections) == {"streams": 1}
        await trio.sleep(300)
        assert (await peer.answer(1)).text == "at last"
        assert peer.state == "open"


async def test_a_slow_reader_is_idle_once_it_has_all(autojump_clock: MockClock) -> None:
    """What was unsent is forgotten when it is out, and the connection's silence counts."""
    async with speak(timed_app(), initial_window_size=2**20) as peer:
        await peer.send(window_update(0, 2**20))
        peer.transport.set_window(0)
        await peer.send(peer.head(1, path="/large"))
        await trio.sleep(10)
        peer.transport.set_window(float("inf"))
        for _ in range(10):
            await trio.sleep(0.1)
            await peer.frames()
        assert len(peer.answers[1].body) == 100_000
        await trio.sleep(76)
        await peer.frames()
        assert peer.state == "ended"
