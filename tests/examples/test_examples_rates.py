"""The recipe of a rate limit by Redis, with a real one: one limit for all processes."""

import gc
import time

import pytest
import trio
from coredis import Redis

from examples.recipes.redis_rate_limit import RedisRates, app
from hump_trio import Hump, RateLimit, RateStore, Request
from hump_trio.dispatch.router import layer_of
from hump_trio.testing import client
from tests.support import stores

pytestmark = [
    pytest.mark.program("redis-server"),
    # coredis leaves streams of anyio to the garbage collector where its server goes.
    pytest.mark.filterwarnings("ignore:Unclosed <MemoryObject:ResourceWarning"),
]


def opened(redis: stores.Redis) -> Redis[str]:
    """Return a client of a Redis."""
    return Redis.from_url(redis.url, decode_responses=True)


async def test_redis_rate_limit__the_rule_of_a_bucket(redis: stores.Redis) -> None:
    """A burst at once, then what there is to wait; a full bucket is forgotten."""
    async with opened(redis) as raw:
        rates = RedisRates(raw)
        assert isinstance(rates, RateStore)
        before = time.monotonic()
        waits = [await rates.take("a", 2, 6.0, 5) for _ in range(2)]
        refused = await rates.take("a", 2, 6.0, 5)
        passed = time.monotonic() - before + 0.001
        assert waits[0] == -18
        assert -6 - passed <= waits[1] <= -6
        assert 6 - passed <= refused <= 6
        assert await rates.take("b", 5, 6.0, 5) == 0
        assert 24000 - passed * 1000 <= await raw.pttl("rate:a") <= 24001
        await rates.take("c", 1, 0.001, 5)
        assert await raw.pttl("rate:c") <= 2


async def test_redis_rate_limit__two_processes_share(redis: stores.Redis) -> None:
    """However many ask at once, together they get a burst."""
    passed = list[str]()

    async def ask(rates: RedisRates, name: str) -> None:
        if await rates.take("all", 1, 3600.0, 25) <= 0:
            passed.append(name)

    async with opened(redis) as one, opened(redis) as other, trio.open_nursery() as nursery:
        for number in range(60):
            nursery.start_soon(ask, RedisRates((one, other)[number % 2]), "ab"[number % 2])
    assert len(passed) == 25


async def test_redis_rate_limit__a_redis_that_goes_and_comes(
    redis: stores.Redis, caplog: pytest.LogCaptureFixture
) -> None:
    """While it is gone requests pass, and a line says so; then they are counted again."""
    limited = Hump()

    @limited.get("/")
    async def index(request: Request) -> str:
        return "welcome"

    async with opened(redis) as raw:
        limited.middleware(RateLimit("2/hour", store=RedisRates(raw), store_timeout=20))
        async with client(limited) as http:
            statuses = [(await http.get("/")).status_code for _ in range(3)]
            redis.stop()
            failing = [(await http.get("/")).status_code for _ in range(2)]
            redis.start()
            while "ratelimit" not in (answer := await http.get("/")).headers:
                assert answer.status_code == 200
                await trio.sleep(0.01)
    gc.collect()  # while what coredis leaves is ignored
    assert (statuses, failing) == ([200, 200, 429], [200, 200])
    assert answer.headers["ratelimit"] == '"default";r=1;t=1800'
    assert "the store of the rate limit 'default' fails" in caplog.text


def test_redis_rate_limit__the_app_has_the_limit() -> None:
    """The recipe is an app that is limited so."""
    [limit] = layer_of(app).middleware
    assert isinstance(limit, RateLimit)
