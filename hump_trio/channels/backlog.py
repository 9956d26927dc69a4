"""What waits for one subscriber of a topic that is behind, and what becomes of too much."""

from collections import deque
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

__all__ = ["Backlog", "Publication", "SlowPolicy"]

# What happens to a subscriber for which too much waits.
SlowPolicy: TypeAlias = Literal["close", "drop-oldest", "latest"]


@dataclass(slots=True, eq=False)
class Publication:
    """A value that was published, and the one frame in which every WebSocket gets it.

    Attributes:
        event: The event that every stream sends; the first one of them writes it.
    """

    value: Any
    frame: bytes
    event: bytes = b""


class Backlog:
    """The publications that wait for one subscriber, oldest first.

    All subscribers that are behind hold the same publications: for each of them a backlog adds a
    reference, not a copy.

    Args:
        limit_bytes: The most that waits, in bytes of the frames.
        slow: What becomes of more.

    Attributes:
        dropped: How many publications were dropped to make room for newer ones.
    """

    __slots__ = ("_byte_count", "_drops", "_limit_bytes", "_publications", "dropped")

    def __init__(self, limit_bytes: int, slow: SlowPolicy) -> None:
        self.dropped: int = 0
        # Made when something waits: most subscribers keep up, and an empty one takes 760 bytes.
        self._publications: deque[Publication] | None = None
        self._byte_count = 0
        self._drops = slow != "close"
        # Whatever is published is the only one that waits then, since the newest is never dropped.
        self._limit_bytes = 0 if slow == "latest" else limit_bytes

    def __len__(self) -> int:
        return len(self._publications or ())

    def add(self, publication: Publication) -> bool:
        """Let a publication wait behind the others, and drop the oldest ones for it if need be.

        The newest is kept even if it alone is longer than the limit.

        Returns:
            False if it is too much, and none may be dropped.
        """
        if self._publications is None:
            self._publications = deque()
        publications = self._publications
        publications.append(publication)
        self._byte_count += len(publication.frame)
        if self._byte_count <= self._limit_bytes:
            return True
        if not self._drops:
            return False
        while len(publications) > 1 and self._byte_count > self._limit_bytes:
            self._byte_count -= len(publications.popleft().frame)
            self.dropped += 1
        return True

    def take(self) -> Publication:
        """Take the oldest one out; there is one."""
        assert self._publications, "who takes has looked whether there is one"
        publication = self._publications.popleft()
        self._byte_count -= len(publication.frame)
        return publication

    def take_frames(self) -> bytes:
        """Take all of them out, as they are sent."""
        frames = b"".join([publication.frame for publication in self._publications or ()])
        self.clear()
        return frames

    def clear(self) -> None:
        """Forget all of them."""
        self._publications = None
        self._byte_count = 0
