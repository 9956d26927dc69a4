"""A service in several files: users who log in, and their todos in PostgreSQL or SQLite.

This file puts the parts together, and knows no SQL. `Settings` are read once, the `State` lives as
long as the server, and what a handler is given for one request comes of providers: a transaction is
committed when the handler has returned, before its answer goes out. ``tests/`` has fakes for them.

Try: hump-trio examples.todo.app:app  # or TODO_DATABASE=postgresql://user@host/name
     curl http://localhost:8342/users --json '{"name": "ada", "password": "0 1 1 2 3 5"}'
     curl -c jar http://localhost:8342/session --json '{"name": "ada", "password": "0 1 1 2 3 5"}'
     curl -b jar http://localhost:8342/todos --json '{"title": "drink tea"}'
     curl -b jar http://localhost:8342/todos; then http://localhost:8342/docs in a browser
"""

import os
from collections.abc import AsyncIterator
from dataclasses import dataclass

import trio

from hump_trio import Hump, SameOrigin, Sessions

from . import sessions, todos, users
from .database import Database, Transaction, open_database
from .settings import Settings


@dataclass(frozen=True, slots=True)
class State:
    """What lives as long as the server."""

    database: Database


def make_app(settings: Settings) -> Hump[State]:
    """Return the service as some settings say it, such as those of a test."""
    app = Hump[State]("", 8342)
    app.openapi(title="Todos", version="1.0")
    app.middleware(Sessions(secrets=settings.secrets))
    app.middleware(SameOrigin())

    @app.lifespan
    async def lifespan(app: Hump[State]) -> AsyncIterator[State]:
        async with open_database(settings.database) as database:
            yield State(database)

    @app.provide
    async def database() -> Database:
        return app.state.database

    @app.provide
    async def transaction(database: Database) -> AsyncIterator[Transaction]:
        async with database.transaction() as transaction:
            yield transaction

    app.provide(users.users)
    app.provide(sessions.current_user)
    app.include(sessions.router)
    app.include(todos.router)
    return app


app = make_app(Settings.read(os.environ))

if __name__ == "__main__":
    trio.run(app.serve)
