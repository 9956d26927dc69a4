"""The limit of a download: `sock.send` in a loop, and a wait where the socket takes no more."""

import socket
import sys

import trio

from tests.benchmarks.programs.fixed_wait import ANSWER

CHUNK = bytes(64 * 1024)
HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 1073741824\r\n\r\n"


async def send_all(sock: socket.socket, data: bytes) -> None:
    """Send all of it."""
    with memoryview(data) as rest:
        sent = 0
        while sent < len(rest):
            try:
                sent += sock.send(rest[sent:])
            except BlockingIOError:
                await trio.lowlevel.wait_writable(sock)


async def serve_connection(sock: socket.socket) -> None:
    """Send 1 GiB to whoever asks for a download, a short answer to others, and close."""
    with sock:
        await trio.lowlevel.wait_readable(sock)
        if not sock.recv(65536).startswith(b"GET /download "):
            await send_all(sock, ANSWER)
            return
        await send_all(sock, HEAD)
        for _ in range(16 * 1024):
            await send_all(sock, CHUNK)


async def main() -> None:
    """Start a task for each connection."""
    with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as listener:
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
