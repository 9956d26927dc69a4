"""The service of examples/deploy with one more route, for the processes that tests start."""

import sys

import trio

from examples.deploy.service import app

__all__ = ["app"]


@app.get("/slow")
async def rest() -> None:
    """Tell on stderr when it begins and when it is cancelled, for `Instance.read_line`."""
    print("resting", file=sys.stderr, flush=True)
    try:
        await trio.sleep_forever()
    finally:
        print("cancelled", file=sys.stderr, flush=True)
