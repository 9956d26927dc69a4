"""hump_trio with every default: limits, deadlines, watchdog."""

import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass

import trio

from hump_trio import TLS, EventStream, Hump, Request, Topic, WebSocket
from tests.benchmarks.programs.files import write_files

CHUNK = bytes(64 * 1024)

app = Hump("127.0.0.1")
app.static("/files", write_files())
feed: Topic[str] = Topic()
news: Topic[str] = Topic()


@dataclass
class Order:
    """What is posted."""

    name: str
    price: float
    tags: list[str]


@app.get("/")
async def hello(request: Request) -> str:
    """Answer with text."""
    return "Hello, world!"


@app.get("/greetings/{number:int}")
async def greeting(number: int) -> str:
    """Answer with text, whatever the number is."""
    return "Hello, world!"


@app.get("/waits")
async def wait_once() -> str:
    """Answer with text, after others have had their turn."""
    await trio.lowlevel.checkpoint()
    return "Hello, world!"


@app.get("/items/{number:int}")
async def item(number: int, request: Request) -> dict[str, int | str]:
    """Answer with JSON, from the path and the query."""
    return {"id": number, "q": request.query["q"]}


@app.post("/orders")
async def order(request: Request) -> dict[str, str | int]:
    """Answer with JSON, from a JSON body whose type is checked."""
    posted = request.json(Order)
    return {"name": posted.name, "tags": len(posted.tags)}


@app.get("/teas/{number}")
async def tea(number: int, q: str) -> dict[str, int | str]:
    """Answer with JSON, from the path and the query as they are typed."""
    return {"id": number, "q": q}


@app.post("/teas")
async def add_tea(posted: Order) -> dict[str, str | int]:
    """Answer with JSON, from a JSON body that is passed as it is typed."""
    return {"name": posted.name, "tags": len(posted.tags)}


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


@app.post("/baskets")
async def basket(posted: Basket) -> Bill:
    """Answer a model with a model."""
    total = sum([line.price * line.count for line in posted.lines])
    return Bill(posted.customer, total, [line.item for line in posted.lines])


@app.post("/echo")
async def echo(request: Request) -> bytes:
    """Answer with the body."""
    return request.body


@app.get("/download")
async def download() -> AsyncIterator[bytes]:
    """Stream 1 GiB."""
    for _ in range(16 * 1024):
        yield CHUNK


@app.get("/events")
async def follow() -> EventStream:
    """Send events of what is published."""
    return EventStream(news.listen())


@app.post("/events")
async def announce(request: Request) -> str:
    """Send an event to all that listen."""
    await news.publish(request.body.decode())
    return "sent"


@app.websocket("/echo")
async def echo_messages(ws: WebSocket) -> None:
    """Send each message back."""
    async for message in ws:
        await ws.send(message)


@app.websocket("/feed")
async def listen(ws: WebSocket) -> None:
    """Send what is published."""
    async with feed.subscribe(ws):
        async for _ in ws:
            pass


@app.websocket("/publish")
async def publish(ws: WebSocket[str, str]) -> None:
    """Send each message to all that listen."""
    async for message in ws:
        await feed.publish(message)


if __name__ == "__main__":
    app.port = int(sys.argv[1])
    if sys.argv[2:]:
        app.tls = TLS(*sys.argv[2:])
    trio.run(app.serve)
