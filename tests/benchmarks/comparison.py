"""What hump_trio and its peers do in hard situations, each run and timed, as a Markdown table.

    pip install -e '.[bench]' && python tests/benchmarks/comparison.py

Servers are started by their own command lines, with default settings and one worker. Those of one
row run beside each other, as they mostly wait; a row that keeps a CPU busy runs them in turn. It
takes about four minutes, and Linux. `--only stopped_reader uvicorn` picks situations and servers.
"""

import argparse
import asyncio
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import trio

from hump_trio import Hump, Request

BOUND = 35  # seconds; longer than any default that is looked for here: Granian's 30 for a head
CHUNK = bytes(64 * 1024)
BODY = b"all of it"
HOST = b"Host: localhost\r\n\r\n"
STREAMS = ("/large", "/ticks", "/endless")
COMMANDS = {
    "hump_trio": "comparison.py --serve={port}",
    "uvicorn": "-m uvicorn comparison:on_asyncio --loop=uvloop --http=httptools --port={port}",
    "hypercorn": "-m hypercorn comparison:on_trio --worker-class=trio --bind=127.0.0.1:{port}",
    "granian": "-m granian comparison:on_asyncio --interface=asgi --port={port}",
}
OTHER_TIMEOUTS = """--timeout-graceful-shutdown --timeout-keep-alive --timeout-worker-healthcheck
    --ws-ping-timeout --graceful-timeout --read-timeout --blocking-threads-idle-timeout
    --http1-header-read-timeout --http2-keep-alive-timeout --workers-kill-timeout"""

Sleep = Callable[[float], Awaitable[None]]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


def note(word: str) -> None:
    """Tell the script what has happened and when, on the clock that all processes share."""
    print(f"NOTE {word} {time.monotonic()}", flush=True)


async def work(path: str, sleep: Sleep) -> None:
    """Take the seconds that the path asks for, if any, and note whether they were granted."""
    if not path.startswith("/work/"):
        return
    note("begun")
    try:
        await sleep(float(path.removeprefix("/work/")))
    except BaseException:
        note("cancelled")
        raise
    note("finished")


async def stream(path: str, sleep: Sleep) -> AsyncIterator[bytes]:
    """Yield the parts of a streamed answer: 64 MiB, a line every 0.1 s, or all that is taken."""
    if path == "/large":
        for _ in range(1024):
            yield CHUNK
    while path == "/ticks":
        yield b"tick\n"
        await sleep(0.1)
    while path == "/endless":
        yield CHUNK


def asgi_app(sleep: Sleep) -> Callable[[dict[str, Any], Receive, Send], Awaitable[None]]:
    """Return the bare ASGI function for one loop; as most do, it never asks after its client."""

    async def app(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            for phase in ("startup", "shutdown"):
                await receive()
                await send({"type": f"lifespan.{phase}.complete"})
            return
        path = scope["path"]
        if path in STREAMS:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            async for part in stream(path, sleep):
                await send({"type": "http.response.body", "body": part, "more_body": True})
            await send({"type": "http.response.body"})
            return
        while path == "/upload" and (await receive()).get("more_body"):
            pass
        await work(path, sleep)
        length = (b"content-length", str(len(BODY)).encode())
        await send({"type": "http.response.start", "status": 200, "headers": [length]})
        await send({"type": "http.response.body", "body": BODY})

    return app


on_asyncio = asgi_app(asyncio.sleep)
on_trio = asgi_app(trio.sleep)


def serve_hump_trio(port: int) -> None:
    """Serve the same with hump_trio, where a handler starts when the body is there."""
    app = Hump("127.0.0.1", port)

    async def answer(request: Request) -> bytes:
        await work(request.path, trio.sleep)
        return BODY

    async def answer_in_parts(request: Request) -> AsyncIterator[bytes]:
        return stream(request.path, trio.sleep)

    app.get("/")(answer)
    app.get("/work/{seconds:int}")(answer)
    app.get("/work/60", timeout=2)(answer)
    app.post("/upload")(answer)
    for path in STREAMS:
        app.get(path)(answer_in_parts)
    trio.run(app.serve)


@dataclass(frozen=True, slots=True)
class Server:
    """A server that runs, in a process group of its own; `output` is what all of it writes."""

    name: str
    port: int
    process: subprocess.Popen[bytes]
    output: Path

    def processes(self) -> Iterator[list[str]]:
        """Yield the fields of /proc/*/stat, from the state on, of what runs in the group."""
        self.process.poll()  # so that it doesn't stay behind as a zombie
        for path in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):  # ended meanwhile
                fields = path.read_text().rpartition(")")[2].split()
                if int(fields[2]) == self.process.pid and fields[0] != "Z":
                    yield fields

    def cpu_seconds(self) -> float:
        """Return the CPU time that the group has used."""
        ticks = sum(int(fields[11]) + int(fields[12]) for fields in self.processes())
        return ticks / os.sysconf("SC_CLK_TCK")

    def noted(self, words: str, seconds: float) -> tuple[str, float]:
        """Wait for a note of the handler with one of some words; return the word and its time."""
        give_up = time.monotonic() + seconds
        while time.monotonic() < give_up:
            if found := re.search(rf"NOTE ({words}) (\S+)\n", self.output.read_text()):
                return found[1], float(found[2])
            time.sleep(0.02)
        raise TimeoutError(f"no {words} in {seconds} s")

    def connect(self, data: bytes) -> socket.socket:
        """Open a connection and send the beginning of a request."""
        client = socket.create_connection(("127.0.0.1", self.port), timeout=2)
        client.sendall(data)
        return client

    def ask(self, path: str) -> socket.socket:
        """Open a connection and send a request."""
        return self.connect(f"GET {path} HTTP/1.1\r\n".encode() + HOST)


