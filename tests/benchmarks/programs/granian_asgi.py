"""Granian and a bare ASGI function: one worker, one thread for Rust."""

import sys

from granian.constants import Interfaces, Loops
from granian.server import Server

if __name__ == "__main__":
    Server(
        "tests.benchmarks.programs.bare_asgi:app",
        port=int(sys.argv[1]),
        interface=Interfaces.ASGI,
        loop=Loops.uvloop,
        workers=1,
        runtime_threads=1,
        log_enabled=False,
    ).serve()
