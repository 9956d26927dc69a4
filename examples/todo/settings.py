"""What differs from one place to the next, read of the environment when the program starts."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Settings:
    """How the service runs.

    Args:
        database: ``sqlite:`` and a file, or ``postgresql://user@host/name``.
        secrets: What sessions are signed with, the newest first.
    """

    database: str
    secrets: tuple[str, ...]

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> "Settings":
        """Return what ``TODO_DATABASE`` and ``TODO_SECRETS`` say, the latter with spaces between.

        Without secrets there is one that nobody knows: sessions end with the process, and several
        workers would not know each other's.
        """
        return cls(
            environment.get("TODO_DATABASE", "sqlite:todo.db"),
            tuple(environment.get("TODO_SECRETS", secrets.token_urlsafe()).split()),
        )
