"""The service of examples/deploy with two more routes, for the processes that tests start."""

import sys

import trio

from examples.deploy.service import app
from hump_trio import WebSocket

__all__ = ["app"]


@app.get("/slow")
async def rest() -> None:
    """Tell on stderr when it begins and when it is cancelled, for `Instance.read_line`."""
    print("resting", file=sys.stderr, flush=True)
    try:
        await trio.sleep_forever()
    finally:
        print("cancelled", file=sys.stderr, flush=True)


@app.websocket("/echo")
async def echo(ws: WebSocket) -> None:
    """Send back what comes."""
    async for message in ws:
        await ws.send(message)
