"""A task that a handler has ruined ends without harm to the connections beside it."""

import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from hump_trio import Hump, Request
from hump_trio.server import compartment
from hump_trio.server.connection import Connection
from hump_trio.server.watchdog import Watchdog
from hump_trio.testing import connect
from hump_trio.transports.memory import memory_transport_pair
from tests.support.loopback import PATIENCE_SECONDS, address_of, connect_to
from tests.support.served import served
from tests.support.wire import ask, read_to_end, read_until, request

LEFT_OPEN = "a handler left a scope or a nursery open"


class Ruins:
    """An app with a handler that leaves a nursery open, and what became of it.

    Attributes:
        app: Serves it on ``/leak``, and others on ``/``, ``/waiting`` and ``/later``.
        ended: How the tasks in that nursery and the waiting handlers have ended.
    """

    def __init__(self) -> None:
        self.app = Hump()
        self.ended: list[Any] = []
        self._kept: list[AsyncIterator[str]] = []
        self.app.get("/")(self.index)
        self.app.get("/leak")(self.leak)
        self.app.get("/waiting")(self.wait)
        self.app.get("/later")(self.answer_later)

    async def index(self) -> str:
        """Answer."""
        return "still here"

    async def answer_later(self) -> str:
        """Answer after a while."""
        await trio.sleep(10)
        return "later"

    async def leak(self) -> str:
        """Leave the nursery of a generator open."""
        self._kept.append(self._parts())
        return await anext(self._kept[-1])

    async def wait(self, request: Request) -> None:
        """Never answer."""
        try:
            await trio.sleep_forever()
        finally:
            self.ended.append(request.cancel_reason)

    async def _parts(self) -> AsyncIterator[str]:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._sleep)
            await trio.sleep(1)
            yield "leaked"

    async def _sleep(self) -> None:
        try:
            await trio.sleep_forever()
        finally:
            self.ended.append("child")


@pytest.fixture
def ruins() -> Ruins:
    """An app with a handler that leaves a nursery open."""
    return Ruins()


async def leak(app: Hump) -> None:
    """Have the task of a connection ruined, and let it come to its end."""
    async with connect(app) as raw:
        await raw.send(request("GET", "/leak", "Connection: close"))
        assert b"leaked" in await read_to_end(raw)
    await trio.sleep(1)


@pytest.mark.parametrize("leaks", [1, 3])
async def test_others_go_on_beside_a_ruined_task(
    ruins: Ruins, leaks: int, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Those that were there as well as new ones; its error is logged when they have ended."""
    async with connect(ruins.app) as neighbour:
        await neighbour.send(request("GET", "/later"))
        async with trio.open_nursery() as nursery:
            for _ in range(leaks):
                nursery.start_soon(leak, ruins.app)
        assert ruins.ended == ["child"] * leaks
        for _ in range(2):
            [answer] = await ask(ruins.app, request())
            assert answer.text == "still here"
        assert LEFT_OPEN not in caplog.text
        await read_until(neighbour, b"later")
        await neighbour.send(request())
        await read_until(neighbour, b"still here")
        await neighbour.half_close()
        assert await read_to_end(neighbour) == b""
        await trio.sleep(1)
        assert caplog.text.count(LEFT_OPEN) == 1


async def test_the_neighbours_of_a_ruined_task_are_told_why_they_end(
    ruins: Ruins, autojump_clock: MockClock
) -> None:
    """When the server is cancelled, as every handler is; nothing is raised."""
    with trio.CancelScope() as scope:
        async with connect(ruins.app) as neighbour:
            await neighbour.send(request("GET", "/waiting"))
            await leak(ruins.app)
            scope.cancel()
    assert ruins.ended == ["child", "server-failed"]


@pytest.mark.memory_only("elsewhere it has no task of its own")
async def test_a_task_that_fails_ends_alone(
    ruins: Ruins, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even by an error of the server's own, which is logged."""

    async def fail(connection: Connection) -> None:
        connection.transport.close()
        raise ValueError("the server's own")

    async with connect(ruins.app) as neighbour:
        await neighbour.send(request())
        await read_until(neighbour, b"still here")
        monkeypatch.setattr(compartment, "serve_connection", fail)
        async with connect(ruins.app) as raw:
            assert await raw.receive() == b""
        await neighbour.send(request())
        await read_until(neighbour, b"still here")
    assert "the server's own" in caplog.text


async def test_a_connection_that_fails_ends_alone(
    ruins: Ruins, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether it has a task or not; the error, one of the server's own, is logged."""

    def fail(*args: object) -> None:
        raise ValueError("the server's own")

    async with connect(ruins.app) as neighbour:
        await neighbour.send(request())
        await read_until(neighbour, b"still here")
        with monkeypatch.context() as patch:
            patch.setattr("hump_trio.server.http1.fast_path.read_whole", fail)
            async with connect(ruins.app) as raw:
                await raw.send(request())
                assert await raw.receive() == b""
        await neighbour.send(request())
        await read_until(neighbour, b"still here")
    assert "the server's own" in caplog.text


@pytest.mark.parametrize("shielded", [False, True], ids=["empty", "shielded"])
@pytest.mark.parametrize("attempt", range(4))  # Trio shuffles who goes first
async def test_who_comes_as_the_server_is_cancelled_is_not_served(
    shielded: bool, attempt: int
) -> None:
    """Whether others are there still or not: no handler begins, and nothing is raised."""
    app = Hump("127.0.0.1", 0)
    begun = []

    @app.get("/")
    async def index(request: Request) -> str:
        begun.append(request.cancel_reason)
        await trio.lowlevel.checkpoint()
        return "hello"

    @app.get("/shielded")
    async def shield() -> None:
        with trio.CancelScope(shield=True):
            await go_on.wait()

    go_on = trio.Event()
    with trio.fail_after(PATIENCE_SECONDS):
        async with trio.open_nursery() as nursery:
            [url] = await nursery.start(app.serve)
            async with await connect_to(app) as early:
                path = "/shielded" if shielded else "/nowhere"
                await early.send_all(request("GET", path, "Connection: close"))
                await wait_all_tasks_blocked(0.01)
            with socket.create_connection(address_of(url)) as late:
                late.sendall(request())
                nursery.cancel_scope.cancel()
                go_on.set()
    assert begun == []


async def test_a_ruined_task_ends_where_no_lanes_take_turns(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """As where a system doesn't tell what arrives; its error is logged."""

    async def ruin() -> str:
        await trio.open_nursery().__aenter__()
        return "ruined"

    watchdog = Watchdog()
    client, server = memory_transport_pair()
    connection = Connection(server, served(ruin))
    watchdog.add(connection)
    client.send_nowait(request("GET", "/", "Connection: close"))
    async with trio.open_nursery() as nursery:
        alone = compartment.Compartment(watchdog)
        nursery.start_soon(alone.hold)
        alone.start_soon(connection)
        await client.send_eof()
        with trio.fail_after(PATIENCE_SECONDS):
            while LEFT_OPEN not in caplog.text:
                await trio.lowlevel.checkpoint()
    assert alone.sealed
