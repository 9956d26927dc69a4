"""How many descriptors clients may have: connections and files, and which of them give way."""

import math
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import trio

from hump_trio.listening.listeners import raise_descriptor_limit
from tests.support.loopback import PATIENCE_SECONDS, receive_more, wait_until

INFINITE = resource.RLIM_INFINITY


@pytest.mark.parametrize(
    ("soft", "hard", "raised_to", "clients_may_have"),
    [
        (1024, 4096, 4096, 4032),
        (1024, 65536, 65536, 65472),
        (4096, 4096, None, 4032),
        (16, 16, None, -48),
        (1024, INFINITE, None, 960),
        (INFINITE, INFINITE, None, math.inf),
    ],
)
def test_clients_leave_some_descriptors(
    monkeypatch: pytest.MonkeyPatch,
    soft: int,
    hard: int,
    raised_to: int | None,
    clients_may_have: float,
) -> None:
    """The soft limit is raised to a finite hard one, and some are left to other uses."""
    limits: dict[int, tuple[int, int]] = {}
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (soft, hard))
    monkeypatch.setattr(resource, "setrlimit", limits.__setitem__)
    assert raise_descriptor_limit() == clients_may_have
    expected = {} if raised_to is None else {resource.RLIMIT_NOFILE: (raised_to, hard)}
    assert limits == expected


def test_systems_without_descriptor_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there are no such limits, clients may have as many as they want."""
    monkeypatch.setitem(sys.modules, "resource", None)
    assert raise_descriptor_limit() == math.inf


# An app with few descriptors, of which it has some for itself, and a file that fits in no buffer.
PROGRAM = """
import os, resource, sys, trio
from hump_trio import FileResponse, Hump
folder, own_count = sys.argv[1], int(sys.argv[2])
resource.setrlimit(resource.RLIMIT_NOFILE, (200, 200))
held = [os.open(os.devnull, os.O_RDONLY) for _ in range(own_count)]
app = Hump("127.0.0.1", 0)

@app.get("/")
async def index():
    return "hello"

@app.get("/{name}")
async def read(name: str):
    return FileResponse(os.path.join(folder, name))

async def main():
    async with trio.open_nursery() as nursery:
        await nursery.start(app.serve)
        print(app.addresses[0].rpartition(":")[2], flush=True)

trio.run(main)
"""


class Clients:
    """Clients of an app in a process of its own, which keep their connections."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdout is not None
        self.streams: list[trio.SocketStream] = []
        self._port = int(process.stdout.readline())
        self._folder = Path(f"/proc/{process.pid}/fd")

    async def ask(self, path: str) -> str:
        """Ask for something, and return the head of the answer."""
        with trio.fail_after(PATIENCE_SECONDS):
            stream = await trio.open_tcp_stream("127.0.0.1", self._port)
            self.streams.append(stream)
            await stream.send_all(f"GET {path} HTTP/1.1\r\nhost: a\r\n\r\n".encode())
            data = b""
            while b"\r\n\r\n" not in data:
                data += await receive_more(stream)
        return data.partition(b"\r\n\r\n")[0].decode()

    def close(self, count: int) -> None:
        """Close the first connections."""
        for stream in self.streams[:count]:
            stream.socket.close()
        del self.streams[:count]

    def open_files(self) -> int:
        """Return how many of the app's long files it has open."""
        links = []
        for each in self._folder.iterdir():
            with suppress(FileNotFoundError):  # closed meanwhile
                links.append(each.readlink().name)
        return links.count("long")


@contextmanager
def few_descriptors(folder: Path, own_count: int = 0) -> Iterator[Clients]:
    """Serve an app with 200 descriptors, of which it takes some for itself."""
    (folder / "short").write_text("short")
    with (folder / "long").open("wb") as file:
        file.truncate(64 * 1024 * 1024)
    command = [sys.executable, "-c", PROGRAM, str(folder), str(own_count)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        clients = Clients(process)
        try:
            yield clients
        finally:
            clients.close(len(clients.streams))
            process.kill()


async def test_unread_files_leave_room(tmp_path: Path) -> None:
    """New clients are answered, and get files too: those that are idle give way."""
    with few_descriptors(tmp_path) as clients:
        for _ in range(50):
            assert "200 OK" in await clients.ask("/long")
        assert clients.open_files() == 50
        for path in ["/"] * 60 + ["/short"] * 40:
            assert "200 OK" in await clients.ask(path)
        assert clients.open_files() == 50


async def test_the_descriptors_of_the_app_leave_room(tmp_path: Path) -> None:
    """New clients are answered as well where the server can't know who has the descriptors."""
    with few_descriptors(tmp_path, own_count=150) as clients:
        for _ in range(100):
            assert "200 OK" in await clients.ask("/")


async def test_a_file_without_a_descriptor(tmp_path: Path) -> None:
    """Its client gets 503; when others have gone it is there again."""
    with few_descriptors(tmp_path, own_count=100) as clients:
        for _ in range(5):  # for one of them the last client is accepted
            assert "200 OK" in await clients.ask("/")
        while "200 OK" in (head := await clients.ask("/long")):
            assert clients.open_files() < 60
        assert "503 Service Unavailable" in head
        assert "\r\nretry-after: 1\r\n" in head
        assert clients.open_files() > 30
        clients.close(15)
        await wait_until(lambda: clients.open_files() < 35)
        assert "200 OK" in await clients.ask("/long")
