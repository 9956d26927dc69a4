"""SIGUSR1: a report of what a server is doing, for a person who wonders why it doesn't go on."""

import logging
import re
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, nullcontext, suppress
from functools import partial
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from hump_trio import Hump, Request
from hump_trio.routing.route import Route
from hump_trio.server.connection import Connection
from hump_trio.server.protocols import serve_connection
from hump_trio.server.statistics import ServerStatistics, describe, report
from hump_trio.transports.memory import MemoryTransport, memory_transport_pair
from tests.support.loopback import PATIENCE_SECONDS, address_of, ask, connect_to, receive_answer
from tests.support.served import served
from tests.support.wire import request

HERE = Path(__file__).name


async def wait_here() -> None:
    """Wait where a report can find it."""
    await trio.sleep_forever()  # here


HERE_LINE = wait_here.__code__.co_firstlineno + 2
PLACE = rf"\S*{HERE}:{HERE_LINE} in wait_here"


async def in_two_tasks() -> None:
    """Wait in a task of one's own, too."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait_here, name="child")
        await trio.lowlevel.checkpoint()


async def half_an_answer() -> AsyncIterator[str]:
    """Send one part, and wait for the next."""
    yield "part"
    await wait_here()


HANDLERS = {"/waits": wait_here, "/two/{name}": in_two_tasks, "/sends": half_an_answer}


@asynccontextmanager
async def serving(*requests: bytes) -> AsyncIterator[list[Connection]]:
    """Give the connections on which requests are being served."""
    routes = [
        Route(template=path, methods=("GET",), handler=handler)
        for path, handler in HANDLERS.items()
    ]
    routes.append(Route(template="/body", methods=("POST",), handler=wait_here, timeout=7))
    state = served(*routes)
    async with trio.open_nursery() as nursery:
        connections: list[Connection] = []
        clients: list[MemoryTransport] = []  # kept, for their ends to stay open
        for data in requests:
            ours, theirs = memory_transport_pair()
            await ours.send_all(data)
            clients.append(ours)
            connections.append(Connection(theirs, state))
            nursery.start_soon(serve_connection, connections[-1])
        await wait_all_tasks_blocked()
        yield connections
        nursery.cancel_scope.cancel()


def check_report(text: str, *patterns: str) -> None:
    """Check that a report has a line for each pattern and no other one."""
    lines = text.splitlines()
    assert len(lines) == len(patterns), text
    for line, pattern in zip(lines, patterns, strict=True):
        assert re.fullmatch(pattern, line), f"{line!r} isn't {pattern!r}"


async def test_nothing_in_flight(autojump_clock: MockClock) -> None:
    """It says so; what has been answered, or hasn't been asked yet, is no request in flight."""
    nothing = ("0 requests in flight", "0 tasks in the background")
    async with serving(request("GET", "/nothing"), b"GET / HT", b"") as connections:
        check_report(report([each.clock for each in connections], None), *nothing)
    check_report(report([], None), *nothing)


@pytest.mark.parametrize(
    ("data", "line", "tree"),
    [
        (
            request("GET", "/waits?a=b"),
            r"GET /waits\?a=b by /waits from -: handler, 2\.5 s old, 27\.5 s left",
            [rf"  \S*serve_connection at {PLACE}"],
        ),
        (
            request("GET", "/two/x"),
            r"GET /two/x by /two/\{name\} from -: handler, 2\.5 s old, 27\.5 s left",
            [rf"  \S*serve_connection at \S*{HERE}:\d+ in in_two_tasks", rf"    child at {PLACE}"],
        ),
        (
            request("GET", "/sends"),
            r"GET /sends by /sends from -: send, 2\.5 s old, inf s left",
            [rf"  \S*serve_connection at {PLACE}"],
        ),
        (
            request("POST", "/body", "Content-Length: 9") + b"some",
            r"POST /body by /body from -: body, 2\.5 s old, inf s left",
            [r"  \S*serve_connection at a line of the server"],
        ),
        (
            request("POST", "/body", body=b"body"),
            r"POST /body by /body from -: handler, 2\.5 s old, 4\.5 s left",
            [rf"  \S*serve_connection at {PLACE}"],
        ),
    ],
)
async def test_a_request_in_flight(
    data: bytes, line: str, tree: list[str], autojump_clock: MockClock
) -> None:
    """What it is, its age and what is left; each of its tasks, with the line it stands at."""
    async with serving(data) as connections:
        await trio.sleep(2.5)
        text = report([each.clock for each in connections], None)
    check_report(text, "1 requests in flight", line, *tree, "0 tasks in the background")


