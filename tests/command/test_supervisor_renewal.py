"""Workers that are replaced: at SIGHUP one by one, and when files change."""

import logging
import signal
from collections.abc import Callable
from functools import partial
from math import inf

import pytest
import trio
from trio.testing import MockClock

from tests.command.fake_process import (
    FakeProcess,
    crash_ready,
    fail,
    import_for_ever,
    serve,
    supervising,
)


async def test_workers_are_replaced_one_by_one(autojump_clock: MockClock) -> None:
    """Never fewer than all serve, and never more than one too many."""
    async with supervising(3) as rig:
        await trio.sleep(1)
        rig.send(signal.SIGHUP)
        seen = set()
        while rig.alive != [4, 5, 6]:
            await trio.sleep(0.05)
            seen.add(len(rig.alive))
        assert seen == {3, 4}
        rig.send(signal.SIGTERM)


async def test_only_the_end_of_the_service_is_delayed(autojump_clock: MockClock) -> None:
    """A worker that is replaced would call a service not ready whose other workers are."""
    async with supervising(2) as rig:
        await trio.sleep(1)
        rig.send(signal.SIGHUP)
        await trio.sleep(10)
        assert rig.alive == [3, 4]
        rig.send(signal.SIGTERM)
    asked = [each.drained for each in rig.processes]
    assert [each and (each["kind"], each["delayed"]) for each in asked] == [
        ("drain", False),
        ("drain", False),
        ("drain", True),
        ("drain", True),
    ]


async def test_replacements_are_joined(autojump_clock: MockClock) -> None:
    """However often it is asked for during one round, one more follows."""
    async with supervising(1) as rig:
        await trio.sleep(1)
        rig.send(signal.SIGHUP)
        await trio.sleep(0.1)
        for _ in range(3):
            rig.send(signal.SIGHUP)
        await trio.sleep(10)
        assert rig.alive == [3]
        rig.send(signal.SIGTERM)


async def test_a_replacement_that_fails(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """The old workers stay."""
    async with supervising(2, serve, serve, fail) as rig:
        await trio.sleep(1)
        rig.send(signal.SIGHUP)
        await trio.sleep(10)
        assert rig.alive == [1, 2]
        rig.send(signal.SIGTERM)
    assert "worker 3 can't start, so the others stay" in caplog.text


async def test_the_end_comes_during_a_replacement(autojump_clock: MockClock) -> None:
    """The new one is ended with the old one."""
    async with supervising(2, serve, serve, import_for_ever) as rig:
        await trio.sleep(1)
        rig.send(signal.SIGHUP)
        await trio.sleep(1)
        rig.send(signal.SIGTERM)
    assert len(rig.processes) == 3
    assert rig.status == 0


async def test_the_old_one_crashes_during_a_replacement(autojump_clock: MockClock) -> None:
    """Each slot has one worker in the end."""

    async def start_slowly(process: FakeProcess) -> None:
        await trio.sleep(5)
        await serve(process)

    async with supervising(1, crash_ready, start_slowly) as rig:
        await trio.sleep(1)
        rig.send(signal.SIGHUP)
        await trio.sleep(3)
        assert rig.alive == [2, 3]
        await trio.sleep(10)
        assert rig.alive == [2]
        rig.send(signal.SIGTERM)


async def test_a_replacement_during_a_wait(autojump_clock: MockClock) -> None:
    """A slot whose worker has crashed is taken once."""
    async with supervising(1, crash_ready) as rig:
        await trio.sleep(2.05)
        rig.send(signal.SIGHUP)
        await trio.sleep(10)
        assert rig.alive == [2]
        rig.send(signal.SIGTERM)


class Changes:
    """Files that change when a test says so."""

    def __init__(self) -> None:
        self._changed: Callable[[list[str]], None] = print

    async def watch(self, changed: Callable[[list[str]], None]) -> None:
        """Wait for ever."""
        self._changed = changed
        await trio.sleep_forever()

    def change(self) -> None:
        """Change a file."""
        self._changed(["a.py"])


async def test_files_change(autojump_clock: MockClock, caplog: pytest.LogCaptureFixture) -> None:
    """The worker is ended within a second, and then another starts."""
    caplog.set_level(logging.INFO)
    changes = Changes()
    async with supervising(1, partial(serve, drain_seconds=inf), watch=changes.watch) as rig:
        await trio.sleep(1)
        changes.change()
        await trio.sleep(1.5)
        assert rig.alive == [2]
        rig.send(signal.SIGTERM)
    assert "changed: a.py" in caplog.text


async def test_a_change_that_breaks_the_program(autojump_clock: MockClock) -> None:
    """What can't start is waited out, also at first, until the next change."""
    changes = Changes()
    async with supervising(1, fail, fail, watch=changes.watch) as rig:
        for alive in ([], [], [3]):
            await trio.sleep(100)
            assert rig.alive == alive
            changes.change()
        await trio.sleep(100)
        rig.send(signal.SIGTERM)


async def test_the_end_comes_during_a_restart(autojump_clock: MockClock) -> None:
    """Nothing starts any more."""
    changes = Changes()
    async with supervising(1, partial(serve, drain_seconds=inf), watch=changes.watch) as rig:
        await trio.sleep(1)
        changes.change()
        await trio.sleep(0.5)
        rig.send(signal.SIGTERM)
    assert len(rig.processes) == 1
