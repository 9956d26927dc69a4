"""The contract in FastAPI."""

import threading
from collections.abc import AsyncIterator
from functools import partial
from typing import Annotated, Any

from fastapi import BackgroundTasks, Cookie, Depends, FastAPI, Form, Request, UploadFile, WebSocket
from fastapi.middleware.cors import CORSMiddleware
from fastapi.middleware.gzip import GZipMiddleware
from fastapi.responses import PlainTextResponse, RedirectResponse, Response, StreamingResponse
from fastapi.staticfiles import StaticFiles

from tests.support.frameworks.contract import LARGE, Contract
from tests.support.frameworks.on_starlette import Around, drip, lifespan, talk, work

__all__ = ["make_app"]


def make_app(contract: Contract) -> FastAPI:
    """Return a new app."""
    app = FastAPI(lifespan=partial(lifespan, contract))
    app.add_middleware(GZipMiddleware)
    app.add_middleware(CORSMiddleware, allow_origins=["https://shop.example"])
    app.add_middleware(Around)
    app.mount("/static", StaticFiles(directory=contract.folder))
    add_answers(app, contract)
    add_streams(app, contract)
    return app


def add_answers(app: FastAPI, contract: Contract) -> None:
    """Add what is answered at once."""

    async def pot() -> AsyncIterator[str]:
        contract.events.append("filled")
        yield "a full pot"
        contract.events.append("emptied")

    @app.get("/hello")
    async def hello() -> Response:
        return PlainTextResponse("hello")

    @app.get("/query")
    async def query(name: str, size: int) -> dict[str, Any]:
        return {"name": name, "size": size}

    @app.post("/form")
    async def form(title: Annotated[str, Form()], upload: UploadFile) -> dict[str, Any]:
        return {"title": title, "filename": upload.filename, "bytes": len(await upload.read())}

    @app.get("/thread")
    def thread() -> dict[str, bool]:
        return {"worker": threading.current_thread() is not threading.main_thread()}

    @app.get("/dependency", response_class=PlainTextResponse)
    async def dependency(full: Annotated[str, Depends(pot)]) -> str:
        contract.events.append("poured")
        return full

    @app.get("/large", response_class=PlainTextResponse)
    async def large() -> str:
        return LARGE

    @app.get("/state", response_class=PlainTextResponse)
    async def state(request: Request) -> str:
        greeting: str = request.state.greeting
        return greeting

    @app.get("/crash")
    async def crash() -> None:
        raise ValueError("the kettle is empty")

    @app.get("/redirect")
    async def redirect(request: Request) -> Response:
        return RedirectResponse(request.url_for("hello"))

    @app.get("/cookies", response_class=PlainTextResponse)
    async def cookies(response: Response, cup: Annotated[str, Cookie()] = "none") -> str:
        response.set_cookie("tea", "green")
        response.set_cookie("milk", "no", httponly=True)
        return cup


def add_streams(app: FastAPI, contract: Contract) -> None:
    """Add what takes its time: bodies, work behind an answer, and WebSockets."""

    @app.post("/size")
    async def size(request: Request) -> dict[str, int]:
        return {"bytes": len(await request.body())}

    @app.get("/stream")
    async def stream() -> Response:
        async def parts() -> AsyncIterator[bytes]:
            yield b"one"
            await contract.go.wait()
            yield b"two"

        return StreamingResponse(parts(), media_type="text/plain")

    @app.get("/endless")
    async def endless() -> Response:
        return StreamingResponse(drip(contract), media_type="text/plain")

    @app.post("/later", status_code=202, response_class=PlainTextResponse)
    async def later(tasks: BackgroundTasks) -> str:
        tasks.add_task(work, contract)
        return "soon"

    @app.websocket("/echo")
    async def echo(websocket: WebSocket) -> None:
        await talk(websocket, contract)

    @app.websocket("/denied")
    async def denied(websocket: WebSocket) -> None:
        await websocket.send_denial_response(PlainTextResponse("sign in", 401, {"x-why": "tea"}))
