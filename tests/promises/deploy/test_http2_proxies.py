"""Proxies with HTTP/2 in front of an app: HAProxy speaks it to the app too, nginx to clients."""

import os
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest
import trio

from hump_trio import Hump, Request
from tests.support.deployment import NGINX, running
from tests.support.loopback import PATIENCE_SECONDS, address_of, served

HAPROXY = """
defaults
    mode http
    timeout connect 10s
    timeout client 1m
    timeout server 1m
frontend front
    bind fd@{descriptor} proto h2
    default_backend back
backend back
    server one {host}:{port} proto h2
"""
SITE = """
server {{
    listen {front} http2;
    client_max_body_size 10m;
    location / {{
        proxy_pass http://{host}:{port};
        proxy_http_version 1.1;
        proxy_set_header Host $host;
    }}
}}
"""


@asynccontextmanager
async def haproxy(folder: Path, app: Hump) -> AsyncIterator[str]:
    """Serve an app behind HAProxy, and give the URL of that."""
    async with served(app) as url:
        host, port = address_of(url)
        with socket.create_server(("127.0.0.1", 0)) as listening:
            text = HAPROXY.format(descriptor=listening.fileno(), host=host, port=port)
            (folder / "haproxy.cfg").write_text(text)
            command = ["haproxy", "-db", "-f", str(folder / "haproxy.cfg")]
            async with running(command, folder / "haproxy.log", listening, {}) as address:
                yield f"http://{address[0]}:{address[1]}"


@asynccontextmanager
async def nginx(folder: Path, app: Hump) -> AsyncIterator[str]:
    """Serve an app behind nginx, and give the URL of that."""
    async with served(app) as url:
        host, port = address_of(url)
        with socket.create_server(("127.0.0.1", 0)) as listening:
            front = "{}:{}".format(*listening.getsockname())
            (folder / "site.conf").write_text(SITE.format(front=front, host=host, port=port))
            user = "user root;" if os.geteuid() == 0 else ""
            (folder / "nginx.conf").write_text(NGINX.format(folder=folder, user=user))
            command = ["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf")]
            inherited = {"NGINX": f"{listening.fileno()};"}
            async with running(command, folder / "nginx.log", listening, inherited) as address:
                yield f"http://{address[0]}:{address[1]}"


Proxy = Callable[[Path, Hump], AbstractAsyncContextManager[str]]

PROXIES = [
    pytest.param(haproxy, "2", marks=pytest.mark.program("haproxy")),
    pytest.param(nginx, "1.1", marks=pytest.mark.program("nginx")),
]


@pytest.fixture
def app() -> Hump:
    """An app that says what it is asked by."""
    app = Hump("127.0.0.1", 0)

    @app.get("/")
    async def version(request: Request) -> str:
        return f"HTTP/{request.http_version} to {request.host}"

    @app.post("/length", body_limit=None)
    async def length(request: Request) -> str:
        return str(len(request.body))

    @app.get("/parts")
    async def parts() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield bytes(50_000)

    return app


async def run(*command: str) -> str:
    """Return what a program prints."""
    with trio.fail_after(PATIENCE_SECONDS):
        done = await trio.run_process(command, capture_stdout=True)
    return done.stdout.decode()


@pytest.mark.program("curl")
@pytest.mark.program("h2load")
@pytest.mark.parametrize(("proxy", "version"), PROXIES)
async def test_what_passes(proxy: Proxy, version: str, app: Hump, tmp_path: Path) -> None:
    """Answers, a large upload, a stream, and a load without a loss; the host is the client's."""
    path = tmp_path / "upload"
    path.write_bytes(bytes(3_000_000))
    curl = ["curl", "--silent", "--show-error", "--noproxy", "*", "--http2-prior-knowledge"]
    async with proxy(tmp_path, app) as url:
        answer = await run(*curl, "--header", "host: shop.example", url)
        assert answer == f"HTTP/{version} to shop.example"
        assert await run(*curl, "--data-binary", f"@{path}", f"{url}/length") == "3000000"
        assert len(await run(*curl, f"{url}/parts")) == 5_000_000
        # After a thousand requests nginx ends a connection.
        report = await run("h2load", "-n3600", "-c4", "-m25", url)
    assert "3600 succeeded, 0 failed, 0 errored, 0 timeout" in report
