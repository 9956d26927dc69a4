"""A shutdown: everybody is told, not all at once, and the app ends within its times."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from hump_trio import Hump, Timeouts, WebSocket, WebSocketClosed
from hump_trio.testing import client, connect, websocket
from tests.support.handled import HANDSHAKE, SWEEP_SECONDS, Handled, echo
from tests.support.wire import connect_transport, read_until, request

TIMEOUTS = Timeouts()


async def sleep_open(ws: WebSocket) -> None:
    """Open it, and do nothing."""
    await ws.accept()
    await trio.sleep_forever()


async def test_a_handler_that_iterates_just_ends(autojump_clock: MockClock) -> None:
    """At once, and its client is told to come back later by 1001."""
    handled = Handled(echo)
    async with websocket(handled.app, "/") as ws:
        await ws.send("a")
        assert await ws.receive() == "a"
        handled.app.shutdown()
        await ws.wait_closed()
        assert (ws.close_code, ws.close_reason) == (1001, "going away")
        assert (ws.was_reset, trio.current_time()) == (False, 0)
    assert handled.ends == [(0, "returned", None)]


async def test_a_handler_that_receives_hears_of_it(autojump_clock: MockClock) -> None:
    """By the end of the WebSocket, which the server has closed; it may take its time then."""
    raised = []

    async def wait(ws: WebSocket) -> None:
        try:
            await ws.receive()
        except WebSocketClosed as closed:
            raised.append((closed.code, closed.by, ws.draining))
            await trio.sleep(3)

    handled = Handled(wait)
    async with websocket(handled.app, "/") as ws:
        await trio.sleep(1)
        handled.app.shutdown()
        await ws.wait_closed()
        assert (ws.close_code, trio.current_time()) == (1001, 4)
    assert raised == [(1001, "server", True)]
    assert handled.ends == [(4, "returned", None)]


async def test_a_handler_that_is_busy_sees_it(autojump_clock: MockClock) -> None:
    """It may say more, and is asked to end as any handler is."""

    async def work(ws: WebSocket) -> None:
        assert not ws.draining
        await ws.send("working")
        await ws.wait_draining()
        await trio.sleep(2)
        await ws.send("done")

    handled = Handled(work)
    async with websocket(handled.app, "/") as ws:
        assert await ws.receive() == "working"
        await trio.sleep(1)
        handled.app.shutdown()
        assert await ws.receive() == "done"
        await ws.wait_closed()
        assert (ws.close_code, trio.current_time()) == (1000, 3)


@pytest.mark.parametrize("answers", [True, False])
async def test_a_handler_that_sleeps_is_cut(answers: bool, autojump_clock: MockClock) -> None:
    """When `shutdown` is over; its client has its 1001 even then."""
    handled = Handled(sleep_open)
    async with websocket(handled.app, "/") as ws:
        if not answers:
            ws.ignore_closing()
        await trio.sleep(1)
        handled.app.shutdown()
        await ws.wait_closed()
        assert ws.close_code == 1001
        assert trio.current_time() <= 1 + TIMEOUTS.shutdown + SWEEP_SECONDS
    [(when, how, reason)] = handled.ends
    assert (when, how, reason) == (1 + TIMEOUTS.shutdown, "Cancelled", "shutdown")
    assert trio.current_time() <= 1 + TIMEOUTS.shutdown + TIMEOUTS.cleanup


async def test_a_reader_that_has_stopped_holds_nobody_up(autojump_clock: MockClock) -> None:
    """It is cut with what it hasn't read."""

    async def send_much(ws: WebSocket) -> None:
        await ws.send(bytes(1024 * 1024))

    handled = Handled(send_much)
    async with websocket(handled.app, "/") as ws:
        ws.pause_reading()
        await trio.sleep(1)
        handled.app.shutdown()
        await trio.sleep(TIMEOUTS.shutdown + TIMEOUTS.cleanup)
        assert handled.ends[0][0] <= 1 + TIMEOUTS.shutdown
    assert trio.current_time() <= 1 + TIMEOUTS.shutdown + TIMEOUTS.cleanup + SWEEP_SECONDS


async def test_nothing_has_ended_while_the_app_waits_to_be_left_alone(
    autojump_clock: MockClock,
) -> None:
    """Until `shutdown_delay` is over all goes on, and a handshake is answered as ever."""
    handled = Handled(echo, timeouts=Timeouts(shutdown_delay=5))
    async with client(handled.app), websocket(handled.app, "/") as ws:
        handled.app.shutdown()
        await trio.sleep(1)
        await ws.send("still there")
        assert await ws.receive() == "still there"
        async with websocket(handled.app, "/") as late:
            await late.send("served")
            assert await late.receive() == "served"
        await ws.wait_closed()
        assert (ws.close_code, trio.current_time()) == (1001, 5)
    assert [how for _, how, _ in handled.ends] == ["returned"] * 2


