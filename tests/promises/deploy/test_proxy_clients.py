"""PROXY headers as HAProxy writes them."""

import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trio

from hump_trio import Hump, Request, Sockets
from tests.support.loopback import PATIENCE_SECONDS, ask, served

CONFIGURATION = """
defaults
    mode tcp
    timeout connect 5s
    timeout client 5s
    timeout server 5s
listen test
    bind fd@{descriptor}
    server app {address} {option}
"""


@contextmanager
def haproxy(path: Path, address: str, option: str) -> Iterator[tuple[str, int]]:
    """Run HAProxy in front of an address; it gets a socket that listens already.

    Yields:
        Where it listens.
    """
    with socket.create_server(("127.0.0.1", 0)) as listening:
        text = CONFIGURATION.format(descriptor=listening.fileno(), address=address, option=option)
        path.write_text(text)
        process = subprocess.Popen(
            ["haproxy", "-db", "-q", "-f", str(path)], pass_fds=[listening.fileno()]
        )
        try:
            yield listening.getsockname()
        finally:
            process.kill()
            process.wait()


@pytest.mark.program("haproxy")
@pytest.mark.parametrize("over_unix", [False, True])
@pytest.mark.parametrize(
    "option", ["send-proxy", "send-proxy-v2", "send-proxy-v2 proxy-v2-options crc32c,unique-id"]
)
async def test_haproxy_tells_the_client(option: str, over_unix: bool, tmp_path: Path) -> None:
    """Of either version, with extensions, to a port and to a Unix socket."""
    bind = f"unix:{tmp_path / 'app.sock'}" if over_unix else "127.0.0.1:0"
    app = Hump(binds=[bind], sockets=Sockets(proxy_protocol=("127.0.0.1", "unix")))

    @app.get("/")
    async def index(request: Request) -> str:
        return str(request.client)

    with trio.fail_after(PATIENCE_SECONDS):
        async with served(app) as url:
            address = url.removeprefix("http://").replace("unix:", "unix@")
            with haproxy(tmp_path / "haproxy.cfg", address, option) as front:
                async with await trio.open_tcp_stream(*front) as stream:
                    for _ in range(2):
                        answer = await ask(stream)
                        assert answer.endswith(str(stream.socket.getsockname()).encode())
