"""Granian and a bare function for RSGI, its own interface: one worker, one thread for Rust."""

import sys
from typing import Any

from granian.constants import Interfaces, Loops
from granian.server import Server

HEADERS = [("content-type", "text/plain; charset=utf-8")]


async def app(scope: Any, protocol: Any) -> None:
    """Answer with text."""
    protocol.response_str(200, HEADERS, "Hello, world!")


if __name__ == "__main__":
    Server(
        "tests.benchmarks.programs.granian_rsgi:app",
        port=int(sys.argv[1]),
        interface=Interfaces.RSGI,
        loop=Loops.uvloop,
        workers=1,
        runtime_threads=1,
        log_enabled=False,
    ).serve()
