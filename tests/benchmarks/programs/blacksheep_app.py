"""BlackSheep on uvicorn."""

from blacksheep import Application, Content, Request, Response, get, json, post, text

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


@post("/echo")
async def echo(request: Request) -> Response:
    """Answer with the body."""
    return Response(200, content=Content(b"application/octet-stream", await request.read() or b""))


if __name__ == "__main__":
    serve(app)
