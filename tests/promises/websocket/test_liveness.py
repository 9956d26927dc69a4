"""How long a client may be silent or slow, and how the app finds out, to the second."""

import logging
import tracemalloc
from contextlib import suppress

import pytest
import trio
from trio.testing import MockClock

from hump_trio import Timeouts, WebSocket
from hump_trio.testing import websocket
from hump_trio.testing.app_frames import encode_client_frame
from tests.support.handled import SWEEP_SECONDS, Handled, open_transport, outcomes

# The answer to the handshake fits into it.
FIRST_BYTES = 200


async def sleep_open(ws: WebSocket) -> None:
    """Open it, and do nothing."""
    await ws.accept()
    await trio.sleep_forever()


async def read_to_end(ws: WebSocket) -> None:
    """Receive until the client closes."""
    async for _ in ws:
        pass


async def test_pings_are_answered_while_the_handler_sleeps(autojump_clock: MockClock) -> None:
    """At once, and whatever they hold."""
    handled = Handled(sleep_open)
    async with websocket(handled.app, "/") as ws:
        for payload in (b"", b"a", b"\xff" * 125):
            await ws.send_frame(0x89, payload)
            assert await ws.receive_pong() == payload
        assert trio.current_time() == 0


async def test_one_pong_is_owed_at_most(autojump_clock: MockClock) -> None:
    """For the latest of many pings that came at once, if not for each (RFC 6455 section 5.5.3)."""
    handled = Handled(sleep_open)
    async with websocket(handled.app, "/") as ws:
        await ws.send_raw(b"".join(b"\x89\x81\0\0\0\0%c" % number for number in range(100)))
        while await ws.receive_pong() != b"c":
            pass
        assert trio.current_time() == 0


async def test_a_silent_client_is_sent_pings(autojump_clock: MockClock) -> None:
    """After 20 seconds each; one that answers lives on, and its latency is known."""
    latencies = []

    async def watch(ws: WebSocket) -> None:
        await ws.accept()
        latencies.append(ws.latency_seconds)
        await trio.sleep(50)
        latencies.append(ws.latency_seconds)
        await ws.receive()

    handled = Handled(watch)
    async with websocket(handled.app, "/", timeout=None) as ws:
        for number in range(1, 50):
            await ws.receive_ping()
            assert trio.current_time() == 20 * number
        assert not handled.ends
    assert latencies == [None, 0]


async def test_pings_are_in_time_though_answers_may_be_late(autojump_clock: MockClock) -> None:
    """Each silence has a ping, where a client has longer to answer than it may be silent."""
    handled = Handled(read_to_end, timeouts=Timeouts(ping=5, pong=60))
    async with websocket(handled.app, "/", timeout=None) as ws:
        for number in range(1, 5):
            await ws.receive_ping()
            assert trio.current_time() == 5 * number
        ws.ignore_pings()
        await trio.sleep(12)
        await ws.send("here")
        await ws.receive_ping()
        start = trio.current_time()
        await ws.receive_ping()
        assert trio.current_time() - start <= 10
        assert not handled.ends


async def test_an_answer_is_late_but_there(autojump_clock: MockClock) -> None:
    """The next ping comes 20 seconds after it."""
    handled = Handled(read_to_end)
    async with websocket(handled.app, "/") as ws:
        ws.ignore_pings()
        ping = await ws.receive_ping()
        await trio.sleep(19)
        await ws.send_frame(0x8A, ping)
        await ws.receive_ping()
        assert trio.current_time() == 20 + 19 + 20
        await ws.send_frame(0x8A, b"not what was sent")  # it is a sign of life all the same
        await ws.receive_ping()
        assert trio.current_time() == 79


@pytest.mark.parametrize("handler", [sleep_open, read_to_end])
@pytest.mark.parametrize("timeouts", [Timeouts(), Timeouts(ping=7, pong=3)])
async def test_a_client_that_has_vanished_is_given_up(
    handler: object,
    timeouts: Timeouts,
    caplog: pytest.LogCaptureFixture,
    autojump_clock: MockClock,
) -> None:
    """A ping after 20 seconds, and the end after 20 more, exactly: a reset, no closing frame."""
    caplog.set_level(logging.INFO, "hump_trio.access")
    handled = Handled(handler, timeouts=timeouts)  # type: ignore[arg-type]
    async with websocket(handled.app, "/") as ws:
        ws.ignore_pings()
        await ws.receive_ping()
        assert trio.current_time() == timeouts.ping
        await ws.wait_closed()
        assert trio.current_time() == timeouts.ping + timeouts.pong
        assert (ws.close_code, ws.was_reset) == (1006, True)
    [(when, how, reason)] = handled.ends
    assert (when, reason) == (timeouts.ping + timeouts.pong, "client-gone")
    assert how == ("Cancelled" if handler is sleep_open else "WebSocketClosed")
    assert outcomes(caplog) == ["client-gone"]


