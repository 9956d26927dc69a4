"""What tests have in place of a shelf: it has a single tea, and no database."""

from collections.abc import Generator
from contextlib import contextmanager

from .shelf import Shelf, Tea


class FakeShelf(Shelf):
    """A shelf with one tea."""

    def __init__(self) -> None:
        """Open nothing."""

    def find(self, number: int) -> Tea | None:
        """Return the tea, whose number is 1."""
        return Tea(1, "Assam", 250) if number == 1 else None


@contextmanager
def open_fake() -> Generator[Shelf, None, None]:
    """Give a fake where a transaction is asked for."""
    yield FakeShelf()
