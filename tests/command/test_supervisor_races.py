"""What comes at an awkward moment to a supervisor or a worker, in virtual time."""

import logging
import signal
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from hump_trio import Hump
from hump_trio.command.control import Channel
from hump_trio.command.questions import Respondent
from hump_trio.command.supervised_worker import SupervisedWorker
from hump_trio.command.supervisor import Supervisor, Watch
from hump_trio.command.worker import obey
from hump_trio.facts.settings import Sockets


class Worker:
    """A process whose part the test plays.

    Args:
        pid: Its number.
    """

    def __init__(self, pid: int) -> None:
        self.pid: int = pid
        self.control, sock = socket.socketpair()
        self.channel: Channel = Channel(sock)
        self.status: int | None = None
        self._ended = trio.Event()

    def kill(self, number: signal.Signals) -> None:
        """Die."""
        self.end(-number)

    def end(self, status: int = 0) -> None:
        """End."""
        if self.status is None:
            self.status = status
            self.channel.close()
            self._ended.set()

    async def wait(self) -> int:
        """Return how it has ended."""
        await self._ended.wait()
        assert self.status is not None
        return self.status

    async def say_hello(self) -> None:
        """Ask for sockets."""
        await self.channel.send(
            "hello",
            binds=["127.0.0.1:0"],
            options=asdict(Sockets()),
            delay_seconds=0,
            shutdown_seconds=10,
        )
        await wait_all_tasks_blocked()

    async def be_ready(self) -> None:
        """Say so."""
        await self.channel.send("ready", addresses=["http://x"])
        await wait_all_tasks_blocked()


class Rig:
    """A supervisor, and the workers it has started.

    Attributes:
        workers: All of them.
        status: What it has returned.
    """

    def __init__(self) -> None:
        self.workers: list[Worker] = []
        self.status: int | None = None
        self._signals, self._received = trio.open_memory_channel[int](10)

    def launch(self) -> Worker:
        """Start one."""
        self.workers.append(Worker(len(self.workers)))
        return self.workers[-1]

    def send(self, number: int) -> None:
        """Send the supervisor a signal."""
        self._signals.send_nowait(number)

    async def run(self, count: int, watch: Watch | None) -> None:
        """Be the supervisor."""
        supervisor = Supervisor(self.launch, workers=count, worker_timeout=30, watch=watch)
        self.status = await supervisor.run(self._received)


@asynccontextmanager
async def supervising(count: int, watch: Watch | None = None) -> AsyncIterator[Rig]:
    """Run a supervisor, which ends within the block or by its cancellation."""
    rig = Rig()
    try:
        with trio.fail_after(1000):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(rig.run, count, watch)
                await wait_all_tasks_blocked()
                yield rig
                await wait_all_tasks_blocked()
                nursery.cancel_scope.cancel()
    finally:
        for each in rig.workers:
            each.end()


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What a service manager is told."""
    told: list[str] = []
    monkeypatch.setattr(
        "hump_trio.command.supervisor.notify", lambda text: told.append(text.split("\n")[0])
    )
    return told


async def test_a_worker_that_is_ready_when_it_is_told_to_end(autojump_clock: MockClock) -> None:
    """A file that changes just then is no reason for the supervisor to crash."""
    change: list[Callable[[list[str]], None]] = []

    async def watch(changed: Callable[[list[str]], None]) -> None:
        change.append(changed)
        await trio.sleep_forever()

    async with supervising(1, watch) as rig:
        await rig.workers[0].say_hello()
        await wait_all_tasks_blocked()
        change[0](["app.py"])
        await wait_all_tasks_blocked()
        await rig.workers[0].be_ready()
        rig.workers[0].end()
        await wait_all_tasks_blocked()
        await rig.workers[1].say_hello()
        await rig.workers[1].be_ready()


async def test_none_is_started_that_is_to_end() -> None:
    """SIGTERM right after SIGHUP."""
    started: list[Worker] = []

    def launch() -> Worker:
        started.append(Worker(1))
        return started[0]

    async def open_sockets(*_: object) -> None:
        raise AssertionError

    worker = SupervisedWorker(launch, timeout=1, open_sockets=open_sockets, on_ready=lambda: None)
    worker.drain()
    assert await worker.run() == 0
    assert worker.ended.is_set()
    assert started == []


async def test_one_that_is_told_to_end_is_not_called_broken(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture, told: list[str]
) -> None:
    """SIGTERM while another worker starts; nor is there a "ready" after the end has begun."""
    async with supervising(1) as rig:
        await rig.workers[0].say_hello()
        await rig.workers[0].be_ready()
        rig.send(signal.SIGHUP)
        await wait_all_tasks_blocked()
        rig.send(signal.SIGTERM)
        await wait_all_tasks_blocked()
        assert rig.workers[1].status == -signal.SIGTERM
        rig.workers[0].end()
    assert rig.status == 0
    assert not [each for each in caplog.records if each.levelno >= logging.ERROR]
    assert told == ["READY=1", "RELOADING=1", "STOPPING=1"]


async def test_a_reload_before_the_start_is_over(
    autojump_clock: MockClock, told: list[str]
) -> None:
    """The service manager hears of the start once, when all are ready, whoever they are."""
    async with supervising(1) as rig:
        rig.send(signal.SIGHUP)
        await wait_all_tasks_blocked()
        await rig.workers[1].say_hello()
        assert told == []
        await rig.workers[1].be_ready()
        assert told == ["READY=1"]


async def test_a_worker_that_has_ended_by_itself_is_told_to_end() -> None:
    """As at Ctrl-C, which all of them get: it has only just heard of it, and doesn't mind."""
    ours, theirs = socket.socketpair()
    with Channel(ours) as supervisor, Channel(theirs) as channel:
        await supervisor.send("drain")
        async with trio.open_nursery() as nursery:
            await obey(channel, Hump(), Respondent(), nursery)
