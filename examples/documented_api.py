"""A documented API: one call publishes what the signatures say, as openapi.json and as a page.

What they can't say stands beside the route, or its router: `returns=` for statuses, `raises=` for
errors, `tags=` for what belongs together. It takes msgspec (extra ``json``).

Try: curl http://localhost:8342/openapi.json, and open http://localhost:8342/docs in a browser.
"""

from dataclasses import dataclass
from typing import Annotated, Literal
from uuid import UUID, uuid4

import trio
from msgspec import Meta

from hump_trio import Header, HttpException, Hump, JsonResponse, Query, Router, statuses

app = Hump("", 8342)
app.openapi(
    title="Tea shop",
    version="1.0",
    description="Teas, and orders of them.",
    tags={"teas": "What is on the shelf.", "orders": "What is sold."},
)


Name = Annotated[str, Meta(min_length=1, max_length=40, examples=["Sencha"])]


@dataclass(slots=True)
class Tea:
    """A tea on the shelf."""

    name: Name
    grams: Annotated[int, Meta(ge=1, le=10_000)]
    kind: Literal["green", "black", "white"] = "green"


@dataclass(slots=True)
class Order:
    """How much of which tea."""

    tea: Name
    grams: Annotated[int, Meta(ge=1, examples=[50])]
    note: str = ""


teas = {"Sencha": Tea("Sencha", 500), "Assam": Tea("Assam", 900, "black")}
orders: dict[UUID, Order] = {}
shelf = Router("/teas", tags=["teas"])
one = Router("/{name}", raises={404: "There is no such tea."})


@dataclass(slots=True)
class Choice:
    """Which teas are listed: each field is a value of the query."""

    kind: list[Literal["green", "black", "white"]] | None = None
    limit: Annotated[int, Meta(ge=1, le=100, description="How many at most.")] = 10


@shelf.get("")
async def all_teas(choice: Annotated[Choice, Query()]) -> list[Tea]:
    """List the teas.

    Those of the kinds asked for, or all of them.
    """
    chosen = [tea for tea in teas.values() if choice.kind is None or tea.kind in choice.kind]
    return chosen[: choice.limit]


@one.get("")
async def one_tea(name: Name) -> Tea:
    """Show a tea."""
    if name not in teas:
        raise HttpException(statuses.NOT_FOUND)
    return teas[name]


@one.delete("")
async def drop_tea(name: Name) -> None:
    """Take a tea off the shelf."""
    if teas.pop(name, None) is None:
        raise HttpException(statuses.NOT_FOUND)


shelf.include(one)
app.include(shelf)


@app.post(
    "/orders",
    tags=["orders"],
    returns={201: Order},
    raises={404: "There is no such tea.", 409: "There isn't enough of it."},
)
async def place_order(order: Order, x_client: Annotated[str, Header()] = "") -> JsonResponse:
    """Order a tea, by JSON or by a form."""
    if order.tea not in teas:
        raise HttpException(statuses.NOT_FOUND)
    if order.grams > teas[order.tea].grams:
        raise HttpException(statuses.CONFLICT)
    number = uuid4()
    orders[number] = order
    location = app.url_for("one_order", number=number)
    return JsonResponse(order, statuses.CREATED, {"location": location})


@app.get("/orders/{number:uuid}", tags=["orders"], raises=[404])
async def one_order(number: UUID) -> Order:
    """Show an order."""
    if number not in orders:
        raise HttpException(statuses.NOT_FOUND)
    return orders[number]


@app.get("/live", hidden=True)
async def live() -> None:
    """Tell that the program runs; hidden from readers of the document."""


if __name__ == "__main__":
    trio.run(app.serve)
