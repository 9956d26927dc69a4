"""How a WebSocket ends: who says what last, what the other side reads, and what time that takes."""

import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from hump_trio import HttpException, Hump, Limits, SecurityHeaders, WebSocket, WebSocketClosed
from hump_trio.testing import Refused, websocket
from tests.support.handled import SWEEP_SECONDS, Handled, echo, outcomes


async def read_to_end(ws: WebSocket) -> None:
    """Receive until the client closes."""
    async for _ in ws:
        pass


# Errors and codes.


async def test_an_error_before_the_first_use_is_an_answer(autojump_clock: MockClock) -> None:
    """With what middleware makes of it, as for any route."""

    async def refuse(ws: WebSocket) -> None:
        raise HttpException(401, "sign in")

    handled = Handled(refuse)
    handled.app.middleware(SecurityHeaders())
    with pytest.raises(Refused) as refused:
        async with websocket(handled.app, "/"):
            raise AssertionError
    response = refused.value.response
    assert (response.status_code, response.text) == (401, "sign in")
    assert response.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("error", "code", "reason", "crashes"),
    [
        (HttpException(401, "sign in"), 1008, "sign in", False),
        (ValueError("secret"), 1011, "", True),
    ],
)
async def test_an_error_after_it_is_a_code(
    error: Exception,
    code: int,
    reason: str,
    crashes: bool,
    caplog: pytest.LogCaptureFixture,
    autojump_clock: MockClock,
) -> None:
    """Only the log is told of a crash."""

    async def fail(ws: WebSocket) -> None:
        await ws.send("first")
        raise error

    caplog.set_level(logging.INFO, "hump_trio.access")
    handled = Handled(fail)
    async with websocket(handled.app, "/") as ws:
        assert [message async for message in ws] == ["first"]
    assert (ws.close_code, ws.close_reason, ws.was_reset) == (code, reason, False)
    errors = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert [record.exc_info is not None for record in errors] == [True] * crashes
    assert outcomes(caplog) == ["crash" if crashes else "ok"]


async def close_twice(ws: WebSocket) -> None:
    """Close before anything else, and again."""
    await ws.close(4401, "sign in")
    await ws.close(4402, "again")


async def return_at_once(ws: WebSocket) -> None:
    """Do nothing."""


async def send_once(ws: WebSocket) -> None:
    """Send one message."""
    await ws.send("x")


@pytest.mark.parametrize(
    ("handler", "code", "reason"),
    [(close_twice, 4401, "sign in"), (return_at_once, 1000, ""), (send_once, 1000, "")],
)
async def test_a_browser_can_read_the_code(
    handler: Callable[[WebSocket], Awaitable[None]],
    code: int,
    reason: str,
    autojump_clock: MockClock,
) -> None:
    """A WebSocket that was used for nothing is opened first; a second close says nothing."""
    handled = Handled(handler)
    async with websocket(handled.app, "/") as ws:
        await ws.wait_closed()
        assert (ws.close_code, ws.close_reason, ws.was_reset) == (code, reason, False)
        assert trio.current_time() == 0


# The client closes.


@pytest.mark.parametrize("code", [None, 1000, 1001, 3000, 4999])
async def test_a_close_is_answered_with_its_code(
    code: int | None, autojump_clock: MockClock
) -> None:
    """At once, and a handler that iterates just ends."""
    handled = Handled(read_to_end)
    async with websocket(handled.app, "/") as ws:
        await ws.close(code, "" if code is None else "bye")
    assert ws.close_code == (code or 1000)
    assert (ws.was_reset, handled.ends) == (False, [(0, "returned", None)])


@pytest.mark.parametrize(
    ("seconds", "end"), [(3, (3, "returned", None)), (6, (5, "Cancelled", "client-gone"))]
)
async def test_what_was_sent_before_a_close_is_handled(
    seconds: float, end: tuple[float, str, str | None], autojump_clock: MockClock
) -> None:
    """The handler has five seconds for it; the client has its answer at once."""
    received = []

    async def work(ws: WebSocket) -> None:
        received.append(await ws.receive())
        await trio.sleep(seconds)

    handled = Handled(work)
    async with websocket(handled.app, "/") as ws, trio.open_nursery() as nursery:
        await ws.send("last")
        nursery.start_soon(ws.close)
        await wait_all_tasks_blocked()
        assert (ws.close_code, trio.current_time()) == (1000, 0)
    assert received == ["last"]
    [(when, *how)] = handled.ends
    assert end[0] <= when <= end[0] + SWEEP_SECONDS
    assert tuple(how) == end[1:]
    assert ws.was_reset is False


