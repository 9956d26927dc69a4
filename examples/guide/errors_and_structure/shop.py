"""The shop itself: what it sells and to whom. It knows nothing of HTTP."""

from dataclasses import dataclass
from typing import Annotated, Literal

from msgspec import Meta

Kind = Literal["black", "green"]
Cups = Annotated[int, Meta(ge=1, le=12)]


class UnknownTeaError(Exception):
    """No such tea is on the menu."""

    def __init__(self, tea: str) -> None:
        super().__init__(f"{tea} is not on the menu")


class SoldOutError(Exception):
    """There are not as many cups left."""

    def __init__(self, tea: str, left: int) -> None:
        super().__init__(f"cups of {tea} that are left: {left}")


@dataclass
class Tea:
    name: str
    price: float
    kind: Kind = "black"


@dataclass
class Draft:
    """What a guest sends."""

    tea: str
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


class Shop:
    """A menu, what is left of it, and the orders."""

    def __init__(self, cups: int) -> None:
        self.menu = {"assam": Tea("Assam", 3.0), "sencha": Tea("Sencha", 4.5, "green")}
        self.left = dict.fromkeys(self.menu, cups)
        self.orders: list[KeptOrder] = []

    def take(self, draft: Draft) -> KeptOrder:
        """Take an order, if it can be served."""
        if draft.tea not in self.menu:
            raise UnknownTeaError(draft.tea)
        if draft.cups > self.left[draft.tea]:
            raise SoldOutError(draft.tea, self.left[draft.tea])
        self.left[draft.tea] -= draft.cups
        order = KeptOrder(len(self.orders) + 1, draft.tea, draft.cups, draft.phone)
        self.orders.append(order)
        return order
