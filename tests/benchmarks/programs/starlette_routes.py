"""A Starlette app that does what is measured.

It is no program; the servers of Starlette run it.
"""

from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.websockets import WebSocket

from tests.benchmarks.programs.files import write_files

CHUNK = bytes(64 * 1024)

listeners: set[WebSocket] = set()


async def hello(request: Request) -> Response:
    """Answer with text."""
    return PlainTextResponse("Hello, world!")


async def item(request: Request) -> Response:
    """Answer with JSON, from the path and the query."""
    return JSONResponse({"id": request.path_params["number"], "q": request.query_params["q"]})


async def order(request: Request) -> Response:
    """Answer with JSON, from a JSON body."""
    posted = await request.json()
    return JSONResponse({"name": posted["name"], "tags": len(posted["tags"])})


async def echo(request: Request) -> Response:
    """Answer with the body."""
    return Response(await request.body(), media_type="application/octet-stream")


async def chunks() -> AsyncIterator[bytes]:
    """Yield 1 GiB."""
    for _ in range(16 * 1024):
        yield CHUNK


async def download(request: Request) -> Response:
    """Stream 1 GiB."""
    return StreamingResponse(chunks(), media_type="application/octet-stream")


async def echo_messages(ws: WebSocket) -> None:
    """Send each message back."""
    await ws.accept()
    while (event := await ws.receive())["type"] == "websocket.receive":
        if "text" in event:
            await ws.send_text(event["text"])
        else:
            await ws.send_bytes(event["bytes"])


async def listen(ws: WebSocket) -> None:
    """Send what is published."""
    await ws.accept()
    listeners.add(ws)
    async for _ in ws.iter_text():
        pass
    listeners.remove(ws)


async def publish(ws: WebSocket) -> None:
    """Send each message to all that listen."""
    await ws.accept()
    async for text in ws.iter_text():
        for listener in listeners:
            await listener.send_text(text)


app = Starlette(
    routes=[
        Route("/", hello),
        Route("/items/{number:int}", item),
        Route("/teas/{number:int}", item),
        Route("/orders", order, methods=["POST"]),
        Route("/echo", echo, methods=["POST"]),
        Route("/download", download),
        Mount("/files", StaticFiles(directory=write_files())),
        WebSocketRoute("/echo", echo_messages),
        WebSocketRoute("/feed", listen),
        WebSocketRoute("/publish", publish),
    ]
)
