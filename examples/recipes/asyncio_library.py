"""Any library for asyncio in handlers on Trio, such as aiohttp's client, by trio-asyncio.

The lifespan encloses every connection, and its context variables reach all handlers: an asyncio
loop that is opened there is there for all of them. A deadline, and a client who leaves, cancel what
goes on in asyncio as well. What the library raises arrives as it is: an upstream that is away or
breaks off is a 502 here. It needs ``trio-asyncio`` and ``aiohttp``.

Try: python -m http.server 8000 --directory examples
     curl http://localhost:8342/hello.py
"""

# trio-asyncio has no types.
# pyright: basic

import os
from collections.abc import AsyncIterator

import aiohttp
import trio
import trio_asyncio
from trio_asyncio import aio_as_trio

from hump_trio import HttpException, Hump, Request, Response, statuses

UPSTREAM = os.environ.get("UPSTREAM", "http://127.0.0.1:8000")

app: Hump[aiohttp.ClientSession] = Hump("", 8342)


@app.lifespan
async def lifespan(app: Hump[aiohttp.ClientSession]) -> AsyncIterator[aiohttp.ClientSession]:
    async with trio_asyncio.open_loop(), aio_as_trio(aiohttp.ClientSession(UPSTREAM)) as session:
        yield session


async def fetch(path: str) -> tuple[int, bytes]:
    """Get something from the upstream: asyncio's own code, which knows nothing of Trio."""
    async with app.state.get(f"/{path}") as answer:
        return answer.status, await answer.read()


@app.exception_handler(aiohttp.ClientError)
async def answer_bad_gateway(request: Request, error: aiohttp.ClientError) -> Response:
    raise HttpException(statuses.BAD_GATEWAY, "the upstream is away, or breaks off") from error


@app.get("/{path:path}", timeout=5)
async def pass_on(path: str) -> Response:
    status, body = await aio_as_trio(fetch)(path)
    return Response(body, status)


if __name__ == "__main__":
    trio.run(app.serve)