@pytest.mark.http1_only("keeps a connection of its own")
async def test_a_handshake_comes_at_the_last_moment(autojump_clock: MockClock) -> None:
    """On a connection that was open before, it is answered, and told at once."""
    handled = Handled(echo)
    async with client(handled.app), connect(handled.app) as raw:
        await raw.send(request("GET", "/none"))
        await raw.receive()
        handled.app.shutdown()
        await raw.send(HANDSHAKE)
        data = await read_until(raw, b"\x88\x0c\x03\xe9going away")
        assert data.startswith(b"HTTP/1.1 101 ")
        assert trio.current_time() <= SWEEP_SECONDS


async def shut_down_many(handled: Handled, count: int) -> list[tuple[float, int | None]]:
    """Return when each of many clients is told of the end after a shutdown, and how.

    One of ten has a handler that sleeps, and another one of ten never answers a closing frame.
    """
    told: list[tuple[float, int | None]] = []
    began = 0.0

    async def use(number: int) -> None:
        async with websocket(handled.app, "/", timeout=None) as ws:
            if number % 10 == 0:
                ws.ignore_closing()
            await ws.send("sleep" if number % 10 == 1 else "receive")
            async for _ in ws:
                pass
            told.append((trio.current_time() - began, ws.close_code))

    async with client(handled.app), trio.open_nursery() as nursery:
        for number in range(count):
            nursery.start_soon(use, number)
        await trio.sleep(10)
        began = trio.current_time()
        handled.app.shutdown()
    assert trio.current_time() - began <= TIMEOUTS.shutdown + TIMEOUTS.cleanup
    assert len(told) == len(handled.ends) == count
    return told


async def sleep_or_receive(ws: WebSocket) -> None:
    """Do what the first message says."""
    if await ws.receive() == "sleep":
        await trio.sleep_forever()
    async for _ in ws:
        pass


@pytest.mark.memory_only("has more connections than a process may have sockets")
async def test_many_are_told_one_after_the_other(autojump_clock: MockClock) -> None:
    """More than a thousand over half of `shutdown`, so that they don't all come back at once."""
    told = await shut_down_many(Handled(sleep_or_receive), 1100)
    assert {code for _, code in told} == {1001}
    times = sorted(when for when, _ in told)
    receiving = times[:990]
    span = TIMEOUTS.shutdown / 2
    assert receiving[-1] <= span + SWEEP_SECONDS
    for part in range(1, 5):  # evenly, more or less
        count = sum(when <= span * part / 5 for when in receiving)
        assert abs(count - 990 * part / 5) <= 99
    assert TIMEOUTS.shutdown <= times[990] <= times[-1] <= TIMEOUTS.shutdown + SWEEP_SECONDS


async def test_few_are_told_at_once(autojump_clock: MockClock) -> None:
    """A hundred don't harm anybody."""
    told = await shut_down_many(Handled(sleep_or_receive), 100)
    assert sorted(told)[:90] == [(0, 1001)] * 90
    assert [code for _, code in told] == [1001] * 100


@pytest.mark.http1_only("speaks it by hand")
@pytest.mark.parametrize("doing", ["receives", "sleeps", "says goodbye", "sends", "has returned"])
async def test_the_lifespan_crashes(doing: str, autojump_clock: MockClock) -> None:
    """Each client reads that, unless a message was cut; the app ends at once."""
    crash = trio.Event()
    reasons: list[Any] = []
    app = Hump()

    async def fail() -> None:
        await crash.wait()
        raise ZeroDivisionError

    @app.lifespan
    async def lifespan(app: Hump) -> AsyncIterator[None]:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(fail)
            yield

    @app.websocket("/")
    async def handler(ws: WebSocket) -> None:
        await ws.send("hello")
        try:
            if doing == "receives":
                await ws.receive()
            elif doing == "sends":
                await ws.send(bytes(500_000))
            elif doing != "has returned":
                await trio.sleep_forever()
        except trio.Cancelled:
            reasons.append(ws.request.cancel_reason)
            if doing == "says goodbye":
                with trio.CancelScope(shield=True):
                    await ws.send("bye")
            raise

    data, ending = b"", "end"

    async def talk() -> None:
        nonlocal data, ending
        async with connect_transport(app, 50_000) as transport:
            await transport.send_all(HANDSHAKE)
            await trio.sleep(1)
            crash.set()
            try:
                while part := await transport.receive_some():
                    data += part
            except trio.BrokenResourceError:
                ending = "reset"

    with pytest.raises(BaseExceptionGroup) as raised:
        await talk()
    assert raised.group_contains(ZeroDivisionError)
    assert trio.current_time() == 1
    assert reasons == ([] if doing == "has returned" else ["server-failed"])
    rest = data.partition(b"hello")[2]
    if doing == "sends":
        assert ending == "reset"
    else:
        goodbye = b"\x81\x03bye" if doing == "says goodbye" else b""
        code = 1000 if doing == "has returned" else 1011
        assert (rest, ending) == (goodbye + b"\x88\x02" + code.to_bytes(2, "big"), "end")
