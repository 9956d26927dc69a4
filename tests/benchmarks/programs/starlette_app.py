"""Starlette on uvicorn, with event streams of sse-starlette."""

import asyncio
from collections.abc import AsyncIterator

from sse_starlette import EventSourceResponse
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from tests.benchmarks.programs.on_uvicorn import serve
from tests.benchmarks.programs.starlette_routes import app

queues: set[asyncio.Queue[str]] = set()


async def events_of(queue: asyncio.Queue[str]) -> AsyncIterator[str]:
    """Yield what is put into a queue."""
    queues.add(queue)
    try:
        while True:
            yield await queue.get()
    finally:
        queues.remove(queue)


async def follow(request: Request) -> Response:
    """Send events of what is published."""
    return EventSourceResponse(events_of(asyncio.Queue()))


async def announce(request: Request) -> Response:
    """Send an event to all that listen."""
    text = (await request.body()).decode()
    for queue in queues:
        queue.put_nowait(text)
    return PlainTextResponse("sent")


app.routes.extend(
    [Route("/events", follow), Route("/events", announce, methods=["POST"])],
)

if __name__ == "__main__":
    serve(app)
