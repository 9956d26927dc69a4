"""How each scenario is measured against a server that runs; every function gives one round."""

import json
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from tests.benchmarks.busy_client import busily_connected
from tests.benchmarks.event_client import connected_to_events
from tests.benchmarks.peers import PEERS
from tests.benchmarks.scenarios import (
    DOWNLOAD_BYTES,
    IDLE_COUNT,
    LISTENER_COUNT,
    NUMBER_COUNT,
    Load,
    Messages,
    Streams,
)
from tests.benchmarks.servers import ROOT, Server
from tests.benchmarks.websocket_client import OpeningClient, connected_to_echo, connected_to_feed

MIB = 1024 * 1024
H2LOAD_REQUEST_COUNT = 20_000
PATIENCE_SECONDS = 30  # a busy machine may hold up any server for some
NO_REPORT = {"refused": 0, "broken": 0, "requests": 0}
SCRIPT = Path(__file__).with_name("requests.lua")
IMPORT = """
import time
import trio
begun = time.process_time()
import hump_trio
print((time.process_time() - begun) * 1000)
"""


def measure_load(load: Load, server: Server, *, seconds: int, connections: int) -> dict[str, float]:
    """Let wrk repeat a request.

    Raises:
        RuntimeError: An answer wasn't a success, or a connection broke.
    """
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}", "--latency", "-s", str(SCRIPT)]
    command.append(f"--timeout={PATIENCE_SECONDS}")
    for name, value in load.headers.items():
        command += ["-H", f"{name}: {value}"]
    command += [server.url + load.path, "--", load.method, load.body]
    command.append(str(NUMBER_COUNT if load.numbered else 0))
    before = server.cpu_seconds()
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    used = server.cpu_seconds() - before
    report = json.loads(run.stdout.splitlines()[-1]) if run.returncode == 0 else NO_REPORT
    if report["refused"] or report["broken"] or not report["requests"]:
        raise RuntimeError(f"{server.name}: {run.stdout}{run.stderr}")
    return {
        "cpu_us": used / report["requests"] * 1e6,
        "per_second": report["requests"] / report["microseconds"] * 1e6,
        "p50_ms": report["p50"] / 1000,
        "p99_ms": report["p99"] / 1000,
    }


