"""The limit of a start: a bare `trio.serve_tcp` that answers with constant bytes."""

import sys
from functools import partial

import trio

from tests.benchmarks.programs.fixed_wait import ANSWER


async def answer(stream: trio.SocketStream) -> None:
    """Answer each time that something has come, until the end does."""
    async with stream:
        async for _ in stream:
            await stream.send_all(ANSWER)


if __name__ == "__main__":
    trio.run(partial(trio.serve_tcp, answer, int(sys.argv[1]), host="127.0.0.1"))
