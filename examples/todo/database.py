"""What the service asks of a database, whichever it is, and the tables in it."""

from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

NO_NULL = r"^[^\0]*$"  # PostgreSQL has no texts with a null character
MIGRATIONS = Path(__file__).parent / "migrations"


class Transaction(Protocol):
    """Statements that take effect together or not at all."""

    async def fetch(self, sql: str, *values: Any) -> list[dict[str, Any]]:
        """Carry out a statement, and return its rows.

        Args:
            sql: With ``$1`` for the first value, ``$2`` for the second.
            values: Of texts, numbers and booleans.
        """
        ...


class Database(Protocol):
    """Where transactions begin."""

    def transaction(self, *, alone: bool = False) -> AbstractAsyncContextManager[Transaction]:
        """Begin a transaction.

        It is committed at the end of the block, and rolled back if the block raises or is
        cancelled.

        Args:
            alone: No other one that is alone goes on meanwhile, in whatever process.
        """
        ...


@asynccontextmanager
async def open_database(url: str) -> AsyncGenerator[Database, None]:
    """Open the database of a URL, with the newest tables in it."""
    kind, _, rest = url.partition(":")
    if kind == "sqlite":
        from .sqlite import Sqlite

        opened: AbstractAsyncContextManager[Database] = Sqlite.open(rest)
    else:
        from .postgres import Postgres

        opened = Postgres.open(url)
    async with opened as database:
        await migrate(database)
        yield database


async def migrate(database: Database) -> None:
    """Carry out each file of the folder ``migrations`` that hasn't been yet, in their order."""
    async with database.transaction(alone=True) as transaction:
        await transaction.fetch("CREATE TABLE IF NOT EXISTS migrations (name text PRIMARY KEY)")
        done = {row["name"] for row in await transaction.fetch("SELECT name FROM migrations")}
        for path in sorted(MIGRATIONS.glob("*.sql")):
            if path.name not in done:
                for statement in path.read_text().split(";\n"):
                    if statement.strip():
                        await transaction.fetch(statement)
                await transaction.fetch("INSERT INTO migrations (name) VALUES ($1)", path.name)
