"""A FastAPI app that moves to hump_trio route by route: what hasn't moved yet is mounted.

It began with `old` as it was, on `hump-trio --asgi`. Then `app` came, with all of `old` mounted in
it. A route that is written anew in `app` is answered there, whichever stands first; its old lines
can go at once or later. Both share what a request needs, here `shelf`. At the end the mount goes.

Try: curl http://localhost:8342/teas
     curl http://localhost:8342/teas/1
     curl -X DELETE http://localhost:8342/teas/1
     curl http://localhost:8342/openapi.json
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import trio
from fastapi import Depends, FastAPI, HTTPException
from pydantic import BaseModel

from hump_trio import HttpException, Hump
from hump_trio.asgi import Asgi


class OldTea(BaseModel):
    """A tea as pydantic knows it; both frameworks write the same JSON."""

    name: str
    grams: int


@dataclass
class Tea:
    """A tea."""

    name: str
    grams: int


shelf: dict[int, Tea] = {}


# What is still FastAPI's, with its dependencies, its lifespan and its errors.


@asynccontextmanager
async def fill_shelf(old: FastAPI) -> AsyncGenerator[None, None]:
    shelf.update({1: Tea("Assam", 250), 2: Tea("Sencha", 100)})
    yield
    shelf.clear()


old = FastAPI(title="Teas", lifespan=fill_shelf)


async def known_tea(number: int) -> int:
    if number not in shelf:
        raise HTTPException(404, "no such tea")
    return number


@old.get("/teas")
async def list_teas() -> list[OldTea]:
    return [OldTea(name=tea.name, grams=tea.grams) for tea in shelf.values()]


@old.delete("/teas/{number}", status_code=204)
async def sell_tea(number: int = Depends(known_tea)) -> None:
    del shelf[number]


# What has moved. The other method of the same path is still answered by what is mounted.

app = Hump("", 8342)
app.mount("", Asgi(old))


@app.get("/teas/{number:int}")
async def read_tea(number: int) -> Tea:
    if number not in shelf:
        raise HttpException(404, "no such tea")
    return shelf[number]


@app.post("/teas")
async def buy_tea(tea: Tea) -> tuple[Tea, ...]:
    shelf[max(shelf, default=0) + 1] = tea
    return tuple(shelf.values())


if __name__ == "__main__":
    trio.run(app.serve)
