"""What an app that speaks to its answer leaves behind: nothing, whenever it returns."""

import gc
from collections import Counter

import pytest
import trio
from trio.testing import MockClock

from hump_trio import Begin, Hump, StreamResponse
from hump_trio import Send as SendPart
from hump_trio.asgi import Asgi
from hump_trio.testing.memory_listener import running
from hump_trio.transports.memory import WINDOW_BYTES
from tests.support.asgi_apps import Receive, Scope, Send, answer, part, start
from tests.support.wire import request

OURS = {"Request", "Response", "Exchange", "Connection", "Lane", "Clock", "HttpCall", "frame"}


async def at_once(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer in one call."""
    await receive()
    await answer(send)


async def in_parts(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer in two."""
    await send(start())
    await send(part(b"a pot of ", more=True))
    await send(part(b"tea"))


async def behind(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer, and work on."""
    await answer(send)
    await trio.sleep(1)


async def mistaken(scope: Scope, receive: Receive, send: Send) -> None:
    """Start with what is no status."""
    await send(start("200"))


async def refused(scope: Scope, receive: Receive, send: Send) -> None:
    """Receive more than is allowed."""
    await receive()


@pytest.mark.parametrize(
    "name", ["at_once", "in_parts", "behind", "mistaken", "refused", "produced"]
)
async def test_nothing_is_left_to_the_garbage_collector(
    name: str, autojump_clock: MockClock
) -> None:
    """A request goes at once with all it held, and so does its connection."""
    app = Hump()
    for each in (at_once, in_parts, behind, mistaken, refused):
        limit = 1 if each is refused else None
        app.mount(f"/{each.__name__}", Asgi(each, lifespan="off", body_limit=limit))

    @app.get("/produced")
    async def produced() -> StreamResponse:
        async def produce(send: SendPart, begin: Begin) -> None:
            begin(200)
            await send("tea")

        return StreamResponse(produce)

    sent = request("GET", f"/{name}", "Connection: close")
    if name == "refused":
        sent = request("POST", "/refused", "Transfer-Encoding: chunked") + b"2\r\nab\r\n0\r\n\r\n"
    async with running(app) as listener:

        async def visit() -> None:
            client = listener.connect(WINDOW_BYTES)
            await client.send_all(sent)
            while await client.receive_some():
                pass
            client.close()
            await trio.sleep(2)

        await visit()
        gc.collect()
        gc.disable()
        gc.set_debug(gc.DEBUG_SAVEALL)
        try:
            await visit()
            gc.collect()
            left = Counter(type(each).__name__ for each in gc.garbage)
        finally:
            gc.set_debug(0)
            gc.garbage.clear()
            gc.enable()
    assert not left.keys() & OURS
