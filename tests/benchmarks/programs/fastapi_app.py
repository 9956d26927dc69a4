"""FastAPI on uvicorn, with models in and out: its documentation calls these its fastest JSON."""

from fastapi import FastAPI, Request, Response
from fastapi.responses import PlainTextResponse
from pydantic import BaseModel

from tests.benchmarks.programs.on_uvicorn import serve

app = FastAPI()


class Item(BaseModel):
    """What is answered from the path and the query."""

    id: int
    q: str


class Order(BaseModel):
    """What is posted."""

    name: str
    price: float
    tags: list[str]


class Receipt(BaseModel):
    """What is answered to an order."""

    name: str
    tags: int


@app.get("/", response_class=PlainTextResponse)
async def hello() -> str:
    """Answer with text."""
    return "Hello, world!"


@app.get("/items/{number}")
@app.get("/teas/{number}")
async def item(number: int, q: str) -> Item:
    """Answer with JSON, from the path and the query."""
    return Item(id=number, q=q)


@app.post("/orders")
@app.post("/teas")
async def order(posted: Order) -> Receipt:
    """Answer with JSON, from a JSON body whose type is checked."""
    return Receipt(name=posted.name, tags=len(posted.tags))


class Line(BaseModel):
    """One of a basket."""

    item: str
    price: float
    count: int


class Basket(BaseModel):
    """What is posted, lines and all."""

    customer: str
    lines: list[Line]


class Bill(BaseModel):
    """What is answered to a basket."""

    customer: str
    total: float
    items: list[str]


@app.post("/baskets")
async def basket(posted: Basket) -> Bill:
    """Answer a model with a model."""
    total = sum(line.price * line.count for line in posted.lines)
    return Bill(customer=posted.customer, total=total, items=[line.item for line in posted.lines])


@app.post("/echo")
async def echo(request: Request) -> Response:
    """Answer with the body."""
    return Response(await request.body(), media_type="application/octet-stream")


if __name__ == "__main__":
    serve(app)
