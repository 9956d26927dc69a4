"""Signals to a real process that serves an app."""

import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio

from tests.support.loopback import PATIENCE_SECONDS, address_of, receive_answer

APP = """
import trio
from hump_trio import Hump

app = Hump("127.0.0.1", 0)

class Announce:
    def started(self, urls):
        print(urls[0], flush=True)

async def wait_for_shutdown():
    while not app.draining:
        await trio.sleep(0.01)

@app.get("/slow")
async def slow():
    print("handling", flush=True)
    await wait_for_shutdown()
    return "finished"

@app.get("/stubborn")
async def stubborn():
    print("handling", flush=True)
    with trio.CancelScope(shield=True):
        await wait_for_shutdown()
        print("draining", flush=True)
        await trio.sleep_forever()
"""

SERVE = """
from functools import partial
trio.run(partial(app.serve, task_status=Announce()))
"""

HOST = """
import signal

# A shell that runs this in the background may have had it ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)

async def main():
    async with trio.open_nursery() as nursery:
        [url] = await nursery.start(app.serve)
        print(url, flush=True)

try:
    trio.run(main)
except* KeyboardInterrupt:
    print("interrupted", flush=True)
"""

OBEDIENT_HOST = """
from functools import partial

async def main():
    async with trio.open_nursery() as nursery:
        [url] = await nursery.start(partial(app.serve, signals=True))
        print(url, flush=True)
    print("the host goes on", flush=True)

trio.run(main)
"""


class Child:
    """A process that runs a script and prints what happens, line by line.

    Args:
        process: The process.
        output: What it prints.
    """

    def __init__(self, process: trio.Process, output: trio.abc.ReceiveStream) -> None:
        self.process = process
        self._output = output
        self._unread = b""

    async def read_line(self) -> str:
        """Return the next line, or nothing at the end."""
        while b"\n" not in self._unread:
            data = await self._output.receive_some()
            if not data:
                break
            self._unread += data
        line, _, self._unread = self._unread.partition(b"\n")
        return line.decode()


@asynccontextmanager
async def running(script: str) -> AsyncIterator[Child]:
    """Run a script in a process of its own, which is gone at the end of the block."""
    with trio.fail_after(PATIENCE_SECONDS):
        process = await trio.lowlevel.open_process(
            [sys.executable, "-c", APP + script], stdin=None, stdout=subprocess.PIPE
        )
        assert process.stdout is not None
        async with process.stdout as output:
            try:
                yield Child(process, output)
                await process.wait()
            finally:
                process.kill()
                with trio.CancelScope(shield=True):
                    await process.wait()


async def request(child: Child, path: str) -> trio.SocketStream:
    """Return a connection to a child that has begun to handle a request."""
    stream = await trio.open_tcp_stream(*address_of(await child.read_line()))
    await stream.send_all(f"GET {path} HTTP/1.1\r\nhost: test\r\n\r\n".encode())
    assert await child.read_line() == "handling"
    return stream


async def receive_last_answer(stream: trio.SocketStream) -> bytes:
    """Return the answer that ends a connection."""
    answer = await receive_answer(stream)
    assert b"connection: close" in answer.lower()
    await stream.aclose()
    return answer


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_the_first_signal_ends_gracefully(number: signal.Signals) -> None:
    """A server that is the main task finishes its requests at a signal, and exits with 0."""
    async with running(SERVE) as child:
        stream = await request(child, "/slow")
        child.process.send_signal(number)
        assert (await receive_last_answer(stream)).endswith(b"finished")
    assert child.process.returncode == 0


@pytest.mark.parametrize("first", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
async def test_the_second_signal_ends_at_once(
    first: signal.Signals, second: signal.Signals
) -> None:
    """A second signal of either kind ends the process, whatever is shielded."""
    async with running(SERVE) as child:
        stream = await request(child, "/stubborn")
        child.process.send_signal(first)
        assert await child.read_line() == "draining"
        child.process.send_signal(second)
        await child.process.wait()
        await stream.aclose()
    assert child.process.returncode == -second


async def test_inside_a_larger_program_signals_are_the_hosts() -> None:
    """Started in a nursery, a server leaves SIGINT to its host: `KeyboardInterrupt`."""
    async with running(HOST) as child:
        stream = await request(child, "/slow")
        child.process.send_signal(signal.SIGINT)
        assert await child.read_line() == "interrupted"
        await stream.aclose()
    assert child.process.returncode == 0


async def test_a_host_can_ask_for_signals() -> None:
    """With `signals=True` a signal ends the server gracefully, and its host goes on."""
    async with running(OBEDIENT_HOST) as child:
        stream = await request(child, "/slow")
        child.process.send_signal(signal.SIGTERM)
        assert (await receive_last_answer(stream)).endswith(b"finished")
        assert await child.read_line() == "the host goes on"
    assert child.process.returncode == 0
