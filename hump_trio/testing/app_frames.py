"""Frames of a WebSocket as its client reads and writes them, strictly.

The package's own reader is the server's side of RFC 6455. What is here is the other side, written
separately, so that the two are held against each other.
"""

import os
from typing import Literal, TypeAlias

__all__ = [
    "BINARY",
    "CLOSE",
    "FINAL",
    "PONG",
    "TEXT",
    "AppFrames",
    "encode_client_frame",
    "encode_close_payload",
    "require",
]

TEXT = 0x1
BINARY = 0x2
CLOSE = 0x8
PING = 0x9
PONG = 0xA
FINAL = 0x80
RSV_BITS = 0x70

# What a closing frame may say (RFC 6455 section 7.4): registered codes that aren't reserved.
REGISTERED_CODES = frozenset({1000, 1001, 1002, 1003, *range(1007, 1015)})

# A whole message, or the payload of a control frame.
Arrival: TypeAlias = (
    tuple[Literal["message"], str | bytes] | tuple[Literal["close", "ping", "pong"], bytes]
)


def require(condition: bool, text: str) -> None:
    """Fail the test unless a condition holds, as ``assert`` does, with ``python -O`` too."""
    if not condition:
        raise AssertionError(f"the app has sent {text}")


def encode_client_frame(first_byte: int, payload: bytes, *, masked: bool = True) -> bytes:
    """Return a frame as a client sends it.

    Args:
        first_byte: The opcode, with whatever bits are to be set before it.
        payload: What it holds; the length is written in the shortest form.
        masked: Whether it is masked, as a client's frames must be.
    """
    length, mask_bit = len(payload), 0x80 if masked else 0
    if length < 126:
        head = bytes((first_byte, mask_bit | length))
    elif length < 65536:
        head = bytes((first_byte, mask_bit | 126)) + length.to_bytes(2, "big")
    else:
        head = bytes((first_byte, mask_bit | 127)) + length.to_bytes(8, "big")
    if not masked:
        return head + payload
    key = os.urandom(4)
    mask = int.from_bytes((key * (length // 4 + 1))[:length], "big")
    return head + key + (int.from_bytes(payload, "big") ^ mask).to_bytes(length, "big")


def encode_close_payload(code: int | None, reason: str) -> bytes:
    """Return what a closing frame holds; nothing if there is no code."""
    return b"" if code is None else code.to_bytes(2, "big") + reason.encode()


class AppFrames:
    """Reads what an app sends, and lets nothing pass that RFC 6455 forbids a server.

    Attributes:
        close_code: The code of the closing frame; 1005 if it had none, None if none has come.
        close_reason: The reason of that frame.
    """

    def __init__(self) -> None:
        self.close_code: int | None = None
        self.close_reason: str = ""
        self._unread = bytearray()
        self._message = bytearray()
        self._kind = 0  # the opcode of the message that has begun, or none

    def feed(self, data: bytes) -> list[Arrival]:
        """Return what has come whole.

        Raises:
            AssertionError: The app has broken a rule of RFC 6455.
        """
        self._unread += data
        arrivals: list[Arrival] = []
        while self._unread:
            require(self.close_code is None, "something behind its closing frame")
            frame = self._next_frame()
            if frame is None:
                break
            self._take(*frame, arrivals)
        return arrivals

    def _next_frame(self) -> tuple[int, bytes] | None:
        """Return the first byte and the payload of a frame; None unless all of it has come."""
        unread = self._unread
        if len(unread) < 2:
            return None
        first_byte, length, begin = unread[0], unread[1], 2
        require(not first_byte & RSV_BITS, f"a frame with reserved bits: {first_byte:#x}")
        require(length < 128, "a masked frame")
        if length >= 126:
            begin = 4 if length == 126 else 10
            if len(unread) < begin:
                return None
            least = 126 if length == 126 else 65536
            length = int.from_bytes(unread[2:begin], "big")
            require(least <= length < 2**63, f"a length that isn't minimal, or no length: {length}")
        if len(unread) < begin + length:
            return None
        payload = bytes(unread[begin : begin + length])
        del unread[: begin + length]
        return first_byte, payload

    def _take(self, first_byte: int, payload: bytes, arrivals: list[Arrival]) -> None:
        """Note a frame (RFC 6455 sections 5.4 and 5.5)."""
        opcode, final = first_byte & 0xF, bool(first_byte & FINAL)
        if opcode in (CLOSE, PING, PONG):
            require(final and len(payload) < 126, f"a control frame cut or too long: {opcode:#x}")
            if opcode == CLOSE:
                self._take_close(payload)
                arrivals.append(("close", payload))
            else:
                arrivals.append(("ping" if opcode == PING else "pong", payload))
            return
        require(opcode in (0, TEXT, BINARY), f"a frame of an unknown kind: {opcode:#x}")
        require(bool(opcode) != bool(self._kind), "fragments that make no message")
        self._kind = self._kind or opcode
        self._message += payload
        if final:
            message = bytes(self._message)
            arrivals.append(("message", decode(message) if self._kind == TEXT else message))
            self._message.clear()
            self._kind = 0

    def _take_close(self, payload: bytes) -> None:
        """Note a closing frame (RFC 6455 section 5.5.1)."""
        require(len(payload) != 1, "a closing frame of one byte")
        code = int.from_bytes(payload[:2], "big") if payload else 1005
        known = not payload or code in REGISTERED_CODES or 3000 <= code < 5000
        require(known, f"a closing frame with a code that nobody may send: {code}")
        self.close_code, self.close_reason = code, decode(payload[2:])


def decode(data: bytes) -> str:
    """Return text.

    Raises:
        AssertionError: It isn't UTF-8.
    """
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise AssertionError(f"the app has sent text that isn't UTF-8: {error}") from error
