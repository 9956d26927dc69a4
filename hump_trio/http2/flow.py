"""Flow control as numbers: what the peer may still send, and what it is told of it.

Source: RFC 9113 section 5.2.
"""

__all__ = ["MAX_WINDOW", "InflowWindow"]

MAX_WINDOW = 2**31 - 1  # RFC 9113 section 6.9.1


class InflowWindow:
    """What the peer may send: of a connection, or of one stream.

    The peer hears of room in steps of half a window: neither for each frame, nor so late that it
    has to wait.

    Args:
        size_bytes: How much it may send before it hears of more.

    Attributes:
        left_bytes: What it may still send; below zero it has sent too much.
    """

    __slots__ = ("_freed_bytes", "_step_bytes", "left_bytes")

    def __init__(self, size_bytes: int) -> None:
        self.left_bytes: int = size_bytes
        self._step_bytes = size_bytes // 2
        self._freed_bytes = 0

    def free(self, byte_count: int) -> int:
        """Count bytes that take no room any more; return what the peer is to be told of, or 0."""
        self._freed_bytes += byte_count
        if self._freed_bytes < self._step_bytes:
            return 0
        told_bytes, self._freed_bytes = self._freed_bytes, 0
        self.left_bytes += told_bytes
        return told_bytes
