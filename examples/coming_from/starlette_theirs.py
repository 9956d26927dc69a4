"""A shelf of teas in Starlette; `starlette_ours` is the same service in hump_trio.

Try: uvicorn --port 8342 examples.coming_from.starlette_theirs:app
     curl http://localhost:8342/teas --json '{"name": "Assam", "grams": 250}'
     curl -i -X DELETE http://localhost:8342/teas/1 -H 'authorization: Bearer a-token-of-the-clerk'
"""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

import msgspec
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from .shelf import CLERKS_TOKEN, NameTakenError, make_tables, open_shelf


class Draft(msgspec.Struct):
    name: str
    grams: int


announced: list[str] = []


async def list_teas(request: Request) -> Response:
    try:
        limit = int(request.query_params.get("limit", 10))
    except ValueError:
        raise HTTPException(422, "the limit is a number") from None
    with request.app.state.open_shelf() as shelf:
        return JSONResponse(msgspec.to_builtins(shelf.all(limit)))


async def add_tea(request: Request) -> Response:
    try:
        draft = msgspec.json.decode(await request.body(), type=Draft)
    except msgspec.ValidationError as error:
        raise HTTPException(422, str(error)) from error
    except msgspec.DecodeError as error:
        raise HTTPException(400, str(error)) from error
    with request.app.state.open_shelf() as shelf:
        tea = shelf.add(draft.name, draft.grams)
    headers = {"location": request.app.url_path_for("show_tea", number=tea.number)}
    later = BackgroundTask(announce, tea.name)
    return JSONResponse(msgspec.to_builtins(tea), 201, headers, background=later)


async def show_tea(request: Request) -> Response:
    with request.app.state.open_shelf() as shelf:
        tea = shelf.find(request.path_params["number"])
    if tea is None:
        raise HTTPException(404, "there is no such tea")
    return JSONResponse(msgspec.to_builtins(tea))


async def drop_tea(request: Request) -> Response:
    if request.headers.get("authorization") != f"Bearer {CLERKS_TOKEN}":
        raise HTTPException(401, "this token is unknown", {"www-authenticate": "Bearer"})
    with request.app.state.open_shelf() as shelf:
        if not shelf.drop(request.path_params["number"]):
            raise HTTPException(404, "there is no such tea")
    return Response(status_code=204)


async def announce(name: str) -> None:
    announced.append(name)


async def show_announced(request: Request) -> Response:
    async def lines() -> AsyncIterator[str]:
        for name in announced:
            yield f"{name}\n"

    return StreamingResponse(lines(), media_type="text/plain")


async def weigh(ws: WebSocket) -> None:
    await ws.accept()
    try:
        while True:
            weight = await ws.receive_json()
            await ws.send_json({"pence": 2 * weight["grams"]})
    except WebSocketDisconnect:
        pass


class NameTheShop(BaseHTTPMiddleware):
    """Adds a field to each answer."""

    async def dispatch(self, request: Request, call_next: RequestResponseEndpoint) -> Response:
        response = await call_next(request)
        response.headers["x-shop"] = "teas"
        return response


async def answer_taken(request: Request, error: Exception) -> Response:
    return JSONResponse({"detail": str(error)}, 409)


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncGenerator[None, None]:
    make_tables()
    app.state.open_shelf = open_shelf
    yield


app = Starlette(
    routes=[
        Route("/teas", list_teas),
        Route("/teas", add_tea, methods=["POST"]),
        Route("/teas/{number:int}", show_tea),
        Route("/teas/{number:int}", drop_tea, methods=["DELETE"]),
        Route("/announced", show_announced),
        WebSocketRoute("/scale", weigh),
    ],
    middleware=[Middleware(NameTheShop)],
    exception_handlers={NameTakenError: answer_taken},
    lifespan=lifespan,
)
