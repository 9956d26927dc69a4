"""Sockets from the service manager, and news to it."""

import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import trio

from hump_trio import Hump
from hump_trio.listening.service_manager import notify, reloading, take_activated
from tests.support.loopback import PATIENCE_SECONDS, served

OURS = {"LISTEN_PID": str(os.getpid()), "LISTEN_FDNAMES": "http:https"}


@pytest.mark.parametrize(("count", "descriptors"), [("1", [3]), ("2", [3, 4])])
def test_what_was_opened_for_this_process(count: str, descriptors: list[int]) -> None:
    """The descriptors from 3 on; and the variables are taken out, for programs started later."""
    environment = {**OURS, "LISTEN_FDS": count, "HOME": "/"}
    assert take_activated(environment) == descriptors
    assert environment == {"HOME": "/"}


@pytest.mark.parametrize(
    ("environment", "reason"),
    [
        ({}, "no sockets were passed"),
        ({"LISTEN_FDS": "1"}, "no sockets were passed"),
        (OURS, "no sockets were passed"),
        ({"LISTEN_PID": "1", "LISTEN_FDS": "1"}, "passed to process 1, not to this one"),
        ({**OURS, "LISTEN_FDS": "0"}, "no number of sockets: '0'"),
        ({**OURS, "LISTEN_FDS": "-1"}, "no number of sockets: '-1'"),
        ({**OURS, "LISTEN_FDS": "x"}, "no number of sockets: 'x'"),
        ({**OURS, "LISTEN_FDS": "9" * 99}, "no number of sockets: '999"),
    ],
)
def test_what_was_not(environment: dict[str, str], reason: str) -> None:
    """The error says why, and nothing is taken out."""
    before = environment.copy()
    with pytest.raises(OSError, match=reason):
        take_activated(environment)
    assert environment == before


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    """A socket that hears what a service manager is told."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(tmp_path / "notify"))
        sock.settimeout(PATIENCE_SECONDS)
        yield sock


def test_news_reach_a_path(manager: socket.socket) -> None:
    """As one datagram."""
    notify("READY=1", {"NOTIFY_SOCKET": manager.getsockname()})
    assert manager.recv(100) == b"READY=1"


@pytest.mark.skipif(sys.platform != "linux", reason="abstract sockets are Linux's")
def test_news_reach_an_abstract_name() -> None:
    """Which is written with an @ in front."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind("")  # a name that nobody has
        name = sock.getsockname()[1:].decode()
        notify("STOPPING=1", {"NOTIFY_SOCKET": f"@{name}"})
        assert sock.recv(100) == b"STOPPING=1"


@pytest.mark.parametrize("address", ["", "vsock:2:1234", "/nowhere/at/all", "/\0", "/" + "x" * 200])
def test_nobody_to_tell_is_no_error(address: str) -> None:
    """The server is there for its clients."""
    notify("READY=1", {"NOTIFY_SOCKET": address})
    notify("READY=1", {})