@contextmanager
def started(name: str) -> Iterator[Server]:
    """Run a server, and see to it that nothing of it is left."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port = sock.getsockname()[1]
    command = [sys.executable, *COMMANDS[name].format(port=port).split()]
    with tempfile.NamedTemporaryFile() as log:
        process = subprocess.Popen(
            command, cwd=Path(__file__).parent, stdout=log, stderr=log, start_new_session=True
        )
        try:
            server = Server(name, port, process, Path(log.name))
            wait_ready(server)
            yield server
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(0.5)
            with suppress(ProcessLookupError):  # nothing is left
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def wait_ready(server: Server) -> None:
    """Wait until a server answers, and a moment more, so that its start is behind it.

    Raises:
        OSError: It doesn't within twenty seconds.
    """
    give_up = time.monotonic() + 20
    while True:
        try:
            with server.ask("/") as client:
                assert is_answered(client)
            time.sleep(0.5)
            return
        except OSError:
            if server.process.poll() is not None or time.monotonic() > give_up:
                print(server.output.read_text()[-2000:], file=sys.stderr)
                raise
            time.sleep(0.1)


def is_answered(client: socket.socket) -> bool:
    """Read what the server sends, and return whether it is a good answer and all of it."""
    answer = b""
    while not answer.endswith(BODY) and (data := client.recv(4096)):
        answer += data
    return answer.startswith(b"HTTP/1.1 200") and answer.endswith(b"\r\n\r\n" + BODY)


# The situations. The docstring is the row's title, what is returned stands in the server's column.


def since(moment: float) -> str:
    """Return how long ago something was."""
    return f"{time.monotonic() - moment:.1f} s"


def watch_handler(server: Server, *, reset: bool) -> str:
    """Leave half a second after a request whose handler takes six, and say what it noted."""
    with server.ask("/work/6") as client:
        begun = server.noted("begun", 5)[1]
        time.sleep(0.5)
        if reset:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        gone = time.monotonic()
    word, ended = server.noted("cancelled|finished", 10)
    if word == "cancelled":
        return f"cancelled after {ended - gone:.1f} s"
    return f"ran on to its end ({ended - begun:.1f} s)"


def client_closes(server: Server) -> str:
    """A client closes its connection (FIN) while its handler sleeps for 6 s: the handler."""
    return watch_handler(server, reset=False)


def client_resets(server: Server) -> str:
    """A client resets its connection (RST) while its handler sleeps for 6 s: the handler."""
    return watch_handler(server, reset=True)


def watch_exit(server: Server, path: str, *, reading: bool) -> str:
    """Begin to read an answer, send SIGTERM, and wait until no process of the server is left."""
    with server.ask(path) as client:
        assert client.recv(64 * 1024).startswith(b"HTTP/1.1 200")
        time.sleep(1.5)  # if nobody reads, the kernel's buffers are full by then
        server.process.terminate()
        begun = time.monotonic()
        while time.monotonic() < begun + BOUND:
            if not any(server.processes()):
                return f"exited after {since(begun)}"
            time.sleep(0.05)
            if reading:
                with suppress(BlockingIOError, ConnectionError):
                    client.recv(64 * 1024, socket.MSG_DONTWAIT)
    return f"had not exited after {since(begun)}"


def stopped_reader(server: Server) -> str:
    """SIGTERM while a client has stopped reading a streamed answer of 64 MiB: the server."""
    return watch_exit(server, "/large", reading=False)


def endless_ticks(server: Server) -> str:
    """SIGTERM while a client reads a stream without end, a line every 0.1 s: the server."""
    return watch_exit(server, "/ticks", reading=True)


def request_under_way(server: Server) -> str:
    """SIGTERM half a second after a request whose handler takes 2 s: the request was."""
    with server.ask("/work/2") as client:
        server.noted("begun", 5)
        time.sleep(0.5)
        server.process.terminate()
        begun = time.monotonic()
        client.settimeout(10)
        with suppress(OSError):
            if is_answered(client):
                return f"answered whole after {since(begun)}"
        return f"not answered, cut after {since(begun)}"


def tireless_generator(server: Server) -> str:
    """A client leaves a stream without end whose generator never sleeps: the next request was."""
    with server.ask("/endless") as client:
        assert client.recv(64 * 1024).startswith(b"HTTP/1.1 200")
        time.sleep(0.5)
    begun = time.monotonic()
    fate = "not answered within 2 s"
    with suppress(OSError), server.ask("/") as client:
        if is_answered(client):
            fate = f"answered after {time.monotonic() - begun:.2f} s"
    time.sleep(1)
    used, moment = server.cpu_seconds(), time.monotonic()
    time.sleep(2)
    busy = (server.cpu_seconds() - used) / (time.monotonic() - moment)
    return f"{fate}; CPU {busy:.0%} from then on"


def watch_client(client: socket.socket, seconds: int, dribble: bytes = b"") -> str:
    """Send a byte a second of what is to be dribbled, until the server answers or closes."""
    begun = time.monotonic()
    client.settimeout(1)
    for second in range(seconds):
        try:
            client.sendall(dribble[second : second + 1])
            answer = client.recv(4096)
        except TimeoutError:
            continue
        except ConnectionError:
            return f"reset after {since(begun)}"
        return f"{answer[9:12].decode() or 'closed'} after {since(begun)}"
    return f"still waited for after {since(begun)}"


def slow_head(server: Server) -> str:
    """A client sends a byte of its request's head every second: it was."""
    with server.connect(b"") as client:
        return watch_client(client, BOUND, b"GET / HTTP/1.1\r\nHost: localhost\r\nAccept: text")


