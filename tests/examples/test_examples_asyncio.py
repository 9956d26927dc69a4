"""The recipe for libraries of asyncio does what its docstring says, with a real upstream."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import trio

from examples.recipes import asyncio_library
from hump_trio import Hump, Timeouts
from hump_trio.testing import client, connect
from tests.support.loopback import served, wait_until
from tests.support.wire import request

# Once imported, trio-asyncio gives even `asyncio.run` a loop on Trio, unless it is told otherwise.
asyncio.set_event_loop_policy(asyncio.DefaultEventLoopPolicy())

app = asyncio_library.app
SOON = Timeouts(disconnect_poll=0.02, deadline_header="x-timeout-ms")


def make_upstream() -> Hump:
    """Return an app with a page, and one that never comes."""
    upstream = Hump("127.0.0.1", 0, timeouts=SOON)

    @upstream.get("/tea")
    async def tea() -> str:
        return "Assam"

    @upstream.get("/sloth")
    async def sloth() -> None:
        await trio.sleep_forever()

    return upstream


@pytest.fixture
async def upstream(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Hump]:
    """The upstream, which is served on a socket."""
    monkeypatch.setattr(app, "timeouts", SOON)
    upstream = make_upstream()
    async with served(upstream) as url:
        monkeypatch.setattr(asyncio_library, "UPSTREAM", url)
        yield upstream


async def test_asyncio_library__asks_the_upstream(upstream: Hump) -> None:
    """In the loop of the lifespan."""
    async with client(app) as http:
        found, missing = await http.get("/tea"), await http.get("/coffee")
    assert (found.status_code, found.text, missing.status_code) == (200, "Assam", 404)


async def test_asyncio_library__lets_the_upstream_go_at_a_deadline(upstream: Hump) -> None:
    """What is cancelled on Trio is cancelled in asyncio."""
    async with client(app) as http:
        late = await http.get("/sloth", headers={"x-timeout-ms": "100"})
        assert late.status_code == 504
        await wait_until(lambda: not upstream.statistics().requests)


async def test_asyncio_library__lets_the_upstream_go_with_the_client(upstream: Hump) -> None:
    """Nobody is asked for what nobody waits for."""
    async with connect(app) as raw:
        await raw.send(request(path="/sloth"))
        await wait_until(lambda: len(upstream.statistics().requests) == 1)
        raw.reset()
        await wait_until(lambda: not upstream.statistics().requests)
