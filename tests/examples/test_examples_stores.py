"""The recipes that tell many clients something keep their promises, with real stores."""

import json
import signal
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

import httpx2
import pytest
import trio
import websockets

from tests.support import stores
from tests.support.deployment import Instance, started
from tests.support.loopback import PATIENCE_SECONDS
from tests.support.websocket_offer import Client, Offer
from tests.support.websockets_clients import connect_trio

# httpx leaves generators to the garbage collector, wherever a stream isn't read to its end.
pytestmark = pytest.mark.filterwarnings("ignore:Async generator:ResourceWarning")

AGAIN_SECONDS = 0.02  # between two tries to tell what nobody may have heard yet


class Service:
    """Two instances of a recipe with two workers each, and clients of theirs.

    Attributes:
        https: A client of each instance.
        streams: The lines of event streams, some of each instance.
    """

    def __init__(self, instances: list[Instance], stack: AsyncExitStack) -> None:
        self._instances = instances
        self._stack = stack
        self.https: list[httpx2.AsyncClient] = []
        self.streams: list[AsyncIterator[str]] = []

    async def connect(self) -> None:
        """Make a client of each instance."""
        for instance in self._instances:
            http = httpx2.AsyncClient(
                base_url=f"http://{instance.bind}", timeout=PATIENCE_SECONDS, trust_env=False
            )
            self.https.append(await self._stack.enter_async_context(http))

    async def listen(self) -> None:
        """Open event streams."""
        for http in self.https * 4:
            opened = await self._stack.enter_async_context(http.stream("GET", "/events"))
            self.streams.append(opened.aiter_lines())

    async def open_websockets(self) -> list[Client]:
        """Open WebSockets."""
        return [
            await self._stack.enter_async_context(
                connect_trio(f"ws://{instance.bind}/live", Offer())
            )
            for instance in self._instances * 3
        ]

    async def tell(self, text: str) -> list[httpx2.Response]:
        """Tell each instance a text, and return what they answer."""
        return [await http.post("/news", content=text) for http in self.https]

    async def wait_for_line(self, line: str) -> None:
        """Read each event stream up to a line."""
        with trio.fail_after(PATIENCE_SECONDS):
            for stream in self.streams:
                while await anext(stream) != line:
                    pass

    async def stop(self) -> list[int]:
        """End the instances as a deployment does, and return their exit statuses."""
        return [await instance.stop() for instance in self._instances]


@asynccontextmanager
async def served(recipe: str, environment: Mapping[str, str]) -> AsyncIterator[Service]:
    """Run two instances of a recipe."""
    app = f"examples.recipes.{recipe}:app"
    instances = [
        Instance("127.0.0.1:0", app=app, options=["--workers=2"], environment=environment)
        for _ in range(2)
    ]
    async with started(*instances), AsyncExitStack() as stack:
        service = Service(instances, stack)
        await service.connect()
        yield service


async def tell_all(service: Service, text: str) -> None:
    """Tell the first instance a text until all four workers have heard it, by Redis."""
    with trio.fail_after(PATIENCE_SECONDS):
        while True:
            answer = await service.https[0].post("/news", content=text)
            if answer.status_code == 200 and answer.json() == {"workers": 4}:
                return


async def wait_for_message(sockets: Sequence[Client], message: dict[str, str]) -> None:
    """Read from each WebSocket up to a message."""
    with trio.fail_after(PATIENCE_SECONDS):
        for socket in sockets:
            while json.loads(await socket.receive()) != message:
                pass


async def code_of_close(socket: Client) -> int:
    """Read what is left, and return the code that the server has closed with."""
    with trio.fail_after(PATIENCE_SECONDS):
        while True:
            try:
                await socket.receive()
            except websockets.ConnectionClosed as closed:
                received = closed.rcvd
                break
    assert received is not None
    return received.code


@pytest.mark.program("redis-server")
async def test_redis_fan_out__reaches_all_clients(redis: stores.Redis) -> None:
    """Of two workers and two instances, by streams and WebSockets, whoever tells them.

    They outlive a Redis that is killed. Whoever tells something meanwhile is told that nobody hears
    it. SIGTERM ends streams, WebSockets and workers well.
    """
    async with served("redis_fan_out", {"REDIS_URL": redis.url}) as service:
        await tell_all(service, "nobody listens yet")
        await service.listen()
        sockets = await service.open_websockets()
        for socket, text in zip(sockets, ("one", "other"), strict=False):
            await socket.send(text)
            await service.wait_for_line(f'data: {{"news":"{text}"}}')
            await wait_for_message(sockets, {"news": text})
        redis.stop()
        assert [answer.status_code for answer in await service.tell("no")] == [503, 503]
        for socket in sockets:
            await socket.send("no")
        await wait_for_message(sockets, {"error": "nobody can be told now"})
        redis.start()
        await tell_all(service, "tea is cold")
        await service.wait_for_line('data: {"news":"tea is cold"}')
        await wait_for_message(sockets, {"news": "tea is cold"})
        assert await service.stop() == [0, 0]
        for stream in service.streams:
            assert not {line async for line in stream} - {"", 'data: {"news":"tea is cold"}'}
        for socket in sockets:
            assert await code_of_close(socket) == 1001


@pytest.fixture
def own_postgres() -> Iterator[stores.Program]:
    """A PostgreSQL that is this test's alone, with a database called tea."""
    with stores.postgres() as server:
        stores.create_database(server.folder, "tea")
        yield server


async def tell_until_heard(service: Service, text: str) -> None:
    """Tell a text to the first instance again and again, until each stream has it."""

    async def tell() -> None:
        while True:
            await service.https[0].post("/news", content=text)
            await trio.sleep(AGAIN_SECONDS)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(tell)
        await service.wait_for_line(f"data: {text}")
        nursery.cancel_scope.cancel()


@pytest.mark.program("initdb")
async def test_postgres_notify__reaches_all_clients(own_postgres: stores.Program) -> None:
    """Of two workers and two instances. Streams outlive a PostgreSQL that is killed."""
    url = f"host={own_postgres.folder} user=postgres dbname=tea"
    async with served("postgres_notify", {"DATABASE_URL": url}) as service:
        await service.listen()
        await tell_until_heard(service, "tea is ready")
        assert [answer.status_code for answer in await service.tell("and hot")] == [204, 204]
        await service.wait_for_line("data: and hot")
        assert [answer.status_code for answer in await service.tell("\0")] == [400, 400]
        assert [answer.status_code for answer in await service.tell("a" * 8000)] == [413, 413]
        own_postgres.stop(signal.SIGQUIT)
        assert [answer.status_code for answer in await service.tell("no")] == [503, 503]
        own_postgres.start()
        await tell_until_heard(service, "tea is cold")
        assert await service.stop() == [0, 0]
