"""The recipes that speak to Redis do what their docstrings say, with a real one."""

from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack

import httpx2
import pytest
import trio

from tests.support.deployment import Instance, started
from tests.support.loopback import PATIENCE_SECONDS
from tests.support.stores import Redis

# httpx leaves generators to the garbage collector, wherever a stream isn't read to its end.
pytestmark = [
    pytest.mark.program("redis-server"),
    pytest.mark.filterwarnings("ignore:Async generator:ResourceWarning"),
]


async def tell_workers(http: httpx2.AsyncClient, text: str) -> None:
    """Post some news, until both workers have heard them."""
    with trio.fail_after(PATIENCE_SECONDS):
        while True:
            answer = await http.post("/news", content=text)
            if answer.status_code == 200 and answer.json() == {"workers": 2}:
                return


async def wait_for_line(streams: Iterable[AsyncIterator[str]], line: str) -> None:
    """Read each stream up to a line."""
    with trio.fail_after(PATIENCE_SECONDS):
        for stream in streams:
            while await anext(stream) != line:
                pass


async def test_redis_fan_out__reaches_the_clients_of_all_workers(redis: Redis) -> None:
    """Streams outlive a Redis that is killed, and SIGTERM ends them and their workers well."""
    app = "examples.recipes.redis_fan_out:app"
    options, environment = ["--workers=2"], {"REDIS_URL": redis.url}
    instance = Instance("127.0.0.1:0", app=app, options=options, environment=environment)
    async with started(instance), AsyncExitStack() as stack:
        url, patience = f"http://{instance.bind}", PATIENCE_SECONDS
        http = httpx2.AsyncClient(base_url=url, timeout=patience, trust_env=False)
        await stack.enter_async_context(http)
        await tell_workers(http, "nobody listens yet")
        streams = [
            (await stack.enter_async_context(http.stream("GET", "/events"))).aiter_lines()
            for _ in range(6)
        ]
        await tell_workers(http, "tea is ready")
        await wait_for_line(streams, "data: tea is ready")
        redis.stop()
        assert (await http.post("/news", content="nobody hears this")).status_code == 503
        redis.start()
        await tell_workers(http, "tea is cold")
        await wait_for_line(streams, "data: tea is cold")
        assert await instance.stop() == 0
        for stream in streams:
            assert not {line async for line in stream} - {"", "data: tea is cold"}
