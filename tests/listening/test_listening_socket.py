"""A socket that is made to accept many connections."""

import socket

import pytest

from hump_trio.listening.listening_socket import ListeningSocket


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_UNIX])
def test_it_is_as_any_other_socket(family: socket.AddressFamily) -> None:
    """It tells its family and its type as Python's own does, and so do those that it accepts."""
    with ListeningSocket(family, socket.SOCK_STREAM) as listening, socket.socket(family) as client:
        listening.bind(("127.0.0.1", 0) if family == socket.AF_INET else "")
        listening.listen()
        client.connect(listening.getsockname())
        accepted, address = listening.accept()
        with accepted:
            for sock in (listening, accepted):
                assert (sock.family, sock.type, sock.proto) == (family, socket.SOCK_STREAM, 0)
            assert type(accepted) is socket.socket
            assert address == client.getsockname()
        again = ListeningSocket(fileno=listening.detach())
        assert (again.family, again.type) == (family, socket.SOCK_STREAM)
        again.close()
