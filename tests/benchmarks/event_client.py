"""The client of event streams: many that listen, and a connection on which events are published."""

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from tests.benchmarks.client import receive_answer
from tests.benchmarks.scenarios import SHORT_TEXT
from tests.benchmarks.websocket_client import READ_BYTES, AnswerReader, connect

EVENT = b"data: " + SHORT_TEXT.encode()
FOLLOW = b"GET /events HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n\r\n"
PUBLISH = (
    "POST /events HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: text/plain\r\n"
    f"Content-Length: {len(SHORT_TEXT)}\r\n\r\n{SHORT_TEXT}"
).encode()


class EventCounter:
    """Counts the events that come on one stream, however its body is framed.

    Attributes:
        owed: What has to be sent, which is nothing.
    """

    def __init__(self) -> None:
        self.owed = b""
        self._end = b""  # of what has come, which may be the beginning of an event

    def count(self, data: bytes) -> int:
        """Return how many events have come whole by what has come."""
        data = self._end + data
        self._end = data[1 - len(EVENT) :]
        return data.count(EVENT)


class EventClient:
    """Event streams, and a connection that publishes.

    Args:
        reader: Of the streams.
        publisher: The connection.
    """

    def __init__(self, reader: AnswerReader, publisher: socket.socket) -> None:
        self._reader = reader
        self._publisher = publisher

    def send(self) -> None:
        """Publish an event."""
        self._publisher.sendall(PUBLISH)

    def receive(self) -> int:
        """Wait until it has come on all streams, and return how many these are."""
        count = self._reader.receive_all()
        receive_answer(self._publisher)
        return count

    def repeat(self, seconds: float) -> int:
        """Publish anew as soon as all have an event; return how many came."""
        stop_at = time.monotonic() + seconds
        count = 0
        while time.monotonic() < stop_at:
            self.send()
            count += self.receive()
        return count


@contextmanager
def connected_to_events(port: int, stream_count: int) -> Iterator[EventClient]:
    """Open event streams, and a connection that publishes; all are closed afterwards.

    Raises:
        RuntimeError: Something else is answered.
    """
    with ExitStack() as stack:
        sockets = [stack.enter_context(connect(port)) for _ in range(stream_count)]
        for sock in sockets:
            sock.sendall(FOLLOW)
            receive_head(sock)
        reader = AnswerReader(sockets, 1, EventCounter)
        stack.callback(reader.close)
        publisher = stack.enter_context(connect(port))
        yield EventClient(reader, publisher)


def receive_head(sock: socket.socket) -> None:
    """Read the head of a stream, and what comes in one go with it.

    Raises:
        RuntimeError: It is another one, or none.
    """
    answer = b""
    while b"\r\n\r\n" not in answer:
        data = sock.recv(READ_BYTES)
        answer += data
        if not data or not answer.startswith(b"HTTP/1.1 200 "[: len(answer)]):
            break
    if b"text/event-stream" not in answer.partition(b"\r\n\r\n")[0].lower():
        raise RuntimeError(f"asked for an event stream, a server answers {answer[:500]!r}")
