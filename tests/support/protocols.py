"""Lets the tests speak HTTP/2: the same requests of the same client, to the same apps.

With ``--protocol=h2`` the clients of `hump_trio.testing` speak it, WebSockets too. Tests that have
such a client are run then; what they write as bytes of HTTP/1.1 stays that.
"""

import pytest

import hump_trio.testing.clients
from tests.support.http2_client import Http2Transport

__all__ = ["PROTOCOLS", "use_protocol"]

PROTOCOLS = {"http1": "HTTP/1.1", "h2": "HTTP/2, by h2"}


def use_protocol(name: str) -> None:
    """Let the client speak a protocol; before any test is imported."""
    if name == "h2":
        pytest.MonkeyPatch().setattr(hump_trio.testing.clients, "PoolTransport", Http2Transport)
