"""The protocol that a connection is served by."""

import ssl
from collections.abc import Sequence
from pathlib import Path

import pytest
from trio.testing import MockClock

from hump_trio import TLS, Hump, Limits, Timeouts
from hump_trio.dispatch.dispatcher import Dispatcher
from hump_trio.routing.table import RouteTable
from hump_trio.server import protocols
from hump_trio.server.connection import Connection
from hump_trio.server.protocols import WireProtocol, protocol_names, serve_connection
from hump_trio.server.state import ServerState
from hump_trio.transports.memory import MemoryTransport, Pipe
from tests.support.loopback import served
from tests.support.secured import write_certificate


class AgreedTransport(MemoryTransport):
    """A transport whose handshake agrees on a protocol.

    Args:
        agreed: Its name; None: there is no handshake.
    """

    def __init__(self, agreed: str | None) -> None:
        super().__init__(Pipe(1), Pipe(1))
        self.needs_handshake = agreed is not None
        self._agreed = agreed

    async def handshake(self) -> None:
        """Agree on the protocol."""
        await super().handshake()
        assert self._agreed is not None
        self.protocol = self._agreed


@pytest.mark.parametrize(
    ("agreed", "served_by"),
    [(None, "http/1.1"), ("http/1.1", "http/1.1"), ("other", "other"), ("unknown", "http/1.1")],
)
async def test_a_connection_is_served_by_what_was_agreed_on(
    agreed: str | None,
    served_by: str,
    autojump_clock: MockClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In its handshake; by HTTP/1.1 where nothing was, or what nobody here speaks."""
    served: list[tuple[str, Connection]] = []

    def row(name: str) -> WireProtocol:
        async def serve(connection: Connection) -> None:
            served.append((name, connection))

        return WireProtocol(name, serve)

    rows = [row(name) for name in ("other", "http/1.1")]
    monkeypatch.setattr(protocols, "BY_NAME", {each.name: each for each in rows})
    monkeypatch.setattr(protocols, "FALLBACK", rows[-1])
    state = ServerState(Dispatcher(Hump(), RouteTable()), Limits(), Timeouts(), None)
    connection = Connection(AgreedTransport(agreed), state)
    await serve_connection(connection)
    assert served == [(served_by, connection)]


@pytest.mark.parametrize(("http2", "names"), [(True, ("h2", "http/1.1")), (False, ("http/1.1",))])
async def test_tls_offers_every_protocol(
    http2: bool, names: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An app that is served over TLS offers the whole table, whose order is the server's."""
    offered: list[Sequence[str]] = []
    write_certificate(tmp_path)
    tls = TLS(tmp_path / "certificate.pem", tmp_path / "key.pem")
    app = Hump("127.0.0.1", 0, tls=tls, http2=http2)

    def offer(context: ssl.SSLContext, names: Sequence[str]) -> None:
        offered.append(names)

    monkeypatch.setattr(ssl.SSLContext, "set_alpn_protocols", offer)
    async with served(app):
        pass
    assert {tuple(each) for each in offered} == {names}
    assert protocol_names(http2=http2) == names
