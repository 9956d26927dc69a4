"""Litestar on uvicorn: dataclasses in and out, which it gives to msgspec as well."""

from dataclasses import dataclass

from litestar import Litestar, MediaType, get, post

from tests.benchmarks.programs.on_uvicorn import serve


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


@get("/", media_type=MediaType.TEXT)
async def hello() -> str:
    """Answer with text."""
    return "Hello, world!"


@post("/baskets", status_code=200)
async def basket(data: Basket) -> Bill:
    """Answer a model with a model."""
    total = sum([line.price * line.count for line in data.lines])
    return Bill(data.customer, total, [line.item for line in data.lines])


app = Litestar([hello, basket], openapi_config=None)

if __name__ == "__main__":
    serve(app)
