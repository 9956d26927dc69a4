"""Middleware: a function around every handler; the first one registered is outermost.

It sees the answers to errors too (404, 405, whatever a handler raised that has an answer).

Try: curl -i http://localhost:8342/ -H 'X-Request-Id: tea-1'
"""

from uuid import uuid4

import trio

from hump_trio import CallNext, Hump, Request, Response

app = Hump("", 8342)


@app.middleware
async def measure(request: Request, call_next: CallNext) -> Response:
    started = trio.current_time()
    response = await call_next(request)
    milliseconds = (trio.current_time() - started) * 1000
    response.headers["server-timing"] = f"app;dur={milliseconds:.1f}"
    return response


@app.middleware
async def name(request: Request, call_next: CallNext) -> Response:
    request.state["id"] = request.headers.get("x-request-id", uuid4().hex)
    response = await call_next(request)
    response.headers["x-request-id"] = request.state["id"]
    return response


@app.get("/")
async def index(request: Request) -> str:
    await trio.sleep(0.1)
    return f"this is request {request.state['id']}"


if __name__ == "__main__":
    trio.run(app.serve)
