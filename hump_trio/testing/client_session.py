"""What goes on beneath a WebSocket's client: frames are read and answered, whatever the test does.

Two tasks do that: one reads, as long as reading isn't paused, and one sends what is owed.
"""

import math
from contextlib import suppress
from typing import Any, Literal

import trio

import hump_trio.testing.http_library as httpx
import hump_trio.testing.pool_library as httpcore
from hump_trio.facts.exceptions import WebSocketClosed
from hump_trio.testing.app_frames import CLOSE, FINAL, PONG, AppFrames, encode_client_frame

__all__ = ["ClientSession"]

READ_BYTES = 64 * 1024


class ClientSession:
    """The state of a WebSocket at its client's end.

    Attributes:
        messages: The messages that have come and weren't received; ends with the WebSocket.
        pings: What the app's pings held.
        pongs: What the app's pongs held.
        close_code: The code of the app's closing frame, as `WebSocketClient` has it.
        close_reason: The reason of that frame.
        was_reset: Whether the app has broken the connection off.
        ended: Whether the connection has ended in the app's direction.
        answers_pings: Whether pings are answered.
        answers_closing: Whether the app's closing frame is answered, and the end of its direction.
        half_closed: Whether nothing more is sent.

    Args:
        response: The answer to the handshake, which brings the connection.
    """

    def __init__(self, response: httpx.Response) -> None:
        self.messages: trio.MemoryReceiveChannel[str | bytes]
        self._put, self.messages = trio.open_memory_channel[str | bytes](math.inf)
        self.pings: trio.MemoryReceiveChannel[bytes]
        self._put_ping, self.pings = trio.open_memory_channel[bytes](math.inf)
        self.pongs: trio.MemoryReceiveChannel[bytes]
        self._put_pong, self.pongs = trio.open_memory_channel[bytes](math.inf)
        self._owe, self._owed = trio.open_memory_channel[bytes](math.inf)
        self.close_code: int | None = None
        self.close_reason: str = ""
        self.was_reset: bool = False
        self.ended: trio.Event = trio.Event()
        self.answers_pings: bool = True
        self.answers_closing: bool = True
        self.half_closed: bool = False
        self._closed_by: Literal["client", "server", "lost"] = "lost"
        self._sent_closing: tuple[int, str] | None = None
        self._stream: httpcore.AsyncNetworkStream = response.extensions["network_stream"]
        self._transport: Any = self._stream.get_extra_info("transport")
        self._frames = AppFrames()
        self._writing = trio.Lock()
        self._reading = trio.CancelScope()
        self._resumed = trio.Event()
        self.resume()

    @property
    def paused(self) -> bool:
        """Whether nothing is read."""
        return not self._resumed.is_set()

    @property
    def closing_sent(self) -> bool:
        """Whether the client's closing frame was sent."""
        return self._sent_closing is not None

    @property
    def takes_messages(self) -> bool:
        """Whether nobody has closed yet."""
        return self._closed_by == "lost" and not self.ended.is_set()

    def closed_error(self) -> WebSocketClosed:
        """Return the error of what can't be done any more."""
        if self.close_code is None:
            assert self._sent_closing is not None
            return WebSocketClosed(*self._sent_closing, by="client")
        return WebSocketClosed(self.close_code, self.close_reason, self._closed_by)

    def note_closing(self, by: Literal["client", "server"], code: int, reason: str) -> None:
        """Note that there is a closing frame; the first one has closed the WebSocket."""
        if self._closed_by == "lost":
            self._closed_by = by
        if by == "client":
            self._sent_closing = code, reason

    async def write(self, data: bytes, *, pause: float | None = None) -> None:
        """Send bytes, and nothing else between them; a pause is one after each byte, in seconds.

        Raises:
            trio.BrokenResourceError: The app has ended the connection.
            trio.ClosedResourceError: The client has.
        """
        async with self._writing:
            if self.ended.is_set() and self.answers_closing:
                raise trio.BrokenResourceError("the app has ended the connection")
            if pause is None:
                await self._transport.send_all(data)
                return
            for byte in data:
                await self._transport.send_all(bytes([byte]))
                await trio.sleep(pause)

    async def end(self) -> None:
        """End the client's direction."""
        async with self._writing:
            self.half_closed = True
            await self._transport.send_eof()

    def reset(self) -> None:
        """Break off."""
        self._transport.reset()

    def cut(self) -> None:
        """Close both directions."""
        self._transport.close()

    def pause(self) -> None:
        """Read and acknowledge nothing more."""
        if not self.paused:
            self._resumed = trio.Event()
            self._reading.cancel()
            self._transport.set_window(0)

    def resume(self) -> None:
        """Read again."""
        if self.paused:
            self._resumed.set()
            self._transport.set_window(math.inf)

    async def serve_reading(self) -> None:
        """Note what comes until the connection ends.

        Raises:
            AssertionError: The app has sent what a server may not send.
        """
        try:
            while True:
                while self.paused:
                    await self._resumed.wait()
                data = None
                with trio.CancelScope() as self._reading:
                    data = await self._stream.read(READ_BYTES)
                if data == b"":
                    break
                for kind, payload in self._frames.feed(data or b""):
                    self._note(kind, payload)
        except httpcore.ReadError:
            self.was_reset = True
        except trio.ClosedResourceError:
            pass  # the test has broken off
        self._note_end()

    async def serve_answering(self) -> None:
        """Send what is owed, beside the test's own messages."""
        async for frame in self._owed:
            with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
                await (self.write(frame) if frame else self.end())

    def _note(self, kind: str, payload: Any) -> None:
        """Keep what has come, and owe what it asks for."""
        if kind == "message":
            self._put.send_nowait(payload)
        elif kind == "pong":
            self._put_pong.send_nowait(payload)
        elif kind == "ping":
            self._put_ping.send_nowait(payload)
            if self.answers_pings and not self.closing_sent:
                self._owe.send_nowait(encode_client_frame(FINAL | PONG, payload))
        else:
            code, reason = self._frames.close_code or 1005, self._frames.close_reason
            self.close_code, self.close_reason = code, reason
            self.note_closing("server", code, reason)
            self._put.close()
            if self.answers_closing and not self.closing_sent:
                self.note_closing("client", code, "")
                self._owe.send_nowait(encode_client_frame(FINAL | CLOSE, payload[:2]))

    def _note_end(self) -> None:
        """Note that nothing more comes, and owe the end of the other direction, as TCP does."""
        if self.close_code is None:
            self.close_code, self._closed_by = 1006, "lost"
        for channel in (self._put, self._put_ping, self._put_pong):
            channel.close()
        self.ended.set()
        if self.answers_closing:
            self._owe.send_nowait(b"")
