"""Servers under callgrind, which counts the instructions that they execute outside the kernel."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.benchmarks.servers import ROOT, free_port, log_of

START_SECONDS = 60
COMMAND_SECONDS = 60


def is_installed() -> bool:
    """Return whether callgrind can be run."""
    return shutil.which("valgrind") is not None and shutil.which("vgdb") is not None


class CountedServer:
    """A server whose instructions are counted from here on.

    Args:
        process: It, under callgrind.
        port: Where it listens.
        folder: Where callgrind puts its counts and its pipes.

    Attributes:
        log: What it writes to stderr.
    """

    def __init__(self, process: subprocess.Popen[bytes], port: int, folder: Path) -> None:
        self.port = port
        self.log = log_of(process.pid)
        self._process = process
        self._folder = folder
        self._part = 0

    def start_counting(self) -> None:
        """Count from now on: not counting, a server starts three times as fast."""
        self._command("instrumentation", "on")

    def take_count(self) -> int:
        """Return the instructions executed since the last count was taken."""
        self._command("dump")
        self._part += 1
        return parse_count((self._folder / f"counts.{self._part}").read_text())

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Let nothing of it run, so that all that is sent meanwhile is there when it goes on."""
        self._process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self._process.pid, os.WSTOPPED)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    def _command(self, *words: str) -> None:
        command = ["vgdb", f"--vgdb-prefix={self._folder}/vgdb", f"--pid={self._process.pid}"]
        run = subprocess.run(
            [*command, *words], capture_output=True, text=True, check=False, timeout=COMMAND_SECONDS
        )
        if run.returncode:
            raise RuntimeError(f"callgrind doesn't obey {' '.join(words)!r}: {run.stderr}")


def parse_count(counts: str) -> int:
    """Return the sum of what callgrind has counted.

    Args:
        counts: One of its files.
    """
    summary = re.search(r"^summary: (\d+)$", counts, re.MULTILINE)
    if summary is None:
        raise ValueError(f"callgrind has written no summary: {counts[:500]!r}")
    return int(summary[1])


@contextmanager
def counted(name: str, *arguments: str) -> Iterator[CountedServer]:
    """Start a server's program under callgrind; it has ended afterwards.

    Args:
        name: The program.
        arguments: What its command line has behind the port.

    Raises:
        RuntimeError: It doesn't listen in time; the message has what it wrote.
    """
    module, port = f"tests.benchmarks.programs.{name}", free_port()
    # Where objects lie in memory decides which names collide in Python's cache of methods, up to
    # 0.7 % of a request; so what the caller's environment holds is left out.
    environment = {"PATH": os.defpath, "PYTHONHASHSEED": "0"}
    # Modules are compiled here, so that a first run counts what a second one does.
    compiling = [sys.executable, "-c", f"import {module}"]
    subprocess.run(compiling, cwd=ROOT, env=environment, check=True)
    with tempfile.TemporaryDirectory() as path, tempfile.TemporaryFile("w+") as output:
        folder = Path(path)
        command = [
            str(shutil.which("valgrind")),
            "--tool=callgrind",
            "--instr-atstart=no",
            f"--callgrind-out-file={folder}/counts",
            f"--vgdb-prefix={folder}/vgdb",
            *(sys.executable, "-m", module, str(port), *arguments),
        ]
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=output)
        try:
            if not is_listening(process, port):
                output.seek(0)
                raise RuntimeError(f"{name} does not listen: {output.read()[-2000:]}")
            yield CountedServer(process, port, folder)
        finally:
            process.kill()
            process.wait()


def is_listening(process: subprocess.Popen[bytes], port: int) -> bool:
    """Wait until a server accepts a connection, and return whether it does."""
    give_up = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < give_up:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return True
        except OSError:
            time.sleep(0.05)
    return False