def stopped_body(server: Server) -> str:
    """A client sends 900 bytes of a body of 1000 and stays, the handler wants all: it was."""
    with server.connect(b"POST /upload HTTP/1.1\r\nContent-Length: 1000\r\n" + HOST) as client:
        client.sendall(bytes(900))
        return watch_client(client, BOUND)


def slow_handler(server: Server) -> str:
    """A handler takes 60 s and may take 2 s, where there is such a setting: the client had."""
    with server.ask("/work/60") as client:
        fate = watch_client(client, 10)
    if server.name == "hump_trio":
        return fate
    command = [sys.executable, "-m", server.name, "--help"]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    news = set(re.findall(r"--[\w-]*timeout[\w-]*", text)).difference(OTHER_TIMEOUTS.split())
    return f"{fate}; " + (f"look at {news}" if news else "no such setting")


SITUATIONS = [
    client_closes,
    client_resets,
    stopped_reader,
    endless_ticks,
    request_under_way,
    tireless_generator,
    slow_head,
    stopped_body,
    slow_handler,
]


def observe(situation: Callable[[Server], str], names: list[str]) -> list[str]:
    """Return what each server did, once all of them had started."""
    with ExitStack() as stack:
        servers = [stack.enter_context(started(name)) for name in names]
        with ThreadPoolExecutor(len(servers)) as pool:
            return list(pool.map(situation, servers))


def main() -> None:
    """Run every situation with every server and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    choices = [*(one.__name__ for one in SITUATIONS), *COMMANDS]
    parser.add_argument("--only", nargs="+", default=[], choices=choices, metavar="NAME")
    parser.add_argument("--serve", type=int, metavar="PORT", help="be the hump_trio server")
    options = parser.parse_args()
    if options.serve:
        serve_hump_trio(options.serve)
        return
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # servers are ended then, too
    names = [name for name in COMMANDS if name in options.only] or list(COMMANDS)
    print("| situation |", " | ".join(f"{name} {version(name)}" for name in names), "|")
    print("|---" * (len(names) + 1) + "|", flush=True)
    for situation in [one for one in SITUATIONS if one.__name__ in options.only] or SITUATIONS:
        groups = [[name] for name in names] if situation is tireless_generator else [names]
        row = [phrase for group in groups for phrase in observe(situation, group)]
        print("|", " | ".join([(situation.__doc__ or "").rstrip("."), *row]), "|", flush=True)


if __name__ == "__main__":
    main()
