"""Who uses the service: the users in the database."""

from dataclasses import dataclass
from uuid import uuid4

from msgspec import convert

from .database import Transaction


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who is known."""

    id: str
    name: str
    admin: bool


class Users:
    """The users in the database."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def add(self, name: str, hashed: str) -> User | None:
        """Add a user, the first of whom is an admin; None if the name is taken."""
        sql = """
            INSERT INTO users (id, name, password, admin)
            VALUES ($1, $2, $3, NOT EXISTS (SELECT 1 FROM users))
            ON CONFLICT (name) DO NOTHING RETURNING id, name, admin
        """
        return self._one(await self._transaction.fetch(sql, str(uuid4()), name, hashed))

    async def find(self, number: str) -> User | None:
        """Return the user of an id, if there is one."""
        sql = "SELECT id, name, admin FROM users WHERE id = $1"
        return self._one(await self._transaction.fetch(sql, number))

    async def find_by_name(self, name: str) -> tuple[User | None, str | None]:
        """Return the user of a name, and what its password is hashed to, if there is one."""
        sql = "SELECT id, name, admin, password FROM users WHERE name = $1"
        rows = await self._transaction.fetch(sql, name)
        return self._one(rows), rows[0]["password"] if rows else None

    async def all(self) -> list[User]:
        """Return all users by name."""
        sql = "SELECT id, name, admin FROM users ORDER BY name"
        return convert(await self._transaction.fetch(sql), list[User], strict=False)

    def _one(self, rows: list[dict[str, object]]) -> User | None:
        return convert(rows[0], User, strict=False) if rows else None


async def users(transaction: Transaction) -> Users:
    """Provide the users within the request's transaction."""
    return Users(transaction)
