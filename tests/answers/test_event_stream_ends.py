"""`EventStream`: how events end, with their client, their server or by themselves."""

import math
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from hump_trio import EventStream, Hump
from hump_trio.testing import RawConnection, connect
from tests.support import wire
from tests.support.events import app_of, ask
from tests.support.wire import parse_answers, read_to_end, read_to_reset, request


class Watched:
    """Events without end that note what happens to them."""

    def __init__(self, pause: float = 1, *, clean_up: float = 0, data: str = "a") -> None:
        self.pause = pause
        self.clean_up = clean_up
        self.data = data
        self.tasks: set[object] = set()
        self.closed: list[tuple[str, float]] = []

    async def __aiter__(self) -> AsyncIterator[str]:
        self.tasks.add(trio.lowlevel.current_task())
        try:
            while True:
                yield self.data
                await trio.sleep(self.pause)
        finally:
            self.tasks.add(trio.lowlevel.current_task())
            await trio.sleep(self.clean_up)
            self.closed.append(("iterator", trio.current_time()))

    async def aclose(self) -> None:
        """Note it; a checkpoint, as that of a channel is."""
        self.closed.append(("events", trio.current_time()))
        await trio.lowlevel.checkpoint()


async def test_they_run_in_their_handlers_task(autojump_clock: MockClock) -> None:
    """Beside the comments' task, and are closed there."""
    events = Watched()
    app = Hump()

    @app.get("/")
    async def index() -> EventStream:
        events.tasks.add(trio.lowlevel.current_task())
        return EventStream(events, keep_alive=0.1)

    async with connect(app) as raw:
        await raw.send(request())
        await trio.sleep(3.5)
        raw.reset()
        await trio.sleep(1)
    assert len(events.tasks) == 1
    assert events.closed


