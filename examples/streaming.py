"""Bodies in parts: an upload that is never held whole, a download as it is made, and an echo.

A handler with `yield` is the answer's body. It is closed by the server when its client has gone.

Try: curl -N http://localhost:8342/countdown
     curl -T README.md http://localhost:8342/checksum
"""

from collections.abc import AsyncIterator
from hashlib import sha256

import trio

from hump_trio import Hump, Request

app = Hump("", 8342)


@app.put("/checksum", stream=True, body_limit=None, timeout=None)
async def checksum(request: Request) -> dict[str, str]:
    digest = sha256()
    async for part in request.stream:
        digest.update(part)
    return {"sha256": digest.hexdigest()}


@app.get("/countdown")
async def countdown() -> AsyncIterator[str]:
    for number in range(3, 0, -1):
        yield f"{number}\n"
        await trio.sleep(1)
    yield "lift-off\n"


@app.post("/echo", stream=True, body_limit=None)
async def echo(request: Request) -> AsyncIterator[bytes]:
    async for part in request.stream:
        yield part


if __name__ == "__main__":
    trio.run(app.serve)