async def test_whatever_comes_is_a_sign_of_life(autojump_clock: MockClock) -> None:
    """A client that sends messages, and no pong, lives on, and is sent no ping."""
    handled = Handled(read_to_end)
    async with websocket(handled.app, "/", timeout=None) as ws:
        ws.ignore_pings()
        for _ in range(20):
            await trio.sleep(19)
            await ws.send("x")
        await ws.receive_ping()
        assert trio.current_time() == 20 * 19 + 20
        await trio.sleep(19)
        await ws.send("x")
        await ws.receive_ping()
        assert trio.current_time() == 20 * 19 + 20 + 19 + 20


@pytest.mark.memory_only("opens a window by so many bytes")
async def test_what_is_acknowledged_is_a_sign_of_life(autojump_clock: MockClock) -> None:
    """A large message is slow and neither cut nor disturbed, though no pong comes meanwhile."""
    size = 1024 * 1024

    async def send_much(ws: WebSocket) -> None:
        await ws.send(bytes(size))
        await ws.receive()

    handled = Handled(send_much)
    async with open_transport(handled.app, FIRST_BYTES) as transport:
        received = 0
        while received < size + 10:
            transport.set_window(0)
            await trio.sleep(15)
            transport.set_window(16 * 1024)
            received += len(await transport.receive_some())
        assert trio.current_time() > 900
        assert not handled.ends
        transport.set_window(1000)
        read_at = trio.current_time()
        assert (await transport.receive_some())[:1] == b"\x89"
        assert trio.current_time() <= read_at + 20 + SWEEP_SECONDS


@pytest.mark.memory_only("opens a window by so many bytes")
@pytest.mark.parametrize("acked_bytes", [0, 1, 2000])
async def test_a_reader_that_stops_is_cut(
    acked_bytes: int, caplog: pytest.LogCaptureFixture, autojump_clock: MockClock
) -> None:
    """After 60 seconds, or as soon as it is slower than 240 bytes a second: its `finally` runs."""
    caplog.set_level(logging.INFO, "hump_trio.access")
    cleaned = []

    async def send_much(ws: WebSocket) -> None:
        try:
            await ws.send(bytes(1024 * 1024))
        finally:
            cleaned.append(trio.current_time())

    handled = Handled(send_much)
    async with open_transport(handled.app, FIRST_BYTES) as transport:
        window_bytes = FIRST_BYTES
        while not handled.ends:
            await trio.sleep(10)
            window_bytes += acked_bytes
            transport.set_window(window_bytes)
        with pytest.raises(trio.BrokenResourceError):
            await transport.receive_some()
    [(when, how, reason)] = handled.ends
    # Each 10 seconds move the deadline by what their bytes take at the least rate.
    at_least = {0: 60, 1: 60, 2000: 60 + 5 * 2000 / 240}[acked_bytes]
    assert at_least <= when <= (at_least + 1 if acked_bytes < 2 else 400)
    assert cleaned == [when]
    assert (how, reason) == ("WebSocketClosed", "client-gone")
    assert outcomes(caplog) == ["stalled"]
    assert not [record for record in caplog.records if record.levelno > logging.INFO]


async def test_a_stopped_reader_cannot_ping_for_ever(
    caplog: pytest.LogCaptureFixture, autojump_clock: MockClock
) -> None:
    """It is cut as any that reads nothing."""
    caplog.set_level(logging.INFO, "hump_trio.access")
    handled = Handled(sleep_open)
    ping = encode_client_frame(0x89, bytes(125))
    async with websocket(handled.app, "/") as ws:
        ws.pause_reading()
        with suppress(trio.BrokenResourceError):
            while not handled.ends:
                await ws.send_raw(ping * 1000)
                await trio.sleep(1)
    [(when, how, reason)] = handled.ends
    assert 60 <= when <= 70
    assert (how, reason) == ("Cancelled", "client-gone")
    assert outcomes(caplog) == ["stalled"]


@pytest.mark.memory_only("counts what the app and the connection hold")
@pytest.mark.http1_only("a client of HTTP/2 in Python holds some memory itself")
async def test_a_flood_of_pings_takes_no_memory(autojump_clock: MockClock) -> None:
    """Whether its client reads or not, and whether the handler receives or not."""
    ping = encode_client_frame(0x89, bytes(125))
    for handler in (sleep_open, read_to_end):
        handled = Handled(handler)
        async with websocket(handled.app, "/") as ws:
            ws.pause_reading()
            await ws.send_raw(ping * 100)
            tracemalloc.start()
            for _ in range(50):  # 6.5 MB
                await ws.send_raw(ping * 1000)
            _, peak_bytes = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            assert peak_bytes < 1024 * 1024
            ws.reset()
