"""The client of many connections keeps each of them busy, and looks at how much is answered."""

from dataclasses import replace

import pytest
import trio

from hump_trio import Hump
from tests.benchmarks.busy_client import busily_connected
from tests.benchmarks.scenarios import LOADS, Load
from tests.support.loopback import address_of, served

LOAD = replace(LOADS["hello"], connection_count=100)


def repeat_for_a_moment(port: int, load: Load) -> list[float]:
    """Let all connections ask at least once more than when they were opened."""
    with busily_connected(port, load) as client:
        return client.repeat(0.01)


async def test_every_connection_asks_again_and_again() -> None:
    """Each answer is told with the time it took, at least one of each connection."""
    app = Hump("127.0.0.1", 0)
    answered = []

    @app.get("/")
    async def hello() -> str:
        answered.append("Hello, world!")
        return "Hello, world!"

    async with served(app) as url:
        taken = await trio.to_thread.run_sync(repeat_for_a_moment, address_of(url)[1], LOAD)
    assert len(answered) == len(taken) + LOAD.connection_count
    assert len(taken) >= LOAD.connection_count
    assert min(taken) > 0


async def test_an_answer_of_another_length_is_an_error() -> None:
    """What comes is counted by its bytes, which have to be as many each time."""
    app = Hump("127.0.0.1", 0)
    answered = []

    @app.get("/")
    async def hello() -> str:
        answered.append("Hello, world!")
        return "Hello, world!" if len(answered) <= LOAD.connection_count else "Hello, wide world!"

    async with served(app) as url:
        with pytest.raises(RuntimeError, match="a server sends"):
            await trio.to_thread.run_sync(repeat_for_a_moment, address_of(url)[1], LOAD)
