"""The guide's first service: a tea shop that says what it is.

Try: curl http://localhost:8342/
"""

import trio

from hump_trio import Hump

app = Hump("", 8342)


@app.get("/")
async def welcome() -> str:
    return "Welcome to the tea shop!"


if __name__ == "__main__":
    trio.run(app.serve)
