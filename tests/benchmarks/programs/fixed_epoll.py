"""The limit of one persistent, edge-triggered epoll: constant bytes for whatever comes."""

import select
import socket
import sys

import trio

from tests.benchmarks.programs.fixed_wait import ANSWER

tasks: dict[int, trio.lowlevel.Task] = {}


def forget(_: object) -> trio.lowlevel.Abort:
    """Let a waiting task be cancelled."""
    return trio.lowlevel.Abort.SUCCEEDED


async def serve_connection(sock: socket.socket) -> None:
    """Answer each time that something has come, until the end does."""
    with sock:
        while True:
            try:
                data = sock.recv(65536)
            except BlockingIOError:
                tasks[sock.fileno()] = trio.lowlevel.current_task()
                await trio.lowlevel.wait_task_rescheduled(forget)
                continue
            except ConnectionResetError:
                return
            if not data:
                return
            sock.send(ANSWER)


async def wake(epoll: select.epoll) -> None:
    """Wake the tasks whose sockets can be read."""
    while True:
        await trio.lowlevel.wait_readable(epoll.fileno())
        for descriptor, _ in epoll.poll(0):
            task = tasks.pop(descriptor, None)
            if task is not None:
                trio.lowlevel.reschedule(task)


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
                epoll.register(sock, select.EPOLLIN | select.EPOLLRDHUP | select.EPOLLET)
                nursery.start_soon(serve_connection, sock)


if __name__ == "__main__":
    trio.run(main)
