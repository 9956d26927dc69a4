"""A server as one task of a larger Trio program, which decides when it begins and ends.

`nursery.start` returns when connections are accepted. Signals belong to the program then: Ctrl-C
is a KeyboardInterrupt, as in any Trio program.

Try: curl http://localhost:8342/; curl -X POST http://localhost:8342/stop
"""

import trio

from hump_trio import Hump

app = Hump("", 8342)
ticks: list[float] = []
enough = trio.Event()


@app.get("/")
async def index() -> dict[str, int]:
    return {"ticks": len(ticks)}


@app.post("/stop")
async def stop() -> None:
    enough.set()


async def tick() -> None:
    while True:
        ticks.append(trio.current_time())
        await trio.sleep(1)


async def main() -> None:
    async with trio.open_nursery() as others:
        others.start_soon(tick)
        async with trio.open_nursery() as serving:
            print("serving at", *await serving.start(app.serve))
            await enough.wait()
            app.shutdown()
        others.cancel_scope.cancel()  # every request is answered: nobody needs the ticks


if __name__ == "__main__":
    trio.run(main)
