"""The client of a server whose instructions are counted: connections that ask in step."""

import re
import socket
import ssl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from itertools import count

from tests.benchmarks.callgrind import CountedServer
from tests.benchmarks.scenarios import Load
from tests.benchmarks.servers import trusting_context

CONNECTION_COUNT = 16
PATIENCE_SECONDS = 60
# A server that is stopped reads nothing: the longest request has to find room all the same.
SEND_BUFFER_BYTES = 128 * 1024
LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)


class Client:
    """Keep-alive connections that have all asked before the server reads any of them.

    So it always finds the same work, however the system shares out its processors.
    """

    def __init__(self, server: CountedServer, sockets: list[socket.socket]) -> None:
        self._server = server
        self._sockets = sockets
        self._numbers = count()

    def ask(self, load: Load, rounds: int) -> None:
        """Ask on each connection, and wait for all answers, so many times."""
        for _ in range(rounds):
            with self._server.stopped():
                for sock in self._sockets:
                    sock.sendall(encode_request(load, next(self._numbers)))
            for sock in self._sockets:
                receive_answer(sock)


@contextmanager
def connected(server: CountedServer, *, secured: bool = False) -> Iterator[Client]:
    """Connect to a server, over TLS if it is to be; all connections are closed afterwards."""
    with ExitStack() as stack:
        sockets = []
        for _ in range(CONNECTION_COUNT):
            sock = socket.create_connection(("127.0.0.1", server.port), PATIENCE_SECONDS)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
            if secured:
                sock = secure(sock)
                sock.do_handshake()
            sockets.append(stack.enter_context(sock))
        yield Client(server, sockets)


def secure(sock: socket.socket) -> ssl.SSLSocket:
    """Return a connection over TLS that has sent the beginning of its handshake."""
    secured = trusting_context().wrap_socket(sock, do_handshake_on_connect=False)
    secured.setblocking(False)
    with suppress(ssl.SSLWantReadError):
        secured.do_handshake()
    secured.settimeout(PATIENCE_SECONDS)
    return secured


def encode_request(load: Load, number: int) -> bytes:
    """Return a request, its head unlike all others, so that no memo of whole heads can flatter."""
    fields = {"host": "127.0.0.1", **load.headers, "x-request-id": f"{number:08}"}
    if load.body:
        fields["content-length"] = str(len(load.body))
    lines = [f"{name}: {value}" for name, value in fields.items()]
    return "\r\n".join(
        [f"{load.method} {load.path_of(number)} HTTP/1.1", *lines, "", load.body]
    ).encode()


def receive_answer(sock: socket.socket) -> int:
    """Read one answer, and return how long it is.

    Raises:
        RuntimeError: It isn't a success, or breaks off.
    """
    answer = b""
    missing = 1
    while missing > 0:
        part = sock.recv(1024 * 1024)
        answer += part
        if not part or not answer.startswith(b"HTTP/1.1 200 "[: len(answer)]):
            raise RuntimeError(f"asked in step, a server answers {answer[:500]!r}")
        head, end, body = answer.partition(b"\r\n\r\n")
        length = LENGTH.search(head)
        if end and length:
            missing = int(length[1]) - len(body)
    return len(answer)