def test_a_manager_that_does_not_listen_is_not_waited_for(manager: socket.socket) -> None:
    """Once it has as many datagrams as it can hold, further ones are dropped."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.setblocking(False)
        with suppress(BlockingIOError):
            while True:
                sender.sendto(b"x", manager.getsockname())
    notify("READY=1", {"NOTIFY_SOCKET": manager.getsockname()})
    manager.setblocking(False)
    with suppress(BlockingIOError):  # all that has come
        while True:
            assert manager.recv(100) == b"x"


def test_a_reload_has_its_time() -> None:
    """In microseconds, of the clock that the manager has too."""
    before = time.monotonic()
    first, _, second = reloading().partition("\nMONOTONIC_USEC=")
    assert first == "RELOADING=1"
    assert before - 1e-6 <= int(second) / 1e6 <= time.monotonic()


async def test_a_server_in_a_larger_program_tells_nothing(
    manager: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Start and end of the program are the program's."""
    monkeypatch.setenv("NOTIFY_SOCKET", manager.getsockname())
    async with served(Hump("127.0.0.1", 0)):
        pass
    manager.setblocking(False)
    with pytest.raises(BlockingIOError):
        manager.recv(100)


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's")
async def test_a_server_that_obeys_signals_tells_its_start_and_its_end(
    manager: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once it answers, and as soon as it is asked to end."""
    monkeypatch.setenv("NOTIFY_SOCKET", manager.getsockname())
    app = Hump("127.0.0.1", 0)
    told: list[bytes] = []

    async def serve(task_status: trio.TaskStatus[tuple[str, ...]]) -> None:
        await app.serve(signals=True, task_status=task_status)

    with trio.fail_after(PATIENCE_SECONDS):
        async with trio.open_nursery() as nursery:
            await nursery.start(serve)
            await trio.testing.wait_all_tasks_blocked()
            told.append(manager.recv(100))
            signal.raise_signal(signal.SIGTERM)
            await app.wait_draining()
            told.append(manager.recv(100))
    assert told == [b"READY=1", b"STOPPING=1"]


class Shop:
    """Makes contexts, until it is sold out."""

    def __init__(self) -> None:
        self.stock: int = 1

    def create_context(self) -> ssl.SSLContext:
        """Return a context, or fail as a program does."""
        if not self.stock:
            raise FileNotFoundError("sold out")
        self.stock -= 1
        return ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's")
async def test_a_reload_tells_only_what_is_so(
    manager: socket.socket, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """None makes a server ready that starts or ends, and one that fails ends nothing."""
    monkeypatch.setenv("NOTIFY_SOCKET", manager.getsockname())
    app = Hump("127.0.0.1", 0, tls=Shop())
    told: list[bytes] = []

    @app.lifespan
    async def lifespan(app: Hump[Any]) -> AsyncIterator[None]:
        signal.raise_signal(signal.SIGHUP)
        await trio.testing.wait_all_tasks_blocked()
        manager.setblocking(False)
        with pytest.raises(BlockingIOError):
            manager.recv(100)
        manager.setblocking(True)
        yield

    async def serve(task_status: trio.TaskStatus[tuple[str, ...]]) -> None:
        await app.serve(signals=True, task_status=task_status)

    with trio.fail_after(PATIENCE_SECONDS):
        async with trio.open_nursery() as nursery:
            await nursery.start(serve)
            for number in (signal.SIGHUP, signal.SIGTERM):
                await trio.testing.wait_all_tasks_blocked()
                signal.raise_signal(number)
            await app.wait_draining()
            told += [manager.recv(100).partition(b"\n")[0] for _ in range(4)]
    assert told == [b"READY=1", b"RELOADING=1", b"READY=1", b"STOPPING=1"]
    assert caplog.text.count("FileNotFoundError: sold out") == 2


ACTIVATED = """
import os, trio
from hump_trio import Hump

app = Hump(binds=["systemd"])

@app.get("/")
async def index():
    return f"{sorted(name for name in os.environ if name.startswith('LISTEN_'))}"

trio.run(app.serve)
"""
# What a manager does: it opens, forks, and gives the socket its number and the process its name.
START = """
import os, sys

os.dup2(int(sys.argv[1]), 3)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1", LISTEN_FDNAMES="http")
os.execv(sys.executable, [sys.executable, "-c", sys.argv[2]])
"""


def test_a_service_that_is_activated(manager: socket.socket) -> None:
    """A real process: it serves the socket that it was given, and tells of its start and end."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.set_inheritable(True)
        number = listening.fileno()
        child = subprocess.Popen(
            [sys.executable, "-c", START, str(number), ACTIVATED],
            env={**os.environ, "NOTIFY_SOCKET": manager.getsockname()},
            close_fds=False,
        )
        try:
            assert manager.recv(100) == b"READY=1"
            with socket.create_connection(listening.getsockname(), PATIENCE_SECONDS) as client:
                client.sendall(b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
                answer = b"".join(iter(lambda: client.recv(1000), b""))
            assert answer.endswith(b"\r\n\r\n[]")
            child.terminate()
            assert manager.recv(100) == b"STOPPING=1"
            assert child.wait(PATIENCE_SECONDS) == 0
        finally:
            child.kill()
            child.wait()
