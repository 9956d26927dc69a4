"""The limit of one persistent, edge-triggered epoll: constant bytes for whatever comes.

It is the floor that instructions are compared with, so it does nothing that isn't needed for
clients that wait for an answer before they ask again, with requests that one read holds.
"""

import select
import socket
import sys
from contextlib import suppress

import trio

from tests.benchmarks.programs.fixed_wait import ANSWER

waiting: dict[int, trio.lowlevel.Task] = {}


def forget(_: object) -> trio.lowlevel.Abort:
    """Let a waiting task be cancelled."""
    return trio.lowlevel.Abort.SUCCEEDED


async def wake(epoll: select.epoll) -> None:
    """Wake the tasks whose sockets can be read."""
    while True:
        await trio.lowlevel.wait_readable(epoll.fileno())
        for descriptor, _ in epoll.poll(0):
            # One that isn't here has been woken, and will read this too.
            task = waiting.pop(descriptor, None)
            if task is not None:
                trio.lowlevel.reschedule(task)


async def serve_connection(sock: socket.socket, epoll: select.epoll) -> None:
    """Answer each time that something has come, until the end does."""
    with sock, suppress(ConnectionError):
        descriptor = sock.fileno()
        task = trio.lowlevel.current_task()
        epoll.register(descriptor, select.EPOLLIN | select.EPOLLET)
        while True:
            waiting[descriptor] = task
            await trio.lowlevel.wait_task_rescheduled(forget)
            if not sock.recv(65536):
                return
            sock.send(ANSWER)


async def main() -> None:
    """Start a task for each connection."""
    with (
        select.epoll() as epoll,
        socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=1024) as listener,
    ):
        listener.setblocking(False)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(wake, epoll)
            while True:
                await trio.lowlevel.wait_readable(listener)
                sock, _ = listener.accept()
                sock.setblocking(False)
                nursery.start_soon(serve_connection, sock, epoll)


if __name__ == "__main__":
    trio.run(main)
