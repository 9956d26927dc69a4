"""The process of a worker: started with one end of a channel, killed and waited for."""

import math
import signal
import socket
import subprocess
from collections.abc import Mapping, Sequence
from typing import Protocol

import trio

from hump_trio.command.worker import CONTROL_VARIABLE

__all__ = ["Process", "describe_status", "start_process"]

# What a service manager says to the process it has started alone.
NOT_FOR_WORKERS = frozenset(
    {"NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC", "LISTEN_FDS", "LISTEN_FDNAMES", "LISTEN_PID"}
)


class Process(Protocol):
    """What a supervisor needs of a process.

    Attributes:
        pid: Its number.
        control: The supervisor's end of the channel, which is the caller's to close.
    """

    @property
    def pid(self) -> int:
        """Its number."""

    @property
    def control(self) -> socket.socket:
        """The supervisor's end of the channel, which is the caller's to close."""

    def kill(self, number: signal.Signals) -> None:
        """Send it a signal, if it hasn't been waited for yet."""

    async def wait(self) -> int:
        """Return its exit status, negative for a signal. A checkpoint; may be waited for again."""


class WorkerProcess:
    """A real process.

    Args:
        popen: The process.
        control: The supervisor's end of the channel.
    """

    def __init__(self, popen: subprocess.Popen[bytes], control: socket.socket) -> None:
        self.control: socket.socket = control
        self._popen = popen

    @property
    def pid(self) -> int:
        """Its number."""
        return self._popen.pid

    def kill(self, number: signal.Signals) -> None:
        """Send it a signal, if it hasn't been waited for yet."""
        self._popen.send_signal(number)

    async def wait(self) -> int:
        """Return its exit status, negative for a signal. A checkpoint; may be waited for again."""
        # Trio's common limit of threads would be one of workers.
        limiter = trio.CapacityLimiter(math.inf)
        return await trio.to_thread.run_sync(
            self._popen.wait, abandon_on_cancel=True, limiter=limiter
        )


def start_process(command: Sequence[str], environment: Mapping[str, str]) -> WorkerProcess:
    """Start a worker.

    It is started in this thread, which takes a few milliseconds: Linux kills a worker when the
    thread ends that has started it, and those of `trio.lowlevel.open_process` do so.

    Args:
        command: A program that calls `take_control`, and its arguments.
        environment: As `os.environ`.

    Raises:
        OSError: It can't be started.
    """
    ours, theirs = socket.socketpair()
    passed = {name: text for name, text in environment.items() if name not in NOT_FOR_WORKERS}
    number = theirs.fileno()
    with theirs:
        try:
            popen = subprocess.Popen(
                command, env={**passed, CONTROL_VARIABLE: str(number)}, pass_fds=[number]
            )
        except BaseException:
            ours.close()
            raise
    return WorkerProcess(popen, ours)


def describe_status(status: int) -> str:
    """Return how a process has ended, e.g. ``with status 1`` or ``by SIGKILL``."""
    if status >= 0:
        return f"with status {status}"
    names = {each.value: each.name for each in signal.Signals}
    return f"by {names.get(-status, f'signal {-status}')}"
