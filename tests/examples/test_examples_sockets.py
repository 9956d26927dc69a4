"""The example of several binds, over real sockets."""

from pathlib import Path

import httpx2
import pytest
import trio

from examples import sockets
from tests.support.loopback import PATIENCE_SECONDS


async def test_sockets__answers_at_a_port_and_at_a_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same app at both, and the client of a Unix socket has no address."""
    app = sockets.app
    path = tmp_path / "hump.sock"
    monkeypatch.setattr(app, "binds", ["127.0.0.1:0", f"unix:{path}"])
    with trio.fail_after(PATIENCE_SECONDS):
        async with trio.open_nursery() as nursery:
            url, unix = await nursery.start(app.serve)
            async with httpx2.AsyncClient(timeout=PATIENCE_SECONDS) as http:
                over_tcp = await http.get(url)
            transport = httpx2.AsyncHTTPTransport(uds=str(path))
            async with httpx2.AsyncClient(transport=transport, timeout=PATIENCE_SECONDS) as http:
                over_unix = await http.get("http://localhost/")
            app.shutdown()
    assert over_tcp.text == f"hello, 127.0.0.1, here are {url} and {unix}"
    assert over_unix.text == f"hello, a program of this machine, here are {url} and {unix}"
    assert unix == f"unix:{path}"
