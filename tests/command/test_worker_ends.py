"""Processes of workers that can't start, and those that nothing ends but the kernel."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import trio

from hump_trio.command.worker_process import start_process
from tests.command.programs import ROOT, START_SECONDS

# It starts a worker as a supervisor does, and waits for it.
SUPERVISOR = """
import os, sys
from hump_trio.command.worker_process import start_process
process = start_process([sys.executable, "-c", sys.argv[1]], os.environ)
process.control.recv(1)
"""
# A regular expression that takes years, during which no other thread runs.
WORKER = """
import os, re
from hump_trio.command.worker import take_control
control = take_control(os.environ)
print(os.getpid(), flush=True)
re.match("(a+)+b", "a" * 60)
"""


@pytest.mark.parametrize("name", ["missing", "not-executable"])
def test_a_program_that_cant_be_started(tmp_path: Path, name: str) -> None:
    """Both ends of the channel are closed again."""
    (tmp_path / "not-executable").touch(0o600)
    before = os.listdir("/proc/self/fd")
    with pytest.raises(OSError, match=name):
        start_process([str(tmp_path / name)], {})
    assert os.listdir("/proc/self/fd") == before


async def test_a_worker_that_is_stuck_dies_with_its_supervisor() -> None:
    """Though that was killed and can't say so, and the worker's interpreter looks at nothing."""
    supervisor = await trio.lowlevel.open_process(
        [sys.executable, "-c", SUPERVISOR, WORKER], stdout=subprocess.PIPE, cwd=ROOT
    )
    assert supervisor.stdout is not None
    worker = None
    try:
        with trio.fail_after(START_SECONDS):
            async with supervisor.stdout as output:
                said = b""
                while not said.endswith(b"\n"):
                    data = await output.receive_some()
                    assert data, "it has ended before it was ready"
                    said += data
                worker = int(said)
                supervisor.kill()
                assert await output.receive_some() == b""  # the worker's end closes with it
        worker = None
    finally:
        supervisor.kill()
        await supervisor.wait()
        if worker is not None:
            os.kill(worker, signal.SIGKILL)
