"""A server as one task of a larger Trio program, which goes on where the server has ended.

`nursery.start` returns when connections are accepted. Signals belong to the program, unless it
gives them to the server, as here: Ctrl-C and SIGTERM then shut it down gracefully.

Try: curl http://localhost:8342/; curl -X POST http://localhost:8342/stop
"""

from functools import partial

import trio

from hump_trio import Hump

app = Hump("", 8342)
ticks: list[float] = []


@app.get("/")
async def index() -> dict[str, int]:
    return {"ticks": len(ticks)}


@app.post("/stop")
async def stop() -> None:
    app.shutdown()


async def tick() -> None:
    while True:
        ticks.append(trio.current_time())
        await trio.sleep(1)


async def main() -> None:
    async with trio.open_nursery() as others:
        others.start_soon(tick)
        async with trio.open_nursery() as serving:
            print("serving at", *await serving.start(partial(app.serve, signals=True)))
        others.cancel_scope.cancel()  # every request is answered: nobody needs the ticks


if __name__ == "__main__":
    trio.run(main)
