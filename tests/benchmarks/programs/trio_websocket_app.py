"""trio-websocket's server."""

import sys
from functools import partial

import trio
from trio_websocket import ConnectionClosed, WebSocketConnection, WebSocketRequest, serve_websocket

listeners: set[WebSocketConnection] = set()


async def handle(request: WebSocketRequest) -> None:
    """Echo, listen or publish, as the path says."""
    ws = await request.accept()
    try:
        if request.path == "/feed":
            listeners.add(ws)
        while True:
            message = await ws.get_message()
            if request.path == "/echo":
                await ws.send_message(message)
            else:
                for listener in listeners:
                    await listener.send_message(message)
    except ConnectionClosed:
        listeners.discard(ws)


if __name__ == "__main__":
    trio.run(partial(serve_websocket, handle, "127.0.0.1", int(sys.argv[1]), ssl_context=None))
