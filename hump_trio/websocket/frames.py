"""Frames as a server sends them: unmasked bytes (RFC 6455 section 5.2).

A message goes out as one frame. Its payload follows its head in one concatenation, which takes
0.1 µs for a small message and less than a second call of the system for one of 64 KiB.
"""

from hump_trio.websocket.failures import NO_CODE

__all__ = [
    "BINARY",
    "BYTES_HEADS",
    "CLOSE",
    "CONTINUATION",
    "FINAL",
    "PING",
    "PONG",
    "RSV1",
    "TEXT",
    "TEXT_HEADS",
    "encode_bytes",
    "encode_close",
    "encode_frame",
    "encode_text",
]

# What the first byte of a frame is made of: an opcode, and bits. Opcodes from `CLOSE` on are those
# of control frames (RFC 6455 section 5.5).
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
FINAL, RSV1 = 0x80, 0x40

# A payload up to this length has it in the head's second byte. A control frame has none longer.
SHORT_BYTES = 125
# The heads of whole short messages, each by the length of its payload.
TEXT_HEADS = [bytes((FINAL | TEXT, size)) for size in range(SHORT_BYTES + 1)]
BYTES_HEADS = [bytes((FINAL | BINARY, size)) for size in range(SHORT_BYTES + 1)]


def encode_text(text: str) -> bytes:
    """Return the frame of a whole message of text.

    Raises:
        UnicodeEncodeError: The text has a surrogate, which UTF-8 hasn't.
    """
    payload = text.encode()
    size = len(payload)
    return TEXT_HEADS[size] + payload if size < 126 else encode_frame(FINAL | TEXT, payload)


def encode_bytes(data: bytes) -> bytes:
    """Return the frame of a whole message of bytes."""
    size = len(data)
    return BYTES_HEADS[size] + data if size < 126 else encode_frame(FINAL | BINARY, data)


def encode_frame(first_byte: int, payload: bytes) -> bytes:
    """Return a frame.

    Args:
        first_byte: Its opcode and bits, such as ``FINAL | PONG``.
        payload: What it holds, at most 125 bytes in a control frame.
    """
    size = len(payload)
    if size <= SHORT_BYTES:
        return b"%c%c%b" % (first_byte, size, payload)
    if size < 1 << 16:
        return b"%c\x7e%b%b" % (first_byte, size.to_bytes(2, "big"), payload)
    return b"%c\x7f%b%b" % (first_byte, size.to_bytes(8, "big"), payload)


def encode_close(code: int, reason: str = "") -> bytes:
    """Return the frame that ends a WebSocket (RFC 6455 section 5.5.1).

    Args:
        code: The close code; 1005 for a frame that has neither a code nor a reason.
        reason: A sentence for the client. It is cut, between characters, where the frame is full.
    """
    if code == NO_CODE:
        return encode_frame(FINAL | CLOSE, b"")
    room = SHORT_BYTES - 2
    text = reason.encode(errors="replace")
    if len(text) > room:
        text = text[:room].decode(errors="ignore").encode()
    return encode_frame(FINAL | CLOSE, code.to_bytes(2, "big") + text)
