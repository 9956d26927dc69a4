"""Requests per second and server CPU per request, beside the peers, in one run.

    pip install -e '.[bench]' && python tests/benchmark.py

Needs wrk. Each server runs as one process; rounds are interleaved and the median counts, so that
what else the machine does hits all alike. Read the figures as ratios.
"""

import argparse
import os
import re
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from urllib.request import urlopen

ROOT = Path(__file__).parent.parent
TICKS = os.sysconf("SC_CLK_TCK")

BARE_ASGI = """
async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"13")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"Hello, world!"})
"""
HUMP = """
import sys
import trio
from examples.hello import app
app.host, app.port = "127.0.0.1", int(sys.argv[1])
trio.run(app.serve)
"""
UVICORN = f"""{BARE_ASGI}
import sys
import uvicorn
uvicorn.run(app, port=int(sys.argv[1]), loop="uvloop", http="httptools", access_log=False,
            log_level="error")
"""
HYPERCORN = f"""{BARE_ASGI}
import sys
import trio
from hypercorn.config import Config
from hypercorn.trio import serve
config = Config()
config.bind = [f"127.0.0.1:{{sys.argv[1]}}"]
trio.run(serve, app, config)
"""
SERVERS = {
    "hump_trio, examples/hello.py": HUMP,
    "uvicorn (httptools, uvloop), bare ASGI": UVICORN,
    "Hypercorn, Trio worker, bare ASGI": HYPERCORN,
}


@dataclass(slots=True)
class Figures:
    """What was measured of one server, round by round."""

    requests_per_second: list[float] = field(default_factory=list)
    cpu_microseconds: list[float] = field(default_factory=list)


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def cpu_seconds(pid: int) -> float:
    """Return the CPU time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def wait_ready(url: str) -> None:
    """Wait until a server answers.

    Raises:
        OSError: It doesn't within ten seconds.
    """
    give_up = time.monotonic() + 10
    while True:
        try:
            with urlopen(url, timeout=5) as answer:
                assert answer.read() == b"Hello, world!"
            return
        except OSError:
            if time.monotonic() > give_up:
                raise


def measure(script: str, seconds: int, connections: int, figures: Figures) -> None:
    """Run one round against one server."""
    port = free_port()
    url = f"http://127.0.0.1:{port}/"
    with subprocess.Popen([sys.executable, "-c", script, str(port)], cwd=ROOT) as server:
        try:
            wait_ready(url)
            before = cpu_seconds(server.pid)
            load = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}", url]
            report = subprocess.run(load, capture_output=True, text=True, check=True).stdout
            used = cpu_seconds(server.pid) - before
        finally:
            server.kill()
    count = re.search(r"(\d+) requests in", report)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", report)
    assert count is not None
    assert rate is not None
    assert "Non-2xx" not in report, report
    figures.requests_per_second.append(float(rate[1]))
    figures.cpu_microseconds.append(used / int(count[1]) * 1e6)


def main() -> None:
    """Measure every server and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--connections", type=int, default=64)
    options = parser.parse_args()
    table = {name: Figures() for name in SERVERS}
    for _ in range(options.rounds):
        for name, script in SERVERS.items():
            measure(script, options.seconds, options.connections, table[name])
    print("| server | requests/s | CPU µs per request |")
    print("|---|---|---|")
    for name, figures in table.items():
        rate, cpu = median(figures.requests_per_second), median(figures.cpu_microseconds)
        print(f"| {name} | {rate:,.0f} | {cpu:.1f} |")


if __name__ == "__main__":
    main()
