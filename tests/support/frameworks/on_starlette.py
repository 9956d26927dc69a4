"""The contract in Starlette."""

import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import trio
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import (
    JSONResponse,
    PlainTextResponse,
    RedirectResponse,
    Response,
    StreamingResponse,
)
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.websockets import WebSocket, WebSocketDisconnect

from tests.support.frameworks.contract import LARGE, Contract

__all__ = ["Around", "drip", "lifespan", "make_app", "talk", "work"]


class Around(BaseHTTPMiddleware):
    """Adds a field to each answer."""

    async def dispatch(self, request: Request, call_next: RequestResponseEndpoint) -> Response:
        """Answer a request."""
        response = await call_next(request)
        response.headers["x-around"] = "yes"
        return response


async def hello(request: Request) -> Response:
    """Answer with a text."""
    return PlainTextResponse("hello")


async def query(request: Request) -> Response:
    """Answer with what the query says."""
    values = request.query_params
    return JSONResponse({"name": values["name"], "size": int(values["size"])})


async def size(request: Request) -> Response:
    """Answer with the length of the body, which is read in parts."""
    byte_count = 0
    async for part in request.stream():
        byte_count += len(part)
    return JSONResponse({"bytes": byte_count})


async def form(request: Request) -> Response:
    """Answer with what a form holds."""
    async with request.form() as posted:
        upload: Any = posted["upload"]
        told = {
            "title": posted["title"],
            "filename": upload.filename,
            "bytes": len(await upload.read()),
        }
    return JSONResponse(told)


async def stream(request: Request) -> Response:
    """Answer in two parts."""

    async def parts() -> AsyncIterator[bytes]:
        yield b"one"
        await request.state.contract.go.wait()
        yield b"two"

    return StreamingResponse(parts(), media_type="text/plain")


async def drip(contract: Contract) -> AsyncIterator[bytes]:
    """Go on until it is closed."""
    try:
        while True:
            yield b"drop"
            await trio.sleep(0.01)
    finally:
        contract.events.append("closed")


async def endless(request: Request) -> Response:
    """Answer without an end."""
    return StreamingResponse(drip(request.state.contract), media_type="text/plain")


def thread(request: Request) -> Response:
    """Tell which thread this is."""
    return JSONResponse({"worker": threading.current_thread() is not threading.main_thread()})


async def work(contract: Contract) -> None:
    """Do something behind an answer."""
    await contract.go.wait()
    contract.events.append("worked")


async def later(request: Request) -> Response:
    """Answer before the work is done."""
    return PlainTextResponse("soon", 202, background=BackgroundTask(work, request.state.contract))


async def large(request: Request) -> Response:
    """Answer with a text that is worth compressing."""
    return PlainTextResponse(LARGE)


async def state(request: Request) -> Response:
    """Answer with what the lifespan has left."""
    return PlainTextResponse(request.state.greeting)


async def crash(request: Request) -> Response:
    """Fail."""
    raise ValueError("the kettle is empty")


async def redirect(request: Request) -> Response:
    """Lead elsewhere."""
    return RedirectResponse(request.url_for("hello"))


async def cookies(request: Request) -> Response:
    """Set two cookies."""
    response = PlainTextResponse(request.cookies.get("cup", "none"))
    response.set_cookie("tea", "green")
    response.set_cookie("milk", "no", httponly=True)
    return response


async def talk(websocket: WebSocket, contract: Contract) -> None:
    """Send back what comes, by the framework's own verbs."""
    offered = websocket.scope["subprotocols"]
    await websocket.accept(subprotocol="tea" if "tea" in offered else None)
    try:
        while True:
            message = await websocket.receive()
            if message["type"] == "websocket.disconnect":
                raise WebSocketDisconnect(message["code"], message["reason"])
            if message.get("text") == "close":
                await websocket.close(4000, "done")
                return
            if message.get("text") is not None:
                await websocket.send_text(message["text"])
            else:
                await websocket.send_bytes(message["bytes"])
    except WebSocketDisconnect as left:
        contract.events.append(f"left {left.code} {left.reason}".rstrip())


async def echo(websocket: WebSocket) -> None:
    """Send back what comes."""
    await talk(websocket, websocket.state.contract)


async def denied(websocket: WebSocket) -> None:
    """Refuse a WebSocket with an answer of its own."""
    await websocket.send_denial_response(PlainTextResponse("sign in", 401, {"x-why": "tea"}))


@asynccontextmanager
async def lifespan(contract: Contract, app: Any) -> AsyncIterator[dict[str, Any]]:
    """Do what comes before the first request and after the last one."""
    contract.events.append("began")
    yield {"greeting": "warm", "contract": contract}
    contract.events.append("ended")


def make_app(contract: Contract) -> Starlette:
    """Return a new app."""
    return Starlette(
        routes=[
            Route("/hello", hello),
            Route("/query", query),
            Route("/size", size, methods=["POST"]),
            Route("/form", form, methods=["POST"]),
            Route("/stream", stream),
            Route("/endless", endless),
            Route("/thread", thread),
            Route("/later", later, methods=["POST"]),
            Mount("/static", StaticFiles(directory=contract.folder)),
            Route("/large", large),
            Route("/state", state),
            Route("/crash", crash),
            Route("/redirect", redirect),
            Route("/cookies", cookies),
            WebSocketRoute("/echo", echo),
            WebSocketRoute("/denied", denied),
        ],
        middleware=[
            Middleware(Around),
            Middleware(CORSMiddleware, allow_origins=["https://shop.example"]),
            Middleware(GZipMiddleware),
        ],
        lifespan=partial(lifespan, contract),
    )
