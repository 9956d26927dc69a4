"""An app with figures of its own, that tells which process answers."""

import os
from collections.abc import AsyncIterator

import trio
from prometheus_client import Counter

from hump_trio import Hump

app = Hump("127.0.0.1", 0)
asked = Counter("asked", "How often that was asked.")


@app.get("/")
async def index() -> str:
    """Tell the process."""
    asked.inc()
    return str(os.getpid())


@app.get("/last")
async def last() -> AsyncIterator[str]:
    """End only when the process is to end."""
    yield "begun"
    await app.wait_draining()
    await trio.sleep(0.1)
