"""The tea shop keeps its orders in a database, each within a transaction around its handler.

Try: hump-trio examples.guide.database_and_providers:app
     curl http://localhost:8342/orders --json '{"tea": "sencha", "cups": 2}'
     curl http://localhost:8342/orders
"""

import os
import sqlite3
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Annotated, Any

import trio
from msgspec import Meta

from hump_trio import Hump, Request, Router, Topic

DATABASE = os.environ.get("SHOP_DATABASE", ":memory:")  # or a file, which lasts
TABLES = """
CREATE TABLE IF NOT EXISTS teas (name TEXT PRIMARY KEY, cents INTEGER NOT NULL);
INSERT OR IGNORE INTO teas VALUES ('assam', 300), ('sencha', 350);
CREATE TABLE IF NOT EXISTS orders (
    number INTEGER PRIMARY KEY,
    tea TEXT NOT NULL REFERENCES teas DEFERRABLE INITIALLY DEFERRED,
    cups INTEGER NOT NULL,
    ready BOOLEAN NOT NULL DEFAULT FALSE
);
CREATE TABLE IF NOT EXISTS staff (name TEXT PRIMARY KEY, manager BOOLEAN, salt BLOB, hash BLOB);
"""


async def open_database(app: Hump[sqlite3.Connection]) -> AsyncIterator[sqlite3.Connection]:
    connect = partial(sqlite3.connect, isolation_level=None, check_same_thread=False)
    connection = await trio.to_thread.run_sync(connect, DATABASE)
    try:
        await trio.to_thread.run_sync(connection.executescript, TABLES)
        await trio.to_thread.run_sync(connection.execute, "PRAGMA foreign_keys = ON")
        yield connection
    finally:
        connection.close()


@dataclass(frozen=True, slots=True)
class Transaction:
    """Statements that take effect together or not at all."""

    connection: sqlite3.Connection
    when_kept: list[Callable[[], object]] = field(default_factory=list)

    async def fetch(self, sql: str, *values: object) -> list[Any]:
        """Carry out a statement in a thread, and return its rows."""
        work = partial(self.connection.execute, sql, values)
        return await trio.to_thread.run_sync(lambda: work().fetchall())


turn = trio.Lock()  # SQLite has one connection here, and one transaction at a time


@asynccontextmanager
async def begin(connection: sqlite3.Connection) -> AsyncGenerator[Transaction, None]:
    transaction = Transaction(connection)
    async with turn:
        try:
            await transaction.fetch("BEGIN IMMEDIATE")
            yield transaction
            await transaction.fetch("COMMIT")
        finally:
            if connection.in_transaction:  # the handler has failed, or its time was up
                with trio.CancelScope(shield=True):
                    await transaction.fetch("ROLLBACK")
    for tell in transaction.when_kept:
        tell()


async def transaction(request: Request) -> AsyncIterator[Transaction]:
    async with begin(request.app.state) as transaction:
        yield transaction


@dataclass(frozen=True, slots=True)
class Draft:
    tea: str
    cups: Annotated[int, Meta(ge=1)] = 1


@dataclass(frozen=True, slots=True)
class Order:
    number: int
    tea: str
    cups: int
    ready: bool = False


orders = Router("/orders")
# Chapter 7 shows who listens. It is of one process: of two workers each has its own.
news = Topic[Order]()


@orders.get("")
async def all_orders(transaction: Transaction) -> list[Order]:
    rows = await transaction.fetch("SELECT number, tea, cups, ready FROM orders ORDER BY number")
    return [Order(number, tea, cups, bool(ready)) for number, tea, cups, ready in rows]


@orders.post("", timeout=2)
async def place_order(draft: Draft, transaction: Transaction) -> Order:
    sql = "INSERT INTO orders (tea, cups) VALUES (?, ?) RETURNING number"
    [[number]] = await transaction.fetch(sql, draft.tea, draft.cups)
    await weigh_leaves(draft.cups)
    order = Order(number, draft.tea, draft.cups)
    transaction.when_kept.append(partial(news.publish_nowait, order))
    return order


async def weigh_leaves(cups: int) -> None:
    await trio.sleep(cups / 10)


app = Hump[sqlite3.Connection]("", 8342)
app.lifespan(open_database)
app.provide(transaction)
app.include(orders)

if __name__ == "__main__":
    trio.run(app.serve)
