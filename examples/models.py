"""Models of pydantic's and attrs' where a class with fields may be: bodies, queries, answers.

What pydantic refuses is answered with the places that every body has. It takes the extra
``pydantic``; attrs is there already, since Trio needs it.

Try: curl -i http://localhost:8342/orders --json '{"lines": [{"tea": "Assam", "grams": 0}]}'
Try: curl -i http://localhost:8342/orders --json '{"lines": [{"tea": "Assam", "grams": 50}]}'
Try: curl 'http://localhost:8342/orders?minimum=100'
Try: curl -i http://localhost:8342/tasters --json '{"name": "ann"}'
"""

from typing import Annotated, Literal
from uuid import UUID, uuid4

import attrs
import trio
from msgspec import Meta
from pydantic import BaseModel, ConfigDict, Field

from hump_trio import Hump, JsonResponse, Query

app = Hump("", 8342)
app.openapi(title="Orders", version="1.0")


class Model(BaseModel):
    """What all models here have in common: a text is no number, and no field too many is sent."""

    model_config = ConfigDict(strict=True, extra="forbid")


class Line(Model):
    tea: str = Field(min_length=1, max_length=40)
    grams: int = Field(ge=1, le=10_000)


class Collected(Model):
    """The order is fetched."""

    by: Literal["hand"]


class Sent(Model):
    """The order is sent to an address."""

    by: Literal["post"]
    address: str = Field(min_length=1, max_length=200)


class NewOrder(Model):
    lines: list[Line] = Field(min_length=1, max_length=100)
    delivery: Annotated[Collected | Sent, Field(discriminator="by")] = Collected(by="hand")


class Order(NewOrder):
    id: UUID


class StoredOrder(Order):
    """What isn't for clients is in a child: the annotation of the answer keeps it back."""

    margin: float


class Search(BaseModel):
    minimum: int = Field(default=0, ge=0, description="The least grams of an order.")


def titled(name: Annotated[str, Meta(max_length=40)]) -> str:
    return name.title()


@attrs.frozen
class Taster:
    """A class of attrs': its constructor runs, with converters, validators and factories."""

    name: str = attrs.field(converter=titled)
    teas: list[str] = attrs.Factory(list[str])
    cups: int = attrs.field(default=0, init=False)


orders: list[StoredOrder] = []


@app.post("/orders", returns={201: Order})
async def order(new: NewOrder) -> JsonResponse:
    made = StoredOrder(lines=new.lines, delivery=new.delivery, id=uuid4(), margin=0.4)
    orders.append(made)
    return JsonResponse(made.model_dump(mode="json", exclude={"margin"}), 201)


@app.get("/orders")
async def search(wanted: Annotated[Search, Query()]) -> list[Order]:
    return [each for each in orders if sum(line.grams for line in each.lines) >= wanted.minimum]


@app.post("/tasters")
async def taste(taster: Taster) -> Taster:
    return taster


if __name__ == "__main__":
    trio.run(app.serve)
