"""SQLite in threads, by the standard library: one transaction after the other."""

import sqlite3
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import trio

BUSY_SECONDS = 5  # for a transaction of another process


class SqliteTransaction:
    """A `Transaction` of SQLite."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    async def fetch(self, sql: str, *values: Any) -> list[dict[str, Any]]:
        """Carry out a statement. Once begun, it is finished before a cancellation is."""
        return await trio.to_thread.run_sync(self._fetch, sql, values)

    def _fetch(self, sql: str, values: tuple[Any, ...]) -> list[dict[str, Any]]:
        numbered = {str(number): value for number, value in enumerate(values, 1)}
        cursor = self._connection.execute(sql, numbered)
        names = [column[0] for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor]


class Sqlite:
    """A `Database` of SQLite."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._lock = trio.Lock()

    @classmethod
    @asynccontextmanager
    async def open(cls, path: str) -> AsyncGenerator["Sqlite", None]:
        """Open a file, or ``:memory:``."""
        connect = partial(sqlite3.connect, path, timeout=BUSY_SECONDS, isolation_level=None)
        connection = await trio.to_thread.run_sync(partial(connect, check_same_thread=False))
        try:
            await write_ahead(connection)
            await trio.to_thread.run_sync(connection.execute, "PRAGMA foreign_keys = ON")
            yield cls(connection)
        finally:
            connection.close()

    @asynccontextmanager
    async def transaction(self, *, alone: bool = False) -> AsyncGenerator[SqliteTransaction, None]:
        """Begin a transaction. SQLite lets nobody else write meanwhile, alone or not."""
        async with self._lock:
            transaction = SqliteTransaction(self._connection)
            try:
                await transaction.fetch("BEGIN IMMEDIATE")
                yield transaction
                await transaction.fetch("COMMIT")
            finally:
                if self._connection.in_transaction:  # what has failed, or was cancelled
                    with trio.CancelScope(shield=True):
                        await transaction.fetch("ROLLBACK")


async def write_ahead(connection: sqlite3.Connection) -> None:
    """Let readers read while somebody writes.

    SQLite doesn't wait for another process that asks for the same just now.
    """
    with trio.fail_after(BUSY_SECONDS):
        while True:
            try:
                await trio.to_thread.run_sync(connection.execute, "PRAGMA journal_mode = WAL")
            except sqlite3.OperationalError:
                await trio.sleep(0.02)
            else:
                return
