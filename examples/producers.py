"""Answers sent by a function: it may open nurseries, waits for its reader, and can say goodbye.

Unlike a generator, a producer is an ordinary function. Everything it starts ends with it, and it
ends with its client.

Try: curl -N http://localhost:8342/race
     curl -N http://localhost:8342/clock  # then press Ctrl-C where the server runs
"""

import trio

from hump_trio import Hump, Request, Send, StreamResponse

app = Hump("", 8342)


@app.get("/race")
async def race() -> StreamResponse:
    async def run(send: Send, name: str, seconds: float) -> None:
        for step in range(1, 4):
            await trio.sleep(seconds)
            await send(f"{name} {step}\n")

    async def produce(send: Send) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(run, send, "hare", 0.2)
            nursery.start_soon(run, send, "tortoise", 0.5)

    return StreamResponse(produce)


@app.get("/clock")
async def clock(request: Request) -> StreamResponse:
    async def tick(send: Send) -> None:
        while True:
            await send("tick\n")
            await trio.sleep(1)

    async def produce(send: Send) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(tick, send)
            await request.wait_draining()
            nursery.cancel_scope.cancel()
        await send("goodbye\n")

    return StreamResponse(produce, headers={"content-type": "text/plain"})


if __name__ == "__main__":
    trio.run(app.serve)
