"""The limit of Python's TLS: a bare `ssl.SSLSocket` each, one epoll, constant bytes.

Nothing is parsed, but that a request that asks for its connection's end gets it.
"""

import select
import socket
import ssl
import sys
from contextlib import suppress

from tests.benchmarks.programs.fixed_wait import ANSWER

CLOSING_ANSWER = ANSWER.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n")
CLOSE = b"connection: close\r\n"

shaking: set[int] = set()  # the descriptors of those whose handshake isn't over


def serve_turn(sock: ssl.SSLSocket) -> bool:
    """Do what can be done at once, and return whether the connection goes on."""
    try:
        if sock.fileno() in shaking:
            sock.do_handshake()
            shaking.discard(sock.fileno())
        request = sock.recv(65536)
    except ssl.SSLWantReadError:
        return True
    except OSError:
        return False
    if request and CLOSE not in request.lower():
        sock.send(ANSWER)
        return True
    with suppress(OSError):  # as one that would wait for the client's closing alert
        sock.send(CLOSING_ANSWER if request else b"")
        sock.unwrap()
    return False


def main() -> None:
    """Serve whatever can be read."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*sys.argv[2:])
    connections: dict[int, ssl.SSLSocket] = {}
    with (
        select.epoll() as epoll,
        socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=1024) as listener,
    ):
        listener.setblocking(False)
        epoll.register(listener, select.EPOLLIN)
        while True:
            for descriptor, _ in epoll.poll():
                if descriptor == listener.fileno():
                    with suppress(BlockingIOError):
                        accept(listener, context, epoll, connections)
                elif not serve_turn(connections[descriptor]):
                    shaking.discard(descriptor)
                    connections.pop(descriptor).close()


def accept(
    listener: socket.socket,
    context: ssl.SSLContext,
    epoll: select.epoll,
    connections: dict[int, ssl.SSLSocket],
) -> None:
    """Take a connection."""
    sock, _ = listener.accept()
    sock.setblocking(False)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    secured = context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
    descriptor = secured.fileno()
    connections[descriptor] = secured
    shaking.add(descriptor)
    epoll.register(descriptor, select.EPOLLIN)


if __name__ == "__main__":
    main()
