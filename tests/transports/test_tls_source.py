"""Sources of what connections are secured with: which there are, and what becomes of them."""

import ssl
from typing import Any

import pytest

from hump_trio.facts.exceptions import BindError
from hump_trio.transports.certificates import TLS, Credentials
from hump_trio.transports.tls_source import check_tls_source, load_credentials


@pytest.mark.parametrize("source", [None, TLS("a.pem"), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)])
def test_sources(source: Any) -> None:
    """No source, an object that makes contexts, or a context that is ready."""
    check_tls_source(source)


@pytest.mark.parametrize("source", ["a.pem", True, ("a.pem", "b.pem")])
def test_what_is_no_source(source: Any) -> None:
    """The error says what to write instead."""
    with pytest.raises(TypeError, match="write tls=TLS"):
        check_tls_source(source)


def test_a_clients_context_is_no_source() -> None:
    """It would fail at the first handshake."""
    with pytest.raises(ValueError, match="this one is a client's"):
        check_tls_source(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))


def test_credentials_are_made_of_a_source() -> None:
    """Without one there are none, unless a bind needs them: then it is named."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    assert isinstance(load_credentials(context, ["https://:443"], ["http/1.1"]), Credentials)
    assert load_credentials(None, [":80", "unix:/run/app.sock"], []) is None
    with pytest.raises(BindError, match=r"https://:443"):
        load_credentials(None, [":80", "https://:443"], [])
