"""Granian and a bare function for RSGI, its own interface: one worker, one thread for Rust."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from granian.constants import Interfaces, Loops
from granian.server import Server

HEADERS = [("content-type", "text/plain; charset=utf-8")]
JSON = [("content-type", "application/json")]
BYTES = [("content-type", "application/octet-stream")]
CHUNK = bytes(64 * 1024)


async def app(scope: Any, protocol: Any) -> None:
    """Answer with text, whatever is asked for, but for four paths."""
    match scope.path:
        case "/echo":
            protocol.response_bytes(200, BYTES, await protocol())
            return
        case "/orders":
            posted = json.loads(await protocol())
            answered = {"name": posted["name"], "tags": len(posted["tags"])}
            protocol.response_str(200, JSON, json.dumps(answered))
            return
        case "/download":
            stream = protocol.response_stream(200, BYTES)
            for _ in range(16 * 1024):
                await stream.send_bytes(CHUNK)
            return
        case "/waits":
            await asyncio.sleep(0)
    protocol.response_str(200, HEADERS, "Hello, world!")


if __name__ == "__main__":
    Server(
        "tests.benchmarks.programs.granian_rsgi:app",
        port=int(sys.argv[1]),
        interface=Interfaces.RSGI,
        loop=Loops.uvloop,
        workers=1,
        runtime_threads=1,
        backlog=4096,
        backpressure=16384,  # else it takes no more connections than 1,024
        log_enabled=False,
        ssl_cert=Path(sys.argv[2]) if sys.argv[2:] else None,
        ssl_key=Path(sys.argv[3]) if sys.argv[2:] else None,
    ).serve()