@pytest.mark.parametrize("seconds", [0, 0.1, 2])
async def test_a_route_says_how_long_its_handlers_have(
    seconds: float, autojump_clock: MockClock
) -> None:
    """By `on_disconnect`."""
    handled = Handled(lambda ws: sleep_open(ws), on_disconnect=seconds or "cancel")
    async with websocket(handled.app, "/") as ws:
        await wait_all_tasks_blocked()
        await ws.close()
    [(when, how, reason)] = handled.ends
    assert seconds <= when <= seconds + SWEEP_SECONDS
    assert (how, reason) == ("Cancelled", "client-gone")


async def sleep_open(ws: WebSocket) -> None:
    """Open it, and do nothing."""
    await ws.accept()
    await trio.sleep_forever()


async def test_a_handler_may_finish(autojump_clock: MockClock) -> None:
    """If its route says so, it is never cancelled for its client's sake."""

    async def work(ws: WebSocket) -> None:
        await ws.accept()
        await trio.sleep(1000)

    handled = Handled(work, on_disconnect="finish")
    async with websocket(handled.app, "/") as ws:
        ws.reset()
        await trio.sleep(1001)
    assert handled.ends == [(1000, "returned", None)]


async def test_whoever_only_sends_hears_of_a_close(
    caplog: pytest.LogCaptureFixture, autojump_clock: MockClock
) -> None:
    """The next send raises; that is an end of the handler, and no crash."""
    caplog.set_level(logging.INFO, "hump_trio")

    async def tick(ws: WebSocket) -> None:
        while True:
            await ws.send("tick")
            await trio.sleep(1)

    handled = Handled(tick)
    async with websocket(handled.app, "/") as ws:
        await trio.sleep(2.5)
        await ws.close(1001)
        assert [message async for message in ws] == ["tick"] * 3
    assert handled.ends == [(3, "WebSocketClosed", None)]
    assert ws.close_code == 1001
    assert outcomes(caplog) == ["client-gone"]
    assert not [record for record in caplog.records if record.levelno > logging.INFO]


# The client vanishes.


@pytest.mark.parametrize("leave", ["reset", "half_close"])
async def test_a_client_that_vanishes_is_noticed_by_a_handler_that_sleeps(
    leave: str, autojump_clock: MockClock
) -> None:
    """At the next look; then it has the same five seconds."""
    handled = Handled(sleep_open)
    async with websocket(handled.app, "/") as ws:
        await trio.sleep(1.1)
        if leave == "reset":
            ws.reset()
        else:
            await ws.half_close()
        await trio.sleep(10)
    [(when, how, reason)] = handled.ends
    assert 1.1 + 5 <= when <= 1.1 + 5 + 2 * SWEEP_SECONDS
    assert (how, reason) == ("Cancelled", "client-gone")


@pytest.mark.parametrize("leave", ["reset", "half_close"])
async def test_a_client_that_vanishes_is_noticed_by_a_handler_that_receives(
    leave: str, autojump_clock: MockClock
) -> None:
    """After what it sent before; iterating doesn't take it for an orderly end."""
    received = []
    raised = []

    async def collect(ws: WebSocket) -> None:
        try:
            async for message in ws:
                received.append(message)  # noqa: PERF401
        except WebSocketClosed as closed:
            raised.append((closed.code, closed.by, ws.close_code, trio.current_time()))
            raise

    handled = Handled(collect)
    async with websocket(handled.app, "/") as ws:
        await ws.send("a")
        await ws.send("b")
        await wait_all_tasks_blocked()
        if leave == "reset":
            ws.reset()
        else:
            await ws.half_close()
        await trio.sleep(1)
    assert received == ["a", "b"]
    assert [each[:3] for each in raised] == [(1006, "lost", 1006)]
    assert raised[0][3] <= SWEEP_SECONDS
    assert handled.ends[0][1:] == ("WebSocketClosed", None)


async def test_a_handler_that_may_finish_hears_that_its_client_has_vanished(
    autojump_clock: MockClock,
) -> None:
    """An iteration doesn't end as if the client had closed; what follows it isn't done then."""

    async def collect(ws: WebSocket) -> None:
        async for _ in ws:
            pass
        raise AssertionError

    handled = Handled(collect, on_disconnect="finish")
    async with websocket(handled.app, "/") as ws:
        await ws.send("a")
        await trio.sleep(1)
        ws.reset()
        await trio.sleep(1)
    assert [how for _, how, _ in handled.ends] == ["WebSocketClosed"]


