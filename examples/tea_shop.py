"""A whole service in sixty lines: typed values, errors, a router, live events, static files.

Try: curl 'http://localhost:8342/shop/teas?kind=green'; curl http://localhost:8342/shop/teas/2
Or: curl http://localhost:8342/shop/teas -H 'content-type: application/json' -d '{"price": "dear"}'
Or: curl -N http://localhost:8342/shop/orders; curl -r 0-20 http://localhost:8342/source/tea_shop.py
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import trio

from hump_trio import (
    Event,
    EventStream,
    HttpException,
    Hump,
    JsonResponse,
    Request,
    Response,
    Router,
)

Kind = Literal["black", "green"]


@dataclass(slots=True)
class Tea:
    name: str
    price: float
    kind: Kind = "black"


teas = {1: Tea("Darjeeling", 4.5), 2: Tea("Sencha", 6.0, "green")}
shop = Router("/shop", timeout=5)


@shop.exception_handler(KeyError)
async def answer_missing(request: Request, error: KeyError) -> Response:
    return Response(f"there is no tea {error}", 404)


@shop.get("/teas")
async def list_teas(kind: Kind | None = None, limit: int = 10) -> list[Tea]:
    return [tea for tea in teas.values() if kind in (None, tea.kind)][:limit]


@shop.get("/teas/{number}")
async def show_tea(number: int) -> Tea:
    return teas[number]


@shop.post("/teas", returns={201: Tea}, raises=[409])
async def add_tea(tea: Tea) -> Response:
    if tea.name in [each.name for each in teas.values()]:
        raise HttpException(409, "this tea is here already")
    number = len(teas) + 1
    teas[number] = tea
    return JsonResponse(tea, 201, {"location": app.url_for("show_tea", number=number)})


@shop.get("/orders", timeout=None)
async def watch_orders() -> EventStream:
    async def orders() -> AsyncIterator[Event]:
        for number, tea in teas.items():
            yield Event(tea, event="order", id=str(number))
            await trio.sleep(1)

    return EventStream(orders())


app = Hump("", 8342)
app.include(shop)
app.static("/source", Path(__file__).parent)

if __name__ == "__main__":
    trio.run(app.serve)
