"""The client of a server whose instructions are counted: a new connection for each request."""

import select
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from itertools import count

from tests.benchmarks.client import (
    CONNECTION_COUNT,
    PATIENCE_SECONDS,
    encode_request,
    receive_answer,
    secure,
)
from tests.benchmarks.scenarios import Load


class ConnectingClient:
    """Connections that are opened side by side, asked once each, and ended by the server.

    Args:
        port: Where they go.
        load: What is asked for.
    """

    def __init__(self, port: int, load: Load) -> None:
        self._port = port
        self._load = load
        self._numbers = count()
        self._sockets: list[socket.socket] = []
        self._shaking: list[ssl.SSLSocket] = []  # those whose handshake isn't over

    def steps(self) -> list[tuple[Callable[[], None], Callable[[], None]]]:
        """Return what the client does while the server is stopped, each with what follows.

        A handshake takes a turn more where the server wants another group than the client guessed.
        """
        if self._load.secured:
            shaking = (self.shake_hands, self.wait_for_more)
            return [(self.connect, self.wait_for_more), shaking, (self.shake_hands, self.receive)]
        return [(self.connect, self.receive)]

    def connect(self) -> None:
        """Connect anew; over TLS each connection says hello, over TCP it asks."""
        for _ in range(CONNECTION_COUNT):
            sock = socket.create_connection(("127.0.0.1", self._port), PATIENCE_SECONDS)
            if self._load.secured:
                secured = secure(sock)
                self._shaking.append(secured)
                self._sockets.append(secured)
            else:
                self._ask(sock)
                self._sockets.append(sock)

    def wait_for_more(self) -> None:
        """Wait until the server has sent something on each connection."""
        for sock in self._sockets:
            select.select([sock], [], [], PATIENCE_SECONDS)

    def shake_hands(self) -> None:
        """Go on with each handshake, and ask where it is over."""
        for sock in list(self._shaking):
            sock.setblocking(False)
            with suppress(ssl.SSLWantReadError):
                sock.do_handshake()
                sock.settimeout(PATIENCE_SECONDS)
                self._ask(sock)
                self._shaking.remove(sock)

    def receive(self) -> None:
        """Wait until all are answered and ended.

        Raises:
            RuntimeError: One isn't answered, or stays.
        """
        for sock in self._sockets:
            receive_answer(sock)
            if sock.recv(1):
                raise RuntimeError("a server sends more than an answer")
            sock.close()
        self._sockets.clear()

    def _ask(self, sock: socket.socket) -> None:
        sock.sendall(encode_request(self._load, next(self._numbers)))
