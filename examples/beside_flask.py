"""A Flask app that moves one route at a time: what isn't ours is still Flask's, at the same paths.

Flask's routes run in threads, ours as Trio tasks in between. Both ask the same tea shop: Flask from
its thread, by `trio.from_thread.run`.

Try: curl http://localhost:8342/
     curl -d tea=green http://localhost:8342/orders
     curl http://localhost:8342/orders/0
     curl -N http://localhost:8342/orders/0/progress
"""

from collections.abc import AsyncIterator

import flask
import trio

from hump_trio import HttpException, Hump
from hump_trio.wsgi import Wsgi

orders: list[str] = []
counter = trio.Lock()


async def take_order(tea: str) -> int:
    async with counter:  # whatever only Trio can wait for, such as a connection of a pool
        orders.append(tea)
        return len(orders) - 1


shop = flask.Flask("shop")


@shop.get("/")
def index() -> str:
    return f"{len(orders)} orders so far\n"


@shop.post("/orders")
def order() -> tuple[str, int]:
    token = flask.request.environ["hump_trio.token"]
    number = trio.from_thread.run(take_order, flask.request.form["tea"], trio_token=token)
    return f"order {number}\n", 201


@shop.get("/orders/<int:number>")
def show(number: int) -> str:
    return "never called: this route has moved\n"


app = Hump("", 8342)


@app.get("/orders/{number:int}")
async def show_order(number: int) -> dict[str, str]:
    return {"tea": tea_of(number)}


@app.get("/orders/{number:int}/progress")
async def show_progress(number: int) -> AsyncIterator[str]:
    # A thread would be held for as long as this takes; a task costs next to nothing.
    for minute in range(3):
        yield f"{tea_of(number)}: {3 - minute} min\n"
        await trio.sleep(1)
    yield "ready\n"


def tea_of(number: int) -> str:
    if number not in range(len(orders)):
        raise HttpException(404, "no such order")
    return orders[number]


app.mount("", Wsgi(shop, threads=20))

if __name__ == "__main__":
    trio.run(app.serve)
