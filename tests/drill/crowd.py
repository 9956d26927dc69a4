"""All clients of the drill at the same time."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import httpx2
import trio

from tests.drill.clients import ANSWER_SECONDS, Asker, Client, Follower, Http2Connections, Talker
from tests.drill.ledger import Kind, Ledger
from tests.drill.site import wait_for

__all__ = ["Crowd"]

# Of each kind; half of the streams and WebSockets have HTTP/2 behind HAProxy.
ASKERS = 4
FOLLOWERS = 4
TALKERS = 4
ROUNDS = 4  # of a client: an order of its own is among those that it has begun behind a step


class Crowd:
    """The clients.

    Args:
        ledger: Where they count.
        addresses: Where they connect; at the second one they speak HTTP/2.
    """

    def __init__(self, ledger: Ledger, addresses: list[tuple[str, int]]) -> None:
        self._ledger = ledger
        self._addresses = addresses
        self._askers: list[Asker] = []
        self._followers: list[Follower] = []
        self._talkers: list[Talker] = []

    @property
    def sizes(self) -> Counter[Kind]:
        """How many clients of each kind there are."""
        return Counter(client.kind for client in self._clients)

    @property
    def _clients(self) -> list[Client]:
        return [*self._askers, *self._followers, *self._talkers]

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        """Be served while the body runs, and until what was begun is answered."""
        async with AsyncExitStack() as stack:
            over_http1, over_http2 = [
                await stack.enter_async_context(self._client(number)) for number in range(2)
            ]
            for number in range(ASKERS):
                name = f"client{number}"
                self._askers.append(Asker(self._ledger, f"{name}-1", "HTTP/1.1", over_http1))
                self._askers.append(Asker(self._ledger, f"{name}-2", "HTTP/2", over_http2))
            for number in range(FOLLOWERS):
                http = (over_http1, over_http2)[number % 2]
                self._followers.append(Follower(self._ledger, http))
            for number in range(TALKERS):
                self._talkers.append(Talker(self._ledger, self._addresses[number % 2]))
            async with trio.open_nursery() as following:
                for follower in self._followers:
                    following.start_soon(follower.run)
                async with trio.open_nursery() as others:
                    for client in (*self._askers, *self._talkers):
                        others.start_soon(client.run)
                    yield
                    for client in self._clients:
                        client.over = True
                await self._catch_up()
                following.cancel_scope.cancel()

    def _client(self, number: int) -> httpx2.AsyncClient:
        host, port = self._addresses[number]
        transport = Http2Connections((host, port)) if number else None
        timeout = httpx2.Timeout(ANSWER_SECONDS)
        return httpx2.AsyncClient(
            base_url=f"http://{host}:{port}", transport=transport, timeout=timeout, trust_env=False
        )

    async def settle(self) -> None:
        """Wait until each client is served well again, by what it has begun from now on."""
        marks = {client: client.rounds for client in (*self._askers, *self._talkers)}
        await wait_for(lambda: all(each.rounds >= mark + ROUNDS for each, mark in marks.items()))
        await self._catch_up()

    async def _catch_up(self) -> None:
        """Wait until each event stream has told of the newest order."""
        newest = self._ledger.newest
        await wait_for(lambda: all(each.last >= newest for each in self._followers))
