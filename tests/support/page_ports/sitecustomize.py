"""Python loads this before a program of a page: a port that the page names is a free one there.

``PAGE_PORTS`` says which, as in ``8342=40123 9100=40124``.
"""

import os
import socket
from typing import Any

PORTS = {
    int(page): int(free)
    for page, free in (pair.split("=") for pair in os.environ["PAGE_PORTS"].split())
}
bind = socket.socket.bind


def bind_elsewhere(self: socket.socket, address: Any) -> None:
    """Bind to what stands for a port."""
    if isinstance(address, tuple):
        host, port, *rest = address
        address = (host, PORTS.get(port, port), *rest)
    bind(self, address)


setattr(socket.socket, "bind", bind_elsewhere)  # noqa: B010  # types refuse a plain assignment
