"""The recipe for libraries of asyncio does what its docstring says, with a real upstream."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import trio

from examples.recipes import asyncio_library
from hump_trio import Hump, Timeouts
from hump_trio.testing import client, connect
from tests.support.loopback import address_of, served, wait_until
from tests.support.wire import request

# Once imported, trio-asyncio gives even `asyncio.run` a loop on Trio, unless it is told otherwise.
asyncio.set_event_loop_policy(asyncio.DefaultEventLoopPolicy())

app = asyncio_library.app
SOON = Timeouts(disconnect_poll=0.02, deadline_header="x-timeout-ms")


def make_upstream(host: str = "127.0.0.1", port: int = 0) -> Hump:
    """Return an app with a page, one that never comes, and one of which a part comes."""
    upstream = Hump(host, port, timeouts=SOON)

    @upstream.get("/tea")
    async def tea() -> str:
        return "Assam"

    @upstream.get("/sloth")
    async def sloth() -> None:
        await trio.sleep_forever()

    @upstream.get("/half")
    async def half() -> AsyncIterator[str]:
        yield "a part"
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


async def test_asyncio_library__outlives_its_upstream(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is killed in mid-answer, or away, is a 502; then another one serves."""
    host = "127.0.0.31"  # nobody else takes a port of this host between the two
    upstream, killed = make_upstream(host), trio.CancelScope()

    async def serve(*, task_status: trio.TaskStatus[tuple[str, ...]]) -> None:
        with killed:
            await upstream.serve(task_status=task_status)

    async with trio.open_nursery() as nursery:
        [url] = await nursery.start(serve)
        monkeypatch.setattr(asyncio_library, "UPSTREAM", url)
        async with client(app) as http:
            statuses = list[int]()

            async def ask(path: str) -> None:
                statuses.append((await http.get(path)).status_code)

            async with trio.open_nursery() as asking:
                asking.start_soon(ask, "/half")
                await wait_until(lambda: len(upstream.statistics().requests) == 1)
                killed.cancel()
            await ask("/tea")
            async with served(make_upstream(*address_of(url))):
                await ask("/tea")
    assert statuses == [502, 502, 200]
