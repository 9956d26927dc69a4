"""An app that tells which process answers, and gets stuck in ways that Trio can't see."""

import os
import re
import sys
import time

import trio

from hump_trio import Hump

app = Hump("127.0.0.1", 0)


@app.get("/")
async def index() -> str:
    """Tell the process."""
    return str(os.getpid())


def block() -> None:
    """Sleep where no cancellation reaches."""
    time.sleep(1000)


@app.get("/sleep")
async def sleep() -> None:
    """Wait, and let nothing else run."""
    print("asleep", file=sys.stderr, flush=True)
    block()


@app.get("/regex")
async def regex() -> None:
    """Search for longer than there is time, in C code that lets no other thread run."""
    print("searching", file=sys.stderr, flush=True)
    re.match(r"(a+)+$", "a" * 60 + "b")


@app.get("/wait")
async def wait() -> None:
    """Wait where a cancellation reaches."""
    await trio.sleep_forever()
