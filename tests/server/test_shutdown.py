"""The order of a shutdown, driven without a server."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
from trio.testing import MockClock

from hump_trio import Timeouts
from hump_trio.server.connection import Connection
from hump_trio.server.life import Life
from hump_trio.server.shutdown import shut_down
from hump_trio.server.watchdog import SWEEP_SECONDS, Watchdog
from hump_trio.transports.memory import memory_transport_pair
from tests.support.served import served
from tests.support.swept import Channel

TIMEOUTS = Timeouts(shutdown_delay=1, shutdown=2, cleanup=4)
TOTAL_SECONDS = TIMEOUTS.shutdown_delay + TIMEOUTS.shutdown + TIMEOUTS.cleanup


class Served:
    """What a server has to end.

    Attributes:
        connection: One that nobody serves.
        accepting: Encloses accepting.
        done: Whether the shutdown has come to its end.
    """

    def __init__(self) -> None:
        self.state = served(timeouts=TIMEOUTS)
        self.state.advance(Life.SERVING)
        self.watchdog = Watchdog()
        self.connection = Connection(memory_transport_pair()[1], self.state)
        self.watchdog.add(self.connection)
        self.accepting = trio.CancelScope()
        self.done = False
        self.main_task = trio.lowlevel.current_task()

    async def shut_down(
        self, connections: trio.Nursery | None, background: trio.Nursery | None
    ) -> None:
        """Shut down, as a server does."""
        await shut_down(
            self.state,
            self.watchdog,
            self.accepting,
            delay_seconds=TIMEOUTS.shutdown_delay,
            connections=connections,
            background=background,
            main_task=self.main_task,
        )
        self.done = True

    @asynccontextmanager
    async def ending(self) -> AsyncIterator[tuple[trio.Nursery, trio.Nursery]]:
        """Shut down beside the block, which gets the nurseries of connections and background."""
        async with (
            trio.open_nursery() as attendants,
            trio.open_nursery() as background,
            trio.open_nursery() as connections,
        ):
            attendants.start_soon(self.shut_down, connections, background)
            yield connections, background


async def test_everything_has_its_time(autojump_clock: MockClock) -> None:
    """Accepting goes on for the delay, what has begun for the time of the shutdown."""
    served = Served()
    seen: list[object] = []

    async def look(seconds: float) -> None:
        await trio.sleep_until(seconds)
        scope = served.connection.clock.scope
        lives = (served.state.life, served.connection.clock.closing is not None)
        seen.append((*lives, served.accepting.cancel_called, scope.cancel_called))

    async with trio.open_nursery() as onlookers:
        for seconds in (0.9, 1.1, 2.9, 3.1):
            onlookers.start_soon(look, seconds)
        async with served.ending():
            pass
    assert seen == [
        (Life.DRAINING, False, False, False),
        (Life.CLOSING, True, True, False),
        (Life.CLOSING, True, True, False),
        (Life.CLEANUP, True, True, True),
    ]
    assert served.state.cleanup_deadline == 3 + TIMEOUTS.cleanup


async def test_what_overstays_is_cut_and_logged(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Connections and background work, each with the line that it stands at."""
    served = Served()
    async with served.ending() as (connections, background):
        connections.start_soon(trio.sleep_forever)
        background.start_soon(wait_here, name="bookkeeping")
    lines = [each.getMessage() for each in caplog.records if each.levelno == logging.WARNING]
    assert lines[0] == "cut at shutdown: no request (opened)"
    assert lines[1].startswith("cut at shutdown: background work bookkeeping, it stands at ")
    assert lines[1].endswith(" in wait_here")


async def wait_here() -> None:
    """Wait in a line that a log can name."""
    await trio.sleep_forever()


async def stay(seconds: float) -> None:
    """Go on when cancelled."""
    with trio.CancelScope(shield=True):
        await trio.sleep(seconds)


@pytest.mark.parametrize("where", ["connections", "background"])
async def test_what_cannot_be_cancelled_is_named(
    where: str, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Once the time for clean-up is over, and not before."""
    served = Served()
    async with served.ending() as (connections, background):
        {"connections": connections, "background": background}[where].start_soon(stay, 100)
        with trio.CancelScope(shield=True):
            await trio.sleep_until(TOTAL_SECONDS)
        assert "can't be cancelled" not in caplog.text
    assert served.done
    assert "can't be cancelled; it waits in" in caplog.text
    assert "in stay" in caplog.text


async def leave_late(clock: MockClock) -> None:
    """End when cancelled, in some turns of which the first one takes very long."""
    try:
        await trio.sleep_forever()
    finally:
        clock.jump(TOTAL_SECONDS)
        with trio.CancelScope(shield=True):
            for _ in range(5):
                await trio.lowlevel.checkpoint()


async def test_what_a_busy_server_has_still_to_end_is_not_named(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Ten thousand tasks that are cancelled take seconds to end: none of them is stuck."""
    served = Served()
    async with served.ending() as (connections, _):
        connections.start_soon(leave_late, autojump_clock)
    assert served.done
    assert "in leave_late" not in caplog.text


@pytest.mark.parametrize("left", [True, False], ids=["served", "failed at the start"])
async def test_where_nothing_is_left_the_main_task_is_named(
    left: bool, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """It hasn't left the lifespan in its time; that is known even if nothing was ever served."""
    served = Served()
    async with trio.open_nursery() as empty:
        pass
    async with trio.open_nursery() as attendants:
        attendants.start_soon(served.shut_down, empty if left else None, None)
    assert trio.current_time() == TOTAL_SECONDS + SWEEP_SECONDS
    assert "test_where_nothing_is_left_the_main_task_is_named" in caplog.text


async def test_a_websocket_is_told_of_both(autojump_clock: MockClock) -> None:
    """When the server closes, and before its task is cancelled with all others."""
    end = Served()
    channel = Channel()
    end.connection.clock.enter_open(channel)
    async with end.ending():
        await trio.sleep(TIMEOUTS.shutdown_delay + 0.5)
        assert (channel.drained, channel.ended) == ([TIMEOUTS.shutdown_delay], [])
        await trio.sleep(TIMEOUTS.shutdown)
        assert channel.ended == ["shutdown"]
