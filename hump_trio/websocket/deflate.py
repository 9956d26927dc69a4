"""Compressed messages: ``permessage-deflate`` (RFC 7692)."""

import zlib
from typing import Any

from hump_trio.websocket.failures import WebSocketFailure

__all__ = ["Inflater"]

# What a sender leaves out at the end of each message (RFC 7692 section 7.2.1), and behind it an
# empty last block, which tells whether the message ended between two blocks.
TAIL = b"\0\0\xff\xff" + b"\x03\0"
# Last blocks in one message. Each makes a new state and copies what follows. A sender that can't
# flush otherwise ends a message with one (RFC 7692 section 7.2.3.4).
LAST_BLOCK_COUNT = 100


class Inflater:
    """Inflates the messages of one client, each with a state of its own.

    The client was told to keep no context between its messages, so that a WebSocket which waits
    holds no memory. A state costs 0.4 µs to make.

    Args:
        window_bits: The size of the window that the client uses at most, as a power of two.
    """

    __slots__ = ("_last_blocks", "_state", "_window_bits")

    def __init__(self, window_bits: int) -> None:
        self._window_bits = window_bits
        self._state: Any = None  # of zlib; None between two messages, and behind a last block
        self._last_blocks = 0

    def inflate(self, data: bytes, room: float) -> bytes:
        """Return what a piece of a message inflates to.

        Args:
            data: The piece; it may be empty.
            room: How many bytes may come of it. If more do, one of them is returned, and the rest
                of the message can't be inflated.

        Raises:
            WebSocketFailure: 1007, the data is damaged; 1002, its last blocks are too many.
        """
        found = b""
        while data and len(found) <= room:
            if self._state is None:
                self._state = zlib.decompressobj(-self._window_bits)
            state = self._state
            found += decompress(state, data, room - len(found))
            if not state.eof:
                break
            self._state = None
            data = state.unused_data
            self._last_blocks += 1
            if self._last_blocks > LAST_BLOCK_COUNT:
                raise WebSocketFailure(1002, "too many last blocks in a compressed message")
        return found

    def finish(self, room: float) -> bytes:
        """Return the rest of a message whose pieces have all been inflated.

        Args:
            room: As in `inflate`.

        Raises:
            WebSocketFailure: 1007, the data is damaged or incomplete.
        """
        state, self._state, self._last_blocks = self._state, None, 0
        if state is None:
            return b""
        found = decompress(state, TAIL, room)
        if len(found) <= room and not state.eof:
            raise WebSocketFailure(1007, "a compressed message that isn't whole")
        return found


def decompress(state: Any, data: bytes, room: float) -> bytes:
    """Return what data inflates to; at most a byte more than there is room for."""
    try:
        inflated: bytes = state.decompress(data, 0 if room == float("inf") else int(room) + 1)
    except zlib.error:
        raise WebSocketFailure(1007, "a compressed message that can't be inflated") from None
    return inflated
