"""How many files the server has open for its clients, beside their connections."""

from threading import Lock

__all__ = ["OPEN_FILES"]


class FileCount:
    """Counts files from their opening to their closing; each may happen in any thread.

    Attributes:
        count: The number of files that are open.
    """

    __slots__ = ("_lock", "count")

    def __init__(self) -> None:
        self._lock = Lock()
        self.count: int = 0

    def add(self) -> None:
        """Count a file that was opened."""
        with self._lock:
            self.count += 1

    def remove(self) -> None:
        """Count off a file that was closed."""
        with self._lock:
            self.count -= 1
            assert self.count >= 0


# The count of the whole process, whose files share one limit of descriptors.
OPEN_FILES = FileCount()
