"""A socket that is made to accept many connections.

What it listens at isn't known here.
"""

import socket
from functools import cached_property

__all__ = ["ListeningSocket"]


class ListeningSocket(socket.socket):
    """A socket that knows its family and its type.

    Python's looks them up in an enumeration at each `accept`, which takes 13,000 instructions.
    """

    # Types take what is cached for something that can be written, which the socket's can't.
    @cached_property
    def family(self) -> int:  # type: ignore[override]
        """That of its addresses."""
        return super().family

    @cached_property
    def type(self) -> int:  # type: ignore[override]
        """That of streams."""
        return super().type
