"""The pool of a client in memory is httpcore's own, on connections that have its errors."""

import httpcore2
import httpx2
import pytest
import trio
from trio.testing import MockClock

from hump_trio.testing import client
from hump_trio.testing.memory_pool import MemoryNetworkStream
from hump_trio.transports.memory import memory_transport_pair
from tests.testing.apps import new_app


async def test_a_connection_is_used_again_until_the_app_closes_it(
    autojump_clock: MockClock,
) -> None:
    """As httpx does over a network: the pool sees the end of an idle connection."""
    async with client(new_app()) as http:
        for _ in range(3):
            assert (await http.get("/")).status_code == 200
            await trio.sleep(100)


@pytest.mark.http1_only("another transport, of the tests, knows no timeouts")
async def test_timeouts_of_httpx_are_kept(autojump_clock: MockClock) -> None:
    """On the clock of the test, where the test asks for some; by itself a client waits for ever."""
    async with client(new_app(), timeout=9) as http:
        with pytest.raises(httpx2.ReadTimeout, match="sent nothing for 9 s"):
            await http.get("/ticks")
        assert (await http.get("/ticks", timeout=11)).text == "tick" * 3
    ours, _ = memory_transport_pair(0)
    with pytest.raises(httpcore2.WriteTimeout, match="taken nothing for 5 s"):
        await MemoryNetworkStream(ours).write(bytes(2**20), timeout=5)


async def test_writing_to_an_app_that_has_gone_is_an_error_of_httpcore() -> None:
    """The pool below httpx knows what to do with its own errors."""
    ours, theirs = memory_transport_pair()
    theirs.reset()
    stream = MemoryNetworkStream(ours)
    with pytest.raises(httpcore2.WriteError):
        await stream.write(b"x")
    with pytest.raises(httpcore2.ReadError):
        await stream.read(1)


async def test_a_client_that_is_closed_meanwhile_has_an_error_of_httpx(
    autojump_clock: MockClock,
) -> None:
    """As over a network, in a task that waits for an answer."""
    async with client(new_app()) as http:

        async def ask() -> None:
            with pytest.raises(httpx2.ReadError):
                await http.get("/ticks")

        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask)
            await trio.sleep(1)
            await http.aclose()
