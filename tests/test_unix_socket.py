"""Unix sockets: their files, and HTTP over them."""

import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
import trio
import trio.testing

from hump_trio import Hump, Request, Sockets
from tests.loopback import served


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A path for a socket."""
    return tmp_path / "app.sock"


@pytest.fixture
def app(path: Path) -> Hump:
    """An app at a Unix socket."""
    app = Hump(binds=[f"unix:{path}"])

    @app.get("/")
    async def index(request: Request) -> str:
        return f"hello {request.client}"

    return app


def mode_of(path: Path) -> int | None:
    """Return the mode of a file; None if there is none."""
    return stat.S_IMODE(path.stat().st_mode) if path.exists() else None


@asynccontextmanager
async def connected(path: Path) -> AsyncIterator[trio.SocketStream]:
    """Connect to a Unix socket."""
    async with await trio.open_unix_socket(path) as stream:
        yield stream


async def test_http_over_a_unix_socket(app: Hump, path: Path) -> None:
    """A client that knows nothing of us; several requests on a connection, and no peer address."""
    async with served(app) as url:
        assert url == f"unix:{path}"
        transport = httpx.AsyncHTTPTransport(uds=str(path))
        async with httpx.AsyncClient(transport=transport) as http:
            for _ in range(3):
                answer = await http.get("http://localhost/")
                assert (answer.status_code, answer.text) == (200, "hello None")


async def test_the_file_is_removed_at_the_end(app: Hump, path: Path) -> None:
    """And has its mode while it is there, whatever the umask is."""
    app.sockets = Sockets(unix_mode=0o606)
    async with served(app):
        assert mode_of(path) == 0o606
    assert mode_of(path) is None
