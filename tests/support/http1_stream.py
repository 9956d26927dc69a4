"""One request of an HTTP/1.1 connection in memory, without a lane that serves it."""

from dataclasses import dataclass

from hump_trio.http1.parser import RequestParser
from hump_trio.server.connection import Connection
from hump_trio.server.http1.prepared import Prepared
from hump_trio.server.http1.stream import Http1Stream
from hump_trio.server.state import ServerState
from hump_trio.transports.memory import MemoryTransport, memory_transport_pair
from tests.support.served import served

__all__ = ["StreamInMemory", "stream_of"]


@dataclass
class StreamInMemory:
    """A stream, and all that it is made of.

    Attributes:
        stream: The stream.
        client: The client's end of its connection.
        connection: The server's end.
        parser: Holds what was received and isn't parsed yet.
    """

    stream: Http1Stream
    client: MemoryTransport
    connection: Connection
    parser: RequestParser

    def received(self) -> bytes:
        """Return what has come to the client since this was last asked."""
        data = b""
        while part := self.client.receive_nowait():
            data += part
        return data


def stream_of(data: bytes, state: ServerState | None = None) -> StreamInMemory:
    """Return the stream of a request of which some bytes have come, the head at least."""
    client, server = memory_transport_pair()
    connection = Connection(server, served() if state is None else state)
    parser = RequestParser(connection.state.limits)
    parser.feed(data)
    head = parser.parse_head()
    assert head is not None
    prepared = connection.state.shared(Prepared)
    stream = Http1Stream(connection, parser, prepared, head)
    return StreamInMemory(stream, client, connection, parser)
