"""The client of a server whose instructions are counted over HTTP/2: streams asked for in step."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import count

from hpack import Decoder, Encoder
from hpack.huffman import HuffmanEncoder
from hpack.huffman_constants import REQUEST_CODES, REQUEST_CODES_LENGTH

from tests.benchmarks.callgrind import CountedServer
from tests.benchmarks.client import PATIENCE_SECONDS, SEND_BUFFER_BYTES
from tests.benchmarks.scenarios import BROWSER_HEADERS, Streams

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
FRAME_BYTES = 16_384
WINDOW_BYTES = 2**30 - 1  # as h2load's: nothing that the server sends is ever held up
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8
END_STREAM, ACK, END_HEADERS, WITH_PRIORITY = 0x1, 0x1, 0x4, 0x20
PRIORITY = b"\x80\0\0\0\xff"
INITIAL_WINDOW_SIZE = 4
PATH_WITHOUT_INDEXING = b"\x04"
HUFFMAN = HuffmanEncoder(REQUEST_CODES, REQUEST_CODES_LENGTH)


class StreamConnection:
    """One connection, which encodes requests as nghttp2 and browsers do.

    All fields are in the dynamic table from the first request on, but for the path: each time it is
    written out.

    Args:
        sock: It, connected.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._encoder, self._decoder = Encoder(), Decoder()
        self._last_stream = -1
        self._received = b""
        self._open: set[int] = set()
        self._owed = b""
        self._window_bytes, self._stream_window_bytes = 65_535, 65_535
        window = INITIAL_WINDOW_SIZE.to_bytes(2) + WINDOW_BYTES.to_bytes(4)
        update = frame(WINDOW_UPDATE, 0, 0, (WINDOW_BYTES - 65_535).to_bytes(4))
        sock.sendall(PREFACE + frame(SETTINGS, 0, 0, window) + update)
        while not self._owed:  # an answer to the server's settings
            self._receive()

    def ask(self, streams: Streams, numbers: Iterator[int]) -> None:
        """Send a request on each of so many streams, all in one go."""
        parts = [self._owed]
        self._owed = b""
        for _ in range(streams.stream_count):
            self._last_stream += 2
            self._open.add(self._last_stream)
            parts.append(self._encode_request(streams, next(numbers)))
        self._sock.sendall(b"".join(parts))

    def receive_answers(self) -> None:
        """Read until every stream is at its end.

        Raises:
            RuntimeError: One isn't a success, or the connection breaks off.
        """
        while self._open:
            self._receive()

    def _encode_request(self, streams: Streams, number: int) -> bytes:
        load, path = streams.load, streams.load.path_of(number)
        fields = list(streams.fields().items()) or [("user-agent", "h2load")]
        if load.body:
            fields.append(("content-length", str(len(load.body))))
        block = self._encoder.encode([(":method", load.method)]) + encode_path(path)
        block += self._encoder.encode([(":scheme", "http"), (":authority", "127.0.0.1"), *fields])
        flags = END_HEADERS | (0 if load.body else END_STREAM)
        if load.headers is BROWSER_HEADERS:  # they still have a priority of RFC 7540
            flags |= WITH_PRIORITY
            block = PRIORITY + block
        frames = [frame(HEADERS, flags, self._last_stream, block)]
        body = load.body.encode()
        if len(body) > min(self._window_bytes, self._stream_window_bytes):
            raise RuntimeError(f"a window is too small for {len(body)} bytes at once")
        self._window_bytes -= len(body)
        for start in range(0, len(body), FRAME_BYTES):
            part = body[start : start + FRAME_BYTES]
            ends = END_STREAM if start + FRAME_BYTES >= len(body) else 0
            frames.append(frame(DATA, ends, self._last_stream, part))
        return b"".join(frames)

    def _receive(self) -> None:
        data = self._sock.recv(1024 * 1024)
        if not data:
            raise RuntimeError(f"closed before {len(self._open)} of its streams were at their end")
        self._received += data
        at = 0
        while len(self._received) >= at + 9:
            end = at + 9 + int.from_bytes(self._received[at : at + 3])
            if len(self._received) < end:
                break
            kind, flags = self._received[at + 3], self._received[at + 4]
            stream = int.from_bytes(self._received[at + 5 : at + 9])
            self._take_frame(kind, flags, stream, self._received[at + 9 : end])
            at = end
        self._received = self._received[at:]

    def _take_frame(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        if kind in (RST_STREAM, GOAWAY):
            raise RuntimeError(f"asked in step, a server sends a frame {kind}: {payload!r}")
        if kind == HEADERS:
            [(_, status), *_] = self._decoder.decode(payload, raw=True)
            if status != b"200":
                raise RuntimeError(f"asked in step, a server answers {status!r}")
        elif kind == SETTINGS and not flags & ACK:
            self._owed += frame(SETTINGS, ACK, 0)
            for start in range(0, len(payload), 6):
                if int.from_bytes(payload[start : start + 2]) == INITIAL_WINDOW_SIZE:
                    self._stream_window_bytes = int.from_bytes(payload[start + 2 : start + 6])
        elif kind == PING and not flags & ACK:
            self._owed += frame(PING, ACK, 0, payload)
        elif kind == WINDOW_UPDATE and not stream:
            self._window_bytes += int.from_bytes(payload)
        if kind in (DATA, HEADERS) and flags & END_STREAM:
            self._open.remove(stream)


class StreamClient:
    """Connections that have all asked on each of their streams before the server reads any.

    So it always finds the same work, however the system shares out its processors.
    """

    def __init__(self, server: CountedServer, connections: list[StreamConnection]) -> None:
        self._server = server
        self._connections = connections
        self._numbers = count()

    def ask(self, streams: Streams, rounds: int) -> None:
        """Ask on each stream of each connection, and wait for all answers, so many times."""
        for _ in range(rounds):
            with self._server.stopped():
                for connection in self._connections:
                    connection.ask(streams, self._numbers)
            for connection in self._connections:
                connection.receive_answers()


@contextmanager
def connected_by_http2(server: CountedServer, connection_count: int) -> Iterator[StreamClient]:
    """Connect to a server; all connections are closed afterwards."""
    with ExitStack() as stack:
        connections = []
        for _ in range(connection_count):
            sock = socket.create_connection(("127.0.0.1", server.port), PATIENCE_SECONDS)
            stack.enter_context(sock)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
            connections.append(StreamConnection(sock))
        yield StreamClient(server, connections)


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """Return a frame."""
    return len(payload).to_bytes(3) + bytes([kind, flags]) + stream.to_bytes(4) + payload


def encode_path(path: str) -> bytes:
    """Return the field of a path: an index where there is one, else in Huffman's code."""
    if path == "/":
        return b"\x84"
    text = HUFFMAN.encode(path.encode())
    return PATH_WITHOUT_INDEXING + bytes([0x80 | len(text)]) + text
