"""What requests may hold while they are served: memory, and the disk that uploads are kept on."""

from collections.abc import Callable
from dataclasses import dataclass, field
from errno import EMFILE, ENFILE
from threading import Lock

from hump_trio.facts.exceptions import OverloadError
from hump_trio.facts.loggers import logger
from hump_trio.facts.settings import Limits

__all__ = ["DiskRoom", "Room"]


class DiskRoom:
    """The room on the disk that the uploads of a server share.

    It may be given back in any thread, since a file of a stuck disk takes it until it is closed.

    Args:
        limit_bytes: How much there is.

    Attributes:
        taken_bytes: How much of it is taken.
        failing: Whether the last write has failed.
    """

    __slots__ = ("_limit_bytes", "_lock", "failing", "taken_bytes")

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._lock = Lock()
        self.failing: bool = False
        self.taken_bytes: int = 0

    def take(self, byte_count: int) -> None:
        """Take some of it.

        Raises:
            OverloadError: 503, there isn't so much left.
        """
        with self._lock:
            if self.taken_bytes + byte_count > self._limit_bytes:
                raise OverloadError("too much is being uploaded")
            self.taken_bytes += byte_count

    def give_back(self, byte_count: int) -> None:
        """Give back what was taken."""
        with self._lock:
            self.taken_bytes -= byte_count

    def refuse(self, error: OSError) -> OverloadError:
        """Return the answer where the disk takes nothing; why is logged once, until it does again.

        Args:
            error: Of a write. Whatever it is, a traceback for each request would tell no more.
        """
        if not self.failing:
            logger.error("uploads can't be kept: %s", error)
        self.failing = True
        if error.errno in (EMFILE, ENFILE):
            return OverloadError("too many files are open")
        return OverloadError("there is no room for uploads", 507)


def ignore(byte_count: int) -> None:
    """Let anything be held: nobody else is served."""


@dataclass(frozen=True, slots=True, eq=False)
class Room:
    """What one request may hold besides its head.

    Args:
        hold: Counts bytes that are held in memory from now on, or with a minus no more. It raises
            `OverloadError` (503) for more than `Limits.buffered_bytes` in all, which are held all
            the same until they are counted off, or the request is over.
        disk: For its uploads.
    """

    hold: Callable[[int], None] = ignore
    disk: DiskRoom = field(default_factory=lambda: DiskRoom(Limits().spooled_bytes))
