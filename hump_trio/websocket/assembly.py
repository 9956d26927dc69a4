"""A message that comes in pieces, which are inflated and checked as they come (RFC 6455, 8.1)."""

from codecs import utf_8_decode
from collections import deque
from io import BytesIO, StringIO
from math import inf
from typing import Any, NamedTuple, TypeAlias

from hump_trio.websocket.deflate import Inflater
from hump_trio.websocket.failures import WebSocketFailure

__all__ = ["Assembly", "Messages", "Part", "too_long"]


class Part(NamedTuple):
    """A part of a message that is handed on as it comes."""

    data: str | bytes
    last: bool


Messages: TypeAlias = deque[str | bytes | Part]

# Pieces of text that are joined to one. A text of one or two characters takes 50 bytes, and what
# collects them in Python 3.11 keeps a hundred thousand.
JOINED_COUNT = 256


class Assembly:
    """One message that comes in pieces, be it in one frame or in many.

    It is held as one growing text or row of bytes, so a million fragments of a byte take as much
    memory as one frame. Each byte is checked once, when it comes.

    Args:
        messages: Where the message is put when it is whole, or its parts when they come.
        limit_bytes: The most that the message may have, inflated.
        inflate: What inflates its pieces; None if it isn't compressed.
        is_text: Whether it is text.
        in_parts: Whether it is handed on as it comes, without a limit.

    Attributes:
        held_bytes: What is held of the message.
        room_bytes: How many more bytes headers may announce; the reader counts them.
        in_parts: Whether the message is handed on as it comes.
    """

    __slots__ = (
        "_content",
        "_is_text",
        "_limit_bytes",
        "_messages",
        "_pieces",
        "_split",
        "held_bytes",
        "in_parts",
        "inflate",
        "room_bytes",
    )

    def __init__(
        self,
        messages: Messages,
        limit_bytes: float,
        inflate: Inflater | None,
        *,
        is_text: bool,
        in_parts: bool,
    ) -> None:
        self.inflate: Inflater | None = inflate
        self.in_parts: bool = in_parts
        self.held_bytes: int = 0
        self.room_bytes: float = inf
        self._messages = messages
        self._limit_bytes = limit_bytes
        self._is_text = is_text
        self._content: Any = StringIO() if is_text else BytesIO()
        self._pieces: list[str] = []  # the latest ones of a text
        self._split = b""  # the first bytes of a character whose others haven't come

    def add(self, piece: bytes, *, last: bool) -> int:
        """Add a piece, and return how many bytes it was, inflated.

        Args:
            piece: The next bytes, unmasked.
            last: Whether the message is whole with them.

        Raises:
            UnicodeDecodeError: It is no text, from one of its bytes on; 1007.
            WebSocketFailure: What it inflates to is too long or damaged.
        """
        if self.inflate is not None:
            piece = self._inflate_piece(self.inflate, piece, last=last)
        size = len(piece)
        found: str | bytes = piece
        if self._is_text:
            if self._split:
                piece = self._split + piece
                self._split = b""
            found, used = utf_8_decode(piece, "strict", last)
            if used < len(piece):
                self._split = split = piece[used:]
                if len(split) == 2 and b"\xed\xa0" <= split < b"\xee":
                    utf_8_decode(split, "strict", True)  # a surrogate, whose end Python waits for
        if self.in_parts:
            if found or last:
                self._messages.append(Part(found, last))
        elif last and not self.held_bytes:
            self._messages.append(found)
        else:
            self.held_bytes += size
            if isinstance(found, bytes):
                self._content.write(found)
            else:
                self._pieces.append(found)
                if len(self._pieces) == JOINED_COUNT:
                    self._join_pieces()
            if last:
                self._messages.append(self._take_content())
        return size

    def hand_on(self) -> None:
        """Hand on what has come as the message's first part, and what comes from now on as more."""
        if self.in_parts:
            return
        self.in_parts = True
        self.room_bytes = inf
        if held := self._take_content():
            self._messages.append(Part(held, last=False))
        self.held_bytes = 0
        self._content = None

    def _join_pieces(self) -> None:
        """Put the latest pieces of a text to what is held before them."""
        self._content.write("".join(self._pieces))
        self._pieces.clear()

    def _take_content(self) -> str | bytes:
        """Return what is held."""
        if self._pieces:
            self._join_pieces()
        content: str | bytes = self._content.getvalue()
        return content

    def _inflate_piece(self, inflate: Inflater, piece: bytes, *, last: bool) -> bytes:
        """Return what a piece inflates to, and the message's end behind the last one."""
        room_bytes = inf if self.in_parts else self._limit_bytes - self.held_bytes
        inflated = inflate.inflate(piece, room_bytes)
        if last and len(inflated) <= room_bytes:
            inflated += inflate.finish(room_bytes - len(inflated))
        if len(inflated) > room_bytes:
            raise too_long()
        return inflated


def too_long() -> WebSocketFailure:
    """Return the failure for a message beyond its limit."""
    return WebSocketFailure(1009, "a message that is too long")