def measure_busy(load: Load, server: Server, *, seconds: float) -> dict[str, float]:
    """Let thousands of connections that are open already repeat a request.

    Raises:
        RuntimeError: Something else is answered, or a connection broke.
    """
    with busily_connected(server.port, load) as client:
        used, begun = server.cpu_seconds(), time.perf_counter()
        taken = sorted(client.repeat(seconds))
        seconds, used = time.perf_counter() - begun, server.cpu_seconds() - used
    return {
        "cpu_us": used / len(taken) * 1e6,
        "per_second": len(taken) / seconds,
        "p50_ms": taken[len(taken) // 2] * 1000,
        "p99_ms": taken[len(taken) * 99 // 100] * 1000,
    }


def measure_handshakes(server: Server, *, seconds: int) -> dict[str, float]:
    """Let openssl shake hands over and over, each time anew, and ask for nothing.

    Raises:
        RuntimeError: It can't.
    """
    command = ["openssl", "s_time", "-connect", f"127.0.0.1:{server.port}", "-new"]
    before = server.cpu_seconds()
    run = subprocess.run(
        [*command, "-time", str(seconds)], capture_output=True, text=True, check=False
    )
    used = server.cpu_seconds() - before
    found = re.search(r"^(\d+) connections in \d+ real seconds", run.stdout, re.MULTILINE)
    if found is None or run.returncode or not int(found[1]):
        raise RuntimeError(f"{server.name}: {run.stdout}{run.stderr}")
    return {"handshake_us": used / int(found[1]) * 1e6}


def measure_streams(streams: Streams, server: Server, *, seconds: float) -> dict[str, float]:
    """Let h2load repeat a request, as often as it takes to have done so for some seconds.

    Raises:
        RuntimeError: An answer wasn't a success, or a connection broke.
    """
    alive = PEERS[server.name].stream_count * streams.connection_count
    count = min(H2LOAD_REQUEST_COUNT, alive)
    busy, done = 0.0, 0
    before = server.cpu_seconds()
    with h2load_command(streams, server.url) as command:
        while busy < seconds:
            busy += count / run_h2load([*command, f"-n{count}"], server, count)
            done += count
    used = server.cpu_seconds() - before
    return {"cpu_us": used / done * 1e6, "per_second": done / busy}


@contextmanager
def h2load_command(streams: Streams, url: str) -> Iterator[list[str]]:
    """Give the command that sends a load, but for the number of requests."""
    load = streams.load
    command = ["h2load", f"-c{streams.connection_count}", f"-m{streams.stream_count}"]
    for name, value in streams.fields().items():
        command += ["-H", f"{name}: {value}"]
    with tempfile.TemporaryDirectory() as folder:
        if load.body:
            path = Path(folder) / "body"
            path.write_text(load.body)
            command += ["-d", str(path)]
        if load.numbered:
            path = Path(folder) / "paths"
            path.write_text("".join(f"{url}{load.path_of(n)}\n" for n in range(NUMBER_COUNT)))
            yield [*command, "-i", str(path)]
        else:
            yield [*command, url + load.path]


def run_h2load(command: list[str], server: Server, count: int) -> float:
    """Let h2load send some requests, and return how many were answered in a second.

    Raises:
        RuntimeError: An answer wasn't a success, or a connection broke, or wasn't HTTP/2.
    """
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    rate = re.search(r"^finished in .*, ([\d.]+) req/s", run.stdout, re.MULTILINE)
    answered = f"{count} succeeded, 0 failed, 0 errored, 0 timeout" in run.stdout
    if rate is None or not answered or "Application protocol: h2" not in run.stdout:
        raise RuntimeError(f"{server.name}: {run.stdout}{run.stderr}")
    return float(rate[1])


def measure_messages(messages: Messages, server: Server, *, seconds: float) -> dict[str, float]:
    """Let messages be echoed.

    Raises:
        RuntimeError: Something else comes back.
    """
    with connected_to_echo(server.port, messages, messages.connection_count) as client:
        count, seconds, used = observe(server, partial(client.repeat_echoes, seconds))
    count *= messages.burst_count
    return {"message_us": used / count * 1e6, "messages_per_second": count / seconds}


def measure_cast(server: Server, *, seconds: float) -> dict[str, float]:
    """Let messages be sent to many.

    Raises:
        RuntimeError: Something else comes.
    """
    with connected_to_feed(server.port, LISTENER_COUNT) as client:
        count, seconds, used = observe(server, partial(client.repeat_casts, seconds))
    return {"message_us": used / count * 1e6, "messages_per_second": count / seconds}


def measure_events(server: Server, *, seconds: float) -> dict[str, float]:
    """Let events be sent to many event streams.

    Raises:
        RuntimeError: Something else comes.
    """
    with connected_to_events(server.port, LISTENER_COUNT) as client:
        count, seconds, used = observe(server, partial(client.repeat, seconds))
    return {"message_us": used / count * 1e6, "messages_per_second": count / seconds}


def measure_openings(server: Server, *, seconds: float) -> dict[str, float]:
    """Let WebSockets be opened and closed.

    Raises:
        RuntimeError: One isn't opened, or isn't closed in an orderly way.
    """
    count, _, used = observe(server, partial(OpeningClient(server.port).repeat, seconds))
    return {"opening_us": used / count * 1e6}


def observe(server: Server, repeat: Callable[[], int]) -> tuple[int, float, float]:
    """Return what a client counts, how long it took, and the server's CPU seconds meanwhile."""
    used, begun = server.cpu_seconds(), time.perf_counter()
    count = repeat()
    return count, time.perf_counter() - begun, server.cpu_seconds() - used


def measure_idle(server: Server, messages: str = "") -> dict[str, float]:
    """Let connections that have been answered once stay, and look at the server's memory.

    Args:
        server: It.
        messages: The name of those that WebSockets echo; without one, connections are HTTP's.

    Raises:
        RuntimeError: It has closed some of them.
    """
    before, base = server.resident_bytes(), server.descriptor_count()
    command = [sys.executable, "-m", "tests.benchmarks.idle", str(server.port), str(IDLE_COUNT)]
    command += [messages] if messages else []
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe) as client:
        assert client.stdout is not None
        said = client.stdout.readline()
        held = server.descriptor_count() - base
        grown = server.resident_bytes() - before
        client.communicate()
    if said != b"ready\n" or held < IDLE_COUNT:
        raise RuntimeError(f"{server.name} holds {held} of {IDLE_COUNT} idle connections")
    return {"connection_kib": grown / IDLE_COUNT / 1024}


def measure_download(server: Server) -> dict[str, float]:
    """Read a streamed answer as fast as it comes."""
    before = server.resident_bytes()
    used = server.cpu_seconds()
    buffer = bytearray(MIB)
    size = 0
    with socket.create_connection(("127.0.0.1", server.port)) as sock:
        begun = time.perf_counter()
        sock.sendall(b"GET /download HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        # The kernel throws it away, so that it is the server that takes the time.
        while count := sock.recv_into(buffer, MIB, socket.MSG_TRUNC):
            size += count
        seconds = time.perf_counter() - begun
    if size < DOWNLOAD_BYTES:
        raise RuntimeError(f"{server.name} has sent {size} bytes")
    return {
        "mib_per_second": DOWNLOAD_BYTES / MIB / seconds,
        "cpu_us_per_mib": (server.cpu_seconds() - used) / (DOWNLOAD_BYTES / MIB) * 1e6,
        "growth_mib": (server.peak_bytes() - before) / MIB,
    }


def measure_h2_download(server: Server) -> dict[str, float]:
    """Let h2load read a streamed answer as fast as it comes.

    Raises:
        RuntimeError: It doesn't come whole.
    """
    before, used = server.resident_bytes(), server.cpu_seconds()
    command = ["h2load", "-c1", "-m1", "-n1", f"{server.url}/download"]
    seconds = 1 / run_h2load(command, server, 1)
    return {
        "mib_per_second": DOWNLOAD_BYTES / MIB / seconds,
        "cpu_us_per_mib": (server.cpu_seconds() - used) / (DOWNLOAD_BYTES / MIB) * 1e6,
        "growth_mib": (server.peak_bytes() - before) / MIB,
    }


def measure_start(server: Server) -> dict[str, float]:
    """Tell what the start took, and what hump_trio's import has to do with it."""
    figures = {"first_answer_ms": server.first_answer_seconds * 1000}
    if server.name == "hump_app":
        command = [sys.executable, "-c", IMPORT]
        runs = [
            subprocess.run(command, cwd=ROOT, capture_output=True, check=True) for _ in range(5)
        ]
        figures["import_ms"] = min(float(run.stdout) for run in runs)
    return figures
