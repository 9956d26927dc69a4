"""Quart-Trio on Hypercorn, on Trio."""

from quart import Response, request
from quart_trio import QuartTrio

from tests.benchmarks.programs.on_hypercorn import serve

app = QuartTrio(__name__)


@app.get("/")
async def hello() -> Response:
    """Answer with text."""
    return Response("Hello, world!", content_type="text/plain; charset=utf-8")


@app.get("/items/<int:number>")
async def item(number: int) -> dict[str, int | str]:
    """Answer with JSON, from the path and the query."""
    return {"id": number, "q": request.args["q"]}


@app.post("/orders")
async def order() -> dict[str, str | int]:
    """Answer with JSON, from a JSON body."""
    posted = await request.get_json()
    return {"name": posted["name"], "tags": len(posted["tags"])}


@app.post("/echo")
async def echo() -> Response:
    """Answer with the body."""
    return Response(await request.get_data(), content_type="application/octet-stream")


if __name__ == "__main__":
    serve(app)
