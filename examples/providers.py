"""Providers: a transaction around each handler that takes one, and the user that it is for.

Try: curl -H 'authorization: Bearer a-token-of-ada' http://localhost:8342/todos
"""

import sqlite3
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated

import trio

from hump_trio import Bearer, Body, HttpException, Hump

TOKENS = {"a-token-of-ada": "ada", "a-token-of-max": "max"}


@dataclass
class Todos:
    """What is to be done, within a transaction."""

    database: sqlite3.Connection

    def add(self, owner: str, title: str) -> None:
        """Add one."""
        self.database.execute("INSERT INTO todos VALUES (?, ?)", (owner, title))

    def of(self, owner: str) -> list[str]:
        """Return all of one owner."""
        found = self.database.execute("SELECT title FROM todos WHERE owner = ?", (owner,))
        return [title for (title,) in found]


@dataclass
class User:
    """Who asks."""

    name: str


async def open_database(app: Hump[sqlite3.Connection]) -> AsyncIterator[sqlite3.Connection]:
    database = sqlite3.connect(":memory:", isolation_level=None)
    database.execute("CREATE TABLE todos (owner TEXT, title TEXT NOT NULL CHECK (title != ''))")
    yield database
    database.close()


app = Hump[sqlite3.Connection]("", 8342)
app.lifespan(open_database)
turns = trio.CapacityLimiter(1)  # one transaction at a time: there is one connection


@app.provide
async def todos() -> AsyncIterator[Todos]:
    """Enclose the handler; the answer goes out when all is kept, and a failure keeps nothing."""
    async with turns:
        app.state.execute("BEGIN")
        try:
            yield Todos(app.state)
        except BaseException:
            app.state.execute("ROLLBACK")
            raise
        app.state.execute("COMMIT")


@app.provide
async def user(token: Annotated[str, Bearer()]) -> User:
    """Find out who asks."""
    if token not in TOKENS:
        raise HttpException(401, "this token is unknown")
    return User(TOKENS[token])


@app.get("/todos")
async def show(todos: Todos, user: User) -> list[str]:
    return todos.of(user.name)


@app.post("/todos", raises=[400])
async def add(title: Annotated[str, Body()], todos: Todos, user: User) -> None:
    try:
        todos.add(user.name, title)
    except sqlite3.IntegrityError:
        raise HttpException(400, "a title has to say something") from None


if __name__ == "__main__":
    trio.run(app.serve)
