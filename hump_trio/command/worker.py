"""A worker: a process that serves an app on its supervisor's sockets, and ends with it."""

import ctypes
import faulthandler
import os
import signal
import socket
import struct
import threading
import time
from collections.abc import MutableMapping, Sequence
from contextlib import suppress
from dataclasses import asdict

import trio

from hump_trio.app import Hump, server_of
from hump_trio.command.control import Channel
from hump_trio.command.questions import Respondent
from hump_trio.listening.accept_turns import Turns
from hump_trio.listening.bind import parse_bind
from hump_trio.listening.bound_socket import BoundSocket

__all__ = ["CONTROL_VARIABLE", "serve_as_worker", "take_control"]

# The variable that tells a process that it is a worker, and the descriptor of its channel.
CONTROL_VARIABLE = "HUMP_TRIO_CONTROL"
PR_SET_PDEATHSIG = 1  # prctl(2)
CREDENTIALS = struct.Struct("3i")  # struct ucred: process, user, group (unix(7))
PARENT_POLL_SECONDS = 0.5
# Time for the last answers, which a supervisor takes at once, unless it is stopped.
LAST_WORDS_SECONDS = 1.0


def take_control(environment: MutableMapping[str, str]) -> socket.socket | None:
    """Become a worker if a supervisor has started this process. Call it before all else.

    From here on the process dies when its supervisor dies, whatever it is doing; SIGABRT prints the
    stacks of all threads; SIGHUP and SIGUSR1 don't end the process.

    Args:
        environment: The environment, as `os.environ`. The variable is removed from it, so that no
            program that this process starts takes itself for a worker.

    Returns:
        The worker's end of the channel, for `serve_as_worker`; None if this isn't a worker.
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
        signal.signal(
            signal.SIGINT, signal.SIG_DFL
        )  # so that Ctrl-C during the import shows no traceback
    return control


def ignore(number: int, frame: object) -> None:
    """Do nothing at a signal. SIG_IGN instead would be inherited by programs that are started."""


def supervisor_of(control: socket.socket) -> int:
    """Return the number of the process that has made the channel, or of the parent if unknown."""
    kind = getattr(socket, "SO_PEERCRED", None)
    if kind is None:
        return os.getppid()
    credentials = control.getsockopt(socket.SOL_SOCKET, kind, CREDENTIALS.size)
    return int(CREDENTIALS.unpack(credentials)[0])


def die_with(supervisor: int) -> None:
    """Make this process end when its parent ends, even if it never waits again.

    On Linux the kernel sends a SIGKILL; a parent that has ended before the kernel was told is found
    by a look at the present parent. Elsewhere a thread looks again and again, and code that never
    releases the interpreter can delay it.

    Args:
        supervisor: The number of the parent process.
    """
    prctl = getattr(ctypes.CDLL(None), "prctl", None)
    if prctl is None:
        threading.Thread(target=watch_parent, args=[supervisor], daemon=True).start()
    else:
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != supervisor:
        signal.raise_signal(signal.SIGKILL)  # no code of the program runs after this


def watch_parent(supervisor: int) -> None:
    """End this process when its parent has ended."""
    while os.getppid() == supervisor:
        time.sleep(PARENT_POLL_SECONDS)
    signal.raise_signal(signal.SIGKILL)


class Announcement(trio.TaskStatus[tuple[str, ...]]):
    """A task status that another task can wait for.

    Attributes:
        addresses: The URLs that the server serves at; empty before the start.
    """

    def __init__(self) -> None:
        self.addresses: tuple[str, ...] = ()
        self._started = trio.Event()

    def started(self, value: tuple[str, ...] = ()) -> None:
        """Take the URLs, and wake the tasks that wait."""
        self.addresses = value
        self._started.set()

    async def wait(self) -> None:
        """Wait until the server has started. A checkpoint."""
        await self._started.wait()


async def serve_as_worker(
    app: Hump, control: socket.socket, respondent: Respondent | None = None
) -> None:
    """Serve an app on its supervisor's sockets until the supervisor asks for the end, or ends.

    SIGTERM and SIGINT ask for the end, too; a second one ends the process.

    Args:
        app: The app, with all its settings.
        control: The worker's end of the channel, from `take_control`; it is closed at the end.
        respondent: Answers what the supervisor asks; None: nothing.

    Raises:
        Exception: The error of `Hump.serve`.

    Cancellation: handlers are cancelled, connections reset, the channel and the sockets closed.
    """
    failure: Exception | None = None
    respondent = respondent or Respondent()
    with Channel(control) as channel:
        async with trio.open_nursery() as nursery:
            try:
                await converse(app, channel, nursery, respondent)
            except Exception as error:
                failure = error  # raised below, where the nursery doesn't put it into a group
            with suppress(trio.BrokenResourceError), trio.move_on_after(LAST_WORDS_SECONDS):
                await respondent.tell_last(channel)
            nursery.cancel_scope.cancel()
    if failure is not None:
        raise failure


async def converse(
    app: Hump, channel: Channel, nursery: trio.Nursery, respondent: Respondent
) -> None:
    """Ask the supervisor for the sockets, and serve the app on them."""
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
        return  # asked to end before the start
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
    nursery.start_soon(report, channel, announcement, message["beat_seconds"], respondent.names)
    nursery.start_soon(obey, channel, app, respondent, nursery)
    await app.serve(sockets=sockets, signals=True, task_status=announcement)


async def report(
    channel: Channel, announcement: Announcement, beat_seconds: float, answers: Sequence[str]
) -> None:
    """Tell the supervisor when the app is served, and then again and again that Trio runs."""
    await announcement.wait()
    with suppress(trio.BrokenResourceError):  # `obey` sees that end, too
        await channel.send("ready", addresses=announcement.addresses, answers=answers)
        while True:
            await trio.sleep(beat_seconds)
            await channel.send("beat")


async def obey(channel: Channel, app: Hump, respondent: Respondent, nursery: trio.Nursery) -> None:
    """Answer the supervisor; shut the app down when it asks for that, or has ended.

    Args:
        channel: Leads to the supervisor.
        app: The app.
        respondent: Answers.
        nursery: For the answers: one that takes its time keeps nobody waiting.
    """
    while True:
        received = None
        with suppress(trio.BrokenResourceError):
            received = await channel.receive()
            if received is not None and received[0]["kind"] == "ask":
                question = received[0]
                nursery.start_soon(
                    answer, respondent, channel, question["what"], question.get("about", "")
                )
                continue
        # A supervisor of an older version doesn't say whether others serve meanwhile.
        delayed = received is None or received[0].get("delayed", True)
        try:
            server_of(app).shutdown(delayed=delayed)
        except RuntimeError:  # a signal has just ended the app
            return
        if received is None:
            return


async def answer(respondent: Respondent, channel: Channel, name: str, about: str) -> None:
    """Answer a question of the supervisor."""
    with suppress(trio.BrokenResourceError):  # `obey` sees that end, too
        await respondent.tell(channel, name, about)
