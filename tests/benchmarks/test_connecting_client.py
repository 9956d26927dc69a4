"""The client that connects anew for each request, over TCP and over TLS."""

from collections.abc import Iterable

import pytest
import trio

from hump_trio import TLS, Hump, Request
from tests.benchmarks.client import CONNECTION_COUNT
from tests.benchmarks.connecting_client import ConnectingClient
from tests.benchmarks.scenarios import LOADS
from tests.benchmarks.servers import write_certificate
from tests.support.loopback import address_of, served

ROUNDS = 2


def take_steps(client: ConnectingClient) -> None:
    """Take all steps, as often as there are rounds."""
    for _ in range(ROUNDS):
        for send, receive in client.steps():
            send()
            receive()


@pytest.mark.parametrize("scenario", ["connect", "tls_connect"])
async def test_each_connection_asks_once(
    scenario: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """All of them are answered and ended, and the next round has others."""
    paths: Iterable[str] = write_certificate(tmp_path_factory.mktemp("certificate"))
    app = Hump("127.0.0.1", 0, tls=TLS(*paths) if scenario == "tls_connect" else None)
    clients = []

    @app.get("/")
    async def hello(request: Request) -> str:
        clients.append(request.client)
        return "Hello, world!"

    async with served(app) as url:
        client = ConnectingClient(address_of(url)[1], LOADS[scenario])
        await trio.to_thread.run_sync(take_steps, client)
    assert len(clients) == len(set(clients)) == ROUNDS * CONNECTION_COUNT
