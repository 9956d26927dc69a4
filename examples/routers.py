"""Routers: an app split over modules, each with its prefix, options, middleware and errors.

Try: curl -i http://localhost:8342/shop/items/tea; curl http://localhost:8342/shop/items/coffee
"""

import trio

from hump_trio import CallNext, Hump, Request, Response, Router, statuses

# In a module of its own, say shop.py.
shop = Router("/shop", timeout=2)
stock = {"tea": 3}


@shop.middleware
async def mark(request: Request, call_next: CallNext) -> Response:
    response = await call_next(request)
    response.headers["x-shop"] = "open"
    return response


@shop.exception_handler(KeyError)
async def sold_out(request: Request, error: KeyError) -> Response:
    return Response("we are out of that", statuses.NOT_FOUND)


@shop.get("/items/{item}", name="item")
async def show(item: str) -> dict[str, int]:
    return {item: stock[item]}


# In the program.
app = Hump("", 8342)
app.include(shop)


@app.get("/")
async def index(request: Request) -> dict[str, str]:
    return {item: app.url_for("item", item=item) for item in stock}


if __name__ == "__main__":
    trio.run(app.serve)
