"""Frames as clients send them, right ones and wrong ones."""

import zlib

from hump_trio.websocket.frames import BINARY, CLOSE, CONTINUATION, FINAL, PING, PONG, RSV1, TEXT
from hump_trio.websocket.masking import apply_mask_plainly

KEY = b"\x37\xfa\x21\x3d"
# A whole message, which comes before each fault.
GOOD = b"\x81\x84" + KEY + apply_mask_plainly(b"good", KEY)


def masked(first: int, payload: bytes = b"", key: bytes = KEY, size: int | None = None) -> bytes:
    """Return a frame of a client.

    Args:
        first: Its first byte.
        payload: What it holds.
        key: The mask.
        size: The length that its header says, if that isn't the payload's.
    """
    size = len(payload) if size is None else size
    if size < 126:
        head = bytes((first, 128 | size))
    elif size < 1 << 16:
        head = bytes((first, 254)) + size.to_bytes(2, "big")
    else:
        head = bytes((first, 255)) + size.to_bytes(8, "big")
    return head + key + apply_mask_plainly(payload, key)


def squeezed(payload: bytes, mode: int = zlib.Z_SYNC_FLUSH) -> bytes:
    """Return a payload compressed as RFC 7692 section 7.2.1 has it."""
    state = zlib.compressobj(wbits=-15)
    data = state.compress(payload) + state.flush(mode)
    return data[:-4] if mode == zlib.Z_SYNC_FLUSH else data


# What breaks RFC 6455, each with the code that it is answered with. The sections are 5.2 (bits,
# opcodes, lengths), 5.1 (masks), 5.4 (fragments), 5.5 (control frames), 7.4 (codes) and 8.1 (text).
MALFORMED: dict[str, tuple[bytes, int]] = {
    "text without a mask": (b"\x81\x04text", 1002),
    "an empty ping without a mask": (b"\x89\x00", 1002),
    "a Close without a mask": (b"\x88\x02\x03\xe8", 1002),
    "RSV1 without compression": (masked(FINAL | RSV1 | TEXT, squeezed(b"text")), 1002),
    "RSV2": (masked(FINAL | 0x20 | TEXT, b"text"), 1002),
    "RSV3": (masked(FINAL | 0x10 | BINARY, b"data"), 1002),
    "RSV1 on a ping": (masked(FINAL | RSV1 | PING), 1002),
    "RSV2 on a Close": (masked(FINAL | 0x20 | CLOSE), 1002),
    **{f"opcode {code:x}": (masked(FINAL | code, b"data"), 1002) for code in (3, 5, 7, 11, 15)},
    "a long ping": (masked(FINAL | PING, bytes(126)), 1002),
    "a very long pong": (masked(FINAL | PONG, b"", size=1 << 20), 1002),
    "a long Close": (masked(FINAL | CLOSE, b"\x03\xe8" + bytes(124)), 1002),
    "a fragment of a ping": (masked(PING, b"data"), 1002),
    "a fragment of a Close": (masked(CLOSE), 1002),
    "125 bytes as two": (b"\x81\xfe\x00\x7d" + KEY + bytes(125), 1002),
    "no bytes as two": (b"\x82\xfe\x00\x00" + KEY, 1002),
    "65535 bytes as eight": (b"\x82\xff" + (65535).to_bytes(8, "big") + KEY, 1002),
    "64 bits of length": (b"\x82\xff" + (1 << 63).to_bytes(8, "big") + KEY, 1002),
    "a continuation of nothing": (masked(FINAL | CONTINUATION, b"data"), 1002),
    "a fragment that continues nothing": (masked(CONTINUATION, b"data"), 1002),
    "text within a message": (masked(TEXT, b"te") + masked(FINAL | TEXT, b"xt"), 1002),
    "bytes within a message": (masked(BINARY, b"da") + masked(BINARY, b"ta"), 1002),
    "RSV1 on a continuation": (masked(TEXT, b"te") + masked(FINAL | RSV1, b"xt"), 1002),
    "a Close of one byte": (masked(FINAL | CLOSE, b"\x03"), 1002),
    **{
        f"a Close with {code}": (masked(FINAL | CLOSE, code.to_bytes(2, "big")), 1002)
        for code in (0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535)
    },
    "a Close whose reason is no text": (masked(FINAL | CLOSE, b"\x03\xe8\xff"), 1007),
    "a Close with half a character": (masked(FINAL | CLOSE, b"\x03\xe8\xe2\x82"), 1007),
    "a byte that isn't UTF-8": (masked(FINAL | TEXT, b"\xff"), 1007),
    "half a character at the end": (masked(FINAL | TEXT, "€".encode()[:2]), 1007),
    "an overlong form": (masked(FINAL | TEXT, b"\xc0\xaf"), 1007),
    "an overlong form of three bytes": (masked(FINAL | TEXT, b"\xe0\x80\xaf"), 1007),
    "a surrogate": (masked(FINAL | TEXT, b"\xed\xa0\x80"), 1007),
    "beyond Unicode": (masked(FINAL | TEXT, b"\xf4\x90\x80\x80"), 1007),
    "a character broken off in fragments": (
        masked(TEXT, "€".encode()[:1]) + masked(CONTINUATION, "€".encode()[1:2]) + masked(FINAL),
        1007,
    ),
    "a longer message than is taken": (masked(FINAL | BINARY, bytes(1001)), 1009),
    "a length beyond all limits": (masked(FINAL | TEXT, b"", size=1 << 40), 1009),
    "fragments longer than is taken": (
        masked(BINARY, bytes(500)) + masked(CONTINUATION, bytes(500)) + masked(FINAL, b"1"),
        1009,
    ),
}
