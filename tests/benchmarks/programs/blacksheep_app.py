"""BlackSheep on uvicorn."""

from dataclasses import dataclass

from blacksheep import Application, Content, FromJSON, Request, Response, get, json, post, text

from tests.benchmarks.programs.on_uvicorn import serve

app = Application()


@get("/")
async def hello() -> Response:
    """Answer with text."""
    return text("Hello, world!")


@get("/items/{int:number}")
async def item(number: int, q: str) -> Response:
    """Answer with JSON, from the path and the query."""
    return json({"id": number, "q": q})


@post("/orders")
async def order(request: Request) -> Response:
    """Answer with JSON, from a JSON body."""
    posted = await request.json()
    return json({"name": posted["name"], "tags": len(posted["tags"])})


@dataclass
class Line:
    """One of a basket."""

    item: str
    price: float
    count: int


@dataclass
class Basket:
    """What is posted, lines and all."""

    customer: str
    lines: list[Line]


@dataclass
class Bill:
    """What is answered to a basket."""

    customer: str
    total: float
    items: list[str]


@post("/baskets")
async def basket(posted: FromJSON[Basket]) -> Bill:
    """Answer a model with a model."""
    value = posted.value
    total = sum([line.price * line.count for line in value.lines])
    return Bill(value.customer, total, [line.item for line in value.lines])


@post("/echo")
async def echo(request: Request) -> Response:
    """Answer with the body."""
    return Response(200, content=Content(b"application/octet-stream", await request.read() or b""))


if __name__ == "__main__":
    serve(app)
