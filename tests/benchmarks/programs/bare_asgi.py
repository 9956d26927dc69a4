"""A bare ASGI function that does as little as it can: what a server costs without a framework.

It is no program; the servers of bare ASGI run it.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

HEADERS = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"13")]
JSON = (b"content-type", b"application/json")
BYTES = (b"content-type", b"application/octet-stream")
CHUNK = bytes(64 * 1024)

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

listeners: set[Send] = set()


async def app(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """Answer with text, whatever is asked for, but for four paths and WebSockets."""
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
        case "/orders":
            await order(receive, send)
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
    await answer(BYTES, await read_body(receive), send)


async def order(receive: Receive, send: Send) -> None:
    """Answer with JSON, from a JSON body."""
    posted = json.loads(await read_body(receive))
    answered = json.dumps({"name": posted["name"], "tags": len(posted["tags"])})
    await answer(JSON, answered.encode(), send)


async def read_body(receive: Receive) -> bytes:
    """Return all of the body."""
    parts = []
    more = True
    while more:
        message = await receive()
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(parts)


async def answer(content_type: tuple[bytes, bytes], body: bytes, send: Send) -> None:
    """Answer with a body."""
    headers = [content_type, (b"content-length", str(len(body)).encode())]
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
