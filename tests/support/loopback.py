"""Real connections over the loopback interface, for tests."""

import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import trio

from hump_trio import Hump
from hump_trio.transports.sockets import SocketTransport

# An upper bound for what takes milliseconds or seconds, so that a mistake ends a test instead of
# hanging it. It is no promise: however busy a machine is, it needs less.
PATIENCE_SECONDS = 120.0


def socket_pair(*, receive_buffer_bytes: int | None = None) -> tuple[socket.socket, socket.socket]:
    """Return the client's and the server's end of a new TCP connection.

    Args:
        receive_buffer_bytes: The client's, where a test wants to fill it.
    """
    with socket.create_server(("127.0.0.1", 0)) as listening:
        client = socket.socket()
        if receive_buffer_bytes is not None:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_bytes)
        client.connect(listening.getsockname())
        server, _ = listening.accept()
    return client, server


async def transport_pair() -> tuple[SocketTransport, SocketTransport]:
    """Return the two ends of a new connection, the client's first."""
    client, server = socket_pair()
    return SocketTransport(client), SocketTransport(server)


async def wait_until(condition: Callable[[], bool]) -> None:
    """Wait for what only the kernel or a thread can tell, such as an acknowledgement's arrival.

    No virtual time passes meanwhile.

    Raises:
        trio.TooSlowError: It doesn't come.
    """
    give_up = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > give_up:
            raise trio.TooSlowError
        await trio.lowlevel.checkpoint()


def count_tasks() -> int:
    """Return how many tasks serve connections."""
    root = trio.lowlevel.current_root_task()
    assert root is not None
    todo, count = [root], 0
    while todo:
        task = todo.pop()
        count += "serve_connection" in task.name
        for nursery in task.child_nurseries:
            todo.extend(nursery.child_tasks)
    return count


def address_of(url: str) -> tuple[str, int]:
    """Return the host and port of a server's URL, as a socket's address."""
    host, _, port = url.partition("://")[2].rpartition(":")
    return host.strip("[]"), int(port)


async def connect_to(app: Hump) -> trio.SocketStream:
    """Return a connection to an app that is being served."""
    host, port = address_of(app.addresses[0])
    return await trio.open_tcp_stream(host, port)


async def receive_answer(stream: trio.abc.ReceiveStream) -> bytes:
    """Return one answer with a Content-Length, head and body."""
    data = b""
    with trio.fail_after(PATIENCE_SECONDS):
        while b"\r\n\r\n" not in data:
            data += await receive_more(stream)
        head, _, body = data.partition(b"\r\n\r\n")
        _, _, length = head.lower().partition(b"content-length: ")
        while len(body) < int(length.split(b"\r\n")[0]):
            body += await receive_more(stream)
    return head + b"\r\n\r\n" + body


async def receive_more(stream: trio.abc.ReceiveStream) -> bytes:
    """Return some bytes; the end of the stream is an error here."""
    data = bytes(await stream.receive_some())
    assert data, "the server closed the connection before its answer was complete"
    return data


async def receive_rest(stream: trio.abc.ReceiveStream) -> bytes:
    """Return all that comes until the end."""
    with trio.fail_after(PATIENCE_SECONDS):
        return b"".join([data async for data in stream])


async def ask(stream: trio.abc.Stream, path: str = "/") -> bytes:
    """Send a GET request and return its answer."""
    await stream.send_all(f"GET {path} HTTP/1.1\r\nhost: test\r\n\r\n".encode())
    return await receive_answer(stream)


@asynccontextmanager
async def served(app: Hump) -> AsyncIterator[str]:
    """Serve an app on its address, and shut it down at the end.

    Yields:
        Its URL.
    """
    async with trio.open_nursery() as nursery:
        urls: tuple[str, ...] = await nursery.start(app.serve)
        yield urls[0]
        app.shutdown()
