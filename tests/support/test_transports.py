"""The transports that the tests run over: each is the one that was asked for."""

import socket
import sys

import pytest

from hump_trio import Hump, Request
from hump_trio.transports.readiness import Readiness
from hump_trio.transports.transport import Arrivals
from tests.support.wire import ask, request


async def test_it_is_the_one_that_was_asked_for(
    pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over TCP a client has an address, and only `socket` is watched by the persistent epoll."""
    asked_for = pytestconfig.getoption("transport")
    add, watched = Readiness.add, []

    def note(readiness: Readiness, sock: socket.socket) -> Arrivals:
        watched.append(sock)
        return add(readiness, sock)

    monkeypatch.setattr(Readiness, "add", note)
    app = Hump()

    @app.get("/")
    async def index(request: Request) -> str:
        if request.scheme == "https":
            return "https"
        return "memory" if request.client is None else request.client[0]

    [answer] = await ask(app, request())
    assert answer.text == {"memory": "memory", "tls": "https"}.get(asked_for, "127.0.0.1")
    assert len(watched) == (asked_for == "socket" and sys.platform == "linux")
