"""What is to be done: todos in the database, each of one user, who alone sees it."""

import time
from dataclasses import dataclass
from typing import Annotated
from uuid import UUID, uuid4

from msgspec import Meta, convert

from hump_trio import HttpException, JsonResponse, Router, statuses

from .database import NO_NULL, Transaction
from .users import User

router = Router("/todos", tags=["todos"], raises={401: "Nobody is logged in."})

Title = Annotated[str, Meta(min_length=1, max_length=200, pattern=NO_NULL)]


@dataclass(frozen=True, slots=True)
class Todo:
    """Something to be done."""

    id: str
    title: str
    done: bool


@dataclass(frozen=True, slots=True)
class Draft:
    """What a todo is made of."""

    title: Title


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of a todo; what is null stays as it is."""

    title: Title | None = None
    done: bool | None = None


class Todos:
    """The todos of a user."""

    def __init__(self, transaction: Transaction, owner: User) -> None:
        self._transaction = transaction
        self._owner = owner

    async def all(self) -> list[Todo]:
        """Return all todos, the oldest first."""
        sql = "SELECT id, title, done FROM todos WHERE owner = $1 ORDER BY made, id"
        return convert(await self._transaction.fetch(sql, self._owner.id), list[Todo], strict=False)

    async def add(self, title: str) -> Todo:
        """Add a todo."""
        todo = Todo(str(uuid4()), title, done=False)
        sql = "INSERT INTO todos (id, owner, title, done, made) VALUES ($1, $2, $3, $4, $5)"
        values = (todo.id, self._owner.id, todo.title, todo.done, time.time())
        await self._transaction.fetch(sql, *values)
        return todo

    async def change(self, number: UUID, change: Change) -> Todo | None:
        """Change a todo, if there is one of this id."""
        sql = """
            UPDATE todos SET title = COALESCE($3, title), done = COALESCE($4, done)
            WHERE id = $1 AND owner = $2 RETURNING id, title, done
        """
        values = (str(number), self._owner.id, change.title, change.done)
        rows = await self._transaction.fetch(sql, *values)
        return convert(rows[0], Todo, strict=False) if rows else None

    async def drop(self, number: UUID) -> bool:
        """Drop a todo, and tell whether there was one of this id."""
        sql = "DELETE FROM todos WHERE id = $1 AND owner = $2 RETURNING id"
        return bool(await self._transaction.fetch(sql, str(number), self._owner.id))


@router.provide
async def todos(transaction: Transaction, user: User) -> Todos:
    """Provide the todos of who is logged in, within the request's transaction."""
    return Todos(transaction, user)


@router.get("")
async def all_todos(todos: Todos) -> list[Todo]:
    """List one's todos."""
    return await todos.all()


@router.post("", returns={201: Todo})
async def add_todo(draft: Draft, todos: Todos) -> JsonResponse:
    """Add a todo."""
    return JsonResponse(await todos.add(draft.title), statuses.CREATED)


@router.patch("/{number:uuid}", raises=[404])
async def change_todo(number: UUID, change: Change, todos: Todos) -> Todo:
    """Change a todo."""
    todo = await todos.change(number, change)
    if todo is None:
        raise HttpException(statuses.NOT_FOUND, "there is no such todo")
    return todo


@router.delete("/{number:uuid}", raises=[404])
async def drop_todo(number: UUID, todos: Todos) -> None:
    """Drop a todo."""
    if not await todos.drop(number):
        raise HttpException(statuses.NOT_FOUND, "there is no such todo")
