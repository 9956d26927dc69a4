"""The service of examples/deploy with a few more routes, for the processes that tests start."""

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


@app.websocket("/sleep", on_disconnect=0)
async def sleep(ws: WebSocket) -> None:
    """Open it, then do as `rest` does."""
    await ws.accept()
    await rest()


@app.websocket("/close")
async def close(ws: WebSocket) -> None:
    """Close with a code of its own."""
    await ws.close(4401, "sign in")


@app.websocket("/echo")
async def echo(ws: WebSocket) -> None:
    """Send back what comes."""
    async for message in ws:
        await ws.send(message)
