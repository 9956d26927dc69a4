"""Opens connections, has each answered once, and holds them until its input ends.

    python -m tests.benchmarks.idle PORT COUNT [SCENARIO]

They are of HTTP, or with one of `MESSAGES` WebSockets that have echoed the first of its messages.
A process of its own, so that each end of a connection has its own limit of descriptors.
"""

import socket
import sys
from contextlib import ExitStack

from tests.benchmarks.scenarios import MESSAGES, Messages
from tests.benchmarks.websocket_client import connected_to_echo

BATCH = 50  # connections opened at a time; fewer than any server's backlog


def ask(port: int) -> socket.socket:
    """Return a new connection on which a request has been sent."""
    sock = socket.create_connection(("127.0.0.1", port), timeout=30)
    sock.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    return sock


def read_answer(sock: socket.socket) -> None:
    """Read the answer; its end is the server's fault."""
    answer = b""
    while not answer.endswith(b"Hello, world!"):
        data = sock.recv(4096)
        if not data:
            raise ConnectionError(f"closed after {answer!r}")
        answer += data


def hold_connections(port: int, count: int) -> None:
    """Open connections, say so, and wait."""
    connections: list[socket.socket] = []
    while len(connections) < count:
        batch = [ask(port) for _ in range(BATCH)]
        for sock in batch:
            read_answer(sock)
        connections += batch
    print("ready", flush=True)
    sys.stdin.read()
    for sock in connections:
        sock.close()


def hold_websockets(port: int, count: int, messages: Messages) -> None:
    """Open WebSockets, say so, and wait."""
    with ExitStack() as stack:
        for _ in range(count // BATCH):
            client = stack.enter_context(connected_to_echo(port, messages, BATCH))
            client.send()
            client.receive()
        print("ready", flush=True)
        sys.stdin.read()


def main() -> None:
    """Hold what the command line says."""
    port, count, *scenario = sys.argv[1:]
    if scenario:
        hold_websockets(int(port), int(count), MESSAGES[scenario[0]])
    else:
        hold_connections(int(port), int(count))


if __name__ == "__main__":
    main()
