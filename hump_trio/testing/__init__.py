"""Clients for tests of an app: real bytes through the real connection code, without sockets.

``async with client(app) as http`` gives an httpx client, ``async with connect(app) as raw`` a
connection byte by byte, ``async with websocket(app, "/path") as ws`` a WebSocket. All work under
`AutojumpClock` and `trio.testing.MockClock`. For functions that aren't async there is ``with
blocking_client(app) as http``. They need httpx2 (extra ``testing``), or httpx where httpx2 isn't
installed.
"""

from typing import TYPE_CHECKING, Any

from hump_trio.testing.autojump_clock import AutojumpClock
from hump_trio.testing.blocking_client import blocking_client
from hump_trio.testing.clients import client, connect, websocket
from hump_trio.testing.opening_handshake import Refused
from hump_trio.testing.raw_connection import RawConnection
from hump_trio.testing.websocket_client import WebSocketClient

__all__ = [
    "AutojumpClock",
    "RawConnection",
    "Refused",
    "WebSocketClient",
    "blocking_client",
    "client",
    "connect",
    "websocket",
]

if not TYPE_CHECKING:  # a checker would take it for leave to ask for anything

    def __getattr__(name: str) -> Any:
        """Say what others' test client is called here."""
        if name == "TestClient":
            raise ImportError(
                "there is no TestClient: write `async with client(app) as http`, or in a function"
                " that isn't async `with blocking_client(app) as http`"
            )
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
