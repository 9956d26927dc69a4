"""The server of the package websockets on Trio."""

import sys
from functools import partial

import trio
from websockets.trio.server import ServerConnection, broadcast, serve

listeners: set[ServerConnection] = set()


async def handle(ws: ServerConnection) -> None:
    """Echo, listen or publish, as the path says."""
    assert ws.request is not None
    match ws.request.path:
        case "/echo":
            async for message in ws:
                await ws.send(message)
        case "/feed":
            listeners.add(ws)
            await ws.wait_closed()
            listeners.remove(ws)
        case "/publish":
            async for message in ws:
                await broadcast(listeners, message)


if __name__ == "__main__":
    trio.run(partial(serve, handle, int(sys.argv[1]), host="127.0.0.1"))
