"""Orders in PostgreSQL, of which Redis tells all workers: the service that the drill restarts.

An order is made once for each key, so that a client who has had no answer asks again. Orders are
numbered as they are committed, and each worker publishes them by their numbers: Redis only says
when to look. So nothing is lost while Redis is away, nor by a stream that resumes behind the number
it has read last. What needs a store that is away is refused with 503.
"""

import os
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated, Any

import psycopg
import trio
from coredis import Redis
from coredis.exceptions import ConnectionError
from coredis.retry import NoRetryPolicy

from examples.deploy.service import TIMEOUTS
from examples.todo.postgres import Postgres, PostgresTransaction
from hump_trio import (
    Event,
    EventStream,
    Header,
    HttpException,
    Hump,
    JsonResponse,
    Response,
    Topic,
    WebSocket,
    statuses,
)

__all__ = ["TABLE", "app"]

TABLE = """
    CREATE TABLE orders (number bigint GENERATED ALWAYS AS IDENTITY, key text PRIMARY KEY, tea text)
"""
CHANNEL = "orders"
AGAIN_SECONDS = 0.2  # between two tries to reach a store
RING_SECONDS = 0.5  # for Redis, to take what nobody has to wait for
RETRY_MILLISECONDS = 100  # after which a client resumes its stream

redis = Redis.from_url(os.environ.get("REDIS_URL", "redis://localhost:6379"), decode_responses=True)
told = Topic[Event]()
app = Hump[Postgres]("", 8342, timeouts=TIMEOUTS)


@dataclass(frozen=True, slots=True)
class Draft:
    """What an order is made of.

    Args:
        key: The client's own, by which it asks again.
        tea: What is ordered.
    """

    key: str
    tea: str


async def find_orders(database: Postgres, after: int) -> list[Event]:
    """Return the orders behind a number as events, whose ids are their numbers."""
    async with database.transaction() as transaction:
        sql = "SELECT number, key FROM orders WHERE number > $1 ORDER BY number"
        rows = await transaction.fetch(sql, after)
    return [Event(row["key"], id=str(row["number"])) for row in rows]


async def tell_orders(database: Postgres) -> None:
    """Publish every order of all processes, whenever Redis says that there is one.

    Redis also answers the subscription, after which what was made meanwhile is looked for.
    """
    last = 0
    while True:
        try:
            async with redis.pubsub(channels=[CHANNEL], retry_policy=NoRetryPolicy()) as rings:
                async for _ in rings:
                    for event in await find_orders(database, last):
                        await told.publish(event)
                        last = int(event.id or 0)
        except* (ConnectionError, psycopg.OperationalError):
            await trio.sleep(AGAIN_SECONDS)


@app.lifespan
async def lifespan(app: Hump[Postgres]) -> AsyncIterator[Postgres]:
    """Keep the connections to both stores."""
    url = os.environ["DATABASE_URL"]
    async with Postgres.open(url) as database, redis, trio.open_nursery() as nursery:
        nursery.start_soon(tell_orders, database)
        yield database
        nursery.cancel_scope.cancel()


def refused(store: str) -> HttpException:
    """Return the answer to what has changed nothing, and may be asked again."""
    return HttpException(
        statuses.SERVICE_UNAVAILABLE, f"{store} is away", headers={"retry-after": "1"}
    )


@app.provide
async def transaction() -> AsyncIterator[PostgresTransaction]:
    """Provide a transaction in the order of all others, and tell of it when it is committed.

    A commit that fails may have been made all the same: that is no 503.
    """
    committing = False
    try:
        async with app.state.transaction(alone=True) as transaction:
            yield transaction
            committing = True
    except psycopg.OperationalError as error:
        if committing:
            raise HttpException(500, "nobody knows whether it is done") from error
        raise refused("PostgreSQL") from error
    with trio.move_on_after(RING_SECONDS), suppress(ConnectionError):
        await redis.publish(CHANNEL, "")


@app.post("/orders", returns={201: dict[str, int]})
async def make_order(draft: Draft, transaction: PostgresTransaction) -> JsonResponse:
    """Make an order, or find the one that was made by its key."""
    sql = "INSERT INTO orders (key, tea) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING number"
    rows = await transaction.fetch(sql, draft.key, draft.tea)
    if not rows:
        rows = await transaction.fetch("SELECT number FROM orders WHERE key = $1", draft.key)
    return JsonResponse({"number": rows[0]["number"]}, statuses.CREATED)


@app.get("/orders")
async def count_orders() -> dict[str, Any]:
    """Count the orders."""
    try:
        async with app.state.transaction() as transaction:
            [row] = await transaction.fetch("SELECT count(*) FROM orders")
    except psycopg.OperationalError as error:
        raise refused("PostgreSQL") from error
    return row


@app.get("/visits")
async def count_visits() -> dict[str, int]:
    """Count a visit."""
    try:
        return {"visits": await redis.incr("visits")}
    except ConnectionError as error:
        raise refused("Redis") from error


@app.get("/events")
async def events(last_event_id: Annotated[int, Header()] = 0) -> EventStream:
    """Tell of all orders behind the one that the client has heard of last."""
    listener = told.listen()  # before others are looked up, so that none falls between
    try:
        missed = await find_orders(app.state, last_event_id)
    except psycopg.OperationalError as error:
        raise refused("PostgreSQL") from error
    return EventStream(follow(missed, listener), retry=RETRY_MILLISECONDS)


async def follow(missed: Sequence[Event], listener: AsyncIterator[Event]) -> AsyncIterator[Event]:
    """Yield what was missed, and then what else is published."""
    last = 0
    for event in missed:
        last = int(event.id or 0)
        yield event
    async for event in listener:
        if int(event.id or 0) > last:
            yield event


@app.websocket("/talk")
async def talk(ws: WebSocket) -> None:
    """Send back what comes, and tell of orders."""
    async with told.subscribe(ws):
        async for message in ws:
            await ws.send(message)


@app.get("/ready")
async def ready() -> Response:
    """Tell the load balancer whether to send clients here."""
    return Response("draining", statuses.SERVICE_UNAVAILABLE) if app.draining else Response("ready")


@app.get("/live")
async def live() -> str:
    """Tell that the process works."""
    return "alive"
