"""The channel between a supervisor and a worker: lines of JSON and descriptors on a Unix socket.

The meaning of the messages is not known here: `supervised_worker` and `worker` know it.
"""

import array
import json
import os
import socket
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self, TypeAlias

import trio

__all__ = ["DESCRIPTOR_COUNT", "Channel", "Message"]

# The descriptors that one message can carry (SCM_MAX_FD of Linux): a server listens on fewer.
DESCRIPTOR_COUNT = 253
# The longest line: longer than a hello with hundreds of binds.
LINE_BYTES = 256 * 1024
RECEIVE_BYTES = 16 * 1024
# Linux marks received descriptors as not inheritable at once; elsewhere a program that is started
# just then might inherit one.
CLOSE_ON_EXEC = getattr(socket, "MSG_CMSG_CLOEXEC", 0)

Message: TypeAlias = dict[str, Any]


class Channel:
    """One end of the channel; it owns its socket and the descriptors that nobody has taken yet.

    A message and its descriptors arrive together.

    Args:
        sock: One of a pair of Unix stream sockets.
    """

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self._sock = sock
        self._unread = bytearray()
        self._descriptors: list[int] = []
        self._sending = trio.Lock()

    def __enter__(self) -> Self:
        """Close the channel when the block is left."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    async def send(self, kind: str, *, descriptors: Sequence[int] = (), **values: Any) -> None:
        """Send a message, after those that other tasks are sending.

        If there are none, descriptors are sent before any other task runs, so that no task has
        closed them yet.

        Args:
            kind: The kind of the message.
            descriptors: Descriptors whose copies go with the message; the caller's stay open.
            values: The message's values, which JSON can express.

        Raises:
            trio.BrokenResourceError: The other side has ended.

        Cancellation: a checkpoint. If half of the message was sent, the channel is of no use.
        """
        message = {"kind": kind, "descriptors": len(descriptors), **values}
        unsent = json.dumps(message).encode() + b"\n"
        if self._sending.locked():
            await self._sending.acquire()
        else:
            self._sending.acquire_nowait()
        try:
            await self._send(unsent, descriptors)
        finally:
            self._sending.release()

    async def _send(self, unsent: bytes, descriptors: Sequence[int]) -> None:
        """Send a line and descriptors."""
        while unsent:
            try:
                if descriptors:
                    sent_bytes = socket.send_fds(self._sock, [unsent], descriptors)
                else:
                    sent_bytes = self._sock.send(unsent)
            except BlockingIOError:
                await trio.lowlevel.wait_writable(self._sock)
                continue
            except OSError as error:
                raise trio.BrokenResourceError("the other side has ended") from error
            unsent = unsent[sent_bytes:]
            descriptors = ()  # they go with the first byte
        await trio.lowlevel.checkpoint()

    async def receive(self) -> tuple[Message, list[int]] | None:
        """Wait for the next message and return it, or None once the other side has ended.

        Returns:
            The message and its descriptors, which the caller has to close.

        Raises:
            trio.BrokenResourceError: The other side has ended within a message, or has sent
                something else than messages.

        Cancellation: a checkpoint; nothing is lost if cancelled here.
        """
        await trio.lowlevel.checkpoint()
        while b"\n" not in self._unread:
            if len(self._unread) > LINE_BYTES:
                raise trio.BrokenResourceError("a message without an end")
            await trio.lowlevel.wait_readable(self._sock)
            if not self._receive_nowait():
                if self._unread:
                    raise trio.BrokenResourceError("the other side has ended in mid-message")
                return None
        line, _, self._unread = self._unread.partition(b"\n")
        return self._parse(bytes(line))

    def _receive_nowait(self) -> bool:
        """Read what has arrived into the buffer; return False at the end."""
        room = socket.CMSG_SPACE(DESCRIPTOR_COUNT * array.array("i").itemsize)
        try:
            # Python 3.11's `socket.recv_fds` forgets its flags.
            data, ancillary, _, _ = self._sock.recvmsg(RECEIVE_BYTES, room, CLOSE_ON_EXEC)
        except BlockingIOError:
            return True
        except OSError:
            return False  # a reset: there were messages that the other side has not read
        for _, _, content in ancillary:  # nothing but descriptors was asked for
            found = array.array("i")
            found.frombytes(content[: len(content) - len(content) % found.itemsize])
            self._descriptors.extend(found)
        for each in self._descriptors:
            os.set_inheritable(each, False)
        if len(self._descriptors) > DESCRIPTOR_COUNT:
            raise trio.BrokenResourceError("descriptors without a message")
        self._unread += data
        return bool(data)

    def _parse(self, line: bytes) -> tuple[Message, list[int]]:
        """Return the message in a line, and the descriptors that came with it.

        Raises:
            trio.BrokenResourceError: The line isn't a message, or descriptors are missing.
        """
        try:
            message = json.loads(line)
            kind, count = message["kind"], message["descriptors"]
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise trio.BrokenResourceError(f"not a message: {line[:80]!r}") from error
        known = isinstance(kind, str) and type(count) is int
        if not known or count not in range(len(self._descriptors) + 1):
            raise trio.BrokenResourceError(f"not all of a message has come: {line[:80]!r}")
        taken, self._descriptors = self._descriptors[:count], self._descriptors[count:]
        return message, taken

    def close(self) -> None:
        """Close the socket, and the descriptors that nobody has taken. Further calls do nothing."""
        if self._sock.fileno() != -1:
            trio.lowlevel.notify_closing(self._sock)
        self._sock.close()
        while self._descriptors:
            os.close(self._descriptors.pop())
