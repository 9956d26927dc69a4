"""aiohttp's server, on uvloop."""

import sys

import uvloop
from aiohttp import web

CHUNK = bytes(64 * 1024)


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


if __name__ == "__main__":
    app = web.Application()
    app.router.add_get("/", hello)
    app.router.add_get(r"/items/{number:\d+}", item)
    app.router.add_post("/orders", order)
    app.router.add_post("/echo", echo)
    app.router.add_get("/download", download)
    web.run_app(
        app,
        host="127.0.0.1",
        port=int(sys.argv[1]),
        access_log=None,
        print=None,
        loop=uvloop.new_event_loop(),
    )
