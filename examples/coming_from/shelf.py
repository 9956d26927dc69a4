"""Where the teas are: what all programs of this folder share, whichever framework they are in.

Nothing in this file changes when the framework does. The database is ``teas.db`` in the folder that
a program is started from.
"""

import sqlite3
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager
from dataclasses import dataclass

CLERKS_TOKEN = "a-token-of-the-clerk"  # a real one comes from the environment


@dataclass(frozen=True, slots=True)
class Tea:
    """A tea on the shelf."""

    number: int
    name: str
    grams: int


class NameTakenError(Exception):
    """There is a tea of this name already."""


class Shelf:
    """The teas, within a transaction.

    Attributes:
        when_kept: What is called when the transaction has been committed, and else never.
    """

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        self.when_kept: list[Callable[[], object]] = []

    def all(self, limit: int = -1) -> list[Tea]:
        """Return the first teas, by number."""
        rows = self._database.execute("SELECT * FROM teas ORDER BY number LIMIT ?", (limit,))
        return [Tea(*row) for row in rows]

    def find(self, number: int) -> Tea | None:
        """Return the tea of a number, if there is one."""
        row = self._database.execute("SELECT * FROM teas WHERE number = ?", (number,)).fetchone()
        return Tea(*row) if row else None

    def add(self, name: str, grams: int) -> Tea:
        """Add a tea, whose name nobody else may have."""
        sql = "INSERT INTO teas (name, grams) VALUES (?, ?) RETURNING *"
        try:
            return Tea(*self._database.execute(sql, (name, grams)).fetchone())
        except sqlite3.IntegrityError:
            raise NameTakenError("this tea is here already") from None

    def drop(self, number: int) -> bool:
        """Drop a tea, and tell whether there was one of this number."""
        return self._database.execute("DELETE FROM teas WHERE number = ?", (number,)).rowcount == 1


@contextmanager
def open_shelf(path: str = "teas.db") -> Generator[Shelf, None, None]:
    """Begin a transaction: it is committed at the end of the block, and undone if that raises.

    Await nothing within the block: SQLite makes the next writer wait, and all other tasks with it.
    """
    with closing(sqlite3.connect(path)) as database:
        shelf = Shelf(database)
        with database:
            yield shelf
    for tell in shelf.when_kept:
        tell()


def make_tables(path: str = "teas.db") -> None:
    """Make what isn't there yet."""
    sql = "CREATE TABLE IF NOT EXISTS teas (number INTEGER PRIMARY KEY, name UNIQUE, grams)"
    with closing(sqlite3.connect(path)) as database:
        database.execute(sql)
