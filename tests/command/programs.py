"""Real processes of the command line, for tests."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import trio

from tests.support.loopback import PATIENCE_SECONDS

ROOT = Path(__file__).parents[2]
COMMAND = (sys.executable, "-m", "hump_trio")


class Program:
    """A process that serves.

    Args:
        process: It.
        output: What it writes to stderr.
    """

    def __init__(self, process: trio.Process, output: trio.abc.ReceiveStream) -> None:
        self.process = process
        self.output = output
        self.said: str = ""

    async def wait_said(self, pattern: str) -> re.Match[str]:
        """Wait until it has written something."""
        with trio.fail_after(PATIENCE_SECONDS):
            while (found := re.search(pattern, self.said)) is None:
                data = await self.output.receive_some()
                assert data, self.said
                self.said += data.decode()
        return found

    async def wait_url(self) -> str:
        """Return where it serves, once it does."""
        return (await self.wait_said(r"serving at (http[^\s\"]+)"))[1]

    async def end(self, number: int = signal.SIGTERM) -> int:
        """Send a signal; return the exit status, when all that was written is read."""
        self.process.send_signal(number)
        return await self.wait()

    async def wait(self) -> int:
        """Return the exit status, when all that was written is read."""
        with trio.fail_after(PATIENCE_SECONDS):
            async for data in self.output:
                self.said += data.decode()
            return await self.process.wait()


@asynccontextmanager
async def started(
    *arguments: str,
    command: Sequence[str] = COMMAND,
    descriptors: Sequence[int] = (),
    stderr: int = subprocess.PIPE,
    output: trio.abc.ReceiveStream | None = None,
    folder: Path = ROOT,
    **environment: str,
) -> AsyncIterator[Program]:
    """Start a process; it has ended afterwards, whatever happens.

    Args:
        arguments: After the command.
        command: What is run.
        descriptors: Which it inherits.
        stderr: Of it.
        output: Where that is read, if it is no pipe.
        folder: Where it works.
        environment: Variables that it has besides.
    """
    async with trio.open_nursery() as nursery:
        run = partial(
            trio.run_process,
            [*command, *arguments],
            stderr=stderr,
            check=False,
            cwd=folder,
            env={**os.environ, **environment},
            pass_fds=descriptors,
        )
        process: trio.Process = await nursery.start(run)
        said = output or process.stderr
        assert said is not None
        try:
            async with said:
                yield Program(process, said)
        finally:
            nursery.cancel_scope.cancel()
