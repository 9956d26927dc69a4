"""A shelf of teas in Quart-Trio; `quart_trio_ours` is the same service in hump_trio.

Try: hypercorn -k trio -b 127.0.0.1:8342 examples.coming_from.quart_trio_theirs:app
     curl http://localhost:8342/teas --json '{"name": "Assam", "grams": 250}'
     curl -i -X DELETE http://localhost:8342/teas/1 -H 'authorization: Bearer a-token-of-the-clerk'
"""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AbstractContextManager
from dataclasses import asdict
from typing import Any

from quart import Response, abort, current_app, request, url_for, websocket
from quart_trio import QuartTrio
from werkzeug.exceptions import HTTPException

from .shelf import CLERKS_TOKEN, NameTakenError, Shelf, make_tables, open_shelf

app = QuartTrio(__name__)
app.extensions["open_shelf"] = open_shelf
announced: list[str] = []


def begin() -> AbstractContextManager[Shelf]:
    transaction: AbstractContextManager[Shelf] = current_app.extensions["open_shelf"]()
    return transaction


@app.while_serving
async def lifespan() -> AsyncGenerator[None, None]:
    make_tables()
    yield


@app.after_request
async def name_the_shop(response: Response) -> Response:
    response.headers["x-shop"] = "teas"
    return response


@app.errorhandler(HTTPException)
async def answer_in_json(error: HTTPException) -> tuple[dict[str, Any], int]:
    return {"detail": error.description}, error.code or 500


@app.errorhandler(NameTakenError)
async def answer_taken(error: NameTakenError) -> tuple[dict[str, Any], int]:
    return {"detail": str(error)}, 409


@app.get("/teas")
async def list_teas() -> list[dict[str, Any]]:
    limit = request.args.get("limit", 10, type=int)
    with begin() as shelf:
        return [asdict(tea) for tea in shelf.all(limit)]


@app.get("/teas/<int:number>")
async def show_tea(number: int) -> dict[str, Any]:
    with begin() as shelf:
        tea = shelf.find(number)
    if tea is None:
        abort(404, "there is no such tea")
    return asdict(tea)


@app.post("/teas")
async def add_tea() -> tuple[dict[str, Any], int, dict[str, str]]:
    match await request.get_json():
        case {"name": str(name), "grams": int(grams)}:
            pass
        case _:
            abort(422, "a tea has a name and grams")
    with begin() as shelf:
        tea = shelf.add(name, grams)
    app.nursery.start_soon(announce, tea.name)
    return asdict(tea), 201, {"location": url_for("show_tea", number=tea.number)}


@app.delete("/teas/<int:number>")
async def drop_tea(number: int) -> tuple[str, int]:
    if request.headers.get("authorization") != f"Bearer {CLERKS_TOKEN}":
        abort(401, "this token is unknown")
    with begin() as shelf:
        if not shelf.drop(number):
            abort(404, "there is no such tea")
    return "", 204


async def announce(name: str) -> None:
    announced.append(name)


@app.get("/announced")
async def show_announced() -> Response:
    async def lines() -> AsyncIterator[bytes]:
        for name in announced:
            yield f"{name}\n".encode()

    return Response(lines(), content_type="text/plain; charset=utf-8")


@app.websocket("/scale")
async def weigh() -> None:
    while True:
        weight = await websocket.receive_json()
        await websocket.send_json({"pence": 2 * weight["grams"]})
