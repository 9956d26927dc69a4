"""The client that asks for streams in step, judged by h2 at the other end of the connection."""

import socket
from contextlib import nullcontext
from itertools import count
from threading import Thread
from typing import cast

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, RequestReceived, StreamEnded
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes, Settings

from tests.benchmarks.callgrind import CountedServer
from tests.benchmarks.http2_client import StreamClient, StreamConnection
from tests.benchmarks.scenarios import HELLO, LOADS, Streams

WINDOW = SettingCodes.INITIAL_WINDOW_SIZE


class Judge(Thread):
    """A server by h2 that notes what it is asked, and answers.

    Args:
        status: Of each answer.
    """

    def __init__(self, status: str) -> None:
        super().__init__()
        self.sock, self._sock = socket.socketpair()
        self.requests: list[dict[bytes, bytes]] = []
        self.body_bytes = 0
        self.batches: list[int] = []
        self.error: ProtocolError | None = None
        self._status = status

    def run(self) -> None:
        """Answer until the client has gone."""
        h2 = H2Connection(H2Configuration(client_side=False, header_encoding=None))
        h2.local_settings = Settings(client=False, initial_values={WINDOW: 2**18})
        h2.initiate_connection()
        h2.increment_flow_control_window(2**20)
        with self._sock as sock:
            sock.sendall(h2.data_to_send())
            while data := sock.recv(2**20):
                try:
                    events = h2.receive_data(data)
                except ProtocolError as error:
                    self.error = error
                    return
                ended = 0
                for event in events:
                    if isinstance(event, RequestReceived):
                        self.requests.append(dict(event.headers))
                    elif isinstance(event, DataReceived):
                        self.body_bytes += len(event.data)
                        h2.acknowledge_received_data(len(event.data), event.stream_id)
                    elif isinstance(event, StreamEnded):
                        ended += 1
                        h2.send_headers(event.stream_id, [(":status", self._status)])
                        h2.send_data(event.stream_id, HELLO.encode(), end_stream=True)
                self.batches.append(ended)
                sock.sendall(h2.data_to_send())


class Unstopped:
    """A server that can't be stopped, and needn't be: it waits for a client's whole batch."""

    def stopped(self) -> nullcontext[None]:
        """Do nothing."""
        return nullcontext()


def ask(name: str, stream_count: int, rounds: int, status: str = "200") -> Judge:
    """Let the client ask over one connection, and return who was asked."""
    judge = Judge(status)
    judge.start()
    try:
        with judge.sock:
            client = StreamClient(
                cast("CountedServer", Unstopped()), [StreamConnection(judge.sock)]
            )
            client.ask(Streams(LOADS[name], 1, stream_count), rounds)
    finally:
        judge.join()
    assert judge.error is None
    return judge


def test_all_streams_of_a_round_come_at_once() -> None:
    """The server reads them in one go, and the next ones when it has answered."""
    judge = ask("hello", 100, 3)
    assert [batch for batch in judge.batches if batch] == [100, 100, 100]


def test_a_browsers_head_has_17_fields_and_a_path_of_its_own() -> None:
    """With the pseudo-fields first, the same each time but for the path."""
    judge = ask("varied", 2, 2)
    paths = [request.pop(b":path") for request in judge.requests]
    assert paths == [f"/greetings/{number}".encode() for number in range(4)]
    first = judge.requests[0]
    assert all(request == first for request in judge.requests)
    assert list(first)[:3] == [b":method", b":scheme", b":authority"]
    assert len(first) + 1 == 17
    assert b"connection" not in first


def test_a_body_comes_whole() -> None:
    """Within the windows that the server opens, with its length announced."""
    judge = ask("echo_64k", 1, 20)
    assert judge.body_bytes == 20 * 65_536
    assert judge.requests[0][b"content-length"] == b"65536"


def test_what_is_no_success_is_an_error() -> None:
    """A server that refuses isn't measured."""
    with pytest.raises(RuntimeError, match="a server answers b'503'"):
        ask("hello", 1, 1, status="503")


def test_numbers_go_on_over_all_connections() -> None:
    """No path is asked for twice until each was."""
    numbers = count(4_999)
    assert [LOADS["varied"].path_of(next(numbers)) for _ in range(2)] == [
        "/greetings/4999",
        "/greetings/0",
    ]
