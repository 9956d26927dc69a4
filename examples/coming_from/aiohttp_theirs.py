"""A shelf of teas in aiohttp; `aiohttp_ours` is the same service in hump_trio.

Try: python -m examples.coming_from.aiohttp_theirs
     curl http://localhost:8342/teas --json '{"name": "Assam", "grams": 250}'
     curl -i -X DELETE http://localhost:8342/teas/1 -H 'authorization: Bearer a-token-of-the-clerk'
"""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager
from dataclasses import asdict
from typing import TypeAlias

from aiohttp import web
from aiohttp.typedefs import Handler

from .shelf import CLERKS_TOKEN, NameTakenError, Shelf, make_tables, open_shelf

OpenShelf: TypeAlias = Callable[[], AbstractContextManager[Shelf]]
OPEN_SHELF: web.AppKey[OpenShelf] = web.AppKey("open_shelf")
routes = web.RouteTableDef()
announced: list[str] = []
tasks: set[asyncio.Task[None]] = set()


@web.middleware
async def name_the_shop(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        response = await handler(request)
    except NameTakenError as error:
        response = web.json_response({"detail": str(error)}, status=409)
    except web.HTTPException as error:
        response = web.json_response({"detail": error.reason}, status=error.status)
    if not response.prepared:
        response.headers["x-shop"] = "teas"
    return response


@routes.get("/teas")
async def list_teas(request: web.Request) -> web.Response:
    try:
        limit = int(request.query.get("limit", "10"))
    except ValueError:
        raise web.HTTPUnprocessableEntity(reason="the limit is a number") from None
    with request.app[OPEN_SHELF]() as shelf:
        return web.json_response([asdict(tea) for tea in shelf.all(limit)])


@routes.get(r"/teas/{number:\d+}", name="show_tea")
async def show_tea(request: web.Request) -> web.Response:
    with request.app[OPEN_SHELF]() as shelf:
        tea = shelf.find(int(request.match_info["number"]))
    if tea is None:
        raise web.HTTPNotFound(reason="there is no such tea")
    return web.json_response(asdict(tea))


@routes.post("/teas")
async def add_tea(request: web.Request) -> web.Response:
    try:
        draft = await request.json()
    except ValueError:
        raise web.HTTPBadRequest(reason="not valid JSON") from None
    match draft:
        case {"name": str(name), "grams": int(grams)}:
            with request.app[OPEN_SHELF]() as shelf:
                tea = shelf.add(name, grams)
        case _:
            raise web.HTTPUnprocessableEntity(reason="a tea has a name and grams")
    task = asyncio.create_task(announce(tea.name))
    tasks.add(task)
    task.add_done_callback(tasks.discard)
    location = request.app.router["show_tea"].url_for(number=str(tea.number))
    return web.json_response(asdict(tea), status=201, headers={"location": str(location)})


@routes.delete(r"/teas/{number:\d+}")
async def drop_tea(request: web.Request) -> web.Response:
    if request.headers.get("authorization") != f"Bearer {CLERKS_TOKEN}":
        raise web.HTTPUnauthorized(reason="this token is unknown")
    with request.app[OPEN_SHELF]() as shelf:
        if not shelf.drop(int(request.match_info["number"])):
            raise web.HTTPNotFound(reason="there is no such tea")
    return web.Response(status=204)


async def announce(name: str) -> None:
    announced.append(name)


@routes.get("/announced")
async def show_announced(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"content-type": "text/plain; charset=utf-8"})
    response.headers["x-shop"] = "teas"
    await response.prepare(request)
    for name in announced:
        await response.write(f"{name}\n".encode())
    return response


@routes.get("/scale")
async def weigh(request: web.Request) -> web.WebSocketResponse:
    ws = web.WebSocketResponse()
    await ws.prepare(request)
    async for message in ws:
        await ws.send_json({"pence": 2 * message.json()["grams"]})
    return ws


async def prepare_tables(app: web.Application) -> AsyncIterator[None]:
    make_tables()
    yield


def make_app(open_shelf: OpenShelf = open_shelf) -> web.Application:
    app = web.Application(middlewares=[name_the_shop])
    app[OPEN_SHELF] = open_shelf
    app.cleanup_ctx.append(prepare_tables)
    app.add_routes(routes)
    return app


if __name__ == "__main__":
    web.run_app(make_app(), port=int(os.environ.get("PORT", "8342")))
