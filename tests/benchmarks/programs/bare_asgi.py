"""A bare ASGI function that does as little as it can: what a server costs without a framework.

It is no program; the servers of bare ASGI run it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

HEADERS = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"13")]
BYTES = (b"content-type", b"application/octet-stream")
CHUNK = bytes(64 * 1024)

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

listeners: set[Send] = set()


async def app(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """Answer with text, whatever is asked for, but for three paths and WebSockets."""
    if scope["type"] == "lifespan":
        for phase in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{phase}.complete"})
        return
    if scope["type"] == "websocket":
        await exchange_messages(scope["path"], receive, send)
        return
    match scope["path"]:
        case "/echo":
            await echo(receive, send)
            return
        case "/download":
            await download(send)
            return
        case "/waits":
            await asyncio.sleep(0)
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    await send({"type": "http.response.body", "body": b"Hello, world!"})


async def echo(receive: Receive, send: Send) -> None:
    """Answer with the body."""
    parts = []
    more = True
    while more:
        message = await receive()
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    body = b"".join(parts)
    headers = [BYTES, (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def download(send: Send) -> None:
    """Stream 1 GiB."""
    await send({"type": "http.response.start", "status": 200, "headers": [BYTES]})
    for _ in range(16 * 1024):
        await send({"type": "http.response.body", "body": CHUNK, "more_body": True})
    await send({"type": "http.response.body"})


async def exchange_messages(path: str, receive: Receive, send: Send) -> None:
    """Open a WebSocket, and echo, listen or publish, as its path says."""
    await receive()
    if path == "/feed":
        listeners.add(send)
    await send({"type": "websocket.accept"})
    while (event := await receive())["type"] == "websocket.receive":
        message = {**event, "type": "websocket.send"}
        if path == "/echo":
            await send(message)
        else:
            for listener in listeners:
                await listener(message)
    listeners.discard(send)
