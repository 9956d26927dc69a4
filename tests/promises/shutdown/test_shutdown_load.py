"""A shutdown under load, over real sockets: every request that was sent is answered."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
import trio

from tests.support.loopback import PATIENCE_SECONDS, address_of, receive_answer

CLIENT_COUNT = 32
# A client that a busy machine holds up has its time to ask: all of them end by themselves.
PROGRAM = f"""
from functools import partial
import trio
from hump_trio import Hump, Timeouts

app = Hump("127.0.0.1", 0, timeouts=Timeouts(drain_idle={PATIENCE_SECONDS}))

@app.get("/{{pause:int}}")
async def rest(pause: int):
    await trio.sleep(pause / 1000)
    return "x" * 1000

async def main():
    async with trio.open_nursery() as nursery:
        print(*await nursery.start(partial(app.serve, signals=True)), flush=True)

trio.run(main)
"""


@dataclass(slots=True)
class Tally:
    """What all clients together have seen."""

    sent: int = 0
    answered: int = 0
    last: int = 0
    refused: int = 0
    lost: int = 0


@contextmanager
def server_process() -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run the program, and give it with its URL; it has ended afterwards."""
    process = subprocess.Popen([sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield process, process.stdout.readline().strip()
    finally:
        process.kill()
        process.communicate()


async def ask_until_refused(url: str, number: int, tally: Tally) -> None:
    """Send requests one after the other, on new connections where the old ones end.

    A connection that is opened just as the listening socket closes may be reset by the system, as
    one that comes a moment later is refused.
    """
    while True:
        try:
            stream = await trio.open_tcp_stream(*address_of(url))
        except OSError:
            tally.refused += 1
            return
        async with stream:
            closing, asked = False, 0
            while not closing:
                asked += 1
                try:
                    await stream.send_all(b"GET /%d HTTP/1.1\r\nhost: a\r\n\r\n" % (number % 7))
                    answer = await receive_answer(stream)
                except (AssertionError, trio.BrokenResourceError) as error:
                    is_late = (
                        asked == 1 and tally.last > 0 and not isinstance(error, AssertionError)
                    )
                    tally.refused += is_late
                    tally.lost += not is_late
                    return
                tally.sent += 1
                tally.answered += answer.startswith(b"HTTP/1.1 200 OK\r\n")
                closing = b"\r\nconnection: close\r\n" in answer
                tally.last += closing


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_no_request_is_lost(number: signal.Signals) -> None:
    """Whatever was sent before the server closed its listening socket, and on every connection."""
    tally = Tally()
    with server_process() as (process, url), trio.fail_after(PATIENCE_SECONDS):
        async with trio.open_nursery() as nursery:
            for client in range(CLIENT_COUNT):
                nursery.start_soon(ask_until_refused, url, client, tally)
            while tally.answered < 20 * CLIENT_COUNT:
                await trio.lowlevel.checkpoint()
            process.send_signal(number)
        assert await trio.to_thread.run_sync(process.wait) == 0
    print(tally)
    assert (tally.lost, tally.answered) == (0, tally.sent)
    assert tally.refused == CLIENT_COUNT
    assert tally.last >= CLIENT_COUNT
