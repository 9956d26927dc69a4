"""A shelf of teas in hump_trio; `flask_theirs` is the same service in Flask.

Try: hump-trio --factory examples.coming_from.flask_ours:make_app
     curl http://localhost:8342/teas --json '{"name": "Assam", "grams": 250}'
     curl -i -X DELETE http://localhost:8342/teas/1 -H 'authorization: Bearer a-token-of-the-clerk'
"""

import functools
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import trio

from hump_trio import (
    CallNext,
    HttpException,
    Hump,
    JsonResponse,
    Request,
    Response,
    Router,
    same_secret,
)

from .shelf import CLERKS_TOKEN, NameTakenError, Shelf, Tea, make_tables, open_shelf

routes = Router()
announced: list[str] = []


@dataclass(frozen=True, slots=True)
class Draft:
    name: str
    grams: int


@routes.provide
async def get_shelf() -> AsyncIterator[Shelf]:
    with open_shelf() as shelf:
        yield shelf


async def answer_in_json(request: Request, error: HttpException) -> JsonResponse:
    return JsonResponse({"detail": error.detail}, error.status, error.headers)


async def answer_taken(request: Request, error: NameTakenError) -> JsonResponse:
    return JsonResponse({"detail": str(error)}, 409)


async def name_the_shop(request: Request, call_next: CallNext) -> Response:
    response = await call_next(request)
    response.headers["x-shop"] = "teas"
    return response


def clerk_only(handler: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    @functools.wraps(handler)
    async def wrapper(request: Request, /, *args: Any, **values: Any) -> Any:
        if not same_secret(request.headers.get("authorization", ""), f"Bearer {CLERKS_TOKEN}"):
            raise HttpException(401, "this token is unknown")
        return await handler(*args, **values)

    return wrapper


@routes.get("/teas")
async def list_teas(shelf: Shelf, limit: int = 10) -> list[Tea]:
    return shelf.all(limit)


@routes.get("/teas/{number:int}")
async def show_tea(number: int, shelf: Shelf) -> Tea:
    tea = shelf.find(number)
    if tea is None:
        raise HttpException(404, "there is no such tea")
    return tea


@routes.post("/teas")
async def add_tea(request: Request, draft: Draft, shelf: Shelf) -> JsonResponse:
    tea = shelf.add(draft.name, draft.grams)
    request.app.start_soon(announce, tea.name)
    location = request.app.url_for("show_tea", number=tea.number)
    return JsonResponse(tea, 201, {"location": location})


@routes.delete("/teas/{number:int}")
@clerk_only
async def drop_tea(number: int, shelf: Shelf) -> None:
    if not shelf.drop(number):
        raise HttpException(404, "there is no such tea")


async def announce(name: str) -> None:
    announced.append(name)


@routes.get("/announced")
async def show_announced() -> AsyncIterator[str]:
    for name in announced:
        yield f"{name}\n"


async def lifespan(app: Hump) -> AsyncIterator[None]:
    make_tables()
    yield


def make_app() -> Hump:
    app = Hump("", 8342)
    app.lifespan(lifespan)
    app.middleware(name_the_shop)
    app.exception_handler(HttpException)(answer_in_json)
    app.exception_handler(NameTakenError)(answer_taken)
    app.include(routes)
    return app


if __name__ == "__main__":
    trio.run(make_app().serve)
