"""The promise: a handler has a time, and everything that it starts ends with it.

A client gets an answer when the time has passed. Where a client leaves, or the server is stopped,
the same tasks end. The log says at which line each of them stood.

Try: curl -i http://localhost:8342/tea
     curl -m 0.5 http://localhost:8342/tea
"""

import trio

from hump_trio import Hump

app = Hump("", 8342)


@app.get("/tea", timeout=2)
async def brew() -> str:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(heat_the_water)
        nursery.start_soon(find_the_leaves)
    return "a cup of tea"


async def heat_the_water() -> None:
    await trio.sleep(1)


async def find_the_leaves() -> None:
    try:
        await trio.sleep(60)  # nobody knows where they are
    finally:
        print("the search is over", flush=True)


if __name__ == "__main__":
    trio.run(app.serve)
