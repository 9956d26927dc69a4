"""The contract in Litestar."""

import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from litestar import Litestar, MediaType, Request, Response, WebSocket, get, post, websocket
from litestar.background_tasks import BackgroundTask
from litestar.config.compression import CompressionConfig
from litestar.config.cors import CORSConfig
from litestar.datastructures import UploadFile
from litestar.di import NamedDependency, Provide
from litestar.exceptions import WebSocketDisconnect
from litestar.params import FromQuery, MultipartBody
from litestar.response import Redirect, Stream
from litestar.static_files import create_static_files_router

from tests.support.frameworks.contract import LARGE, Contract
from tests.support.frameworks.on_starlette import drip, work

__all__ = ["make_app"]


@get("/hello", media_type=MediaType.TEXT, name="hello")
async def hello() -> str:
    """Answer with a text."""
    return "hello"


@get("/query")
async def query(name: FromQuery[str], size: FromQuery[int]) -> dict[str, Any]:
    """Answer with what the query says."""
    return {"name": name, "size": size}


@post("/size", status_code=200)
async def size(request: Request[Any, Any, Any]) -> dict[str, int]:
    """Answer with the length of the body, which is read in parts."""
    byte_count = 0
    async for part in request.stream():
        byte_count += len(part)
    return {"bytes": byte_count}


@post("/form", status_code=200)
async def form(data: MultipartBody[dict[str, Any]]) -> dict[str, Any]:
    """Answer with what a form holds."""
    upload: UploadFile = data["upload"]
    read = await upload.read()
    return {"title": data["title"], "filename": upload.filename, "bytes": len(read)}


@get("/thread", sync_to_thread=True)
def thread() -> dict[str, bool]:
    """Tell which thread this is."""
    return {"worker": threading.current_thread() is not threading.main_thread()}


@get("/large", media_type=MediaType.TEXT)
async def large() -> str:
    """Answer with a text that is worth compressing."""
    return LARGE


@get("/state", media_type=MediaType.TEXT)
async def state(request: Request[Any, Any, Any]) -> str:
    """Answer with what the lifespan has left."""
    greeting: str = request.app.state.greeting
    return greeting


@get("/crash")
async def crash() -> None:
    """Fail."""
    raise ValueError("the kettle is empty")


@get("/redirect", status_code=307)
async def redirect(request: Request[Any, Any, Any]) -> Redirect:
    """Lead elsewhere."""
    return Redirect(request.url_for("hello"), status_code=307)


@get("/cookies", media_type=MediaType.TEXT)
async def cookies(request: Request[Any, Any, Any]) -> Response[str]:
    """Set two cookies."""
    response = Response(request.cookies.get("cup", "none"))
    response.set_cookie("tea", "green")
    response.set_cookie("milk", "no", httponly=True)
    return response


def make_app(contract: Contract) -> Litestar:
    """Return a new app."""

    @asynccontextmanager
    async def lifespan(app: Litestar) -> AsyncIterator[None]:
        contract.events.append("began")
        app.state.greeting = "warm"
        yield
        contract.events.append("ended")

    async def note(response: Response[Any]) -> Response[Any]:
        response.headers["x-around"] = "yes"
        return response

    return Litestar(
        [
            *[hello, query, size, form, thread, large, state, crash, redirect, cookies],
            *slow_routes(contract),
            create_static_files_router("/static", [contract.folder]),
        ],
        compression_config=CompressionConfig("gzip"),
        cors_config=CORSConfig(["https://shop.example"]),
        lifespan=[lifespan],
        after_request=note,
        logging_config=None,  # else a thread for each app
        openapi_config=None,
    )


def slow_routes(contract: Contract) -> list[Any]:
    """Return what takes its time: streams, work behind an answer, and WebSockets."""

    async def pot() -> AsyncIterator[str]:
        contract.events.append("filled")
        yield "a full pot"
        contract.events.append("emptied")

    @get("/dependency", media_type=MediaType.TEXT, dependencies={"full": Provide(pot)})
    async def dependency(full: NamedDependency[str]) -> str:
        contract.events.append("poured")
        return full

    @get("/stream")
    async def stream() -> Stream:
        async def parts() -> AsyncIterator[bytes]:
            yield b"one"
            await contract.go.wait()
            yield b"two"

        return Stream(parts(), media_type=MediaType.TEXT)

    @get("/endless")
    async def endless() -> Stream:
        return Stream(drip(contract), media_type=MediaType.TEXT)

    @post("/later", status_code=202, media_type=MediaType.TEXT)
    async def later() -> Response[str]:
        return Response("soon", background=BackgroundTask(work, contract))

    @websocket("/echo")
    async def echo(socket: WebSocket[Any, Any, Any]) -> None:
        offered = socket.scope["subprotocols"]
        await socket.accept(subprotocols="tea" if "tea" in offered else None)
        try:
            while True:
                message: Any = await socket.receive()
                if message["type"] == "websocket.disconnect":
                    raise WebSocketDisconnect(detail=message["reason"], code=message["code"])
                if message.get("text") == "close":
                    await socket.close(4000, "done")
                    return
                if message.get("text") is not None:
                    await socket.send_text(message["text"])
                else:
                    await socket.send_bytes(message["bytes"])
        except WebSocketDisconnect as left:
            contract.events.append(f"left {left.code} {left.detail}".rstrip())

    @websocket("/denied")
    async def denied(socket: WebSocket[Any, Any, Any]) -> None:
        await socket.close(4401, "sign in")

    return [dependency, stream, endless, later, echo, denied]