# The app closes, and the client doesn't play along.


async def test_a_close_that_is_never_answered(autojump_clock: MockClock) -> None:
    """The connection ends five seconds later."""
    handled = Handled(return_at_once)
    async with websocket(handled.app, "/") as ws:
        ws.ignore_closing()
        await ws.wait_closed()
        assert ws.close_code == 1000
        assert 5 <= trio.current_time() <= 5 + SWEEP_SECONDS
    assert handled.ends == [(0, "returned", None)]


async def test_a_close_that_is_answered_without_an_end(
    caplog: pytest.LogCaptureFixture, autojump_clock: MockClock
) -> None:
    """The app ends its direction at once, and the connection within five seconds."""
    caplog.set_level(logging.INFO, "hump_trio.access")
    handled = Handled(return_at_once)
    async with websocket(handled.app, "/") as ws:
        ws.ignore_closing()
        await wait_all_tasks_blocked()
        await ws.send_frame(0x88, b"\x03\xe8")
        await ws.wait_closed()
        assert (trio.current_time(), ws.close_code, ws.was_reset) == (0, 1000, False)
        await trio.sleep(5 + SWEEP_SECONDS)
        with suppress(trio.BrokenResourceError):
            await ws.send_raw(b"x")  # over TCP, what is answered by a reset
        await trio.sleep(1)
        with pytest.raises(trio.BrokenResourceError):
            await ws.send_raw(b"x")
    assert outcomes(caplog) == ["ok"]


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        (b"\x03", 1002),
        (b"\x03\xed", 1002),  # 1005
        (b"\x03\xee", 1002),  # 1006
        (b"\x03\xec", 1002),  # 1004
        (b"\x03\xe7", 1002),  # 999
        (b"\x07\xd0", 1002),  # 2000
        (b"\x13\x88", 1002),  # 5000
        (b"\x03\xe8\xff", 1007),
        (b"\x03\xe8\xed\xa0\x80", 1007),
        (b"\x03\xe8\xc3", 1007),
    ],
)
async def test_a_close_that_is_none(payload: bytes, code: int, autojump_clock: MockClock) -> None:
    """Is answered with the fault (RFC 6455 section 7.4), and the connection ends."""
    handled = Handled(read_to_end)
    async with websocket(handled.app, "/") as ws:
        await ws.send_frame(0x88, payload)
        await ws.wait_closed()
        assert (ws.close_code, trio.current_time()) == (code, 0)


async def test_half_a_close(autojump_clock: MockClock) -> None:
    """Is a frame that has begun, and isn't waited for longer than others."""
    handled = Handled(read_to_end)
    async with websocket(handled.app, "/") as ws:
        await ws.send_raw(b"\x88\x82\0\0\0\0\x03")
        await ws.wait_closed()
        assert ws.close_code == 1008
        assert 5 <= trio.current_time() <= 5 + 2 * SWEEP_SECONDS


async def test_nothing_behind_a_close_is_read(autojump_clock: MockClock) -> None:
    """Not even what would be wrong (RFC 6455 section 5.5.1)."""
    handled = Handled(echo)
    async with websocket(handled.app, "/") as ws:
        await ws.send_raw(
            b"\x81\x81\0\0\0\0a" + b"\x88\x82\0\0\0\0\x0f\xa0" + b"\x81\x81\0\0\0\0b" + b"\xff"
        )
        assert [message async for message in ws] == ["a"]
        await ws.wait_closed()
        assert (ws.close_code, ws.was_reset) == (4000, False)


async def test_a_client_that_is_refused_while_it_sends_reads_why(
    autojump_clock: MockClock,
) -> None:
    """What it still sends is read away: a reset would destroy the closing frame on its way."""
    app = Hump(limits=Limits(buffered_bytes=200_000))

    @app.websocket("/")
    async def take(ws: WebSocket) -> None:
        await ws.receive()

    async with websocket(app, "/") as first, websocket(app, "/") as second:
        for ws in (first, second):
            head = b"\x81\xff" + (1_000_000).to_bytes(8, "big") + bytes(4)
            await ws.send_raw(head + b"a" * 150_000)
        await second.wait_closed()
        assert (second.close_code, second.was_reset) == (1013, False)
        assert first.close_code is None
