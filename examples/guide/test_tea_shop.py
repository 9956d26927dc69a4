"""Tests of the tea shop: the whole server in memory, without a port, and a minute in no time.

Try: python -m pytest examples/guide
"""

import sqlite3
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
import trio

from examples.guide.database_and_providers import Order, Transaction
from examples.guide.live import app
from examples.guide.login_and_rights import Staff
from hump_trio.testing import AutojumpClock, Refused, blocking_client, client, websocket

ADA = Staff("ada", manager=False)


@pytest.fixture
def clock() -> AutojumpClock:
    return AutojumpClock()


@pytest.fixture
def anyio_backend(clock: AutojumpClock) -> tuple[str, dict[str, Any]]:
    return "trio", {"clock": clock}  # for anyio's plugin alone


async def test_an_order_is_kept(clock: AutojumpClock) -> None:
    """Who asks afterwards sees it."""
    async with client(app) as http:
        placed = await http.post("/orders", json={"tea": "sencha", "cups": 2})
        assert placed.json() == {"number": 1, "tea": "sencha", "cups": 2, "ready": False}
        assert (await http.get("/orders")).json() == [placed.json()]


async def test_a_large_order_is_given_up(clock: AutojumpClock) -> None:
    """Leaves for a hundred cups aren't weighed in two seconds, and nothing is kept."""
    async with client(app) as http:
        assert (await http.post("/orders", json={"tea": "sencha", "cups": 100})).status_code == 503
        assert (await http.get("/orders")).json() == []


async def test_staff_mark_orders_ready(clock: AutojumpClock) -> None:
    """A fake in place of who has logged in: no password is hashed, and no cookie needed."""
    async with client(app, provide={Staff: ADA}) as http:
        await http.post("/orders", json={"tea": "assam"})
        assert (await http.post("/orders/1/ready")).json()["ready"] is True
        assert (await http.get("/takings")).status_code == 403


class StuckDatabase:
    """A fake of a transaction: the database doesn't answer."""

    async def fetch(self, sql: str, *values: object) -> list[Any]:
        """Wait."""
        await trio.sleep_forever()
        raise AssertionError("nobody waits so long")


async def test_a_stuck_database_is_given_up(clock: AutojumpClock) -> None:
    """After the 30 seconds that each handler has, which are over at once here."""
    start = trio.current_time()
    async with client(app, provide={Transaction: StuckDatabase()}) as http:
        assert (await http.get("/orders")).status_code == 503
    assert 30 <= trio.current_time() - start < 31


class BrokenDatabase:
    """Another fake: the disk is full."""

    async def fetch(self, sql: str, *values: object) -> list[Any]:
        """Fail."""
        raise sqlite3.OperationalError("database or disk is full")


async def test_a_full_disk_is_no_secret() -> None:
    """The client is told nothing; the test is told all, where it asks for that."""
    fakes = {Transaction: BrokenDatabase()}
    async with client(app, provide=fakes) as http:
        assert (await http.get("/orders")).text == "Internal Server Error"
    async with client(app, provide=fakes, raise_errors=True) as http:
        with pytest.raises(sqlite3.OperationalError, match="disk is full"):
            await http.get("/orders")


async def test_the_kitchen_hears_of_orders(clock: AutojumpClock) -> None:
    """A WebSocket of the staff shows an order, and that somebody has marked it ready."""
    async with client(app, provide={Staff: ADA}) as http, websocket(app, "/kitchen") as kitchen:
        await http.post("/orders", json={"tea": "assam"})
        assert await kitchen.receive(Order) == Order(1, "assam", 1)
        await kitchen.send(1)
        assert await kitchen.receive(Order) == Order(1, "assam", 1, ready=True)


async def test_the_kitchen_is_for_staff() -> None:
    """A handshake without a session is refused by an answer of HTTP."""
    with pytest.raises(Refused) as refused:
        async with websocket(app, "/kitchen"):
            pass
    assert refused.value.response.status_code == 401


@pytest.fixture
def http() -> Iterator[httpx2.Client]:
    with blocking_client(app) as http:
        yield http


def test_somebody_logs_in(http: httpx2.Client) -> None:
    """A plain function tests an app that runs in a thread, in real time."""
    ada = {"name": "ada", "password": "0 1 1 2 3 5"}
    token = {"authorization": "Bearer for-trying-out"}
    assert http.post("/staff", json=ada, headers=token).json()["name"] == "ada"
    assert http.get("/login").status_code == 401
    http.post("/login", data=ada)
    assert http.get("/login").json() == {"name": "ada", "manager": False}
