"""The drill's clients: httpx2 over HTTP/1.1 and over h2, and websockets; each counts what it sees.

Each does one thing after the other, and goes on until it is told to end.
"""

from abc import abstractmethod
from collections.abc import AsyncIterator
from typing import Any, ClassVar

import httpx2
import trio
import websockets
import websockets.trio.client

from tests.drill.ledger import Kind, Ledger
from tests.support.http2_client import Connection, NotBegunError

__all__ = ["Asker", "Client", "Follower", "Http2Connections", "Talker"]

PAUSE_SECONDS = 0.25  # between two requests of a client
AGAIN_SECONDS = 0.1  # before a stream or a WebSocket is opened again
ANSWER_SECONDS = 30.0  # for any answer, where more than the service takes is a loss
Address = tuple[str, int]


class Client:
    """A client that goes on until it is over.

    Args:
        ledger: Where it counts.

    Attributes:
        rounds: How often it was served well.
        over: Whether it is to end, when all that it has begun has been answered.
    """

    kind: Kind

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.rounds: int = 0
        self.over: bool = False

    @abstractmethod
    async def run(self) -> None:
        """Be served until it is over."""


class Asker(Client):
    """Asks for an order, and for something that can be asked any number of times, in turn.

    What was refused is given up. What has no answer, or one that leaves in doubt whether the order
    is made, is asked again by its key until there is no doubt.

    Args:
        ledger: Where it counts.
        name: Its own.
        kind: The protocol.
        http: Asks.
    """

    READS: ClassVar = ("/orders", "/visits")

    def __init__(self, ledger: Ledger, name: str, kind: Kind, http: httpx2.AsyncClient) -> None:
        super().__init__(ledger)
        self.kind = kind
        self._name = name
        self._http = http

    async def run(self) -> None:
        """Ask."""
        number = 0
        while not self.over:
            number += 1
            if number % 2:
                await self._order(f"{self._name}-{number}")
            else:
                path = self.READS[number // 2 % 2]
                while await self._ask("GET", path) is None:
                    pass
            await trio.sleep(PAUSE_SECONDS)

    async def _order(self, key: str) -> None:
        first = True
        while True:
            answer = await self._ask("POST", "/orders", {"key": key, "tea": "Assam"})
            if answer is not None and answer.status_code == 201:
                self.ledger.tell(key, answer.json()["number"])
                return
            if answer is not None and "retry-after" in answer.headers and first:
                self.ledger.refused.add(key)
                return
            first = False
            await trio.sleep(AGAIN_SECONDS)

    async def _ask(self, method: str, path: str, body: Any = None) -> httpx2.Response | None:
        """Return an answer, or None where there is none."""
        while True:
            try:
                answer = await self._http.request(method, path, json=body)
                break
            except NotBegunError:
                self.ledger.count(self.kind, "again")
            except httpx2.TransportError:
                self.ledger.count(self.kind, "asked")
                self.ledger.count(self.kind, "lost")
                if method == "GET":
                    self.ledger.count(self.kind, "lost GET")
                return None
        self.ledger.count(self.kind, "asked")
        if answer.is_success:
            self.ledger.count(self.kind, "answered")
            self.rounds += 1
        else:
            self.ledger.count(self.kind, "5xx")
        return answer


class Follower(Client):
    """Reads an event stream, as EventSource does: it resumes behind the last id that has come.

    Args:
        ledger: Where it counts.
        http: Opens the stream.
    """

    kind = "events"

    def __init__(self, ledger: Ledger, http: httpx2.AsyncClient) -> None:
        super().__init__(ledger)
        self._http = http
        self._read: list[int] = []
        self._ended = False
        ledger.read.append(self._read)

    @property
    def last(self) -> int:
        """The number of the order that it has read of last."""
        return self._read[-1] if self._read else 0

    async def run(self) -> None:
        """Follow; it is cancelled at the end, since a stream has none."""
        while not self.over:
            try:
                headers = {"last-event-id": str(self.last)}
                async with self._http.stream("GET", "/events", headers=headers) as answer:
                    if answer.is_success:
                        await self._read_from(answer.aiter_lines())
                        self.ledger.count(self.kind, "ended")
                        self._ended = True
                    else:
                        self.ledger.count(self.kind, "5xx")
            except NotBegunError:
                self.ledger.count(self.kind, "again")
            except httpx2.TransportError:
                self.ledger.count(self.kind, "lost")
                self._ended = True
            await trio.sleep(AGAIN_SECONDS)

    async def _read_from(self, lines: AsyncIterator[str]) -> None:
        if self._ended:
            self.ledger.count(self.kind, "resumed")
            self._ended = False
        async for line in lines:
            name, _, value = line.partition(": ")
            if name == "id":
                self._read.append(int(value))
                self.rounds += 1


class Talker(Client):
    """Sends messages by a WebSocket and waits until each is sent back; opens it again when closed.

    Args:
        ledger: Where it counts.
        address: Where it is opened.
    """

    kind = "sockets"

    def __init__(self, ledger: Ledger, address: Address) -> None:
        super().__init__(ledger)
        self._url = f"ws://{address[0]}:{address[1]}/talk"

    async def run(self) -> None:
        """Talk."""
        while not self.over:
            try:
                async with websockets.trio.client.connect(self._url, proxy=None) as socket:
                    await self._talk(socket)
            except websockets.ConnectionClosed as closed:
                self._note_end(closed)
            except websockets.InvalidStatus:
                self.ledger.count(self.kind, "5xx")
            except (OSError, trio.BrokenResourceError, websockets.InvalidHandshake):
                self.ledger.count(self.kind, "lost")
            await trio.sleep(AGAIN_SECONDS)

    async def _talk(self, socket: Any) -> None:
        while not self.over:
            text = str(self.rounds)
            self.ledger.count(self.kind, "asked")
            await socket.send(text)
            while await socket.recv() != text:  # news of an order
                pass
            self.ledger.count(self.kind, "answered")
            self.rounds += 1
            await trio.sleep(PAUSE_SECONDS)

    def _note_end(self, closed: websockets.ConnectionClosed) -> None:
        """Count who has been told by a closing frame, and who has lost the connection."""
        if closed.rcvd is None:
            self.ledger.count(self.kind, "lost")
        else:
            self.ledger.count(self.kind, "told")
            self.ledger.codes[closed.rcvd.code] += 1


class Wire:
    """A TCP connection for h2.

    Args:
        stream: Trio's, which it owns.
    """

    def __init__(self, stream: trio.SocketStream) -> None:
        self._stream = stream

    async def receive_some(self) -> bytes:
        """Return what has come, nothing at the end."""
        return bytes(await self._stream.receive_some())

    async def send_all(self, data: bytes) -> None:
        """Send."""
        await self._stream.send_all(data)

    def close(self) -> None:
        """Close at once."""
        self._stream.socket.close()

    async def aclose(self) -> None:
        """Close."""
        await self._stream.aclose()


class Http2Connections(httpx2.AsyncBaseTransport):
    """Lets httpx2 speak HTTP/2 by h2 over TCP, all its requests over one connection.

    httpx2's own HTTP/2 gives up what is under way at the first GOAWAY, which is no server's doing.

    Args:
        address: Where it connects.
    """

    def __init__(self, address: Address) -> None:
        self._address = address
        self._connections: list[Connection] = []
        self._opening = trio.Lock()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request and return the response, whose body is still to be read."""
        async with self._opening:
            connection = next((each for each in self._connections if each.takes_more), None)
            if connection is None:
                connection = await self._open()
        try:
            with trio.fail_after(ANSWER_SECONDS):
                return await connection.ask(request)
        except trio.TooSlowError as error:
            raise httpx2.ReadTimeout("no answer") from error

    async def _open(self) -> Connection:
        try:
            stream = await trio.open_tcp_stream(*self._address)
        except OSError as error:
            raise httpx2.ConnectError(str(error)) from error
        connection = Connection(Wire(stream))
        connection.open()
        self._connections.append(connection)
        return connection

    async def aclose(self) -> None:
        """Close every connection."""
        for connection in self._connections:
            await connection.aclose()