async def test_background_work(autojump_clock: MockClock) -> None:
    """Its tasks are listed apart, with those that they have started."""
    async with trio.open_nursery() as background:
        background.start_soon(wait_here, name="first")
        background.start_soon(in_two_tasks, name="second")
        await wait_all_tasks_blocked()
        head, count, *lines = report([], background).splitlines()
        background.cancel_scope.cancel()
    assert (head, count) == ("0 requests in flight", "2 tasks in the background")
    assert sorted(line.split()[0] for line in lines) == ["child", "first", "second"]
    assert len([line for line in lines if re.fullmatch(rf"\s+\w+ at {PLACE}", line)]) == 2
    assert lines[[line.split()[0] for line in lines].index("second") + 1].startswith("    child")


async def test_a_connection_that_no_task_serves_yet(autojump_clock: MockClock) -> None:
    """And a request that no route takes, while middleware has it: what is known is said."""
    state = served()
    connection = Connection(memory_transport_pair()[1], state)
    connection.clock.request = Request("GET", "/x", "/x", client=("192.0.2.1", 80))
    text = report([connection.clock], None)
    line = r"GET /x by no route from 192\.0\.2\.1:80: opened, 0\.0 s old, inf s left"
    check_report(text, "1 requests in flight", line, "0 tasks in the background")


COUNTS = (
    "connections: 1 handler; 1 since the start, 0 HTTP/2 streams, 0 WebSockets, 0 bytes held",
    "requests that have ended: none",
)


def test_the_counts_of_a_server() -> None:
    """As `statistics()` has them, without the requests that have lines of their own."""
    statistics = ServerStatistics(
        connections={"streams": 1, "idle": 3},
        requests=(),
        streams=2,
        websockets=4,
        buffered_bytes=5,
        connection_count=17,
        outcomes={"ok": 20, "deadline": 1, "crash": 0},
    )
    check_report(
        describe(statistics),
        "connections: 3 idle, 1 streams; 17 since the start, 2 HTTP/2 streams, 4 WebSockets,"
        " 5 bytes held",
        "requests that have ended: 1 deadline, 20 ok",
    )


def app_of() -> Hump:
    """Return an app on a port of its own, with a handler that waits."""
    app = Hump("127.0.0.1", 0)

    @app.get("/")
    async def index() -> str:
        return "hello"

    @app.get("/waits/{name}")
    async def wait(name: str) -> None:
        await wait_here()

    return app


async def use(app: Hump, signal_server: Callable[[], Awaitable[None]]) -> None:
    """Serve an app that obeys signals, give it one while it has work, and ask it for more."""
    async with trio.open_nursery() as nursery:
        await nursery.start(partial(app.serve, signals=True))
        app.start_soon(wait_here)
        async with await connect_to(app) as busy, await connect_to(app) as other:
            await busy.send_all(request("GET", "/waits/x"))
            assert (await ask(other)).endswith(b"hello")
            await signal_server()
            assert (await ask(other)).endswith(b"hello")
        nursery.cancel_scope.cancel()


async def raise_signal() -> None:
    """Send SIGUSR1 to this process, and wait until the server has had time for it."""
    signal.raise_signal(signal.SIGUSR1)
    await wait_all_tasks_blocked(0.05)


async def test_the_signal_within_a_program_that_asks_for_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """With `signals=True`, a report is logged for each signal, and nothing else happens."""

    async def raise_twice() -> None:
        await raise_signal()
        await raise_signal()

    await use(app_of(), raise_twice)
    line = (
        r"GET /waits/x by /waits/\{name\} from 127\.0\.0\.1:\d+: handler, \d+\.\d s old, \S+ s left"
    )
    reports = [each.message for each in caplog.records if each.levelno == logging.WARNING]
    assert len(reports) == 2
    for text in reports:
        check_report(
            text,
            "1 requests in flight",
            line,
            rf"  \S*serve_connection at {PLACE}",
            "1 tasks in the background",
            rf"  wait_here at {PLACE}",
            "connections: 1 handler, 1 idle; 2 since the start, .*",
            "requests that have ended: 1 ok",
        )


