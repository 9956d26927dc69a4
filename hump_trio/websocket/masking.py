"""The mask on what clients send (RFC 6455 section 5.3).

The C function of the package ``websockets`` is taken where that is installed: it unmasks 64 KiB in
1 µs, which take 70 µs without it.
"""

from collections.abc import Callable

__all__ = ["apply_mask", "apply_mask_plainly"]

# Up to here one number of all bytes is faster, and beyond it the tables are (2 µs both).
NUMBER_BYTES = 1024
# Each look into `int` makes a new function, which costs 5 % of a short message.
_from_bytes = int.from_bytes
# For each byte of a key, what it makes of each byte; made at the first use, which takes 5 ms.
TABLES: list[bytes] = []


def apply_mask_plainly(data: bytes | memoryview, key: bytes) -> bytes:
    """Return data masked, or unmasked, by a key of four bytes; in plain Python."""
    size = len(data)
    if size <= NUMBER_BYTES:
        mask = (key * ((size >> 2) + 1))[:size]
        return (_from_bytes(data, "little") ^ _from_bytes(mask, "little")).to_bytes(size, "little")
    if not TABLES:
        TABLES.extend(bytes(byte ^ each for byte in range(256)) for each in range(256))
    masked = bytearray(data)  # its slices take two thirds of the time that those of bytes take
    for place in range(4):
        masked[place::4] = masked[place::4].translate(TABLES[key[place]])
    return bytes(masked)


apply_mask: Callable[[bytes | memoryview, bytes], bytes]
try:
    from websockets.speedups import apply_mask as apply_mask_in_c
except ImportError:
    apply_mask = apply_mask_plainly
else:
    apply_mask = apply_mask_in_c
