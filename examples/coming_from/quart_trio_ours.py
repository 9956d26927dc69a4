"""A shelf of teas in hump_trio; `quart_trio_theirs` is the same service in Quart-Trio.

Try: hump-trio examples.coming_from.quart_trio_ours:app
     curl http://localhost:8342/teas --json '{"name": "Assam", "grams": 250}'
     curl -i -X DELETE http://localhost:8342/teas/1 -H 'authorization: Bearer a-token-of-the-clerk'
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated

import trio

from hump_trio import (
    Bearer,
    CallNext,
    HttpException,
    Hump,
    JsonResponse,
    Request,
    Response,
    WebSocket,
    same_secret,
)

from .shelf import CLERKS_TOKEN, NameTakenError, Shelf, Tea, make_tables, open_shelf


@dataclass(frozen=True, slots=True)
class Draft:
    name: str
    grams: int


@dataclass(frozen=True, slots=True)
class Weight:
    grams: int


app = Hump("", 8342)
announced: list[str] = []


@app.lifespan
async def lifespan(app: Hump) -> AsyncIterator[None]:
    make_tables()
    yield


@app.provide
async def get_shelf() -> AsyncIterator[Shelf]:
    with open_shelf() as shelf:
        yield shelf


@app.middleware
async def name_the_shop(request: Request, call_next: CallNext) -> Response:
    response = await call_next(request)
    response.headers["x-shop"] = "teas"
    return response


@app.exception_handler(HttpException)
async def answer_in_json(request: Request, error: HttpException) -> JsonResponse:
    return JsonResponse({"detail": error.detail}, error.status, error.headers)


@app.exception_handler(NameTakenError)
async def answer_taken(request: Request, error: NameTakenError) -> JsonResponse:
    return JsonResponse({"detail": str(error)}, 409)


@app.get("/teas")
async def list_teas(shelf: Shelf, limit: int = 10) -> list[Tea]:
    return shelf.all(limit)


@app.get("/teas/{number:int}")
async def show_tea(number: int, shelf: Shelf) -> Tea:
    tea = shelf.find(number)
    if tea is None:
        raise HttpException(404, "there is no such tea")
    return tea


@app.post("/teas")
async def add_tea(draft: Draft, shelf: Shelf) -> JsonResponse:
    tea = shelf.add(draft.name, draft.grams)
    shelf.when_kept.append(lambda: app.start_soon(announce, tea.name))
    return JsonResponse(tea, 201, {"location": app.url_for("show_tea", number=tea.number)})


@app.delete("/teas/{number:int}")
async def drop_tea(number: int, shelf: Shelf, token: Annotated[str, Bearer()]) -> None:
    if not same_secret(token, CLERKS_TOKEN):
        raise HttpException(401, "this token is unknown")
    if not shelf.drop(number):
        raise HttpException(404, "there is no such tea")


async def announce(name: str) -> None:
    announced.append(name)


@app.get("/announced")
async def show_announced() -> AsyncIterator[str]:
    for name in announced:
        yield f"{name}\n"


@app.websocket("/scale")
async def weigh(ws: WebSocket[Weight, dict[str, int]]) -> None:
    async for weight in ws:
        await ws.send({"pence": 2 * weight.grams})


if __name__ == "__main__":
    trio.run(app.serve)
