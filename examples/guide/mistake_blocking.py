"""A mistake of the guide's fourth chapter: a handler that waits without `await`.

Try: hump-trio --warn-blocking 0.2 examples.guide.mistake_blocking:app
     curl http://localhost:8342/matcha
"""

import time

import trio

from hump_trio import Hump

app = Hump("", 8342)


def grind(seconds: float) -> str:
    time.sleep(seconds)
    return "matcha\n"


@app.get("/matcha", timeout=0.5)
async def make_matcha() -> str:
    return grind(1)


if __name__ == "__main__":
    trio.run(app.serve)
