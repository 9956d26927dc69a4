"""The process of a worker: how it is started with one end of a channel, killed and awaited."""

import math
import signal
import socket
import subprocess
from collections.abc import Mapping, Sequence
from typing import Protocol

import trio

from hump_trio.command.worker import CONTROL_VARIABLE

__all__ = ["Process", "describe_status", "start_process"]

# Variables by which a service manager talks only to the process that it has started.
NOT_FOR_WORKERS = frozenset(
    {"NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC", "LISTEN_FDS", "LISTEN_FDNAMES", "LISTEN_PID"}
)


class Process(Protocol):
    """The part of a process that its supervisor uses."""

    @property
    def pid(self) -> int:
        """The number of the process."""

    @property
    def control(self) -> socket.socket:
        """The supervisor's end of the channel, which the caller has to close."""

    def kill(self, number: signal.Signals) -> None:
        """Send the process a signal, unless its end was awaited."""

    async def wait(self) -> int:
        """Wait for the end; return the exit status, negative for a signal. A checkpoint.

        May be called again.
        """


class WorkerProcess:
    """A real process of the operating system.

    Args:
        popen: The process.
        control: The supervisor's end of the channel.
    """

    def __init__(self, popen: subprocess.Popen[bytes], control: socket.socket) -> None:
        self.control: socket.socket = control
        self._popen = popen

    @property
    def pid(self) -> int:
        """The number of the process."""
        return self._popen.pid

    def kill(self, number: signal.Signals) -> None:
        """Send the process a signal, unless its end was awaited."""
        self._popen.send_signal(number)

    async def wait(self) -> int:
        """Wait for the end; return the exit status, negative for a signal. A checkpoint."""
        # Each worker takes a thread, so Trio's default limit of threads would limit workers.
        limiter = trio.CapacityLimiter(math.inf)
        return await trio.to_thread.run_sync(
            self._popen.wait, abandon_on_cancel=True, limiter=limiter
        )


def start_process(command: Sequence[str], environment: Mapping[str, str]) -> WorkerProcess:
    """Start a worker.

    The process is started in this thread, which blocks for a few milliseconds. Linux kills a worker
    when the thread that has started it ends, and the threads of `trio.lowlevel.open_process` end.

    Args:
        command: A program that calls `take_control`, and its arguments.
        environment: The environment, as `os.environ`.

    Raises:
        OSError: The process can't be started.
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
    """Return how a process has ended, e.g. ``with status 1`` or ``by SIGKILL``.

    Args:
        status: The exit status, negative for a signal.
    """
    if status >= 0:
        return f"with status {status}"
    names = {each.value: each.name for each in signal.Signals}
    return f"by {names.get(-status, f'signal {-status}')}"
