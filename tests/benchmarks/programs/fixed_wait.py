"""The limit of `trio.lowlevel.wait_readable`: constant bytes for whatever comes, nothing parsed."""

import socket
import sys
from contextlib import suppress

import trio

ANSWER = (
    b"HTTP/1.1 200 OK\r\n"
    b"date: Thu, 01 Jan 1970 00:00:00 GMT\r\n"
    b"server: hump_trio\r\n"
    b"content-type: text/plain; charset=utf-8\r\n"
    b"content-length: 13\r\n"
    b"\r\n"
    b"Hello, world!"
)


async def serve_connection(sock: socket.socket) -> None:
    """Answer each time that something has come, until the end does."""
    with sock, suppress(ConnectionError):
        while True:
            await trio.lowlevel.wait_readable(sock)
            if not sock.recv(65536):
                return
            sock.send(ANSWER)


async def main() -> None:
    """Start a task for each connection."""
    with socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=1024) as listener:
        listener.setblocking(False)
        async with trio.open_nursery() as nursery:
            while True:
                await trio.lowlevel.wait_readable(listener)
                sock, _ = listener.accept()
                sock.setblocking(False)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                nursery.start_soon(serve_connection, sock)


if __name__ == "__main__":
    trio.run(main)
