"""Content codings: compression of a body of any kind.

Whether a client accepts a coding is not known here.
"""

import zlib
from collections.abc import AsyncIterable, Callable
from contextlib import suppress
from functools import partial
from importlib import import_module
from typing import Any

import trio

from hump_trio.messages.converted_body import ConvertedBody, part_bytes
from hump_trio.messages.headers import Headers
from hump_trio.messages.response import TEXT_TYPE, Fields, Produce, Producer, Send
from hump_trio.tasks.threads import COMPRESSING

__all__ = ["Coder", "LateCoder", "gzip_coder", "load_zstd", "zstd_coder"]

# More bytes than these are compressed in a thread. gzip at level 4 takes 0.8 ms for so many bytes
# of JSON, and handing them to a thread takes 0.1 ms.
INLINE_BYTES = 64 * 1024
# What a thread compresses between two looks for a cancellation: 13 ms.
SLICE_BYTES = 1024 * 1024


class Coder:
    """Compresses one body.

    Args:
        compressor: A compressor of `zlib` or `compression.zstd`.
        part_mode: The mode to flush it in after a part, so that the client can read that part.
        end_mode: The mode to flush it in at the end.
    """

    def __init__(self, compressor: Any, part_mode: int, end_mode: int) -> None:
        self._compressor = compressor
        self._part_mode = part_mode
        self._end_mode = end_mode

    async def compress(self, data: bytes, mode: int) -> bytes:
        """Return bytes compressed; in a thread if there are many, and only then a checkpoint."""
        done: list[bytes] = []
        view = memoryview(data)
        for start in range(0, len(data), SLICE_BYTES):
            piece = view[start : start + SLICE_BYTES]
            compress = self._compressor.compress
            if len(piece) > INLINE_BYTES:
                limiter = COMPRESSING.limiter
                done.append(await trio.to_thread.run_sync(compress, piece, limiter=limiter))
            else:
                done.append(compress(piece))
        return b"".join((*done, self._compressor.flush(mode)))

    async def compress_part(self, part: bytes | str) -> bytes:
        """Return a part of a stream compressed. An empty one, which sends the head, stays empty."""
        data = part_bytes(part)
        return await self.compress(data, self._part_mode) if data else b""

    async def finish(self) -> bytes:
        """Return the end of a stream."""
        return await self.compress(b"", self._end_mode)

    async def convert(self, body: Any) -> bytes | Producer | AsyncIterable[bytes | str]:
        """Return a settled body of any kind as one that is compressed."""
        if isinstance(body, bytes):
            return await self.compress(body, self._end_mode)
        if isinstance(body, Producer):
            return Producer(partial(send_coded, self, body.produce), body.aclose)
        return ConvertedBody(body, self.compress_part, self.finish)


class LateCoder:
    """Compresses a stream whose content type only its first part decides, if that part is text.

    The header fields, which go out with the first part, then name the coding. Where the fields
    can't be changed, since further middleware has wrapped the stream, every part passes unchanged.

    Args:
        make: Returns a coder for one body. A stream of bytes doesn't call it, since the coder's
            memory would be held in vain.
        coding: The coding's name.
    """

    def __init__(self, make: Callable[[], Coder], coding: str) -> None:
        self._make = make
        self._coding = coding
        self._headers: Headers | None = None
        self._begun = False
        self._coder: Coder | None = None  # set by the first part, if that is text

    def take_headers(self, headers: Headers) -> None:
        """Take the header fields that go out with the first part."""
        self._headers = headers

    async def compress_part(self, part: bytes | str) -> bytes | str:
        """Return a part, compressed if the stream is text."""
        if not self._begun:
            self._begun = True
            if isinstance(part, str) and self._announce():
                self._coder = self._make()
        return part if self._coder is None else await self._coder.compress_part(part)

    def _announce(self) -> bool:
        """Set the fields for compressed text; return whether that was possible."""
        headers = self._headers
        if headers is None or "content-encoding" in headers:
            return False
        headers.setdefault("content-type", TEXT_TYPE)
        headers["content-encoding"] = self._coding
        return True

    async def finish(self) -> bytes:
        """Return the end of a stream; empty if the stream isn't compressed."""
        return b"" if self._coder is None else await self._coder.finish()

    def convert(self, body: Any) -> Producer | AsyncIterable[bytes | str]:
        """Return a streamed body of any kind as one that is compressed if it is text."""
        if isinstance(body, Producer):
            produce = partial(send_coded, self, body.produce)
            return Producer(produce, body.aclose, self.take_headers)
        return ConvertedBody(body, self.compress_part, self.finish, self.take_headers)


async def send_coded(coder: Coder | LateCoder, produce: Produce, send: Send) -> Fields | None:
    """Run a producer and send its parts compressed, each part whole, one after the other.

    If a part was compressed but its sending was cut, the compressor counts on bytes that the client
    never got. So nothing more is sent then, not even an end that would make the body look whole.

    Args:
        coder: Compresses the parts.
        produce: The producer, which takes a function to send parts with.
        send: Sends a compressed part.

    Returns:
        The trailers that the producer has returned.

    Raises:
        trio.BrokenResourceError: An earlier part was cut.
        trio.ClosedResourceError: A part is sent when the producer has returned.
    """
    sending = trio.Lock()
    cut = over = False

    async def send_part(part: bytes | str) -> None:
        nonlocal cut
        data = part_bytes(part)  # what can't be sent is refused while nothing is cut
        async with sending:
            check()
            cut = True
            await send(await coder.compress_part(part if isinstance(part, str) else data))
            cut = False

    def check() -> None:
        if over:
            raise trio.ClosedResourceError("the answer this part belongs to is over")
        if cut:
            raise trio.BrokenResourceError("an earlier part was cut by a cancel scope")

    trailers = await produce(send_part)
    async with sending:
        check()
        over = True
        rest = await coder.finish()
        if rest:
            await send(rest)
    return trailers


def gzip_coder(level: int, *, streamed: bool) -> Coder:
    """Return a coder for one body in gzip's format, which holds 230 KiB at most.

    Args:
        level: The level of gzip, 1 to 9.
        streamed: Whether the body is a stream; it makes no difference here.
    """
    return Coder(zlib.compressobj(level, wbits=31), zlib.Z_SYNC_FLUSH, zlib.Z_FINISH)


def zstd_coder(zstd: Any, *, streamed: bool) -> Coder:
    """Return a coder for one body in zstd's format, at the library's default level 3.

    The window of a whole body, 2 MiB, is within the 8 MiB that clients must accept (RFC 9659). Such
    a coder holds 810 KiB from the first byte on, and 1.5 MiB at most: too much for each of many
    streams, which last for hours. A stream's window and tables are so small that its coder holds no
    more than gzip's: 80 KiB for small events, 230 KiB when its window is full.

    Args:
        zstd: The module, as `load_zstd` returns it.
        streamed: Whether the body is a stream.
    """
    parameter = zstd.CompressionParameter
    small = {parameter.window_log: 16, parameter.hash_log: 12, parameter.chain_log: 12}
    compressor = zstd.ZstdCompressor(options=small if streamed else {})
    return Coder(compressor, compressor.FLUSH_BLOCK, compressor.FLUSH_FRAME)


def load_zstd() -> Any:
    """Return the module `compression.zstd`, or its backport; None if neither is installed."""
    for name in ("compression.zstd", "backports.zstd"):
        with suppress(ImportError):
            return import_module(name)
    return None
