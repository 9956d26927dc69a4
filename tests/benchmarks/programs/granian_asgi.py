"""Granian and a bare ASGI function: one worker, one thread for Rust."""

import sys
from pathlib import Path

from granian.constants import Interfaces, Loops
from granian.server import Server

from tests.benchmarks.programs.files import write_files

if __name__ == "__main__":
    Server(
        "tests.benchmarks.programs.bare_asgi:app",
        port=int(sys.argv[1]),
        interface=Interfaces.ASGI,
        loop=Loops.uvloop,
        workers=1,
        runtime_threads=1,
        backlog=4096,
        backpressure=16384,  # else it takes no more connections than 1,024
        static_path_route=["/files"],
        static_path_mount=[write_files()],
        static_path_expires=0,
        log_enabled=False,
        ssl_cert=Path(sys.argv[2]) if sys.argv[2:] else None,
        ssl_key=Path(sys.argv[3]) if sys.argv[2:] else None,
    ).serve()
