"""A load that counts what comes back, and forgives nothing."""

import json
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import trio

from tests.support.loopback import PATIENCE_SECONDS, receive_answer

# On one connection, before a client opens a new one: a proxy that knows of no requests chooses an
# instance for a connection.
REQUEST_COUNT = 25


class Load:
    """Clients that ask one request after the other and forgive nothing.

    Args:
        address: Where they ask.

    Attributes:
        answers: How many requests of which method got which status.
        processes: How many were answered by which process.
        broken: What went wrong on connections.
    """

    def __init__(self, address: tuple[str, int]) -> None:
        self.address = address
        self.answers: Counter[tuple[str, int]] = Counter()
        self.processes: Counter[int] = Counter()
        self.broken: list[str] = []
        self._over = False
        self._answered = trio.lowlevel.ParkingLot()

    @asynccontextmanager
    async def of(self, clients: int) -> AsyncIterator[None]:
        """Ask while the body runs, and then have what was begun answered."""
        async with trio.open_nursery() as nursery:
            for number in range(clients):
                nursery.start_soon(self._ask_on, number)
            yield
            self._over = True

    async def wait(self, condition: Callable[[], bool]) -> None:
        """Wait for what the answers tell."""
        with trio.fail_after(PATIENCE_SECONDS):
            while not condition():
                await self._answered.park()

    async def _ask_on(self, number: int) -> None:
        while not self._over:
            async with await trio.open_tcp_stream(*self.address) as stream:
                for _ in range(REQUEST_COUNT):
                    number += 1
                    if self._over or not await self._ask(stream, ("GET", "POST")[number % 2]):
                        break

    async def _ask(self, stream: trio.SocketStream, method: str) -> bool:
        """Ask once; returns whether the connection goes on."""
        length = "content-length: 3\r\n\r\ntea" if method == "POST" else "\r\n"
        try:
            await stream.send_all(f"{method} / HTTP/1.1\r\nhost: a\r\n{length}".encode())
            head, _, body = (await receive_answer(stream)).partition(b"\r\n\r\n")
        except (AssertionError, trio.BrokenResourceError) as error:
            self.broken.append(f"{method}: {error}")
            return False
        self.answers[method, int(head.split()[1])] += 1
        if head.startswith(b"HTTP/1.1 200 "):
            self.processes[json.loads(body)["process"]] += 1
        self._answered.unpark_all()
        return b"\r\nconnection: close" not in head.lower()
