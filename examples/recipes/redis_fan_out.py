"""News for the clients of all workers and machines: a topic in each, which hears of Redis.

One task of the lifespan listens to Redis, and publishes in its own process what it hears: a worker
has one connection for that, however many clients. Event streams and WebSockets hear the same.

While Redis is away, streams and WebSockets stay open, and whoever has news is told that nobody
hears them: with 503, or by a message. It needs ``coredis``.

Try: redis-server
     hump-trio examples.recipes.redis_fan_out:app --bind :8342 --workers 2
     curl -N http://localhost:8342/events
     curl http://localhost:8342/news -d 'tea is ready'
     python -m websockets ws://localhost:8342/live  # and type a line
"""

import os
from collections.abc import AsyncIterator

import trio
from coredis import Redis
from coredis.exceptions import ConnectionError
from coredis.retry import NoRetryPolicy

from hump_trio import EventStream, HttpException, Hump, Request, Topic, WebSocket, statuses

CHANNEL = "news"
AGAIN_SECONDS = 0.2  # between two tries to reach Redis

redis = Redis.from_url(os.environ.get("REDIS_URL", "redis://localhost:6379"), decode_responses=True)
heard = Topic[dict[str, str]]()
app = Hump("", 8342)


async def listen() -> None:
    while True:
        try:
            async with redis.pubsub(channels=[CHANNEL], retry_policy=NoRetryPolicy()) as news:
                async for message in news:
                    if message["type"] == "message":
                        await heard.publish({"news": str(message["data"])})
        except* ConnectionError:
            await trio.sleep(AGAIN_SECONDS)


@app.lifespan
async def lifespan(app: Hump) -> AsyncIterator[None]:
    async with redis, trio.open_nursery() as nursery:
        nursery.start_soon(listen)
        yield
        nursery.cancel_scope.cancel()


@app.get("/events")
async def events() -> EventStream:
    return EventStream(heard.listen())


@app.post("/news")
async def tell(request: Request) -> dict[str, int]:
    try:
        workers = await redis.publish(CHANNEL, request.text)
    except ConnectionError as error:
        raise HttpException(statuses.SERVICE_UNAVAILABLE, "nobody can be told now") from error
    return {"workers": workers}


@app.websocket("/live")
async def live(ws: WebSocket[str, dict[str, str]]) -> None:
    async with heard.subscribe(ws):
        async for text in ws:
            try:
                await redis.publish(CHANNEL, text)
            except ConnectionError:
                await ws.send({"error": "nobody can be told now"})


if __name__ == "__main__":
    trio.run(app.serve)
