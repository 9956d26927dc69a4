"""Rate limits that all processes share: the buckets are in Redis, and a script takes from them.

The script runs as one step. It keeps one number for each key, the time by Redis's own clock at
which the bucket is full again, and a bucket that is full is forgotten.

Try: redis-server
     hump-trio --workers 2 examples.recipes.redis_rate_limit:app
     for n in $(seq 12); do curl -is http://localhost:8342/ | grep -e HTTP -e limit: -e retry; done
"""

import os
from collections.abc import AsyncIterator, Awaitable, Callable

import trio
from coredis import Redis

from hump_trio import Hump, RateLimit

TAKE = """
local cost, interval, burst = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local full = math.max(tonumber(redis.call('GET', KEYS[1]) or now), now) + cost * interval
local wait = full - now - burst * interval
if wait <= 0.001 * math.min(interval, 1) then
  redis.call('SET', KEYS[1], string.format('%.6f', full), 'PX', math.ceil((full - now) * 1000))
end
return string.format('%.6f', wait)
"""


class RedisRates:
    """Buckets in Redis, as a `RateLimit` asks for them."""

    def __init__(self, redis: Redis[str]) -> None:
        self._script: Callable[..., Awaitable[str]] = redis.register_script(TAKE)

    async def take(self, key: str, cost: int, interval: float, burst: int) -> float:
        """Take units of a key, as `hump_trio.RateStore` says."""
        return float(await self._script([f"rate:{key}"], [cost, interval, burst]))


redis = Redis.from_url(os.environ.get("REDIS_URL", "redis://localhost:6379"), decode_responses=True)
app = Hump("", 8342)
app.middleware(RateLimit("60/minute", burst=10, store=RedisRates(redis)))


@app.lifespan
async def connected(app: Hump) -> AsyncIterator[None]:
    async with redis:
        yield


@app.get("/")
async def index() -> str:
    return "welcome"


if __name__ == "__main__":
    trio.run(app.serve)
