"""Workers without a sign of life."""

import signal

import pytest
import trio
from trio.testing import MockClock

from tests.command.fake_process import (
    DEADLY,
    FakeProcess,
    fall_silent,
    hello,
    import_for_ever,
    supervising,
)


@pytest.mark.parametrize(
    ("deadly", "signals"),
    [
        (DEADLY, [signal.SIGABRT]),
        ({signal.SIGKILL}, [signal.SIGABRT, signal.SIGKILL]),
    ],
)
async def test_a_worker_that_falls_silent(
    deadly: set[signal.Signals],
    signals: list[signal.Signals],
    autojump_clock: MockClock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Its stacks are printed, then it is killed and replaced."""

    async def stick(process: FakeProcess) -> None:
        process.deadly = deadly
        await fall_silent(process)

    async with supervising(1, stick) as rig:
        await trio.sleep(29)
        assert rig.alive == [1]
        await trio.sleep(5)
        assert rig.alive == [2]
        rig.send(signal.SIGTERM)
    assert rig.processes[0].signals == signals
    assert "worker 1 shows no sign of life and is killed; its stacks:" in caplog.text


async def test_a_late_beat_is_a_beat(autojump_clock: MockClock) -> None:
    """A worker that was slow for less than its time stays."""

    async def dawdle(process: FakeProcess) -> None:
        await hello(process)
        await process.channel.send("ready", addresses=["http://x"])
        for _ in range(10):
            await trio.sleep(29)
            await process.channel.send("beat")
        process.end(0)

    async with supervising(1, dawdle) as rig:
        await trio.sleep(289)
        assert rig.alive == [1]
        rig.send(signal.SIGTERM)


async def test_a_worker_that_imports_for_ever(autojump_clock: MockClock) -> None:
    """It has ten times as long as one that serves."""
    async with supervising(1, import_for_ever) as rig:
        await trio.sleep(299)
        assert rig.alive == [1]
    assert rig.status == 128 + signal.SIGABRT
