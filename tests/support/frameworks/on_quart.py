"""The contract in Quart-Trio."""

import threading
from collections.abc import AsyncIterator
from typing import Any

from quart import Response, make_response, redirect, request, url_for, websocket
from quart_trio import QuartTrio

from tests.support.frameworks.contract import LARGE, Contract
from tests.support.frameworks.on_starlette import drip, work

__all__ = ["make_app"]


def make_app(contract: Contract) -> QuartTrio:
    """Return a new app."""
    app = QuartTrio(__name__, static_url_path="/static", static_folder=str(contract.folder))

    @app.before_serving
    async def begin() -> None:
        contract.events.append("began")
        app.config["GREETING"] = "warm"

    @app.after_serving
    async def end() -> None:
        contract.events.append("ended")

    @app.after_request
    async def note(response: Response) -> Response:
        response.headers["x-around"] = "yes"
        return response

    add_answers(app)
    add_streams(app, contract)
    return app


def add_answers(app: QuartTrio) -> None:
    """Add what is answered at once."""

    @app.get("/hello")
    async def hello() -> str:
        return "hello"

    @app.get("/query")
    async def query() -> dict[str, Any]:
        return {"name": request.args["name"], "size": int(request.args["size"])}

    @app.post("/form")
    async def form() -> dict[str, Any]:
        title = (await request.form)["title"]
        upload = (await request.files)["upload"]
        return {"title": title, "filename": upload.filename, "bytes": len(upload.read())}

    @app.get("/thread")
    def thread() -> dict[str, bool]:
        return {"worker": threading.current_thread() is not threading.main_thread()}

    @app.get("/large")
    async def large() -> str:
        return LARGE

    @app.get("/state")
    async def state() -> str:
        greeting: str = app.config["GREETING"]
        return greeting

    @app.get("/crash")
    async def crash() -> str:
        raise ValueError("the kettle is empty")

    @app.get("/redirect")
    async def lead() -> Any:
        return redirect(url_for("hello"), 307)

    @app.get("/cookies")
    async def cookies() -> Any:
        response: Any = await make_response(request.cookies.get("cup", "none"))
        response.set_cookie("tea", "green")
        response.set_cookie("milk", "no", httponly=True)
        return response


def add_streams(app: QuartTrio, contract: Contract) -> None:
    """Add what takes its time: bodies, work behind an answer, and WebSockets."""

    @app.post("/size")
    async def size() -> dict[str, int]:
        byte_count = 0
        async for part in request.body:
            byte_count += len(part)
        return {"bytes": byte_count}

    @app.get("/stream")
    async def stream() -> Any:
        async def parts() -> AsyncIterator[bytes]:
            yield b"one"
            await contract.go.wait()
            yield b"two"

        return Response(parts(), content_type="text/plain")

    @app.get("/endless")
    async def endless() -> Any:
        response: Any = Response(drip(contract), content_type="text/plain")
        response.timeout = None
        return response

    @app.post("/later")
    async def later() -> tuple[str, int]:
        app.add_background_task(work, contract)
        return "soon", 202

    @app.websocket("/echo")
    async def echo() -> None:
        offered = websocket.requested_subprotocols
        await websocket.accept(subprotocol="tea" if "tea" in offered else None)
        while True:
            message = await websocket.receive()
            if message == "close":
                await websocket.close(4000, "done")
                return
            await websocket.send(message)

    @app.websocket("/denied")
    async def denied() -> tuple[str, int, dict[str, str]]:
        return "sign in", 401, {"x-why": "tea"}
