"""A worker: a process that serves an app on its supervisor's sockets, and never outlives it."""

import ctypes
import faulthandler
import os
import signal
import socket
import struct
import threading
import time
from collections.abc import MutableMapping
from contextlib import suppress
from dataclasses import asdict

import trio

from hump_trio.app import Hump
from hump_trio.command.control import Channel
from hump_trio.listening.accept_turns import Turns
from hump_trio.listening.bind import parse_bind
from hump_trio.listening.bound_socket import BoundSocket

__all__ = ["CONTROL_VARIABLE", "serve_as_worker", "take_control"]

# The variable that tells a process that it is a worker, and by which descriptor it is spoken to.
CONTROL_VARIABLE = "HUMP_TRIO_CONTROL"
PR_SET_PDEATHSIG = 1  # prctl(2)
CREDENTIALS = struct.Struct("3i")  # struct ucred: process, user, group (unix(7))
PARENT_POLL_SECONDS = 0.5


def take_control(environment: MutableMapping[str, str]) -> socket.socket | None:
    """Become a worker, if a supervisor has started this process: to be called before all else.

    From here on the process dies when its supervisor does, whatever it is doing, SIGABRT prints
    the stacks of all threads, and SIGHUP and SIGUSR1 end nothing.

    Args:
        environment: As `os.environ`. The variable is taken out, so that no program that is
            started takes itself for a worker.

    Returns:
        What `serve_as_worker` takes; None if this is no worker.
    """
    descriptor = environment.pop(CONTROL_VARIABLE, None)
    if descriptor is None:
        return None
    control = socket.socket(fileno=int(descriptor))
    control.set_inheritable(False)
    die_with(supervisor_of(control))
    faulthandler.enable(2)
    for number in (signal.SIGHUP, signal.SIGUSR1):
        signal.signal(number, ignore)
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C while it imports: no traceback
    return control


def ignore(number: int, frame: object) -> None:
    """Do nothing at a signal. SIG_IGN would be inherited by programs that are started."""


def supervisor_of(control: socket.socket) -> int:
    """Return the process that has made the channel; where that can't be told, the parent."""
    kind = getattr(socket, "SO_PEERCRED", None)
    if kind is None:
        return os.getppid()
    credentials = control.getsockopt(socket.SOL_SOCKET, kind, CREDENTIALS.size)
    return int(CREDENTIALS.unpack(credentials)[0])


def die_with(supervisor: int) -> None:
    """See to it that this process ends when its parent does, even if it never waits again.

    On Linux the kernel sends a SIGKILL; what happened before it was asked to is seen by a look at
    the parent. Elsewhere a thread looks again and again, which code that never releases the
    interpreter can delay.
    """
    prctl = getattr(ctypes.CDLL(None), "prctl", None)
    if prctl is None:
        threading.Thread(target=watch_parent, args=[supervisor], daemon=True).start()
    else:
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != supervisor:
        signal.raise_signal(signal.SIGKILL)  # nothing of the program's runs any more


def watch_parent(supervisor: int) -> None:
    """End this process when its parent has ended."""
    while os.getppid() == supervisor:
        time.sleep(PARENT_POLL_SECONDS)
    signal.raise_signal(signal.SIGKILL)


class Announcement(trio.TaskStatus[tuple[str, ...]]):
    """Tells when the server has started.

    Attributes:
        addresses: The URLs it serves at.
    """

    def __init__(self) -> None:
        self.addresses: tuple[str, ...] = ()
        self._started = trio.Event()

    def started(self, value: tuple[str, ...] = ()) -> None:
        """Take the URLs, as a `trio.TaskStatus` does."""
        self.addresses = value
        self._started.set()

    async def wait(self) -> None:
        """Wait until it has started. A checkpoint."""
        await self._started.wait()


async def serve_as_worker(app: Hump, control: socket.socket) -> None:
    """Serve an app on the sockets of a supervisor, until that asks for the end, or has ended.

    SIGTERM and SIGINT ask for it as well; a second one ends the process.

    Args:
        app: With all its settings.
        control: As of `take_control`; it is closed at the end.

    Cancellation: as of `Hump.serve`; the channel and the sockets are closed.
    """
    failure: Exception | None = None
    with Channel(control) as channel:
        async with trio.open_nursery() as nursery:
            try:
                await converse(app, channel, nursery)
            except Exception as error:
                failure = error  # raised below, where the nursery doesn't put it into a group
            nursery.cancel_scope.cancel()
    if failure is not None:
        raise failure


async def converse(app: Hump, channel: Channel, nursery: trio.Nursery) -> None:
    """Ask for the sockets, and serve them."""
    timeouts = app.timeouts
    await channel.send(
        "hello",
        binds=app.binds,
        options=asdict(app.sockets),
        delay_seconds=timeouts.shutdown_delay,
        shutdown_seconds=timeouts.shutdown_delay + timeouts.shutdown + timeouts.cleanup + 1,
    )
    received = await channel.receive()
    if received is None or received[0]["kind"] != "sockets":
        return  # the end comes before the beginning
    message, descriptors = received
    turns = None
    if message["index"] is not None:
        shared = descriptors.pop()
        turns = Turns(shared, message["index"])
        os.close(shared)
    sockets = [
        BoundSocket(socket.socket(fileno=descriptor), parse_bind(text), turns=turns)
        for descriptor, text in zip(descriptors, message["binds"], strict=True)
    ]
    announcement = Announcement()
    nursery.start_soon(report, channel, announcement, message["beat_seconds"])
    nursery.start_soon(obey, channel, app)
    await app.serve(sockets=sockets, signals=True, task_status=announcement)


async def report(channel: Channel, announcement: Announcement, beat_seconds: float) -> None:
    """Tell the supervisor when the app is served, and that the event loop turns, for ever."""
    await announcement.wait()
    with suppress(trio.BrokenResourceError):  # `obey` hears of it too
        await channel.send("ready", addresses=announcement.addresses)
        while True:
            await trio.sleep(beat_seconds)
            await channel.send("beat")


async def obey(channel: Channel, app: Hump) -> None:
    """Shut the app down when the supervisor says so, or says nothing any more."""
    with suppress(trio.BrokenResourceError):
        await channel.receive()
    with suppress(RuntimeError):  # it has just ended by itself, for a signal
        app.shutdown()