PROGRAM = """
import trio
from functools import partial
from hump_trio import Hump

app = Hump("127.0.0.1", 0)

class Announce:
    def started(self, urls):
        print(urls[0], flush=True)

async def clean_up():
    await app.wait_draining()

async def ask_the_bank():
    await app.wait_draining()

@app.get("/orders/{number:int}")
async def order(number):
    app.start_soon(clean_up)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask_the_bank)
        await trio.lowlevel.checkpoint()
        print("handling", flush=True)
    return "finished"
"""
# A main task obeys signals; a task of a host's program does if it asks for them.
SERVE = "trio.run(partial(app.serve, task_status=Announce()))"
HOST = """
async def main():
    async with trio.open_nursery() as nursery:
        [url] = await nursery.start(partial(app.serve, signals=True))
        print(url, flush=True)

trio.run(main)
"""


def waits_in(name: str, line: str) -> str:
    """Return the pattern of a task of the program that waits after a line, in its function."""
    number = PROGRAM.splitlines().index(line) + 2
    return rf"\S*{name} at <string>:{number} in "


async def receive_until(stream: trio.abc.ReceiveStream | None, pattern: str) -> str:
    """Return what comes until it matches a pattern."""
    assert stream is not None
    text = ""
    while not re.search(pattern, text):
        data = await stream.receive_some()
        assert data, f"the output ended after {text!r}"
        text += data.decode()
    return text


@asynccontextmanager
async def running(script: str, stderr: int = subprocess.PIPE) -> AsyncIterator[trio.Process]:
    """Run a program in a process of its own, which is gone at the end of the block."""
    with trio.fail_after(PATIENCE_SECONDS):
        process = await trio.lowlevel.open_process(
            [sys.executable, "-c", script],
            stdin=None,
            stdout=subprocess.PIPE,
            stderr=stderr,
        )
        assert process.stdout is not None
        async with process.stdout, process.stderr or nullcontext():
            try:
                yield process
                await process.wait()
            finally:
                process.kill()
                with trio.CancelScope(shield=True):
                    await process.wait()


@pytest.mark.parametrize("script", [SERVE, HOST], ids=["main task", "in a host"])
async def test_a_real_signal_to_a_real_server(script: str) -> None:
    """What it is doing is told on stderr, twice if asked twice, and it goes on to do it."""
    async with running(PROGRAM + script) as process:
        url = (await receive_until(process.stdout, r"\n")).strip()
        if script == SERVE:
            await receive_until(process.stderr, r"serving at .*\n")
        async with await trio.open_tcp_stream(*address_of(url)) as stream:
            address = ":".join(str(part) for part in stream.socket.getsockname())
            await stream.send_all(request("GET", "/orders/12?x=y"))
            await receive_until(process.stdout, "handling\n")
            for _ in range(2):
                process.send_signal(signal.SIGUSR1)
                check_report(
                    await receive_until(process.stderr, r"have ended: .*\n"),
                    "1 requests in flight",
                    r"GET /orders/12\?x=y by /orders/\{number:int\} from "
                    rf"{address}: handler, \d+\.\d s old, \d+\.\d s left",
                    "  " + waits_in("serve_connection", "    app.start_soon(clean_up)") + "order",
                    "    " + waits_in("ask_the_bank", "async def ask_the_bank():") + "ask_the_bank",
                    "1 tasks in the background",
                    "  " + waits_in("clean_up", "async def clean_up():") + "clean_up",
                    *COUNTS,
                )
            process.send_signal(signal.SIGTERM)
            assert (await receive_answer(stream)).endswith(b"finished")
    assert process.returncode == 0


async def test_a_stderr_that_nobody_reads() -> None:
    """Holds nothing up: neither the report nor what is said at the start."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        with suppress(BlockingIOError):
            while ours.send(b"x" * 4096):
                pass
        ours.setblocking(True)
        writer = ours.fileno()
        async with running(PROGRAM + SERVE, writer) as process:
            url = (await receive_until(process.stdout, r"\n")).strip()
            process.send_signal(signal.SIGUSR1)
            async with await trio.open_tcp_stream(*address_of(url)) as stream:
                await stream.send_all(request("GET", "/orders/12"))
                await receive_until(process.stdout, "handling\n")
                process.send_signal(signal.SIGTERM)
                assert (await receive_answer(stream)).endswith(b"finished")
    assert process.returncode == 0


async def test_a_host_that_does_not_ask_keeps_the_signal() -> None:
    """Its own program says what becomes of it; by default, the end."""
    async with running(PROGRAM + HOST.replace("signals=True", "signals=None")) as process:
        await receive_until(process.stdout, r"\n")
        process.send_signal(signal.SIGUSR1)
        await process.wait()
    assert process.returncode == -signal.SIGUSR1