@pytest.mark.parametrize("pause", [0, 0.1, 1000])
async def test_they_are_closed_when_the_client_has_gone(
    pause: float, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Stuck in a part, between two, or never waiting at all."""
    events = Watched(pause, data="x" * 30_000)
    async with connect(app_of(lambda: events)) as raw:
        raw.pause_reading()
        await raw.send(request())
        await trio.sleep(10)
        raw.reset()
        await trio.sleep(2)
        assert [name for name, _ in events.closed][-1] == "events"
        assert events.closed[-1][1] == pytest.approx(10, abs=0.5)
    assert "ERROR" not in caplog.text


@pytest.mark.parametrize(("clean_up", "moments"), [(3, [13, 13]), (60, [15])])
async def test_closing_has_its_time(
    clean_up: float,
    moments: list[float],
    autojump_clock: MockClock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """As any generator that stands at a part when its client goes: `Timeouts.cleanup` seconds."""
    events = Watched(0, clean_up=clean_up, data="x" * 30_000)
    async with connect(app_of(lambda: events)) as raw:
        raw.pause_reading()
        await raw.send(request())
        await trio.sleep(10)
        raw.reset()
        await trio.sleep(70)
    assert [moment for _, moment in events.closed] == pytest.approx(moments, abs=0.5)
    assert ("took too long" in caplog.text) == (clean_up > 5)


@pytest.mark.parametrize("window_bytes", [math.inf, 10])
async def test_a_shutdown_ends_them_well(
    window_bytes: float, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """The answer is whole, without the ten seconds that requests have; nothing is in the log."""
    events = Watched(1000)
    app = app_of(lambda: events)
    async with wire.connect_transport(app, window_bytes) as transport:
        await transport.send_all(request())
        await trio.sleep(5)
        app.shutdown()
        [answer] = parse_answers(await read_to_end(RawConnection(transport)))
        assert trio.current_time() == pytest.approx(5, abs=0.5)
    assert (answer.text, answer.whole) == ("data: a\n\n", True)
    assert [name for name, _ in events.closed] == ["events"]
    assert "ERROR" not in caplog.text


async def test_a_shutdown_waits_for_what_is_being_sent(autojump_clock: MockClock) -> None:
    """An event that a slow client is reading goes out to its end."""
    events = Watched(0, data="x" * 500_000)
    app = app_of(lambda: events)
    async with wire.connect_transport(app, 10) as transport:
        await transport.send_all(request())
        await trio.sleep(1)
        app.shutdown()
        await trio.sleep(1)
        [answer] = parse_answers(await read_to_end(RawConnection(transport)))
    assert answer.whole
    assert set(answer.text.split("\n\n")) == {f"data: {events.data}", ""}
    assert [name for name, _ in events.closed] == ["iterator", "events"]


async def test_events_that_swallow_their_end(autojump_clock: MockClock) -> None:
    """What they still have to say at a shutdown isn't sent, and the answer is whole."""

    async def stubborn() -> AsyncIterator[str]:
        while True:
            with suppress(trio.Cancelled):
                await trio.sleep(1000)
            yield "never"

    app = app_of(stubborn)
    async with connect(app) as raw:
        await raw.send(request())
        await wait_all_tasks_blocked()
        app.shutdown()
        [answer] = parse_answers(await read_to_end(raw))
    assert (answer.body, answer.whole) == (b"", True)


@pytest.mark.parametrize("fails", [False, True])
async def test_a_shutdown_during_the_closing_lets_it_end(
    fails: bool, autojump_clock: MockClock
) -> None:
    """Events that are over, or have failed, may clean up."""
    noted = []

    async def events() -> AsyncIterator[str]:
        yield "a"
        await trio.sleep(1)
        noted.append("over")
        if fails:
            raise LookupError

    class Slow:
        def __aiter__(self) -> AsyncIterator[str]:
            return events()

        async def aclose(self) -> None:
            await trio.sleep(3)
            noted.append("closed")

    app = app_of(Slow)
    async with connect(app) as raw:
        await raw.send(request())
        await trio.sleep(2)
        app.shutdown()
        data = await (read_to_reset(raw) if fails else read_to_end(raw))
    [answer] = parse_answers(data, ended=not fails)
    assert (answer.whole, noted) == (not fails, ["over", "closed"])


async def test_a_shutdown_cuts_a_client_that_stopped_reading(autojump_clock: MockClock) -> None:
    """After `Timeouts.shutdown` seconds, as any answer."""
    events = Watched(0, data="x" * 500_000)
    app = app_of(lambda: events)
    async with wire.connect_transport(app, 10) as transport:
        await transport.send_all(request())
        await trio.sleep(1)
        app.shutdown()
        await trio.sleep(12)
        await read_to_reset(RawConnection(transport))
    assert events.closed[-1][1] == pytest.approx(11, abs=0.5)


@pytest.mark.parametrize("error", [ValueError("no"), None])
async def test_events_that_fail(
    error: Exception | None, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Their error, or data without a JSON form, breaks the answer off, and is logged."""

    async def events() -> AsyncIterator[Any]:
        yield "a"
        if error is not None:
            raise error
        yield b"bytes"

    async with connect(app_of(events)) as raw:
        await raw.send(request())
        [answer] = parse_answers(await read_to_reset(raw), ended=False)
    assert (answer.text, answer.whole) == ("data: a\n\n", False)
    assert ("no" if error else "decode these bytes") in caplog.text


async def test_a_scope_of_their_own_cuts_them_alone(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """One held across an event, and cancelled while that is sent, breaks nothing but the answer."""

    async def events() -> AsyncIterator[str]:
        with trio.move_on_after(1):
            yield "x" * 500_000

    app = app_of(events)
    async with connect(app) as other:
        async with wire.connect_transport(app, 10) as transport:
            await transport.send_all(request())
            await trio.sleep(5)
            await read_to_reset(RawConnection(transport))
        await other.send(request("HEAD", "/", "Connection: close"))
        assert parse_answers(await read_to_end(other), "HEAD")[0].status == 200
    assert "a scope of the events' own cancelled their sending" in caplog.text


async def test_events_may_hold_a_nursery(autojump_clock: MockClock) -> None:
    """Across what they yield: it is left in the task that opened it, however they end."""
    noted = []

    async def events() -> AsyncIterator[str]:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever)
            try:
                yield "a"
                await trio.sleep(1)
                yield "x" * 500_000
            finally:
                nursery.cancel_scope.cancel()
                noted.append("left")

    for reset in (False, True):
        app = app_of(events)
        async with wire.connect_transport(app, 300) as transport:
            await transport.send_all(request("GET", "/", "Connection: close"))
            await trio.sleep(5)
            if reset:
                transport.reset()
                await trio.sleep(1)
            else:
                [answer] = parse_answers(await read_to_end(RawConnection(transport)))
                assert answer.whole
    assert noted == ["left", "left"]


async def test_head_closes_what_is_never_begun(autojump_clock: MockClock) -> None:
    """The head alone goes out, and a channel is closed without being asked."""
    events = Watched()
    answer = await ask(app_of(lambda: events), "HEAD")
    assert (answer.headers["content-type"], answer.body) == ("text/event-stream", b"")
    assert [name for name, _ in events.closed] == ["events"]
