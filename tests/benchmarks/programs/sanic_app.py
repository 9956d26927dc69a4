"""Sanic with its own server, which takes uvloop and ujson where they are installed."""

import sys

from sanic import HTTPResponse, Request, Sanic, json, raw, text

CHUNK = bytes(64 * 1024)

app = Sanic("benchmark", configure_logging=False)


@app.get("/")
async def hello(request: Request) -> HTTPResponse:
    """Answer with text."""
    return text("Hello, world!")


@app.get("/items/<number:int>")
async def item(request: Request, number: int) -> HTTPResponse:
    """Answer with JSON, from the path and the query."""
    return json({"id": number, "q": request.args.get("q")})


@app.post("/orders")
async def order(request: Request) -> HTTPResponse:
    """Answer with JSON, from a JSON body."""
    return json({"name": request.json["name"], "tags": len(request.json["tags"])})


@app.post("/echo")
async def echo(request: Request) -> HTTPResponse:
    """Answer with the body."""
    return raw(request.body)


@app.get("/download")
async def download(request: Request) -> None:
    """Stream 1 GiB."""
    answer = await request.respond(content_type="application/octet-stream")
    for _ in range(16 * 1024):
        await answer.send(CHUNK)


if __name__ == "__main__":
    app.run("127.0.0.1", int(sys.argv[1]), single_process=True, access_log=False, motd=False)
