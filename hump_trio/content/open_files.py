"""How many files the server has open for its clients, beside their connections."""

from threading import Lock

__all__ = ["OPEN_FILES"]


class FileCount:
    """Counts files from their opening to their closing, either of which may be in any thread.

    Attributes:
        count: Those that are open.
    """

    __slots__ = ("_lock", "count")

    def __init__(self) -> None:
        self._lock = Lock()
        self.count: int = 0

    def add(self) -> None:
        """Count one that was opened."""
        with self._lock:
            self.count += 1

    def remove(self) -> None:
        """Count off one that was closed."""
        with self._lock:
            self.count -= 1


# Of the whole process, as descriptors are.
OPEN_FILES = FileCount()
