"""Frames as bytes: their nine-byte header, and those that a server sends (RFC 9113 section 4.1).

A frame is no object: it is read by its header where it stands, and written as bytes.
"""

from collections.abc import Callable, Iterable
from struct import Struct

from hump_trio.http2.failures import ConnectionFailure, ErrorCode, violation

__all__ = [
    "ACK",
    "CONTINUATION",
    "DATA",
    "END_HEADERS",
    "END_STREAM",
    "FRAME_BYTES",
    "GOAWAY",
    "HEADERS",
    "HEADER_BYTES",
    "PING",
    "PREFACE",
    "PRIORITY",
    "PRIORITY_UPDATE",
    "PUSH_PROMISE",
    "RST_STREAM",
    "SETTINGS",
    "WINDOW_UPDATE",
    "WITH_PRIORITY",
    "encode_data",
    "encode_frame",
    "encode_goaway",
    "encode_headers",
    "encode_reset",
    "encode_settings",
    "encode_window_update",
    "pack_header",
    "read_body",
    "read_number",
    "unpack_header",
    "unpad",
]

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"  # RFC 9113 section 3.4

# Types (RFC 9113 section 6; the last one is RFC 9218 section 7.1).
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS = 0x0, 0x1, 0x2, 0x3, 0x4
PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 0x5, 0x6, 0x7, 0x8, 0x9
PRIORITY_UPDATE = 0x10

# Flags. Those of SETTINGS and PING are named otherwise than those of DATA and HEADERS.
END_STREAM, ACK, END_HEADERS, PADDED, WITH_PRIORITY = 0x1, 0x1, 0x4, 0x8, 0x20

HEADER_BYTES = 9
# The longest payload that both sides send: the default, which holds up no other stream for long.
FRAME_BYTES = 16_384

HEADER = Struct(">IBI")
# A frame's header is read and written as three numbers: ``length << 8 | type``, flags, stream. The
# highest bit of the stream is reserved, and ignored by whoever reads it (RFC 9113 section 4.1).
unpack_header: Callable[[bytes, int], tuple[int, int, int]] = HEADER.unpack_from
pack_header: Callable[[int, int, int], bytes] = HEADER.pack


def encode_frame(kind: int, flags: int, stream_id: int, payload: bytes = b"") -> bytes:
    """Return a frame whose payload isn't longer than `FRAME_BYTES`."""
    return pack_header(len(payload) << 8 | kind, flags, stream_id) + payload


def encode_headers(stream_id: int, block: bytes, *, ends: bool) -> bytes:
    """Return the frames of a header block: HEADERS, and CONTINUATIONs where it is long.

    Args:
        stream_id: The stream that the fields belong to.
        block: The encoded fields.
        ends: Whether nothing follows on the stream.
    """
    flags = END_STREAM if ends else 0
    if len(block) <= FRAME_BYTES:
        return pack_header(len(block) << 8 | HEADERS, flags | END_HEADERS, stream_id) + block
    frames = [encode_frame(HEADERS, flags, stream_id, block[:FRAME_BYTES])]
    for start in range(FRAME_BYTES, len(block), FRAME_BYTES):
        last = END_HEADERS if start + FRAME_BYTES >= len(block) else 0
        part = block[start : start + FRAME_BYTES]
        frames.append(encode_frame(CONTINUATION, last, stream_id, part))
    return b"".join(frames)


def encode_data(stream_id: int, data: bytes) -> list[bytes | memoryview]:
    """Return the frames of a body, which ends with it (RFC 9113 section 6.1), without a copy."""
    last = max(len(data) - 1, 0) // FRAME_BYTES * FRAME_BYTES
    full_header = pack_header(FRAME_BYTES << 8 | DATA, 0, stream_id)
    parts: list[bytes | memoryview] = []
    view = memoryview(data)
    for start in range(0, last, FRAME_BYTES):
        parts += full_header, view[start : start + FRAME_BYTES]
    parts += pack_header((len(data) - last) << 8 | DATA, END_STREAM, stream_id), view[last:]
    return parts


def read_body(stream_id: int, data: bytes, pos: int) -> tuple[bytes, int] | None:
    """Return the body that begins at a place, and where it ends; None if it isn't whole there.

    Nor is a body found in frames that need a closer look: empty, padded or too long ones.

    Args:
        stream_id: The stream of the body.
        data: What has come.
        pos: Where the frame behind its head begins.
    """
    parts = []
    ends, view = False, memoryview(data)
    while not ends and len(data) - pos >= HEADER_BYTES:
        first, flags, frame_id = unpack_header(data, pos)
        begin = pos + HEADER_BYTES
        pos = begin + (first >> 8)
        ends = bool(flags & END_STREAM)
        if (
            first & 0xFF != DATA
            or frame_id != stream_id
            or flags & PADDED
            or pos > len(data)
            or pos - begin > FRAME_BYTES
            or not (ends or pos > begin)
        ):
            return None
        parts.append(view[begin:pos])
    return (b"".join(parts), pos) if ends else None


def encode_reset(stream_id: int, code: ErrorCode) -> bytes:
    """Return the frame that ends a stream at once (RFC 9113 section 6.4)."""
    return encode_frame(RST_STREAM, 0, stream_id, code.to_bytes(4, "big"))


def encode_settings(settings: Iterable[tuple[int, int]]) -> bytes:
    """Return a frame of settings, each a number and its value (RFC 9113 section 6.5)."""
    payload = b"".join(key.to_bytes(2, "big") + value.to_bytes(4, "big") for key, value in settings)
    return encode_frame(SETTINGS, 0, 0, payload)


def encode_goaway(last_id: int, code: ErrorCode) -> bytes:
    """Return the frame that says which stream is the last one (RFC 9113 section 6.8)."""
    return encode_frame(GOAWAY, 0, 0, last_id.to_bytes(4, "big") + code.to_bytes(4, "big"))


def encode_window_update(stream_id: int, byte_count: int) -> bytes:
    """Return the frame that lets the peer send more (RFC 9113 section 6.9).

    Args:
        stream_id: The stream; 0 for the connection.
        byte_count: How many more bytes.
    """
    return encode_frame(WINDOW_UPDATE, 0, stream_id, byte_count.to_bytes(4, "big"))


def unpad(flags: int, payload: bytes) -> bytes:
    """Return a payload without its padding (RFC 9113 section 6.1).

    Raises:
        ConnectionFailure: PROTOCOL_ERROR, the padding is longer than the payload.
    """
    if not flags & PADDED:
        return payload
    if not payload:
        raise ConnectionFailure(ErrorCode.FRAME_SIZE_ERROR, "no length of the padding")
    end = len(payload) - payload[0]
    if end < 1:
        raise violation("padding longer than its frame")
    return payload[1:end]


def read_number(payload: bytes) -> int:
    """Return the 31 bits that a payload begins with; the bit before them is reserved."""
    return int.from_bytes(payload[:4], "big") & 0x7FFF_FFFF
