"""Opens connections, has each answered once, and holds them until its input ends.

    python -m tests.benchmarks.idle PORT COUNT

A process of its own, so that each end of a connection has its own limit of descriptors.
"""

import socket
import sys

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


def main() -> None:
    """Open them, say so, and wait."""
    port, count = int(sys.argv[1]), int(sys.argv[2])
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


if __name__ == "__main__":
    main()
