"""A mistake: a stream that takes a transaction has it for as long as somebody reads.

Try: hump-trio examples.guide.mistake_held_transaction:app
     curl -N http://localhost:8342/board &
     curl http://localhost:8342/orders --json '{"tea": "sencha"}'
"""

import sqlite3
from collections.abc import AsyncIterator

from hump_trio import Hump

from .database_and_providers import (
    Transaction,
    all_orders,
    news,
    open_database,
    orders,
    transaction,
)

app = Hump[sqlite3.Connection]("", 8342)
app.lifespan(open_database)
app.provide(transaction)
app.include(orders)


@app.get("/board")
async def watch(transaction: Transaction) -> AsyncIterator[str]:
    for order in await all_orders(transaction):
        yield f"{order.cups} {order.tea}\n"
    async for order in news.listen():
        yield f"{order.cups} {order.tea}\n"
