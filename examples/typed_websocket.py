"""A typed WebSocket: tagged classes both ways, mistakes that are answered, and tasks that send.

A message that is no `Watch` and no `Forget` is a `BindingError`; here it is told to the client, and
the WebSocket stays open. Each tea that is watched has a task of its own, which sends while the
handler receives. When the client has closed, `receive` raises `WebSocketClosed`, which ends the
nursery and all its tasks.

Try: curl -i http://localhost:8342/prices  # 426: it is a WebSocket
     and in the console of a browser at http://localhost:8342/
     socket = new WebSocket("ws://localhost:8342/prices")
     socket.onmessage = event => console.log(event.data)
     socket.send('{"type": "Watch", "tea": "Assam", "seconds": 2}')
     socket.send('{"type": "Watch", "tea": "Assam", "seconds": "two"}')
     socket.send('{"type": "Forget", "tea": "Assam"}')
"""

from typing import Annotated

import trio
from msgspec import Meta, Struct

from hump_trio import BindingError, Hump, WebSocket

app = Hump("", 8342)
prices = {"Assam": 3.0, "Sencha": 6.0}


class Watch(Struct, tag=True):
    """Tell the price of a tea, now and every so many seconds."""

    tea: str
    seconds: Annotated[float, Meta(ge=0.1)] = 1.0


class Forget(Struct, tag=True):
    """Tell the price no more."""

    tea: str


class Price(Struct, tag=True):
    tea: str
    price: float


class Mistake(Struct, tag=True):
    detail: str


@app.get("/")
async def index() -> str:
    return "the WebSocket is at /prices\n"


@app.websocket("/prices")
async def follow(ws: WebSocket[Watch | Forget, Price | Mistake]) -> None:
    watches: dict[str, trio.CancelScope] = {}

    async def tell(order: Watch, scope: trio.CancelScope) -> None:
        with scope:
            while True:
                await ws.send(Price(order.tea, prices[order.tea]))
                await trio.sleep(order.seconds)

    def forget(tea: str) -> None:
        if tea in watches:
            watches.pop(tea).cancel()

    async with trio.open_nursery() as nursery:
        while True:
            try:
                order = await ws.receive()
            except BindingError as error:
                await ws.send(Mistake(error.detail))
                continue
            if order.tea not in prices:
                await ws.send(Mistake(f"there is no tea {order.tea}"))
                continue
            forget(order.tea)
            if isinstance(order, Watch):
                watches[order.tea] = scope = trio.CancelScope()
                nursery.start_soon(tell, order, scope)


if __name__ == "__main__":
    trio.run(app.serve)
