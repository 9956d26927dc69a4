"""Both codings, with decoders that aren't ours, and text for them."""

import zlib
from collections.abc import Callable
from functools import partial
from typing import Any

import zstandard

from hump_trio.middleware.coding import Coder, gzip_coder, load_zstd, zstd_coder

CODERS: dict[str, Callable[[], Coder]] = {
    "gzip": partial(gzip_coder, 4, streamed=True),
    "zstd": lambda: zstd_coder(load_zstd(), streamed=True),
}


def decoder(name: str) -> Any:
    """Return something with `decompress` that takes a body in pieces."""
    return (
        zlib.decompressobj(31) if name == "gzip" else zstandard.ZstdDecompressor().decompressobj()
    )


def noise(byte_count: int) -> str:
    """Return text that hardly becomes smaller."""
    state, parts = 1, list[str]()
    while len(parts) * 8 < byte_count:
        state = state * 6364136223846793005 % 2**64
        parts.append(f"{state >> 32:08x}")
    return "".join(parts)
