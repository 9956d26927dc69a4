"""aiohttp's server, on uvloop."""

import sys

import uvloop
from aiohttp import WSMsgType, web

CHUNK = bytes(64 * 1024)

listeners: set[web.WebSocketResponse] = set()


async def hello(request: web.Request) -> web.StreamResponse:
    """Answer with text."""
    return web.Response(text="Hello, world!")


async def item(request: web.Request) -> web.StreamResponse:
    """Answer with JSON, from the path and the query."""
    return web.json_response({"id": int(request.match_info["number"]), "q": request.query["q"]})


async def order(request: web.Request) -> web.StreamResponse:
    """Answer with JSON, from a JSON body."""
    posted = await request.json()
    return web.json_response({"name": posted["name"], "tags": len(posted["tags"])})


async def echo(request: web.Request) -> web.StreamResponse:
    """Answer with the body."""
    return web.Response(body=await request.read())


async def download(request: web.Request) -> web.StreamResponse:
    """Stream 1 GiB."""
    answer = web.StreamResponse()
    await answer.prepare(request)
    for _ in range(16 * 1024):
        await answer.write(CHUNK)
    return answer


async def echo_messages(request: web.Request) -> web.StreamResponse:
    """Send each message of a WebSocket back."""
    ws = web.WebSocketResponse()
    await ws.prepare(request)
    async for message in ws:
        if message.type == WSMsgType.TEXT:
            await ws.send_str(message.data)
        else:
            await ws.send_bytes(message.data)
    return ws


async def listen(request: web.Request) -> web.StreamResponse:
    """Send what is published over a WebSocket."""
    ws = web.WebSocketResponse()
    await ws.prepare(request)
    listeners.add(ws)
    async for _ in ws:
        pass
    listeners.remove(ws)
    return ws


async def publish(request: web.Request) -> web.StreamResponse:
    """Send each message of a WebSocket to all that listen."""
    ws = web.WebSocketResponse()
    await ws.prepare(request)
    async for message in ws:
        for listener in listeners:
            await listener.send_str(message.data)
    return ws


if __name__ == "__main__":
    app = web.Application()
    app.router.add_get("/", hello)
    app.router.add_get(r"/items/{number:\d+}", item)
    app.router.add_get(r"/teas/{number:\d+}", item)
    app.router.add_post("/orders", order)
    app.router.add_post("/echo", echo)
    app.router.add_get("/download", download)
    app.router.add_get("/echo", echo_messages)
    app.router.add_get("/feed", listen)
    app.router.add_get("/publish", publish)
    web.run_app(
        app,
        host="127.0.0.1",
        port=int(sys.argv[1]),
        access_log=None,
        print=None,
        loop=uvloop.new_event_loop(),
    )
