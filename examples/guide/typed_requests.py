"""The guide's second program: a menu and orders as dataclasses, checked before a handler runs.

Try: curl 'http://localhost:8342/menu?kind=green'
     curl http://localhost:8342/orders --json '{"tea": "sencha", "cups": 2, "phone": "555-0142"}'
     curl http://localhost:8342/orders/1; then http://localhost:8342/docs in a browser
"""

from dataclasses import dataclass
from typing import Annotated, Literal

import trio
from msgspec import Meta

from hump_trio import Body, HttpException, Hump, RedirectResponse

Kind = Literal["black", "green"]
Cups = Annotated[int, Meta(ge=1, le=12)]


@dataclass
class Tea:
    name: str
    price: float
    kind: Kind = "black"


@dataclass
class Draft:
    """What a guest sends."""

    tea: Literal["assam", "sencha"]
    cups: Cups = 1
    phone: str = ""


@dataclass
class Order:
    """What everybody may see of an order."""

    number: int
    tea: str
    cups: int


@dataclass
class KeptOrder(Order):
    """What the shop keeps of it."""

    phone: str


menu = {"assam": Tea("Assam", 3.0), "sencha": Tea("Sencha", 4.5, "green")}
orders: list[KeptOrder] = []

app = Hump("", 8342)
app.openapi(title="Tea shop", version="1.0")


@app.get("/menu")
async def show_menu(kind: Kind | None = None, limit: int = 10) -> list[Tea]:
    """List the teas."""
    return [tea for tea in menu.values() if kind in (None, tea.kind)][:limit]


def keep(draft: Draft) -> KeptOrder:
    order = KeptOrder(len(orders) + 1, draft.tea, draft.cups, draft.phone)
    orders.append(order)
    return order


@app.post("/orders")
async def take_order(draft: Draft) -> Order:
    """Order some cups of a tea."""
    return keep(draft)


@app.get("/orders/{number}", raises=[404])
async def show_order(number: int) -> Order:
    """Show an order."""
    if not 1 <= number <= len(orders):
        raise HttpException(404, f"there is no order {number}")
    return orders[number - 1]


@app.post("/counter", returns={303: None})
async def take_form(draft: Annotated[Draft, Body(form=True)]) -> RedirectResponse:
    """Order by the form of a page."""
    return RedirectResponse(app.url_for("show_order", number=keep(draft).number))


if __name__ == "__main__":
    trio.run(app.serve)
