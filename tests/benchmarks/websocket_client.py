"""The client of WebSockets: it sends frames that were made beforehand, and counts messages.

It is to cost little beside a server, so it doesn't look at what they hold: `check` has done so.
"""

import select
import socket
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Protocol

from tests.benchmarks.scenarios import SHORT_TEXT, Messages

PATIENCE_SECONDS = 60
SEND_BUFFER_BYTES = 128 * 1024  # 64 KiB have to find room at once
READ_BYTES = 256 * 1024
OPENING_BATCH = 16  # WebSockets that are opened, and closed, side by side

TEXT, BINARY, CLOSE, PING, PONG = 0x1, 0x2, 0x8, 0x9, 0xA
OPCODE = 0x0F
FINAL, COMPRESSED, MASKED = 0x80, 0x40, 0x80
MASK = b"\x37\xfa\x21\x3d"
OFFER = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"  # a browser's


def encode_frame(first_byte: int, payload: bytes) -> bytes:
    """Return a frame of a client's, with a mask that is always the same."""
    count = len(payload)
    if count < 126:
        head = bytes([first_byte, MASKED | count])
    elif count < 2**16:
        head = bytes([first_byte, MASKED | 126]) + count.to_bytes(2)
    else:
        head = bytes([first_byte, MASKED | 127]) + count.to_bytes(8)
    mask = (MASK * (count // 4 + 1))[:count]
    masked = int.from_bytes(payload) ^ int.from_bytes(mask)
    return head + MASK + masked.to_bytes(count)


def encode_message(payload: str | bytes, *, compressed: bool = False) -> bytes:
    """Return the frame of a whole message, which can be repeated even if it is compressed."""
    opcode = TEXT if isinstance(payload, str) else BINARY
    data = payload.encode() if isinstance(payload, str) else payload
    if not compressed:
        return encode_frame(FINAL | opcode, data)
    deflater = zlib.compressobj(wbits=-zlib.MAX_WBITS)  # of its own: it refers to no other message
    data = deflater.compress(data) + deflater.flush(zlib.Z_SYNC_FLUSH)
    return encode_frame(FINAL | COMPRESSED | opcode, data.removesuffix(b"\0\0\xff\xff"))


CLOSING_FRAME = encode_frame(FINAL | CLOSE, (1000).to_bytes(2))
ANSWER_TO_CLOSE = bytes([FINAL | CLOSE, 2]) + (1000).to_bytes(2)


def send_upgrade(sock: socket.socket, path: str, *, offered: bool = False) -> None:
    """Ask for a WebSocket."""
    sock.sendall(
        f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
        f"{OFFER if offered else ''}\r\n".encode()
    )


def receive_upgrade(sock: socket.socket) -> bool:
    """Read the answer to an upgrade, and return whether messages may be compressed.

    Raises:
        RuntimeError: There is none, or another one than 101.
    """
    answer = b""
    while not answer.endswith(b"\r\n\r\n"):
        data = sock.recv(READ_BYTES)
        answer += data
        if not data or not answer.startswith(b"HTTP/1.1 101 "[: len(answer)]):
            raise RuntimeError(f"asked for a WebSocket, a server answers {answer[:500]!r}")
    return b"permessage-deflate" in answer


def connect(port: int) -> socket.socket:
    """Return a connection that has room for whatever is sent at once."""
    sock = socket.create_connection(("127.0.0.1", port), PATIENCE_SECONDS)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
    return sock


def close_politely(sockets: Iterable[socket.socket]) -> None:
    """Send a closing frame on each: some servers write a traceback for each end without one."""
    for sock in sockets:
        with suppress(OSError):  # there may be an error on its way that tells more
            sock.send(CLOSING_FRAME)


class Counter(Protocol):
    """Counts the messages that come on one connection; see `MessageCounter`."""

    owed: bytes

    def count(self, data: bytes, /) -> int:
        """Return how many messages have become whole by what has come."""


class MessageCounter:
    """Counts the messages that come on one WebSocket.

    Attributes:
        owed: What has to be sent: answers to pings.
    """

    def __init__(self) -> None:
        self.owed = b""
        self._head = b""  # a frame whose length isn't known yet, or a ping that isn't whole
        self._rest_bytes = 0  # of a frame that has come in part
        self._ends_message = False  # the last frame that has begun

    def count(self, data: bytes) -> int:
        """Return how many messages have become whole by what has come.

        Raises:
            RuntimeError: The server closes.
        """
        data = self._head + data
        self._head = b""
        count, at, size = 0, self._rest_bytes, len(data)
        if at:
            if at > size:
                self._rest_bytes -= size
                return 0
            self._rest_bytes = 0
            count += self._ends_message
        while at < size:
            start = at + 2
            length = data[at + 1] if start <= size else 0
            if length > 125:
                start += 2 if length == 126 else 8
                length = int.from_bytes(data[at + 2 : start])
            opcode = data[at] & OPCODE
            if start > size or (opcode >= CLOSE and start + length > size):
                self._head = data[at:]
                break
            if opcode == CLOSE:
                raise RuntimeError(f"a server closes: {data[start : start + length]!r}")
            if opcode == PING:
                self.owed += encode_frame(FINAL | PONG, data[start : start + length])
            ends_message = opcode < CLOSE and data[at] >= FINAL
            at = start + length
            if at > size:
                self._rest_bytes, self._ends_message = at - size, ends_message
            else:
                count += ends_message
        return count


class AnswerReader:
    """Waits for answers on WebSockets: as many messages on each.

    Args:
        sockets: They, upgraded.
        message_count: How many.
        counter: What counts those of a socket.
    """

    def __init__(
        self,
        sockets: list[socket.socket],
        message_count: int,
        counter: Callable[[], Counter] = MessageCounter,
    ) -> None:
        self._message_count = message_count
        self._sockets = {sock.fileno(): sock for sock in sockets}
        self._counters = {descriptor: counter() for descriptor in self._sockets}
        self._missing = dict.fromkeys(self._sockets, message_count)
        self._epoll = select.epoll()
        for sock in sockets:
            sock.setblocking(False)
            self._epoll.register(sock, select.EPOLLIN)

    def receive_some(self) -> list[socket.socket]:
        """Wait until something comes, and return the sockets that have all their messages by that.

        Raises:
            RuntimeError: There is another message, or the end, or nothing comes.
        """
        ready = self._epoll.poll(PATIENCE_SECONDS)
        if not ready:
            raise RuntimeError(f"a server sends nothing for {PATIENCE_SECONDS} seconds")
        whole = []
        for descriptor, _ in ready:
            data = self._sockets[descriptor].recv(READ_BYTES)
            counter = self._counters[descriptor]
            count = counter.count(data)
            if counter.owed:
                self._sockets[descriptor].send(counter.owed)
                counter.owed = b""
            missing = self._missing[descriptor] - count
            if missing < 0 or not data:
                raise RuntimeError(f"a server sends other messages, or ends: {data[:100]!r}")
            if count and not missing:
                whole.append(self._sockets[descriptor])
            self._missing[descriptor] = missing or self._message_count
        return whole

    def receive_all(self) -> int:
        """Wait until each socket has its answer, and return how many these are."""
        count = 0
        while count < len(self._sockets):
            count += len(self.receive_some())
        return count

    def close(self) -> None:
        """Forget the sockets."""
        self._epoll.close()


class MessageClient:
    """WebSockets that send, and those that are answered, which may be the same.

    Args:
        senders: They, upgraded.
        reader: Of those that are answered.
        burst: What a sender sends at once.
    """

    def __init__(self, senders: list[socket.socket], reader: AnswerReader, burst: bytes) -> None:
        self._senders = senders
        self._reader = reader
        self._burst = burst

    def send(self) -> None:
        """Send on each sender."""
        for sock in self._senders:
            self._send_on(sock)

    def receive(self) -> int:
        """Wait until all are answered, and return how many these are."""
        return self._reader.receive_all()

    def repeat_echoes(self, seconds: float) -> int:
        """Send on each anew as soon as its echo is whole; return how many echoes were."""
        stop_at = time.monotonic() + seconds
        self.send()
        echoes, open_count = 0, len(self._senders)
        while open_count:
            for sock in self._reader.receive_some():
                echoes += 1
                if time.monotonic() < stop_at:
                    self._send_on(sock)
                else:
                    open_count -= 1
        return echoes

    def repeat_casts(self, seconds: float) -> int:
        """Send anew as soon as all are answered; return how many answers there were."""
        stop_at = time.monotonic() + seconds
        answers = 0
        while time.monotonic() < stop_at:
            self.send()
            answers += self.receive()
        return answers

    def _send_on(self, sock: socket.socket) -> None:
        if sock.send(self._burst) < len(self._burst):
            raise RuntimeError(f"there is no room for {len(self._burst)} bytes at once")


@contextmanager
def connected_to_echo(
    port: int, messages: Messages, connection_count: int
) -> Iterator[MessageClient]:
    """Open WebSockets that are echoed; all of them are closed afterwards."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(connect(port)) for _ in range(connection_count)]
        compressed = False
        for sock in sockets:
            send_upgrade(sock, "/echo", offered=messages.offered)
            compressed = receive_upgrade(sock)
        burst = encode_message(messages.payload, compressed=compressed) * messages.burst_count
        reader = AnswerReader(sockets, messages.burst_count)
        stack.callback(reader.close)
        stack.callback(close_politely, sockets)
        yield MessageClient(sockets, reader, burst)


@contextmanager
def connected_to_feed(port: int, listener_count: int) -> Iterator[MessageClient]:
    """Open WebSockets that listen, and one that publishes; all of them are closed afterwards."""
    with ExitStack() as stack:
        listeners = [stack.enter_context(connect(port)) for _ in range(listener_count)]
        for sock in listeners:
            send_upgrade(sock, "/feed")
            receive_upgrade(sock)
        publisher = stack.enter_context(connect(port))
        send_upgrade(publisher, "/publish")
        receive_upgrade(publisher)
        reader = AnswerReader(listeners, 1)
        stack.callback(reader.close)
        stack.callback(close_politely, [*listeners, publisher])
        yield MessageClient([publisher], reader, encode_message(SHORT_TEXT))


class OpeningClient:
    """WebSockets that are opened side by side, closed by the client, and ended by the server.

    Args:
        port: Where they are asked for.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._sockets: list[socket.socket] = []

    def ask(self) -> None:
        """Drop the last ones, connect anew, and ask for a WebSocket on each connection."""
        self.disconnect()
        self._sockets = [connect(self._port) for _ in range(OPENING_BATCH)]
        for sock in self._sockets:
            send_upgrade(sock, "/echo")

    def receive_answers(self) -> None:
        """Wait until all of them are open."""
        for sock in self._sockets:
            receive_upgrade(sock)

    def close(self) -> None:
        """Send a closing frame on each."""
        for sock in self._sockets:
            sock.sendall(CLOSING_FRAME)

    def receive_ends(self) -> None:
        """Wait until the server has closed all of them.

        Raises:
            RuntimeError: It sends something else than a closing frame before.
        """
        for sock in self._sockets:
            answer = b""
            while data := sock.recv(READ_BYTES):
                answer += data
            if answer not in (ANSWER_TO_CLOSE, b""):  # websockets on Trio sometimes just ends
                raise RuntimeError(f"a server answers {answer[:500]!r} to a closing frame")

    def disconnect(self) -> None:
        """Close the connections, which the server has ended."""
        for sock in self._sockets:
            sock.close()

    def repeat(self, seconds: float) -> int:
        """Do all of this over and over, and return how many were opened."""
        stop_at = time.monotonic() + seconds
        count = 0
        try:
            while time.monotonic() < stop_at:
                self.ask()
                self.receive_answers()
                self.close()
                self.receive_ends()
                count += OPENING_BATCH
        finally:
            self.disconnect()
        return count
