"""A raw connection sends and receives byte by byte."""

import pytest
import trio
from trio.testing import MockClock

from hump_trio import Hump
from hump_trio.testing import connect
from tests.support.wire import request
from tests.testing.apps import new_app


async def test_a_raw_connection_reads_no_more_than_asked_for(autojump_clock: MockClock) -> None:
    """For tests of what comes when."""
    async with connect(new_app()) as raw:
        await raw.send(request())
        assert await raw.receive(4) == b"HTTP"
        assert await raw.receive(1) == b"/"


async def test_a_raw_connection_trickles(autojump_clock: MockClock) -> None:
    """A client that sends a byte a second is cut as any slow one, in no time."""
    async with connect(Hump()) as raw:
        await raw.trickle(request(), pause=0.1)
        assert (await raw.receive()).startswith(b"HTTP/1.1 404 ")
        started = trio.current_time()
        with pytest.raises(trio.BrokenResourceError):
            await raw.trickle(request(), pause=1)
        assert 10 <= trio.current_time() - started <= 17
        assert (await raw.receive()).startswith(b"HTTP/1.1 408 ")
