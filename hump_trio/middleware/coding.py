"""Content codings: a body of any kind, compressed."""

import zlib
from collections.abc import AsyncIterable, Awaitable, Callable
from contextlib import suppress
from functools import partial
from importlib import import_module
from typing import Any

import trio

from hump_trio.messages.converted_body import ConvertedBody, part_bytes
from hump_trio.messages.headers import Headers
from hump_trio.messages.response import TEXT_TYPE, Producer, Send
from hump_trio.tasks.threads import COMPRESSING

__all__ = ["Coder", "LateCoder", "gzip_coder", "load_zstd", "zstd_coder"]

# gzip at level 4 takes 0.8 ms for so many bytes of JSON, and a worker thread 0.1 ms to be asked.
INLINE_BYTES = 64 * 1024
# What a thread compresses before a cancellation is looked for: 13 ms.
SLICE_BYTES = 1024 * 1024


class Coder:
    """Compresses one body.

    Args:
        compressor: Of `zlib` or `compression.zstd`.
        part_mode: How it is flushed after a part, so that what was sent can be read.
        end_mode: How it is flushed at the end.
    """

    def __init__(self, compressor: Any, part_mode: int, end_mode: int) -> None:
        self._compressor = compressor
        self._part_mode = part_mode
        self._end_mode = end_mode

    async def compress(self, data: bytes, mode: int) -> bytes:
        """Compress some bytes; in a thread, if there are many. A checkpoint only then."""
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
        """Compress a part of a stream; an empty one, which sends the head alone, stays empty."""
        data = part_bytes(part)
        return await self.compress(data, self._part_mode) if data else b""

    async def finish(self) -> bytes:
        """Return the end of a stream."""
        return await self.compress(b"", self._end_mode)

    async def convert(self, body: Any) -> bytes | Producer | AsyncIterable[bytes | str]:
        """Return a settled body of any kind, compressed."""
        if isinstance(body, bytes):
            return await self.compress(body, self._end_mode)
        if isinstance(body, Producer):
            return Producer(partial(send_coded, self, body.produce), body.aclose)
        return ConvertedBody(body, self.compress_part, self.finish)


class LateCoder:
    """Compresses a stream whose content type isn't told before its first part, if that is text.

    It then says so in the header fields that go out with that part. Where it wasn't given those,
    since the stream was wrapped once more, every part passes as it is.

    Args:
        make: Returns a coder for one body; not asked for bytes, which would hold it in vain.
        coding: What that is called.
    """

    def __init__(self, make: Callable[[], Coder], coding: str) -> None:
        self._make = make
        self._coding = coding
        self._headers: Headers | None = None
        self._begun = False
        self._coder: Coder | None = None  # from the first part on, if that is text

    def take_headers(self, headers: Headers) -> None:
        """Take the header fields that go out with the first part."""
        self._headers = headers

    async def compress_part(self, part: bytes | str) -> bytes | str:
        """Return a part, compressed if it is one of a text."""
        if not self._begun:
            self._begun = True
            if isinstance(part, str) and self._announce():
                self._coder = self._make()
        return part if self._coder is None else await self._coder.compress_part(part)

    def _announce(self) -> bool:
        """Say in the header fields that what follows is text, and compressed; tell if they do."""
        headers = self._headers
        if headers is None or "content-encoding" in headers:
            return False
        headers.setdefault("content-type", TEXT_TYPE)
        headers["content-encoding"] = self._coding
        return True

    async def finish(self) -> bytes:
        """Return the end of a stream; empty if it isn't compressed."""
        return b"" if self._coder is None else await self._coder.finish()

    def convert(self, body: Any) -> Producer | AsyncIterable[bytes | str]:
        """Return a streamed body of any kind, to be compressed."""
        if isinstance(body, Producer):
            produce = partial(send_coded, self, body.produce)
            return Producer(produce, body.aclose, self.take_headers)
        return ConvertedBody(body, self.compress_part, self.finish, self.take_headers)


async def send_coded(
    coder: Coder | LateCoder, produce: Callable[[Send], Awaitable[None]], send: Send
) -> None:
    """Send what a producer sends, compressed, each part whole and in its turn.

    A part that was cut when it had been compressed is missing from what follows: there is no
    going on from there, nor an end that looks whole.
    """
    turn = trio.Lock()
    cut = over = False

    async def send_part(part: bytes | str) -> None:
        nonlocal cut
        data = part_bytes(part)  # what can't be sent is refused while nothing is cut
        async with turn:
            check()
            cut = True
            await send(await coder.compress_part(part if isinstance(part, str) else data))
            cut = False

    def check() -> None:
        if over:
            raise trio.ClosedResourceError("the answer this part belongs to is over")
        if cut:
            raise trio.BrokenResourceError("an earlier part was cut by a cancel scope")

    await produce(send_part)
    async with turn:
        check()
        over = True
        rest = await coder.finish()
        if rest:
            await send(rest)


def gzip_coder(level: int, *, streamed: bool) -> Coder:
    """Return a coder for one body in gzip's format; it holds 230 KiB at most, streamed or not."""
    return Coder(zlib.compressobj(level, wbits=31), zlib.Z_SYNC_FLUSH, zlib.Z_FINISH)


def zstd_coder(zstd: Any, *, streamed: bool) -> Coder:
    """Return a coder for one body in zstd's format, at the library's own level 3.

    Its window, 2 MiB for a whole body, is within the 8 MiB that clients have to take (RFC 9659).
    It holds 1.5 MiB, and 810 KiB from the first byte on: too much for each of many streams, which
    last for hours. For them window and tables are so small that it holds no more than gzip does:
    80 KiB for small events, 230 KiB when its window is full.
    """
    parameter = zstd.CompressionParameter
    small = {parameter.window_log: 16, parameter.hash_log: 12, parameter.chain_log: 12}
    compressor = zstd.ZstdCompressor(options=small if streamed else {})
    return Coder(compressor, compressor.FLUSH_BLOCK, compressor.FLUSH_FRAME)


def load_zstd() -> Any:
    """Return the module `compression.zstd`, or what stands in for it; None if there is neither."""
    for name in ("compression.zstd", "backports.zstd"):
        with suppress(ImportError):
            return import_module(name)
    return None
