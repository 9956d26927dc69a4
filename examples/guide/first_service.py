"""The guide's first program: a tea shop that says what it is.

Try: curl http://localhost:8342/; curl http://localhost:8342/menu
"""

import trio

from hump_trio import Hump

app = Hump("", 8342)


@app.get("/")
async def welcome() -> str:
    return "Welcome to the tea shop!\n"


@app.get("/menu")
async def menu() -> dict[str, float]:
    return {"Assam": 3.0, "Sencha": 4.5}


if __name__ == "__main__":
    trio.run(app.serve)
