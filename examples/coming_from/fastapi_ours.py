"""A shelf of teas in hump_trio; `fastapi_theirs` is the same service in FastAPI.

Try: hump-trio examples.coming_from.fastapi_ours:app
     curl http://localhost:8342/teas --json '{"name": "Assam", "grams": 250}'
     curl -i -X DELETE http://localhost:8342/teas/1 -H 'authorization: Bearer a-token-of-the-clerk'
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated

import trio
from msgspec import Meta
from pydantic import BaseModel, Field

from hump_trio import (
    Bearer,
    BindingError,
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


class Draft(BaseModel):
    name: str = Field(min_length=1)
    grams: int = Field(gt=0)


@dataclass
class Weight:
    grams: int


@dataclass
class Clerk:
    name: str


app = Hump("", 8342)
app.openapi(title="Teas", version="1")
announced: list[str] = []


@app.lifespan
async def lifespan(app: Hump) -> AsyncIterator[None]:
    make_tables()
    yield


@app.provide
async def get_shelf() -> AsyncIterator[Shelf]:
    with open_shelf() as shelf:
        yield shelf


@app.provide(raises=[401])
async def get_clerk(token: Annotated[str, Bearer()]) -> Clerk:
    if not same_secret(token, CLERKS_TOKEN):
        raise HttpException(401, "this token is unknown")
    return Clerk("the clerk")


@app.middleware
async def name_the_shop(request: Request, call_next: CallNext) -> Response:
    response = await call_next(request)
    response.headers["x-shop"] = "teas"
    return response


@app.exception_handler(NameTakenError)
async def answer_taken(request: Request, error: NameTakenError) -> JsonResponse:
    return JsonResponse({"detail": str(error)}, 409)


@app.exception_handler(HttpException)
async def keep_the_form_of_errors(request: Request, error: HttpException) -> JsonResponse:
    return JsonResponse({"detail": error.detail}, error.status, error.headers)


@app.exception_handler(BindingError)
async def keep_the_form_of_422(request: Request, error: BindingError) -> JsonResponse:
    places = [{"loc": place.split("."), "msg": reason} for place, reason in error.places]
    return JsonResponse({"detail": places}, error.status)


@app.get("/teas")
async def list_teas(shelf: Shelf, limit: Annotated[int, Meta(ge=1)] = 10) -> list[Tea]:
    return shelf.all(limit)


@app.get("/teas/{number}", raises=[404])
async def show_tea(number: int, shelf: Shelf) -> Tea:
    tea = shelf.find(number)
    if tea is None:
        raise HttpException(404, "there is no such tea")
    return tea


@app.post("/teas", returns={201: Tea}, raises=[409])
async def add_tea(draft: Draft, shelf: Shelf) -> JsonResponse:
    tea = shelf.add(draft.name, draft.grams)
    shelf.when_kept.append(lambda: app.start_soon(announce, tea.name))
    return JsonResponse(tea, 201, {"location": app.url_for("show_tea", number=tea.number)})


@app.delete("/teas/{number}", raises=[404])
async def drop_tea(number: int, shelf: Shelf, clerk: Clerk) -> None:
    if not shelf.drop(number):
        raise HttpException(404, "there is no such tea")


@app.websocket("/scale")
async def weigh(ws: WebSocket[Weight, dict[str, int]]) -> None:
    async for weight in ws:
        await ws.send({"pence": 2 * weight.grams})


async def announce(name: str) -> None:
    announced.append(name)


@app.get("/announced")
async def show_announced() -> AsyncIterator[str]:
    for name in announced:
        yield f"{name}\n"


if __name__ == "__main__":
    trio.run(app.serve)
