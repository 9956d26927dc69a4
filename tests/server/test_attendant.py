"""A task beside the lanes of a connection, which goes on whatever happens to a handler."""

import gc
import weakref

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from hump_trio.server.attendant import Attendant
from hump_trio.server.compartment import Compartment
from hump_trio.server.connection import Connection
from hump_trio.server.phases import Phase
from hump_trio.server.watchdog import Watchdog
from hump_trio.transports.memory import MemoryTransport, memory_transport_pair
from tests.support.served import served


class Beside:
    """Something of a connection that needs a task.

    Attributes:
        events: What has happened.
    """

    def __init__(self, connection: Connection) -> None:
        self.events: list[str] = []
        self.attendant = Attendant(connection, self._run)

    async def _run(self) -> None:
        self.events.append("started")
        try:
            await trio.sleep_forever()
        finally:
            self.events.append("ended")


class Served:
    """A connection that is served, with its client's end."""

    def __init__(self, nursery: trio.Nursery) -> None:
        self.watchdog = Watchdog()
        self.client: MemoryTransport
        self.client, server = memory_transport_pair()
        self.connection = Connection(server, served())
        self.watchdog.add(self.connection)
        compartment = Compartment(self.watchdog)
        self.connection.start_lane, self.connection.hand_on = (
            compartment.start_lane,
            compartment.hand_on,
        )
        nursery.start_soon(compartment.hold)
        compartment.start_soon(self.connection)


async def test_it_runs_until_it_is_stopped() -> None:
    """It is swept meanwhile, has no deadline, and serves no request."""
    async with trio.open_nursery() as nursery:
        scene = Served(nursery)
        await wait_all_tasks_blocked()
        beside = Beside(scene.connection)
        await wait_all_tasks_blocked()
        assert beside.events == ["started"]
        [clock] = scene.watchdog.lanes
        assert clock is beside.attendant.clock
        assert (clock.phase, clock.request) == (Phase.SPARE, None)
        beside.attendant.stop()
        beside.attendant.stop()
        await wait_all_tasks_blocked()
        assert beside.events == ["started", "ended"]
        assert not scene.watchdog.lanes
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("how", ["at once", "at a shutdown"])
async def test_it_is_ended(how: str) -> None:
    """Before it has begun, or as all lanes are at the end of the server."""
    async with trio.open_nursery() as nursery:
        scene = Served(nursery)
        await wait_all_tasks_blocked()
        beside = Beside(scene.connection)
        if how == "at once":
            beside.attendant.stop()
        else:
            await wait_all_tasks_blocked()
            beside.attendant.clock.cancel("shutdown")
        await wait_all_tasks_blocked()
        assert beside.events == ["started", "ended"]
        nursery.cancel_scope.cancel()


async def test_it_holds_nothing_when_it_is_over() -> None:
    """What it belongs to may hold it: that is no circle, and nothing waits for the collector."""
    async with trio.open_nursery() as nursery:
        scene = Served(nursery)
        await wait_all_tasks_blocked()
        beside = Beside(scene.connection)
        await wait_all_tasks_blocked()
        gone = weakref.ref(beside)
        beside.attendant.stop()
        await wait_all_tasks_blocked()
        gc.disable()
        try:
            del beside
            assert gone() is None
        finally:
            gc.enable()
        nursery.cancel_scope.cancel()
