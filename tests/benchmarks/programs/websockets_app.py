"""The server of the package websockets, on uvloop."""

import sys

import uvloop
from websockets.asyncio.server import ServerConnection, broadcast, serve

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
                broadcast(listeners, message)


async def main() -> None:
    """Serve until the end."""
    async with serve(handle, "127.0.0.1", int(sys.argv[1])) as server:
        await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main())
