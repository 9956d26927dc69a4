"""PostgreSQL by psycopg, whose asynchronous connection waits for its socket with Trio here.

A statement that is cancelled is cancelled in the server, too. It needs ``psycopg[binary]``.
"""

import select
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from typing import Any

import psycopg
import trio
from psycopg.abc import RV, PQGen
from psycopg.pq import ConnStatus, PGconn, TransactionStatus
from psycopg.rows import DictRow, dict_row
from psycopg.waiting import Ready, Wait

CONNECTIONS = 10
CLEANUP_SECONDS = 5  # for the server, to cancel a statement or to roll back
UNFINISHED = {TransactionStatus.INTRANS, TransactionStatus.INERROR}
MIGRATING = 8342  # the number of a lock: any, as long as it is always the same


async def wait_ready(descriptor: int, wanted: Wait) -> int:
    """Wait until a socket can be read or written, whichever is wanted."""
    if wanted == Wait.R:
        await trio.lowlevel.wait_readable(descriptor)
        return Ready.R
    if wanted == Wait.W:
        await trio.lowlevel.wait_writable(descriptor)
        return Ready.W
    ready = 0
    async with trio.open_nursery() as nursery:

        async def wait_one(which: Wait) -> None:
            nonlocal ready
            ready |= await wait_ready(descriptor, which)
            nursery.cancel_scope.cancel()

        nursery.start_soon(wait_one, Wait.R)
        nursery.start_soon(wait_one, Wait.W)
    return ready


class TrioConnection(psycopg.AsyncConnection[DictRow]):
    """A connection of psycopg for one task at a time, which waits with Trio.

    psycopg asks for what it waits for by generators, and lets `wait` answer them.
    """

    @classmethod
    async def open(cls, url: str) -> "TrioConnection":
        """Connect, in a thread, which looks the host's name up as well."""
        pgconn = await trio.to_thread.run_sync(PGconn.connect, url.encode(), abandon_on_cancel=True)
        if pgconn.status != ConnStatus.OK:
            raise psycopg.OperationalError(pgconn.get_error_message())
        pgconn.nonblocking = 1
        connection = cls(pgconn, dict_row)
        await connection.set_autocommit(True)
        return connection

    def is_alive(self) -> bool:
        """Tell whether the server has said nothing while it was asked nothing: else, goodbye."""
        poll = select.poll()
        poll.register(self.pgconn.socket, select.POLLIN)
        return not poll.poll(0)

    async def wait(self, gen: PQGen[RV], *args: Any, **options: Any) -> RV:
        """Do what a generator of psycopg does, and cancel it in the server if it is cancelled."""
        try:
            return await self._wait(gen)
        except trio.Cancelled:
            if self.pgconn.transaction_status == TransactionStatus.ACTIVE:
                with trio.move_on_after(CLEANUP_SECONDS, shield=True):
                    await trio.to_thread.run_sync(self.cancel, abandon_on_cancel=True)
                    with suppress(psycopg.Error):  # which says that it was cancelled
                        await self._wait(gen)
            raise

    async def _wait(self, gen: PQGen[RV]) -> RV:
        try:
            wanted = next(gen)
            while True:
                wanted = gen.send(await wait_ready(self.pgconn.socket, wanted))
        except StopIteration as done:
            result: RV = done.value
            return result


class PostgresTransaction:
    """A `Transaction` of PostgreSQL."""

    def __init__(self, connection: TrioConnection) -> None:
        self._cursor = psycopg.AsyncRawCursor(connection)

    async def fetch(self, sql: str, *values: Any) -> list[dict[str, Any]]:
        """Carry out a statement."""
        await self._cursor.execute(sql.encode(), values)
        return await self._cursor.fetchall() if self._cursor.description else []


class Postgres:
    """A `Database` of PostgreSQL, some connections to which are kept for the next transaction."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._limiter = trio.CapacityLimiter(CONNECTIONS)
        self._idle: list[TrioConnection] = []

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str) -> AsyncGenerator["Postgres", None]:
        """Open a database."""
        database = cls(url)
        try:
            yield database
        finally:
            for connection in database._idle:
                connection.pgconn.finish()

    @asynccontextmanager
    async def transaction(
        self, *, alone: bool = False
    ) -> AsyncGenerator[PostgresTransaction, None]:
        """Begin a transaction, as soon as a connection is free."""
        async with self._connection() as connection:
            transaction = PostgresTransaction(connection)
            try:
                await transaction.fetch("BEGIN")
                if alone:
                    await transaction.fetch("SELECT pg_advisory_xact_lock($1)", MIGRATING)
                yield transaction
                if connection.info.transaction_status == TransactionStatus.INERROR:
                    raise psycopg.errors.InFailedSqlTransaction("nothing is left to be committed")
                await transaction.fetch("COMMIT")
            finally:
                if connection.info.transaction_status in UNFINISHED:
                    limit = trio.move_on_after(CLEANUP_SECONDS, shield=True)
                    with limit, suppress(psycopg.Error):  # past either it is given up
                        await transaction.fetch("ROLLBACK")

    @asynccontextmanager
    async def _connection(self) -> AsyncGenerator[TrioConnection, None]:
        async with self._limiter:
            while self._idle:
                connection = self._idle.pop()
                if connection.is_alive():
                    break
                connection.pgconn.finish()
            else:
                connection = await TrioConnection.open(self._url)
            try:
                yield connection
            finally:
                if connection.info.transaction_status == TransactionStatus.IDLE:
                    self._idle.append(connection)
                else:
                    connection.pgconn.finish()
