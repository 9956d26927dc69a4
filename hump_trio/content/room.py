"""The room that requests take while they are served: memory, and the disk for uploads."""

from collections.abc import Callable
from dataclasses import dataclass, field
from errno import EMFILE, ENFILE
from threading import Lock

from hump_trio.facts.exceptions import OverloadError
from hump_trio.facts.loggers import logger
from hump_trio.facts.settings import Limits

__all__ = ["DiskRoom", "Room"]


class DiskRoom:
    """The room on the disk that all uploads of a server share.

    Room may be given back in any thread, since a file on a stuck disk takes its room until it is
    closed.

    Args:
        limit_bytes: The most bytes that all uploads together may take.

    Attributes:
        taken_bytes: The bytes that are taken now.
        failing: Whether the last write has failed.
    """

    __slots__ = ("_limit_bytes", "_lock", "failing", "taken_bytes")

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._lock = Lock()
        self.failing: bool = False
        self.taken_bytes: int = 0

    def take(self, byte_count: int) -> None:
        """Take room for some bytes.

        Raises:
            OverloadError: 503, less room is left.
        """
        with self._lock:
            if self.taken_bytes + byte_count > self._limit_bytes:
                raise OverloadError("too much is being uploaded")
            self.taken_bytes += byte_count

    def give_back(self, byte_count: int) -> None:
        """Give back room that was taken."""
        with self._lock:
            self.taken_bytes -= byte_count
            assert self.taken_bytes >= 0

    def refuse(self, error: OSError) -> OverloadError:
        """Return the error that answers an upload which can't be written.

        The cause is logged once, and again only after a write has succeeded: a traceback for each
        request would tell no more.

        Args:
            error: The error of the write.
        """
        if not self.failing:
            logger.error("uploads can't be kept: %s", error)
        self.failing = True
        if error.errno in (EMFILE, ENFILE):
            return OverloadError("too many files are open")
        return OverloadError("there is no room for uploads", 507)


def ignore(byte_count: int) -> None:
    """Count nothing: no other request shares the memory."""


@dataclass(frozen=True, slots=True, eq=False)
class Room:
    """The room that one request may take besides its head.

    Args:
        hold: Counts bytes that the request holds in memory from now on; a negative number counts
            off bytes that it no longer holds. It raises `OverloadError` (503) if all requests
            together hold more than `Limits.buffered_bytes`. Even then the bytes stay counted,
            until they are counted off or the request is over.
        disk: The room on the disk for its uploads.
    """

    hold: Callable[[int], None] = ignore
    disk: DiskRoom = field(default_factory=lambda: DiskRoom(Limits().spooled_bytes))
