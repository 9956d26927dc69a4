"""An app for tests of the test clients."""

from collections.abc import AsyncIterator

import trio

from hump_trio import Hump, Request


def new_app() -> Hump:
    """Return an app that answers, streams and breaks off."""
    app = Hump()

    @app.get("/")
    async def index(request: Request) -> str:
        return request.host

    @app.post("/")
    async def echo(request: Request) -> bytes:
        return request.body

    @app.get("/ticks")
    async def ticks() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b"tick"
            await trio.sleep(10)

    @app.get("/broken")
    async def broken() -> AsyncIterator[bytes]:
        yield b"begun"
        await trio.sleep(1)
        raise ValueError

    return app
