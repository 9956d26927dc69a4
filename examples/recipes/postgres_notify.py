"""News for the clients of all workers and machines, by LISTEN and NOTIFY of PostgreSQL.

What a transaction notifies of is heard when it is committed, and never if it isn't: so clients
hear of what is in the database. One task of the lifespan listens, and publishes in its own process
what it hears. While PostgreSQL is away, streams stay open, whoever has news gets a 503, and what
others have told meanwhile is missed.

It needs ``psycopg[binary]``, and the connections of the service in todo/: copy ``postgres.py`` of
that folder, too.

Try: export DATABASE_URL=postgresql://user@host/name
     hump-trio examples.recipes.postgres_notify:app --bind :8342 --workers 2
     curl -N http://localhost:8342/events
     curl http://localhost:8342/news -d 'tea is ready'
"""

import os
from collections.abc import AsyncIterator
from contextlib import aclosing

import psycopg
import trio

from examples.todo.postgres import Postgres, TrioConnection
from hump_trio import EventStream, HttpException, Hump, Request, Topic, statuses

URL = os.environ.get("DATABASE_URL", "")
CHANNEL = "news"
LONGEST = 7999  # bytes that PostgreSQL takes
AGAIN_SECONDS = 0.2  # between two tries to reach it

heard = Topic[str]()
app: Hump[Postgres] = Hump("", 8342)


async def listen() -> None:
    while True:
        try:
            connection = await TrioConnection.open(URL)
            try:
                await connection.execute(f"LISTEN {CHANNEL}".encode())
                async with aclosing(connection.notifies()) as notices:
                    async for notice in notices:
                        await heard.publish(notice.payload)
            finally:
                connection.pgconn.finish()
        except psycopg.OperationalError:
            await trio.sleep(AGAIN_SECONDS)


@app.lifespan
async def lifespan(app: Hump[Postgres]) -> AsyncIterator[Postgres]:
    async with Postgres.open(URL) as postgres, trio.open_nursery() as nursery:
        nursery.start_soon(listen)
        yield postgres
        nursery.cancel_scope.cancel()


@app.get("/events")
async def events() -> EventStream:
    return EventStream(heard.listen())


@app.post("/news", body_limit=LONGEST)
async def tell(request: Request) -> None:
    try:
        async with app.state.transaction() as transaction:
            await transaction.fetch("SELECT pg_notify($1, $2)", CHANNEL, request.text)
    except psycopg.DataError as error:
        raise HttpException(statuses.BAD_REQUEST, "such a text can't be told") from error
    except psycopg.OperationalError as error:
        raise HttpException(statuses.SERVICE_UNAVAILABLE, "nobody can be told now") from error


if __name__ == "__main__":
    trio.run(app.serve)
