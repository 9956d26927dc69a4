"""A shelf of teas in FastAPI; `fastapi_ours` is the same service in hump_trio.

Try: uvicorn --port 8342 examples.coming_from.fastapi_theirs:app
     curl http://localhost:8342/teas --json '{"name": "Assam", "grams": 250}'
     curl -i -X DELETE http://localhost:8342/teas/1 -H 'authorization: Bearer a-token-of-the-clerk'
"""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import (
    BackgroundTasks,
    Depends,
    FastAPI,
    HTTPException,
    Query,
    Request,
    Response,
    WebSocket,
    WebSocketDisconnect,
)
from fastapi.responses import JSONResponse, StreamingResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, Field

from .shelf import CLERKS_TOKEN, NameTakenError, Shelf, Tea, make_tables, open_shelf


class Draft(BaseModel):
    name: str = Field(min_length=1)
    grams: int = Field(gt=0)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncGenerator[None, None]:
    make_tables()
    yield


app = FastAPI(title="Teas", lifespan=lifespan)
announced: list[str] = []


async def get_shelf() -> AsyncIterator[Shelf]:
    with open_shelf() as shelf:
        yield shelf


# Without the scope the commit would come behind the answer.
Teas = Annotated[Shelf, Depends(get_shelf, scope="function")]


async def get_clerk(key: Annotated[HTTPAuthorizationCredentials, Depends(HTTPBearer())]) -> str:
    if key.credentials != CLERKS_TOKEN:
        raise HTTPException(401, "this token is unknown", {"www-authenticate": "Bearer"})
    return "the clerk"


@app.middleware("http")
async def name_the_shop(
    request: Request, call_next: Callable[[Request], Awaitable[Response]]
) -> Response:
    response = await call_next(request)
    response.headers["x-shop"] = "teas"
    return response


@app.exception_handler(NameTakenError)
async def answer_taken(request: Request, error: NameTakenError) -> JSONResponse:
    return JSONResponse({"detail": str(error)}, 409)


@app.get("/teas")
async def list_teas(shelf: Teas, limit: Annotated[int, Query(ge=1)] = 10) -> list[Tea]:
    return shelf.all(limit)


@app.get("/teas/{number}")
async def show_tea(number: int, shelf: Teas) -> Tea:
    tea = shelf.find(number)
    if tea is None:
        raise HTTPException(404, "there is no such tea")
    return tea


@app.post("/teas", status_code=201)
async def add_tea(draft: Draft, shelf: Teas, answer: Response, later: BackgroundTasks) -> Tea:
    tea = shelf.add(draft.name, draft.grams)
    answer.headers["location"] = app.url_path_for("show_tea", number=tea.number)
    later.add_task(announce, tea.name)
    return tea


@app.delete("/teas/{number}", status_code=204)
async def drop_tea(number: int, shelf: Teas, clerk: Annotated[str, Depends(get_clerk)]) -> None:
    if not shelf.drop(number):
        raise HTTPException(404, "there is no such tea")


@app.websocket("/scale")
async def weigh(ws: WebSocket) -> None:
    await ws.accept()
    try:
        while True:
            weight = await ws.receive_json()
            await ws.send_json({"pence": 2 * weight["grams"]})
    except WebSocketDisconnect:
        pass


async def announce(name: str) -> None:
    announced.append(name)


@app.get("/announced")
async def show_announced() -> StreamingResponse:
    async def lines() -> AsyncIterator[str]:
        for name in announced:
            yield f"{name}\n"

    return StreamingResponse(lines(), media_type="text/plain")
