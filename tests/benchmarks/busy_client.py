"""The client of thousands of connections that are all busy.

wrk opens them in one go, while those that are open keep the server busy: some servers then never
come to take the rest. So this one opens all of them, a few at a time, before it sends any load.
"""

import os
import select
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from tests.benchmarks.client import PATIENCE_SECONDS, encode_request, receive_answer
from tests.benchmarks.scenarios import Load

BATCH = 50  # connections opened at a time; fewer than any server's backlog
READ_BYTES = 4096


class BusyClient:
    """Connections that each ask anew as soon as they are answered.

    Args:
        sockets: They, each of which has been answered once.
        request: What is asked.
        answer_bytes: How long an answer is.
    """

    def __init__(self, sockets: list[socket.socket], request: bytes, answer_bytes: int) -> None:
        self._request = request
        self._answer_bytes = answer_bytes
        self._descriptors = [sock.fileno() for sock in sockets]
        self._epoll = select.epoll()
        for descriptor in self._descriptors:
            os.set_blocking(descriptor, False)
            self._epoll.register(descriptor, select.EPOLLIN)

    def repeat(self, seconds: float) -> list[float]:
        """Ask for so long, and return the seconds that each answer has taken.

        Raises:
            RuntimeError: Something else is answered, or a connection ends.
        """
        # It has to be faster than the servers are, so each name is at hand.
        now, read, write, request = time.perf_counter, os.read, os.write, self._request
        missing = dict.fromkeys(self._descriptors, self._answer_bytes)
        taken: list[float] = []
        begun = now()
        stop_at = begun + seconds
        asked = {}
        for descriptor in self._descriptors:
            asked[descriptor] = now()
            write(descriptor, request)
        waiting_count = len(asked)
        while waiting_count:
            ready = self._epoll.poll(PATIENCE_SECONDS, waiting_count)
            if not ready:
                raise RuntimeError(f"{waiting_count} connections wait for an answer")
            for descriptor, _ in ready:
                answer = read(descriptor, READ_BYTES)
                missing[descriptor] -= len(answer)
                if missing[descriptor]:
                    if missing[descriptor] < 0 or not answer:
                        raise RuntimeError(f"a server sends {answer[:100]!r}, or ends")
                    continue
                missing[descriptor] = self._answer_bytes
                time_now = now()
                taken.append(time_now - asked[descriptor])
                if time_now < stop_at:
                    asked[descriptor] = time_now
                    write(descriptor, request)
                else:
                    waiting_count -= 1
        return taken

    def close(self) -> None:
        """Forget the connections."""
        self._epoll.close()


@contextmanager
def busily_connected(port: int, load: Load) -> Iterator[BusyClient]:
    """Open as many connections as a load comes by; all of them are closed afterwards.

    Raises:
        RuntimeError: One isn't answered.
    """
    request = encode_request(load, 0)
    with ExitStack() as stack:
        sockets: list[socket.socket] = []
        while len(sockets) < load.connection_count:
            batch = []
            for _ in range(BATCH):
                sock = socket.create_connection(("127.0.0.1", port), PATIENCE_SECONDS)
                batch.append(stack.enter_context(sock))
                sock.sendall(request)
            answer_bytes = [receive_answer(sock) for sock in batch]
            sockets += batch
        client = BusyClient(sockets, request, answer_bytes[0])
        stack.callback(client.close)
        yield client
