"""The pool of a client in memory is httpcore's own, on connections that have its errors."""

import httpcore2
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


async def test_writing_to_an_app_that_has_gone_is_an_error_of_httpcore() -> None:
    """The pool below httpx knows what to do with its own errors."""
    ours, theirs = memory_transport_pair()
    theirs.reset()
    stream = MemoryNetworkStream(ours)
    with pytest.raises(httpcore2.WriteError):
        await stream.write(b"x")
    with pytest.raises(httpcore2.ReadError):
        await stream.read(1)
