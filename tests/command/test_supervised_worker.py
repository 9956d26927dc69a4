"""Workers without a sign of life."""

import signal
from dataclasses import asdict
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from hump_trio.command.control import LINE_BYTES
from hump_trio.facts.settings import Sockets
from tests.command.fake_process import (
    DEADLY,
    FakeProcess,
    descriptors,
    fall_silent,
    hello,
    import_for_ever,
    serve,
    supervising,
)

HELLO: dict[str, Any] = {
    "binds": ["127.0.0.1:0"],
    "options": asdict(Sockets()),
    "delay_seconds": 0,
    "shutdown_seconds": 1,
}


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


ANSWER = {"what": "a", "about": "", "text": "1", "more": False}


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("answer", {}),
        ("answer", {**ANSWER, "text": 7}),
        ("answer", {**ANSWER, "what": []}),
        ("answer", {**ANSWER, "about": {}}),
        ("ready", {}),
        ("ready", {"addresses": 7}),
        ("ready", {"addresses": ["x"], "answers": [[]]}),
        ("hello", {}),
        ("hello", HELLO),
    ],
)
async def test_a_worker_that_sends_what_none_sends(
    kind: str,
    values: dict[str, Any],
    autojump_clock: MockClock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It is killed and replaced: the supervisor and the other workers are no worse for it."""

    async def ramble(process: FakeProcess) -> None:
        await hello(process)
        await process.channel.send("ready", addresses=["http://x"], answers=["a"])
        await trio.sleep(1)
        await process.channel.send(kind, **values)
        await trio.sleep_forever()

    async with supervising(2, ramble) as rig:
        await trio.sleep(3)
        assert rig.alive == [2, 3]
        rig.send(signal.SIGTERM)
    assert (rig.status, rig.error) == (0, None)
    assert rig.processes[0].signals == [signal.SIGKILL]
    assert "worker 1 isn't of the supervisor's version" in caplog.text


@pytest.mark.parametrize(
    "changes",
    [
        {"binds": [7]},
        {"binds": "127.0.0.1:0"},
        {"options": []},
        {"options": {"backlog": -5}},
        {"delay_seconds": -1},
        {"delay_seconds": float("nan")},
        {"shutdown_seconds": 10**400},
        {"shutdown_seconds": []},
    ],
)
async def test_a_worker_that_asks_for_what_none_asks(
    changes: dict[str, Any], autojump_clock: MockClock
) -> None:
    """It is killed, too, and the present one stays."""

    async def ask(process: FakeProcess) -> None:
        await hello(process, **changes)

    async with supervising(1, serve, ask) as rig:
        await trio.sleep(1)
        rig.send(signal.SIGHUP)
        await trio.sleep(10)
        assert rig.alive == [1]
        rig.send(signal.SIGTERM)
    assert (rig.status, rig.error) == (0, None)


async def test_a_worker_that_sends_descriptors(autojump_clock: MockClock) -> None:
    """They are closed: the supervisor needs its own."""

    async def give(process: FakeProcess) -> None:
        await hello(process)
        await process.channel.send("ready", addresses=["http://x"], answers=["a"])
        before = len(descriptors())
        for _ in range(10):
            await process.channel.send("beat", descriptors=[0] * 10)
        await trio.sleep(1)
        counts.append(len(descriptors()) - before)
        await trio.sleep_forever()

    counts: list[int] = []
    async with supervising(1, give) as rig:
        await trio.sleep(3)
        assert counts == [0]
        rig.send(signal.SIGTERM)


async def test_a_worker_that_sends_no_messages(autojump_clock: MockClock) -> None:
    """Nothing more is heard of it, so that it is one without a sign of life."""

    async def babble(process: FakeProcess) -> None:
        await hello(process)
        await process.channel.send("ready", addresses=["http://x"])
        await process.channel.send("beat", text="x" * LINE_BYTES)
        await trio.sleep_forever()

    async with supervising(1, babble) as rig:
        await trio.sleep(29)
        assert rig.alive == [1]
        await trio.sleep(5)
        assert rig.alive == [2]
        rig.send(signal.SIGTERM)
    assert (rig.status, rig.error) == (0, None)
