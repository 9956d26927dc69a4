"""The service of examples/deploy does what those in front of it rely on."""

import trio
from trio.testing import MockClock

from examples.deploy import service
from hump_trio.testing import client


async def test_service__tells_that_it_drains(autojump_clock: MockClock) -> None:
    """While it drains, /ready is 503 and all else is as ever, for `shutdown_delay` seconds."""
    async with client(service.app) as http:
        ready = await http.get("/ready")
        service.app.shutdown()
        began = trio.current_time()
        draining = await http.get("/ready")
        alive, index = await http.get("/live"), await http.get("/")
        await trio.sleep_until(began + service.TIMEOUTS.shutdown_delay - 0.1)
        last = await http.get("/live")
    assert (ready.status_code, draining.status_code) == (200, 503)
    assert (alive.status_code, index.status_code, last.status_code) == (200, 200, 200)
    assert "connection" not in last.headers


async def test_service__takes_bodies_and_tells_events(autojump_clock: MockClock) -> None:
    """An upload is counted, and ten events come within ten seconds."""
    async with client(service.app) as http:
        uploaded = await http.put("/upload", content=bytes(1_000_000))
        events = await http.get("/events")
    assert uploaded.json() == {"bytes": 1_000_000}
    assert events.text.count("data: ") == 10


async def test_service__believes_its_proxies(autojump_clock: MockClock) -> None:
    """What a proxy says of its client counts; that is whoever is on a Unix socket, as here."""
    fields = {"x-forwarded-proto": "https", "x-forwarded-for": "203.0.113.7"}
    async with client(service.app) as http:
        index = (await http.get("/", headers=fields)).json()
    assert (index["scheme"], index["client"]) == ("https", "203.0.113.7")
