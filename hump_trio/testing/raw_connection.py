"""A client's connection to an app in memory, byte by byte."""

import trio

from hump_trio.transports.memory import MemoryTransport

__all__ = ["RawConnection"]


class RawConnection:
    """A connection to an app, byte by byte, as `connect` opens it.

    Bytes that the app sends are acknowledged at once, until `pause_reading` is called.

    Args:
        transport: The client's end of the connection.
    """

    def __init__(self, transport: MemoryTransport) -> None:
        self._transport = transport

    async def send(self, data: bytes) -> None:
        """Send bytes to the app. A checkpoint; waits while the app doesn't read.

        Args:
            data: The bytes; how they are cut into messages is for the app to find out.

        Raises:
            trio.BrokenResourceError: The app has closed or reset the connection.
        """
        await self._transport.send_all(data)

    async def trickle(self, data: bytes, *, pause: float) -> None:
        """Send bytes one by one, as a slow client does.

        Args:
            data: The bytes to send.
            pause: Seconds to wait after each byte.

        Raises:
            trio.BrokenResourceError: The app has closed or reset the connection.
        """
        for byte in data:
            await self.send(bytes([byte]))
            await trio.sleep(pause)

    async def receive(self, max_bytes: int | None = None) -> bytes:
        """Return bytes that the app has sent, or ``b""`` once the app has closed. A checkpoint.

        Waits until the app has sent something.

        Args:
            max_bytes: The most to return; None: all that has arrived.

        Raises:
            trio.BrokenResourceError: The app has reset the connection.
        """
        self._transport.set_window(float("inf"))
        return await self._transport.receive_some(max_bytes)

    async def half_close(self) -> None:
        """Tell the app that nothing more will be sent; receiving goes on. A checkpoint."""
        await self._transport.send_eof()

    def reset(self) -> None:
        """Break the connection off at once, as a client that crashes does."""
        self._transport.reset()

    def pause_reading(self) -> None:
        """Acknowledge nothing more until the next `receive`, as a stalled reader does."""
        self._transport.set_window(0)
