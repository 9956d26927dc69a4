"""The process of a worker."""

import os
import signal
import sys
from pathlib import Path

import pytest
import trio

from hump_trio.command.worker_process import describe_status, start_process
from tests.support.loopback import PATIENCE_SECONDS

SCRIPT = """
import os
line = os.read(int(os.environ["HUMP_TRIO_CONTROL"]), 100).decode()
print(line, os.environ["A"], os.environ.get("LISTEN_FDS"), os.environ.get("NOTIFY_SOCKET"))
"""


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (0, "with status 0"),
        (3, "with status 3"),
        (-9, "by SIGKILL"),
        (-99, "by signal 99"),
    ],
)
def test_an_end_is_described(status: int, text: str) -> None:
    """By its status or its signal's name."""
    assert describe_status(status) == text


async def test_a_process_lives_and_dies(capfd: pytest.CaptureFixture[str]) -> None:
    """It has one end of the channel, and what isn't for the supervisor alone."""
    environment = {"A": "a", "LISTEN_FDS": "1", "NOTIFY_SOCKET": "/n"}
    process = start_process([sys.executable, "-c", SCRIPT], environment)
    with process.control, trio.fail_after(PATIENCE_SECONDS):
        process.control.send(b"hello")
        assert await process.wait() == 0
        process.kill(signal.SIGKILL)
        assert process.control.recv(1) == b""
        assert await process.wait() == 0
    assert process.pid > 0
    assert capfd.readouterr().out == "hello a None None\n"


async def test_a_wait_can_be_left() -> None:
    """Whoever waits can be cancelled, and the process be killed and waited for then."""
    process = start_process(["sleep", "1000"], {"PATH": "/usr/bin:/bin"})
    with process.control, trio.fail_after(PATIENCE_SECONDS):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(process.wait)
            await trio.lowlevel.checkpoint()
            nursery.cancel_scope.cancel()
        process.kill(signal.SIGKILL)
        assert await process.wait() == -signal.SIGKILL


@pytest.mark.parametrize("name", ["missing", "not-executable"])
def test_a_program_that_cant_be_started(tmp_path: Path, name: str) -> None:
    """Both ends of the channel are closed again."""
    (tmp_path / "not-executable").touch(0o600)
    before = os.listdir("/proc/self/fd")
    with pytest.raises(OSError, match=name):
        start_process([str(tmp_path / name)], {})
    assert os.listdir("/proc/self/fd") == before
