"""Workers that live in the test's own Trio run, and a supervisor that can't tell."""

import os
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict
from typing import Any, TypeAlias

import trio

from hump_trio.command.control import Channel, Message
from hump_trio.command.supervisor import Observer, Supervisor, Watch
from hump_trio.facts.settings import Sockets

DEADLY = {signal.SIGKILL, signal.SIGTERM, signal.SIGABRT}


class FakeProcess:
    """A process that is a task.

    Args:
        pid: Its number.

    Attributes:
        control: The supervisor's end of the channel.
        channel: Its own.
        signals: What it was sent.
        status: How it has ended; None if it hasn't.
        descriptors: The sockets that it was given.
        drained: The message that has asked it to end; None if none has.
    """

    def __init__(self, pid: int) -> None:
        self.pid: int = pid
        ours, theirs = socket.socketpair()
        self.control: socket.socket = theirs
        self.channel: Channel = Channel(ours)
        self.signals: list[signal.Signals] = []
        self.deadly: set[signal.Signals] = set(DEADLY)
        self.status: int | None = None
        self.descriptors: list[int] = []
        self.drained: Message | None = None
        self.scope: trio.CancelScope = trio.CancelScope()
        self._ended = trio.Event()

    def kill(self, number: signal.Signals) -> None:
        """Die, if that is what the signal does."""
        if self.status is None:
            self.signals.append(number)
            if number in self.deadly:
                self.end(-number)

    def end(self, status: int) -> None:
        """End."""
        if self.status is None:
            self.status = status
            self.scope.cancel()
            self.channel.close()
            while self.descriptors:
                os.close(self.descriptors.pop())
            self._ended.set()

    async def wait(self) -> int:
        """Return how it has ended."""
        await self._ended.wait()
        assert self.status is not None
        return self.status


Behaviour: TypeAlias = Callable[[FakeProcess], Awaitable[None]]


async def hello(process: FakeProcess, **changes: Any) -> dict[str, Any]:
    """Ask for sockets, and return what comes."""
    values: dict[str, Any] = {
        "binds": ["127.0.0.1:0"],
        "options": asdict(Sockets()),
        "delay_seconds": 0,
        "shutdown_seconds": 10,
    }
    await process.channel.send("hello", **{**values, **changes})
    received = await process.channel.receive()
    assert received is not None
    message, process.descriptors = received
    return message


async def beat(process: FakeProcess, seconds: float) -> None:
    """Beat for ever."""
    while True:
        await trio.sleep(seconds)
        await process.channel.send("beat")


async def serve(process: FakeProcess, *, drain_seconds: float = 0.5, **changes: Any) -> None:
    """Serve until told to end, as a worker does."""
    message = await hello(process, **changes)
    if message["kind"] == "sockets":
        await process.channel.send("ready", addresses=["http://x"])
        async with trio.open_nursery() as nursery:
            nursery.start_soon(beat, process, message["beat_seconds"])
            received = await process.channel.receive()
            process.drained = None if received is None else received[0]
            await trio.sleep(drain_seconds)
            nursery.cancel_scope.cancel()
    process.end(0)


async def crash_ready(process: FakeProcess) -> None:
    """Serve, and crash two seconds later."""
    message = await hello(process)
    await process.channel.send("ready", addresses=["http://x"])
    with trio.move_on_after(2):
        await beat(process, message["beat_seconds"])
    process.end(3)


async def fall_silent(process: FakeProcess) -> None:
    """Serve without a sign of life."""
    await hello(process)
    await process.channel.send("ready", addresses=["http://x"])
    await trio.sleep_forever()


async def fail(process: FakeProcess) -> None:
    """End before it is ready."""
    await trio.lowlevel.checkpoint()
    process.end(7)


async def import_for_ever(process: FakeProcess) -> None:
    """Say nothing at all."""
    await trio.sleep_forever()


def descriptors() -> set[str]:
    """Return what this process has open: sockets, pipes and the like are told apart."""
    found = set()
    for number in os.listdir("/proc/self/fd"):
        with suppress(FileNotFoundError):  # the one that has listed them
            found.add(f"{number} {os.readlink(f'/proc/self/fd/{number}')}")
    return found


class Rig:
    """A supervisor of fake processes.

    Args:
        nursery: Where they run.

    Attributes:
        processes: All that were started.
        behaviours: Of the next ones; then they serve.
        refuse: Whether no process can be started.
        status: What the supervisor has returned.
    """

    def __init__(self, nursery: trio.Nursery) -> None:
        self.processes: list[FakeProcess] = []
        self.behaviours: list[Behaviour] = []
        self.refuse: bool = False
        self.status: int | None = None
        self.error: Exception | None = None
        self._nursery = nursery
        self._signals, self._received = trio.open_memory_channel[int](10)

    def launch(self) -> FakeProcess:
        """Start a process."""
        if self.refuse:
            raise OSError("no more processes")
        process = FakeProcess(len(self.processes) + 1)
        self.processes.append(process)
        behaviour = self.behaviours.pop(0) if self.behaviours else serve
        self._nursery.start_soon(self._run, process, behaviour)
        return process

    async def _run(self, process: FakeProcess, behaviour: Behaviour) -> None:
        with process.scope:
            try:
                await behaviour(process)
            except trio.BrokenResourceError:
                process.end(1)

    def send(self, number: int) -> None:
        """Send the supervisor a signal."""
        self._signals.send_nowait(number)

    async def supervise(
        self, workers: int, watch: Watch | None = None, observers: Sequence[Observer] = ()
    ) -> None:
        """Run the supervisor."""
        supervisor = Supervisor(
            self.launch, workers=workers, worker_timeout=30, watch=watch, observers=observers
        )
        try:
            self.status = await supervisor.run(self._received)
        except Exception as error:
            self.error = error

    @property
    def alive(self) -> list[int]:
        """Which processes are there."""
        return [each.pid for each in self.processes if each.status is None]

    def check(self) -> None:
        """Nothing of what was started is left."""
        assert self.alive == []
        assert [each.control.fileno() for each in self.processes] == [-1] * len(self.processes)


@asynccontextmanager
async def supervising(
    workers: int,
    *behaviours: Behaviour,
    watch: Watch | None = None,
    observers: Sequence[Observer] = (),
) -> AsyncIterator[Rig]:
    """Run a supervisor, which has ended at the end of the block, with nothing left of it.

    Args:
        workers: How many.
        behaviours: Of the first processes; later ones serve.
        watch: As of `Supervisor`.
        observers: As of `Supervisor`.
    """
    before = descriptors()
    async with trio.open_nursery() as nursery:
        rig = Rig(nursery)
        rig.behaviours.extend(behaviours)
        try:
            with trio.fail_after(10_000):
                async with trio.open_nursery() as supervision:
                    supervision.start_soon(rig.supervise, workers, watch, observers)
                    yield rig
        finally:
            for each in rig.processes:
                each.channel.close()
            nursery.cancel_scope.cancel()
    rig.check()
    assert descriptors() <= before
