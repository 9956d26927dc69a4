"""Whose turn it is to accept, among processes that accept from the same sockets.

A new connection wakes every process that waits for one, and the quickest process took nearly all of
a burst (70 of 76 connections, in three of five bursts by wrk). So each process lets those with
fewer connections be first. What the connections are for isn't known here.
"""

import mmap
import os
import sys
from collections.abc import Container

import trio

__all__ = ["Turns", "open_turns"]

COUNT_BYTES = 8
NOBODY = -1
# How long other processes may be first. If none of them takes a connection, one that has more does.
TURN_SECONDS = 0.001
# How many more connections than another a process may have before it waits. Without a lead, short
# connections cost twice as much.
LEAD = 4


class Turns:
    """How many connections each of several processes has, in memory that they share.

    Args:
        descriptor: The memory's, from `open_turns`; it may be closed afterwards.
        index: The index of this process among them; None if it only looks on.
    """

    def __init__(self, descriptor: int, index: int | None = None) -> None:
        self._memory = mmap.mmap(descriptor, 0)
        self._counts = memoryview(self._memory).cast("q")
        self._index = index
        if index is not None:
            self._counts[index] = 0

    async def wait(self, count: int) -> int:
        """Let processes with fewer connections be first, for a moment.

        Args:
            count: How many connections this process has, and streams that are open on them.

        Returns:
            How many it may accept then; at least one.

        Cancellation: a checkpoint only if it waits.
        """
        assert self._index is not None
        self._counts[self._index] = count
        others = [
            each
            for index, each in enumerate(self._counts)
            if each != NOBODY and index != self._index
        ]
        if not others:
            return sys.maxsize  # as many as there is room for
        least = min(others)
        ahead = count - least
        if ahead >= LEAD:
            await trio.sleep(TURN_SECONDS)
        return max(LEAD - ahead, 1)

    def find_index(self, taken: Container[int | None]) -> int | None:
        """Return an index that no process has, if there is one."""
        return next((each for each in range(len(self._counts)) if each not in taken), None)

    def leave(self, index: int) -> None:
        """Note that a process accepts no more."""
        self._counts[index] = NOBODY

    def close(self) -> None:
        """Release the memory. Any number of calls are one."""
        self._counts.release()
        self._memory.close()


def open_turns(process_count: int) -> int | None:
    """Return the descriptor of memory for so many processes; None if the system has no such thing.

    Raises:
        OSError: There is no descriptor or memory left.
    """
    if not hasattr(os, "memfd_create"):
        return None
    descriptor = os.memfd_create("hump_trio")
    os.write(descriptor, NOBODY.to_bytes(COUNT_BYTES, "little", signed=True) * process_count)
    return descriptor
