"""A mistake of the guide's first chapter: a handler that isn't async. The program ends at once.

Write `async def`, and it serves. Try: curl http://localhost:8342/
"""

import trio

from hump_trio import Hump

app = Hump("", 8342)


@app.get("/")
def welcome() -> str:
    return "Welcome to the tea shop!\n"


if __name__ == "__main__":
    trio.run(app.serve)
